#pragma once

#include "charger/charger.hpp"

namespace ocpp {

/// How many phases the EV of a session uses, by its currents: limits in W are spread over them.
///
/// More phases than assumed count at once. Fewer count only after they have been seen for a while: many EVs begin on
/// one phase and add the others seconds later, and until that is noticed they would draw more than the limit.
class PhaseTracker {
 public:
  /// A new session: nothing is known of its EV.
  void reset() { *this = PhaseTracker(); }
  /// @param connected   Phases of the connector, 1..3.
  /// @param is_limited  The charger keeps the EV from using all of them: fewer than assumed tell nothing of the EV.
  void observe(const charger::MeterSample& sample, uint8_t connected, bool is_limited,
               common::Instant now) {
    uint8_t in_use = 0;
    for (const int32_t ma : sample.current_ma) in_use += ma >= kInUseMa ? 1 : 0;
    const uint8_t assumed = phases_ == 0 ? connected : phases_;
    if (in_use == 0 || (is_limited && in_use <= assumed)) return;
    if (in_use >= assumed) {
      phases_ = in_use;
      fewer_ = 0;
    } else if (in_use > fewer_) {
      fewer_ = in_use;
      fewer_since_ = now;
    } else if (now - fewer_since_ >= kSteadyMs) {
      phases_ = fewer_;
      fewer_ = 0;
    }
  }
  /// 1..3; 0 = not known yet.
  uint8_t phases() const { return phases_; }
  /// It has been seen on more than one, for however short.
  bool is_beyond_one() const { return phases_ > 1 || fewer_ > 1; }

  static constexpr int64_t kSteadyMs = 20000;

 private:
  static constexpr int32_t kInUseMa = 1000;

  common::Instant fewer_since_;
  uint8_t phases_ = 0;
  uint8_t fewer_ = 0;  ///< Highest number seen since fewer_since_; 0 = as many as assumed.
};

}  // namespace ocpp
