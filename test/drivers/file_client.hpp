#pragma once

#include "platform/tls_authority.hpp"

#include <cstring>
#include <mbedtls/pk.h>
#include <mbedtls/x509_crt.h>
#include <string>

/// A client certificate from PEM files; no roots.
class FileClient final : public platform::TlsAuthority {
 public:
  FileClient() {
    mbedtls_x509_crt_init(&chain_);
    mbedtls_pk_init(&key_);
  }
  ~FileClient() override {
    mbedtls_x509_crt_free(&chain_);
    mbedtls_pk_free(&key_);
  }

  bool load(const std::string& chain_file, const std::string& key_file) {
    mbedtls_x509_crt_free(&chain_);
    mbedtls_pk_free(&key_);
    mbedtls_x509_crt_init(&chain_);
    mbedtls_pk_init(&key_);
    has_client_ = !chain_file.empty() &&
                  mbedtls_x509_crt_parse_file(&chain_, chain_file.c_str()) == 0 &&
                  mbedtls_pk_parse_keyfile(&key_, key_file.c_str(), nullptr) == 0;
    return has_client_ || chain_file.empty();
  }

  Verdict judge_server(common::Span<const common::ByteSpan>, common::TextSpan) override {
    return Verdict{platform::CertificateFault::kNoRoot, 0};
  }
  uint32_t client() override { return has_client_ ? 7 : 0; }
  common::Result<size_t> client_certificate(uint32_t, size_t index,
                                            common::MutableByteSpan out) override {
    const mbedtls_x509_crt* at = &chain_;
    for (; at != nullptr && index > 0; --index) at = at->next;
    if (at == nullptr) return common::Status::kNotFound;
    if (at->raw.len > out.size()) return common::Status::kNoSpace;
    std::memcpy(out.data(), at->raw.p, at->raw.len);
    return at->raw.len;
  }
  common::Status with_client_key(uint32_t, KeyUser& user) override {
    uint8_t der[4096];
    const int size = mbedtls_pk_write_key_der(&key_, der, sizeof der);
    if (size <= 0) return common::Status::kIo;
    return user.use_key(common::ByteSpan(der + sizeof der - size, static_cast<size_t>(size)));
  }

 private:
  mbedtls_x509_crt chain_;
  mbedtls_pk_context key_;
  bool has_client_ = false;
};
