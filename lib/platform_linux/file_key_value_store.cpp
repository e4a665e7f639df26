#include "platform_linux/file_key_value_store.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>

namespace platform_linux {

using common::Result;
using common::Status;

namespace {

constexpr const char* kTemporaryName = "~new";  // '~' cannot occur in a key
constexpr const char* kSuffix = ".kv";          // makes "." and ".." ordinary keys

std::string file_name(const char* key) { return std::string(key) + kSuffix; }

}  // namespace

Status FileKeyValueStore::open(const std::string& path) {
  RETURN_IF_ERROR(directory_.open(path));
  ::unlinkat(directory_.fd(), kTemporaryName, 0);
  return Status::kOk;
}

Status FileKeyValueStore::check(const char* key) const {
  if (!directory_.is_open()) return Status::kInvalidState;
  const size_t size = std::strlen(key);
  const bool is_valid =
      size > 0 && size <= kMaxKeyBytes &&
      std::strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == size;
  return is_valid ? Status::kOk : Status::kInvalidArgument;
}

Result<size_t> FileKeyValueStore::get(const char* key, common::MutableByteSpan buffer) {
  RETURN_IF_ERROR(check(key));
  const UniqueFd file(::openat(directory_.fd(), file_name(key).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_valid()) return status_from_errno(errno);
  uint8_t value[kMaxValueBytes + 1];
  const ssize_t size = ::read(file.get(), value, sizeof value);
  if (size < 0) return Status::kIo;
  if (static_cast<size_t>(size) > kMaxValueBytes) return Status::kCorrupt;
  if (static_cast<size_t>(size) > buffer.size()) return Status::kNoSpace;
  if (size > 0) std::memcpy(buffer.data(), value, static_cast<size_t>(size));
  return static_cast<size_t>(size);
}

Status FileKeyValueStore::set(const char* key, common::ByteSpan value) {
  RETURN_IF_ERROR(check(key));
  if (value.size() > kMaxValueBytes) return Status::kInvalidArgument;
  uint8_t present[kMaxValueBytes];
  const Result<size_t> size = get(key, common::MutableByteSpan(present, sizeof present));
  if (size.ok() && size.value() == value.size() &&
      (value.empty() || std::memcmp(present, value.data(), value.size()) == 0)) {
    return Status::kOk;
  }
  UniqueFd file(
      ::openat(directory_.fd(), kTemporaryName, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file.is_valid()) return status_from_errno(errno);
  RETURN_IF_ERROR(write_fully(file.get(), value.data(), value.size()));
  if (::fsync(file.get()) != 0) return status_from_errno(errno);
  file.reset();
  if (::renameat(directory_.fd(), kTemporaryName, directory_.fd(), file_name(key).c_str()) != 0) {
    return status_from_errno(errno);
  }
  written_.add(value.size());
  return directory_.sync();
}

Status FileKeyValueStore::erase(const char* key) {
  RETURN_IF_ERROR(check(key));
  if (::unlinkat(directory_.fd(), file_name(key).c_str(), 0) != 0) {
    return errno == ENOENT ? Status::kOk : status_from_errno(errno);
  }
  written_.add(0);
  return directory_.sync();
}

Status FileKeyValueStore::erase_all() {
  written_.add(0);
  return directory_.remove_files(kSuffix);
}

}  // namespace platform_linux
