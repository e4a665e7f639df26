#include "security/certificate_info.hpp"

#include "security/certificate.hpp"
#include "security/sha256.hpp"
#include "security/stored_roots.hpp"

#include <algorithm>
#include <cstring>

namespace security {

using common::ByteSpan;
using common::Status;

namespace {

using Kind = CertificateInfo::Kind;

bool to_kind(ItemKind kind, Kind& out) {
  switch (kind) {
    case ItemKind::kCentralSystemRoot:
      out = Kind::kCentralSystemRoot;
      return true;
    case ItemKind::kManufacturerRoot:
      out = Kind::kManufacturerRoot;
      return true;
    case ItemKind::kClient:
      out = Kind::kClient;
      return true;
    case ItemKind::kSigner:
      out = Kind::kSigner;
      return true;
    case ItemKind::kRequest:
      break;
  }
  return false;
}

/// The DER of the first certificate; empty when there is none.
ByteSpan first_der(Kind kind, ByteSpan content, uint8_t& count) {
  if (kind == Kind::kCentralSystemRoot || kind == Kind::kManufacturerRoot) {
    count = 1;
    return content.size() > kHashesBytes ? content.subspan(kHashesBytes) : ByteSpan();
  }
  ByteSpan chain[platform::TlsAuthority::kMaxChain];
  count = static_cast<uint8_t>(split_chain(content, chain));
  return count > 0 ? chain[0] : ByteSpan();
}

}  // namespace

Status describe(platform::FileStore& files, const StoredItem& item, CertificateInfo& out) {
  if (!to_kind(item.kind, out.kind)) return Status::kInvalidArgument;
  out.id = item.id;
  out.is_on_trial = (item.flags & kOnTrial) != 0;
  out.is_fallback = (item.flags & kFallback) != 0;
  out.from = item.from;
  out.until = item.until;
  out.subject.clear();
  out.issuer.clear();
  out.serial_size = 0;
  Buffer content;
  const Status status = read_item(files, item, content);
  if (status != Status::kOk) return status == Status::kCorrupt ? Status::kOk : status;
  const ByteSpan der = first_der(out.kind, content.bytes(), out.chain);
  sha256(der, out.sha256);
  Certificate certificate;
  const CertificateFault fault = certificate.parse(der);
  if (fault == CertificateFault::kNoMemory) return Status::kNoSpace;
  if (fault != CertificateFault::kNone) return Status::kOk;
  char name[CertificateInfo::kMaxNameBytes + 1];
  out.subject.assign_truncated(certificate.subject_line(common::Span<char>(name)));
  out.issuer.assign_truncated(certificate.issuer_line(common::Span<char>(name)));
  const ByteSpan serial = certificate.serial();
  out.serial_size = static_cast<uint8_t>(std::min(serial.size(), sizeof out.serial));
  std::memcpy(out.serial, serial.data(), out.serial_size);
  return Status::kOk;
}

}  // namespace security
