#pragma once

#include "common/fixed_string.hpp"

#include <cstdint>

namespace bridge {

/// Lines of OpenEVSE's RAPI: `$` words `^` two hex digits (XOR of everything before the ^) carriage return.
class RapiLine {
 public:
  static constexpr size_t kMaxBytes = 63;
  static constexpr size_t kMaxWords = 6;
  using Text = common::FixedString<kMaxBytes>;

  /// A line as it goes on the wire. @param words  Without $, at most kMaxBytes - 5 bytes.
  static Text encode(common::TextSpan words);

  /// Takes one byte. @return true when a good line is complete: words() tells what it says until the next byte.
  bool on_byte(uint8_t byte);
  /// Forgets a line under way.
  void reset() { size_ = 0, is_in_line_ = false; }

  size_t word_count() const { return words_; }
  /// One word of the line, the first is 0 ("OK", "NK", "AT"); empty when there is none.
  common::TextSpan word(size_t index) const;
  bool is(size_t index, const char* text) const;
  /// A word as a decimal number, optional minus. @return false when it is not one.
  bool decimal(size_t index, int32_t& out) const;
  bool hex(size_t index, uint32_t& out) const;
  /// Lines thrown away: wrong or missing checksum, too long.
  uint32_t bad_lines() const { return bad_lines_; }

 private:
  bool finish();

  char text_[kMaxBytes] = {};
  size_t size_ = 0;
  bool is_in_line_ = false;
  uint8_t start_[kMaxWords] = {};
  uint8_t length_[kMaxWords] = {};
  size_t words_ = 0;
  uint32_t bad_lines_ = 0;
};

}  // namespace bridge
