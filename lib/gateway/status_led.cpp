#include "gateway/status_led.hpp"

namespace gateway {

using common::Instant;

namespace {

constexpr unsigned kSlots = 16;

/// Slots of 125 ms, the first is the highest bit. Troubles are counted flashes with a pause, one second at least; the good
/// states are on for longer than they are off.
uint16_t pattern_of(Light light) {
  switch (light) {
    case Light::kAvailable:
    case Light::kRelease:
      return 0b1111111111111111;
    case Light::kPlugged:
      return 0b1111111111111100;
    case Light::kCharging:
      return 0b1111111100000000;
    case Light::kNoCsms:
      return 0b1000000000000000;
    case Light::kNoNetwork:
      return 0b1010000000000000;
    case Light::kNotConfigured:
      return 0b1010100000000000;
    case Light::kSafeMode:
      return 0b1010101000000000;
    case Light::kFaulted:
    case Light::kHeld:
      return 0b1010101010101010;
    case Light::kUpdating:
      return 0b1100110011001100;
    case Light::kBoot:
      return 0b1110111011101110;
  }
  return 0;
}

}  // namespace

Light light_of(const LightInputs& in) {
  if (in.is_updating) return Light::kUpdating;
  if (in.is_safe_mode) return Light::kSafeMode;
  if (!in.is_running) return Light::kNotConfigured;
  if (in.is_faulted) return Light::kFaulted;
  if (!in.is_network_up) return Light::kNoNetwork;
  if (!in.is_csms_up) return Light::kNoCsms;
  if (in.is_charging) return Light::kCharging;
  return in.is_plugged ? Light::kPlugged : Light::kAvailable;
}

Instant StatusLed::step(Light light, Instant now) {
  if (gpio_ == nullptr) return Instant::never();
  if (light != light_ || now < since_) {
    light_ = light;
    since_ = now;
  }
  const uint16_t pattern = pattern_of(light);
  const auto level_at = [pattern](int64_t slot) {
    return (pattern >> (kSlots - 1 - static_cast<unsigned>(slot % kSlots)) & 1U) != 0;
  };
  const int64_t slot = (now - since_) / kSlotMs;
  const bool level = level_at(slot);
  if (!is_known_ || level != level_) {
    is_known_ = gpio_->set(pin_, level) == common::Status::kOk;
    level_ = level;
  }
  for (int64_t next = slot + 1; next < slot + int64_t{kSlots}; ++next) {
    if (level_at(next) != level) return since_ + next * kSlotMs;
  }
  return Instant::never();
}

}  // namespace gateway
