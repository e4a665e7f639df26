#include "platform_esp32/esp32_device.hpp"

#include <cstdio>
#include <esp_heap_caps.h>
#include <esp_mac.h>
#include <esp_system.h>
#include <esp_task_wdt.h>

namespace platform_esp32 {

void Esp32Device::begin() {
  esp_task_wdt_init(kWatchdog_s, true);
  esp_task_wdt_add(nullptr);
}

common::FixedString<25> Esp32Device::serial_number() const {
  uint8_t mac[6] = {};
  esp_efuse_mac_get_default(mac);
  char text[13];
  std::snprintf(text, sizeof text, "%02X%02X%02X%02X%02X%02X", mac[0], mac[1], mac[2], mac[3],
                mac[4], mac[5]);
  return common::FixedString<25>(text);
}

platform::ResetCause Esp32Device::reset_cause() const {
  switch (esp_reset_reason()) {
    case ESP_RST_POWERON:
      return platform::ResetCause::kPowerOn;
    case ESP_RST_BROWNOUT:
      return platform::ResetCause::kBrownOut;
    case ESP_RST_INT_WDT:
    case ESP_RST_TASK_WDT:
    case ESP_RST_WDT:
    case ESP_RST_PANIC:
      return platform::ResetCause::kWatchdog;
    case ESP_RST_SW:
    case ESP_RST_DEEPSLEEP:
      return platform::ResetCause::kSoftware;
    case ESP_RST_UNKNOWN:
    case ESP_RST_EXT:
    case ESP_RST_SDIO:
      break;
  }
  return platform::ResetCause::kUnknown;
}

const char* Esp32Device::reset_reason() const {
  switch (esp_reset_reason()) {
    case ESP_RST_INT_WDT:
      return "interrupt watchdog";
    case ESP_RST_TASK_WDT:
      return "task watchdog";
    case ESP_RST_PANIC:
      return "panic";
    case ESP_RST_EXT:
      return "reset pin";
    default:
      return to_string(reset_cause());
  }
}

platform::HeapFigures Esp32Device::heap() const {
  platform::HeapFigures figures;
  figures.free = static_cast<uint32_t>(heap_caps_get_free_size(MALLOC_CAP_8BIT));
  figures.minimum_free = static_cast<uint32_t>(heap_caps_get_minimum_free_size(MALLOC_CAP_8BIT));
  figures.largest_block = static_cast<uint32_t>(heap_caps_get_largest_free_block(MALLOC_CAP_8BIT));
  return figures;
}

void Esp32Device::reboot() { esp_restart(); }

void Esp32Device::feed_watchdog() { esp_task_wdt_reset(); }

}  // namespace platform_esp32
