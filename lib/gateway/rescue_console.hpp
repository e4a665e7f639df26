#pragma once

#include "gateway/console_output.hpp"
#include "gateway/crash_guard.hpp"
#include "json/writer.hpp"
#include "platform/device.hpp"
#include "platform/firmware.hpp"
#include "platform/serial_link.hpp"

namespace gateway {

/// What is left when the start finds too little memory for the gateway: a console that says so, instead of restarts for
/// ever that nobody can look into. An image on trial is given up at once; else it tries again after kRetryMs.
/// Commands: `status`, `reboot`, `factory-reset CONFIRM`; each reply as of Console.
/// @par Context  Loop thread; does not block. No heap.
class RescueConsole {
 public:
  static constexpr int64_t kRetryMs = 30 * 60 * 1000;
  static constexpr int64_t kRebootDelayMs = 500;

  /// All outlive this.
  struct Parts {
    platform::SerialLink& input;
    ConsoleOutput& output;
    ConsoleLog& log;
    platform::Device& device;
    CrashGuard& crashes;
    platform::Firmware& firmware;
    platform::KeyValueStore& settings;
    platform::KeyValueStore& ocpp_settings;
    const char* version;  ///< Static.
  };

  explicit RescueConsole(const Parts& parts) : parts_(parts) {}

  /// @param wanted_bytes  That were asked for.
  void begin(uint32_t wanted_bytes, common::Instant now);
  /// @return When to call again at the latest.
  common::Instant step(common::Instant now);

 private:
  void read(common::Instant now);
  void handle(common::TextSpan line, common::Instant now);
  void write_status(json::Writer& out, common::Instant now) const;

  const Parts parts_;
  common::FixedString<159> why_;
  common::Instant restart_at_;
  char line_[64] = {};
  size_t size_ = 0;
  bool is_too_long_ = false;
};

}  // namespace gateway
