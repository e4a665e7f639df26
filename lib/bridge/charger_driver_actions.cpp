#include "bridge/charger_driver.hpp"

/// Recipes of the profile: when they begin, and what happens around them.
namespace bridge {

LOG_MODULE("bridge");

namespace {

constexpr int32_t kIdleMa = 1000;
/// A session may be ended in order for this long before the permission is taken back.
constexpr int64_t kEndMs = 2000;
/// A wish to unlock is kept for this long while current flows.
constexpr int64_t kUnlockMs = 20000;
/// From the command to be in service to a pilot that shows it.
constexpr int64_t kServiceMs = 10000;

constexpr const char* kActionNames[kActions] = {"one phase",  "three phases",   "wake-up",
                                                "unlock",     "authorize",      "deauthorize",
                                                "in service", "out of service", "restart"};

}  // namespace

common::Status ChargerDriver::request(Action action, common::Instant now) {
  if (!can(action) || is_other_model_) return common::Status::kUnsupported;
  want_action(action);
  // From now on: the charger may be slow.
  if (action == Action::kWake) wake_until_ = now + profile_->control.wake_ms;
  if (action == Action::kUnlock) unlock_until_ = now + kUnlockMs;
  return common::Status::kOk;
}

void ChargerDriver::want_action(Action action) {
  if (!can(action)) return;
  wanted_actions_ = static_cast<uint16_t>(wanted_actions_ | 1U << static_cast<unsigned>(action));
}

common::Status ChargerDriver::unlock(common::Instant now) { return request(Action::kUnlock, now); }

bool ChargerDriver::is_restarting() const {
  return is_wanted(Action::kRestart) ||
         (runner_.is_running() && runner_.action() == Action::kRestart);
}

void ChargerDriver::set_in_service(bool is_in_service) {
  if (!can(Action::kOutOfService) || (has_service_ && is_in_service == is_in_service_)) return;
  has_service_ = true;
  is_in_service_ = is_in_service;
  must_tell_service_ = true;
}

/// No action interrupts somebody who charges.
void ChargerDriver::tell_service(common::Instant now) {
  if (!must_tell_service_ || now < tell_service_at_ || (has_offer_ && offer_.permit)) return;
  if (!has_offer_ || !is_stopped()) return;
  must_tell_service_ = false;
  wanted_actions_ = static_cast<uint16_t>(wanted_actions_ &
                                          ~(1U << static_cast<unsigned>(Action::kInService) |
                                            1U << static_cast<unsigned>(Action::kOutOfService)));
  want_action(is_in_service_ ? Action::kInService : Action::kOutOfService);
}

/// Nothing is offered, nothing flows.
bool ChargerDriver::is_stopped() const {
  return target_ma_ == 0 && is_idle() && (measured_ma_ >= 0 || limit_.is_settled());
}

bool ChargerDriver::may_begin(Action action) const {
  switch (action) {
    case Action::kAuthorize:
      return target_ma_ != 0 && limit_.is_settled() &&
             (profile_->control.enable_register == kNoRegister || enable_.is_settled());
    case Action::kUnlock:
    case Action::kRestart:
      return is_stopped();
    default:
      return true;
  }
}

void ChargerDriver::on_action_end(common::Instant now) {
  const Action action = runner_.action();
  const bool is_service = action == Action::kInService || action == Action::kOutOfService;
  if (runner_.has_failed()) {
    LOG_ERROR(*ports_.log, "connector %u: %s failed", config_.connector_id,
              kActionNames[static_cast<size_t>(action)]);
    if (!is_service) return;
    must_tell_service_ = true;
    tell_service_at_ = now + config_.timings.reject_retry_ms;
  } else if (action <= Action::kThreePhases) {
    phases_now_ = action == Action::kOnePhase ? 1 : 3;
  } else if (is_service) {
    is_serving_ = action == Action::kInService;
    serving_from_ = now + kServiceMs;
  }
}

bool ChargerDriver::writes(Action action, uint8_t row) const {
  const Steps steps = profile_->control.actions[static_cast<size_t>(action)];
  for (size_t i = 0; i < steps.count; ++i) {
    const StepRow& step = profile_->steps[steps.first + i];
    if (step.kind == StepKind::kWrite && step.row == row) return true;
  }
  return false;
}

/// Less than 1 A flows, as far as anybody knows.
bool ChargerDriver::is_idle() const { return measured_ma_ < kIdleMa; }

common::Instant ChargerDriver::run_actions(common::Instant now) {
  common::Instant next = common::Instant::never();
  if (is_other_model_) return next;
  const bool is_permitted = has_offer_ && offer_.permit;
  if (is_permitted != was_permitted_) {
    was_permitted_ = is_permitted;
    // Only the last of the two counts.
    wanted_actions_ = static_cast<uint16_t>(wanted_actions_ &
                                            ~(1U << static_cast<unsigned>(Action::kAuthorize) |
                                              1U << static_cast<unsigned>(Action::kDeauthorize)));
    want_action(is_permitted ? Action::kAuthorize : Action::kDeauthorize);
    end_by_ = now + kEndMs;
  }
  tell_service(now);
  if (is_wanted(Action::kUnlock) && now >= unlock_until_) {
    LOG_WARN(*ports_.log, "connector %u: current flows: the plug is not unlocked",
             config_.connector_id);
    wanted_actions_ =
        static_cast<uint16_t>(wanted_actions_ & ~(1U << static_cast<unsigned>(Action::kUnlock)));
  }
  if (!runner_.is_running()) {
    for (uint8_t i = 0; i < kActions; ++i) {
      const Action action = static_cast<Action>(i);
      if (!is_wanted(action) || !may_begin(action)) continue;
      wanted_actions_ = static_cast<uint16_t>(wanted_actions_ & ~(1U << i));
      LOG_INFO(*ports_.log, "connector %u: %s", config_.connector_id, kActionNames[i]);
      if (action == Action::kWake) wake_until_ = now + profile_->control.wake_ms;
      if (action == Action::kOutOfService) is_serving_ = false;
      runner_.start(action, *profile_);
      is_acting_ = true;
      break;
    }
  }
  const ActionRunner::Need need = runner_.step(registers_, is_idle(), now, next);
  if (is_acting_ && !runner_.is_running()) {
    is_acting_ = false;
    on_action_end(now);
  }
  if (need == ActionRunner::Need::kRead && read_.purpose == ReadPurpose::kNone) {
    const uint8_t row = readback_row(runner_.row());
    if (row == kNoRegister) {
      runner_.on_written(false, true);
      return now;
    }
    submit_read(registers_.single(row), ReadPurpose::kStep);
  }
  if (need == ActionRunner::Need::kWrite && write_.kind == WriteKind::kNone) {
    submit_write(WriteKind::kStep, registers_.write_request(runner_.row(), 0, runner_.bits()), 0,
                 0);
  }
  return next;
}

/// Wakes an EV that slept through a pause of ours.
common::Instant ChargerDriver::run_wake(common::Instant now) {
  if (!has_offer_ || now - state_at_ >= config_.timings.stale_ms) return common::Instant::never();
  const Normaliser::Output& seen = normaliser_.output();
  const bool has_enable = profile_->control.enable_register != kNoRegister;
  const bool is_settled = limit_.is_settled() && (!has_enable || enable_.is_settled());
  WakeLadder::View view;
  view.is_plugged = seen.plug != charger::Plug::kUnplugged;
  view.is_permitted = offer_.permit;
  view.is_wanted = target_for(offer_) != 0;
  view.is_offered = target_ma_ != 0 && is_settled && seen.energy_offered;
  view.is_asking = normaliser_.is_asking() || !is_idle();
  view.is_stopped = target_ma_ == 0 && is_settled;
  WakeLadder::Means means;
  if (can(Action::kWake)) means.interrupt_ms = profile_->control.wake_ms;
  const bool was_toggling = wake_.is_toggling();
  switch (wake_.step(view, means, config_.timings, now)) {
    case WakeLadder::Step::kNone:
      break;
    case WakeLadder::Step::kRewrite:
      LOG_INFO(*ports_.log, "connector %u: the EV does not charge after the pause: waking it",
               config_.connector_id);
      limit_.rewrite();
      if (has_enable) enable_.rewrite();
      break;
    case WakeLadder::Step::kInterrupt:
      (void)request(Action::kWake, now);
      break;
    case WakeLadder::Step::kToggle:
      LOG_INFO(*ports_.log, "connector %u: permission off and on", config_.connector_id);
      break;
  }
  if (wake_.is_toggling() != was_toggling) update_target(now);
  return wake_.next();
}

/// What the charger says about its phases, where it does.
void ChargerDriver::update_phases() {
  const When& one_phase = profile_->control.one_phase;
  if (one_phase.count == 0 || !registers_.is_known(one_phase)) return;
  phases_now_ = registers_.holds(one_phase) ? 1 : 3;
}

bool ChargerDriver::can_switch_phases() const {
  const uint8_t connected = config_.phases != 0 ? config_.phases : profile_->phases;
  return can(Action::kOnePhase) && connected == 3 &&
         (!profile_->control.phases_option || config_.has_phase_switch);
}

/// Between one and three phases: stop, wait for the current to go, dead time, steps, dead time, go on.
common::Instant ChargerDriver::run_switch(common::Instant now) {
  if (!can_switch_phases() || !has_offer_) return common::Instant::never();
  update_phases();
  const ControlTable& control = profile_->control;
  const bool has_enable = control.enable_register != kNoRegister;
  const bool is_off =
      target_ma_ == 0 && limit_.is_settled() && (!has_enable || enable_.is_settled());
  const Action action = phase_switch_.target() == 1 ? Action::kOnePhase : Action::kThreePhases;
  PhaseSwitch::View view;
  view.may_begin = offer_.permit;
  view.wanted = offer_.phases == 1 ? 1 : 3;
  view.actual = actual_phases();
  view.is_stopped = is_off && measured_ma_ >= 0 && is_idle();
  view.is_blind = is_off && measured_ma_ < 0;
  view.is_done = !is_wanted(action) && !(runner_.is_running() && runner_.action() == action);
  PhaseSwitch::Settings settings;
  settings.pauses = control.pause_for_phases;
  settings.dead_ms = control.phases_dead_ms;
  settings.least_ms = config_.timings.phase_switch_ms;
  switch (phase_switch_.step(view, settings, now)) {
    case PhaseSwitch::Order::kNone:
      return phase_switch_.next();
    case PhaseSwitch::Order::kPause:
      LOG_INFO(*ports_.log, "connector %u: switching to %u phase(s)", config_.connector_id,
               phase_switch_.target());
      break;
    case PhaseSwitch::Order::kSwitch:
      want_action(phase_switch_.target() == 1 ? Action::kOnePhase : Action::kThreePhases);
      break;
    case PhaseSwitch::Order::kFailed:
      LOG_ERROR(*ports_.log, "connector %u: current still flows: phases are not switched",
                config_.connector_id);
      break;
    case PhaseSwitch::Order::kResume:
      break;
  }
  update_target(now);
  return now;
}

}  // namespace bridge
