#pragma once

#include "common/span.hpp"
#include "common/time.hpp"

namespace gateway {

/// Frames of the Improv Wi-Fi serial protocol, version 1, between the characters of a console:
/// "IMPROV", version, type, length, data, sum of all bytes before. Knows no meaning of the data.
/// @par Context  Loop thread.
class ImprovFrames {
 public:
  enum class Type : uint8_t { kState = 1, kError = 2, kCommand = 3, kResult = 4 };

  static constexpr size_t kMaxDataBytes = 160;  ///< Longer frames are thrown away.
  static constexpr size_t kOverheadBytes = 10;  ///< Everything but the data.
  static constexpr int64_t kSilenceMs = 1000;   ///< A frame with a longer gap is thrown away.
  static constexpr size_t kMaxHeldBytes = 8;    ///< What feed() gives back at most.

  /// Takes a byte from the line.
  /// @param console  Gets the characters that belong to the console, in order.
  /// @return How many there are; 0 while the byte may be, or is, part of a frame.
  size_t feed(uint8_t byte, common::Instant now, char (&console)[kMaxHeldBytes]);
  /// Whether the byte just fed completed a good frame; type() and data() are its until the next byte.
  bool has_frame() const { return has_frame_; }
  uint8_t type() const { return type_; }
  common::ByteSpan data() const { return common::ByteSpan(data_, length_); }

  /// Writes a frame. @return Its length; data beyond kMaxDataBytes is a programming error.
  static size_t write(Type type, common::ByteSpan data,
                      uint8_t (&out)[kMaxDataBytes + kOverheadBytes]);

 private:
  size_t matched_ = 0;   ///< Bytes of the head seen, then of all before the data.
  size_t received_ = 0;  ///< Bytes of data.
  uint8_t sum_ = 0;
  uint8_t type_ = 0;
  uint8_t length_ = 0;
  bool has_frame_ = false;
  common::Instant last_;
  uint8_t data_[256] = {};
};

}  // namespace gateway
