#pragma once

#include "common/fixed_string.hpp"
#include "common/status.hpp"

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
  /// In use by everybody: what must not grow once everything has begun.
  uint32_t allocated = 0;
};

/// What is known of the last crash, until erase_crash().
struct CrashSummary {
  static constexpr size_t kMaxBacktrace = 16;

  common::FixedString<15> task;   ///< That crashed; empty = not known.
  common::FixedString<47> cause;  ///< As the hardware or the system names it.
  /// First digits of the SHA-256 of the crashed image's ELF file; empty = not known. Addresses mean something only with it.
  common::FixedString<16> image;
  bool is_this_image = false;  ///< The image that runs now is the one that crashed.
  uint32_t pc = 0;             ///< 0 = not known.
  uint8_t depth = 0;           ///< Of the back-trace.
  bool is_corrupt = false;     ///< The back-trace ends early: the stack was damaged.
  uint32_t backtrace[kMaxBacktrace] = {};
  uint32_t dump_bytes = 0;  ///< Of the core dump, see read_crash().
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
  /// @return False when no crash is kept.
  virtual bool crash(CrashSummary&) const { return false; }
  /// Part of the core dump. @return Bytes read; 0 at the end. @retval kNotFound  There is none.
  /// @retval kUnsupported  The device gives none away.  @retval kIo
  virtual common::Result<size_t> read_crash(uint32_t offset, common::MutableByteSpan buffer) const {
    (void)offset;
    (void)buffer;
    return common::Status::kNotFound;
  }
  /// Forgets the crash; erases a block of flash. @retval kIo
  virtual common::Status erase_crash() { return common::Status::kOk; }
  /// Restarts the firmware; everything that must survive is already on flash. Does not return on the board.
  virtual void reboot() = 0;
  /// Tells the watchdog that the loop is alive. Call at least every 5 s.
  virtual void feed_watchdog() = 0;
};

}  // namespace platform
