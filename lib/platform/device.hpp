#pragma once

#include "common/fixed_string.hpp"

namespace platform {

/// Why the gateway started. Decides between Reboot and PowerLoss when a transaction cannot be resumed.
enum class ResetCause : uint8_t {
  kPowerOn,
  kBrownOut,
  kWatchdog,  ///< The firmware crashed: watchdog or panic.
  kSoftware,
  kUnknown
};

/// Name for logs and the console.
constexpr const char* to_string(ResetCause cause) {
  switch (cause) {
    case ResetCause::kPowerOn:
      return "power on";
    case ResetCause::kBrownOut:
      return "brown-out";
    case ResetCause::kWatchdog:
      return "watchdog";
    case ResetCause::kSoftware:
      return "software";
    case ResetCause::kUnknown:
      break;
  }
  return "unknown";
}

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
  /// The same as exactly as the hardware tells, for technicians; static.
  virtual const char* reset_reason() const { return to_string(reset_cause()); }
  virtual HeapFigures heap() const = 0;
  /// Restarts the firmware; everything that must survive is already on flash. Does not return on the board.
  virtual void reboot() = 0;
  /// Tells the watchdog that the loop is alive. Call at least every 5 s.
  virtual void feed_watchdog() = 0;
};

}  // namespace platform
