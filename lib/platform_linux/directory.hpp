#pragma once

#include "common/status.hpp"
#include "platform_linux/unique_fd.hpp"

#include <string>

namespace platform_linux {

/// A folder that belongs to one process: created if absent, locked while open.
class Directory {
 public:
  /// Creates path and missing parents (mode 0700) and locks it.
  /// @retval kInvalidState  Another process has it open.
  /// @retval kIo            Cannot be created or opened; last_error() says why.
  common::Status open(const std::string& path);
  bool is_open() const { return fd_.is_valid(); }
  int fd() const { return fd_.get(); }
  const std::string& path() const { return path_; }
  /// One sentence; empty when open() succeeded.
  const std::string& last_error() const { return last_error_; }
  /// Removes the regular files whose names end so; durable on return. @param suffix  "" = all of them.
  common::Status remove_files(const char* suffix) const;
  /// Makes created, renamed and removed names durable.
  common::Status sync() const;

 private:
  common::Status fail(common::Status status, const std::string& what);

  UniqueFd fd_;
  std::string path_;
  std::string last_error_;
};

/// Writes everything to fd, from its present position on.
/// @retval kNoSpace  Disk, quota or file-size limit reached; a prefix may have been written.
common::Status write_fully(int fd, const void* data, size_t size);

/// The Status that stands for an errno of a file operation.
common::Status status_from_errno(int error);

}  // namespace platform_linux
