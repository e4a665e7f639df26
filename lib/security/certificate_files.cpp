#include "security/certificate_files.hpp"

#include "common/crc32.hpp"

#include <cstdio>

namespace security {

using common::ByteSpan;
using common::MutableByteSpan;
using common::Result;
using common::Status;

namespace {

constexpr const char* kCopyName = "certs.bak";
constexpr const char* kDraftName = "certs.new";

constexpr uint8_t kVersion = 1;
constexpr size_t kHeaderBytes = 8;
constexpr size_t kEntryBytes = 30;
constexpr size_t kCrcBytes = 4;
constexpr size_t kMostEntryBytes = 48;  ///< Of a later version that appended fields.
constexpr size_t kMostIndexBytes = kHeaderBytes + kMaxItems * kMostEntryBytes + kCrcBytes;

template <typename T>
void put(uint8_t*& at, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) {
    *at++ = static_cast<uint8_t>(static_cast<uint64_t>(value) >> (8 * i));
  }
}

template <typename T>
T get(const uint8_t*& at) {
  uint64_t value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) value |= static_cast<uint64_t>(*at++) << (8 * i);
  return static_cast<T>(value);
}

void put_entry(uint8_t*& at, const StoredItem& item) {
  put(at, item.id);
  put(at, static_cast<uint8_t>(item.kind));
  put(at, item.flags);
  put(at, item.file);
  put(at, item.key);
  put(at, item.size);
  put(at, item.crc);
  put(at, item.from.ms);
  put(at, item.until.ms);
}

StoredItem get_entry(const uint8_t* at) {
  StoredItem item;
  item.id = get<uint32_t>(at);
  item.kind = static_cast<ItemKind>(get<uint8_t>(at));
  item.flags = get<uint8_t>(at);
  item.file = get<uint8_t>(at);
  item.key = get<uint8_t>(at);
  item.size = get<uint16_t>(at);
  item.crc = get<uint32_t>(at);
  item.from.ms = get<int64_t>(at);
  item.until.ms = get<int64_t>(at);
  return item;
}

Status decode(ByteSpan image, CertificateIndex& out) {
  if (image.size() < kHeaderBytes + kCrcBytes) return Status::kCorrupt;
  const ByteSpan body = image.first(image.size() - kCrcBytes);
  const uint8_t* at = body.end();
  if (common::crc32(body) != get<uint32_t>(at)) return Status::kCorrupt;
  at = body.begin();
  const auto version = get<uint8_t>(at);
  const auto count = get<uint8_t>(at);
  const auto entry_bytes = get<uint8_t>(at);
  ++at;
  if (version != kVersion || count > kMaxItems || entry_bytes < kEntryBytes ||
      body.size() != kHeaderBytes + static_cast<size_t>(count) * entry_bytes) {
    return Status::kCorrupt;
  }
  out.next_id = get<uint32_t>(at);
  out.items.clear();
  for (size_t i = 0; i < count; ++i, at += entry_bytes) {
    const StoredItem item = get_entry(at);
    if (item.file < kItemFiles && item.key <= kKeySlots) (void)out.items.push_back(item);
  }
  return Status::kOk;
}

Status read_copy(platform::FileStore& files, const char* name, CertificateIndex& out) {
  uint8_t image[kMostIndexBytes];
  const Result<size_t> size = files.read(name, 0, image);
  if (!size.ok()) return size.status();
  return decode(ByteSpan(image, size.value()), out);
}

}  // namespace

ItemFileName::ItemFileName(uint8_t file) { std::snprintf(text, sizeof text, "cert%02u", file); }

const StoredItem* CertificateIndex::find(uint32_t id) const {
  for (const StoredItem& item : items) {
    if (item.id == id) return &item;
  }
  return nullptr;
}

size_t CertificateIndex::count(ItemKind kind) const {
  size_t count = 0;
  for (const StoredItem& item : items) count += item.kind == kind ? 1U : 0U;
  return count;
}

const StoredItem* CertificateIndex::at(ItemKind kind, size_t index) const {
  for (const StoredItem& item : items) {
    if (item.kind == kind && index-- == 0) return &item;
  }
  return nullptr;
}

const StoredItem* CertificateIndex::newest(ItemKind kind) const {
  const StoredItem* newest = nullptr;
  for (const StoredItem& item : items) {
    if (item.kind == kind) newest = &item;
  }
  return newest;
}

