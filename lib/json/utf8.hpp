#pragma once

#include "common/span.hpp"

namespace json {

/// Length in bytes of the well-formed UTF-8 sequence at the start of text, 0 if there is none.
/// Overlong forms, surrogates and values above U+10FFFF are not well-formed.
/// @param code_point  Set when the result is not 0.
size_t decode_utf8(common::TextSpan text, uint32_t& code_point);

/// Writes code_point, which must be at most U+10FFFF and no surrogate.
/// @return Bytes written, 1..4.
size_t encode_utf8(uint32_t code_point, char (&out)[4]);

/// The first place from begin on that needs a closer look in a JSON string: a quote, a backslash, a
/// control character, a byte that is not ASCII; end if there is none.
const char* skip_plain(const char* begin, const char* end);

/// Code points in well-formed UTF-8.
size_t code_points(common::TextSpan text);

constexpr uint32_t kNoHex = UINT32_MAX;
/// Value of the four hexadecimal digits at the start of text, kNoHex if they are not there.
uint32_t hex4(common::TextSpan text);

}  // namespace json
