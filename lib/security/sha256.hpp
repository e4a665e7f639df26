#pragma once

#include "common/span.hpp"

namespace security {

/// SHA-256 of what lies in one piece. No heap.
void sha256(common::ByteSpan data, uint8_t (&out)[32]);

}  // namespace security
