#pragma once

#include "common/span.hpp"

#include <mbedtls/sha256.h>

namespace security {

/// Derives a hash of a password, a few rounds at a time (PBKDF2 with HMAC-SHA-256, RFC 8018, 5.2): the loop that calls it
/// keeps its pace. Does not allocate.
class PasswordHash {
 public:
  static constexpr size_t kSaltBytes = 16;
  static constexpr size_t kBytes = 32;
  static constexpr size_t kMaxPasswordBytes = 64;  ///< Block of SHA-256.

  PasswordHash();
  ~PasswordHash();
  PasswordHash(const PasswordHash&) = delete;
  PasswordHash& operator=(const PasswordHash&) = delete;

  /// @param password    At most kMaxPasswordBytes.
  /// @param iterations  At least 1.
  void begin(common::ByteSpan password, const uint8_t (&salt)[kSaltBytes], uint32_t iterations);
  /// Works on. @param rounds  At most so many iterations. @return Whether hash() is complete.
  bool step(uint32_t rounds);
  bool is_busy() const { return remaining_ > 0; }
  const uint8_t (&hash() const)[kBytes] { return hash_; }
  /// Wipes everything.
  void end();

 private:
  void hmac(common::ByteSpan message, uint8_t (&out)[kBytes]);

  mbedtls_sha256_context inner_;  ///< After the padded key: the start of every HMAC.
  mbedtls_sha256_context outer_;
  uint8_t block_[kBytes] = {};
  uint8_t hash_[kBytes] = {};
  uint32_t remaining_ = 0;
};

/// Whether two blocks are equal, in a time that does not tell where they differ.
bool is_equal_in_constant_time(common::ByteSpan a, common::ByteSpan b);

}  // namespace security
