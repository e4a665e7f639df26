#pragma once

#include "platform/device.hpp"

namespace platform_esp32 {

/// The chip: identity, reset cause, heap, task watchdog.
class Esp32Device final : public platform::Device {
 public:
  static constexpr uint32_t kWatchdog_s = 15;  ///< A loop that stands still this long restarts.

  /// Starts the task watchdog for the calling task. Call once from the loop task.
  void begin();

  /// Base MAC address, twelve upper-case hex digits.
  common::FixedString<25> serial_number() const override;
  platform::ResetCause reset_cause() const override;
  const char* reset_reason() const override;
  platform::HeapFigures heap() const override;
  void reboot() override;
  void feed_watchdog() override;
};

}  // namespace platform_esp32
