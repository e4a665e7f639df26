#include "platform_esp32/nvs_key_value_store.hpp"

#include <cstring>
#include <nvs_flash.h>

namespace platform_esp32 {

using common::Status;

namespace {

Status status_of(esp_err_t error) {
  switch (error) {
    case ESP_OK:
      return Status::kOk;
    case ESP_ERR_NVS_NOT_FOUND:
      return Status::kNotFound;
    case ESP_ERR_NVS_NOT_ENOUGH_SPACE:
    case ESP_ERR_NVS_INVALID_LENGTH:
      return Status::kNoSpace;
    case ESP_ERR_NVS_INVALID_NAME:
    case ESP_ERR_NVS_KEY_TOO_LONG:
      return Status::kInvalidArgument;
    default:
      return Status::kIo;
  }
}

}  // namespace

NvsKeyValueStore::~NvsKeyValueStore() {
  if (is_open_) nvs_close(handle_);
}

/// Only what erasing cannot mend is kIo: a partition that is missing, no memory.
Status NvsVolume::mount() {
  switch (nvs_flash_init()) {
    case ESP_OK:
      return Status::kOk;
    case ESP_ERR_NOT_FOUND:
    case ESP_ERR_NO_MEM:
      return Status::kIo;
    default:
      return Status::kCorrupt;
  }
}

Status NvsVolume::format() { return status_of(nvs_flash_erase()); }

Status NvsKeyValueStore::open(const char* name_space) {
  name_space_ = name_space;
  const Status status = status_of(nvs_open(name_space, NVS_READWRITE, &handle_));
  is_open_ = status == Status::kOk;
  return status;
}

common::Result<size_t> NvsKeyValueStore::get(const char* key, common::MutableByteSpan buffer) {
  if (!is_open_) return Status::kIo;
  size_t size = buffer.size();
  const Status status = status_of(nvs_get_blob(handle_, key, buffer.data(), &size));
  if (status != Status::kOk) return status;
  return size;
}

bool NvsKeyValueStore::holds(const char* key, common::ByteSpan value) {
  size_t size = 0;
  if (nvs_get_blob(handle_, key, nullptr, &size) != ESP_OK || size != value.size()) return false;
  uint8_t stored[kMaxValueBytes];
  return nvs_get_blob(handle_, key, stored, &size) == ESP_OK &&
         std::memcmp(stored, value.data(), size) == 0;
}

Status NvsKeyValueStore::commit(size_t bytes) {
  written_.add(bytes);
  return status_of(nvs_commit(handle_));
}

Status NvsKeyValueStore::set(const char* key, common::ByteSpan value) {
  if (!is_open_) return Status::kIo;
  if (value.size() > kMaxValueBytes) return Status::kInvalidArgument;
  if (holds(key, value)) return Status::kOk;
  RETURN_IF_ERROR(status_of(nvs_set_blob(handle_, key, value.data(), value.size())));
  return commit(value.size());
}

Status NvsKeyValueStore::erase(const char* key) {
  if (!is_open_) return Status::kIo;
  const Status status = status_of(nvs_erase_key(handle_, key));
  if (status == Status::kNotFound) return Status::kOk;
  RETURN_IF_ERROR(status);
  return commit(0);
}

Status NvsKeyValueStore::erase_all() {
  if (!is_open_) return Status::kIo;
  RETURN_IF_ERROR(status_of(nvs_erase_all(handle_)));
  return commit(0);
}

}  // namespace platform_esp32
