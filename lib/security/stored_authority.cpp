#include "security/stored_authority.hpp"

#include "security/private_key.hpp"
#include "security/stored_roots.hpp"

#include <algorithm>
#include <cstring>

namespace security {

using common::ByteSpan;
using common::Result;
using common::Status;

namespace {

/// The loop may replace an item between the reading of the index and that of the item; not many times in a row.
constexpr int kAttempts = 3;

}  // namespace

const StoredItem* choose_client(const CertificateIndex& index, common::UtcTime at,
                                uint32_t avoided) {
  const StoredItem* best = nullptr;
  int best_rank = -1;
  for (const StoredItem& item : index.items) {
    if (item.kind != ItemKind::kClient) continue;
    const bool is_valid = item.from <= at && at < item.until + 1000;
    const int rank = (is_valid ? 2 : 0) + (item.id != avoided ? 1 : 0);
    if (rank >= best_rank) {
      best = &item;
      best_rank = rank;
    }
  }
  return best;
}

void StoredAuthority::set_time(common::UtcTime at) {
  const int64_t seconds = at.ms / 1000;
  time_s_ = static_cast<uint32_t>(std::clamp<int64_t>(seconds, 0, UINT32_MAX));
}

platform::TlsAuthority::Verdict StoredAuthority::judge_server(common::Span<const ByteSpan> chain,
                                                              common::TextSpan host) {
  StoredRoots roots(files_, ItemKind::kCentralSystemRoot);
  PathDemand demand;
  demand.at = time();
  demand.host = host;
  demand.allow_wildcard = allow_wildcard_;
  const Path path = find_path(chain, roots, demand);
  return Verdict{path.fault, path.root};
}

uint32_t StoredAuthority::client() {
  CertificateIndex index;
  if (read_index(files_, index) != Status::kOk) return 0;
  const StoredItem* const item = choose_client(index, time(), avoided_client_);
  return item == nullptr ? 0 : item->id;
}

Status StoredAuthority::load(uint32_t id, StoredItem& item, Buffer& content) {
  Status status = Status::kNotFound;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    CertificateIndex index;
    RETURN_IF_ERROR(read_index(files_, index));
    const StoredItem* const found = index.find(id);
    if (found == nullptr || found->kind != ItemKind::kClient) return Status::kNotFound;
    item = *found;
    status = read_item(files_, item, content);
    if (status == Status::kOk) return status;
  }
  return status;
}

Result<size_t> StoredAuthority::client_certificate(uint32_t client, size_t index,
                                                   common::MutableByteSpan out) {
  StoredItem item;
  Buffer content;
  RETURN_IF_ERROR(load(client, item, content));
  ByteSpan chain[kMaxChain];
  if (index >= split_chain(content.bytes(), chain)) return Status::kNotFound;
  if (chain[index].size() > out.size()) return Status::kNoSpace;
  std::memcpy(out.data(), chain[index].data(), chain[index].size());
  return chain[index].size();
}

Status StoredAuthority::read_key(uint8_t slot, Buffer& packed) {
  if (!packed.allocate(kMaxPackedKeyBytes)) return Status::kNoSpace;
  if (!lock_keys()) return Status::kAgain;
  const Result<size_t> size = keys_.get(KeyName(slot).text, packed.room());
  unlock_keys();
  packed.set_size(size.value_or(0));
  return size.status();
}

Status StoredAuthority::with_client_key(uint32_t client, KeyUser& user) {
  StoredItem item;
  Buffer der;
  {
    Buffer content;
    RETURN_IF_ERROR(load(client, item, content));
  }
  PrivateKey key;
  {
    Buffer packed;
    RETURN_IF_ERROR(read_key(item.key, packed));
    if (!key.unpack(packed.bytes())) return Status::kCorrupt;
  }
  return key.write_der(der) ? user.use_key(der.bytes()) : Status::kNoSpace;
}

}  // namespace security
