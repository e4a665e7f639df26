#include "bridge/normaliser.hpp"

namespace bridge {

namespace {

bool is_requesting(Pilot pilot) {
  return pilot == Pilot::kC || pilot == Pilot::kC1 || pilot == Pilot::kC2;
}

}  // namespace

/// True when the change has lasted long enough; else notes when to look again.
bool Normaliser::settle(Debounce& debounce, bool differs, uint32_t after_ms, common::Instant now) {
  if (!differs) {
    debounce.running = false;
    return false;
  }
  if (!debounce.running) {
    debounce.running = true;
    debounce.since = now;
  }
  if (now - debounce.since >= after_ms) {
    debounce.running = false;
    return true;
  }
  wants_reading_at_ = common::earlier(wants_reading_at_, debounce.since + after_ms);
  return false;
}

void Normaliser::update_plug(bool plugged, const Timings& timings, common::Instant now) {
  const charger::Plug seen = plugged ? charger::Plug::kPlugged : charger::Plug::kUnplugged;
  if (output_.plug == charger::Plug::kUnknown) {
    output_.plug = seen;
    plug_.running = false;
    return;
  }
  if (settle(plug_, seen != output_.plug, plugged ? timings.plug_on_ms : timings.plug_off_ms, now))
    output_.plug = seen;
}

void Normaliser::update_fault(const StateRow& row, const Timings& timings, common::Instant now) {
  const bool is_warning = (row.flags & kStateWarning) != 0;
  const bool is_fault = row.error != charger::Error::kNone && !is_warning;
  // While the charger starts it says nothing about faults either.
  if (row.pilot == Pilot::kHold && row.error == charger::Error::kNone) return;
  if (!is_contactor_trusted_) return;
  if (row.error == charger::Error::kNone) {
    fault_on_.running = false;
    if (settle(fault_off_, output_.error != charger::Error::kNone, timings.fault_off_ms, now)) {
      output_.error = charger::Error::kNone;
      output_.is_faulted = false;
      output_.value = 0;
      output_.code = "";
      output_.info = "";
    }
    return;
  }
  fault_off_.running = false;
  const bool is_shown = output_.error == row.error && output_.is_faulted == is_fault &&
                        output_.value == row.value && output_.code == row.code;
  if (!settle(fault_on_, !is_shown, row.pilot == Pilot::kF ? timings.pilot_f_ms : 0, now)) return;
  output_.error = row.error;
  output_.is_faulted = is_fault;
  output_.value = row.value;
  output_.code = row.code;
  output_.info = row.info;
  is_contactor_trusted_ = !is_fault || row.error != charger::Error::kPowerSwitchFailure;
}

void Normaliser::update(const StateRow& row, bool is_offering, const Timings& timings,
                        common::Instant now) {
  pilot_ = row.pilot;
  wants_reading_at_ = common::Instant::never();
  const bool hides_plug = pilot_ == Pilot::kHold;
  if (hides_plug && !is_hidden_) hidden_since_ = now;
  is_hidden_ = hides_plug;

  update_fault(row, timings, now);
  switch (pilot_) {
    case Pilot::kHold:
      plug_.running = false;
      request_.running = false;
      if ((row.flags & kStateBoot) != 0) withdraw_offer();
      return;
    case Pilot::kE:
    case Pilot::kF:
    case Pilot::kX:
      plug_.running = false;
      request_.running = false;
      output_.energy_offered = false;
      return;
    case Pilot::kA:
      output_.energy_offered = false;
      output_.ev_requests_energy = false;
      request_.running = false;
      break;
    case Pilot::kB1:
    case Pilot::kC1:
      output_.energy_offered = false;
      break;
    case Pilot::kB2:
    case Pilot::kC2:
      output_.energy_offered = true;
      break;
    case Pilot::kB:
    case Pilot::kC:
      output_.energy_offered = is_offering;
      break;
  }
  update_plug(is_plugged(pilot_), timings, now);
  if (!is_plugged(pilot_)) return;
  const bool requests = is_requesting(pilot_);
  if (settle(request_, requests != output_.ev_requests_energy,
             requests ? timings.request_on_ms : timings.request_off_ms, now)) {
    output_.ev_requests_energy = requests;
  }
}

bool Normaliser::is_asking() const {
  const bool is_shown = pilot_ == Pilot::kA || is_plugged(pilot_);
  return is_shown ? is_requesting(pilot_) : output_.ev_requests_energy;
}

void Normaliser::restart() {
  trust_contactor();
  plug_.running = false;
  request_.running = false;
  fault_on_.running = false;
  fault_off_.running = false;
  is_hidden_ = false;
  wants_reading_at_ = common::Instant::never();
}

}  // namespace bridge
