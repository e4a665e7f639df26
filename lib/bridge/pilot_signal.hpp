#pragma once

#include "common/span.hpp"

#include <cstdint>

/// The control pilot and proximity contact of IEC 61851-1 / SAE J1772 as numbers.
namespace bridge {

/// Duty cycle, 1/10000, that offers a current: 6..51 A = duty / 0.6, up to 80 A = 2.5 * (duty - 64); rounded
/// down. @return 0 below 6 A.
uint16_t pilot_duty_for(uint32_t current_ma);
/// Current that an EV may draw at a duty cycle of 1/10000, mA: 8..10 % = 6 A, 10..85 % = duty * 0.6,
/// 85..96 % = (duty - 64) * 2.5, 96..97 % = 80 A; 0 elsewhere (5 % = digital communication).
uint32_t pilot_current_for(uint16_t duty);
/// Rating of a cable by the resistor between proximity contact and earth (1500, 680, 220, 100 ohm), mA: 13, 20, 32 or
/// 63 A; the lower rating between two bands. @return 0: no cable or an impossible one.
uint32_t cable_rating_for(uint32_t ohm);

/// The two levels of a pilot during some periods.
struct PilotLevels {
  int32_t high_mv = 0;
  int32_t low_mv = 0;  ///< Equal to high_mv while the pilot is steady.
  bool is_square = false;
};
/// Tells the two levels apart; edges and single outliers do not count.
/// @param samples  mV, at least one, over whole periods.
/// @param least_swing_mv  Less difference than this is a steady signal.
PilotLevels separate_levels(common::Span<const uint16_t> samples, int32_t least_swing_mv);

/// State of the pilot by its high level. Different from bridge::Pilot, which is what is reported.
enum class PilotState : uint8_t { kUnknown, kA, kB, kC, kD, kE, kF };
constexpr char to_char(PilotState state) {
  return state == PilotState::kUnknown ? '?' : static_cast<char>('A' + static_cast<int>(state) - 1);
}

/// Turns levels into a state: hysteresis between neighbours, kAgreeing equal readings in a row.
class PilotReader {
 public:
  static constexpr uint8_t kAgreeing = 2;
  static constexpr int32_t kHysteresisMv = 300;
  /// A low level above this has no diode in front of it (nominal -12 V).
  static constexpr int32_t kDiodeMv = -10000;

  /// @param levels  mV at the pilot.
  void update(const PilotLevels& levels);
  PilotState state() const { return state_; }
  const PilotLevels& levels() const { return levels_; }
  /// The EV's diode is missing or shorted: seen kAgreeing times in a row, only while the pilot is a square wave.
  bool is_diode_missing() const { return bad_diode_count_ >= kAgreeing; }

 private:
  PilotState classify(int32_t high_mv) const;

  PilotLevels levels_;
  PilotState state_ = PilotState::kUnknown;
  PilotState candidate_ = PilotState::kUnknown;
  uint8_t count_ = 0;
  uint8_t bad_diode_count_ = 0;
};

}  // namespace bridge
