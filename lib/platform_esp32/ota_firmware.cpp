#include "platform_esp32/ota_firmware.hpp"

#include <algorithm>
#include <cstring>
#include <esp_image_format.h>
#include <esp_ota_ops.h>

namespace platform_esp32 {

using common::Status;

namespace {

constexpr const char* kWrittenKey = "written";
constexpr const char* kOldNewsKey = "old_news";
constexpr const char* kSecurityKey = "security";

Status from(esp_err_t error) { return error == ESP_OK ? Status::kOk : Status::kIo; }

}  // namespace

Status OtaFirmware::begin() {
  slot_ = esp_ota_get_next_update_partition(nullptr);
  if (slot_ == nullptr) return Status::kUnsupported;
  uint8_t bytes[4];
  const common::Result<size_t> size = state_.get(kWrittenKey, common::MutableByteSpan(bytes));
  if (size.ok() && size.value() == sizeof bytes) std::memcpy(&noted_, bytes, sizeof noted_);
  is_old_news_ = state_.get(kOldNewsKey, common::MutableByteSpan(bytes)).ok();
  uint32_t noted = 0;
  const common::Result<size_t> known = state_.get(kSecurityKey, common::MutableByteSpan(bytes));
  if (known.ok() && known.value() == sizeof bytes) std::memcpy(&noted, bytes, sizeof noted);
  security_ = noted;
  // An image on trial has no say yet. The power may have gone between confirm() and its note.
  if (label_.security() <= noted || boot() == Boot::kTrial) return Status::kOk;
  security_ = label_.security();
  return note_security();
}

Status OtaFirmware::note_security() {
  uint8_t image[4];
  std::memcpy(image, &security_, sizeof image);
  return state_.set(kSecurityKey, common::ByteSpan(image));
}

Status OtaFirmware::check_security() {
  platform::ImageLabel label;
  RETURN_IF_ERROR(
      from(esp_partition_read(slot_, platform::ImageLabel::kOffset, &label, sizeof label)));
  if (label.security() >= security_) return Status::kOk;
  outdated_ = label.security();
  return Status::kUnsupported;
}

platform::Firmware::Boot OtaFirmware::boot() const {
  esp_ota_img_states_t state{};
  if (esp_ota_get_state_partition(esp_ota_get_running_partition(), &state) == ESP_OK &&
      state == ESP_OTA_IMG_PENDING_VERIFY)
    return Boot::kTrial;
  if (!is_old_news_ && slot_ != nullptr && esp_ota_get_state_partition(slot_, &state) == ESP_OK &&
      (state == ESP_OTA_IMG_ABORTED || state == ESP_OTA_IMG_INVALID))
    return Boot::kRolledBack;
  return Boot::kNormal;
}

Status OtaFirmware::note(uint32_t bytes) {
  uint8_t image[4];
  std::memcpy(image, &bytes, sizeof image);
  RETURN_IF_ERROR(state_.set(kWrittenKey, common::ByteSpan(image)));
  noted_ = bytes;
  return Status::kOk;
}

Status OtaFirmware::erase() {
  written_ = 0;
  if (boot() == Boot::kRolledBack) {
    const uint8_t yes[1] = {1};
    RETURN_IF_ERROR(state_.set(kOldNewsKey, common::ByteSpan(yes)));
    is_old_news_ = true;
  }
  return noted_ == 0 ? Status::kOk : note(0);
}

uint32_t OtaFirmware::size() {
  written_ = noted_;
  return noted_;
}

Status OtaFirmware::write(uint32_t offset, common::ByteSpan data) {
  if (offset != written_) return Status::kInvalidArgument;
  if (data.size() > slot_->size - offset) return Status::kNoSpace;
  outdated_ = Status::kNotFound;
  while (!data.empty()) {
    const uint32_t in_sector = written_ % kSectorBytes;
    if (in_sector == 0) {
      RETURN_IF_ERROR(from(esp_partition_erase_range(slot_, written_, kSectorBytes)));
    }
    const common::ByteSpan part = data.first(kSectorBytes - in_sector);
    RETURN_IF_ERROR(from(esp_partition_write(slot_, written_, part.data(), part.size())));
    written_ += static_cast<uint32_t>(part.size());
    data = data.subspan(part.size());
    if (written_ % kNoteBytes == 0) RETURN_IF_ERROR(note(written_));
  }
  return Status::kOk;
}

common::Result<size_t> OtaFirmware::read(uint32_t offset, common::MutableByteSpan buffer) {
  // Since a restart a whole number of notes says only that there was as much.
  if (written_ == 0 && noted_ % kNoteBytes == 0) return Status::kNotFound;
  if (written_ == 0) written_ = noted_;
  if (noted_ != written_) RETURN_IF_ERROR(note(written_));
  if (offset >= written_) return size_t{0};
  const size_t size = std::min<size_t>(buffer.size(), written_ - offset);
  RETURN_IF_ERROR(from(esp_partition_read(slot_, offset, buffer.data(), size)));
  return size;
}

/// About a second at once; nobody charges then.
Status OtaFirmware::verify() {
  const esp_partition_pos_t place{slot_->address, slot_->size};
  esp_image_metadata_t data{};
  switch (esp_image_verify(ESP_IMAGE_VERIFY_SILENT, &place, &data)) {
    case ESP_OK:
      return check_security();
    case ESP_ERR_IMAGE_INVALID:
      return Status::kCorrupt;
    default:
      return Status::kIo;
  }
}

Status OtaFirmware::activate() {
  RETURN_IF_ERROR(check_security());
  RETURN_IF_ERROR(state_.erase(kOldNewsKey));
  is_old_news_ = false;
  RETURN_IF_ERROR(note(0));
  return from(esp_ota_set_boot_partition(slot_));
}

Status OtaFirmware::confirm() {
  RETURN_IF_ERROR(from(esp_ota_mark_app_valid_cancel_rollback()));
  security_ = std::max(security_, label_.security());
  return note_security();
}

}  // namespace platform_esp32
