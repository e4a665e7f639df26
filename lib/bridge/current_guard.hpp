#pragma once

#include "bridge/bridge_config.hpp"
#include "common/time.hpp"

namespace bridge {

/// Watches that the charger delivers what was offered and no more.
///
///   permitted, I > limit + max(1 A, 10 %): overrun_write_ms -> write the limit again; overrun_stop_ms -> stop,
///     OverCurrentFailure until the permission is withdrawn and the current has gone
///   not permitted, I > 1 A: unauthorised_ms -> write disable, again twice, unauth_retry_ms apart; then
///     UNAUTHORISED_ENERGY until the current has gone
///   power while the EV does not ask for any: after meter_doubt_ms the meter, or the charger, is doubted
class CurrentGuard {
 public:
  static constexpr int32_t kMarginMa = 1000;
  static constexpr int32_t kDoubtW = 300;

  enum class Fault : uint8_t { kNone, kOverCurrent, kUnauthorisedEnergy };

  /// A fresh measurement. @param current_ma  Highest phase.
  /// @param limit_ma  What the connector may draw now; 0 while it is not permitted.
  void update(int32_t current_ma, bool is_permitted, uint32_t limit_ma, const Timings& timings,
              common::Instant now);
  /// A fresh measurement of the power. @param is_charging  The charger says that the EV asks for energy (C).
  void check_power(int32_t power_w, bool is_charging, const Timings& timings, common::Instant now);
  /// Charger and meter have contradicted each other for long.
  bool is_in_doubt() const { return is_in_doubt_; }
  /// No measurement is at hand: timers start again with the next one; faults stay.
  void pause();
  /// True once after the setpoint should be written again.
  bool take_rewrite();
  /// The connector must be disabled whatever the offer says.
  bool must_stop() const { return must_stop_; }
  Fault fault() const { return fault_; }
  /// For so long more current flows than may, ms; 0 = it does not, or is not known.
  int64_t excess_ms(common::Instant now) const { return excess_running_ ? now - excess_since_ : 0; }

 private:
  void check_fault(bool is_quiet, const Timings& timings, common::Instant now);

  Fault fault_ = Fault::kNone;
  bool must_stop_ = false;
  bool rewrite_ = false;
  bool was_permitted_ = false;
  bool excess_running_ = false;
  bool quiet_running_ = false;
  bool doubt_running_ = false;
  bool is_in_doubt_ = false;
  uint8_t attempts_ = 0;
  common::Instant excess_since_;
  common::Instant next_attempt_;
  common::Instant quiet_since_;
  common::Instant doubt_since_;
};

}  // namespace bridge
