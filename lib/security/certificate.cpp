#include "security/certificate.hpp"

#include "security/buffer.hpp"
#include "security/host_name.hpp"

#include <cstring>
#include <mbedtls/asn1.h>
#include <mbedtls/md.h>
#include <mbedtls/oid.h>
#include <mbedtls/platform_util.h>

namespace security {

using common::ByteSpan;
using common::TextSpan;
using common::UtcTime;

namespace {

constexpr int kSanDnsName = MBEDTLS_ASN1_CONTEXT_SPECIFIC | 2;
constexpr int kSanIpAddress = MBEDTLS_ASN1_CONTEXT_SPECIFIC | 7;

ByteSpan span(const mbedtls_x509_buf& buffer) { return ByteSpan(buffer.p, buffer.len); }

TextSpan text(const mbedtls_x509_buf& buffer) {
  return TextSpan(reinterpret_cast<const char*>(buffer.p), buffer.len);
}

bool is_same(ByteSpan a, ByteSpan b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

bool is_plain_string(const mbedtls_x509_buf& value) {
  return value.tag == MBEDTLS_ASN1_UTF8_STRING || value.tag == MBEDTLS_ASN1_PRINTABLE_STRING;
}

/// RFC 5280, 7.1, as far as it occurs: one issuer writes a name in two kinds of strings, or letters of another case.
bool is_same_name(const mbedtls_x509_name& a, const mbedtls_x509_name& b) {
  const mbedtls_x509_name* of_a = &a;
  const mbedtls_x509_name* of_b = &b;
  for (; of_a != nullptr && of_b != nullptr; of_a = of_a->next, of_b = of_b->next) {
    const bool is_same_value =
        is_plain_string(of_a->val) && is_plain_string(of_b->val)
            ? common::equals_ignore_case(text(of_a->val), text(of_b->val))
            : of_a->val.tag == of_b->val.tag && is_same(span(of_a->val), span(of_b->val));
    if (!is_same(span(of_a->oid), span(of_b->oid)) || !is_same_value ||
        of_a->next_merged != of_b->next_merged) {
      return false;
    }
  }
  return of_a == of_b;
}

TextSpan line_of(const mbedtls_x509_name& name, common::Span<char> out) {
  if (out.empty()) return TextSpan();
  out[0] = '\0';
  // Where the room ends it fails, having written what fits.
  (void)mbedtls_x509_dn_gets(out.data(), out.size(), &name);
  return TextSpan(out.data(), strnlen(out.data(), out.size()));
}

/// Days from 1970-01-01 to a date of the Gregorian calendar.
int64_t days_since_1970(int year, int month, int day) {
  // Years begin in March: the leap day is the last one.
  const int64_t y = month <= 2 ? year - 1 : year;
  const int64_t months = (month + 9) % 12;
  return 365 * y + y / 4 - y / 100 + y / 400 + (153 * months + 2) / 5 + day - 719469;
}

UtcTime utc(const mbedtls_x509_time& time) {
  const int64_t hours = days_since_1970(time.year, time.mon, time.day) * 24 + time.hour;
  return UtcTime{((hours * 60 + time.min) * 60 + time.sec) * 1000};
}

mbedtls_md_type_t md_of(HashAlgorithm algorithm) {
  switch (algorithm) {
    case HashAlgorithm::kSha256:
      return MBEDTLS_MD_SHA256;
    case HashAlgorithm::kSha384:
      return MBEDTLS_MD_SHA384;
    case HashAlgorithm::kSha512:
      return MBEDTLS_MD_SHA512;
  }
  return MBEDTLS_MD_NONE;
}

bool digest(mbedtls_md_type_t type, ByteSpan data, uint8_t* out) {
  const mbedtls_md_info_t* const info = mbedtls_md_info_from_type(type);
  return info != nullptr && mbedtls_md(info, data.data(), data.size(), out) == 0;
}

}  // namespace

CertificateFault Certificate::parse(ByteSpan der) {
  mbedtls_x509_crt_free(&certificate_);
  mbedtls_x509_crt_init(&certificate_);
  const int error = mbedtls_x509_crt_parse_der_nocopy(&certificate_, der.data(), der.size());
  if (error == 0) {
    return certificate_.raw.len == der.size() ? CertificateFault::kNone
                                              : CertificateFault::kMalformed;
  }
  return is_memory_error(error) ? CertificateFault::kNoMemory : CertificateFault::kMalformed;
}

ByteSpan Certificate::der() const { return span(certificate_.raw); }
ByteSpan Certificate::subject() const { return span(certificate_.subject_raw); }

bool Certificate::is_self_issued() const { return is_issued_by_name_of(*this); }

bool Certificate::is_issued_by_name_of(const Certificate& issuer) const {
  return is_same_name(certificate_.issuer, issuer.certificate_.subject);
}

CertificateFault Certificate::check_signature(const Certificate& issuer) const {
  const mbedtls_md_info_t* const info = mbedtls_md_info_from_type(certificate_.sig_md);
  uint8_t hash[MBEDTLS_MD_MAX_SIZE];
  mbedtls_pk_context& key = issuer.certificate_.pk;
  if (info == nullptr || mbedtls_pk_can_do(&key, certificate_.sig_pk) == 0) {
    return CertificateFault::kBadSignature;
  }
  if (!digest(certificate_.sig_md, span(certificate_.tbs), hash))
    return CertificateFault::kNoMemory;
  return fault_of_signature(mbedtls_pk_verify_ext(
      certificate_.sig_pk, certificate_.sig_opts, &key, certificate_.sig_md, hash,
      mbedtls_md_get_size(info), certificate_.sig.p, certificate_.sig.len));
}

CertificateFault fault_of_signature(int mbedtls_error) {
  if (mbedtls_error == 0) return CertificateFault::kNone;
  return is_memory_error(mbedtls_error) ? CertificateFault::kNoMemory
                                        : CertificateFault::kBadSignature;
}

bool Certificate::is_ca() const {
  return certificate_.ca_istrue != 0 &&
         ((certificate_.ext_types & MBEDTLS_X509_EXT_KEY_USAGE) == 0 ||
          (certificate_.key_usage & MBEDTLS_X509_KU_KEY_CERT_SIGN) != 0);
}

int Certificate::path_limit() const { return certificate_.max_pathlen - 1; }

UtcTime Certificate::valid_from() const { return utc(certificate_.valid_from); }
UtcTime Certificate::valid_until() const { return utc(certificate_.valid_to); }

CertificateFault Certificate::check_time(UtcTime at) const {
  if (at < valid_from()) return CertificateFault::kNotYetValid;
  // Both limits belong to the time of validity, and they are seconds.
  return at < valid_until() + 1000 ? CertificateFault::kNone : CertificateFault::kExpired;
}

CertificateFault Certificate::check_key() const {
  const size_t bits = mbedtls_pk_get_bitlen(&certificate_.pk);
  switch (mbedtls_pk_get_type(&certificate_.pk)) {
    case MBEDTLS_PK_RSA:
      if (bits > kMaxRsaBits) return CertificateFault::kTooLarge;
      return bits >= 2048 ? CertificateFault::kNone : CertificateFault::kWeakKey;
    case MBEDTLS_PK_ECKEY:
    case MBEDTLS_PK_ECDSA:
      return bits >= 224 ? CertificateFault::kNone : CertificateFault::kWeakKey;
    default:
      return CertificateFault::kWeakKey;
  }
}

CertificateFault Certificate::check_signature_kind() const {
  switch (certificate_.sig_md) {
    case MBEDTLS_MD_SHA256:
    case MBEDTLS_MD_SHA384:
    case MBEDTLS_MD_SHA512:
      return CertificateFault::kNone;
    default:
      return CertificateFault::kWeakSignature;
  }
}

CertificateFault Certificate::check_purpose(Purpose purpose) const {
  const char* oid = MBEDTLS_OID_SERVER_AUTH;
  size_t oid_size = MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH);
  // Any one of these bits is enough: which one depends on the cipher suite.
  unsigned usage = MBEDTLS_X509_KU_DIGITAL_SIGNATURE | MBEDTLS_X509_KU_KEY_ENCIPHERMENT |
                   MBEDTLS_X509_KU_KEY_AGREEMENT;
  if (purpose == Purpose::kClient) {
    oid = MBEDTLS_OID_CLIENT_AUTH;
    oid_size = MBEDTLS_OID_SIZE(MBEDTLS_OID_CLIENT_AUTH);
    usage = MBEDTLS_X509_KU_DIGITAL_SIGNATURE | MBEDTLS_X509_KU_KEY_AGREEMENT;
  } else if (purpose == Purpose::kFirmware) {
    oid = MBEDTLS_OID_CODE_SIGNING;
    oid_size = MBEDTLS_OID_SIZE(MBEDTLS_OID_CODE_SIGNING);
    usage = MBEDTLS_X509_KU_DIGITAL_SIGNATURE | MBEDTLS_X509_KU_NON_REPUDIATION;
  }
  const bool may_be_used = (certificate_.ext_types & MBEDTLS_X509_EXT_KEY_USAGE) == 0 ||
                           (certificate_.key_usage & usage) != 0;
  const bool is_meant =
      mbedtls_x509_crt_check_extended_key_usage(&certificate_, oid, oid_size) == 0;
  return may_be_used && is_meant ? CertificateFault::kNone : CertificateFault::kWrongUsage;
}

bool Certificate::is_for_host(TextSpan host, bool allow_wildcard) const {
  const IpAddress address = parse_ip_address(host);
  bool has_names = false;
  if ((certificate_.ext_types & MBEDTLS_X509_EXT_SUBJECT_ALT_NAME) != 0) {
    for (const mbedtls_x509_sequence* name = &certificate_.subject_alt_names; name != nullptr;
         name = name->next) {
      const int tag = name->buf.tag;
      if (tag != kSanDnsName && tag != kSanIpAddress) continue;
      has_names = true;
      if (address.size > 0) {
        if (tag == kSanIpAddress && is_same(span(name->buf), ByteSpan(address.bytes, address.size)))
          return true;
      } else if (tag == kSanDnsName && matches_host(text(name->buf), host, allow_wildcard)) {
        return true;
      }
    }
  }
  return !has_names && matches_host(common_name(), host, allow_wildcard && address.size == 0);
}

TextSpan Certificate::subject_text(const char* oid, size_t oid_size) const {
  for (const mbedtls_x509_name* name = &certificate_.subject; name != nullptr; name = name->next) {
    if (name->oid.len == oid_size && std::memcmp(name->oid.p, oid, oid_size) == 0) {
      return text(name->val);
    }
  }
  return TextSpan();
}

TextSpan Certificate::subject_line(common::Span<char> out) const {
  return line_of(certificate_.subject, out);
}

TextSpan Certificate::issuer_line(common::Span<char> out) const {
  return line_of(certificate_.issuer, out);
}

TextSpan Certificate::common_name() const {
  return subject_text(MBEDTLS_OID_AT_CN, MBEDTLS_OID_SIZE(MBEDTLS_OID_AT_CN));
}

TextSpan Certificate::organization() const {
  return subject_text(MBEDTLS_OID_AT_ORGANIZATION, MBEDTLS_OID_SIZE(MBEDTLS_OID_AT_ORGANIZATION));
}

ByteSpan Certificate::serial() const {
  ByteSpan serial = span(certificate_.serial);
  // Some old roots have the number 0.
  while (serial.size() > 1 && serial[0] == 0) serial = serial.subspan(1);
  return serial;
}

ByteSpan Certificate::key_bits() const { return key_bits_of(span(certificate_.pk_raw)); }

bool Certificate::hash(HashAlgorithm algorithm, ByteSpan issuer_key, CertificateHash& out) const {
  const ByteSpan own_serial = serial();
  if (own_serial.empty() || own_serial.size() > CertificateHash::kMaxSerialBytes) return false;
  out.algorithm = algorithm;
  out.serial_size = static_cast<uint8_t>(own_serial.size());
  std::memcpy(out.serial, own_serial.data(), own_serial.size());
  return digest(md_of(algorithm), span(certificate_.issuer_raw), out.issuer_name) &&
         digest(md_of(algorithm), issuer_key, out.issuer_key);
}

ByteSpan key_bits_of(ByteSpan key_info) {
  // mbedTLS takes pointers it could write through, and does not.
  auto* at = const_cast<unsigned char*>(key_info.begin());
  const unsigned char* const end = key_info.end();
  size_t size = 0;
  constexpr int kSequence = MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE;
  if (mbedtls_asn1_get_tag(&at, end, &size, kSequence) != 0) return ByteSpan();
  if (mbedtls_asn1_get_tag(&at, end, &size, kSequence) != 0) return ByteSpan();
  at += size;
  if (mbedtls_asn1_get_bitstring_null(&at, end, &size) != 0) return ByteSpan();
  return ByteSpan(at, size);
}

}  // namespace security
