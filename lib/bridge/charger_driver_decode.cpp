#include "bridge/charger_driver.hpp"

#include <algorithm>

/// What the answers of a charger mean.
namespace bridge {

LOG_MODULE("bridge");

namespace {

constexpr int64_t kRecoverMs = 10000;
/// Readings further apart say nothing about the energy between them.
constexpr int64_t kIntegralMs = 10000;
/// EnergyRegister source of the integral: no meaning has it.
constexpr uint8_t kIntegralSource = 0xFF;
constexpr uint8_t kMeterSource = 0xFE;
/// Many meters count in 0.1 kWh.
constexpr int64_t kMeterResolutionWh = 100;

}  // namespace

// --- completions

void ChargerDriver::on_completion(uint8_t bus_index, const modbus::Completion& completion,
                                  common::Instant now) {
  if (bus_index != config_.bus || completion.unit_index != ports_.unit_index) return;
  is_unanswered_ = completion.outcome != modbus::Outcome::kOk &&
                   completion.outcome != modbus::Outcome::kException;
  if (modbus::is_write(completion.request.function)) {
    on_write(completion, now);
    return;
  }
  // What was asked before the last start_init() finds nobody waiting.
  for (PendingRead* pending : {&read_, &background_}) {
    if (!is_answer_to(*pending, completion)) continue;
    const PendingRead read = *pending;
    pending->purpose = ReadPurpose::kNone;
    on_read(read, completion, now);
    return;
  }
}

bool ChargerDriver::is_answer_to(const PendingRead& pending,
                                 const modbus::Completion& completion) const {
  if (pending.purpose == ReadPurpose::kNone) return false;
  const bool is_background = &pending == &background_;
  const modbus::Request asked = registers_.read_request(pending.block);
  return is_background == (completion.tag == kBackgroundTag) &&
         completion.request.address == asked.address && completion.request.count == asked.count &&
         completion.request.function == asked.function;
}

void ChargerDriver::on_read(const PendingRead& read, const modbus::Completion& completion,
                            common::Instant now) {
  switch (completion.outcome) {
    case modbus::Outcome::kOk:
      break;
    case modbus::Outcome::kException:
      on_read_refused(read, completion.exception_code);
      return;
    case modbus::Outcome::kTimeout:
    case modbus::Outcome::kBadReply:
    case modbus::Outcome::kLinkDown:
      if (read.purpose == ReadPurpose::kInit && init_step_ == InitStep::kOnce) {
        cycle_.row = read.block.first_row;
        cycle_.element = read.block.element;
      }
      if (read.purpose != ReadPurpose::kCycle) return;
      if (cycle_has_meter_) next_meter_ = next_status_;
      cycle_running_ = false;
      return;
  }
  const uint8_t row = read.block.first_row;
  switch (read.purpose) {
    case ReadPurpose::kNone:
      return;
    case ReadPurpose::kCycle:
      decode_block(read.block, completion.payload, now);
      return;
    case ReadPurpose::kReadback:
      on_setpoint_value(read, completion.payload, now);
      return;
    case ReadPurpose::kInit:
      on_init_read(read.block, completion.payload, now);
      return;
    case ReadPurpose::kStep:
      runner_.on_read(registers_.raw(row, completion.payload, read.block));
      return;
    case ReadPurpose::kVerify: {
      const Setting item = setting(read.index);
      if (item.row != kNoRegister &&
          !is_same_setting(item, row, registers_.raw(row, completion.payload, read.block)))
        on_charger_restart("its settings are gone", now);
      return;
    }
  }
}

void ChargerDriver::on_read_refused(const PendingRead& read, uint8_t exception_code) {
  const ReadBlock& block = read.block;
  const RegisterRow& reg = registers_.row(block.first_row);
  // 1, 2, 3: the charger does not have it. Others (busy, failure) pass; the next cycle asks again.
  constexpr uint8_t kIllegalValue = 3;
  const bool is_permanent = exception_code >= 1 && exception_code <= kIllegalValue;
  if (is_permanent && block.rows > 1) {
    registers_.read_alone(block);
    cycle_.row = block.first_row;
    cycle_.element = 0;
  } else if (is_permanent) {
    registers_.refuse(block.first_row);
    if (reg.watch < limits::kMaxWatchedValues)
      state_slots_ = static_cast<uint16_t>(state_slots_ & ~(1U << reg.watch));
    if ((reg.flags & kRowOptional) == 0) {
      LOG_WARN(*ports_.log, "connector %u: the charger does not know register %u (exception %u)",
               config_.connector_id, reg.address, exception_code);
    }
    const ControlTable& control = profile_->control;
    if (readback_row(control.limit_register) == kNoRegister) limit_.set_unreadable();
    if (readback_row(control.enable_register) == kNoRegister) enable_.set_unreadable();
    if (read.purpose == ReadPurpose::kStep) runner_.on_written(false, true);
  } else if (read.purpose == ReadPurpose::kStep) {
    runner_.on_written(false, false);
  } else if (read.purpose == ReadPurpose::kInit) {
    // A passing refusal must not stop the start-up: go on without this value.
    if (init_step_ == InitStep::kSettings) {
      ++init_index_;
      init_tries_ = 0;
    } else {
      init_read_next_ = false;
    }
  }
}

// --- start-up

void ChargerDriver::on_init_read(const ReadBlock& block, common::ByteSpan payload,
                                 common::Instant now) {
  switch (init_step_) {
    case InitStep::kLayout:
      registers_.read(block.first_row, payload, block);
      registers_.set_layout(static_cast<uint16_t>(registers_.raw(block.first_row, payload, block)));
      init_read_next_ = false;
      return;
    case InitStep::kOnce:
      decode_block(block, payload, now);
      return;
    case InitStep::kSettings:
      on_setting_value(block, payload);
      return;
    case InitStep::kFirstRead:
    case InitStep::kLimit:
    case InitStep::kDone:
      return;
  }
}

void ChargerDriver::on_setting_value(const ReadBlock& block, common::ByteSpan payload) {
  const Setting item = setting(init_index_);
  const uint8_t read_row = block.first_row;
  setting_bits_ = registers_.raw(read_row, payload, block);
  const bool is_right =
      item.has_value ? is_same_setting(item, read_row, setting_bits_) : setting_bits_ != 0;
  if (item.row == profile_->watchdog.timeout_register)
    watchdog_ms_ = static_cast<uint32_t>(registers_.to_value(read_row, setting_bits_));
  if (!is_right && init_tries_ < 2) {
    init_read_next_ = false;  // Write it.
    return;
  }
  if (!is_right) {
    LOG_ERROR(*ports_.log, "connector %u: register %u stays %u, %u was written",
              config_.connector_id, registers_.row(item.row).address,
              static_cast<unsigned>(setting_bits_), static_cast<unsigned>(item.value));
  }
  ++init_index_;
  init_tries_ = 0;
  init_read_next_ = true;
}

void ChargerDriver::on_charger_restart(const char* cause, common::Instant now) {
  LOG_WARN(*ports_.log, "connector %u: the charger seems to have restarted: %s",
           config_.connector_id, cause);
  ++restarts_seen_;
  normaliser_.withdraw_offer();
  if (has_offer_) {
    limit_.rewrite();
    if (profile_->control.enable_register != kNoRegister) enable_.rewrite();
  }
  start_init(true, now);
}

void ChargerDriver::on_setpoint_value(const PendingRead& read, common::ByteSpan payload,
                                      common::Instant now) {
  const bool is_limit = read.index == 0;
  const ControlTable& control = profile_->control;
  const uint64_t bits = registers_.raw(read.block.first_row, payload, read.block);
  uint32_t value = 0;
  if (is_limit) {
    const uint8_t phases = written_phases_ != 0 ? written_phases_ : charging_phases();
    value = limit_ma(read.block.first_row, bits, phases);
  } else {
    value = bits == control.enable_on ? 1 : bits == control.enable_off ? 0 : 2;
  }
  Setpoint& setpoint = is_limit ? limit_ : enable_;
  const bool was_rejected = setpoint.is_rejected();
  switch (setpoint.on_read(value, now)) {
    case Setpoint::ReadEvent::kNone:
      return;
    case Setpoint::ReadEvent::kConfirmed:
      LOG_DEBUG(*ports_.log, "connector %u: %s confirmed: %u%s", config_.connector_id,
                is_limit ? "limit" : "enable", static_cast<unsigned>(value),
                was_rejected ? ", the charger obeys again" : "");
      return;
    case Setpoint::ReadEvent::kLost:
      losses_ = static_cast<uint8_t>(now < lost_at_ + kLossWindowMs ? losses_ + 1 : 1);
      if (losses_ > kMaxLosses) losses_ = kMaxLosses;
      lost_at_ = now;
      on_charger_restart(is_limit ? "its limit has changed" : "its permission has changed", now);
      return;
  }
}

// --- cycles

void ChargerDriver::decode_block(const ReadBlock& block, common::ByteSpan payload,
                                 common::Instant now) {
  bool has_current = false;
  for (uint8_t i = 0; i < block.rows; ++i) {
    const uint8_t row = static_cast<uint8_t>(block.first_row + i);
    if (!registers_.is_needed(row)) continue;
    const RegisterRow& reg = registers_.row(row);
    const RegisterSet::Values values = registers_.read(row, payload, block);
    if (reg.watch < limits::kMaxWatchedValues)
      seen_slots_ = static_cast<uint16_t>(seen_slots_ | 1U << reg.watch);
    has_current = has_current || reg.meaning == Meaning::kCurrent || reg.meaning == Meaning::kPower;
    if (reg.meaning == Meaning::kTag) read_tag(row, payload, block);
    if (reg.meaning == Meaning::kSerial) device_ = registers_.mark(row, payload, block);
    if (values.count != 0) decode_row(row, values, now);
  }
  // What the state means depends on all its registers.
  const bool is_complete = state_slots_ != 0 && (seen_slots_ & state_slots_) == state_slots_;
  if (is_complete && cycle_running_ && !cycle_has_state_) {
    cycle_has_state_ = true;
    on_state(now);
  }
  if (has_current && phase_ == Phase::kRunning) update_guard(now);
}

void ChargerDriver::decode_row(uint8_t row, const RegisterSet::Values& values,
                               common::Instant now) {
  if (reading_.add(registers_, row, values)) {
    if (registers_.row(row).meaning == Meaning::kPower) integrate_power(now);
    return;
  }
  int64_t value = 0;
  for (size_t i = 0; i < values.count; ++i) value += values.value[i];
  switch (registers_.row(row).meaning) {
    case Meaning::kEnergyTotal:
    case Meaning::kEnergySession:
      on_energy(row, value, now);
      return;
    case Meaning::kHardwareMax:
      if (value >= static_cast<int64_t>(profile_->control.min_ma) && value <= INT32_MAX) {
        hardware_max_ma_ = static_cast<uint32_t>(value);
      } else {
        LOG_WARN(*ports_.log, "connector %u: the charger's highest current reads %ld mA: not used",
                 config_.connector_id, static_cast<long>(value));
      }
      return;
    case Meaning::kHardwareMin:
      if (value > 0 && value <= static_cast<int64_t>(profile_->control.max_ma))
        hardware_min_ma_ = static_cast<uint32_t>(value);
      return;
    case Meaning::kExternalLock:
      external_lock_ = value == 0;
      return;
    case Meaning::kTagCounter:
      tag_.set_counter(static_cast<uint32_t>(value));
      return;
    case Meaning::kTagLength:
      tag_.set_length(value > 0 ? static_cast<size_t>(value) : 0);
      return;
    case Meaning::kPlugTime:
      if (plug_time_ms_ >= 0 && value < plug_time_ms_) ++session_marker_;
      if (session_marker_ == 0) session_marker_ = 1;
      plug_time_ms_ = value;
      return;
    default:
      return;
  }
}

void ChargerDriver::on_energy(uint8_t row, int64_t counter_wh, common::Instant now) {
  if (uses_meter_energy()) return;
  const RegisterRow& reg = registers_.row(row);
  int64_t num = 1;
  int64_t den = 1;
  registers_.scale(row, num, den);
  EnergyRegister::Settings settings;
  settings.source = static_cast<uint8_t>(static_cast<unsigned>(reg.meaning) + 32U * reg.rank);
  settings.may_restart = reg.meaning == Meaning::kEnergySession;
  settings.resolution_wh = num > den ? num / den : 1;
  if (reg.elements == 1 && reg.type == WordType::kU16)
    settings.range_wh = int64_t{0x10000} * num / den;
  if (reg.elements == 1 && reg.type == WordType::kU32)
    settings.range_wh = int64_t{0x100000000} * num / den;
  settings.max_power_w = highest_power_w();
  settings.device = device_;
  energy_.configure(settings);
  book_energy(counter_wh, now);
}

/// 265 V: the highest voltage between a phase and neutral that a supply may have. An EV that does not obey takes more
/// than its charger may give: then the measured power tells.
int64_t ChargerDriver::highest_power_w() const {
  const charger::Capabilities limits = capabilities();
  const int64_t rated_w = int64_t{265} * limits.phases * limits.max_ma / 1000;
  return std::max(rated_w, int64_t{last_sample_.power_w});
}

/// The charger has no lifetime counter, its meter has.
bool ChargerDriver::uses_meter_energy() const {
  return ports_.meter != nullptr && !registers_.has(Meaning::kEnergyTotal) &&
         (ports_.meter->fields() & charger::kMeterEnergyImport) != 0;
}

void ChargerDriver::book_meter_energy(bool is_new, common::Instant now) {
  const charger::MeterSample& sample = ports_.meter->sample();
  if (!uses_meter_energy() || !sample.has(charger::kMeterEnergyImport)) return;
  if (is_new) {
    EnergyRegister::Settings settings;
    settings.source = kMeterSource;
    settings.resolution_wh = kMeterResolutionWh;
    settings.max_power_w = highest_power_w();
    settings.device = ports_.meter->device();
    energy_.configure(settings);
    book_energy(sample.energy_import_wh, now);
  }
  if (energy_.is_known()) reading_.sample().valid |= charger::kMeterEnergyImport;
}

/// Where there is no counter, power over time takes its place.
void ChargerDriver::integrate_power(common::Instant now) {
  const bool has_counter = registers_.has(Meaning::kEnergyTotal) ||
                           registers_.has(Meaning::kEnergySession) || uses_meter_energy();
  if (has_counter) return;
  const int64_t elapsed_ms = now - integrated_at_;
  integrated_at_ = now;
  const int32_t power_w = reading_.sample().power_w;
  if (has_integral_ && elapsed_ms <= kIntegralMs && power_w > 0)
    integral_mj_ += elapsed_ms * power_w;
  has_integral_ = true;
  EnergyRegister::Settings settings;
  settings.source = kIntegralSource;
  settings.may_restart = true;
  settings.max_power_w = highest_power_w();
  energy_.configure(settings);
  constexpr int64_t kMillijoulesPerWh = 3600 * 1000;
  book_energy(integral_mj_ / kMillijoulesPerWh, now);
}

void ChargerDriver::book_energy(int64_t counter_wh, common::Instant now) {
  const EnergyRegister::Update update = energy_.update(counter_wh, now);
  // The new base is stored at once: with the old one a restart would book what was not.
  if (update >= EnergyRegister::Update::kRestarted && update != EnergyRegister::Update::kIgnored)
    saved_energy_wh_ = -1;
  switch (update) {
    case EnergyRegister::Update::kBooked:
    case EnergyRegister::Update::kUnchanged:
      break;
    case EnergyRegister::Update::kWrapped:
      LOG_INFO(*ports_.log, "connector %u: the energy counter wrapped", config_.connector_id);
      break;
    case EnergyRegister::Update::kRestarted:
      LOG_WARN(*ports_.log, "connector %u: the energy counter started again at zero",
               config_.connector_id);
      break;
    case EnergyRegister::Update::kIgnored:
      LOG_WARN(*ports_.log, "connector %u: the energy counter jumps to %ld Wh: ignored",
               config_.connector_id, static_cast<long>(counter_wh));
      break;
    case EnergyRegister::Update::kOtherDevice:
      LOG_WARN(*ports_.log,
               "connector %u: another meter (serial number), at %ld Wh: nothing booked",
               config_.connector_id, static_cast<long>(counter_wh));
      break;
    case EnergyRegister::Update::kRebased:
      LOG_WARN(*ports_.log, "connector %u: the energy counter goes on from %ld Wh: a new base",
               config_.connector_id, static_cast<long>(counter_wh));
      break;
  }
  if (energy_.is_known()) reading_.sample().valid |= charger::kMeterEnergyImport;
}

// --- tag reader

void ChargerDriver::read_tag(uint8_t row, common::ByteSpan payload, const ReadBlock& block) {
  uint8_t bytes[2 * limits::kMaxTextRegisters];
  const size_t size = registers_.text(row, payload, block, bytes);
  tag_.set_tag(common::ByteSpan(bytes, size));
}

void ChargerDriver::report_tag(common::Instant now) {
  charger::IdTag tag;
  if (!tag_.take(tag)) return;
  LOG_INFO(*ports_.log, "connector %u: the charger has read a tag", config_.connector_id);
  if (ports_.tags != nullptr) ports_.tags->on_id_tag(config_.connector_id, tag, now);
}

void ChargerDriver::report_own_authorization(uint8_t state_flags, common::Instant now) {
  using charger::OwnAuthorization;
  OwnAuthorization own = OwnAuthorization::kNone;
  if (normaliser_.output().plug == charger::Plug::kPlugged) {
    own = (state_flags & kStateAuthorized) != 0 ? OwnAuthorization::kGranted
          : (state_flags & kStateWaiting) != 0  ? OwnAuthorization::kWaiting
          : (state_flags & kStateEnded) != 0    ? OwnAuthorization::kEnded
                                                : OwnAuthorization::kNone;
  }
  // While it may not charge, a charger may hide what it has authorized.
  if (own == OwnAuthorization::kNone && target_ma_ == 0 &&
      normaliser_.output().plug == charger::Plug::kPlugged)
    return;
  if (own == own_authorization_) return;
  own_authorization_ = own;
  if (ports_.tags != nullptr) ports_.tags->on_own_authorization(config_.connector_id, own, now);
}

// --- state

void ChargerDriver::on_state(common::Instant now) {
  const StateRule* rule = nullptr;
  for (const StateRule& candidate : profile_->states) {
    if (!registers_.holds(candidate.when)) continue;
    rule = &candidate;
    break;
  }
  const uint8_t state_row = registers_.find(Meaning::kState);
  state_code_ = state_row != kNoRegister ? registers_.watched(state_row)
                                         : registers_.first_value(profile_->states[0].when);
  StateRow row = {state_code_, Pilot::kHold, charger::Error::kNone, 0, "", ""};
  if (rule != nullptr) {
    row = rule->row;
    row.value = registers_.first_value(rule->when);
  } else {
    if (!unknown_code_logged_) {
      LOG_ERROR(*ports_.log, "connector %u: the profile does not know state %u",
                config_.connector_id, static_cast<unsigned>(state_code_));
    }
    unknown_code_logged_ = true;
  }
  // While we interrupt the pilot it says nothing about the plug, and state F is our doing. So it is out of service.
  const bool is_unserved = !is_in_service_ || !is_serving_ || now < serving_from_;
  if ((now < wake_until_ && !is_plugged(row.pilot)) || (is_unserved && row.pilot == Pilot::kF)) {
    if (row.pilot != Pilot::kX) row.error = charger::Error::kNone;
    row.pilot = Pilot::kHold;
  }
  const bool is_fault = row.error != charger::Error::kNone && (row.flags & kStateWarning) == 0;
  for (const StateRule& error : profile_->errors) {
    if (!registers_.holds(error.when)) continue;
    const bool is_warning = (error.row.flags & kStateWarning) != 0;
    if (is_fault && is_warning) continue;
    row.error = error.row.error;
    row.flags =
        static_cast<uint8_t>((row.flags & ~kStateWarning) | (is_warning ? kStateWarning : 0));
    row.info = error.row.info;
    row.code = error.row.code;
    row.value = registers_.first_value(error.when);
    break;
  }
  const bool is_booting = (row.flags & kStateBoot) != 0;
  if (boot_state_seen_ && !is_booting && phase_ == Phase::kRunning) {
    // What it says now is not trusted before its settings and its limit are back.
    boot_state_seen_ = false;
    normaliser_.trust_contactor();
    on_charger_restart("it was booting", now);
    return;
  }
  boot_state_seen_ = is_booting;
  normaliser_.update(row, target_ma_ != 0 && limit_.is_settled(), config_.timings, now);
  report_own_authorization(row.flags, now);
  has_read_state_ = true;
  state_at_ = now;
  // Charging without permission: perhaps it has forgotten its limit.
  if (has_offer_ && target_ma_ == 0 && row.pilot == Pilot::kC2)
    next_supervision_ = common::earlier(next_supervision_, now);
  next_status_ = common::earlier(next_status_, normaliser_.wants_reading_at());
  if (row.pilot == Pilot::kF && !external_lock_ && phase_ == Phase::kRunning &&
      now >= recover_at_) {
    LOG_WARN(*ports_.log, "connector %u: the charger is in state F: unlocking it",
             config_.connector_id);
    // Again, although it has its settings: a pilot that was left interrupted.
    if (recover_at_.ms != 0 && now < recover_at_ + kRecoverMs) want_action(Action::kWake);
    recover_at_ = now + kRecoverMs;
    start_init(true, now);
  }
}

}  // namespace bridge
