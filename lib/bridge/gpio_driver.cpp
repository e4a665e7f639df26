#include "bridge/gpio_driver.hpp"

#include <initializer_list>

namespace bridge {

LOG_MODULE("bridge.gpio");

using charger::Error;
using common::Instant;
using common::Status;
using platform::PwmOutput;

namespace {

/// Samples looked at for one reading: at least 2 periods of the pilot on the slowest platform, on the stack.
constexpr size_t kSamples = 256;
/// Least difference between the levels of a square wave at the pilot, mV.
constexpr int32_t kLeastSwingMv = 3000;

}  // namespace

Status GpioDriver::configure(const ConnectorConfig& config, const GpioConfig& wiring,
                             const Board& board, const Ports& ports) {
  wiring_ = wiring;
  board_ = board;
  Model model;
  model.name = "gpio";
  model.min_ma = 6000;
  model.max_ma = wiring.max_ma;
  model.step_ma = 100;
  model.has_lock = wiring.lock.exists();
  if (wiring.s0.exists()) {
    model.meter_fields = charger::kMeterEnergyImport | charger::kMeterPower;
    model.energy.may_restart = true;
    model.energy.resolution_wh = 1 + 1000 / static_cast<int64_t>(wiring.s0_per_kwh);
    model.energy.max_power_w = int64_t{wiring.max_ma} * 3 * 240 / 1000;
  }
  configure_direct(config, model, ports);
  // Outputs first, to what is safe.
  write(wiring_.contactor, false);
  write(wiring_.lock, false);
  write(wiring_.pilot_off, false);
  RETURN_IF_ERROR(board_.pwm->set(wiring_.pilot_out.pin(), PwmOutput::kAlwaysHigh));
  for (const BoardPin& input : {wiring_.feedback, wiring_.fault}) {
    if (input.exists()) RETURN_IF_ERROR(board_.gpio->make_input(input.pin(), true));
  }
  for (const BoardPin& input : {wiring_.pilot_in, wiring_.proximity}) {
    if (input.exists()) RETURN_IF_ERROR(board_.analog->open(input.pin()));
  }
  if (wiring_.s0.exists())
    RETURN_IF_ERROR(meter_.begin(*board_.pulses, wiring_.s0.pin(), wiring_.s0_per_kwh));
  return fault_ == Fault::kPins ? Status::kIo : Status::kOk;
}

void GpioDriver::start(Instant now) {
  output_at_ = duty_at_ = state_at_ = read_at_ = square_at_ = lock_at_ = bad_until_ = next_sample_ =
      now;
  next_run_ = now;
  if (meter_.exists()) on_energy(0, now);
}

Instant GpioDriver::run(Instant now) {
  if (now < next_run_) return next_run_;
  next_run_ = now + kPeriodMs;
  meter_.update(now);
  const bool has_pilot = read_pilot();
  if (pilot_.state() != last_state_) {
    LOG_DEBUG(*ports().log, "connector %u: pilot %c -> %c", connector_id(), to_char(last_state_),
              to_char(pilot_.state()));
    last_state_ = pilot_.state();
    state_at_ = now;
    ready_at_ = now;
  }
  if (has_pilot) read_at_ = now;
  if (output_ != Output::kPwm || pilot_.levels().is_square) square_at_ = now;
  is_pilot_bad_ = now - read_at_ > kBlindMs ||
                  (wake_ == Wake::kIdle &&
                   (pilot_.state() == PilotState::kE || pilot_.state() == PilotState::kF));
  if (is_pilot_bad_) bad_until_ = now + kFaultHoldMs;
  read_proximity(now);
  check_inputs(now);
  if (wake_ == Wake::kSettling && now - wake_at_ >= kWakeSettleMs) wake_ = Wake::kIdle;
  update_output(now);
  update_contactor(now);
  check_feedback(now);
  update_lock(now);
  if (has_pilot) report(now);
  const bool is_measured = meter_.exists() || ports().meter != nullptr;
  if (is_measured && (next_sample_ <= now || is_sample_wanted(now))) {
    next_sample_ = now + kSampleMs;
    if (meter_.exists()) {
      on_energy(meter_.energy_wh(), now);
      reading().valid = charger::kMeterPower;
      reading().power_w = meter_.power_w(now);
    }
    emit_sample(now);
  }
  return next_run_;
}

// --- inputs

bool GpioDriver::read_pilot() {
  uint16_t samples[kSamples];
  const common::Result<size_t> got = board_.analog->read_mv(wiring_.pilot_in.pin(), samples);
  if (!got.ok() || got.value() == 0) return false;
  const int64_t gain = wiring_.pilot_gain;
  PilotLevels levels = separate_levels(common::Span<const uint16_t>(samples, got.value()),
                                       static_cast<int32_t>(int64_t{kLeastSwingMv} * 1000 / gain));
  for (int32_t* level : {&levels.high_mv, &levels.low_mv})
    *level = static_cast<int32_t>((*level - wiring_.pilot_zero_mv) * gain / 1000);
  if (wake_ == Wake::kIdle) pilot_.update(levels);
  return true;
}

/// The rating of the plugged cable is read once, before anything is offered, and holds until it is pulled.
void GpioDriver::read_proximity(Instant now) {
  if (!wiring_.proximity.exists()) return;
  if (pilot_.state() == PilotState::kA && is_cable_known_) {
    is_cable_known_ = false;
    set_hardware_limits(0, 0, now);
  }
  uint16_t samples[kSamples / 4];
  const common::Result<size_t> got = board_.analog->read_mv(wiring_.proximity.pin(), samples);
  const bool is_plugged = pilot_.state() == PilotState::kB || is_ev_ready();
  if (is_cable_known_ || !is_plugged || now - state_at_ < config().timings.plug_on_ms) return;
  if (!got.ok() || got.value() == 0) return;
  const auto level_mv = static_cast<uint32_t>(
      separate_levels(common::Span<const uint16_t>(samples, got.value()), INT32_MAX).high_mv);
  const uint32_t ohm = level_mv >= wiring_.proximity_mv
                           ? UINT32_MAX
                           : static_cast<uint32_t>(uint64_t{wiring_.proximity_pull_ohm} * level_mv /
                                                   (wiring_.proximity_mv - level_mv));
  is_cable_known_ = true;
  cable_ma_ = cable_rating_for(ohm);
  LOG_INFO(*ports().log, "connector %u: cable of %u ohm: %u mA", connector_id(),
           static_cast<unsigned>(ohm), static_cast<unsigned>(cable_ma_));
  set_hardware_limits(0, cable_ma_, now);
}

void GpioDriver::check_inputs(Instant now) {
  // A diode is only looked for once PWM has run for a few readings.
  const bool has_pwm = output_ == Output::kPwm && now - output_at_ >= kCloseDelayMs;
  if (has_pwm && pilot_.is_diode_missing()) set_fault(Fault::kDiode, "the EV's diode is missing");
  if (now - square_at_ > kNoPwmMs) set_fault(Fault::kNoPwm, "the pilot does not follow its PWM");
  const bool has_tripped = wiring_.fault.exists() && read(wiring_.fault);
  if (has_tripped) set_fault(Fault::kResidualCurrent, "residual current detected");
  const bool clears_by_unplugging =
      fault_ == Fault::kDiode || fault_ == Fault::kNoPwm || fault_ == Fault::kResidualCurrent;
  if (clears_by_unplugging && !has_tripped && pilot_.state() == PilotState::kA) {
    fault_ = Fault::kNone;
    bad_until_ = now + kFaultHoldMs;
  }
}

/// The mirror contact must follow the contactor.
void GpioDriver::check_feedback(Instant now) {
  if (!wiring_.feedback.exists() || read(wiring_.feedback) == is_closed_) {
    mismatch_at_ = Instant::never();
    return;
  }
  if (mismatch_at_.is_never()) mismatch_at_ = now;
  if (now - mismatch_at_ < kFeedbackMs) return;
  if (is_closed_) {
    set_fault(Fault::kDidNotClose, "the contactor does not close");
    set_contactor(false, "no feedback", now);
  } else {
    set_fault(Fault::kWelded, "the contactor does not open");
  }
}

void GpioDriver::set_fault(Fault fault, const char* text) {
  // A fault that needs a restart is not hidden by one that does not.
  if (fault_ == Fault::kWelded || fault_ == fault) return;
  if (fault_ == Fault::kDidNotClose && fault != Fault::kWelded) return;
  fault_ = fault;
  LOG_ERROR(*ports().log, "connector %u: %s", connector_id(), text);
}

// --- outputs

bool GpioDriver::may_offer(Instant now) const {
  if (!has_offer() || target_ma() == 0 || fault_ != Fault::kNone) return false;
  if (is_pilot_bad_ || now < bad_until_ || wake_ != Wake::kIdle) return false;
  if (pilot_.state() != PilotState::kB && !is_ev_ready()) return false;
  // Without a known cable the offer would have no upper bound.
  return !wiring_.proximity.exists() || (is_cable_known_ && cable_ma_ != 0);
}

void GpioDriver::update_output(Instant now) {
  if (wake_ == Wake::kOff) return;
  if (!may_offer(now)) {
    set_output(Output::kX1, 0, now);
    return;
  }
  if (output_ == Output::kX1) {
    if (now - output_at_ < kLeastX1Ms) return;
    // An EV that did not let go gets no new offer before the contactor has been opened.
    if (is_closed_) return;
    offer_current(now);
  } else if (target_ma() < offered_ma_ ||
             (target_ma() > offered_ma_ && now - duty_at_ >= kDutyHoldMs)) {
    offer_current(now);
  }
}

void GpioDriver::offer_current(Instant now) {
  offered_ma_ = target_ma();
  set_output(Output::kPwm, pilot_duty_for(offered_ma_), now);
}

void GpioDriver::set_output(Output output, uint16_t duty, Instant now) {
  if (output == output_ && duty == duty_) return;
  const uint16_t level = output == Output::kPwm  ? duty
                         : output == Output::kX1 ? PwmOutput::kAlwaysHigh
                                                 : uint16_t{0};
  if (board_.pwm->set(wiring_.pilot_out.pin(), level) != Status::kOk) {
    set_fault(Fault::kPins, "the pilot's pin cannot be set");
    return;
  }
  if (output != output_) {
    output_at_ = now;
    if (output_ == Output::kPwm && is_closed_) stop_at_ = now;
  }
  output_ = output;
  duty_ = duty;
  duty_at_ = now;
}

void GpioDriver::update_contactor(Instant now) {
  if (is_closed_) {
    if (fault_ != Fault::kNone) {
      set_contactor(false, "fault", now);
    } else if (is_pilot_bad_) {
      set_contactor(false, "pilot error", now);
    } else if (!is_ev_ready()) {
      set_contactor(false, "the EV has opened its switch", now);
    } else if (output_ != Output::kPwm && now - stop_at_ >= kForceOpenMs) {
      LOG_WARN(*ports().log, "connector %u: the EV keeps asking: opening under load",
               connector_id());
      set_contactor(false, "time is over", now);
    }
    return;
  }
  const bool has_settled = now - ready_at_ >= kCloseDelayMs && now - output_at_ >= kCloseDelayMs &&
                           now - opened_at_ >= kLeastOpenMs && pilot_.levels().is_square;
  const bool is_lock_ready = !wiring_.lock.exists() || (is_locked_ && now - lock_at_ >= kLockMs);
  if (output_ == Output::kPwm && is_ev_ready() && has_settled && is_lock_ready && may_offer(now)) {
    set_contactor(true, "the EV asks for energy", now);
  }
}

void GpioDriver::set_contactor(bool is_closed, const char* cause, Instant now) {
  if (is_closed == is_closed_) return;
  LOG_INFO(*ports().log, "connector %u: contactor %s (%s)", connector_id(),
           is_closed ? "closes" : "opens", cause);
  write(wiring_.contactor, is_closed);
  if (!is_closed) {
    meter_.forget_power();
    opened_at_ = now;
  }
  is_closed_ = is_closed;
  mismatch_at_ = Instant::never();
}

void GpioDriver::interrupt_pilot(bool is_interrupted, Instant now) {
  write(wiring_.pilot_off, is_interrupted);
  // Without a relay the pilot goes to state F, which EVs take for an interrupted cable as well.
  const bool has_relay = wiring_.pilot_off.exists();
  set_output(is_interrupted && !has_relay ? Output::kOff : Output::kX1, 0, now);
  wake_ = is_interrupted ? Wake::kOff : Wake::kSettling;
  wake_at_ = now;
}

void GpioDriver::update_lock(Instant now) {
  if (!wiring_.lock.exists()) return;
  const bool is_plugged =
      pilot_.state() != PilotState::kA && pilot_.state() != PilotState::kUnknown;
  if (may_offer(now)) {
    if (!is_locked_) lock_at_ = now;
    is_unlock_wanted_ = false;
    is_locked_ = true;
  } else if (!is_closed_ && (is_unlock_wanted_ || !is_plugged)) {
    is_locked_ = is_unlock_wanted_ = false;
  }
  write(wiring_.lock, is_locked_);
}

Status GpioDriver::unlock(Instant now) {
  (void)now;
  if (!wiring_.lock.exists()) return Status::kUnsupported;
  is_unlock_wanted_ = true;
  return Status::kOk;
}

void GpioDriver::write(const BoardPin& pin, bool is_active) {
  if (!pin.exists()) return;
  if (board_.gpio->set(pin.pin(), is_active != pin.is_inverted) != Status::kOk)
    set_fault(Fault::kPins, "an output pin cannot be set");
}

/// An input that cannot be read counts as active: all of them stand for something bad.
bool GpioDriver::read(const BoardPin& pin) {
  const common::Result<bool> level = board_.gpio->get(pin.pin());
  return !level.ok() || level.value() != pin.is_inverted;
}

// --- reports

void GpioDriver::report(Instant now) {
  const bool has_pwm = output_ == Output::kPwm;
  StateRow row{static_cast<uint16_t>(pilot_.state()), Pilot::kHold, Error::kNone, 0, ""};
  if (wake_ == Wake::kIdle) {
    switch (pilot_.state()) {
      case PilotState::kUnknown:
        break;
      case PilotState::kA:
        row.pilot = Pilot::kA;
        break;
      case PilotState::kB:
        row.pilot = has_pwm ? Pilot::kB2 : Pilot::kB1;
        break;
      case PilotState::kC:
        row.pilot = has_pwm ? Pilot::kC2 : Pilot::kC1;
        break;
      case PilotState::kD:
        row.pilot = has_pwm ? Pilot::kC2 : Pilot::kC1;
        if (wiring_.is_ventilated) break;
        row.error = Error::kOtherError;
        row.flags = kStateWarning;
        row.info = "the EV needs a ventilated place";
        break;
      case PilotState::kE:
        row = {row.value, Pilot::kE, Error::kEvCommunicationError, 0, "the pilot is shorted"};
        break;
      case PilotState::kF:
        row = {row.value, Pilot::kX, Error::kEvCommunicationError, 0, "the pilot is negative"};
        break;
    }
  }
  on_state(row, has_pwm, now);
  on_limit_read(has_pwm ? offered_ma_ : 0);
}

bool GpioDriver::describe_own_error(charger::ChargerState& state) const {
  const auto set = [&state](Error error, const char* code, const char* info) {
    state.error = error;
    state.is_faulted = true;
    state.vendor_error_code.assign_truncated(common::text(code));
    state.info.assign_truncated(common::text(info));
    return true;
  };
  switch (fault_) {
    case Fault::kNone:
      break;
    case Fault::kDiode:
      return set(Error::kEvCommunicationError, "gpio:DIODE", "no diode at the EV's pilot");
    case Fault::kNoPwm:
      return set(Error::kInternalError, "gpio:NO_PWM", "the pilot does not follow its PWM");
    case Fault::kResidualCurrent:
      return set(Error::kGroundFailure, "gpio:RESIDUAL_CURRENT", "residual current, unplug the EV");
    case Fault::kWelded:
      return set(Error::kPowerSwitchFailure, "gpio:WELDED", "the contactor does not open");
    case Fault::kDidNotClose:
      return set(Error::kPowerSwitchFailure, "gpio:NO_CONTACT", "the contactor does not close");
    case Fault::kPins:
      return set(Error::kInternalError, "gpio:PINS", "a pin of the board does not obey");
  }
  if (is_cable_known_ && cable_ma_ == 0) {
    // A warning: the next cable may be good.
    set(Error::kOtherError, "gpio:CABLE", "the cable's resistor is unknown");
    state.is_faulted = false;
    return true;
  }
  return false;
}

void GpioDriver::fill_own(ConnectorDiagnostics& out) const {
  const auto add = [&out](const char* name, int32_t value) {
    (void)out.details.push_back({name, value});
  };
  add("pilot_high_mv", pilot_.levels().high_mv);
  add("pilot_low_mv", pilot_.levels().low_mv);
  add("duty_per_10000", output_ == Output::kPwm ? duty_ : output_ == Output::kX1 ? 10000 : 0);
  add("contactor", is_closed_ ? 1 : 0);
  if (wiring_.feedback.exists()) add("feedback_wrong", mismatch_at_.is_never() ? 0 : 1);
  if (wiring_.proximity.exists()) add("cable_ma", static_cast<int32_t>(cable_ma_));
  if (wiring_.lock.exists()) add("locked", is_locked_ ? 1 : 0);
  if (meter_.exists()) add("s0_pulses", static_cast<int32_t>(meter_.count()));
}

}  // namespace bridge
