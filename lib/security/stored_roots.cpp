#include "security/stored_roots.hpp"

#include <cstring>

namespace security {

using common::ByteSpan;
using common::Status;

namespace {

constexpr HashAlgorithm kAlgorithms[] = {HashAlgorithm::kSha256, HashAlgorithm::kSha384,
                                         HashAlgorithm::kSha512};

size_t place_of(HashAlgorithm algorithm) {
  switch (algorithm) {
    case HashAlgorithm::kSha256:
      return 0;
    case HashAlgorithm::kSha384:
      return 32;
    case HashAlgorithm::kSha512:
      return 32 + 48;
  }
  return 0;
}

}  // namespace

bool append_hashes(const Certificate& root, ByteSpan issuer_key, Buffer& out) {
  uint8_t fields[kHashesBytes] = {};
  for (const HashAlgorithm algorithm : kAlgorithms) {
    CertificateHash hash;
    if (!root.hash(algorithm, issuer_key, hash)) return false;
    fields[0] = hash.serial_size;
    std::memcpy(fields + 1, hash.serial, hash.serial_size);
    uint8_t* const place = fields + kSerialFieldBytes + place_of(algorithm);
    std::memcpy(place, hash.issuer_name, hash_bytes(algorithm));
    std::memcpy(place + kHashFieldBytes, hash.issuer_key, hash_bytes(algorithm));
  }
  return out.append(fields);
}

void read_hash(ByteSpan content, HashAlgorithm algorithm, CertificateHash& out) {
  out = CertificateHash();
  if (content.size() < kHashesBytes || content[0] > CertificateHash::kMaxSerialBytes) return;
  out.algorithm = algorithm;
  out.serial_size = content[0];
  std::memcpy(out.serial, content.data() + 1, out.serial_size);
  const uint8_t* const place = content.data() + kSerialFieldBytes + place_of(algorithm);
  std::memcpy(out.issuer_name, place, hash_bytes(algorithm));
  std::memcpy(out.issuer_key, place + kHashFieldBytes, hash_bytes(algorithm));
}

StoredRoots::StoredRoots(platform::FileStore& files, ItemKind kind) : files_(files), kind_(kind) {
  (void)read_index(files, index_);
}

Status StoredRoots::load(size_t index, Buffer& der, uint32_t& id) {
  const StoredItem* const item = index_.at(kind_, index);
  if (item == nullptr) return Status::kNotFound;
  RETURN_IF_ERROR(read_item(files_, *item, der));
  if (der.size() <= kHashesBytes) return Status::kCorrupt;
  const size_t size = der.size() - kHashesBytes;
  std::memmove(der.data(), der.data() + kHashesBytes, size);
  der.set_size(size);
  id = item->id;
  return Status::kOk;
}

size_t split_chain(ByteSpan content, ByteSpan (&out)[platform::TlsAuthority::kMaxChain]) {
  size_t count = 0;
  while (!content.empty()) {
    if (content.size() < 2 || count == platform::TlsAuthority::kMaxChain) return 0;
    const size_t size = content[0] | static_cast<size_t>(content[1]) << 8U;
    if (size > content.size() - 2) return 0;
    out[count++] = content.subspan(2, size);
    content = content.subspan(2 + size);
  }
  return count;
}

}  // namespace security
