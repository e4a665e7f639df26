#include "bridge/direct_driver.hpp"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <initializer_list>

namespace bridge {

LOG_MODULE("bridge");

using common::Instant;
using common::Status;

namespace {

/// Less is not charging.
constexpr int32_t kDrawingMa = 1000;

}  // namespace

void DirectDriver::configure_direct(const ConnectorConfig& config, const Model& model,
                                    const Ports& ports) {
  config_ = config;
  config_.profile = model.name;
  model_ = model;
  ports_ = ports;
  if (config.phases != 0) model_.phases = config.phases;
  if (uses_meter_energy()) {
    // A lifetime counter, of another kind than the charger's own.
    constexpr uint8_t kMeterSource = 0x80;
    model_.energy.source = kMeterSource;
    model_.energy.may_restart = false;
    model_.energy.range_wh = 0;
    model_.energy.resolution_wh = 100;
  }
  energy_.configure(model_.energy);
}

void DirectDriver::begin(charger::ChargerObserver& observer, Instant now) {
  observer_ = &observer;
  begun_at_ = now;
  energy_saved_at_ = now;
  load_energy(energy_, config_.connector_id, *ports_.store, *ports_.log);
  if (energy_.is_known()) saved_energy_wh_ = energy_.value_wh();
  start(now);
}

Instant DirectDriver::step(Instant now) {
  if (pause_.next() <= now) update_target(now);
  Instant next = common::earlier(check_silence(now), pause_.next());
  const Instant first_offer_by = begun_at_ + config_.timings.first_offer_ms;
  if (!has_offer_ && now >= first_offer_by) {
    LOG_WARN(*ports_.log,
             "connector %u: nobody made an offer since start-up: disabling the charger",
             config_.connector_id);
    has_offer_ = true;
    on_target(now);
  }
  if (!has_offer_) next = common::earlier(next, first_offer_by);
  next = common::earlier(next, run(now));
  next = common::earlier(next, run_wake(now));
  report_state(now);
  return next;
}

/// Wakes an EV that slept through a pause of ours.
Instant DirectDriver::run_wake(Instant now) {
  if (!has_offer_ || !has_read_state_ || is_stale(now)) return Instant::never();
  const Normaliser::Output& seen = normaliser_.output();
  int32_t current_ma = 0;
  const bool draws = Measurement::highest_current(last_sample_, model_.phases, current_ma) &&
                     current_ma >= kDrawingMa;
  WakeLadder::View view;
  view.is_plugged = seen.plug != charger::Plug::kUnplugged;
  view.is_permitted = offer_.permit;
  view.is_wanted = compute_target() != 0;
  view.is_offered = target_ma_ != 0 && limit_known_ && limit_ma_ != 0 && seen.energy_offered;
  view.is_asking = normaliser_.is_asking() || draws;
  view.is_stopped = target_ma_ == 0 && limit_known_ && limit_ma_ == 0;
  const bool was_interrupting = wake_.is_interrupting();
  const bool was_toggling = wake_.is_toggling();
  switch (wake_.step(view, wake_means(), config_.timings, now)) {
    case WakeLadder::Step::kNone:
      break;
    case WakeLadder::Step::kRewrite:
      LOG_INFO(*ports_.log, "connector %u: the EV does not charge after the pause: waking it",
               config_.connector_id);
      on_target(now);
      break;
    case WakeLadder::Step::kInterrupt:
      LOG_INFO(*ports_.log, "connector %u: interrupting the pilot to wake the EV",
               config_.connector_id);
      break;
    case WakeLadder::Step::kToggle:
      LOG_INFO(*ports_.log, "connector %u: permission off and on", config_.connector_id);
      break;
  }
  if (wake_.is_interrupting() != was_interrupting) interrupt_pilot(wake_.is_interrupting(), now);
  if (wake_.is_toggling() != was_toggling) update_target(now);
  return wake_.next();
}

void DirectDriver::set_offer(const charger::Offer& offer, Instant now) {
  if (has_offer_ && offer == offer_) return;
  const bool is_first = !has_offer_;
  has_offer_ = true;
  offer_ = offer;
  if (is_first) {
    update_pause(now);
    target_ma_ = compute_target();
    on_target(now);
  } else {
    update_target(now);
  }
}

charger::Capabilities DirectDriver::capabilities() const {
  charger::Capabilities result;
  result.min_ma = model_.min_ma;
  if (hardware_min_ma_ > result.min_ma) result.min_ma = hardware_min_ma_;
  if (config_.min_ma > result.min_ma) result.min_ma = config_.min_ma;
  result.max_ma = model_.max_ma;
  if (hardware_max_ma_ != 0 && hardware_max_ma_ < result.max_ma) result.max_ma = hardware_max_ma_;
  if (config_.max_ma != 0 && config_.max_ma < result.max_ma) result.max_ma = config_.max_ma;
  result.phases = model_.phases;
  result.meter_fields = model_.meter_fields;
  if (ports_.meter != nullptr) result.meter_fields |= ports_.meter->fields();
  result.has_lock = model_.has_lock;
  result.failsafe_after_ms = failsafe_after_ms();
  if (result.failsafe_after_ms != 0) result.failsafe_ma = config_.failsafe_ma;
  return result;
}

uint32_t DirectDriver::compute_target() const {
  return !offer_.permit || guard_.must_stop() || pause_.is_holding() ? 0 : allowed_ma();
}

/// Rounded down to the step, 0 below the minimum.
uint32_t DirectDriver::allowed_ma() const {
  const charger::Capabilities limits = capabilities();
  uint32_t result = std::min(offer_.limit_ma, limits.max_ma);
  result -= result % model_.step_ma;
  return result < limits.min_ma ? 0 : result;
}

void DirectDriver::update_pause(Instant now) {
  if (pause_.update(offer_.permit, allowed_ma() != 0, config_.timings, now))
    LOG_WARN(*ports_.log, kPausedTooOften, config_.connector_id);
}

void DirectDriver::update_target(Instant now) {
  if (!has_offer_) return;
  update_pause(now);
  const uint32_t target = wake_.is_toggling() ? 0 : compute_target();
  if (target == target_ma_) return;
  LOG_INFO(*ports_.log, "connector %u: limit %" PRIu32 " -> %" PRIu32 " mA", config_.connector_id,
           target_ma_, target);
  target_ma_ = target;
  on_target(now);
}

void DirectDriver::set_hardware_limits(uint32_t min_ma, uint32_t max_ma, Instant now) {
  hardware_min_ma_ = min_ma;
  hardware_max_ma_ = max_ma;
  update_target(now);
}

void DirectDriver::on_state(const StateRow& row, bool is_offering, Instant now) {
  has_read_state_ = true;
  state_at_ = now;
  state_code_ = static_cast<uint16_t>(row.value);
  normaliser_.update(row, is_offering, config_.timings, now);
}

void DirectDriver::on_energy(int64_t counter_wh, Instant now) {
  if (!uses_meter_energy()) book_energy(counter_wh, now);
}

void DirectDriver::book_energy(int64_t counter_wh, Instant now) {
  const EnergyRegister::Update update = energy_.update(counter_wh, now);
  // The new base is stored at once: with the old one a restart would book what was not.
  const bool is_new_base =
      update == EnergyRegister::Update::kRebased || update == EnergyRegister::Update::kOtherDevice;
  if (update == EnergyRegister::Update::kRestarted || is_new_base) saved_energy_wh_ = -1;
  if (update == EnergyRegister::Update::kIgnored || is_new_base) {
    LOG_WARN(*ports_.log, "connector %u: the energy counter jumped to %" PRId64 " Wh: %s",
             config_.connector_id, counter_wh,
             update == EnergyRegister::Update::kIgnored ? "ignored" : "a new base");
  }
}

void DirectDriver::on_limit_read(uint32_t limit_ma) {
  limit_known_ = true;
  limit_ma_ = limit_ma;
}

/// Until a sample is tried again that waits for the meter.
constexpr int64_t kMeterAgainMs = 200;

void DirectDriver::request_sample(Instant now) {
  sample_at_ = now;
  if (ports_.meter != nullptr) ports_.meter->request(now);
}

void DirectDriver::emit_sample(Instant now) {
  if (ports_.meter != nullptr && ports_.meter->is_awaited(now)) {
    sample_at_ = now + kMeterAgainMs;
    return;
  }
  sample_at_ = Instant::never();
  reading_.taken_at = now;
  charger::MeterSample sample = reading_;
  const bool has_meter = ports_.meter != nullptr && ports_.meter->is_fresh(now);
  if (has_meter) {
    const charger::MeterSample& measured = ports_.meter->sample();
    energy_.set_device(ports_.meter->device());
    if (measured.has(charger::kMeterEnergyImport)) book_energy(measured.energy_import_wh, now);
    Measurement::complete(sample, measured, measured.has(charger::kMeterEnergyImport));
  }
  // Without a fresh reading of it the register says nothing new.
  if (energy_.is_known() && (has_meter || !uses_meter_energy()) &&
      (capabilities().meter_fields & charger::kMeterEnergyImport) != 0) {
    sample.valid |= charger::kMeterEnergyImport;
    sample.energy_import_wh = energy_.value_wh();
  }
  // A reading that was judged already tells nothing about what has been asked for since.
  const bool is_new = sample.taken_at != last_sample_.taken_at;
  last_sample_ = sample;
  if (is_new && sample.has(charger::kMeterPower)) {
    const bool may_charge = normaliser_.is_asking() || !is_plugged(normaliser_.pilot());
    guard_.check_power(sample.power_w, may_charge, config_.timings, now);
  }
  if (is_new) update_guard(now);
  // The first value is stored at once: it is the base of everything that follows.
  if (energy_.is_known() && energy_.value_wh() != saved_energy_wh_ &&
      (saved_energy_wh_ < 0 || now - energy_saved_at_ >= config_.timings.energy_save_ms)) {
    energy_saved_at_ = now;
    if (const Status status = checkpoint(); status != Status::kOk) {
      LOG_ERROR(*ports_.log, "connector %u: cannot store the energy register: %s",
                config_.connector_id, to_string(status));
    }
  }
  observer_->on_meter_sample(config_.connector_id, last_sample_, now);
}

void DirectDriver::update_guard(Instant now) {
  if (!has_offer_) {
    guard_.pause();
    return;
  }
  int32_t current_ma = 0;
  if (!Measurement::highest_current(last_sample_, model_.phases, current_ma)) return;
  guard_.update(current_ma, offer_.permit, target_ma_, config_.timings, now);
  if (guard_.take_rewrite()) {
    LOG_WARN(*ports_.log,
             "connector %u: %" PRId32 " mA flow, %" PRIu32
             " mA are allowed: giving the limit again",
             config_.connector_id, current_ma, target_ma_);
    on_target(now);
  }
  update_target(now);
}

Status DirectDriver::checkpoint() {
  if (!energy_.is_known()) return Status::kOk;
  RETURN_IF_ERROR(save_energy(energy_, config_.connector_id, *ports_.store));
  saved_energy_wh_ = energy_.value_wh();
  return Status::kOk;
}

Instant DirectDriver::check_silence(Instant now) {
  const Timings& timings = config_.timings;
  const Instant since = has_read_state_ ? state_at_ : begun_at_;
  const bool is_silent = has_read_state_ && is_stale(now);
  if (is_silent && !was_silent_) {
    LOG_WARN(*ports_.log, "connector %u: the charger is silent", config_.connector_id);
    normaliser_.restart();
    limit_known_ = false;
    on_silence(now);
  }
  was_silent_ = is_silent;
  if (is_silent) guard_.pause();
  Instant next = Instant::never();
  for (const uint32_t after_ms : {timings.stale_ms, timings.lost_ms, timings.faulted_ms}) {
    if (since + after_ms > now) next = common::earlier(next, since + after_ms);
  }
  return next;
}

charger::Health DirectDriver::health(Instant now) const {
  const Timings& timings = config_.timings;
  const int64_t silence_ms = now - (has_read_state_ ? state_at_ : begun_at_);
  if (silence_ms >= timings.lost_ms) return charger::Health::kLost;
  if (!has_read_state_) return charger::Health::kUnknown;
  if (normaliser_.is_hidden_too_long(timings, now)) return charger::Health::kLost;
  if (silence_ms >= timings.stale_ms || normaliser_.pilot() == Pilot::kHold)
    return charger::Health::kStale;
  return charger::Health::kOk;
}

void DirectDriver::describe_error(charger::ChargerState& state, Instant now) const {
  const auto set = [&state](charger::Error error, bool is_faulted, const char* code,
                            const char* info) {
    state.error = error;
    state.is_faulted = is_faulted;
    state.vendor_error_code.assign_truncated(common::text(code));
    state.info.assign_truncated(common::text(info));
  };
  const Normaliser::Output& seen = normaliser_.output();
  const int64_t silence_ms = now - (has_read_state_ ? state_at_ : begun_at_);
  char code[51];
  std::snprintf(code, sizeof code, "%s:%u", model_.name, static_cast<unsigned>(seen.value));
  if (silence_ms >= config_.timings.lost_ms) {
    set(charger::Error::kOtherError, silence_ms >= config_.timings.faulted_ms, "BUS_TIMEOUT",
        "the charger does not answer");
  } else if (seen.error != charger::Error::kNone && seen.is_faulted) {
    set(seen.error, true, code, seen.info);
  } else if (describe_own_error(state)) {
    return;
  } else if (guard_.fault() == CurrentGuard::Fault::kOverCurrent) {
    set(charger::Error::kOverCurrentFailure, true, "LIMIT_EXCEEDED",
        "the current stays above the limit");
  } else if (guard_.fault() == CurrentGuard::Fault::kUnauthorisedEnergy) {
    set(charger::Error::kOtherError, true, "UNAUTHORISED_ENERGY",
        "current flows without permission");
  } else if (is_rejected_) {
    set(charger::Error::kOtherError, false, "CMD_REJECTED", "the charger does not take the limit");
  } else if (seen.error != charger::Error::kNone) {
    set(seen.error, false, code, seen.info);
  } else if (guard_.is_in_doubt()) {
    set(charger::Error::kOtherError, false, "METER_CONTRADICTS",
        "power flows, though the vehicle asks for none");
  } else if (ports_.meter != nullptr && ports_.meter->is_lost(now)) {
    set(charger::Error::kPowerMeterFailure, false, "METER_TIMEOUT", "the meter does not answer");
  } else if (normaliser_.pilot() == Pilot::kHold && has_read_state_) {
    state.info.assign_truncated(common::text("the charger is starting"));
  }
}

charger::ChargerState DirectDriver::build_state(Instant now) const {
  const Normaliser::Output& seen = normaliser_.output();
  charger::ChargerState state;
  state.health = health(now);
  if (state.health != charger::Health::kUnknown && state.health != charger::Health::kLost) {
    state.plug = seen.plug;
    state.limit_known = limit_known_;
  }
  state.ev_requests_energy = seen.ev_requests_energy;
  state.energy_offered = seen.energy_offered;
  if (state.limit_known) state.limit_ma = limit_ma_;
  describe_error(state, now);
  return state;
}

void DirectDriver::report_state(Instant now) {
  const charger::ChargerState state = build_state(now);
  if (has_reported_ && is_same_report(state, reported_)) return;
  if (!has_reported_ || state.plug != reported_.plug || state.health != reported_.health ||
      state.error != reported_.error) {
    LOG_INFO(*ports_.log, "connector %u: %s, charger %s%s%s%s%s (state %u, pilot %s)",
             config_.connector_id, charger::to_string(state.plug), charger::to_string(state.health),
             state.error != charger::Error::kNone ? ", " : "", state.vendor_error_code.c_str(),
             state.info.empty() ? "" : ": ", state.info.c_str(), state_code_,
             to_string(normaliser_.pilot()));
  }
  has_reported_ = true;
  reported_ = state;
  observer_->on_charger_state(config_.connector_id, state, now);
}

void DirectDriver::fill(ConnectorDiagnostics& out, Instant now) const {
  out = ConnectorDiagnostics();
  out.profile = model_.name;
  out.bus = config_.bus;
  out.phase = phase_name();
  out.pilot = normaliser_.pilot();
  out.state_code = state_code_;
  out.silence_ms = has_read_state_ ? now - state_at_ : -1;
  out.has_offer = has_offer_;
  out.offer = offer_;
  out.target_ma = target_ma_;
  out.limit_confirmed = limit_known_ && limit_ma_ == target_ma_;
  out.restarts_seen = restarts_seen_;
  out.state = reported_;
  out.last_sample = last_sample_;
  fill_own(out);
}

}  // namespace bridge
