#include "platform_sim/sim_gpio_box.hpp"

#include "platform_sim/malloc_trap.hpp"

#include <algorithm>

namespace platform_sim {

using common::Instant;
using common::Result;
using common::Status;

namespace {

constexpr int32_t kPinZeroMv = 1650;
constexpr double kPinMvPerMv = 1000.0 / 7273.0;
constexpr double kPullOhm = 330;
constexpr double kReferenceMv = 3300;

}  // namespace

Status SimGpioBox::make_input(uint8_t pin, bool) {
  return pin == kFeedback || pin == kFault ? Status::kOk : Status::kInvalidArgument;
}

Status SimGpioBox::set(uint8_t pin, bool level) {
  advance();
  switch (pin) {
    case kContactor:
      if (contactor_ && !level && !is_welded_ && current_ma_ > 1000) ++opened_under_load_;
      if (contactor_ && !level) opened_at_ = clock_.now();
      contactor_ = level;
      return Status::kOk;
    case kLock:
      lock_ = level;
      return Status::kOk;
    case kPilotOff:
      pilot_off_ = level;
      return Status::kOk;
    default:
      return Status::kInvalidArgument;
  }
}

Result<bool> SimGpioBox::get(uint8_t pin) {
  if (pin == kFeedback) return is_closed();
  if (pin == kFault) return has_tripped_;
  return Status::kInvalidArgument;
}

Status SimGpioBox::set(uint8_t pin, uint16_t duty) {
  if (pin != kPilot) return Status::kInvalidArgument;
  advance();
  duty_ = duty;
  return Status::kOk;
}

Status SimGpioBox::open(uint8_t pin) {
  return pin == kPilotIn || pin == kProximity ? Status::kOk : Status::kInvalidArgument;
}

/// Of the pilot at the socket, mV.
int32_t SimGpioBox::level_mv(bool is_high) const {
  if (is_shorted_) return 0;
  const double open_mv = is_high ? 12000 : -12000;
  if (!is_plugged_ || pilot_off_) return static_cast<int32_t>(open_mv);
  double ohm = 2740;
  if (is_in_c_) {
    const double beside = ev_.needs_ventilation ? 270 : 1300;
    ohm = ohm * beside / (ohm + beside);
  }
  if (!ev_.has_diode) return static_cast<int32_t>(open_mv * ohm / (ohm + 1000));
  if (!is_high) return static_cast<int32_t>(open_mv);
  constexpr double kDiodeMv = 700;
  return static_cast<int32_t>((open_mv - kDiodeMv) * ohm / (ohm + 1000) + kDiodeMv);
}

Result<size_t> SimGpioBox::read_mv(uint8_t pin, common::Span<uint16_t> out) {
  advance();
  if (is_converter_broken_) return Status::kIo;
  Instant& last = pin == kPilotIn ? sampled_to_ : proximity_to_;
  const int64_t waiting = (clock_.now() - last) * kSamplesPerMs;
  last = clock_.now();
  const size_t count = std::min(out.size(), static_cast<size_t>(std::max<int64_t>(waiting, 0)));
  if (count == 0) return Status::kAgain;
  for (size_t i = 0; i < count; ++i) {
    random_ = random_ * 1664525U + 1013904223U;
    const int32_t noise =
        noise_mv_ == 0 ? 0 : static_cast<int32_t>(random_ >> 16U) % (2 * noise_mv_ + 1) - noise_mv_;
    int32_t mv = 0;
    if (pin == kPilotIn) {
      const auto phase = static_cast<uint32_t>(i % kSamplesPerMs) * 10000U / kSamplesPerMs;
      mv = kPinZeroMv +
           static_cast<int32_t>(level_mv(phase < duty_ || is_pwm_broken_) * kPinMvPerMv);
    } else if (is_plugged_) {
      mv = static_cast<int32_t>(kReferenceMv * ev_.cable_ohm / (ev_.cable_ohm + kPullOhm));
    } else {
      mv = static_cast<int32_t>(kReferenceMv);
    }
    out[i] = static_cast<uint16_t>(std::max(0, mv + noise));
  }
  return count;
}

Status SimGpioBox::open(uint8_t pin, const Filter&) {
  return pin == kS0 ? Status::kOk : Status::kInvalidArgument;
}

Result<uint32_t> SimGpioBox::take(uint8_t) {
  if (pulses_.empty()) return Status::kAgain;
  MallocTrap::Exempt exempt;
  const uint32_t at_us = pulses_.front();
  pulses_.pop_front();
  return at_us;
}

void SimGpioBox::on_board_restart() {
  advance();
  if (contactor_ && current_ma_ > 1000) ++opened_under_load_;
  contactor_ = lock_ = pilot_off_ = false;
  duty_ = 0;
  pulses_.clear();
}

void SimGpioBox::advance() {
  while (advanced_to_ < clock_.now()) {
    const int64_t ms = std::min<int64_t>(clock_.now() - advanced_to_, 5);
    advance_ev(ms);
    advanced_to_ = advanced_to_ + ms;
  }
}

void SimGpioBox::advance_ev(int64_t ms) {
  const Instant now = advanced_to_;
  const bool is_away = pilot_off_ || is_shorted_ || duty_ == 0;
  pilot_away_ms_ = is_away && is_plugged_ ? pilot_away_ms_ + ms : 0;
  if (pilot_away_ms_ >= 3000) ev_.is_asleep = false;
  const bool has_offer = is_plugged_ && !is_away && duty_ >= 800 && duty_ <= 9700;
  if (has_offer != had_offer_) {
    had_offer_ = has_offer;
    ev_since_ = now;
  }
  if (!is_plugged_ || is_away || !ev_.wants_energy || ev_.is_asleep) {
    is_in_c_ = false;
  } else if (has_offer) {
    if (now - ev_since_ >= ev_.start_ms) is_in_c_ = true;
  } else if (now - ev_since_ >= ev_.stop_ms && !ev_.keeps_asking) {
    is_in_c_ = false;
  }
  // What an EV may draw at this duty cycle, from the standard's table.
  const double percent = duty_ / 100.0;
  const double offered_a = percent < 10    ? 6
                           : percent <= 85 ? percent * 0.6
                           : percent <= 96 ? (percent - 64) * 2.5
                                           : 80;
  const bool flows = is_closed() && is_in_c_ && (has_offer || ev_.keeps_asking);
  const double offered_ma = has_offer ? offered_a * 1000 : ev_.max_ma;
  current_ma_ = flows ? static_cast<uint32_t>(std::min<double>(ev_.max_ma, offered_ma)) : 0;
  energy_wh_ += current_ma_ / 1000.0 * 230 * ev_.phases * static_cast<double>(ms) / 3600000.0;
  while (energy_wh_ >= next_pulse_wh_) {
    MallocTrap::Exempt exempt;
    if (pulses_.size() < kMaxWaiting) {
      pulses_.push_back(static_cast<uint32_t>((now.ms + ms) * 1000));
    } else {
      ++lost_pulses_;
    }
    next_pulse_wh_ += 1000.0 / per_kwh_;
  }
}

}  // namespace platform_sim
