#include "security/tls_records.hpp"

#include <cstring>
#include <mbedtls/platform.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/ssl_internal.h>
#include <mbedtls/version.h>

namespace security {

static_assert(MBEDTLS_VERSION_MAJOR == 2, "look at what mbedTLS keeps in its record buffers");

namespace {

#if defined(MBEDTLS_SSL_VARIABLE_BUFFER_LENGTH)
size_t in_bytes(const mbedtls_ssl_context& ssl) { return ssl.in_buf_len; }
size_t out_bytes(const mbedtls_ssl_context& ssl) { return ssl.out_buf_len; }
#else
size_t in_bytes(const mbedtls_ssl_context&) { return MBEDTLS_SSL_IN_BUFFER_LEN; }
size_t out_bytes(const mbedtls_ssl_context&) { return MBEDTLS_SSL_OUT_BUFFER_LEN; }
#endif

/// Every pointer into the buffers: those into in_buf, then those into out_buf.
struct Pointers {
  static constexpr size_t kEach = 6;
  unsigned char** all[2 * kEach];

  explicit Pointers(mbedtls_ssl_context& ssl)
      : all{&ssl.in_ctr,  &ssl.in_hdr,  &ssl.in_len,  &ssl.in_iv,  &ssl.in_msg,  &ssl.in_msg,
            &ssl.out_ctr, &ssl.out_hdr, &ssl.out_len, &ssl.out_iv, &ssl.out_msg, &ssl.out_msg} {
#if defined(MBEDTLS_SSL_DTLS_CONNECTION_ID)
    all[kEach - 1] = &ssl.in_cid;
    all[2 * kEach - 1] = &ssl.out_cid;
#endif
  }
};

void release(unsigned char*& buffer, size_t size) {
  mbedtls_platform_zeroize(buffer, size);
  mbedtls_free(buffer);
  buffer = nullptr;
}

}  // namespace

bool TlsRecords::drop(mbedtls_ssl_context& ssl) {
  static_assert(kPointers == 2 * Pointers::kEach, "one offset for each");
  const bool is_idle = ssl.state == MBEDTLS_SSL_HANDSHAKE_OVER && ssl.in_left == 0 &&
                       ssl.in_hslen == 0 && ssl.out_left == 0 &&
                       mbedtls_ssl_check_pending(&ssl) == 0;
  if (is_dropped_ || !is_idle) return false;
  const Pointers pointers(ssl);
  for (size_t i = 0; i < kPointers; ++i) {
    const unsigned char* const begin = i < Pointers::kEach ? ssl.in_buf : ssl.out_buf;
    offsets_[i] = static_cast<uint16_t>(*pointers.all[i] - begin);
  }
  std::memcpy(received_, ssl.in_ctr, sizeof received_);
  for (unsigned char** const pointer : pointers.all) *pointer = nullptr;
  release(ssl.in_buf, in_bytes(ssl));
  release(ssl.out_buf, out_bytes(ssl));
  is_dropped_ = true;
  return true;
}

bool TlsRecords::restore(mbedtls_ssl_context& ssl) {
  if (!is_dropped_) return true;
  auto* const in = static_cast<unsigned char*>(mbedtls_calloc(1, in_bytes(ssl)));
  auto* const out = static_cast<unsigned char*>(mbedtls_calloc(1, out_bytes(ssl)));
  if (in == nullptr || out == nullptr) {
    mbedtls_free(in);
    mbedtls_free(out);
    return false;
  }
  ssl.in_buf = in;
  ssl.out_buf = out;
  const Pointers pointers(ssl);
  for (size_t i = 0; i < kPointers; ++i)
    *pointers.all[i] = (i < Pointers::kEach ? in : out) + offsets_[i];
  std::memcpy(ssl.in_ctr, received_, sizeof received_);
  is_dropped_ = false;
  return true;
}

}  // namespace security
