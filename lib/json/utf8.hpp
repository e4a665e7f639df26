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

}  // namespace json
