#include "bridge/s0_meter.hpp"

namespace bridge {

common::Status S0Meter::begin(platform::PulseInput& pulses, uint8_t pin, uint32_t per_kwh) {
  RETURN_IF_ERROR(pulses.open(pin, kFilter));
  pulses_ = &pulses;
  pin_ = pin;
  per_kwh_ = per_kwh;
  return common::Status::kOk;
}

void S0Meter::update(common::Instant now) {
  if (pulses_ == nullptr) return;
  for (size_t i = 0; i < platform::PulseInput::kMaxWaiting; ++i) {
    const common::Result<uint32_t> pulse = pulses_->take(pin_);
    if (!pulse.ok()) break;
    ++count_;
    // A distance of more than the zero time says nothing: the clock may have wrapped.
    has_interval_ = has_last_ && now - last_at_ < kZeroAfterMs;
    interval_us_ = pulse.value() - last_us_;
    last_us_ = pulse.value();
    last_at_ = now + -static_cast<int64_t>((pulses_->now_us() - pulse.value()) / 1000);
    has_last_ = true;
  }
  // Overrun pulses carry no time, but they are energy.
  const uint32_t lost = pulses_->lost(pin_);
  count_ += lost - lost_;
  lost_ = lost;
}

int32_t S0Meter::power_w(common::Instant now) const {
  const int64_t since_ms = now - last_at_;
  if (!has_interval_ || since_ms >= kZeroAfterMs) return 0;
  int64_t interval_us = interval_us_;
  if (since_ms * 1000 > interval_us) interval_us = since_ms * 1000;
  if (interval_us < 1000) interval_us = 1000;
  return static_cast<int32_t>(3600LL * 1000 * 1000 * 1000 / (interval_us * per_kwh_));
}

}  // namespace bridge
