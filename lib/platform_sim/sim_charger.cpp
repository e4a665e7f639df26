#include "platform_sim/sim_charger.hpp"

#include <algorithm>

namespace platform_sim {

using charger::ChargerState;
using charger::Health;
using charger::MeterSample;
using common::Instant;
using common::Status;

namespace {

bool is_same(const ChargerState& a, const ChargerState& b) {
  return a.plug == b.plug && a.health == b.health && a.ev_requests_energy == b.ev_requests_energy &&
         a.energy_offered == b.energy_offered && a.is_faulted == b.is_faulted &&
         a.error == b.error && a.vendor_error_code == b.vendor_error_code && a.info == b.info &&
         a.limit_known == b.limit_known && a.limit_ma == b.limit_ma &&
         a.session_marker == b.session_marker;
}

}  // namespace

bool SimCharger::Unit::wants_energy() const {
  if (!is_plugged || !ev.wants_energy) return false;
  return ev.wanted_wh == 0 || energy_mw_ms - session_start_mw_ms < ev.wanted_wh * kMwMsPerWh;
}

bool SimCharger::Unit::is_offered() const {
  return offer.permit && offer.limit_ma >= wallbox.capabilities.min_ma && !is_faulted;
}

uint8_t SimCharger::Unit::phases() const {
  const uint8_t connected = std::min(ev.phases, wallbox.capabilities.phases);
  return wallbox.capabilities.can_switch_phases ? std::min(connected, offer.phases) : connected;
}

int32_t SimCharger::Unit::power_w() const {
  return static_cast<int32_t>(int64_t{wallbox.voltage_mv} * current_ma / 1000000 * phases());
}

Instant SimCharger::Unit::full_at() const {
  const int64_t power_mw = int64_t{power_w()} * 1000;
  if (!wants_energy() || ev.wanted_wh == 0 || power_mw == 0) return Instant::never();
  const int64_t missing = session_start_mw_ms + ev.wanted_wh * kMwMsPerWh - energy_mw_ms;
  return integrated_to + (missing + power_mw - 1) / power_mw;
}

SimCharger::SimCharger(SimClock& clock, uint8_t connectors)
    : SimCharger(clock, connectors, Wallbox()) {}

SimCharger::SimCharger(SimClock& clock, uint8_t connectors, const Wallbox& wallbox)
    : clock_(clock), units_(connectors) {
  for (Unit& unit : units_) {
    unit.wallbox = wallbox;
    if (unit.wallbox.capabilities.meter_fields == 0) {
      unit.wallbox.capabilities.meter_fields = charger::kMeterEnergyImport | charger::kMeterPower |
                                               charger::kMeterCurrent | charger::kMeterVoltage;
    }
    unit.energy_mw_ms = wallbox.initial_energy_wh * kMwMsPerWh;
    unit.integrated_to = clock.now();
    unit.next_sample = clock.now();
  }
}

void SimCharger::set_offer(uint8_t connector_id, const charger::Offer& offer, Instant now) {
  Unit& target = unit(connector_id);
  if (target.is_silent || offer == target.commanded) return;
  target.is_touched = true;
  target.commanded = offer;
  target.commanded_at = now + target.wallbox.command_ms;
}

void SimCharger::request_sample(uint8_t connector_id, Instant now) {
  Unit& target = touch(connector_id);
  target.next_sample = common::earlier(target.next_sample, now + target.wallbox.command_ms);
}

Status SimCharger::unlock(uint8_t connector_id, Instant) {
  Unit& target = touch(connector_id);
  if (!target.wallbox.capabilities.has_lock) return Status::kUnsupported;
  if (target.is_silent) return Status::kIo;
  ++target.unlocks;
  return Status::kOk;
}

charger::Capabilities SimCharger::capabilities(uint8_t connector_id) const {
  return unit(connector_id).wallbox.capabilities;
}

void SimCharger::integrate(Unit& unit, Instant to) {
  if (to <= unit.integrated_to) return;
  unit.energy_mw_ms += int64_t{unit.power_w()} * 1000 * (to - unit.integrated_to);
  unit.integrated_to = to;
}

void SimCharger::update_current(Unit& unit, Instant now) {
  const uint32_t limit = std::min(unit.offer.limit_ma, unit.wallbox.capabilities.max_ma);
  const bool can_flow =
      unit.is_offered() && unit.wants_energy() && limit >= unit.ev.min_ma && unit.ev.max_ma > 0;
  if (!can_flow) {
    unit.current_ma = 0;
    unit.starts_at = Instant::never();
    return;
  }
  if (unit.current_ma == 0 && unit.starts_at.is_never()) {
    unit.starts_at = now + unit.ev.start_delay_ms;
  }
  if (now < unit.starts_at) return;
  if (unit.current_ma == 0)
    unit.next_sample = common::earlier(unit.next_sample, now + unit.wallbox.sample_interval_ms);
  unit.current_ma = std::min(limit, unit.ev.max_ma);
}

void SimCharger::apply_due(Unit& unit, Instant now) {
  if (now >= unit.commanded_at) {
    unit.offer = unit.commanded;
    unit.commanded_at = Instant::never();
  }
  update_current(unit, now);
}

Instant SimCharger::next_event(const Unit& unit) const {
  Instant next = common::earlier(unit.commanded_at, unit.full_at());
  if (unit.current_ma == 0) next = common::earlier(next, unit.starts_at);
  if (unit.is_silent) {
    if (unit.reported.health == Health::kOk || unit.reported.health == Health::kUnknown) {
      next = common::earlier(next, unit.silent_since + unit.wallbox.stale_ms);
    } else if (unit.reported.health == Health::kStale) {
      next = common::earlier(next, unit.silent_since + unit.wallbox.lost_ms);
    } else if (!unit.reported.is_faulted) {
      next = common::earlier(next, unit.silent_since + unit.wallbox.faulted_ms);
    }
    return next;
  }
  return common::earlier(next, unit.next_sample);
}

Instant SimCharger::next_event() const {
  Instant next = Instant::never();
  for (const Unit& unit : units_)
    next = common::earlier(next, unit.is_touched ? next_event(unit) : unit.next);
  return next;
}

Instant SimCharger::step() {
  const Instant now = clock_.now();
  for (size_t i = 0; i < units_.size(); ++i) {
    Unit& unit = units_[i];
    if (!unit.is_touched && now < unit.next) {
      integrate(unit, now);
      continue;
    }
    // Physics first, event by event, so that the result does not depend on how often step() runs.
    for (;;) {
      Instant next = common::earlier(unit.commanded_at, unit.full_at());
      if (unit.current_ma == 0) next = common::earlier(next, unit.starts_at);
      if (next > now) break;
      if (next < unit.integrated_to) next = unit.integrated_to;
      integrate(unit, next);
      apply_due(unit, next);
    }
    integrate(unit, now);
    apply_due(unit, now);
    unit.is_touched = false;
    report(static_cast<uint8_t>(i + 1), unit, now);
    unit.next = next_event(unit);
  }
  return next_event();
}

ChargerState SimCharger::state_of(const Unit& unit, Instant now) const {
  ChargerState state = unit.reported;
  if (unit.is_silent) {
    const int64_t silent_ms = now - unit.silent_since;
    state.health = silent_ms >= unit.wallbox.lost_ms    ? Health::kLost
                   : silent_ms >= unit.wallbox.stale_ms ? Health::kStale
                                                        : unit.reported.health;
    if (state.health == Health::kLost) state.plug = charger::Plug::kUnknown;
    if (silent_ms >= unit.wallbox.faulted_ms) {
      state.error = charger::Error::kOtherError;
      state.is_faulted = true;
    }
    return state;
  }
  state.health = Health::kOk;
  state.plug = unit.is_plugged ? charger::Plug::kPlugged : charger::Plug::kUnplugged;
  state.energy_offered = unit.is_plugged && unit.is_offered();
  state.ev_requests_energy =
      unit.wants_energy() && state.energy_offered && unit.offer.limit_ma >= unit.ev.min_ma;
  state.error = unit.error;
  state.is_faulted = unit.is_faulted;
  state.vendor_error_code = unit.vendor_error_code;
  state.limit_known = true;
  state.limit_ma = unit.offer.permit ? unit.offer.limit_ma : 0;
  state.session_marker =
      unit.is_plugged && unit.wallbox.has_session_marker ? unit.session_marker : 0;
  return state;
}

MeterSample SimCharger::sample_of(const Unit& unit, Instant now) const {
  MeterSample sample;
  sample.taken_at = now;
  sample.valid = unit.wallbox.capabilities.meter_fields;
  sample.energy_import_wh = unit.energy_wh();
  sample.power_w = unit.power_w();
  const uint8_t phases = unit.phases();
  for (uint8_t phase = 0; phase < 3; ++phase) {
    sample.current_ma[phase] = phase < phases ? static_cast<int32_t>(unit.current_ma) : 0;
    sample.voltage_mv[phase] =
        phase < unit.wallbox.capabilities.phases ? unit.wallbox.voltage_mv : 0;
  }
  sample.temperature_deci_c = 250;
  sample.soc_percent = 50;
  sample.frequency_mhz = 50000;
  return sample;
}

void SimCharger::report(uint8_t connector_id, Unit& unit, Instant now) {
  const ChargerState state = state_of(unit, now);
  const bool is_new = !unit.is_reported || !is_same(state, unit.reported);
  unit.reported = state;
  if (observer_ == nullptr) return;
  if (is_new) {
    unit.is_reported = true;
    observer_->on_charger_state(connector_id, state, now);
  }
  if (unit.is_silent || now < unit.next_sample) return;
  const int64_t idle_ms = unit.wallbox.idle_sample_interval_ms;
  unit.next_sample =
      now + (unit.current_ma == 0 && idle_ms != 0 ? idle_ms : unit.wallbox.sample_interval_ms);
  observer_->on_meter_sample(connector_id, sample_of(unit, now), now);
}

void SimCharger::plug(uint8_t connector_id, const Ev& ev) {
  Unit& target = touch(connector_id);
  integrate(target, clock_.now());
  target.is_plugged = true;
  target.ev = ev;
  target.session_start_mw_ms = target.energy_mw_ms;
  ++target.session_marker;
  update_current(target, clock_.now());
}

void SimCharger::unplug(uint8_t connector_id) {
  Unit& target = touch(connector_id);
  integrate(target, clock_.now());
  target.is_plugged = false;
  update_current(target, clock_.now());
}

void SimCharger::set_ev_wants_energy(uint8_t connector_id, bool wants) {
  Unit& target = touch(connector_id);
  integrate(target, clock_.now());
  target.ev.wants_energy = wants;
  update_current(target, clock_.now());
}

void SimCharger::set_ev_phases(uint8_t connector_id, uint8_t phases) {
  Unit& target = touch(connector_id);
  integrate(target, clock_.now());
  target.ev.phases = phases;
}

void SimCharger::set_error(uint8_t connector_id, charger::Error error, bool is_faulted,
                           const char* vendor_error_code) {
  Unit& target = touch(connector_id);
  integrate(target, clock_.now());
  target.error = error;
  target.is_faulted = is_faulted && error != charger::Error::kNone;
  target.vendor_error_code = common::FixedString<50>(vendor_error_code);
  update_current(target, clock_.now());
}

void SimCharger::set_silent(uint8_t connector_id, bool is_silent) {
  Unit& target = touch(connector_id);
  if (is_silent && !target.is_silent) target.silent_since = clock_.now();
  if (!is_silent && target.is_silent) target.next_sample = clock_.now();
  target.is_silent = is_silent;
}

void SimCharger::on_gateway_restart(int64_t off_ms) {
  for (Unit& unit : units_) {
    integrate(unit, unit.integrated_to + off_ms);
    unit.integrated_to = clock_.now();
    unit.commanded_at = Instant::never();
    unit.commanded = unit.offer;
    if (!unit.starts_at.is_never()) unit.starts_at = clock_.now();
    if (unit.is_silent) unit.silent_since = clock_.now();
    unit.next_sample = clock_.now();
    unit.is_reported = false;
    unit.is_touched = true;
    unit.reported = ChargerState();
  }
}

}  // namespace platform_sim
