#include "ocpp/tag_table.hpp"

#include "common/crc32.hpp"

#include <algorithm>

namespace ocpp {
namespace {

using common::Status;

constexpr uint32_t kMagic = 0x31475456;  // "VTG1"
/// Left free for the records of transactions, which matter more.
constexpr uint32_t kSpareBytes = 16 * 1024;
constexpr size_t kStatusAt = 2;
constexpr size_t kTagSizeAt = 3;
constexpr size_t kParentSizeAt = 4;
constexpr size_t kStampAt = 6;
constexpr size_t kExpiryAt = 10;
constexpr size_t kExpiryBytes = 6;
constexpr size_t kTextAt = 16;
static_assert(kTextAt + 2 * limits::kIdTagBytes == TagTable::kSlotBytes,
              "a slot holds two id tags");

void put16(uint8_t* out, uint32_t value) {
  out[0] = static_cast<uint8_t>(value);
  out[1] = static_cast<uint8_t>(value >> 8U);
}

void put32(uint8_t* out, uint32_t value) {
  put16(out, value);
  put16(out + 2, value >> 16U);
}

uint64_t get(const uint8_t* in, size_t bytes) {
  uint64_t value = 0;
  for (size_t i = bytes; i-- > 0;) value = value << 8U | in[i];
  return value;
}

/// The same for all spellings of an id tag that count as one.
uint16_t hash_of(common::TextSpan id_tag) {
  uint32_t hash = 2166136261U;  // FNV-1a
  for (const char c : id_tag)
    hash = (hash ^ static_cast<uint8_t>(common::ascii_lower(c))) * 16777619U;
  return static_cast<uint16_t>(hash ^ hash >> 16U);
}

common::TextSpan tag_of(const uint8_t* slot) {
  return common::TextSpan(reinterpret_cast<const char*>(slot) + kTextAt, slot[kTagSizeAt]);
}

common::ByteSpan used_part(const uint8_t* slot) {
  return common::ByteSpan(slot, kTextAt + slot[kTagSizeAt] + slot[kParentSizeAt]);
}

bool is_sound(const uint8_t* slot) {
  return slot[kTagSizeAt] <= limits::kIdTagBytes && slot[kParentSizeAt] <= limits::kIdTagBytes &&
         slot[kStatusAt] <= static_cast<uint8_t>(IdTagStatus::kConcurrentTx);
}

}  // namespace

void TagTable::encode(const IdTag& id_tag, common::TextSpan parent_id_tag, IdTagStatus status,
                      common::UtcTime expiry, uint32_t stamp, uint8_t* slot) {
  std::memset(slot, 0, kSlotBytes);
  const size_t tag_size = id_tag.size();
  put16(slot, hash_of(id_tag.span()));
  slot[kStatusAt] = static_cast<uint8_t>(status);
  slot[kTagSizeAt] = static_cast<uint8_t>(tag_size);
  slot[kParentSizeAt] = static_cast<uint8_t>(parent_id_tag.size());
  put32(slot + kStampAt, stamp);
  const auto expiry_ms = static_cast<uint64_t>(std::max<int64_t>(0, expiry.ms));
  put32(slot + kExpiryAt, static_cast<uint32_t>(expiry_ms));
  put16(slot + kExpiryAt + 4, static_cast<uint32_t>(expiry_ms >> 32U));
  std::memcpy(slot + kTextAt, id_tag.c_str(), tag_size);
  if (!parent_id_tag.empty())
    std::memcpy(slot + kTextAt + tag_size, parent_id_tag.data(), parent_id_tag.size());
}

void TagTable::decode(const uint8_t* slot, TagEntry& out) {
  const common::TextSpan tag = tag_of(slot);
  out.id_tag.assign_truncated(tag);
  out.parent_id_tag.assign_truncated(common::TextSpan(tag.end(), slot[kParentSizeAt]));
  out.status = static_cast<IdTagStatus>(slot[kStatusAt]);
  out.stamp = static_cast<uint32_t>(get(slot + kStampAt, 4));
  out.expiry.ms = static_cast<int64_t>(get(slot + kExpiryAt, kExpiryBytes));
}

bool TagTable::same_tag(const uint8_t* slot, const uint8_t* other) {
  return hash(slot) == hash(other) && common::equals_ignore_case(tag_of(slot), tag_of(other));
}

TagTable::NewName::NewName(const char* name) {
  const size_t size = std::strlen(name);
  std::memcpy(text, name, size);
  std::memcpy(text + size, ".new", 5);
}

// -------------------------------------------------------------------------------------- reading

Status TagTable::read(uint32_t offset, common::MutableByteSpan buffer) const {
  size_t done = 0;
  while (done < buffer.size()) {
    const common::Result<size_t> got =
        files_.read(name_, offset + static_cast<uint32_t>(done), buffer.subspan(done));
    if (!got.ok() || got.value() == 0) return Status::kIo;
    done += got.value();
  }
  return Status::kOk;
}

TagTable::Reader::Reader(const TagTable& table, common::MutableByteSpan buffer)
    : table_(table), buffer_(buffer.first(buffer.size() / kSlotBytes * kSlotBytes)) {}

uint8_t* TagTable::Reader::next() {
  if (at_ == end_) {
    const size_t bytes = std::min<size_t>(buffer_.size(), (table_.count_ - next_) * kSlotBytes);
    if (bytes == 0) return nullptr;
    status_ = table_.read(static_cast<uint32_t>(next_ * kSlotBytes), buffer_.first(bytes));
    if (status_ != Status::kOk) return nullptr;
    next_ += static_cast<uint32_t>(bytes / kSlotBytes);
    at_ = 0;
    end_ = bytes;
  }
  uint8_t* slot = buffer_.data() + at_;
  at_ += kSlotBytes;
  if (is_sound(slot)) return slot;
  status_ = Status::kCorrupt;
  return nullptr;
}

Status TagTable::load(common::MutableByteSpan buffer) {
  count_ = 0;
  version_ = 0;
  newest_stamp_ = 0;
  (void)files_.remove(NewName(name_).text);
  const common::Result<uint32_t> size = files_.size(name_);
  if (size.status() == Status::kNotFound) return Status::kOk;
  if (!size.ok()) return size.status();
  const uint32_t slots_bytes = size.value() - static_cast<uint32_t>(kTrailerBytes);
  uint8_t trailer[kTrailerBytes];
  if (size.value() < kTrailerBytes || slots_bytes % kSlotBytes != 0) return Status::kCorrupt;
  RETURN_IF_ERROR(read(slots_bytes, common::MutableByteSpan(trailer)));
  const uint32_t count = slots_bytes / static_cast<uint32_t>(kSlotBytes);
  if (get(trailer, 4) != kMagic || get(trailer + 8, 4) != count) return Status::kCorrupt;
  count_ = count;
  Reader reader(*this, buffer);
  uint32_t crc = 0;
  for (const uint8_t* slot = reader.next(); slot != nullptr; slot = reader.next()) {
    crc = common::crc32(used_part(slot), crc);
    newest_stamp_ = std::max(newest_stamp_, static_cast<uint32_t>(get(slot + kStampAt, 4)));
  }
  Status status = reader.status();
  crc = common::crc32(common::ByteSpan(trailer, kTrailerBytes - 4), crc);
  if (status == Status::kOk && crc != get(trailer + 12, 4)) status = Status::kCorrupt;
  if (status == Status::kOk) {
    version_ = static_cast<int32_t>(get(trailer + 4, 4));
  } else {
    count_ = 0;
  }
  return status;
}

Status TagTable::find(const IdTag& id_tag, TagEntry& out) const {
  if (count_ == 0) return Status::kNotFound;
  const uint16_t wanted = hash_of(id_tag.span());
  Slot slot;
  uint32_t first = 0;
  uint32_t end = count_;
  while (first < end) {
    const uint32_t middle = first + (end - first) / 2;
    RETURN_IF_ERROR(
        read(static_cast<uint32_t>(middle * kSlotBytes), common::MutableByteSpan(slot, 2)));
    if (hash(slot) < wanted) {
      first = middle + 1;
    } else {
      end = middle;
    }
  }
  for (; first < count_; ++first) {
    RETURN_IF_ERROR(read(static_cast<uint32_t>(first * kSlotBytes), common::MutableByteSpan(slot)));
    if (hash(slot) != wanted) break;
    if (!is_sound(slot)) return Status::kCorrupt;
    if (!common::equals_ignore_case(tag_of(slot), id_tag.span())) continue;
    decode(slot, out);
    return Status::kOk;
  }
  return Status::kNotFound;
}

// -------------------------------------------------------------------------------------- writing

class TagTable::Writer {
 public:
  Writer(platform::FileStore& files, const char* name, size_t max_count,
         common::MutableByteSpan buffer)
      : files_(files), name_(name), buffer_(buffer), max_count_(max_count) {}

