#pragma once

#include "platform/clock.hpp"
#include "platform/gpio.hpp"

namespace app {

/// One LED that tells a technician the state from across the room.
enum class LedPattern : uint8_t {
  kOn,         ///< Registered at the CSMS.
  kSlowBlink,  ///< 1 s on, 1 s off: no CSMS; charging and records go on.
  kFastBlink,  ///< 125 ms: not configured, or a charger is faulted or silent.
};

/// Drives the LED; does nothing without a pin.
class StatusLed {
 public:
  /// @param gpio  nullptr: there is no LED.
  StatusLed(platform::Gpio* gpio, uint8_t pin) : gpio_(gpio), pin_(pin) {}

  /// @return  When the LED changes next.
  common::Instant step(LedPattern pattern, common::Instant now) {
    if (gpio_ == nullptr) return common::Instant::never();
    const int64_t half_ms = pattern == LedPattern::kSlowBlink ? 1000 : 125;
    const int64_t phase = now.ms / half_ms;
    const bool level = pattern == LedPattern::kOn || phase % 2 == 0;
    if (!is_known_ || level != level_) {
      is_known_ = gpio_->set(pin_, level) == common::Status::kOk;
      level_ = level;
    }
    return pattern == LedPattern::kOn ? common::Instant::never()
                                      : common::Instant{(phase + 1) * half_ms};
  }

 private:
  platform::Gpio* gpio_;
  uint8_t pin_;
  bool level_ = false;
  bool is_known_ = false;
};

}  // namespace app
