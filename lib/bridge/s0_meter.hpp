#pragma once

#include "common/time.hpp"
#include "platform/pulse_input.hpp"

namespace bridge {

/// Energy and power from the pulses of an S0 output (DIN 43864 / IEC 62053-31). Counts from 0 at start-up; pulses while the
/// board is off are lost.
class S0Meter {
 public:
  /// Pulses are at least 30 ms long, and as far apart.
  static constexpr platform::PulseInput::Filter kFilter{20000, 50000};
  static constexpr int64_t kZeroAfterMs = 60000;

  /// @param pulses  Outlives the meter. @param per_kwh  1..100000.
  common::Status begin(platform::PulseInput& pulses, uint8_t pin, uint32_t per_kwh);
  bool exists() const { return pulses_ != nullptr; }
  /// Takes what has come in.
  void update(common::Instant now);
  int64_t energy_wh() const { return static_cast<int64_t>(count_) * 1000 / per_kwh_; }
  uint64_t count() const { return count_; }
  /// From the distance of the last two pulses, and less once the next one is overdue; 0 after kZeroAfterMs.
  int32_t power_w(common::Instant now) const;
  /// The load was switched off: the last distance says nothing any more.
  void forget_power() { has_last_ = has_interval_ = false; }

 private:
  platform::PulseInput* pulses_ = nullptr;
  uint8_t pin_ = 0;
  uint32_t per_kwh_ = 1000;
  uint64_t count_ = 0;
  uint32_t lost_ = 0;
  bool has_last_ = false;
  bool has_interval_ = false;
  uint32_t last_us_ = 0;
  uint32_t interval_us_ = 0;
  common::Instant last_at_;
};

}  // namespace bridge
