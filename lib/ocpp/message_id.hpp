#pragma once

#include "common/fixed_string.hpp"
#include "platform/entropy.hpp"

namespace ocpp {

/// Id of a CALL: at most 36 characters (OCPP-J 1.6, 4.1.4).
using MessageId = common::FixedString<36>;

/// Random UUID, version 4: unique over all connections and boots without anything stored (OCPP-J
/// errata 3.1).
inline MessageId make_message_id(platform::Entropy& entropy) {
  uint8_t raw[16];
  entropy.fill(common::MutableByteSpan(raw, sizeof raw));
  raw[6] = static_cast<uint8_t>((raw[6] & 0x0FU) | 0x40U);
  raw[8] = static_cast<uint8_t>((raw[8] & 0x3FU) | 0x80U);
  char out[36];
  size_t at = 0;
  for (size_t i = 0; i < sizeof raw; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out[at++] = '-';
    out[at++] = "0123456789abcdef"[raw[i] >> 4U];
    out[at++] = "0123456789abcdef"[raw[i] & 0x0FU];
  }
  return MessageId(common::TextSpan(out, at));
}

}  // namespace ocpp
