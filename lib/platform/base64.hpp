#pragma once

#include "common/fixed_string.hpp"

namespace platform {

/// Appends bytes in base64 with padding (RFC 4648, 4).
/// @retval kNoSpace  They do not fit; a part of them was appended.
template <size_t N>
common::Status append_base64(common::ByteSpan bytes, common::FixedString<N>& out) {
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = bytes.size() - i < 3 ? bytes.size() - i : 3;
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) group = group << 8U | (k < count ? bytes[i + k] : 0U);
    char quad[4];
    for (size_t k = 0; k < 4; ++k)
      quad[k] = k <= count ? kAlphabet[group >> (18 - 6 * k) & 0x3FU] : '=';
    RETURN_IF_ERROR(out.append(common::TextSpan(quad, 4)));
  }
  return common::Status::kOk;
}

}  // namespace platform
