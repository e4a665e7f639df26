#pragma once

#include "platform/clock.hpp"

namespace platform_esp32 {

/// esp_timer (64-bit, monotonic) and the system time that SNTP or the CSMS sets.
class Esp32Clock final : public platform::Clock {
 public:
  common::Instant now() const override;
  int64_t now_us() const override;
  /// Unknown until SNTP answered or set_utc() was called: the RTC starts at 1970.
  common::UtcTime utc() const override;
  /// Ignored once SNTP has set the time.
  void set_utc(common::UtcTime utc) override;
};

}  // namespace platform_esp32
