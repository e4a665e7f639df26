#include "platform_linux/directory.hpp"

#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <vector>

namespace platform_linux {

using common::Status;

Status status_from_errno(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return Status::kNoSpace;
    case ENOENT:
      return Status::kNotFound;
    default:
      return Status::kIo;
  }
}

Status write_fully(int fd, const void* data, size_t size) {
  const char* bytes = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t count = ::write(fd, bytes, size);
    if (count < 0) {
      if (errno == EINTR) continue;
      return status_from_errno(errno);
    }
    bytes += count;
    size -= static_cast<size_t>(count);
  }
  return Status::kOk;
}

Status Directory::fail(Status status, const std::string& what) {
  last_error_ = what;
  fd_.reset();
  return status;
}

Status Directory::open(const std::string& path) {
  path_ = path;
  last_error_.clear();
  if (path.empty()) return fail(Status::kInvalidArgument, "the data folder has no name");
  for (size_t end = 1; end <= path.size(); ++end) {
    if (end != path.size() && path[end] != '/') continue;
    const std::string part = path.substr(0, end);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
      return fail(Status::kIo, "cannot create the folder " + part + ": " + std::strerror(errno));
    }
  }
  fd_.reset(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd_.is_valid())
    return fail(Status::kIo, "cannot open the folder " + path + ": " + std::strerror(errno));
  if (::flock(fd_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK)
      return fail(Status::kInvalidState, "the folder " + path + " is in use by another gateway");
    return fail(Status::kIo, "cannot lock the folder " + path + ": " + std::strerror(errno));
  }
  return Status::kOk;
}

Status Directory::remove_files(const char* suffix) const {
  if (!is_open()) return Status::kInvalidState;
  const int fd = ::openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const listing = fd < 0 ? nullptr : ::fdopendir(fd);
  if (listing == nullptr) {
    if (fd >= 0) ::close(fd);
    return Status::kIo;
  }
  std::vector<std::string> names;
  const size_t size = std::strlen(suffix);
  while (const dirent* entry = ::readdir(listing)) {
    const std::string name = entry->d_name;
    struct stat info{};
    if (name.size() > size && name.compare(name.size() - size, size, suffix) == 0 &&
        ::fstatat(fd_.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISREG(info.st_mode))
      names.push_back(name);
  }
  ::closedir(listing);
  for (const std::string& name : names) {
    if (::unlinkat(fd_.get(), name.c_str(), 0) != 0 && errno != ENOENT)
      return status_from_errno(errno);
  }
  return sync();
}

Status Directory::sync() const {
  return ::fsync(fd_.get()) == 0 ? Status::kOk : status_from_errno(errno);
}

}  // namespace platform_linux
