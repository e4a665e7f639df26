#include "security/pem_authority.hpp"

#include "security/pem_reader.hpp"

namespace security {

using common::ByteSpan;
using common::MutableByteSpan;
using common::Result;
using common::Status;
using common::TextSpan;

namespace {

constexpr char kBegin[] = "-----BEGIN CERTIFICATE-----";
constexpr char kEnd[] = "-----END CERTIFICATE-----";

/// Where the words begin at or behind the offset; the size of the text when they do not.
size_t find(TextSpan text, TextSpan words, size_t offset) {
  for (; offset + words.size() <= text.size(); ++offset) {
    const void* const dash = std::memchr(text.data() + offset, '-', text.size() - offset);
    if (dash == nullptr) break;
    offset = static_cast<size_t>(static_cast<const char*>(dash) - text.data());
    if (common::equals(text.subspan(offset, words.size()), words)) return offset;
  }
  return text.size();
}

}  // namespace

PemRoots::PemRoots(TextSpan pem) : pem_(pem) {
  const TextSpan begin = common::text(kBegin);
  for (size_t at = find(pem, begin, 0); at < pem.size(); at = find(pem, begin, at + begin.size()))
    ++count_;
}

Status PemRoots::load(size_t index, Buffer& der, uint32_t& id) {
  if (index < next_index_) {
    next_index_ = 0;
    next_offset_ = 0;
  }
  size_t begin = pem_.size();
  for (; next_index_ <= index; ++next_index_) {
    begin = find(pem_, common::text(kBegin), next_offset_);
    next_offset_ = begin + 1;
  }
  if (begin == pem_.size()) return Status::kNotFound;
  const size_t end = find(pem_, common::text(kEnd), begin);
  PlainPemText text(pem_.subspan(begin, end - begin + sizeof kEnd - 1));
  CertificateList list;
  const CertificateFault fault = list.read(text, CertificateList::kMaxCertificateBytes);
  if (fault != CertificateFault::kNone)
    return fault == CertificateFault::kNoMemory ? Status::kNoSpace : Status::kCorrupt;
  id = static_cast<uint32_t>(index + 1);
  const bool has_room = der.allocate(list[0].size()) && der.append(list[0]);
  return has_room ? Status::kOk : Status::kNoSpace;
}

PemAuthority::Verdict PemAuthority::judge_server(common::Span<const ByteSpan> chain,
                                                 TextSpan host) {
  Verdict verdict;
  verdict.fault = CertificateFault::kNoRoot;
  if (first_ != nullptr) verdict = first_->judge_server(chain, host);
  if (verdict.fault == CertificateFault::kNone || roots_.count() == 0) return verdict;
  PathDemand demand;
  demand.at = at_;
  demand.host = host;
  demand.allow_wildcard = allow_wildcard_;
  const CertificateFault fault = find_path(chain, roots_, demand).fault;
  const bool has_first_judged = verdict.fault != CertificateFault::kNoRoot &&
                                verdict.fault != CertificateFault::kUntrusted &&
                                verdict.fault != CertificateFault::kSelfSigned &&
                                verdict.fault != CertificateFault::kMissingIssuer;
  if (fault == CertificateFault::kNone || !has_first_judged) verdict = Verdict{fault, 0};
  return verdict;
}

Result<size_t> PemAuthority::client_certificate(uint32_t client, size_t index,
                                                MutableByteSpan out) {
  if (first_ == nullptr) return Status::kNotFound;
  return first_->client_certificate(client, index, out);
}

Status PemAuthority::with_client_key(uint32_t client, KeyUser& user) {
  return first_ == nullptr ? Status::kNotFound : first_->with_client_key(client, user);
}

}  // namespace security
