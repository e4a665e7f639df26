#include "platform_linux/posix_file_store.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

namespace platform_linux {

using common::Result;
using common::Status;

namespace {

bool is_valid_name(const char* name) {
  const size_t size = std::strlen(name);
  if (size == 0 || size > platform::FileStore::kMaxNameBytes) return false;
  if (std::strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") != size) return false;
  return std::strcmp(name, ".") != 0 && std::strcmp(name, "..") != 0;
}

/// Sum of the sizes of the regular files in the folder.
uint64_t used_bytes(int directory_fd) {
  const int fd = ::openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return UINT64_MAX;
  DIR* const listing = ::fdopendir(fd);
  if (listing == nullptr) {
    ::close(fd);
    return UINT64_MAX;
  }
  uint64_t sum = 0;
  while (const dirent* entry = ::readdir(listing)) {
    struct stat info{};
    if (::fstatat(directory_fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISREG(info.st_mode)) {
      sum += static_cast<uint64_t>(info.st_size);
    }
  }
  ::closedir(listing);
  return sum;
}

}  // namespace

Status PosixFileStore::check(const char* name) const {
  if (!directory_.is_open()) return Status::kInvalidState;
  return is_valid_name(name) ? Status::kOk : Status::kInvalidArgument;
}

Result<uint32_t> PosixFileStore::size(const char* name) {
  RETURN_IF_ERROR(check(name));
  struct stat info{};
  if (::fstatat(directory_.fd(), name, &info, 0) != 0) return status_from_errno(errno);
  return static_cast<uint32_t>(std::min<off_t>(info.st_size, UINT32_MAX));
}

Result<size_t> PosixFileStore::read(const char* name, uint32_t offset,
                                    common::MutableByteSpan buffer) {
  RETURN_IF_ERROR(check(name));
  const UniqueFd file(::openat(directory_.fd(), name, O_RDONLY | O_CLOEXEC));
  if (!file.is_valid()) return status_from_errno(errno);
  size_t done = 0;
  while (done < buffer.size()) {
    const ssize_t count = ::pread(file.get(), buffer.data() + done, buffer.size() - done,
                                  static_cast<off_t>(offset) + static_cast<off_t>(done));
    if (count < 0) {
      if (errno == EINTR) continue;
      return status_from_errno(errno);
    }
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  return done;
}

Status PosixFileStore::append(const char* name, common::ByteSpan data) {
  RETURN_IF_ERROR(check(name));
  if (data.size() > free_bytes()) return Status::kNoSpace;
  bool is_new = false;
  UniqueFd file(::openat(directory_.fd(), name, O_WRONLY | O_APPEND | O_CLOEXEC));
  if (!file.is_valid() && errno == ENOENT) {
    file.reset(::openat(directory_.fd(), name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
    is_new = true;
  }
  if (!file.is_valid()) return status_from_errno(errno);
  written_.add(data.size());
  RETURN_IF_ERROR(write_fully(file.get(), data.data(), data.size()));
  if (::fsync(file.get()) != 0) return status_from_errno(errno);
  return is_new ? directory_.sync() : Status::kOk;
}

Status PosixFileStore::rename(const char* from, const char* to) {
  RETURN_IF_ERROR(check(from));
  RETURN_IF_ERROR(check(to));
  if (::renameat(directory_.fd(), from, directory_.fd(), to) != 0) return status_from_errno(errno);
  written_.add(0);
  return directory_.sync();
}

Status PosixFileStore::remove(const char* name) {
  RETURN_IF_ERROR(check(name));
  if (::unlinkat(directory_.fd(), name, 0) != 0) {
    return errno == ENOENT ? Status::kOk : status_from_errno(errno);
  }
  written_.add(0);
  return directory_.sync();
}

uint32_t PosixFileStore::free_bytes() {
  struct statvfs info{};
  if (!directory_.is_open() || ::fstatvfs(directory_.fd(), &info) != 0) return 0;
  uint64_t free = static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
  if (quota_bytes_ != UINT32_MAX) {
    const uint64_t used = used_bytes(directory_.fd());
    free = used >= quota_bytes_ ? 0 : std::min(free, quota_bytes_ - used);
  }
  return static_cast<uint32_t>(std::min<uint64_t>(free, UINT32_MAX));
}

}  // namespace platform_linux
