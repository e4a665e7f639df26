#include "bridge/charger_driver.hpp"

/// What a driver tells its charger: settings, limit, permission, heartbeat.
namespace bridge {

LOG_MODULE("bridge");

namespace {

constexpr int64_t kNominalVolts = 230;
constexpr uint32_t kShortestBeatMs = 500;

bool is_same_request(const modbus::Request& a, const modbus::Request& b) {
  if (a.function != b.function || a.address != b.address || a.count != b.count) return false;
  for (size_t i = 0; i < a.count && i < modbus::kMaxWriteRegisters; ++i) {
    if (a.values[i] != b.values[i]) return false;
  }
  return true;
}

}  // namespace

/// Where a written value can be read; kNoRegister: nowhere.
uint8_t ChargerDriver::readback_row(uint8_t row) const {
  if (row == kNoRegister || !registers_.exists(row)) return kNoRegister;
  const uint8_t readback = registers_.row(row).readback;
  return registers_.is_usable(readback) ? readback : kNoRegister;
}

// --- the limit: mA in the firmware; current, power or a special value in the charger

/// Phases that a power divides over: those that carry current, else those that may.
uint8_t ChargerDriver::charging_phases() const {
  if (active_phases_ != 0) return active_phases_;
  const uint8_t connected = config_.phases != 0 ? config_.phases : profile_->phases;
  const bool is_one = has_offer_ && offer_.phases == 1;
  return is_one ? 1 : connected;
}

/// The power for three phases is three times the current on one: it is written anew when the EV uses fewer.
void ChargerDriver::follow_phases(const charger::MeterSample& sample) {
  uint8_t active = Measurement::active_phases(sample);
  if (normaliser_.output().plug == charger::Plug::kUnplugged) {
    active = 0;
  } else if (active == 0) {
    return;  // A pause says nothing about the EV.
  }
  if (active == active_phases_) return;
  active_phases_ = active;
  const ControlTable& control = profile_->control;
  if (control.limit_is_power && control.three_phases_w == 0 && target_ma_ != 0) limit_.rewrite();
}

uint64_t ChargerDriver::limit_raw(uint8_t row, uint32_t ma) const {
  const ControlTable& control = profile_->control;
  if (ma == 0 && control.enable_register == kNoRegister && row == control.limit_register)
    return control.off_raw;
  if (!control.limit_is_power) return registers_.to_raw(row, ma);
  const int64_t one_phase_w = kNominalVolts * ma / 1000;
  int64_t power_w = one_phase_w * charging_phases();
  if (control.three_phases_w != 0) {
    // Below its threshold the charger would draw all of it from one phase.
    power_w = 3 * one_phase_w;
    const uint32_t threshold_w = control.three_phases_w;
    const bool is_one = has_offer_ && offer_.phases == 1;
    if (is_one || power_w < static_cast<int64_t>(threshold_w)) power_w = one_phase_w;
    if (is_one && power_w >= static_cast<int64_t>(threshold_w)) power_w = threshold_w - 1;
  }
  return registers_.to_raw(row, power_w);
}

/// @param bits    As they stand in a register.
/// @param phases  That a power divides over.
uint32_t ChargerDriver::limit_ma(uint8_t row, uint64_t bits, uint8_t phases) const {
  const ControlTable& control = profile_->control;
  // Another register counts the same way when it has the same scale.
  const RegisterRow& reg = registers_.row(row);
  const RegisterRow& own = registers_.row(control.limit_register);
  const bool is_own =
      row == control.limit_register ||
      (reg.type == own.type && reg.scale_num == own.scale_num && reg.scale_den == own.scale_den);
  if (is_own && control.enable_register == kNoRegister) {
    const bool is_off = is_float(reg.type) ? registers_.to_value(row, bits) ==
                                                 registers_.written_value(row, control.off_raw)
                                           : registers_.masked(row, bits) == control.off_raw;
    if (is_off) return 0;
  }
  int64_t value = registers_.to_value(row, bits);
  if (value <= 0) return is_own && control.zero_means != ZeroMeans::kStop ? kUnlimitedMa : 0;
  if (control.limit_is_power) {
    const bool is_three =
        control.three_phases_w == 0 ? false : value >= static_cast<int64_t>(control.three_phases_w);
    const int64_t volts = kNominalVolts * (control.three_phases_w == 0 ? phases : is_three ? 3 : 1);
    value = (value * 1000 + volts - 1) / volts;
  }
  return value > INT32_MAX ? INT32_MAX : static_cast<uint32_t>(value);
}

/// What the charger makes of a limit: its register may be coarser.
uint32_t ChargerDriver::quantise(uint32_t ma) const {
  const ControlTable& control = profile_->control;
  if (is_float(registers_.row(control.limit_register).type)) return ma;
  const uint64_t bits = limit_raw(control.limit_register, ma);
  const uint32_t result = limit_ma(control.limit_register, bits, charging_phases());
  return result < ma ? result : ma;
}

uint8_t ChargerDriver::limit_parts() const {
  const ControlTable& control = profile_->control;
  uint8_t parts = registers_.row(control.limit_register).elements;
  for (const uint8_t row : control.also_registers) parts += row != kNoRegister ? 1 : 0;
  return parts;
}

void ChargerDriver::submit_limit(uint32_t ma, uint8_t part) {
  const ControlTable& control = profile_->control;
  uint8_t row = control.limit_register;
  uint8_t element = part;
  written_phases_ = charging_phases();
  for (const uint8_t also : control.also_registers) {
    if (also == kNoRegister) continue;
    if (element == 0) {
      row = also;
      break;
    }
    --element;
  }
  submit_write(WriteKind::kLimit, registers_.write_request(row, element, limit_raw(row, ma)), ma,
               part);
}

// --- order of writes

void ChargerDriver::submit_write(WriteKind kind, const modbus::Request& request, uint32_t value,
                                 uint8_t part) {
  const bool is_stop = (kind == WriteKind::kLimit && limit_.is_decrease()) ||
                       (kind == WriteKind::kEnable && value == 0);
  const modbus::Priority priority = is_stop ? modbus::Priority::kUrgent : modbus::Priority::kWrite;
  if (ports_.bus->submit(ports_.unit_index, kWriteTag, priority, request) != common::Status::kOk)
    return;
  write_.kind = kind;
  write_.part = part;
  write_.value = value;
  write_.request = request;
}

bool ChargerDriver::may_write(const Setpoint& setpoint) const {
  if (is_other_model_) return false;
  if (phase_ == Phase::kRunning || init_step_ >= InitStep::kLimit) return true;
  // What starts by itself is stopped, or held at its limit, before anything else.
  const bool is_identified =
      init_step_ > InitStep::kOnce ||
      (profile_->identity.count == 0 && registers_.find(Meaning::kLayoutVersion) == kNoRegister);
  const bool starts_by_itself = profile_->control.zero_means == ZeroMeans::kAutostart;
  if (starts_by_itself && is_identified && has_offer_ && (is_resuming_ || target_ma_ == 0))
    return true;
  // Settings go before the limit, but a lower limit does not wait.
  return is_resuming_ && setpoint.is_decrease();
}

bool ChargerDriver::write_limit(common::Instant now, common::Instant& next) {
  if (!registers_.exists(profile_->control.limit_register) || !may_write(limit_)) return false;
  const common::Instant at = limit_.write_at();
  if (at > now) {
    next = common::earlier(next, at);
    return false;
  }
  submit_limit(limit_.wanted(), 0);
  return true;
}

bool ChargerDriver::write_enable(common::Instant now, common::Instant& next) {
  const ControlTable& control = profile_->control;
  if (!registers_.exists(control.enable_register) || !may_write(enable_)) return false;
  const common::Instant at = enable_.write_at();
  if (at > now) {
    next = common::earlier(next, at);
    return false;
  }
  const uint32_t wanted = enable_.wanted();
  submit_write(WriteKind::kEnable,
               registers_.write_request(control.enable_register, 0,
                                        wanted != 0 ? control.enable_on : control.enable_off),
               wanted, 0);
  return true;
}

/// Feeds a watchdog that wants to be written to. Not of a charger that does not answer: perhaps it hears all the same,
/// and nobody could tell why its failsafe current should not hold.
bool ChargerDriver::write_beat(common::Instant now, common::Instant& next) {
  const WatchdogTable& watchdog = profile_->watchdog;
  uint32_t interval_ms = feed_interval_ms();
  if (interval_ms == 0 || watchdog.kind == Heartbeat::kAnyTransaction || is_other_model_)
    return false;
  if (ports_.bus->is_silent(ports_.unit_index)) return false;
  // Not before it is known to be the model.
  if (phase_ == Phase::kInit && !is_resuming_ && init_step_ <= InitStep::kOnce) return false;
  if (interval_ms < kShortestBeatMs) interval_ms = kShortestBeatMs;
  if (now < next_beat_) {
    next = common::earlier(next, next_beat_);
    return false;
  }
  next_beat_ = now + interval_ms;
  next = common::earlier(next, next_beat_);
  if (watchdog.kind == Heartbeat::kRewriteLimit) {
    limit_.rewrite();
    return false;
  }
  const bool is_token = watchdog.kind == Heartbeat::kToken;
  const uint8_t row = is_token ? watchdog.token_register : watchdog.timeout_register;
  if (!registers_.exists(row)) return false;
  const uint64_t bits = is_token ? watchdog.token : registers_.to_raw(row, watchdog_ms_);
  submit_write(WriteKind::kBeat, registers_.write_request(row, 0, bits), 0, 0);
  return true;
}

/// A lower wish takes the place of one that still waits for the bus.
void ChargerDriver::replace_pending_write() {
  const ControlTable& control = profile_->control;
  if (write_.kind == WriteKind::kLimit && limit_.wanted() < write_.value) {
    submit_limit(limit_.wanted(), 0);
  } else if (write_.kind == WriteKind::kEnable && enable_.wanted() != write_.value) {
    const uint16_t raw = enable_.wanted() != 0 ? control.enable_on : control.enable_off;
    submit_write(WriteKind::kEnable, registers_.write_request(control.enable_register, 0, raw),
                 enable_.wanted(), 0);
  }
}

common::Instant ChargerDriver::run_writes(common::Instant now) {
  common::Instant next = common::Instant::never();
  if (write_.kind != WriteKind::kNone) {
    replace_pending_write();
    return next;
  }
  // What must go down waits for nothing.
  const bool is_urgent = limit_.is_decrease() && limit_.write_at() <= now && may_write(limit_);
  if (!is_urgent && write_beat(now, next)) return next;
  if (target_ma_ == 0) {
    // A session is ended in order, unless that takes long.
    const bool is_ending = runner_.is_running() && runner_.action() == Action::kDeauthorize;
    if (is_ending && now < end_by_) return common::earlier(next, end_by_);
    if (write_enable(now, next)) return next;
    write_limit(now, next);
    return next;
  }
  // The current is set before charging is allowed.
  if (write_limit(now, next)) return next;
  // A limit that only waits to go higher does not keep charging from being allowed: what the charger holds is less.
  const bool is_lower = limit_.is_device_known() && limit_.device() <= limit_.wanted();
  if (limit_.write_at().is_never() || is_lower) write_enable(now, next);
  return next;
}

// --- answers

void ChargerDriver::on_write(const modbus::Completion& completion, common::Instant now) {
  // An older value may still come back; the newer one is on its way.
  if (write_.kind == WriteKind::kNone || !is_same_request(completion.request, write_.request))
    return;
  const PendingWrite write = write_;
  write_.kind = WriteKind::kNone;
  const bool is_done = completion.outcome == modbus::Outcome::kOk;
  const bool is_refused = completion.outcome == modbus::Outcome::kException;
  const bool is_silent = !is_done && !is_refused && ports_.bus->is_silent(ports_.unit_index);
  if (is_refused) {
    LOG_WARN(*ports_.log, "connector %u: the charger refuses %u in register %u (exception %u)",
             config_.connector_id, completion.request.values[0], completion.request.address,
             completion.exception_code);
  }
  switch (write.kind) {
    case WriteKind::kNone:
      return;
    case WriteKind::kSetting:
      if (is_silent) {
        --init_tries_;
      } else if (is_refused) {
        init_tries_ = UINT8_MAX;
        init_read_next_ = false;
      }
      return;
    case WriteKind::kBeat:
      if (!is_done) next_beat_ = common::earlier(next_beat_, now + kShortestBeatMs);
      return;
    case WriteKind::kStep:
      if (!is_silent) runner_.on_written(is_done, is_refused);
      if (is_done)
        next_status_ = common::earlier(next_status_, now + config_.timings.request_on_ms);
      return;
    case WriteKind::kLimit:
      if (is_done && write.part + 1 < limit_parts()) {
        submit_limit(write.value, static_cast<uint8_t>(write.part + 1));
        return;
      }
      break;
    case WriteKind::kEnable:
      break;
  }
  on_setpoint_write(write, completion, now);
}

void ChargerDriver::on_setpoint_write(const PendingWrite& write,
                                      const modbus::Completion& completion, common::Instant now) {
  const bool is_limit = write.kind == WriteKind::kLimit;
  Setpoint& setpoint = is_limit ? limit_ : enable_;
  const bool has_answer = completion.outcome == modbus::Outcome::kOk ||
                          completion.outcome == modbus::Outcome::kException;
  const unsigned address = completion.request.address;
  const unsigned raw = completion.request.values[0];
  if (completion.outcome == modbus::Outcome::kOk) {
    LOG_DEBUG(*ports_.log, "connector %u: register %u := %u", config_.connector_id, address, raw);
    setpoint.on_written(write.value, now);
    if (!is_limit && write.value != 0 && profile_->control.again_after_enable) limit_.rewrite();
    // Whether the charger offers energy may follow at once.
    next_status_ = common::earlier(next_status_, now + config_.timings.request_on_ms);
  } else if (has_answer || !ports_.bus->is_silent(ports_.unit_index)) {
    const bool was_rejected = setpoint.is_rejected();
    setpoint.on_refused(now);
    if (!was_rejected && setpoint.is_rejected()) {
      LOG_ERROR(*ports_.log, "connector %u: the charger does not take %u in register %u",
                config_.connector_id, raw, address);
    }
  } else {
    setpoint.on_unanswered(now);
  }
}

// --- settings

size_t ChargerDriver::setting_count() const { return profile_->init.size() + 4; }

/// The profile's list, then the watchdog's time, the failsafe currents, the current after a restart.
ChargerDriver::Setting ChargerDriver::setting(size_t index) const {
  const WatchdogTable& watchdog = profile_->watchdog;
  const size_t own = profile_->init.size();
  Setting result;
  if (index < own) {
    const InitRow& row = profile_->init[index];
    if (!registers_.holds(row.when)) return result;
    // Out of service it differs on purpose.
    if (!is_in_service_ && writes(Action::kOutOfService, row.reg)) return result;
    result.row = row.reg;
    result.has_value = true;
    result.value = row.value;
    result.mask = row.mask;
    result.verify = row.verify;
    return result;
  }
  result.verify = true;
  if (index == own) {
    result.row = watchdog.timeout_register;
    if (result.row == kNoRegister) return result;
    const bool is_blind = readback_row(result.row) == kNoRegister;
    result.has_value = config_.watchdog_ms != 0 || is_blind;
    result.value = registers_.to_raw(
        result.row, config_.watchdog_ms != 0 ? config_.watchdog_ms : watchdog.default_ms);
    return result;
  }
  const uint8_t rows[] = {watchdog.failsafe_registers[0], watchdog.failsafe_registers[1],
                          watchdog.restart_register};
  result.row = rows[index - own - 1];
  if (result.row == kNoRegister) return result;
  result.has_value = true;
  result.value = registers_.to_raw(result.row, config_.failsafe_ma);
  return result;
}

/// @param bits  What read_row holds.
bool ChargerDriver::is_same_setting(const Setting& item, uint8_t read_row, uint64_t bits) const {
  if (item.mask != 0) return (bits & item.mask) == item.value;
  const RegisterRow& reg = registers_.row(item.row);
  if (read_row == item.row && !is_float(reg.type)) {
    const uint64_t all = reg.words >= 4 ? ~uint64_t{0} : (uint64_t{1} << (16U * reg.words)) - 1;
    return (bits & all) == (item.value & all);
  }
  // Of another type or scale, or a float: as near as its unit is fine.
  const int64_t difference =
      registers_.to_value(read_row, bits) - registers_.written_value(item.row, item.value);
  return difference >= -1 && difference <= 1;
}

}  // namespace bridge
