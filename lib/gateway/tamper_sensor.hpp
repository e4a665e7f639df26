#pragma once

#include "bridge/gpio_config.hpp"
#include "platform/clock.hpp"
#include "platform/key_value_store.hpp"

namespace gateway {

/// The contact of the housing's lid. An opening is to be told once, however often the gateway starts before the lid is
/// closed again: key "lid" in the store. One that happened while the gateway was off shows at the start, unless the
/// lid was closed again meanwhile.
/// @par Context  Loop thread.
class TamperSensor {
 public:
  static constexpr int64_t kPollMs = 100;
  static constexpr int64_t kOpenMs = 300;    ///< Shorter is a shock to the housing.
  static constexpr int64_t kCloseMs = 2000;  ///< A contact that is rattled at is one opening.

  /// @param store  Outlives the sensor.
  explicit TamperSensor(platform::KeyValueStore& store) : store_(store) {}

  /// @param gpio  Outlives the sensor. @param pin  Active = open.
  common::Status begin(platform::Gpio& gpio, bridge::BoardPin pin) {
    gpio_ = &gpio;
    pin_ = pin;
    uint8_t value = 0;
    is_told_ = store_.get(kKey, common::MutableByteSpan(&value, 1)).ok();
    return gpio.make_input(pin.pin(), true);
  }
  bool exists() const { return gpio_ != nullptr; }
  bool is_open() const { return is_open_; }
  /// @return When to call again.
  common::Instant step(common::Instant now) {
    if (gpio_ == nullptr) return common::Instant::never();
    const common::Result<bool> level = gpio_->get(pin_.pin());
    if (level.ok()) {
      const bool is_active = level.value() != pin_.is_inverted;
      if (!is_known_ || is_active != was_active_) changed_at_ = now;
      is_known_ = true;
      was_active_ = is_active;
      if (now - changed_at_ >= (is_active ? kOpenMs : kCloseMs)) {
        is_open_ = is_active;
        if (!is_open_ && is_told_) is_told_ = store_.erase(kKey) != common::Status::kOk;
      }
    }
    return now + kPollMs;
  }
  /// The lid was opened, and nobody has been told.
  bool is_due() const { return is_open_ && !is_told_; }
  void note_told() {
    const uint8_t value = 1;
    is_told_ = true;
    (void)store_.set(kKey, common::ByteSpan(&value, 1));
  }

 private:
  static constexpr const char* kKey = "lid";

  platform::KeyValueStore& store_;
  platform::Gpio* gpio_ = nullptr;
  bridge::BoardPin pin_;
  bool is_known_ = false;
  bool was_active_ = false;
  bool is_open_ = false;
  bool is_told_ = false;
  common::Instant changed_at_;
};

}  // namespace gateway
