#pragma once

#include "platform/clock.hpp"

#include <atomic>

namespace platform_linux {

/// CLOCK_MONOTONIC and CLOCK_REALTIME. Every LinuxClock of a process tells the same monotonic time.
/// @par Context  now() and utc() from any thread; set_utc() from one.
class LinuxClock final : public platform::Clock {
 public:
  enum class UtcSource {
    kOperatingSystem,  ///< set_utc() is ignored: NTP and the RTC know better than a CSMS.
    kCsms,  ///< Time as offered by set_utc(); unknown before. For hosts without NTP and RTC.
  };

  explicit LinuxClock(UtcSource source = UtcSource::kOperatingSystem) : source_(source) {}

  common::Instant now() const override;
  int64_t now_us() const override;
  /// Unknown while the operating system's clock is before 2024: such a clock was never set.
  common::UtcTime utc() const override;
  void set_utc(common::UtcTime utc) override;

 private:
  const UtcSource source_;
  std::atomic<int64_t> utc_minus_monotonic_ms_{0};  ///< 0 = set_utc() was never called.
};

}  // namespace platform_linux
