#pragma once

#include "ocpp/security/security_log.hpp"

namespace ocpp_world {

/// 32 bytes that depend on every byte, as the tests of the chain need: not SHA-256.
class FakeDigest final : public ocpp::SecurityLog::Digest {
 public:
  void sha256(common::ByteSpan data, uint8_t (&out)[32]) override {
    uint64_t state = 0xCBF29CE484222325U;
    for (const uint8_t byte : data) state = (state ^ byte) * 0x100000001B3U;
    for (uint8_t& byte : out) {
      state = (state ^ state >> 29U) * 0xBF58476D1CE4E5B9U + 1;
      byte = static_cast<uint8_t>(state >> 56U);
    }
  }
};

}  // namespace ocpp_world
