#pragma once

#include "bridge/bridge_config.hpp"
#include "bridge/profile.hpp"
#include "common/time.hpp"

namespace bridge {

/// Debounces what a charger reports: pilot state -> plug, request, offer, fault. Only readings move it, never time
/// alone: a charger that falls silent in the middle of a change has not changed.
///
///   plug     A -> B after plug_on_ms, B -> A after plug_off_ms; E, F, X and hold keep the plug
///   request  B -> C after request_on_ms, C -> B after request_off_ms
///   fault    on at once (F: after pilot_f_ms), off after fault_off_ms; a contactor that failed stays a fault until the charger
///            has restarted, or the gateway: that it seems to work again is no reason to trust it
class Normaliser {
 public:
  struct Output {
    charger::Plug plug = charger::Plug::kUnknown;
    bool ev_requests_energy = false;
    bool energy_offered = false;
    bool is_faulted = false;
    charger::Error error = charger::Error::kNone;
    uint32_t value = 0;     ///< Register value behind error; meaningful when error is not kNone.
    const char* code = "";  ///< In place of value when not empty; lives as long as the profile.
    const char* info = "";  ///< From the profile: lives as long as it.
  };

  /// A fresh reading. @param is_offering  Stands in for x2 where the pilot does not tell.
  void update(const StateRow& row, bool is_offering, const Timings& timings, common::Instant now);
  /// When the next reading would settle a change under way; never when there is none.
  common::Instant wants_reading_at() const { return wants_reading_at_; }
  const Output& output() const { return output_; }
  Pilot pilot() const { return pilot_; }
  /// What the last reading says of the EV, not debounced; the output while the pilot hides it.
  bool is_asking() const;
  /// Whether the pilot has hidden the plug since before now - hold_max_ms.
  bool is_hidden_too_long(const Timings& timings, common::Instant now) const {
    return is_hidden_ && now - hidden_since_ >= timings.hold_max_ms;
  }
  /// The charger has restarted: whatever it offered is gone.
  void withdraw_offer() { output_.energy_offered = false; }
  /// Forgets changes under way, keeps the output: after a silence the next reading starts afresh.
  void restart();
  /// The charger was switched off and on: a contactor that failed may have been mended.
  void trust_contactor() { is_contactor_trusted_ = true; }

 private:
  struct Debounce {
    bool running = false;
    common::Instant since;
  };
  bool settle(Debounce& debounce, bool differs, uint32_t after_ms, common::Instant now);
  void update_plug(bool is_plugged, const Timings& timings, common::Instant now);
  void update_fault(const StateRow& row, const Timings& timings, common::Instant now);

  Output output_;
  Pilot pilot_ = Pilot::kHold;
  bool is_hidden_ = false;
  bool is_contactor_trusted_ = true;
  common::Instant hidden_since_;
  common::Instant wants_reading_at_ = common::Instant::never();
  Debounce plug_;
  Debounce request_;
  Debounce fault_on_;
  Debounce fault_off_;
};

}  // namespace bridge