void CertificateIndex::erase(uint32_t id) {
  for (size_t i = items.size(); i-- > 0;) {
    if (items[i].id == id) items.erase(i);
  }
}

uint8_t CertificateIndex::free_file() const {
  uint32_t used = 0;
  for (const StoredItem& item : items) used |= 1U << item.file;
  uint8_t file = 0;
  while ((used >> file & 1U) != 0) ++file;
  return file;
}

uint8_t CertificateIndex::free_key() const {
  uint32_t used = 1;
  for (const StoredItem& item : items) used |= 1U << item.key;
  uint8_t key = 1;
  while ((used >> key & 1U) != 0) ++key;
  return key;
}

Status read_index(platform::FileStore& files, CertificateIndex& out) {
  const Status first = read_copy(files, kIndexFile, out);
  if (first == Status::kOk || first == Status::kIo) return first;
  const Status second = read_copy(files, kCopyName, out);
  if (second == Status::kOk) return second;
  out.items.clear();
  return first == Status::kNotFound && second == Status::kNotFound ? Status::kNotFound
         : second == Status::kIo                                   ? second
                                                                   : Status::kCorrupt;
}

Status write_index_draft(platform::FileStore& files, const CertificateIndex& index) {
  uint8_t image[kHeaderBytes + kMaxItems * kEntryBytes + kCrcBytes];
  uint8_t* at = image;
  put(at, kVersion);
  put(at, static_cast<uint8_t>(index.items.size()));
  put(at, static_cast<uint8_t>(kEntryBytes));
  put(at, static_cast<uint8_t>(0));
  put(at, index.next_id);
  for (const StoredItem& item : index.items) put_entry(at, item);
  const ByteSpan body(image, static_cast<size_t>(at - image));
  put(at, common::crc32(body));
  RETURN_IF_ERROR(files.remove(kDraftName));
  return files.append(kDraftName, ByteSpan(image, static_cast<size_t>(at - image)));
}

Status rename_index_draft(platform::FileStore& files, IndexCopy copy) {
  return files.rename(kDraftName, copy == IndexCopy::kFirst ? kIndexFile : kCopyName);
}

Status write_index(platform::FileStore& files, const CertificateIndex& index) {
  RETURN_IF_ERROR(write_index_draft(files, index));
  RETURN_IF_ERROR(rename_index_draft(files, IndexCopy::kFirst));
  // The change is made. A copy that is older serves as well: what it names is either there or found damaged.
  if (write_index_draft(files, index) == Status::kOk)
    (void)rename_index_draft(files, IndexCopy::kSecond);
  return Status::kOk;
}

Status read_item(platform::FileStore& files, const StoredItem& item, Buffer& out) {
  if (!out.allocate(item.size)) return Status::kNoSpace;
  const Result<size_t> size = files.read(ItemFileName(item.file).text, 0, out.room());
  if (!size.ok()) return size.status();
  out.set_size(size.value());
  const bool is_whole = size.value() == item.size && common::crc32(out.bytes()) == item.crc;
  return is_whole ? Status::kOk : Status::kCorrupt;
}

Status read_item_head(platform::FileStore& files, const StoredItem& item, MutableByteSpan head) {
  if (head.size() > item.size) return Status::kCorrupt;
  const ItemFileName name(item.file);
  const auto head_size = static_cast<uint32_t>(head.size());
  Result<size_t> size = files.read(name.text, 0, head);
  if (!size.ok()) return size.status();
  if (size.value() != head.size()) return Status::kCorrupt;
  uint32_t crc = common::crc32(head);
  for (uint32_t offset = head_size; offset < item.size;) {
    uint8_t piece[256];
    const size_t rest = item.size - offset;
    size = files.read(name.text, offset, MutableByteSpan(piece).first(rest));
    if (!size.ok()) return size.status();
    if (size.value() == 0) return Status::kCorrupt;
    crc = common::crc32(ByteSpan(piece, size.value()), crc);
    offset += static_cast<uint32_t>(size.value());
  }
  return crc == item.crc ? Status::kOk : Status::kCorrupt;
}

Status write_item(platform::FileStore& files, StoredItem& item, ByteSpan content) {
  item.size = static_cast<uint16_t>(content.size());
  item.crc = common::crc32(content);
  const ItemFileName name(item.file);
  RETURN_IF_ERROR(files.remove(name.text));
  return files.append(name.text, content);
}

}  // namespace security
