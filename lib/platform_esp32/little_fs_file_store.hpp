#pragma once

#include "platform/device.hpp"
#include "platform/file_store.hpp"
#include "platform/volume.hpp"

namespace platform_esp32 {

/// FileStore on the LittleFS partition. LittleFS commits an append when the file is closed, so a cut leaves the
/// old contents; the port's weaker contract covers it.
/// @par Context  Loop task. Calls block for the time of a flash write (an erase takes up to 0.4 s).
class LittleFsFileStore final : public platform::FileStore, public platform::Volume {
 public:
  common::Status mount() override;
  bool is_blank() override;
  common::Status format() override;
  /// Erases the whole partition, as nothing else does for good, and makes a new file system.
  /// @param device  Its watchdog is fed meanwhile: it takes up to 10 s.
  common::Status erase_all(platform::Device& device);

  common::Result<uint32_t> size(const char* name) override;
  common::Result<size_t> read(const char* name, uint32_t offset,
                              common::MutableByteSpan buffer) override;
  common::Status append(const char* name, common::ByteSpan data) override;
  common::Status rename(const char* from, const char* to) override;
  common::Status remove(const char* name) override;
  uint32_t free_bytes() override;
  platform::WriteCount written() const override { return written_; }

 private:
  platform::WriteCount written_;
};

}  // namespace platform_esp32
