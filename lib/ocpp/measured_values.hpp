#pragma once

#include "common/span.hpp"
#include "ocpp/measurand.hpp"

namespace ocpp {

/// One reading as it will be reported: measurand, phase and number of each value, in order. Numbers
/// are whole multiples of the last decimal that goes out (see decimals()), so a message made of them
/// is the same whatever is configured or built in later.
///
/// Kept as the bytes that lie on flash: for each value MeasurandChoice::code(), then the number,
/// zigzag, seven bits per byte, low ones first, the top bit set on all but the last.
class MeasuredValues {
 public:
  /// Room for a full list of measurands, two of them for each of three phases, four of them energy
  /// registers: at most 9 and 6 bytes each.
  static constexpr size_t kMaxBytes = 112;

  struct Value {
    MeasurandChoice choice;
    int64_t number = 0;
  };

  bool empty() const { return size_ == 0; }
  void clear() { size_ = 0; }
  /// @return false when full; unchanged then.
  bool add(MeasurandChoice choice, int64_t number);
  /// Reads the value at offset and moves offset behind it. @return false at the end.
  bool next(size_t& offset, Value& out) const;
  /// @return false when there is none of this measurand and phase.
  bool find(MeasurandChoice choice, int64_t& number) const;

  common::ByteSpan bytes() const { return common::ByteSpan(bytes_, size_); }
  /// @return false when these are too many bytes; unchanged then.
  bool assign(common::ByteSpan bytes);

 private:
  uint8_t size_ = 0;
  uint8_t bytes_[kMaxBytes];
};

}  // namespace ocpp
