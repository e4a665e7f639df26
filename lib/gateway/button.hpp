#pragma once

#include "platform/clock.hpp"
#include "platform/gpio.hpp"

namespace gateway {

/// One button between a pin and ground.
///
///     released --pressed 50 ms--> held --released before 3 s--> kShort
///                                  | 10 s
///                                  v
///                                armed --released--> kReset
///                                  | 20 s
///                                  v
///                               ignored until it is released
///
/// The reset needs the release, and a button that is stuck, shorted, or held since the start does nothing.
/// @par Context  Loop thread.
class Button {
 public:
  enum class Press : uint8_t { kNone, kShort, kReset };

  static constexpr int64_t kPollMs = 20;
  static constexpr int64_t kDebounceMs = 50;
  static constexpr int64_t kShortMs =
      3000;  ///< Longer is no short press; from here on the LED shows it.
  static constexpr int64_t kResetMs = 10000;
  static constexpr int64_t kStuckMs = 20000;

  /// @param gpio  Outlives the button; nullptr: there is none.
  Button(platform::Gpio* gpio, uint8_t pin) : gpio_(gpio), pin_(pin) {}

  common::Status begin() {
    return gpio_ == nullptr ? common::Status::kOk : gpio_->make_input(pin_, true);
  }
  /// @param next  Set to when to call again.
  /// @return      What was pressed since the last call.
  Press step(common::Instant now, common::Instant& next) {
    next = common::Instant::never();
    if (gpio_ == nullptr) return Press::kNone;
    next = now + kPollMs;
    const common::Result<bool> level = gpio_->get(pin_);
    if (!level.ok()) {  // unreadable: as if it had been held since the start
      was_released_ = false;
      is_pressed_ = false;
      return Press::kNone;
    }
    const bool is_down = !level.value();
    if (is_down != is_down_) {
      is_down_ = is_down;
      changed_at_ = now;
    }
    if (now - changed_at_ < kDebounceMs || is_down == is_pressed_) return Press::kNone;
    is_pressed_ = is_down;
    const bool counts = was_released_;
    if (is_down) {
      pressed_at_ = changed_at_;
      return Press::kNone;
    }
    was_released_ = true;
    if (!counts) return Press::kNone;
    const int64_t held_ms = changed_at_ - pressed_at_;
    if (held_ms < kShortMs) return Press::kShort;
    return held_ms >= kResetMs && held_ms < kStuckMs ? Press::kReset : Press::kNone;
  }
  /// How long it has been held, ms; 0 = it is not, or it does not count.
  int64_t held_ms(common::Instant now) const {
    const bool counts = is_pressed_ && was_released_ && now - pressed_at_ < kStuckMs;
    return counts ? now - pressed_at_ : 0;
  }

 private:
  platform::Gpio* gpio_;
  uint8_t pin_;
  bool is_down_ = true;
  bool is_pressed_ = true;     ///< Debounced; held until it was seen released.
  bool was_released_ = false;  ///< Since the start.
  common::Instant changed_at_;
  common::Instant pressed_at_;
};

}  // namespace gateway
