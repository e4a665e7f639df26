#pragma once

#include "common/span.hpp"

namespace ocpp {

/// Lower-case hexadecimal digits. @param out  Twice as long as bytes. @return The digits, inside out.
inline common::TextSpan to_hex(common::ByteSpan bytes, common::Span<char> out) {
  constexpr char kDigits[] = "0123456789abcdef";
  size_t size = 0;
  for (const uint8_t byte : bytes) {
    out[size++] = kDigits[byte >> 4U];
    out[size++] = kDigits[byte & 15U];
  }
  return common::TextSpan(out.data(), size);
}

/// @return -1 for anything but a digit.
inline int hex_digit(char c) {
  const char lower = common::ascii_lower(c);
  if (c >= '0' && c <= '9') return c - '0';
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// An odd number of digits means a zero before the first.
/// @param out  Room for the bytes.
/// @return false when a digit is none, or out is too small; size is the number of bytes.
inline bool from_hex(common::TextSpan digits, common::MutableByteSpan out, size_t& size) {
  size = 0;
  if ((digits.size() + 1) / 2 > out.size()) return false;
  unsigned value = 0;
  size_t left = digits.size();
  for (const char c : digits) {
    const int digit = hex_digit(c);
    if (digit < 0) return false;
    value = value << 4U | static_cast<unsigned>(digit);
    --left;
    if (left % 2 == 0) {
      out[size++] = static_cast<uint8_t>(value);
      value = 0;
    }
  }
  return true;
}

}  // namespace ocpp
