#include "security/password_hash.hpp"

#include "security/buffer.hpp"

#include <cstring>

namespace security {

using common::ByteSpan;
using common::MutableByteSpan;

namespace {

constexpr size_t kBlockBytes = 64;

void start_with(mbedtls_sha256_context& context, ByteSpan password, uint8_t pad) {
  uint8_t block[kBlockBytes];
  std::memset(block, pad, sizeof block);
  for (size_t i = 0; i < password.size(); ++i)
    block[i] = static_cast<uint8_t>(block[i] ^ password[i]);
  (void)mbedtls_sha256_starts_ret(&context, 0);
  (void)mbedtls_sha256_update_ret(&context, block, sizeof block);
  wipe(MutableByteSpan(block, sizeof block));
}

}  // namespace

PasswordHash::PasswordHash() {
  mbedtls_sha256_init(&inner_);
  mbedtls_sha256_init(&outer_);
}

PasswordHash::~PasswordHash() { end(); }

void PasswordHash::hmac(ByteSpan message, uint8_t (&out)[kBytes]) {
  mbedtls_sha256_context context;
  mbedtls_sha256_init(&context);
  mbedtls_sha256_clone(&context, &inner_);
  (void)mbedtls_sha256_update_ret(&context, message.data(), message.size());
  (void)mbedtls_sha256_finish_ret(&context, out);
  mbedtls_sha256_clone(&context, &outer_);
  (void)mbedtls_sha256_update_ret(&context, out, sizeof out);
  (void)mbedtls_sha256_finish_ret(&context, out);
  mbedtls_sha256_free(&context);
}

void PasswordHash::begin(ByteSpan password, const uint8_t (&salt)[kSaltBytes],
                         uint32_t iterations) {
  const ByteSpan used =
      password.first(password.size() < kMaxPasswordBytes ? password.size() : kMaxPasswordBytes);
  start_with(inner_, used, 0x36);
  start_with(outer_, used, 0x5C);
  // The only block of the output: number 1, big endian.
  uint8_t first[kSaltBytes + 4] = {};
  std::memcpy(first, salt, kSaltBytes);
  first[kSaltBytes + 3] = 1;
  hmac(ByteSpan(first, sizeof first), block_);
  std::memcpy(hash_, block_, sizeof hash_);
  remaining_ = iterations - 1;
}

bool PasswordHash::step(uint32_t rounds) {
  for (; rounds > 0 && remaining_ > 0; --rounds, --remaining_) {
    hmac(ByteSpan(block_, sizeof block_), block_);
    for (size_t i = 0; i < kBytes; ++i) hash_[i] = static_cast<uint8_t>(hash_[i] ^ block_[i]);
  }
  return remaining_ == 0;
}

void PasswordHash::end() {
  mbedtls_sha256_free(&inner_);
  mbedtls_sha256_free(&outer_);
  wipe(MutableByteSpan(block_, sizeof block_));
  wipe(MutableByteSpan(hash_, sizeof hash_));
  remaining_ = 0;
}

bool is_equal_in_constant_time(ByteSpan a, ByteSpan b) {
  if (a.size() != b.size()) return false;
  uint8_t difference = 0;
  for (size_t i = 0; i < a.size(); ++i)
    difference = static_cast<uint8_t>(difference | (a[i] ^ b[i]));
  return difference == 0;
}

}  // namespace security
