#include "security/credential_job.hpp"

#include "security/private_key.hpp"
#include "security/stored_roots.hpp"

#include <cstring>

namespace security {

using common::ByteSpan;
using common::TextSpan;

namespace {

constexpr size_t kMaxChain = platform::TlsAuthority::kMaxChain;

ItemKind kind_of(RootUse use) {
  return use == RootUse::kCentralSystem ? ItemKind::kCentralSystemRoot
                                        : ItemKind::kManufacturerRoot;
}

bool is_same(ByteSpan a, ByteSpan b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

/// Takes `size` bytes off the front. @return False when there are fewer.
bool take(ByteSpan& rest, size_t size, ByteSpan& out) {
  if (size > rest.size()) return false;
  out = rest.first(size);
  rest = rest.subspan(size);
  return true;
}

bool take_sized(ByteSpan& rest, size_t size_bytes, ByteSpan& out) {
  ByteSpan size;
  if (!take(rest, size_bytes, size)) return false;
  const size_t high = size_bytes == 2 ? static_cast<size_t>(size[1]) << 8U : 0;
  return take(rest, size[0] | high, out);
}

TextSpan as_text(ByteSpan bytes) {
  return TextSpan(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace

bool read_request(ByteSpan content, StoredRequest& out) {
  ByteSpan name;
  ByteSpan organization;
  if (!take_sized(content, 1, name) || !take_sized(content, 1, organization) ||
      !take_sized(content, 2, out.key_info)) {
    return false;
  }
  out.common_name = as_text(name);
  out.organization = as_text(organization);
  out.pem = as_text(content);
  return true;
}

void CredentialJob::release() {
  certificates.release();
  for (Buffer* buffer : {&request, &signer, &signature, &content, &key}) buffer->release();
}

void CredentialJob::run() {
  switch (operation) {
    case Credentials::Operation::kInstallRoot:
      fault = check_root();
      return;
    case Credentials::Operation::kMakeRequest:
      fault = make_request();
      return;
    case Credentials::Operation::kAcceptClient:
      fault = check_client();
      return;
    case Credentials::Operation::kCheckSigner:
      fault = check_signer();
      return;
    case Credentials::Operation::kVerifyFirmware:
      fault = verify_firmware();
      return;
  }
}

CertificateFault CredentialJob::check_root() {
  if (certificates.count() != 1) return CertificateFault::kMalformed;
  Certificate root;
  CertificateFault found = root.parse(certificates[0]);
  if (found == CertificateFault::kNone) found = root.check_key();
  // Nothing rests on the signature of a root under itself, and many have one with SHA-1.
  if (found == CertificateFault::kNone && !root.is_self_issued()) {
    found = root.check_signature_kind();
  }
  if (found == CertificateFault::kNone) found = root.check_time(at);
  if (found == CertificateFault::kNone && !root.is_ca()) found = CertificateFault::kWrongUsage;
  if (found != CertificateFault::kNone) return found;

  StoredRoots roots(files_, kind_of(use));
  Buffer der;
  uint32_t id = 0;
  for (size_t i = 0; i < roots.count() && !is_known; ++i) {
    is_known = roots.load(i, der, id) == common::Status::kOk && is_same(der.bytes(), root.der());
  }
  if (is_known) return CertificateFault::kNone;

  ByteSpan issuer_key = root.key_bits();
  Certificate issuer;
  const bool must_be_other = must_replace && roots.count() > 0;
  if (must_be_other || !root.is_self_issued()) {
    found = CertificateFault::kMissingIssuer;
    for (size_t i = 0; i < roots.count() && found != CertificateFault::kNone; ++i) {
      if (roots.load(i, der, id) != common::Status::kOk ||
          issuer.parse(der.bytes()) != CertificateFault::kNone ||
          !root.is_issued_by_name_of(issuer)) {
        continue;
      }
      found = root.check_signature(issuer);
    }
    if (found != CertificateFault::kNone) {
      const bool is_foreign = root.is_self_issued() && found != CertificateFault::kNoMemory;
      return is_foreign ? CertificateFault::kUntrusted : found;
    }
    issuer_key = issuer.key_bits();
  } else {
    found = root.check_signature(root);
    if (found != CertificateFault::kNone) return found;
  }
  from = root.valid_from();
  until = root.valid_until();
  if (!content.allocate(kHashesBytes + root.der().size())) return CertificateFault::kNoMemory;
  // A serial number that OCPP cannot name could never be deleted.
  const bool is_written = append_hashes(root, issuer_key, content) && content.append(root.der());
  return is_written ? CertificateFault::kNone : CertificateFault::kMalformed;
}

CertificateFault CredentialJob::make_request() {
  PrivateKey pair;
  Buffer pem;
  Buffer key_info;
  if (!pair.generate(key_type, entropy_) || !pair.pack(key) || !pair.write_public_der(key_info) ||
      !pair.write_request(subject, entropy_, pem)) {
    return CertificateFault::kNoMemory;
  }
  const ByteSpan name = common::as_bytes(subject.common_name.span());
  const ByteSpan organization = common::as_bytes(subject.organization.span());
  const bool is_written =
      content.allocate(4 + name.size() + organization.size() + key_info.size() + pem.size()) &&
      content.append_u8(static_cast<uint8_t>(name.size())) && content.append(name) &&
      content.append_u8(static_cast<uint8_t>(organization.size())) &&
      content.append(organization) && content.append_u16(key_info.size()) &&
      content.append(key_info.bytes()) && content.append(pem.bytes());
  return is_written ? CertificateFault::kNone : CertificateFault::kNoMemory;
}

CertificateFault CredentialJob::take_path(common::Span<const ByteSpan> chain, const Path& path) {
  size_t size = 0;
  for (size_t i = 0; i < path.size; ++i) size += 2 + chain[path.order[i]].size();
  if (!content.allocate(size)) return CertificateFault::kNoMemory;
  for (size_t i = 0; i < path.size; ++i) {
    const ByteSpan der = chain[path.order[i]];
    content.append_u16(der.size());
    content.append(der);
  }
  return CertificateFault::kNone;
}

CertificateFault CredentialJob::check_client() {
  StoredRequest asked;
  if (!read_request(request.bytes(), asked)) return CertificateFault::kKeyMismatch;
  ByteSpan chain[kMaxChain];
  size_t own = SIZE_MAX;
  Certificate certificate;
  for (size_t i = 0; i < certificates.count(); ++i) {
    chain[i] = certificates[i];
    if (own != SIZE_MAX) continue;
    const CertificateFault unreadable = certificate.parse(chain[i]);
    if (unreadable != CertificateFault::kNone) return unreadable;
    if (is_same(certificate.key_bits(), key_bits_of(asked.key_info))) own = i;
  }
  if (own == SIZE_MAX) return CertificateFault::kKeyMismatch;
  std::swap(chain[0], chain[own]);

  const bool is_asked_for = common::equals(certificate.common_name(), asked.common_name) &&
                            (asked.organization.empty() ||
                             common::equals(certificate.organization(), asked.organization));
  from = certificate.valid_from();
  until = certificate.valid_until();
  StoredRoots roots(files_, ItemKind::kCentralSystemRoot);
  PathDemand demand;
  demand.purpose = Purpose::kClient;
  demand.at = at;
  demand.allow_future = true;
  const common::Span<const ByteSpan> all(chain, certificates.count());
  const Path path = find_path(all, roots, demand);
  if (path.fault != CertificateFault::kNone) return path.fault;
  return is_asked_for ? take_path(all, path) : CertificateFault::kWrongSubject;
}

CertificateFault CredentialJob::check_signer() {
  ByteSpan chain[kMaxChain];
  for (size_t i = 0; i < certificates.count(); ++i) chain[i] = certificates[i];
  StoredRoots roots(files_, ItemKind::kManufacturerRoot);
  PathDemand demand;
  demand.purpose = Purpose::kFirmware;
  demand.at = at;
  const common::Span<const ByteSpan> all(chain, certificates.count());
  const Path path = find_path(all, roots, demand);
  return path.fault == CertificateFault::kNone ? take_path(all, path) : path.fault;
}

CertificateFault CredentialJob::verify_firmware() {
  ByteSpan chain[kMaxChain];
  if (split_chain(signer.bytes(), chain) == 0) return CertificateFault::kMalformed;
  Certificate certificate;
  const CertificateFault unreadable = certificate.parse(chain[0]);
  if (unreadable != CertificateFault::kNone) return unreadable;
  int error = 0;
  if (mbedtls_pk_get_type(&certificate.key()) == MBEDTLS_PK_RSA) {
    const mbedtls_pk_rsassa_pss_options options = {MBEDTLS_MD_SHA256, MBEDTLS_RSA_SALT_LEN_ANY};
    error = mbedtls_pk_verify_ext(MBEDTLS_PK_RSASSA_PSS, &options, &certificate.key(),
                                  MBEDTLS_MD_SHA256, digest, sizeof digest, signature.data(),
                                  signature.size());
  } else {
    error = mbedtls_pk_verify(&certificate.key(), MBEDTLS_MD_SHA256, digest, sizeof digest,
                              signature.data(), signature.size());
  }
  return fault_of_signature(error);
}

}  // namespace security
