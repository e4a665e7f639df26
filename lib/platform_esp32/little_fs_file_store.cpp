#include "platform_esp32/little_fs_file_store.hpp"

#include <LittleFS.h>
#include <cerrno>
#include <cstdio>
#include <esp_partition.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace platform_esp32 {

using common::Status;

namespace {

constexpr const char* kMountPoint = "/littlefs";
constexpr const char* kLabel = "spiffs";  // what arduino-esp32 calls it
/// LittleFS copies on write: two blocks of 4 KiB must stay free for it to change anything.
constexpr size_t kReserveBytes = 8192;

struct Path {
  explicit Path(const char* name) { std::snprintf(text, sizeof text, "%s/%s", kMountPoint, name); }
  char text[48];
};

Status status_of_errno() {
  switch (errno) {
    case ENOENT:
      return Status::kNotFound;
    case ENOSPC:
      return Status::kNoSpace;
    default:
      return Status::kIo;
  }
}

const esp_partition_t* partition() {
  return esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_ANY, kLabel);
}

}  // namespace

Status LittleFsFileStore::mount() {
  if (LittleFS.begin(false, kMountPoint, 4, kLabel)) return Status::kOk;
  return partition() == nullptr ? Status::kIo : Status::kCorrupt;
}

/// LittleFS has its superblock in the first two blocks.
bool LittleFsFileStore::is_blank() {
  const esp_partition_t* const place = partition();
  uint8_t bytes[128];
  for (size_t at = 0; at < kReserveBytes; at += sizeof bytes) {
    if (place == nullptr || esp_partition_read(place, at, bytes, sizeof bytes) != ESP_OK)
      return false;
    for (const uint8_t byte : bytes) {
      if (byte != 0xFF) return false;
    }
  }
  return true;
}

Status LittleFsFileStore::format() { return LittleFS.format() ? Status::kOk : Status::kIo; }

Status LittleFsFileStore::erase_all(platform::Device& device) {
  constexpr size_t kPieceBytes = 64 * 1024;
  const esp_partition_t* const place = partition();
  if (place == nullptr) return Status::kIo;
  LittleFS.end();
  for (size_t at = 0; at < place->size; at += kPieceBytes) {
    device.feed_watchdog();
    const size_t size = place->size - at < kPieceBytes ? place->size - at : kPieceBytes;
    if (esp_partition_erase_range(place, at, size) != ESP_OK) return Status::kIo;
  }
  return LittleFS.begin(true, kMountPoint, 4, kLabel) ? Status::kOk : Status::kIo;
}

common::Result<uint32_t> LittleFsFileStore::size(const char* name) {
  struct stat info{};
  if (stat(Path(name).text, &info) != 0) return status_of_errno();
  return static_cast<uint32_t>(info.st_size);
}

common::Result<size_t> LittleFsFileStore::read(const char* name, uint32_t offset,
                                               common::MutableByteSpan buffer) {
  const int file = open(Path(name).text, O_RDONLY);
  if (file < 0) return status_of_errno();
  size_t done = 0;
  Status status = lseek(file, static_cast<off_t>(offset), SEEK_SET) < 0 ? Status::kIo : Status::kOk;
  while (status == Status::kOk && done < buffer.size()) {
    const ssize_t got = ::read(file, buffer.data() + done, buffer.size() - done);
    if (got < 0) status = Status::kIo;
    if (got <= 0) break;
    done += static_cast<size_t>(got);
  }
  close(file);
  if (status != Status::kOk) return status;
  return done;
}

Status LittleFsFileStore::append(const char* name, common::ByteSpan data) {
  const int file = open(Path(name).text, O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (file < 0) return status_of_errno();
  written_.add(data.size());
  size_t done = 0;
  Status status = Status::kOk;
  while (done < data.size()) {
    const ssize_t written = ::write(file, data.data() + done, data.size() - done);
    if (written <= 0) {
      status = written < 0 ? status_of_errno() : Status::kNoSpace;
      break;
    }
    done += static_cast<size_t>(written);
  }
  if (status == Status::kOk && fsync(file) != 0) status = status_of_errno();
  if (close(file) != 0 && status == Status::kOk) status = status_of_errno();
  return status;
}

Status LittleFsFileStore::rename(const char* from, const char* to) {
  written_.add(0);
  return ::rename(Path(from).text, Path(to).text) == 0 ? Status::kOk : status_of_errno();
}

Status LittleFsFileStore::remove(const char* name) {
  if (unlink(Path(name).text) != 0) return errno == ENOENT ? Status::kOk : status_of_errno();
  written_.add(0);
  return Status::kOk;
}

uint32_t LittleFsFileStore::free_bytes() {
  const size_t total = LittleFS.totalBytes();
  const size_t used = LittleFS.usedBytes() + kReserveBytes;
  return total > used ? static_cast<uint32_t>(total - used) : 0;
}

}  // namespace platform_esp32
