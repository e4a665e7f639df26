#include "platform_esp32/ota_slots.hpp"

#include <esp_image_format.h>

namespace platform_esp32 {

using common::Status;

namespace {

Status from(esp_err_t error) { return error == ESP_OK ? Status::kOk : Status::kIo; }

}  // namespace

Status OtaSlots::read(uint32_t offset, common::MutableByteSpan buffer) {
  return from(esp_partition_read(slot_, offset, buffer.data(), buffer.size()));
}

Status OtaSlots::write(uint32_t offset, common::ByteSpan data) {
  return from(esp_partition_write(slot_, offset, data.data(), data.size()));
}

Status OtaSlots::erase(uint32_t offset) {
  return from(esp_partition_erase_range(slot_, offset, sector_bytes()));
}

bool OtaSlots::is_on_trial() const {
  esp_ota_img_states_t state{};
  return esp_ota_get_state_partition(esp_ota_get_running_partition(), &state) == ESP_OK &&
         state == ESP_OTA_IMG_PENDING_VERIFY;
}

bool OtaSlots::is_given_up() const {
  esp_ota_img_states_t state{};
  return esp_ota_get_state_partition(slot_, &state) == ESP_OK &&
         (state == ESP_OTA_IMG_ABORTED || state == ESP_OTA_IMG_INVALID);
}

common::Result<uint32_t> OtaSlots::check() {
  const esp_partition_pos_t place{slot_->address, slot_->size};
  esp_image_metadata_t data{};
  switch (esp_image_verify(ESP_IMAGE_VERIFY_SILENT, &place, &data)) {
    case ESP_OK:
      return data.image_len;
    case ESP_ERR_IMAGE_INVALID:
      return Status::kCorrupt;
    default:
      return Status::kIo;
  }
}

Status OtaSlots::choose() { return from(esp_ota_set_boot_partition(slot_)); }

Status OtaSlots::keep() { return from(esp_ota_mark_app_valid_cancel_rollback()); }

}  // namespace platform_esp32
