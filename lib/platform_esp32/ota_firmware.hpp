#pragma once

#include "platform/firmware.hpp"
#include "platform/image_label.hpp"
#include "platform/key_value_store.hpp"

#include <esp_partition.h>

namespace platform_esp32 {

/// The two app partitions of the board and the roll-back of ESP-IDF's boot loader.
///
/// An image is written sector by sector as it arrives; how far it is certain to reach is noted every kNoteBytes, so
/// that a download goes on after a power cut. A new image is on trial until confirm(): the boot loader goes
/// back when it restarts before (src/esp32/main.cpp keeps the framework from confirming by itself).
class OtaFirmware final : public platform::Firmware {
 public:
  /// @param state  Keys of this alone; outlives this.  @param version  Of this build, static.
  /// @param label    Of this build, static: that it is used here keeps it in the image.
  OtaFirmware(platform::KeyValueStore& state, const char* version,
              const platform::ImageLabel& label)
      : state_(state), version_(version), label_(label) {}
  /// Once, before the rest. @retval kUnsupported  The partition table has no second slot.
  common::Status begin();

  common::FixedString<50> version() const override { return version_; }
  Boot boot() const override;
  uint32_t security_version() const override { return security_; }
  common::Result<uint32_t> outdated() const override { return outdated_; }
  common::Status erase() override;
  uint32_t size() override;
  common::Status write(uint32_t offset, common::ByteSpan data) override;
  common::Result<size_t> read(uint32_t offset, common::MutableByteSpan buffer) override;
  common::Status verify() override;
  common::Status activate() override;
  common::Status confirm() override;
  /// The boot loader does it at the next restart.
  common::Status roll_back() override {
    return boot() == Boot::kTrial ? common::Status::kOk : common::Status::kInvalidState;
  }

 private:
  static constexpr uint32_t kSectorBytes = 4096;
  static constexpr uint32_t kNoteBytes = 64 * 1024;

  common::Status note(uint32_t bytes);
  common::Status note_security();
  common::Status check_security();

  platform::KeyValueStore& state_;
  const common::FixedString<50> version_;
  const esp_partition_t* slot_ = nullptr;
  const platform::ImageLabel& label_;
  uint32_t security_ = 0;  ///< Never decreases.
  common::Result<uint32_t> outdated_ = common::Status::kNotFound;
  uint32_t written_ = 0;
  uint32_t noted_ = 0;
  bool is_old_news_ = false;  ///< The image that was given up has been reported.
};

}  // namespace platform_esp32
