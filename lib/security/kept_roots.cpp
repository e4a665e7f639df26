#include "security/kept_roots.hpp"

#include "security/certificate_files.hpp"

#include <cstdio>

namespace security {

using common::ByteSpan;
using common::MutableByteSpan;
using common::Result;
using common::Status;

namespace {

constexpr size_t kPieceBytes = 512;

struct PieceName {
  PieceName(const char* file, unsigned piece) {
    std::snprintf(text, sizeof text, "%s.%u", file, piece);
  }
  char text[platform::KeyValueStore::kMaxKeyBytes + 1];
};

Status keep(platform::FileStore& files, const char* name, platform::KeyValueStore& store) {
  uint8_t piece[kPieceBytes];
  for (unsigned i = 0;; ++i) {
    const Result<size_t> size = files.read(name, i * kPieceBytes, MutableByteSpan(piece));
    if (!size.ok()) return size.status() == Status::kNotFound ? Status::kOk : size.status();
    if (size.value() == 0) return Status::kOk;
    RETURN_IF_ERROR(store.set(PieceName(name, i).text, ByteSpan(piece, size.value())));
    if (size.value() < kPieceBytes) return Status::kOk;
  }
}

Status restore(platform::KeyValueStore& store, const char* name, platform::FileStore& files) {
  uint8_t piece[kPieceBytes];
  for (unsigned i = 0;; ++i) {
    const Result<size_t> size = store.get(PieceName(name, i).text, MutableByteSpan(piece));
    if (!size.ok()) return size.status() == Status::kNotFound ? Status::kOk : size.status();
    if (i == 0) RETURN_IF_ERROR(files.remove(name));
    RETURN_IF_ERROR(files.append(name, ByteSpan(piece, size.value())));
  }
}

Status forget(platform::KeyValueStore& store, const char* name) {
  uint8_t piece[kPieceBytes];
  for (unsigned i = 0;; ++i) {
    const PieceName key(name, i);
    const Status status = store.get(key.text, MutableByteSpan(piece)).status();
    if (status != Status::kOk) return status == Status::kNotFound ? Status::kOk : status;
    RETURN_IF_ERROR(store.erase(key.text));
  }
}

Status keep_all(platform::FileStore& files, const CertificateIndex& index,
                platform::KeyValueStore& store) {
  for (const StoredItem& item : index.items)
    RETURN_IF_ERROR(keep(files, ItemFileName(item.file).text, store));
  return keep(files, kIndexFile, store);
}

}  // namespace

Status keep_roots(platform::FileStore& files, platform::KeyValueStore& store) {
  CertificateIndex index;
  const Status status = read_index(files, index);
  if (status == Status::kNotFound || status == Status::kCorrupt) return Status::kOk;
  RETURN_IF_ERROR(status);
  for (size_t i = index.items.size(); i-- > 0;) {
    if (index.items[i].kind != ItemKind::kManufacturerRoot) index.items.erase(i);
  }
  for (; !index.items.empty(); index.erase(index.items[0].id)) {  // the oldest goes first
    RETURN_IF_ERROR(write_index(files, index));
    const Status kept = keep_all(files, index, store);
    if (kept != Status::kNoSpace) return kept;
    RETURN_IF_ERROR(forget_kept_roots(store));
  }
  return Status::kOk;
}

Status restore_roots(platform::KeyValueStore& store, platform::FileStore& files) {
  for (uint8_t file = 0; file < kItemFiles; ++file)
    RETURN_IF_ERROR(restore(store, ItemFileName(file).text, files));
  return restore(store, kIndexFile, files);
}

Status forget_kept_roots(platform::KeyValueStore& store) {
  for (uint8_t file = 0; file < kItemFiles; ++file)
    RETURN_IF_ERROR(forget(store, ItemFileName(file).text));
  return forget(store, kIndexFile);
}

}  // namespace security
