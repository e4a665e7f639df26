#pragma once

#include "platform/volume.hpp"
#include "platform_linux/posix_file_store.hpp"

#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace native {

/// The folder of the transaction records as a volume: a file in its place is what a broken file system is on a board.
class RecordsVolume final : public platform::Volume {
 public:
  /// @param files  Outlives this.
  RecordsVolume(platform_linux::PosixFileStore& files, std::string path)
      : files_(files), path_(std::move(path)) {}

  common::Status mount() override {
    if (files_.open(path_) == common::Status::kOk) return common::Status::kOk;
    struct stat info{};
    const bool is_file = ::stat(path_.c_str(), &info) == 0 && S_ISREG(info.st_mode);
    return is_file ? common::Status::kCorrupt : common::Status::kIo;
  }
  bool is_blank() override { return false; }
  common::Status format() override {
    return ::unlink(path_.c_str()) == 0 ? common::Status::kOk : common::Status::kIo;
  }

 private:
  platform_linux::PosixFileStore& files_;
  const std::string path_;
};

}  // namespace native
