#pragma once

#include "platform/boot_slots.hpp"
#include "platform/flash_region.hpp"

#include <esp_ota_ops.h>

namespace platform_esp32 {

/// The two app partitions of the board and the roll-back of ESP-IDF's boot loader (src/esp32/main.cpp keeps the
/// framework from confirming by itself). Made once the framework runs.
class OtaSlots final : public platform::FlashRegion, public platform::BootSlots {
 public:
  uint32_t size() const override { return slot_ == nullptr ? 0 : slot_->size; }
  uint32_t sector_bytes() const override { return 4096; }
  common::Status read(uint32_t offset, common::MutableByteSpan buffer) override;
  common::Status write(uint32_t offset, common::ByteSpan data) override;
  common::Status erase(uint32_t offset) override;

  uint8_t running() const override { return esp_ota_get_running_partition()->subtype; }
  uint8_t other() const override { return slot_->subtype; }
  bool is_on_trial() const override;
  bool is_given_up() const override;
  common::Result<uint32_t> check() override;
  common::Status choose() override;
  common::Status keep() override;

 private:
  const esp_partition_t* const slot_ = esp_ota_get_next_update_partition(nullptr);
};

}  // namespace platform_esp32
