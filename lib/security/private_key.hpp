#pragma once

#include "platform/entropy.hpp"
#include "security/buffer.hpp"
#include "security/credentials.hpp"

#include <mbedtls/pk.h>

namespace security {

/// Longest form in which a key is stored.
constexpr size_t kMaxPackedKeyBytes = 320;

/// A private key. What it is written to is wiped by whoever reads it; it leaves this library by
/// platform::TlsAuthority::KeyUser alone.
class PrivateKey {
 public:
  PrivateKey() { mbedtls_pk_init(&key_); }
  ~PrivateKey() { mbedtls_pk_free(&key_); }
  PrivateKey(const PrivateKey&) = delete;
  PrivateKey& operator=(const PrivateKey&) = delete;

  /// Takes 0.1 s (P-256) to 20 s (RSA) on a microcontroller.
  bool generate(KeyType type, platform::Entropy& entropy);
  /// Form in which it is stored: version u8, KeyType u8, then the SEC1 DER, or the two primes.
  bool pack(Buffer& out);
  bool unpack(common::ByteSpan packed);
  /// PKCS#1 or SEC1.
  bool write_der(Buffer& out);
  /// SubjectPublicKeyInfo.
  bool write_public_der(Buffer& out);
  /// PEM signing request (PKCS#10) with SHA-256, key usage digitalSignature.
  bool write_request(const Credentials::ClientSubject& subject, platform::Entropy& entropy,
                     Buffer& out);

 private:
  bool pack_rsa(Buffer& out);
  bool unpack_rsa(common::ByteSpan primes);

  mbedtls_pk_context key_;
};

/// Random numbers for mbedTLS from a port: the context is a platform::Entropy.
int random_bytes(void* entropy, unsigned char* out, size_t size);

}  // namespace security