  Status add(const uint8_t* slot) {
    if (count_ == max_count_) return Status::kNoSpace;
    ++count_;
    crc_ = common::crc32(used_part(slot), crc_);
    RETURN_IF_ERROR(make_room(kSlotBytes));
    std::memcpy(buffer_.data() + used_, slot, kSlotBytes);
    used_ += kSlotBytes;
    return Status::kOk;
  }
  Status finish(int32_t version) {
    RETURN_IF_ERROR(make_room(kTrailerBytes));
    uint8_t* const trailer = buffer_.data() + used_;
    used_ += kTrailerBytes;
    put32(trailer, kMagic);
    put32(trailer + 4, static_cast<uint32_t>(version));
    put32(trailer + 8, count_);
    put32(trailer + 12, common::crc32(common::ByteSpan(trailer, kTrailerBytes - 4), crc_));
    return flush();
  }
  uint32_t count() const { return count_; }

 private:
  Status make_room(size_t size) { return used_ + size > buffer_.size() ? flush() : Status::kOk; }
  Status flush() {
    const common::ByteSpan data(buffer_.data(), used_);
    used_ = 0;
    return files_.append(name_, data);
  }

  platform::FileStore& files_;
  const char* name_;
  common::MutableByteSpan buffer_;
  size_t max_count_;
  size_t used_ = 0;
  uint32_t count_ = 0;
  uint32_t crc_ = 0;
};

Status TagTable::merge(const Changes& changes, common::MutableByteSpan buffer, Writer& writer) {
  Reader reader(*this, buffer);
  // Changes before `next` are done; a bit says that one at or after it already is.
  uint8_t next = 0;
  uint8_t done[32] = {};
  const auto change = [&](uint8_t at) { return changes.slots + changes.order[at] * kSlotBytes; };
  const auto add_before = [&](uint32_t limit) {
    for (; next < changes.count && hash(change(next)) < limit; ++next) {
      if ((done[next / 8U] & 1U << (next % 8U)) != 0 || is_removal(change(next))) continue;
      RETURN_IF_ERROR(writer.add(change(next)));
    }
    return Status::kOk;
  };
  uint8_t* slot = nullptr;
  while (changes.keeps_others && (slot = reader.next()) != nullptr) {
    RETURN_IF_ERROR(add_before(hash(slot)));
    const uint8_t* replacement = nullptr;
    for (uint8_t at = next; at < changes.count && hash(change(at)) == hash(slot); ++at) {
      if (!same_tag(change(at), slot)) continue;
      replacement = change(at);
      done[at / 8U] = static_cast<uint8_t>(done[at / 8U] | 1U << (at % 8U));
    }
    if (replacement == nullptr) {
      if (changes.filter == nullptr || changes.filter->keep(slot))
        RETURN_IF_ERROR(writer.add(slot));
    } else if (!is_removal(replacement)) {
      RETURN_IF_ERROR(writer.add(replacement));
    }
  }
  RETURN_IF_ERROR(reader.status());
  return add_before(UINT32_MAX);
}

Status TagTable::replace(const Changes& changes, int32_t version, size_t max_count,
                         common::MutableByteSpan buffer) {
  const NewName new_name(name_);
  const size_t most = (changes.keeps_others ? count_ : 0) + changes.count;
  if (files_.free_bytes() < most * kSlotBytes + kTrailerBytes + kSpareBytes)
    return Status::kNoSpace;
  RETURN_IF_ERROR(files_.remove(new_name.text));
  const size_t read_bytes =
      changes.keeps_others ? buffer.size() / 2 / kSlotBytes * kSlotBytes : size_t{0};
  Writer writer(files_, new_name.text, max_count, buffer.subspan(read_bytes));
  Status status = merge(changes, buffer.first(read_bytes), writer);
  if (status == Status::kOk && writer.count() == 0) return clear();
  if (status == Status::kOk) status = writer.finish(version);
  if (status == Status::kOk) status = files_.rename(new_name.text, name_);
  if (status != Status::kOk) {
    (void)files_.remove(new_name.text);
    return status;
  }
  count_ = writer.count();
  version_ = version;
  return Status::kOk;
}

Status TagTable::clear() {
  RETURN_IF_ERROR(files_.remove(name_));
  count_ = 0;
  version_ = 0;
  return Status::kOk;
}

}  // namespace ocpp
