#pragma once

#include "common/span.hpp"

namespace platform {

/// Random bytes: message ids, back-off jitter. Cryptographic quality on real platforms, seeded in the simulation.
class Entropy {
 public:
  virtual ~Entropy() = default;
  virtual void fill(common::MutableByteSpan out) = 0;

  uint32_t next_u32() {
    uint8_t raw[4];
    fill(common::MutableByteSpan(raw, sizeof raw));
    return static_cast<uint32_t>(raw[0]) | static_cast<uint32_t>(raw[1]) << 8U |
           static_cast<uint32_t>(raw[2]) << 16U | static_cast<uint32_t>(raw[3]) << 24U;
  }
};

}  // namespace platform
