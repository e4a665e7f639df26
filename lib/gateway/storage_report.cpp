#include "gateway/storage_report.hpp"

#include "gateway/json_members.hpp"

namespace gateway {

LOG_MODULE("gateway.storage");

using common::Instant;
using common::Status;
using platform::VolumeState;

namespace {

constexpr const char* kKey = "wear";
/// { version, then of files and settings: writes u32, bytes u64, formats u16 }, little-endian; fields are only appended.
constexpr uint8_t kVersion = 1;
constexpr size_t kWearBytes = 14;
constexpr size_t kImageBytes = 1 + 2 * kWearBytes;
constexpr size_t kMaxImageBytes = 96;

void put(uint8_t*& out, uint64_t value, unsigned bytes) {
  for (unsigned i = 0; i < bytes; ++i) *out++ = static_cast<uint8_t>(value >> (8U * i));
}

uint64_t take(const uint8_t*& in, unsigned bytes) {
  uint64_t value = 0;
  for (unsigned i = 0; i < bytes; ++i) value |= uint64_t{*in++} << (8U * i);
  return value;
}

void put(uint8_t*& out, const StorageReport::Wear& wear) {
  put(out, wear.writes, 4);
  put(out, wear.bytes, 8);
  put(out, wear.formats, 2);
}

StorageReport::Wear take_wear(const uint8_t*& in) {
  StorageReport::Wear wear;
  wear.writes = static_cast<uint32_t>(take(in, 4));
  wear.bytes = take(in, 8);
  wear.formats = static_cast<uint16_t>(take(in, 2));
  return wear;
}

StorageReport::Wear sum(StorageReport::Wear base, const platform::WriteCount& since) {
  base.writes = base.writes > UINT32_MAX - since.writes ? UINT32_MAX : base.writes + since.writes;
  base.bytes += since.bytes;
  return base;
}

void count_format(StorageReport::Wear& wear, VolumeState state) {
  if (state == VolumeState::kFormatted && wear.formats != UINT16_MAX) ++wear.formats;
}

void write_store(json::Writer& out, const char* name, VolumeState state,
                 const StorageReport::Wear& wear) {
  out.key(name);
  out.begin_object();
  member(out, "state", to_string(state));
  member(out, "writes", wear.writes);
  member(out, "bytes", static_cast<int64_t>(wear.bytes));
  member(out, "formats", wear.formats);
  out.end_object();
}

}  // namespace

void StorageReport::begin(VolumeState files, VolumeState settings, Instant now) {
  file_state_ = files;
  setting_state_ = settings;
  uint8_t image[kMaxImageBytes];
  const common::Result<size_t> size = stores_.kept_in.get(kKey, image);
  if (size.ok() && size.value() >= kImageBytes && image[0] == kVersion) {
    const uint8_t* in = image + 1;
    file_base_ = take_wear(in);
    setting_base_ = take_wear(in);
  }
  count_format(file_base_, files);
  count_format(setting_base_, settings);
  due_at_ = now + kKeepMs;
  // A formatting is noted at once: what brought it about may come again soon.
  if (files == VolumeState::kFormatted || settings == VolumeState::kFormatted) (void)flush(now);
}

platform::WriteCount StorageReport::setting_writes() const {
  platform::WriteCount sum;
  for (const platform::KeyValueStore* store : stores_.settings) {
    if (store == nullptr) continue;
    const platform::WriteCount one = store->written();
    sum.writes += one.writes;
    sum.bytes += one.bytes;
  }
  return sum;
}

StorageReport::Wear StorageReport::file_wear() const {
  return sum(file_base_, stores_.files.written());
}

StorageReport::Wear StorageReport::setting_wear() const {
  return sum(setting_base_, setting_writes());
}

Instant StorageReport::step(Instant now) {
  if (now < due_at_) return due_at_;
  due_at_ = now + kKeepMs;
  if (stores_.files.written().writes + setting_writes().writes != kept_writes_) (void)flush(now);
  return due_at_;
}

Status StorageReport::flush(Instant now) {
  uint8_t image[kImageBytes] = {kVersion};
  uint8_t* out = image + 1;
  put(out, file_wear());
  put(out, setting_wear());
  const Status status = stores_.kept_in.set(kKey, common::ByteSpan(image));
  if (status != Status::kOk) LOG_WARN(log_, "the count of writes could not be stored");
  kept_writes_ = stores_.files.written().writes + setting_writes().writes;
  due_at_ = now + kKeepMs;
  return status;
}

void StorageReport::write(json::Writer& out) const {
  out.key("storage");
  out.begin_object();
  write_store(out, "files", file_state_, file_wear());
  write_store(out, "settings", setting_state_, setting_wear());
  out.end_object();
}

}  // namespace gateway
