#pragma once

#include "platform/key_value_store.hpp"
#include "platform_linux/directory.hpp"

#include <string>

namespace platform_linux {

/// KeyValueStore in one folder: the value of KEY is the file KEY.kv, replaced by rename().
/// @par Context  One thread. set() and erase() block for the time of an fsync.
class FileKeyValueStore final : public platform::KeyValueStore {
 public:
  /// Opens and locks the folder; removes what an interrupted set() left.
  /// @retval kInvalidState  Another process uses it.  @retval kIo  See last_error().
  common::Status open(const std::string& path);
  /// Why open() failed, one sentence.
  const std::string& last_error() const { return directory_.last_error(); }

  common::Result<size_t> get(const char* key, common::MutableByteSpan buffer) override;
  common::Status set(const char* key, common::ByteSpan value) override;
  common::Status erase(const char* key) override;
  common::Status erase_all() override;
  platform::WriteCount written() const override { return written_; }

 private:
  common::Status check(const char* key) const;

  Directory directory_;
  platform::WriteCount written_;
};

}  // namespace platform_linux
