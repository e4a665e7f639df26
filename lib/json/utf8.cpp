#include "json/utf8.hpp"

namespace json {

size_t decode_utf8(common::TextSpan text, uint32_t& code_point) {
  if (text.empty()) return 0;
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  const uint8_t lead = bytes[0];
  if (lead < 0x80) {
    code_point = lead;
    return 1;
  }
  size_t length = 0;
  uint32_t minimum = 0;
  if ((lead & 0xE0U) == 0xC0U) {
    length = 2;
    minimum = 0x80;
    code_point = lead & 0x1FU;
  } else if ((lead & 0xF0U) == 0xE0U) {
    length = 3;
    minimum = 0x800;
    code_point = lead & 0x0FU;
  } else if ((lead & 0xF8U) == 0xF0U) {
    length = 4;
    minimum = 0x10000;
    code_point = lead & 0x07U;
  } else {
    return 0;
  }
  if (text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((bytes[i] & 0xC0U) != 0x80U) return 0;
    code_point = (code_point << 6U) | (bytes[i] & 0x3FU);
  }
  const bool surrogate = code_point >= 0xD800 && code_point <= 0xDFFF;
  return code_point < minimum || code_point > 0x10FFFF || surrogate ? 0 : length;
}

size_t encode_utf8(uint32_t code_point, char (&out)[4]) {
  if (code_point < 0x80) {
    out[0] = static_cast<char>(code_point);
    return 1;
  }
  size_t length = 2;
  uint32_t lead = 0xC0;
  if (code_point >= 0x10000) {
    length = 4;
    lead = 0xF0;
  } else if (code_point >= 0x800) {
    length = 3;
    lead = 0xE0;
  }
  for (size_t i = length - 1; i > 0; --i) {
    out[i] = static_cast<char>(0x80U | (code_point & 0x3FU));
    code_point >>= 6U;
  }
  out[0] = static_cast<char>(lead | code_point);
  return length;
}

const char* skip_plain(const char* begin, const char* end) {
  const char* at = begin;
  // Four bytes at a time: the highest bit of a byte tells that one is not plain.
  constexpr uint32_t kOnes = 0x01010101;
  for (ptrdiff_t words = (end - begin) / 4; words > 0; --words, at += 4) {
    uint32_t word = 0;
    std::memcpy(&word, at, sizeof word);
    const uint32_t stops = word | (word - kOnes * 0x20) | ((word ^ kOnes * '"') - kOnes) |
                           ((word ^ kOnes * '\\') - kOnes);
    if ((stops & kOnes * 0x80) != 0) break;
  }
  // One comparison covers both control characters and bytes of longer sequences.
  while (at != end && static_cast<uint8_t>(*at - 0x20) < 0x60 && *at != '"' && *at != '\\') ++at;
  return at;
}

size_t code_points(common::TextSpan text) {
  size_t count = 0;
  for (const char c : text) {
    if ((static_cast<uint8_t>(c) & 0xC0U) != 0x80U) ++count;
  }
  return count;
}

uint32_t hex4(common::TextSpan text) {
  if (text.size() < 4) return kNoHex;
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) {
    const char c = common::ascii_lower(text.data()[i]);
    uint32_t digit = static_cast<uint8_t>(c - '0');
    if (digit > 9) {
      digit = static_cast<uint8_t>(c - 'a');
      if (digit > 5) return kNoHex;
      digit += 10;
    }
    value = value << 4U | digit;
  }
  return value;
}

}  // namespace json
