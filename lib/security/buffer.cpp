#include "security/buffer.hpp"

#include <cstring>
#include <mbedtls/asn1.h>
#include <mbedtls/bignum.h>
#include <mbedtls/ecp.h>
#include <mbedtls/md.h>
#include <mbedtls/pk.h>
#include <mbedtls/platform.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/x509.h>

namespace security {

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  if (this != &other) {
    release();
    data_ = std::exchange(other.data_, nullptr);
    capacity_ = std::exchange(other.capacity_, 0);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

bool Buffer::allocate(size_t capacity) {
  release();
  data_ = static_cast<uint8_t*>(mbedtls_calloc(1, capacity));
  if (data_ == nullptr) return false;
  capacity_ = capacity;
  return true;
}

void Buffer::release() {
  if (data_ != nullptr) {
    mbedtls_platform_zeroize(data_, capacity_);
    mbedtls_free(data_);
  }
  data_ = nullptr;
  capacity_ = 0;
  size_ = 0;
}

bool Buffer::append(common::ByteSpan bytes) {
  if (bytes.size() > capacity_ - size_) return false;
  if (!bytes.empty()) std::memcpy(data_ + size_, bytes.data(), bytes.size());
  size_ += bytes.size();
  return true;
}

bool Buffer::append_u16(size_t value) {
  const uint8_t raw[2] = {static_cast<uint8_t>(value), static_cast<uint8_t>(value >> 8U)};
  return append(raw);
}

void wipe(common::MutableByteSpan bytes) { mbedtls_platform_zeroize(bytes.data(), bytes.size()); }

bool is_memory_error(int mbedtls_error) {
  // Codes of two layers are added up: that of the lower one is in the last seven bits.
  const int low = -(-mbedtls_error & 0x7F);
  const int high = mbedtls_error - low;
  return low == MBEDTLS_ERR_MPI_ALLOC_FAILED || low == MBEDTLS_ERR_ASN1_ALLOC_FAILED ||
         high == MBEDTLS_ERR_X509_ALLOC_FAILED || high == MBEDTLS_ERR_PK_ALLOC_FAILED ||
         high == MBEDTLS_ERR_ECP_ALLOC_FAILED || high == MBEDTLS_ERR_MD_ALLOC_FAILED;
}

}  // namespace security
