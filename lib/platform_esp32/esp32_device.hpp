#pragma once

#include "platform/device.hpp"
#include "platform/tls_memory.hpp"

namespace platform_esp32 {

/// Of the heap that mbedTLS takes its memory from: the internal one.
platform::TlsMemory::Free free_for_tls();

/// The chip: identity, reset cause, heap, task watchdog.
class Esp32Device final : public platform::Device {
 public:
  static constexpr uint32_t kWatchdog_s = 15;  ///< A loop that stands still this long restarts.

  /// Starts the task watchdog for the calling task, reads what a crash left. Call once from the loop task.
  void begin();

  /// Base MAC address, twelve upper-case hex digits.
  common::FixedString<25> serial_number() const override;
  platform::ResetCause reset_cause() const override;
  const char* reset_reason() const override;
  platform::HeapFigures heap() const override;
  /// What the panic handler left in the partition `coredump`, read by begin().
  bool crash(platform::CrashSummary& out) const override;
  common::Result<size_t> read_crash(uint32_t offset, common::MutableByteSpan buffer) const override;
  common::Status erase_crash() override;
  void reboot() override;
  void feed_watchdog() override;

 private:
  void read_summary();

  bool has_crash_ = false;
  platform::CrashSummary crash_;
  size_t dump_address_ = 0;
};

}  // namespace platform_esp32
