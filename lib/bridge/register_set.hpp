#pragma once

#include "bridge/profile.hpp"
#include "charger/charger.hpp"
#include "common/limits.hpp"
#include "modbus/frame.hpp"

namespace bridge {

/// What one request reads: neighbouring rows of a profile, or one element of a row that does not fit one request.
struct ReadBlock {
  uint8_t first_row = 0;
  uint8_t rows = 0;
  uint8_t element = 0;   ///< First element of a row that is read in parts.
  bool is_part = false;  ///< Only that element.
  uint16_t lead = 0;     ///< Registers before the first row's address.
  uint16_t count = 0;    ///< Registers or bits, lead included.
};

/// The registers of one device, as its profile describes them: which of them the device has, how they are read in few
/// requests, what the answers mean, and what of that has been seen last (for the profile's conditions).
///
/// @par Memory  No heap; about 200 bytes.
class RegisterSet {
 public:
  /// Where next_block() goes on.
  struct Cursor {
    uint8_t row = 0;
    uint8_t element = 0;
  };
  static constexpr size_t kPhases = 3;
  /// One row's value: as many elements as it has, in the unit of its meaning.
  struct Values {
    int64_t value[kPhases] = {};
    uint8_t count = 0;  ///< 0: not complete yet, or not available.
  };

  /// @param profile  Must outlive this. @param outlet  1..profile.outlets
  void configure(const Profile& profile, uint8_t outlet);
  /// The device is asked afresh: forgets what it refused.
  void forget_refusals();
  /// Forgets what was read: no condition holds.
  void forget_values() { watched_known_ = 0; }

  const Profile& profile() const { return *profile_; }
  const RegisterRow& row(uint8_t index) const { return profile_->registers[index]; }
  uint8_t size() const { return static_cast<uint8_t>(profile_->registers.size()); }

  // --- what there is

  /// @param layout  From the row with Meaning::kLayoutVersion; 0 = not read.
  void set_layout(uint16_t layout) { layout_ = layout; }
  uint16_t layout() const { return layout_; }
  /// Decides about rows and scales that depend on values read at start-up.
  void apply_gates();
  bool exists(uint8_t row) const;
  /// Exists and has not been refused.
  bool is_usable(uint8_t row) const;
  /// Usable, and no better row of its meaning is.
  bool is_needed(uint8_t row) const;
  /// @return kNoRegister when there is none.
  uint8_t find(Meaning meaning) const;
  bool has(Meaning meaning) const { return find(meaning) != kNoRegister; }
  /// Whether a usable row with one element has the meaning.
  bool has_total(Meaning meaning) const;
  void refuse(uint8_t row) { refused_ |= bit(row); }
  bool has_refusals() const { return refused_ != 0; }
  /// The rows of this block must be read alone from now on.
  void read_alone(const ReadBlock& block);

  // --- requests

  /// The whole row, or its first element when it is read in parts.
  ReadBlock single(uint8_t row) const;
  /// The next rows of these poll classes, with the neighbours that one request can read along. Rows that nobody needs are
  /// read along too where they lie between two that are. Moves the cursor behind them.
  bool next_block(Poll poll, Poll or_poll, Cursor& cursor, ReadBlock& out) const;
  modbus::Request read_request(const ReadBlock& block) const;
  /// @param bits  Raw value; of a float row its bits as a 32-bit float.
  modbus::Request write_request(uint8_t row, uint8_t element, uint64_t bits) const;

  // --- values

  /// Raw bits of one element of a row in a block's answer; a text: its first two characters.
  uint64_t raw(uint8_t row, common::ByteSpan payload, const ReadBlock& block,
               uint8_t element = 0) const;
  /// The answer's value of a row in the unit of its meaning; notes what conditions look at. A row in parts is complete with
  /// its last element.
  Values read(uint8_t row, common::ByteSpan payload, const ReadBlock& block);
  /// A text as its bytes: ASCII trimmed, UTF-16 without its upper bytes, hex as it is. @return Bytes.
  size_t text(uint8_t row, common::ByteSpan payload, const ReadBlock& block,
              common::MutableByteSpan out) const;
  /// A number 1..255 of what a row holds, the same for the same text or number.
  uint8_t mark(uint8_t row, common::ByteSpan payload, const ReadBlock& block) const;
  bool holds(const When& when) const;
  /// Whether every value that the conditions look at has been read.
  bool is_known(const When& when) const;
  /// @return The last value of a row that conditions look at; 0 when it was not read.
  uint32_t watched(uint8_t row) const;
  /// @return Value that the first condition looks at; 0 when there is none.
  uint32_t first_value(const When& when) const;

  /// Raw bits to write for a value in the unit of the row's meaning, rounded down; see write_request().
  uint64_t to_raw(uint8_t row, int64_t value) const;
  /// The reverse. @param bits  As raw() gives them.
  int64_t to_value(uint8_t row, uint64_t bits) const;
  /// The part of a row's raw bits that its value is in.
  uint64_t masked(uint8_t row, uint64_t bits) const;
  /// As to_value(), of bits as write_request() takes them.
  int64_t written_value(uint8_t row, uint64_t bits) const;
  /// By what a raw value is multiplied: the scale that holds on this device.
  void scale(uint8_t row, int64_t& num, int64_t& den) const;

 private:
  static uint64_t bit(uint8_t row) { return uint64_t{1} << row; }
  uint16_t address(const RegisterRow& reg) const;
  modbus::Function read_function_of(const RegisterRow& reg) const;
  const ExtraRow* extra(uint8_t row, ExtraKind kind) const;
  bool can_join(uint8_t row, const ReadBlock& block, uint32_t end) const;
  uint64_t raw_at(const RegisterRow& reg, common::ByteSpan payload, size_t offset) const;
  bool to_number(uint8_t row, uint64_t bits, int64_t& out) const;
  void note(uint8_t row, uint64_t bits);

  const Profile* profile_ = nullptr;
  uint16_t address_offset_ = 0;
  uint16_t layout_ = 0;
  uint64_t refused_ = 0;      ///< Bit per row that the device answered with an exception.
  uint64_t alone_ = 0;        ///< Bit per row that must be read alone.
  uint64_t absent_ = 0;       ///< Bit per row whose conditions do not hold.
  uint64_t variant_low_ = 0;  ///< Two bits per row: which variant holds, 0 = none.
  uint64_t variant_high_ = 0;
  uint32_t watched_[limits::kMaxWatchedValues] = {};
  uint16_t watched_known_ = 0;
  int64_t parts_[kPhases] = {};
  uint8_t parts_known_ = 0;
  uint8_t parts_row_ = 0;
};

}  // namespace bridge
