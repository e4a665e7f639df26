#include "security/sealed_key_value_store.hpp"

#include "security/buffer.hpp"

#include <cstring>
#include <mbedtls/gcm.h>
#include <mbedtls/md.h>

namespace security {

using common::ByteSpan;
using common::MutableByteSpan;
using common::Result;
using common::Status;

namespace {

constexpr uint8_t kMagic[] = {0x9C, 'S', 'V', 1};
constexpr size_t kNonceBytes = 12;
constexpr size_t kTagBytes = 16;
constexpr unsigned kKeyBits = 256;

/// mbedTLS's context of the cipher, wiped at the end.
class Gcm {
 public:
  explicit Gcm(const uint8_t* key) {
    mbedtls_gcm_init(&context_);
    is_ready_ = mbedtls_gcm_setkey(&context_, MBEDTLS_CIPHER_ID_AES, key, kKeyBits) == 0;
  }
  ~Gcm() { mbedtls_gcm_free(&context_); }
  Gcm(const Gcm&) = delete;
  Gcm& operator=(const Gcm&) = delete;

  bool is_ready() const { return is_ready_; }
  mbedtls_gcm_context* get() { return &context_; }

 private:
  mbedtls_gcm_context context_;
  bool is_ready_ = false;
};

ByteSpan bytes_of(const char* text) {
  return ByteSpan(reinterpret_cast<const uint8_t*>(text), std::strlen(text));
}

}  // namespace

SealedKeyValueStore::~SealedKeyValueStore() { wipe(MutableByteSpan(key_, sizeof key_)); }

Status SealedKeyValueStore::use_key(ByteSpan device_key) {
  if (device_key.size() != kDeviceKeyBytes) return Status::kInvalidArgument;
  // Each store has a key of its own: HMAC-SHA-256 of its name.
  const ByteSpan name = bytes_of(name_);
  const mbedtls_md_info_t* const sha256 = mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);
  if (mbedtls_md_hmac(sha256, device_key.data(), device_key.size(), name.data(), name.size(),
                      key_) != 0)
    return Status::kUnsupported;
  has_key_ = true;
  return Status::kOk;
}

bool SealedKeyValueStore::is_sealed(size_t size) const {
  return size >= kOverheadBytes && std::memcmp(scratch_.bytes, kMagic, sizeof kMagic) == 0;
}

Result<size_t> SealedKeyValueStore::unseal(const char* key, size_t size) {
  Gcm gcm(key_);
  if (!gcm.is_ready()) return Status::kUnsupported;
  const uint8_t* const nonce = scratch_.bytes + sizeof kMagic;
  const ByteSpan name = bytes_of(key);
  const size_t text_size = size - kOverheadBytes;
  const int failure =
      mbedtls_gcm_auth_decrypt(gcm.get(), text_size, nonce, kNonceBytes, name.data(), name.size(),
                               nonce + kNonceBytes, kTagBytes, text(), text());
  if (failure != 0) return Status::kCorrupt;
  return text_size;
}

Status SealedKeyValueStore::seal(const char* key, ByteSpan value) {
  Gcm gcm(key_);
  if (!gcm.is_ready()) return Status::kUnsupported;
  uint8_t* const nonce = scratch_.bytes + sizeof kMagic;
  std::memcpy(scratch_.bytes, kMagic, sizeof kMagic);
  // Random nonces are safe for 2^32 writes (NIST SP 800-38D, 8.3): no flash lives that long.
  entropy_.fill(MutableByteSpan(nonce, kNonceBytes));
  const ByteSpan name = bytes_of(key);
  if (mbedtls_gcm_crypt_and_tag(gcm.get(), MBEDTLS_GCM_ENCRYPT, value.size(), nonce, kNonceBytes,
                                name.data(), name.size(), value.data(), text(), kTagBytes,
                                nonce + kNonceBytes) != 0)
    return Status::kUnsupported;
  return store_.set(key, ByteSpan(scratch_.bytes, kOverheadBytes + value.size()));
}

Result<size_t> SealedKeyValueStore::get(const char* key, MutableByteSpan buffer) {
  if (!has_key_) return store_.get(key, buffer);
  const MutableByteSpan room(scratch_.bytes, sizeof scratch_.bytes);
  const Result<size_t> stored = store_.get(key, room);
  if (!stored.ok()) return stored;
  if (!is_sealed(stored.value())) {
    const size_t size = stored.value();
    if (size > buffer.size()) return Status::kNoSpace;
    std::memcpy(buffer.data(), scratch_.bytes, size);
    // Too large to be sealed, or the flash is full: it stays as it was.
    if (size <= kMaxValueBytes - kOverheadBytes) (void)seal(key, ByteSpan(buffer.data(), size));
    wipe(room);
    return size;
  }
  const Result<size_t> opened = unseal(key, stored.value());
  if (opened.ok() && opened.value() <= buffer.size())
    std::memcpy(buffer.data(), text(), opened.value());
  wipe(room);
  if (opened.ok() && opened.value() > buffer.size()) return Status::kNoSpace;
  return opened;
}

Status SealedKeyValueStore::set(const char* key, ByteSpan value) {
  if (!has_key_) return store_.set(key, value);
  if (value.size() > kMaxValueBytes - kOverheadBytes) return Status::kNoSpace;
  // The same value with another nonce would be written again: compared first.
  const MutableByteSpan room(scratch_.bytes, sizeof scratch_.bytes);
  const Result<size_t> stored = store_.get(key, room);
  if (stored.ok() && is_sealed(stored.value())) {
    const Result<size_t> opened = unseal(key, stored.value());
    const bool is_same = opened.ok() && opened.value() == value.size() &&
                         std::memcmp(text(), value.data(), value.size()) == 0;
    wipe(room);
    if (is_same) return Status::kOk;
  }
  return seal(key, value);
}

}  // namespace security
