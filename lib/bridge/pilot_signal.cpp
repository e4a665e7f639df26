#include "bridge/pilot_signal.hpp"

#include <initializer_list>

namespace bridge {

uint16_t pilot_duty_for(uint32_t current_ma) {
  if (current_ma < 6000) return 0;
  if (current_ma > 80000) current_ma = 80000;
  // The two formulas do not meet: 85 % is 51 A, just above it is 52.5 A.
  if (current_ma < 52500) return static_cast<uint16_t>(current_ma < 51000 ? current_ma / 6 : 8500);
  return static_cast<uint16_t>(current_ma / 25 + 6400);
}

uint32_t pilot_current_for(uint16_t duty) {
  if (duty < 800 || duty > 9700) return 0;
  if (duty < 1000) return 6000;
  if (duty <= 8500) return duty * 6U;
  return duty <= 9600 ? (duty - 6400U) * 25U : 80000U;
}

uint32_t cable_rating_for(uint32_t ohm) {
  struct Band {
    uint32_t from_ohm;
    uint32_t to_ohm;
    uint32_t rating_ma;
  };
  // Nominal 100, 220, 680 and 1500 ohm; the upper bounds are those of IEC 61851-1, table B.2. More ohms mean less
  // current, so a value between two bands belongs to the weaker cable.
  constexpr Band kBands[] = {
      {80, 140, 63000}, {140, 308, 32000}, {308, 936, 20000}, {936, 2460, 13000}};
  for (const Band& band : kBands) {
    if (ohm >= band.from_ohm && ohm <= band.to_ohm) return band.rating_ma;
  }
  return 0;
}

PilotLevels separate_levels(common::Span<const uint16_t> samples, int32_t least_swing_mv) {
  int32_t lowest = INT32_MAX;
  int32_t highest = 0;
  for (const uint16_t sample : samples) {
    if (sample < lowest) lowest = sample;
    if (sample > highest) highest = sample;
  }
  const int32_t swing = highest - lowest;
  const int32_t middle = lowest + swing / 2;
  PilotLevels result;
  result.is_square = swing >= least_swing_mv;
  // First the mean of each half, then the mean of what is close to it: without edges and spikes.
  const auto mean = [&](bool is_high, int32_t around, int32_t within) {
    int64_t sum = 0;
    int32_t count = 0;
    for (const uint16_t sample : samples) {
      if (result.is_square && (sample > middle) != is_high) continue;
      if (sample < around - within || sample > around + within) continue;
      sum += sample;
      ++count;
    }
    return count == 0 ? around : static_cast<int32_t>(sum / count);
  };
  for (const bool is_high : {true, false}) {
    const int32_t rough = mean(is_high, middle, swing);
    const int32_t level = mean(is_high, rough, swing / 4);
    (is_high ? result.high_mv : result.low_mv) = level;
  }
  if (!result.is_square) result.low_mv = result.high_mv;
  return result;
}

PilotState PilotReader::classify(int32_t high_mv) const {
  // Upper bound of each state but A; the nominal levels are 12, 9, 6, 3, 0 and -12 V.
  constexpr struct {
    PilotState state;
    int32_t below_mv;
  } kBounds[] = {{PilotState::kF, -1500},
                 {PilotState::kE, 1500},
                 {PilotState::kD, 4500},
                 {PilotState::kC, 7500},
                 {PilotState::kB, 10500}};
  PilotState result = PilotState::kA;
  for (const auto& bound : kBounds) {
    // The state that holds keeps its ground: the bound moves away from it.
    const bool is_from_below = state_ >= bound.state && state_ != PilotState::kUnknown;
    const int32_t shift = state_ == PilotState::kUnknown ? 0
                          : is_from_below                ? kHysteresisMv
                                                         : -kHysteresisMv;
    if (high_mv < bound.below_mv + shift) {
      result = bound.state;
      break;
    }
  }
  return result;
}

void PilotReader::update(const PilotLevels& levels) {
  levels_ = levels;
  const PilotState seen = classify(levels.high_mv);
  if (seen != candidate_) {
    candidate_ = seen;
    count_ = 0;
  }
  if (count_ < kAgreeing) ++count_;
  if (count_ >= kAgreeing) state_ = candidate_;
  const bool has_ev = seen == PilotState::kB || seen == PilotState::kC || seen == PilotState::kD;
  const bool is_bad = levels.is_square && has_ev && levels.low_mv > kDiodeMv;
  if (!is_bad) {
    bad_diode_count_ = 0;
  } else if (bad_diode_count_ < kAgreeing) {
    ++bad_diode_count_;
  }
}

}  // namespace bridge
