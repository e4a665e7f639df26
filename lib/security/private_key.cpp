#include "security/private_key.hpp"

#include <cstring>
#include <mbedtls/asn1.h>
#include <mbedtls/asn1write.h>
#include <mbedtls/oid.h>
#include <mbedtls/pem.h>
#include <mbedtls/x509_csr.h>

namespace security {

namespace {

constexpr uint8_t kVersion = 1;
constexpr unsigned kRsaBits = 2048;
constexpr int kRsaExponent = 65537;
constexpr size_t kPrimeBytes = kRsaBits / 16;
/// Longest DER of a private key: RSA 2048 takes 1,193.
constexpr size_t kMaxDerBytes = 1280;
constexpr size_t kMaxRequestBytes = 1536;

/// mbedTLS writes DER to the end of a buffer.
bool move_to_front(int size, Buffer& out) {
  if (size <= 0) return false;
  const auto bytes = static_cast<size_t>(size);
  std::memmove(out.data(), out.data() + out.capacity() - bytes, bytes);
  // The rest may hold what was secret.
  wipe(out.room().subspan(bytes));
  out.set_size(bytes);
  return true;
}

/// Not by mbedtls_x509write_csr_set_subject_name(): names may contain any character.
bool add_name(mbedtls_asn1_named_data*& names, const char* oid, size_t oid_size,
              common::TextSpan value) {
  if (value.empty()) return true;
  const common::ByteSpan bytes = common::as_bytes(value);
  mbedtls_asn1_named_data* const name =
      mbedtls_asn1_store_named_data(&names, oid, oid_size, bytes.data(), bytes.size());
  if (name == nullptr) return false;
  name->val.tag = MBEDTLS_ASN1_UTF8_STRING;
  return true;
}

/// mbedTLS 2.28 gives ecdsa-with-SHA256 a NULL as parameters, which strict CAs refuse (RFC 5758, 3.2: none). They stand
/// outside of what is signed.
bool drop_parameters(Buffer& request) {
  constexpr int kSequence = MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE;
  unsigned char* at = request.data();
  unsigned char* const end = at + request.size();
  size_t size = 0;
  if (mbedtls_asn1_get_tag(&at, end, &size, kSequence) != 0) return false;
  unsigned char* const body = at;
  if (mbedtls_asn1_get_tag(&at, end, &size, kSequence) != 0) return false;
  at += size;
  unsigned char* const algorithm = at;
  if (mbedtls_asn1_get_tag(&at, end, &size, kSequence) != 0 || size < 2) return false;
  unsigned char* const rest = at + size;
  if (rest[-2] != MBEDTLS_ASN1_NULL || rest[-1] != 0) return true;
  algorithm[1] = static_cast<unsigned char>(size - 2);
  std::memmove(rest - 2, rest, static_cast<size_t>(end - rest));
  const auto body_size = static_cast<size_t>(end - body) - 2;
  // The header does not become longer: it fits where it was.
  unsigned char* front = body;
  if (mbedtls_asn1_write_len(&front, request.data(), body_size) < 0 ||
      mbedtls_asn1_write_tag(&front, request.data(), kSequence) < 0) {
    return false;
  }
  const size_t whole = static_cast<size_t>(body - front) + body_size;
  std::memmove(request.data(), front, whole);
  request.set_size(whole);
  return true;
}

bool to_pem(Buffer& request, Buffer& out) {
  size_t size = 0;
  if (!out.allocate(kMaxRequestBytes) ||
      mbedtls_pem_write_buffer("-----BEGIN CERTIFICATE REQUEST-----\n",
                               "-----END CERTIFICATE REQUEST-----\n", request.data(),
                               request.size(), out.data(), out.capacity(), &size) != 0) {
    return false;
  }
  out.set_size(size - 1);  // mbedTLS counts the zero at the end
  return true;
}

}  // namespace

int random_bytes(void* entropy, unsigned char* out, size_t size) {
  static_cast<platform::Entropy*>(entropy)->fill(common::MutableByteSpan(out, size));
  return 0;
}

bool PrivateKey::generate(KeyType type, platform::Entropy& entropy) {
  mbedtls_pk_free(&key_);
  mbedtls_pk_init(&key_);
  switch (type) {
    case KeyType::kEcP256:
      return mbedtls_pk_setup(&key_, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)) == 0 &&
             mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(key_), random_bytes,
                                 &entropy) == 0;
    case KeyType::kRsa2048:
      return mbedtls_pk_setup(&key_, mbedtls_pk_info_from_type(MBEDTLS_PK_RSA)) == 0 &&
             mbedtls_rsa_gen_key(mbedtls_pk_rsa(key_), random_bytes, &entropy, kRsaBits,
                                 kRsaExponent) == 0;
  }
  return false;
}

