#pragma once

#include "gateway/console_lock.hpp"
#include "gateway/console_output.hpp"
#include "gateway/crash_guard.hpp"
#include "gateway/factory_reset.hpp"
#include "json/writer.hpp"
#include "platform/device.hpp"
#include "platform/firmware.hpp"
#include "platform/serial_link.hpp"

namespace gateway {

/// What is left when the start finds too little memory for the gateway: a console that says so, instead of restarts for
/// ever that nobody can look into. An image on trial is given up at once; else it tries again after kRetryMs.
/// Commands: `status`, `login PASSWORD`, `reboot`, `factory-reset CONFIRM|DISCARD`; each reply as of Console. With a console
/// password only `status` and `login` work at first.
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
    FactoryReset& reset;  ///< Has finished.
    ConsoleLock& lock;
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
  void answer_login(common::Instant now);
  bool factory_reset(common::TextSpan word, common::Instant now, ConsoleLock::Error& error);
  void reply(int32_t id, common::TextSpan error);
  void write_status(json::Writer& out, common::Instant now) const;

  const Parts parts_;
  common::FixedString<159> why_;
  common::Instant restart_at_;
  int32_t login_id_ = 0;
  char line_[96] = {};
  size_t size_ = 0;
  bool is_too_long_ = false;
};

}  // namespace gateway
