#include "bridge/rapi_driver.hpp"

#include <cstdio>
#include <initializer_list>

namespace bridge {

LOG_MODULE("bridge.rapi");

using charger::Error;
using common::Instant;
using common::Status;

namespace {

// Bits of the volatile flags in $GS and $AT.
constexpr uint32_t kFlagAuthLocked = 0x0008;
constexpr uint32_t kFlagCharging = 0x0040;
constexpr uint32_t kFlagEvConnected = 0x0100;
constexpr uint32_t kFlagBootLocked = 0x4000;

constexpr uint32_t kStateC = 3;
constexpr uint32_t kStateVentilation = 4;
constexpr uint32_t kStateSleep = 0xFE;
constexpr uint32_t kStateDisabled = 0xFF;

/// Not installed, $GP.
constexpr int32_t kNoTemperature = -2560;

constexpr StateRow kStates[] = {
    {1, Pilot::kA, Error::kNone, 0, ""},
    {2, Pilot::kB2, Error::kNone, 0, ""},
    {3, Pilot::kC2, Error::kNone, 0, ""},
    {5, Pilot::kX, Error::kEvCommunicationError, 0, "the EV's diode is missing"},
    {6, Pilot::kX, Error::kGroundFailure, 0, "ground fault"},
    {7, Pilot::kX, Error::kGroundFailure, 0, "no ground"},
    {8, Pilot::kX, Error::kPowerSwitchFailure, 0, "the relay is stuck"},
    {9, Pilot::kX, Error::kGroundFailure, 0, "the ground fault self-test failed"},
    {0xA, Pilot::kX, Error::kHighTemperature, 0, "too hot"},
    {0xB, Pilot::kX, Error::kOverCurrentFailure, 0, "over-current"},
    {0xE, Pilot::kX, Error::kPowerSwitchFailure, 0, "the relay does not close"},
};

}  // namespace

Status RapiDriver::configure(const ConnectorConfig& config, platform::SerialLink& link,
                             const Ports& ports) {
  link_ = &link;
  Model model;
  model.name = kName;
  model.max_ma = kMaxMa;
  model.phases = 1;
  model.meter_fields = charger::kMeterEnergyImport | charger::kMeterPower | charger::kMeterCurrent |
                       charger::kMeterVoltage | charger::kMeterTemperature;
  model.energy.may_restart = true;
  model.energy.max_power_w = 80 * 240;
  configure_direct(config, model, ports);
  // The supervision counts whole seconds.
  heartbeat_s_ = (config.watchdog_ms == 0 ? kHeartbeatMs : config.watchdog_ms) / 1000;
  return link_->configure({115200, platform::Parity::kNone, 1});
}

void RapiDriver::start(Instant now) {
  quiet_until_ = control_at_ = now;
  start_init(now);
}

void RapiDriver::start_init(Instant now) {
  init_ = Init::kVersion;
  capacity_a_ = 0;
  forget_limit();
  next_state_ = next_meter_ = next_energy_ = next_temperature_ = now;
  next_capacity_ = now;
  next_pulse_ = now;
}

void RapiDriver::on_silence(Instant now) { start_init(now); }

void RapiDriver::on_target(Instant now) {
  failures_ = 0;
  control_at_ = now;
  // Also when the charger claims to be there already: somebody saw current that should not flow.
  capacity_a_ = 0;
  must_sleep_ = target_ma() == 0;
}

const char* RapiDriver::phase_name() const {
  if (init_ == Init::kDone) return "running";
  return init_ == Init::kVersion ? "probing" : "initialising";
}

Instant RapiDriver::run(Instant now) {
  receive(now);
  if (pending_ != Ask::kNone) {
    if (now - sent_at_ < kAnswerMs) return sent_at_ + kAnswerMs;
    ++timeouts_;
    if (pending_ == Ask::kCurrent || pending_ == Ask::kEnable || pending_ == Ask::kSleep)
      count_failure(now);
    pending_ = Ask::kNone;
    line_.reset();
    quiet_until_ = now + kQuietMs;
  }
  if (now < quiet_until_) return quiet_until_;
  const Ask ask = choose(now);
  if (ask == Ask::kNone) return next_due();
  send(ask, now);
  return sent_at_ + kAnswerMs;
}

// --- questions

RapiDriver::Ask RapiDriver::choose(Instant now) const {
  switch (init_) {
    case Init::kVersion:
      return Ask::kVersion;
    case Init::kCapacity:
      return Ask::kCapacity;
    case Init::kState:
      return Ask::kState;
    case Init::kSupervision:
      return Ask::kSupervision;
    case Init::kDone:
      break;
  }
  if (must_acknowledge_) return Ask::kAcknowledge;
  const Ask control = choose_control(now);
  if (control != Ask::kNone) return control;
  if (next_pulse_ <= now) return Ask::kPulse;
  if (next_state_ <= now) return Ask::kState;
  if (next_capacity_ <= now) return Ask::kCapacity;
  if (next_meter_ <= now) return Ask::kMeter;
  if (next_temperature_ <= now) return Ask::kTemperature;
  if (next_energy_ <= now || is_sample_wanted(now)) return Ask::kEnergy;
  return Ask::kNone;
}

/// The current first, then the permission.
RapiDriver::Ask RapiDriver::choose_control(Instant now) const {
  if (!has_offer() || now < control_at_) return Ask::kNone;
  if (target_ma() == 0) {
    // A charger in a fault does not charge, and sleeps when it is over.
    if (!must_sleep_ && (evse_state_ == kStateSleep || is_fault_state())) return Ask::kNone;
    return Ask::kSleep;
  }
  if (is_interrupting_pilot())
    return evse_state_ == kStateDisabled || is_fault_state() ? Ask::kNone : Ask::kDisable;
  if ((flags_ & kFlagBootLocked) != 0) return Ask::kBootUnlock;
  if (capacity_a_ != target_a()) return Ask::kCurrent;
  if ((flags_ & kFlagAuthLocked) != 0) return Ask::kAuthUnlock;
  return is_off() ? Ask::kEnable : Ask::kNone;
}

Instant RapiDriver::next_due() const {
  Instant next = Instant::never();
  for (const Instant due :
       {next_state_, next_meter_, next_energy_, next_temperature_, next_capacity_, next_pulse_}) {
    next = common::earlier(next, due);
  }
  return has_offer() && choose_control(control_at_) != Ask::kNone
             ? common::earlier(next, control_at_)
             : next;
}

void RapiDriver::send(Ask ask, Instant now) {
  char words[32] = "";
  switch (ask) {
    case Ask::kNone:
      return;
    case Ask::kVersion:
      std::snprintf(words, sizeof words, "GV");
      break;
    case Ask::kCapacity:
      std::snprintf(words, sizeof words, "GC");
      next_capacity_ = now + config().timings.meter_poll_ms;
      break;
    case Ask::kSupervision:
      std::snprintf(words, sizeof words, "SY %u %u", static_cast<unsigned>(heartbeat_s_),
                    static_cast<unsigned>(config().failsafe_ma / 1000));
      break;
    case Ask::kPulse:
      std::snprintf(words, sizeof words, "SY");
      next_pulse_ = now + heartbeat_s_ * 1000 / 4;
      break;
    case Ask::kAcknowledge:
      std::snprintf(words, sizeof words, "SY 165");
      break;
    case Ask::kState:
      std::snprintf(words, sizeof words, "GS");
      next_state_ = now + config().timings.status_poll_ms;
      break;
    case Ask::kMeter:
      std::snprintf(words, sizeof words, "GG");
      next_meter_ = now + config().timings.status_poll_ms;
      break;
    case Ask::kEnergy:
      std::snprintf(words, sizeof words, "GU");
      next_energy_ = now + config().timings.meter_poll_ms;
      break;
    case Ask::kTemperature:
      std::snprintf(words, sizeof words, "GP");
      next_temperature_ = now + config().timings.verify_poll_ms;
      break;
    case Ask::kCurrent:
      std::snprintf(words, sizeof words, "SC %u V", static_cast<unsigned>(target_a()));
      break;
    case Ask::kEnable:
      std::snprintf(words, sizeof words, "FE");
      break;
    case Ask::kSleep:
      std::snprintf(words, sizeof words, "FS");
      must_sleep_ = false;
      break;
    case Ask::kDisable:
      std::snprintf(words, sizeof words, "FD");
      break;
    case Ask::kAuthUnlock:
      std::snprintf(words, sizeof words, "S4 0");
      break;
    case Ask::kBootUnlock:
      std::snprintf(words, sizeof words, "SB");
      break;
  }
  const RapiLine::Text line = RapiLine::encode(common::text(words));
  const common::Result<size_t> written = link_->write(common::as_bytes(line.span()));
  const bool was_bad = is_link_bad_;
  is_link_bad_ = !written.ok() && written.status() != Status::kAgain;
  if (is_link_bad_ && !was_bad)
    LOG_ERROR(*ports().log, "connector %u: the serial port fails: %s", connector_id(),
              to_string(written.status()));
  // A line that went out in part gets no answer: the time-out tries again.
  pending_ = ask;
  sent_at_ = now;
}

// --- answers

void RapiDriver::receive(Instant now) {
  // Bounded: a babbling line must not hold the loop.
  constexpr int kMaxReads = 8;
  uint8_t buffer[32];
  for (int round = 0; round < kMaxReads; ++round) {
    const common::Result<size_t> got = link_->read(buffer);
    if (!got.ok()) return;
    for (size_t i = 0; i < got.value(); ++i) {
      if (line_.on_byte(buffer[i])) on_line(now);
    }
  }
}

void RapiDriver::on_line(Instant now) {
  if (line_.is(0, "AT")) {
    on_state_words(true, now);
    return;
  }
  if (line_.is(0, "AB")) {
    LOG_WARN(*ports().log, "connector %u: the charger has restarted", connector_id());
    count_restart();
    pending_ = Ask::kNone;
    start_init(now);
    return;
  }
  const bool is_ok = line_.is(0, "OK");
  if (pending_ == Ask::kNone || (!is_ok && !line_.is(0, "NK"))) return;
  const Ask ask = pending_;
  pending_ = Ask::kNone;
  on_answer(ask, is_ok, now);
}

void RapiDriver::on_answer(Ask ask, bool is_ok, Instant now) {
  switch (ask) {
    case Ask::kNone:
      return;
    case Ask::kVersion:
      // Old firmware without $GV answers NK: it is there, that is what counts.
      init_ = Init::kCapacity;
      return;
    case Ask::kCapacity:
      if (is_ok) on_capacity(now);
      if (init_ == Init::kCapacity) init_ = Init::kState;
      return;
    case Ask::kState:
      if (is_ok) on_state_words(false, now);
      return;
    case Ask::kSupervision:
    case Ask::kPulse:
    case Ask::kAcknowledge:
      if (ask == Ask::kAcknowledge) must_acknowledge_ = false;
      on_supervision(is_ok, now);
      if (ask == Ask::kSupervision) init_ = Init::kDone;
      return;
    case Ask::kMeter:
      if (is_ok) on_meter();
      return;
    case Ask::kTemperature:
      if (is_ok) on_temperature();
      return;
    case Ask::kEnergy: {
      int32_t session_ws = 0;
      if (is_ok && line_.decimal(1, session_ws) && session_ws >= 0)
        on_energy(session_ws / 3600, now);
      emit_sample(now);
      return;
    }
    case Ask::kCurrent:
      on_current(is_ok, now);
      return;
    case Ask::kEnable:
    case Ask::kSleep:
    case Ask::kDisable:
    case Ask::kAuthUnlock:
    case Ask::kBootUnlock:
      // The next state tells whether it was obeyed.
      next_state_ = now;
      control_at_ = now + (is_ok ? kObeyMs / kTries : kObeyMs);
      count_failure(now);
      return;
  }
}

/// Each command that must be given again counts; a state as wanted sets the count back.
void RapiDriver::count_failure(Instant now) {
  if (failures_ < kTries) {
    ++failures_;
    return;
  }
  set_rejected(true);
  control_at_ = now + config().timings.reject_retry_ms;
}

void RapiDriver::on_capacity(Instant now) {
  int32_t lowest_a = 0;
  int32_t highest_a = 0;
  int32_t pilot_a = 0;
  int32_t configured_a = 0;
  if (!line_.decimal(1, lowest_a) || !line_.decimal(2, highest_a)) return;
  // Old firmware tells the limits only: what it offers is known once it has been set.
  const bool has_pilot = line_.decimal(3, pilot_a);
  if (line_.decimal(4, configured_a) && configured_a > 0 && configured_a < highest_a)
    highest_a = configured_a;
  if (lowest_a < 0 || highest_a <= 0 || pilot_a < 0 || highest_a > 200) return;
  set_hardware_limits(static_cast<uint32_t>(lowest_a) * 1000,
                      static_cast<uint32_t>(highest_a) * 1000, now);
  if (!has_pilot) return;
  capacity_a_ = static_cast<uint32_t>(pilot_a);
  if (has_read_state()) on_limit_read(is_off() ? 0 : capacity_a_ * 1000);
}

void RapiDriver::on_current(bool is_ok, Instant now) {
  int32_t set_a = 0;
  control_at_ = now;
  if (line_.decimal(1, set_a) && set_a >= 0) {
    capacity_a_ = static_cast<uint32_t>(set_a);
    on_limit_read(is_off() ? 0 : capacity_a_ * 1000);
  }
  if (is_ok && capacity_a_ == target_a()) {
    failures_ = 0;
    set_rejected(false);
    return;
  }
  LOG_WARN(*ports().log, "connector %u: the charger sets %u A in place of %u A", connector_id(),
           static_cast<unsigned>(capacity_a_), static_cast<unsigned>(target_a()));
  control_at_ = now + 1000;
  count_failure(now);
}

void RapiDriver::on_supervision(bool is_ok, Instant now) {
  int32_t trigger = 0;
  const bool has_trigger = line_.decimal(3, trigger);
  if (is_ok && (!has_trigger || trigger != 2)) return;
  // Firmware without supervision refuses all of it, also an acknowledgement: say so once per start.
  if (!is_ok && !has_trigger) {
    if (init_ == Init::kSupervision)
      LOG_WARN(*ports().log, "connector %u: the charger has no heartbeat supervision",
               connector_id());
    return;
  }
  LOG_WARN(*ports().log, "connector %u: the charger missed heartbeats and fell back to %u mA",
           connector_id(), static_cast<unsigned>(config().failsafe_ma));
  must_acknowledge_ = true;
  capacity_a_ = 0;  // Whatever it is now: asked again and set again.
  next_capacity_ = now;
}

void RapiDriver::on_state_words(bool is_async, Instant now) {
  // $GS: state, seconds, pilot, flags; $AT: state, pilot, amperes, flags.
  uint32_t state = 0;
  uint32_t pilot = 0;
  uint32_t flags = 0;
  const bool has_pilot = line_.hex(is_async ? 2 : 3, pilot);
  if (!line_.hex(1, state)) return;
  const bool has_flags = line_.hex(4, flags);
  int32_t amperes = 0;
  if (is_async && line_.decimal(3, amperes) && amperes >= 0)
    capacity_a_ = static_cast<uint32_t>(amperes);
  evse_state_ = state;
  if (has_flags) flags_ = flags;

  StateRow row{static_cast<uint16_t>(state), Pilot::kHold, Error::kNone, 0, ""};
  bool is_known = state == 0;
  for (const StateRow& known : kStates) {
    if (known.value != state) continue;
    row = known;
    is_known = true;
  }
  if (state == kStateSleep) {
    const bool is_plugged = (flags_ & kFlagEvConnected) != 0;
    row.pilot = !is_plugged ? Pilot::kA : has_pilot && pilot == kStateC ? Pilot::kC1 : Pilot::kB1;
  } else if (state == kStateVentilation) {
    row.pilot = (flags_ & kFlagCharging) != 0 ? Pilot::kC2 : Pilot::kC1;
    if (row.pilot == Pilot::kC1) {
      row.error = Error::kOtherError;
      row.flags = kStateWarning;
      row.info = "the EV needs a ventilated place";
    }
  } else if (state == kStateDisabled) {
    row.pilot = Pilot::kHold;  // -12 V: the plug cannot be seen
  } else if (!is_known) {
    row.pilot = Pilot::kX;
    row.error = Error::kOtherError;
    row.info = "unknown state";
  }
  on_state(row, !is_off(), now);
  if (init_ == Init::kState) init_ = Init::kSupervision;
  if (capacity_a_ != 0) on_limit_read(is_off() ? 0 : capacity_a_ * 1000);
  if (has_offer() && is_off() == (target_ma() == 0) &&
      (target_ma() == 0 || capacity_a_ == target_a())) {
    failures_ = 0;
    set_rejected(false);
  }
}

void RapiDriver::on_meter() {
  int32_t current_ma = 0;
  int32_t voltage_mv = 0;
  if (!line_.decimal(1, current_ma) || !line_.decimal(2, voltage_mv)) return;
  charger::MeterSample& sample = reading();
  sample.valid &= charger::kMeterTemperature;
  if (current_ma >= 0) {
    sample.valid |= charger::kMeterCurrent;
    sample.current_ma[0] = current_ma;
  }
  if (voltage_mv > 0) {
    sample.valid |= charger::kMeterVoltage;
    sample.voltage_mv[0] = voltage_mv;
  }
  if (current_ma >= 0 && voltage_mv > 0) {
    sample.valid |= charger::kMeterPower;
    sample.power_w = static_cast<int32_t>(int64_t{current_ma} * voltage_mv / 1000000);
  }
}

void RapiDriver::on_temperature() {
  int32_t highest = kNoTemperature;
  for (size_t i = 1; i <= 3; ++i) {
    int32_t tenths = 0;
    if (line_.decimal(i, tenths) && tenths > highest && tenths < 2000) highest = tenths;
  }
  charger::MeterSample& sample = reading();
  sample.valid &= static_cast<uint16_t>(~static_cast<unsigned>(charger::kMeterTemperature));
  if (highest == kNoTemperature) return;
  sample.valid |= charger::kMeterTemperature;
  sample.temperature_deci_c = static_cast<int16_t>(highest);
}

void RapiDriver::fill_own(ConnectorDiagnostics& out) const {
  out.watchdog_ms = heartbeat_s_ * 1000;
  const auto add = [&out](const char* name, uint32_t value) {
    (void)out.details.push_back({name, static_cast<int32_t>(value)});
  };
  add("capacity_a", capacity_a_);
  add("flags", flags_);
  add("timeouts", timeouts_);
  add("bad_lines", line_.bad_lines());
}

}  // namespace bridge
