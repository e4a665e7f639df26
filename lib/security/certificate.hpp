#pragma once

#include "common/span.hpp"
#include "common/time.hpp"
#include "platform/certificate_fault.hpp"
#include "security/certificate_hash.hpp"

#include <mbedtls/x509_crt.h>

namespace security {

using platform::CertificateFault;

/// What the first certificate of a path is used for: RFC 5280, 4.2.1.3 and 4.2.1.12.
enum class Purpose : uint8_t { kServer, kClient, kFirmware };

/// Largest RSA key, bits: what the accelerator of the ESP32 takes, and no longer than a handshake may last.
constexpr size_t kMaxRsaBits = 4096;

/// One parsed X.509 certificate (RFC 5280), and the questions that are asked of it.
/// @par Heap  About 1 KiB while it holds one, besides the DER, which it borrows.
class Certificate {
 public:
  Certificate() { mbedtls_x509_crt_init(&certificate_); }
  ~Certificate() { mbedtls_x509_crt_free(&certificate_); }
  Certificate(const Certificate&) = delete;
  Certificate& operator=(const Certificate&) = delete;

  /// @param der  One certificate and nothing behind it; must outlive this object's use.
  /// @return kNone, kMalformed, kNoMemory.
  CertificateFault parse(common::ByteSpan der);

  /// Subject and issuer have the same name.
  bool is_self_issued() const;
  bool is_issued_by_name_of(const Certificate& issuer) const;
  /// Whether its signature was made with the issuer's key. @return kNone, kBadSignature, kNoMemory.
  CertificateFault check_signature(const Certificate& issuer) const;
  bool is_ca() const;
  /// Certificates of others than itself that may stand between it and the first one; -1 = any number.
  int path_limit() const;

  common::UtcTime valid_from() const;
  common::UtcTime valid_until() const;
  /// @return kNone, kExpired, kNotYetValid.
  CertificateFault check_time(common::UtcTime at) const;
  /// Strength of its key. @return kNone, kWeakKey, kTooLarge.
  CertificateFault check_key() const;
  /// Strength of the signature under it. @return kNone, kWeakSignature.
  CertificateFault check_signature_kind() const;
  /// @return kNone, kWrongUsage.
  CertificateFault check_purpose(Purpose purpose) const;
  /// RFC 6125: DNS names and IP addresses of subjectAltName; the common name only where there are none.
  /// @param allow_wildcard  "*." in front of the rest of the name matches one label.
  bool is_for_host(common::TextSpan host, bool allow_wildcard) const;

  common::ByteSpan der() const;
  common::ByteSpan subject() const;
  /// "O=VEV, CN=SN-1" for people, in ASCII. @param out  What does not fit, less one byte, is cut off.
  common::TextSpan subject_line(common::Span<char> out) const;
  common::TextSpan issuer_line(common::Span<char> out) const;
  /// Text of the first attribute of the subject with this OID (mbedtls/oid.h), empty when absent.
  common::TextSpan subject_text(const char* oid, size_t oid_size) const;
  common::TextSpan common_name() const;
  common::TextSpan organization() const;
  bool has_organization() const { return !organization().empty(); }
  /// Serial number without leading zeros, big-endian; one byte when it is zero.
  common::ByteSpan serial() const;
  /// Its public key: the bits of subjectPublicKey, without tag and length.
  common::ByteSpan key_bits() const;
  mbedtls_pk_context& key() { return certificate_.pk; }

  /// @param issuer_key  key_bits() of its issuer.
  /// @return False when its serial number is too long (RFC 5280, 4.1.2.2: at most 20 bytes).
  bool hash(HashAlgorithm algorithm, common::ByteSpan issuer_key, CertificateHash& out) const;

 private:
  /// Mutable: mbedTLS does not change it while it checks signatures, but does not say so.
  mutable mbedtls_x509_crt certificate_;
};

/// What the checking of a signature came to. @return kNone, kBadSignature, kNoMemory.
CertificateFault fault_of_signature(int mbedtls_error);

/// subjectPublicKey of a SubjectPublicKeyInfo; empty when malformed.
common::ByteSpan key_bits_of(common::ByteSpan key_info);

}  // namespace security
