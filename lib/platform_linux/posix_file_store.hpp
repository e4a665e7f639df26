#pragma once

#include "platform/file_store.hpp"
#include "platform_linux/directory.hpp"

#include <string>

namespace platform_linux {

/// FileStore in one folder. Every change is fsync'ed, names included.
/// @par Context  One thread. Calls block for the time of an fsync.
class PosixFileStore final : public platform::FileStore {
 public:
  /// @param quota_bytes  Most bytes that all files together may hold; UINT32_MAX = what the disk has.
  explicit PosixFileStore(uint32_t quota_bytes = UINT32_MAX) : quota_bytes_(quota_bytes) {}

  /// Opens and locks the folder. Call once before anything else.
  /// @retval kInvalidState  Another process uses it.  @retval kIo  See last_error().
  common::Status open(const std::string& path) { return directory_.open(path); }
  /// Removes every file. @retval kIo  Some may still be there.
  common::Status erase_all() { return directory_.remove_files(""); }
  /// Why open() failed, one sentence.
  const std::string& last_error() const { return directory_.last_error(); }

  common::Result<uint32_t> size(const char* name) override;
  common::Result<size_t> read(const char* name, uint32_t offset,
                              common::MutableByteSpan buffer) override;
  common::Status append(const char* name, common::ByteSpan data) override;
  common::Status rename(const char* from, const char* to) override;
  common::Status remove(const char* name) override;
  uint32_t free_bytes() override;
  platform::WriteCount written() const override { return written_; }

 private:
  common::Status check(const char* name) const;

  Directory directory_;
  platform::WriteCount written_;
  const uint32_t quota_bytes_;
};

}  // namespace platform_linux
