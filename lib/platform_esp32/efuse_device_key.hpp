#pragma once

#include "common/span.hpp"

#include <esp_efuse.h>
#include <esp_efuse_table.h>

namespace platform_esp32 {

constexpr size_t kDeviceKeyBytes = 32;

/// Reads the key that `vevgw secure burn device-key` left in BLOCK3 of the eFuses.
/// @return Whether there is one: the block is protected against writing and not empty.
inline bool read_device_key(uint8_t (&key)[kDeviceKeyBytes]) {
  if (!esp_efuse_read_field_bit(ESP_EFUSE_WR_DIS_BLK3)) return false;
  if (esp_efuse_read_block(EFUSE_BLK3, key, 0, kDeviceKeyBytes * 8) != ESP_OK) return false;
  for (const uint8_t byte : key) {
    if (byte != 0) return true;
  }
  return false;
}

}  // namespace platform_esp32
