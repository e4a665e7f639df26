#pragma once

#include "common/span.hpp"

namespace common {

/// CRC-32 (IEEE 802.3, reflected, as zlib). Pass the previous result as seed to continue.
inline uint32_t crc32(ByteSpan data, uint32_t seed = 0) {
  uint32_t crc = ~seed;
  for (const uint8_t byte : data) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ (0xEDB88320U & (0U - (crc & 1U)));
  }
  return ~crc;
}

}  // namespace common
