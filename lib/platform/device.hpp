#pragma once

#include "common/fixed_string.hpp"

namespace platform {

/// Why the gateway started. Decides between Reboot and PowerLoss when a transaction cannot be resumed.
enum class ResetCause : uint8_t { kPowerOn, kBrownOut, kWatchdog, kSoftware, kUnknown };

/// Memory of the device, bytes; 0 where the platform cannot tell.
struct HeapFigures {
  uint32_t free = 0;
  uint32_t minimum_free = 0;
  uint32_t largest_block = 0;
};

/// The computer itself.
class Device {
 public:
  virtual ~Device() = default;
  /// Stable hardware identity, for instance the MAC address in hex.
  virtual common::FixedString<25> serial_number() const = 0;
  virtual ResetCause reset_cause() const = 0;
  virtual HeapFigures heap() const = 0;
  /// Restarts the firmware; everything that must survive is already on flash. Does not return on the board.
  virtual void reboot() = 0;
  /// Tells the watchdog that the loop is alive. Call at least every 5 s.
  virtual void feed_watchdog() = 0;
};

}  // namespace platform