bool PrivateKey::pack(Buffer& out) {
  if (mbedtls_pk_get_type(&key_) == MBEDTLS_PK_RSA) return pack_rsa(out);
  Buffer der;
  return write_der(der) && out.allocate(2 + der.size()) && out.append_u8(kVersion) &&
         out.append_u8(static_cast<uint8_t>(KeyType::kEcP256)) && out.append(der.bytes());
}

bool PrivateKey::pack_rsa(Buffer& out) {
  uint8_t primes[2 * kPrimeBytes];
  const bool is_packed =
      mbedtls_rsa_export_raw(mbedtls_pk_rsa(key_), nullptr, 0, primes, kPrimeBytes,
                             primes + kPrimeBytes, kPrimeBytes, nullptr, 0, nullptr, 0) == 0 &&
      out.allocate(2 + sizeof primes) && out.append_u8(kVersion) &&
      out.append_u8(static_cast<uint8_t>(KeyType::kRsa2048)) && out.append(primes);
  wipe(primes);
  return is_packed;
}

bool PrivateKey::unpack(common::ByteSpan packed) {
  mbedtls_pk_free(&key_);
  mbedtls_pk_init(&key_);
  if (packed.size() < 3 || packed[0] != kVersion) return false;
  const common::ByteSpan content = packed.subspan(2);
  if (packed[1] == static_cast<uint8_t>(KeyType::kRsa2048)) return unpack_rsa(content);
  return packed[1] == static_cast<uint8_t>(KeyType::kEcP256) &&
         mbedtls_pk_parse_key(&key_, content.data(), content.size(), nullptr, 0) == 0;
}

bool PrivateKey::unpack_rsa(common::ByteSpan primes) {
  static constexpr uint8_t kExponent[] = {kRsaExponent >> 16, kRsaExponent >> 8 & 0xFF,
                                          kRsaExponent & 0xFF};
  if (primes.size() != 2 * kPrimeBytes ||
      mbedtls_pk_setup(&key_, mbedtls_pk_info_from_type(MBEDTLS_PK_RSA)) != 0) {
    return false;
  }
  mbedtls_rsa_context* const rsa = mbedtls_pk_rsa(key_);
  return mbedtls_rsa_import_raw(rsa, nullptr, 0, primes.data(), kPrimeBytes,
                                primes.data() + kPrimeBytes, kPrimeBytes, nullptr, 0, kExponent,
                                sizeof kExponent) == 0 &&
         mbedtls_rsa_complete(rsa) == 0;
}

bool PrivateKey::write_der(Buffer& out) {
  return out.allocate(kMaxDerBytes) &&
         move_to_front(mbedtls_pk_write_key_der(&key_, out.data(), out.capacity()), out);
}

bool PrivateKey::write_public_der(Buffer& out) {
  return out.allocate(kMaxDerBytes) &&
         move_to_front(mbedtls_pk_write_pubkey_der(&key_, out.data(), out.capacity()), out);
}

bool PrivateKey::write_request(const Credentials::ClientSubject& subject,
                               platform::Entropy& entropy, Buffer& out) {
  Buffer der;
  if (!der.allocate(kMaxRequestBytes)) return false;
  mbedtls_x509write_csr request;
  mbedtls_x509write_csr_init(&request);
  mbedtls_x509write_csr_set_key(&request, &key_);
  mbedtls_x509write_csr_set_md_alg(&request, MBEDTLS_MD_SHA256);
  const bool is_written =
      add_name(request.subject, MBEDTLS_OID_AT_CN, MBEDTLS_OID_SIZE(MBEDTLS_OID_AT_CN),
               subject.common_name.span()) &&
      add_name(request.subject, MBEDTLS_OID_AT_ORGANIZATION,
               MBEDTLS_OID_SIZE(MBEDTLS_OID_AT_ORGANIZATION), subject.organization.span()) &&
      mbedtls_x509write_csr_set_key_usage(&request, MBEDTLS_X509_KU_DIGITAL_SIGNATURE) == 0 &&
      move_to_front(
          mbedtls_x509write_csr_der(&request, der.data(), der.capacity(), random_bytes, &entropy),
          der);
  mbedtls_x509write_csr_free(&request);
  const bool is_rsa = mbedtls_pk_get_type(&key_) == MBEDTLS_PK_RSA;
  return is_written && (is_rsa || drop_parameters(der)) && to_pem(der, out);
}

}  // namespace security
