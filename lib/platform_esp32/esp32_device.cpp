#include "platform_esp32/esp32_device.hpp"

#include <cstdio>
#include <cstring>
#include <esp_core_dump.h>
#include <esp_efuse.h>
#include <esp_efuse_table.h>
#include <esp_heap_caps.h>
#include <esp_mac.h>
#include <esp_ota_ops.h>
#include <esp_partition.h>
#include <esp_spi_flash.h>
#include <esp_system.h>
#include <esp_task_wdt.h>

namespace platform_esp32 {

namespace {

const esp_partition_t* dump_partition() {
  return esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_DATA_COREDUMP,
                                  nullptr);
}

}  // namespace

void Esp32Device::begin() {
  esp_task_wdt_init(kWatchdog_s, true);
  esp_task_wdt_add(nullptr);
  read_summary();
}

/// The framework is built with core dumps to flash, as ELF; the partition table has a place for them.
void Esp32Device::read_summary() {
  size_t bytes = 0;
  if (esp_core_dump_image_get(&dump_address_, &bytes) != ESP_OK) return;
  crash_.dump_bytes = static_cast<uint32_t>(bytes);
  has_crash_ = true;
  esp_core_dump_summary_t summary{};
  if (esp_core_dump_get_summary(&summary) != ESP_OK) return;
  crash_.task.assign_truncated(common::text(summary.exc_task));
  char cause[48];
  std::snprintf(cause, sizeof cause, "exception %lu at address 0x%08lx",
                static_cast<unsigned long>(summary.ex_info.exc_cause),
                static_cast<unsigned long>(summary.ex_info.exc_vaddr));
  crash_.cause.assign_truncated(common::text(cause));
  const char* const image = reinterpret_cast<const char*>(summary.app_elf_sha256);
  crash_.image.assign_truncated(common::text(image));
  char own[CONFIG_APP_RETRIEVE_LEN_ELF_SHA + 1] = {};
  esp_ota_get_app_elf_sha256(own, sizeof own);
  crash_.is_this_image = std::strcmp(own, image) == 0;
  crash_.pc = summary.exc_pc;
  crash_.is_corrupt = summary.exc_bt_info.corrupted;
  const uint32_t depth = summary.exc_bt_info.depth;
  crash_.depth = static_cast<uint8_t>(depth < platform::CrashSummary::kMaxBacktrace
                                          ? depth
                                          : platform::CrashSummary::kMaxBacktrace);
  for (uint8_t i = 0; i < crash_.depth; ++i) crash_.backtrace[i] = summary.exc_bt_info.bt[i];
}

bool Esp32Device::crash(platform::CrashSummary& out) const {
  if (has_crash_) out = crash_;
  return has_crash_;
}

common::Result<size_t> Esp32Device::read_crash(uint32_t offset,
                                               common::MutableByteSpan buffer) const {
  if (!has_crash_) return common::Status::kNotFound;
  // Stacks may hold what a board with a device key (efuse_device_key.hpp) keeps for itself.
  if (esp_efuse_read_field_bit(ESP_EFUSE_WR_DIS_BLK3)) return common::Status::kUnsupported;
  if (offset >= crash_.dump_bytes) return size_t{0};
  const common::MutableByteSpan part = buffer.first(
      buffer.size() < crash_.dump_bytes - offset ? buffer.size() : crash_.dump_bytes - offset);
  const esp_partition_t* const place = dump_partition();
  if (place == nullptr || esp_partition_read(place, dump_address_ - place->address + offset,
                                             part.data(), part.size()) != ESP_OK)
    return common::Status::kIo;
  return part.size();
}

common::Status Esp32Device::erase_crash() {
  if (!has_crash_) return common::Status::kOk;
  // Its length stands in the first sector; erasing all of them would keep the loop for most of a second.
  const esp_partition_t* const place = dump_partition();
  if (place == nullptr || esp_partition_erase_range(place, 0, SPI_FLASH_SEC_SIZE) != ESP_OK)
    return common::Status::kIo;
  has_crash_ = false;
  return common::Status::kOk;
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
  multi_heap_info_t info;
  heap_caps_get_info(&info, MALLOC_CAP_8BIT);
  figures.allocated = static_cast<uint32_t>(info.total_allocated_bytes);
  figures.free = static_cast<uint32_t>(heap_caps_get_free_size(MALLOC_CAP_8BIT));
  figures.minimum_free = static_cast<uint32_t>(heap_caps_get_minimum_free_size(MALLOC_CAP_8BIT));
  figures.largest_block = static_cast<uint32_t>(heap_caps_get_largest_free_block(MALLOC_CAP_8BIT));
  return figures;
}

platform::TlsMemory::Free free_for_tls() {
  constexpr uint32_t kKind = MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT;
  return {heap_caps_get_free_size(kKind), heap_caps_get_largest_free_block(kKind)};
}

void Esp32Device::reboot() { esp_restart(); }

void Esp32Device::feed_watchdog() { esp_task_wdt_reset(); }

}  // namespace platform_esp32
