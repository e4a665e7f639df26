#pragma once

#include "platform/entropy.hpp"

namespace platform_sim {

/// Repeatable random numbers (splitmix64): same seed, same bytes, on every machine.
class SimEntropy final : public platform::Entropy {
 public:
  explicit SimEntropy(uint64_t seed) : state_(seed) {}

  void fill(common::MutableByteSpan out) override {
    for (uint8_t& byte : out) byte = static_cast<uint8_t>(next_u64());
  }
  uint64_t next_u64() {
    state_ += 0x9E3779B97F4A7C15U;
    uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31U);
  }
  /// Uniform in 0..bound-1. @param bound  At least 1.
  uint32_t below(uint32_t bound) {
    return static_cast<uint32_t>((next_u64() >> 32U) * bound >> 32U);
  }
  bool chance(uint32_t per_mille) { return below(1000) < per_mille; }

 private:
  uint64_t state_;
};

}  // namespace platform_sim
