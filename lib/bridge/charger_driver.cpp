#include "bridge/charger_driver.hpp"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <initializer_list>

namespace bridge {

LOG_MODULE("bridge");

common::Status ChargerDriver::configure(const ConnectorConfig& config, const Profile& profile,
                                        const Ports& ports) {
  config_ = config;
  config_.profile = profile.name;
  profile_ = &profile;
  ports_ = ports;
  registers_.configure(profile, config.outlet);
  const uint8_t tag_row = registers_.find(Meaning::kTag);
  if (tag_row != kNoRegister) {
    tag_.configure(registers_.row(tag_row).type, profile.reverse_tag,
                   registers_.has(Meaning::kTagCounter));
  }
  if (profile.watchdog.kind != Heartbeat::kNone && profile.watchdog.timeout_register == kNoRegister)
    watchdog_ms_ = profile.watchdog.default_ms;

  const ControlTable& control = profile.control;
  const Timings& timings = config_.timings;
  Setpoint::Settings settings;
  settings.confirm_ms = timings.confirm_ms;
  settings.reject_retry_ms = timings.reject_retry_ms;
  settings.hold_ms = timings.increase_ms;
  settings.increase_ms =
      control.increase_ms > timings.increase_ms ? control.increase_ms : timings.increase_ms;
  settings.write_ms = control.write_ms;
  // Chargers round: a quarter of an ampere away still is what was asked for, but never a whole step.
  constexpr uint32_t kToleranceMa = 230;
  settings.tolerance = control.step_ma > kToleranceMa ? 0 : kToleranceMa;
  const uint8_t readback = readback_row(control.limit_register);
  settings.is_readable = readback != kNoRegister;
  settings.may_be_less = readback != control.limit_register;
  limit_.configure(settings);
  settings.hold_ms = 0;
  settings.increase_ms = 0;
  settings.write_ms = 0;
  settings.tolerance = 0;
  settings.may_be_less = false;
  settings.is_readable = readback_row(control.enable_register) != kNoRegister;
  enable_.configure(settings);
  return open_contactor();
}

void ChargerDriver::begin(charger::ChargerObserver& observer, common::Instant now) {
  observer_ = &observer;
  begun_at_ = now;
  next_status_ = now;
  next_meter_ = now;
  next_verify_ = now + config_.timings.verify_poll_ms;
  energy_saved_at_ = now;
  load_energy(energy_, config_.connector_id, *ports_.store, *ports_.log);
  if (energy_.is_known()) saved_energy_wh_ = energy_.value_wh();
  start_init(false, now);
}

common::Instant ChargerDriver::step(common::Instant now) {
  if (!has_offer_ && now - begun_at_ >= config_.timings.first_offer_ms) {
    LOG_WARN(*ports_.log,
             "connector %u: nobody made an offer since start-up: disabling the charger",
             config_.connector_id);
    has_offer_ = true;
    update_target(now);
  }
  if (pause_.next() <= now) update_target(now);
  common::Instant next = common::earlier(check_silence(now), pause_.next());
  if (!has_offer_) next = common::earlier(next, begun_at_ + config_.timings.first_offer_ms);
  next = common::earlier(next, limit_.step(now));
  next = common::earlier(next, enable_.step(now));
  next = common::earlier(next, run(now));
  run_contactor(now);
  report_state(now);
  return next;
}

void ChargerDriver::set_offer(const charger::Offer& offer, common::Instant now) {
  if (has_offer_ && offer == offer_) return;
  has_offer_ = true;
  offer_ = offer;
  update_target(now);
}

void ChargerDriver::request_sample(common::Instant now) {
  next_status_ = now;
  next_meter_ = now;
  if (ports_.meter != nullptr) ports_.meter->request(now);
}

charger::Capabilities ChargerDriver::capabilities() const {
  const ControlTable& control = profile_->control;
  charger::Capabilities result;
  result.min_ma = control.min_ma;
  if (hardware_min_ma_ > result.min_ma) result.min_ma = hardware_min_ma_;
  if (config_.min_ma > result.min_ma) result.min_ma = config_.min_ma;
  result.max_ma = control.max_ma;
  if (hardware_max_ma_ != 0 && hardware_max_ma_ < result.max_ma) result.max_ma = hardware_max_ma_;
  if (config_.max_ma != 0 && config_.max_ma < result.max_ma) result.max_ma = config_.max_ma;
  result.phases = config_.phases != 0 ? config_.phases : profile_->phases;
  result.can_switch_phases = can_switch_phases();
  result.has_lock = can(Action::kUnlock);
  result.meter_fields = Measurement::fields(registers_);
  if (ports_.meter != nullptr)
    result.meter_fields = static_cast<uint16_t>(result.meter_fields | ports_.meter->fields());
  // Power over time stands in for a counter.
  if ((result.meter_fields & charger::kMeterPower) != 0)
    result.meter_fields |= charger::kMeterEnergyImport;
  // A fallback that only the charger knows counts when the installer has stated it.
  const WatchdogTable& watchdog = profile_->watchdog;
  if (watchdog.failsafe_registers[0] != kNoRegister ||
      (watchdog.kind != Heartbeat::kNone && config_.failsafe_ma != 0)) {
    result.failsafe_ma = config_.failsafe_ma;
    result.failsafe_after_ms = watchdog_ms_;
  }
  return result;
}

/// What an offer comes to: rounded down to the step, 0 below the minimum.
uint32_t ChargerDriver::target_for(const charger::Offer& offer) const {
  if (!offer.permit || guard_.must_stop() || is_other_model_) return 0;
  if (phase_switch_.is_pausing() || pause_.is_holding()) return 0;
  const bool is_shared = can_switch_phases() && offer.phases == 1 && actual_phases() == 3;
  // Not switched yet: what is meant for one phase is shared by three.
  return allowed_ma(offer, is_shared ? 3 : 1);
}

uint32_t ChargerDriver::allowed_ma(const charger::Offer& offer, uint32_t divisor) const {
  const charger::Capabilities limits = capabilities();
  uint32_t result = std::min(offer.limit_ma, limits.max_ma) / divisor;
  result -= result % profile_->control.step_ma;
  return result < limits.min_ma ? 0 : result;
}

void ChargerDriver::update_target(common::Instant now) {
  if (!has_offer_) return;
  if (pause_.update(offer_.permit, allowed_ma(offer_, 1) != 0, config_.timings, now))
    LOG_WARN(*ports_.log, kPausedTooOften, config_.connector_id);
  const ControlTable& control = profile_->control;
  const uint32_t target = wake_.is_toggling() ? 0 : target_for(offer_);
  if (target != target_ma_) {
    LOG_INFO(*ports_.log, "connector %u: limit %" PRIu32 " -> %" PRIu32 " mA", config_.connector_id,
             target_ma_, target);
  }
  target_ma_ = target;
  if (control.enable_register != kNoRegister) enable_.want(target != 0 ? 1 : 0);
  if (target != 0) {
    limit_.want(quantise(target));
  } else if (control.enable_register == kNoRegister) {
    limit_.want(0);
  } else {
    // The enable register stops; this goes along, and never lifts the limit.
    const int64_t off_ma = registers_.written_value(control.limit_register, control.off_raw);
    limit_.want(static_cast<uint32_t>(off_ma));
  }
}

/// A locked charger shows state F: neither our doing nor a fault.
bool ChargerDriver::is_locked_outside() const {
  return external_lock_ && normaliser_.pilot() == Pilot::kF;
}

charger::Health ChargerDriver::health(common::Instant now) const {
  const Timings& timings = config_.timings;
  if (!has_read_state_) {
    return now - begun_at_ >= timings.lost_ms ? charger::Health::kLost : charger::Health::kUnknown;
  }
  const int64_t silence_ms = now - state_at_;
  if (silence_ms >= timings.lost_ms) return charger::Health::kLost;
  const bool is_unserved = !is_in_service_ || !is_serving_;
  if (is_locked_outside() || (!is_unserved && normaliser_.is_hidden_too_long(timings, now)))
    return charger::Health::kLost;
  if (silence_ms >= timings.stale_ms || normaliser_.pilot() == Pilot::kHold)
    return charger::Health::kStale;
  return charger::Health::kOk;
}

common::Instant ChargerDriver::next_health_change(common::Instant now) const {
  const Timings& timings = config_.timings;
  const common::Instant since = has_read_state_ ? state_at_ : begun_at_;
  common::Instant next = common::Instant::never();
  for (const uint32_t after_ms : {timings.stale_ms, timings.lost_ms, timings.faulted_ms}) {
    if (since + after_ms > now) next = common::earlier(next, since + after_ms);
  }
  return next;
}

/// The silence ladder: a charger that stopped answering is initialised again before it is trusted.
common::Instant ChargerDriver::check_silence(common::Instant now) {
  const bool is_stale = has_read_state_ && now - state_at_ >= config_.timings.stale_ms;
  const bool is_probing =
      phase_ == Phase::kInit && (is_resuming_ || init_step_ == InitStep::kFirstRead);
  // Registers that it did not know for a moment: without its state nothing else would ask for them again.
  const common::Instant lost_at =
      (has_read_state_ ? state_at_ : begun_at_) + config_.timings.lost_ms;
  const common::Instant ask_again_at =
      registers_.has_refusals() ? std::max(lost_at, ask_again_at_) : common::Instant::never();
  // On a full bus an old reading may only mean that the charger's turn has not come.
  if ((is_stale && is_unanswered_ && !is_probing) || now >= ask_again_at) {
    LOG_WARN(*ports_.log, "connector %u: the charger is silent", config_.connector_id);
    ask_again_at_ = now + config_.timings.lost_ms;
    normaliser_.restart();
    tag_.forget();
    limit_.forget_device();
    enable_.forget_device();
    start_init(has_read_state_, now);
    if (is_stale) guard_.pause();
    return next_health_change(now);
  }
  if (is_stale) guard_.pause();
  return common::earlier(next_health_change(now), ask_again_at);
}

/// What the charger itself complains about.
void ChargerDriver::describe_own_error(charger::ChargerState& state) const {
  const Normaliser::Output& seen = normaliser_.output();
  char code[51];
  if (seen.code[0] != 0) {
    std::snprintf(code, sizeof(code), "%s:%s", profile_->name, seen.code);
  } else {
    std::snprintf(code, sizeof(code), "%s:%u", profile_->name, static_cast<unsigned>(seen.value));
  }
  state.error = seen.error;
  state.vendor_error_code.assign_truncated(common::text(code));
  state.info.assign_truncated(common::text(seen.info));
}

void ChargerDriver::describe_error(charger::ChargerState& state, common::Instant now) const {
  const Timings& timings = config_.timings;
  const Normaliser::Output& seen = normaliser_.output();
  const int64_t silence_ms = now - (has_read_state_ ? state_at_ : begun_at_);
  const ControlTable& control = profile_->control;
  if (silence_ms >= timings.lost_ms) {
    state.error = charger::Error::kOtherError;
    state.is_faulted = silence_ms >= timings.faulted_ms;
    state.vendor_error_code.assign_truncated(common::text("BUS_TIMEOUT"));
    state.info.assign_truncated(common::text("the charger does not answer"));
    return;
  }
  if (has_read_state_ && !registers_.exists(control.limit_register)) {
    state.error = charger::Error::kOtherError;
    state.is_faulted = true;
    state.vendor_error_code.assign_truncated(common::text("NO_CONTROL"));
    state.info.assign_truncated(common::text("the charger's firmware is too old to set a current"));
    return;
  }
  if (is_other_model_) {
    state.error = charger::Error::kOtherError;
    state.is_faulted = true;
    state.vendor_error_code.assign_truncated(common::text("WRONG_MODEL"));
    state.info.assign_truncated(common::text("another model than the profile is for"));
    return;
  }
  if (is_locked_outside()) {
    state.info.assign_truncated(common::text("locked at the charger"));
    return;
  }
  if (seen.error != charger::Error::kNone && seen.is_faulted) {
    describe_own_error(state);
    state.is_faulted = true;
    return;
  }
  switch (guard_.fault()) {
    case CurrentGuard::Fault::kOverCurrent:
      state.error = charger::Error::kOverCurrentFailure;
      state.is_faulted = true;
      state.vendor_error_code.assign_truncated(common::text("LIMIT_EXCEEDED"));
      state.info.assign_truncated(common::text("the current stays above the limit"));
      return;
    case CurrentGuard::Fault::kUnauthorisedEnergy:
      state.error = charger::Error::kOtherError;
      state.is_faulted = true;
      state.vendor_error_code.assign_truncated(common::text("UNAUTHORISED_ENERGY"));
      state.info.assign_truncated(common::text("current flows without permission"));
      return;
    case CurrentGuard::Fault::kNone:
      break;
  }
  if (contactor_.cut() > ExternalContactor::Cut::kNotHeard) {
    describe_contactor(state);
    return;
  }
  // Once is a restart; again and again is a charger that does not keep what it is told.
  const bool is_not_kept = losses_ >= kMaxLosses && now < lost_at_ + kLossWindowMs;
  if (limit_.is_rejected() || enable_.is_rejected() || is_not_kept) {
    state.error = charger::Error::kOtherError;
    state.vendor_error_code.assign_truncated(common::text("CMD_REJECTED"));
    state.info.assign_truncated(common::text("the charger does not take the limit"));
    return;
  }
  if (seen.error != charger::Error::kNone) {
    describe_own_error(state);
    return;
  }
  if (guard_.is_in_doubt()) {
    state.error = charger::Error::kOtherError;
    state.vendor_error_code.assign_truncated(common::text("METER_CONTRADICTS"));
    state.info.assign_truncated(common::text("power flows, though the vehicle asks for none"));
    return;
  }
  if (ports_.meter != nullptr && ports_.meter->is_lost(now)) {
    state.error = charger::Error::kPowerMeterFailure;
    state.vendor_error_code.assign_truncated(common::text("METER_TIMEOUT"));
    state.info.assign_truncated(common::text("the meter does not answer"));
    return;
  }
  if (normaliser_.pilot() == Pilot::kHold && has_read_state_) {
    state.info.assign_truncated(
        common::text(is_in_service_ ? "the charger is starting" : "out of service"));
  }
}

charger::ChargerState ChargerDriver::build_state(common::Instant now) const {
  const Normaliser::Output& seen = normaliser_.output();
  charger::ChargerState state;
  state.health = health(now);
  if (state.health != charger::Health::kUnknown && state.health != charger::Health::kLost) {
    state.plug = seen.plug;
    state.limit_known = limit_.is_device_known();
  }
  state.ev_requests_energy = seen.ev_requests_energy;
  state.energy_offered = seen.energy_offered;
  if (state.limit_known) {
    const bool is_enabled = profile_->control.enable_register == kNoRegister ||
                            !enable_.is_device_known() || enable_.device() == 1;
    state.limit_ma = is_enabled ? limit_.device() : 0;
  }
  state.session_marker = session_marker_;
  describe_error(state, now);
  return state;
}

void ChargerDriver::report_state(common::Instant now) {
  const charger::ChargerState state = build_state(now);
  if (has_reported_ && is_same_report(state, reported_)) return;
  if (!has_reported_ || state.plug != reported_.plug || state.health != reported_.health ||
      state.error != reported_.error) {
    LOG_INFO(*ports_.log, "connector %u: %s, bus %s%s%s%s%s (state %u, pilot %s)",
             config_.connector_id, charger::to_string(state.plug), charger::to_string(state.health),
             state.error != charger::Error::kNone ? ", " : "", state.vendor_error_code.c_str(),
             state.info.empty() ? "" : ": ", state.info.c_str(), static_cast<unsigned>(state_code_),
             to_string(normaliser_.pilot()));
  }
  has_reported_ = true;
  reported_ = state;
  observer_->on_charger_state(config_.connector_id, state, now);
}

void ChargerDriver::update_guard(common::Instant now) {
  int32_t current_ma = 0;
  const uint8_t phases = capabilities().phases;
  const charger::MeterSample* sample = &reading_.sample();
  if (!Measurement::highest_current(*sample, phases, current_ma)) {
    // What the meter said before it fell silent is no reason to believe that nothing flows.
    measured_ma_ = -1;
    if (ports_.meter == nullptr || !ports_.meter->is_fresh(now)) return;
    sample = &ports_.meter->sample();
    if (!Measurement::highest_current(*sample, phases, current_ma)) return;
  }
  follow_phases(*sample);
  measured_ma_ = current_ma;
  if (!has_offer_) {
    guard_.pause();
    return;
  }
  guard_.update(current_ma, offer_.permit, target_ma_, config_.timings, now);
  if (guard_.take_rewrite()) {
    LOG_WARN(*ports_.log,
             "connector %u: %" PRId32 " mA flow, %" PRIu32
             " mA are allowed: writing the limit again",
             config_.connector_id, current_ma, target_ma_);
    limit_.rewrite();
    if (profile_->control.enable_register != kNoRegister) enable_.rewrite();
  }
  update_target(now);
}

void ChargerDriver::emit_sample(common::Instant now) {
  const bool has_meter = ports_.meter != nullptr && ports_.meter->is_fresh(now);
  // A reading that was judged already tells nothing about what has been asked for since.
  const bool is_new = has_meter && ports_.meter->sample().taken_at != meter_seen_at_;
  if (has_meter) book_meter_energy(is_new, now);
  if (ports_.meter != nullptr && (is_new || !has_meter) &&
      !reading_.sample().has(charger::kMeterCurrent))
    update_guard(now);
  charger::MeterSample sample = reading_.sample();
  sample.taken_at = now;
  if (has_meter) {
    meter_seen_at_ = ports_.meter->sample().taken_at;
    Measurement::complete(sample, ports_.meter->sample(), uses_meter_energy());
  }
  if (energy_.is_known() && sample.has(charger::kMeterEnergyImport))
    sample.energy_import_wh = energy_.value_wh();
  last_sample_ = sample;
  if (sample.has(charger::kMeterPower)) {
    const bool may_charge = normaliser_.is_asking() || !is_plugged(normaliser_.pilot());
    guard_.check_power(sample.power_w, may_charge, config_.timings, now);
  }
  save_energy_now_and_then(now);
  observer_->on_meter_sample(config_.connector_id, sample, now);
}

void ChargerDriver::save_energy_now_and_then(common::Instant now) {
  if (!energy_.is_known() || energy_.value_wh() == saved_energy_wh_) return;
  // The first value is stored at once: it is the base of everything that follows.
  if (saved_energy_wh_ >= 0 && now - energy_saved_at_ < config_.timings.energy_save_ms) return;
  energy_saved_at_ = now;
  const common::Status status = checkpoint();
  if (status != common::Status::kOk) {
    LOG_ERROR(*ports_.log, "connector %u: cannot store the energy register: %s",
              config_.connector_id, to_string(status));
  }
}

common::Status ChargerDriver::checkpoint() {
  if (!energy_.is_known()) return common::Status::kOk;
  RETURN_IF_ERROR(save_energy(energy_, config_.connector_id, *ports_.store));
  saved_energy_wh_ = energy_.value_wh();
  return common::Status::kOk;
}

const char* ChargerDriver::phase_name() const {
  if (phase_ == Phase::kRunning) return "running";
  return init_step_ == InitStep::kLayout ? "probing" : "initialising";
}

void ChargerDriver::fill(ConnectorDiagnostics& out, common::Instant now) const {
  out = ConnectorDiagnostics();
  out.profile = profile_->name;
  out.bus = config_.bus;
  out.unit_id = config_.unit_id;
  out.phase = phase_name();
  out.pilot = normaliser_.pilot();
  out.state_code = static_cast<uint16_t>(state_code_);
  out.layout_version = registers_.layout();
  out.silence_ms = has_read_state_ ? now - state_at_ : -1;
  out.has_offer = has_offer_;
  out.offer = offer_;
  out.target_ma = target_ma_;
  out.limit_confirmed = limit_.is_settled();
  out.watchdog_ms = watchdog_ms_;
  out.restarts_seen = restarts_seen_;
  out.state = reported_;
  out.last_sample = last_sample_;
  out.bus_statistics = ports_.bus->statistics(ports_.unit_index);
  if (contactor_.exists()) {
    (void)out.details.push_back({"contactor_closed", contactor_.is_closed() ? 1 : 0});
  }
}

}  // namespace bridge
