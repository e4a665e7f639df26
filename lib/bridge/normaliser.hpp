#pragma once

#include "bridge/bridge_config.hpp"
#include "bridge/profile.hpp"
#include "common/time.hpp"

namespace bridge {

/// Debounces what a charger reports: pilot state -> plug, request, offer, fault.
///
///   plug     A -> B after plug_on_ms, B -> A after plug_off_ms; E, F, X and hold keep the plug
///   request  B -> C after request_on_ms, C -> B after request_off_ms
///   fault    on at once, off after fault_off_ms
class Normaliser {
 public:
  explicit Normaliser(const Timings& timings = Timings()) : timings_(timings) {}

  struct Output {
    charger::Plug plug = charger::Plug::kUnknown;
    bool ev_requests_energy = false;
    bool energy_offered = false;
    bool is_faulted = false;
    bool is_holding = false;  ///< The pilot has been hiding the plug for longer than hold_max_ms.
    uint16_t code = 0;  ///< State value of the fault or warning; meaningful when error is not kNone.
    charger::Error error = charger::Error::kNone;
    const char* info = "";
  };

  /// A fresh reading. @param is_offering  Stands in for x2 where the pilot does not tell.
  void update(const StateRow& row, bool is_offering, common::Instant now);
  /// Runs the timers. @return When the output may change by time alone.
  common::Instant step(common::Instant now);
  const Output& output() const { return output_; }
  Pilot pilot() const { return pilot_; }
  /// Forgets the timers, keeps the output: after a silence the next reading starts afresh.
  void restart();

 private:
  struct Debounce {
    bool running = false;
    bool value = false;
    common::Instant since;
  };
  static void want(Debounce& debounce, bool value, bool current, common::Instant now);

  Timings timings_;
  Output output_;
  Pilot pilot_ = Pilot::kHold;
  bool has_reading_ = false;
  bool hold_running_ = false;
  common::Instant hold_since_;
  Debounce plug_;
  Debounce request_;
  Debounce fault_;
};

}  // namespace bridge
