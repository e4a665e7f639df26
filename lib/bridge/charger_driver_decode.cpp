#include "bridge/charger_driver.hpp"

/// What the answers of a charger mean.
namespace bridge {

LOG_MODULE("bridge");

namespace {

constexpr int64_t kRecoverMs = 10000;

bool is_bit(Space space) { return space == Space::kCoil || space == Space::kDiscrete; }

/// Of a row that is one register or one bit.
uint16_t first_value(const RegisterRow& reg, common::ByteSpan payload) {
  if (!is_bit(reg.space)) return modbus::register_at(payload, 0);
  return modbus::bit_at(payload, 0) ? 1 : 0;
}

/// Raw value of one element, scaled and rounded towards zero. @return false when it is not a number.
bool scaled_value(const RegisterRow& reg, common::ByteSpan payload, size_t word, int64_t& out) {
  uint64_t bits = 0;
  size_t words = 1;
  switch (reg.type) {
    case WordType::kU16:
    case WordType::kS16:
      break;
    case WordType::kU32:
    case WordType::kS32:
    case WordType::kF32:
      words = 2;
      break;
    case WordType::kU64:
    case WordType::kS64:
    case WordType::kF64:
      words = 4;
      break;
  }
  for (size_t i = 0; i < words; ++i) {
    const size_t index = reg.order == WordOrder::kHighFirst ? word + i : word + words - 1 - i;
    bits = (bits << 16U) | modbus::register_at(payload, index);
  }
  int64_t raw = 0;
  switch (reg.type) {
    case WordType::kU16:
    case WordType::kU32:
      raw = static_cast<int64_t>(bits);
      break;
    case WordType::kS16:
      raw = static_cast<int16_t>(bits);
      break;
    case WordType::kS32:
      raw = static_cast<int32_t>(bits);
      break;
    case WordType::kU64:
    case WordType::kS64:
      raw = static_cast<int64_t>(bits);
      break;
    case WordType::kF32:
    case WordType::kF64: {
      double value = 0;
      if (reg.type == WordType::kF32) {
        const uint32_t narrow = static_cast<uint32_t>(bits);
        float single = 0;
        std::memcpy(&single, &narrow, sizeof(single));
        value = static_cast<double>(single);
      } else {
        std::memcpy(&value, &bits, sizeof(value));
      }
      value = value * reg.scale_num / reg.scale_den;
      constexpr double kLargest = 9.0e15;
      if (!(value > -kLargest && value < kLargest)) return false;
      out = static_cast<int64_t>(value);
      return true;
    }
  }
  // Nothing real comes near; keeps the product below within 64 bits.
  constexpr int64_t kLargestRaw = INT64_MAX / INT32_MAX;
  if (raw > kLargestRaw || raw < -kLargestRaw) return false;
  out = raw * reg.scale_num / reg.scale_den;
  return true;
}

int32_t clamp32(int64_t value) {
  if (value > INT32_MAX) return INT32_MAX;
  if (value < INT32_MIN) return INT32_MIN;
  return static_cast<int32_t>(value);
}

}  // namespace

// --- rows

bool ChargerDriver::exists(uint8_t row) const {
  if (row == kNoRegister) return false;
  const uint16_t min_layout = profile_->registers[row].min_layout;
  // A layout that could not be read: try, the charger refuses what it does not have.
  return min_layout == 0 || layout_ == 0 || layout_ >= min_layout;
}

bool ChargerDriver::is_usable(uint8_t row) const {
  return exists(row) && ((refused_rows_ >> row) & 1U) == 0;
}

bool ChargerDriver::has_usable(Meaning meaning) const {
  for (uint8_t row = 0; row < profile_->registers.size(); ++row) {
    if (profile_->registers[row].meaning == meaning && is_usable(row)) return true;
  }
  return false;
}

/// A session counter is only read where there is no lifetime counter.
bool ChargerDriver::is_needed(uint8_t row) const {
  if (!is_usable(row)) return false;
  return profile_->registers[row].meaning != Meaning::kEnergySession ||
         !has_usable(Meaning::kEnergyTotal);
}

uint32_t ChargerDriver::to_ma(uint8_t row, uint16_t raw) const {
  const RegisterRow& reg = profile_->registers[row];
  return static_cast<uint32_t>(static_cast<uint64_t>(raw) * static_cast<uint32_t>(reg.scale_num) /
                               static_cast<uint32_t>(reg.scale_den));
}

/// Rounded down: a limit is never rounded up.
uint16_t ChargerDriver::to_raw(uint8_t row, uint32_t value) const {
  const RegisterRow& reg = profile_->registers[row];
  const uint64_t raw = static_cast<uint64_t>(value) * static_cast<uint32_t>(reg.scale_den) /
                       static_cast<uint32_t>(reg.scale_num);
  return static_cast<uint16_t>(raw > UINT16_MAX ? UINT16_MAX : raw);
}

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
  const RegisterRow& reg = profile_->registers[pending.block.first_row];
  return is_background == (completion.tag == kBackgroundTag) &&
         completion.request.address == reg.address &&
         completion.request.count == pending.block.count &&
         completion.request.function == read_function(reg.space);
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
      if (read.purpose != ReadPurpose::kCycle) return;
      if (cycle_has_meter_) next_meter_ = next_status_;
      cycle_running_ = false;
      return;
  }
  const uint8_t row = read.block.first_row;
  const uint16_t raw = first_value(profile_->registers[row], completion.payload);
  switch (read.purpose) {
    case ReadPurpose::kNone:
      return;
    case ReadPurpose::kCycle:
      decode_block(read.block, completion.payload, now);
      return;
    case ReadPurpose::kReadback:
      on_setpoint_value(row, raw, now);
      return;
    case ReadPurpose::kInit:
      on_init_read(read.block, completion.payload, now);
      return;
    case ReadPurpose::kVerify:
      on_verify_value(read.setting, raw, now);
      return;
  }
}

void ChargerDriver::on_read_refused(const PendingRead& read, uint8_t exception_code) {
  const ReadBlock& block = read.block;
  const RegisterRow& reg = profile_->registers[block.first_row];
  // 1, 2, 3: the charger does not have it. Others (busy, failure) pass; the next cycle asks again.
  constexpr uint8_t kIllegalValue = 3;
  const bool is_permanent = exception_code >= 1 && exception_code <= kIllegalValue;
  if (is_permanent && block.rows > 1) {
    for (uint8_t i = 0; i < block.rows; ++i) unmerged_rows_ |= 1U << (block.first_row + i);
    if (read.purpose == ReadPurpose::kCycle) cycle_row_ = block.first_row;
  } else if (is_permanent) {
    refused_rows_ |= 1U << block.first_row;
    LOG_WARN(*ports_.log, "connector %u: the charger does not know register %u (exception %u)",
             config_.connector_id, reg.address, exception_code);
    if (block.first_row == profile_->control.limit_register) limit_.set_unreadable();
    if (block.first_row == profile_->control.enable_register) enable_.set_unreadable();
  } else if (read.purpose == ReadPurpose::kInit) {
    // A passing refusal must not stop the start-up: go on without this value.
    if (init_step_ == InitStep::kHardware) {
      init_index_ = static_cast<uint8_t>(block.first_row + block.rows);
    } else if (init_step_ == InitStep::kSettings) {
      ++init_index_;
      init_tries_ = 0;
    } else {
      init_read_next_ = false;
    }
  }
}

void ChargerDriver::on_write(const modbus::Completion& completion, common::Instant now) {
  if (!write_pending_) return;
  const RegisterRow& reg = profile_->registers[pending_write_row_];
  if (completion.request.address != reg.address) return;
  const uint16_t raw = completion.request.values[0];
  // An older value of the same register went out; the newer one is still to come.
  const bool is_last = raw == pending_write_raw_;
  if (is_last) write_pending_ = false;
  const bool has_answer = completion.outcome == modbus::Outcome::kOk ||
                          completion.outcome == modbus::Outcome::kException;
  if (completion.outcome == modbus::Outcome::kException) {
    LOG_WARN(*ports_.log, "connector %u: the charger refuses %u in register %u (exception %u)",
             config_.connector_id, raw, reg.address, completion.exception_code);
  }
  if (pending_write_is_init_) {
    if (!has_answer && ports_.bus->is_silent(ports_.unit_index)) {
      --init_tries_;
    } else if (completion.outcome == modbus::Outcome::kException) {
      init_tries_ = UINT8_MAX;
      init_read_next_ = false;
    }
    return;
  }
  Setpoint& setpoint = pending_write_row_ == profile_->control.limit_register ? limit_ : enable_;
  if (completion.outcome == modbus::Outcome::kOk) {
    LOG_DEBUG(*ports_.log, "connector %u: register %u := %u", config_.connector_id, reg.address,
              raw);
    setpoint.on_written(raw, now);
    // Whether the charger offers energy may follow at once.
    next_status_ = common::earlier(next_status_, now + config_.timings.request_on_ms);
  } else if (has_answer || !ports_.bus->is_silent(ports_.unit_index)) {
    const bool was_rejected = setpoint.is_rejected();
    setpoint.on_refused(now);
    if (!was_rejected && setpoint.is_rejected()) {
      LOG_ERROR(*ports_.log, "connector %u: the charger does not take %u in register %u",
                config_.connector_id, raw, reg.address);
    }
  } else {
    setpoint.on_unanswered(now);
  }
}

// --- start-up

void ChargerDriver::on_init_read(const ReadBlock& block, common::ByteSpan payload,
                                 common::Instant now) {
  switch (init_step_) {
    case InitStep::kLayout:
      layout_ = modbus::register_at(payload, 0);
      init_read_next_ = false;
      return;
    case InitStep::kHardware:
      decode_block(block, payload, now);
      init_index_ = static_cast<uint8_t>(block.first_row + block.rows);
      return;
    case InitStep::kSettings:
      on_setting_value(first_value(profile_->registers[block.first_row], payload));
      return;
    case InitStep::kFirstRead:
    case InitStep::kLimit:
    case InitStep::kDone:
      return;
  }
}

void ChargerDriver::on_setting_value(uint16_t raw) {
  const Setting item = setting(init_index_);
  const bool is_right = item.has_value ? raw == item.value : raw != 0;
  if (item.row == profile_->watchdog.timeout_register) watchdog_ms_ = to_ma(item.row, raw);
  if (!is_right && init_tries_ < 2) {
    init_read_next_ = false;  // Write it.
    return;
  }
  if (!is_right) {
    LOG_ERROR(*ports_.log, "connector %u: register %u stays %u, %u was written",
              config_.connector_id, profile_->registers[item.row].address, raw, item.value);
  }
  ++init_index_;
  init_tries_ = 0;
  init_read_next_ = true;
}

void ChargerDriver::on_verify_value(uint8_t setting_index, uint16_t raw, common::Instant now) {
  const Setting item = setting(setting_index);
  if (raw != item.value) on_charger_restart("its settings are gone", now);
}

void ChargerDriver::on_charger_restart(const char* cause, common::Instant now) {
  LOG_WARN(*ports_.log, "connector %u: the charger seems to have restarted: %s",
           config_.connector_id, cause);
  ++restarts_seen_;
  start_init(true, now);
}

void ChargerDriver::on_setpoint_value(uint8_t row, uint16_t raw, common::Instant now) {
  const bool is_limit = row == profile_->control.limit_register;
  Setpoint& setpoint = is_limit ? limit_ : enable_;
  const bool was_rejected = setpoint.is_rejected();
  switch (setpoint.on_read(raw, now)) {
    case Setpoint::ReadEvent::kNone:
      return;
    case Setpoint::ReadEvent::kConfirmed:
      LOG_DEBUG(*ports_.log, "connector %u: %s confirmed: %u%s", config_.connector_id,
                is_limit ? "limit" : "enable", raw,
                was_rejected ? ", the charger obeys again" : "");
      return;
    case Setpoint::ReadEvent::kLost:
      on_charger_restart(is_limit ? "its limit has changed" : "its permission has changed", now);
      return;
  }
}

// --- cycles

void ChargerDriver::decode_block(const ReadBlock& block, common::ByteSpan payload,
                                 common::Instant now) {
  const uint16_t base = profile_->registers[block.first_row].address;
  uint8_t state_row = kNoRegister;
  bool has_current = false;
  for (uint8_t i = 0; i < block.rows; ++i) {
    const uint8_t row = static_cast<uint8_t>(block.first_row + i);
    if (!is_needed(row)) continue;
    const RegisterRow& reg = profile_->registers[row];
    // Last, because what it means depends on the others.
    if (reg.meaning == Meaning::kState) state_row = row;
    has_current = has_current || reg.meaning == Meaning::kCurrent || reg.meaning == Meaning::kPower;
    decode_row(row, payload, static_cast<size_t>(reg.address - base), now);
  }
  if (state_row != kNoRegister) {
    const RegisterRow& reg = profile_->registers[state_row];
    int64_t code = 0;
    if (is_bit(reg.space)) {
      code = modbus::bit_at(payload, static_cast<size_t>(reg.address - base)) ? 1 : 0;
    } else {
      code = modbus::register_at(payload, static_cast<size_t>(reg.address - base));
    }
    on_state_code(static_cast<uint16_t>(code), now);
  }
  if (has_current && phase_ == Phase::kRunning) update_guard(now);
}

void ChargerDriver::decode_row(uint8_t row, common::ByteSpan payload, size_t offset,
                               common::Instant now) {
  const RegisterRow& reg = profile_->registers[row];
  constexpr size_t kPhases = 3;
  int64_t values[kPhases] = {};
  const size_t elements = reg.elements < kPhases ? reg.elements : kPhases;
  const size_t words = single(row).count / reg.elements;
  for (size_t i = 0; i < elements; ++i) {
    if (is_bit(reg.space)) {
      values[i] = modbus::bit_at(payload, offset + i) ? 1 : 0;
    } else if (!scaled_value(reg, payload, offset + i * words, values[i])) {
      return;  // Not a number: not available.
    }
  }
  switch (reg.meaning) {
    case Meaning::kNone:
    case Meaning::kState:
    case Meaning::kLayoutVersion:
      return;
    case Meaning::kCurrent:
      for (size_t i = 0; i < kPhases; ++i) reading_.current_ma[i] = clamp32(values[i]);
      reading_.valid |= charger::kMeterCurrent;
      return;
    case Meaning::kVoltage:
      for (size_t i = 0; i < kPhases; ++i) reading_.voltage_mv[i] = clamp32(values[i]);
      reading_.valid |= charger::kMeterVoltage;
      return;
    case Meaning::kPower:
      reading_.power_w = clamp32(values[0]);
      reading_.valid |= charger::kMeterPower;
      return;
    case Meaning::kTemperature:
      reading_.temperature_deci_c = static_cast<int16_t>(clamp32(values[0]));
      reading_.valid |= charger::kMeterTemperature;
      return;
    case Meaning::kFrequency:
      reading_.frequency_mhz = clamp32(values[0]);
      reading_.valid |= charger::kMeterFrequency;
      return;
    case Meaning::kEnergyTotal:
    case Meaning::kEnergySession:
      on_energy(row, values[0], now);
      return;
    case Meaning::kHardwareMax:
      if (values[0] >= static_cast<int64_t>(profile_->control.min_ma)) {
        hardware_max_ma_ = static_cast<uint32_t>(clamp32(values[0]));
      } else {
        LOG_WARN(*ports_.log, "connector %u: the charger's highest current reads %ld mA: not used",
                 config_.connector_id, static_cast<long>(values[0]));
      }
      return;
    case Meaning::kHardwareMin:
      if (values[0] > 0 && values[0] <= static_cast<int64_t>(profile_->control.max_ma)) {
        hardware_min_ma_ = static_cast<uint32_t>(clamp32(values[0]));
      }
      return;
    case Meaning::kExternalLock:
      external_lock_ = values[0] == 0;
      return;
  }
}

void ChargerDriver::on_energy(uint8_t row, int64_t counter_wh, common::Instant now) {
  const RegisterRow& reg = profile_->registers[row];
  EnergyRegister::Settings settings;
  settings.source = static_cast<uint8_t>(reg.meaning);
  settings.may_restart = reg.meaning == Meaning::kEnergySession;
  settings.resolution_wh = reg.scale_num > reg.scale_den ? reg.scale_num / reg.scale_den : 1;
  if (reg.type == WordType::kU16)
    settings.range_wh = int64_t{0x10000} * reg.scale_num / reg.scale_den;
  if (reg.type == WordType::kU32)
    settings.range_wh = int64_t{0x100000000} * reg.scale_num / reg.scale_den;
  const charger::Capabilities limits = capabilities();
  // 265 V: the highest voltage between a phase and neutral that a supply may have.
  settings.max_power_w = int64_t{265} * limits.phases * limits.max_ma / 1000;
  energy_.configure(settings);
  switch (energy_.update(counter_wh, now)) {
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
    case EnergyRegister::Update::kRebased:
      LOG_WARN(*ports_.log, "connector %u: the energy counter stays at %ld Wh: nothing booked",
               config_.connector_id, static_cast<long>(counter_wh));
      break;
  }
  if (energy_.is_known()) reading_.valid |= charger::kMeterEnergyImport;
}

void ChargerDriver::on_state_code(uint16_t code, common::Instant now) {
  const StateRow* row = nullptr;
  for (const StateRow& candidate : profile_->states) {
    if (candidate.value == code) row = &candidate;
  }
  StateRow unknown = {code, Pilot::kHold, charger::Error::kNone, 0, ""};
  if (row == nullptr) {
    if (!unknown_code_logged_) {
      LOG_ERROR(*ports_.log, "connector %u: the profile does not know state %u",
                config_.connector_id, code);
    }
    unknown_code_logged_ = true;
    row = &unknown;
  }
  state_code_ = code;
  const bool is_booting = (row->flags & kStateBoot) != 0;
  if (boot_state_seen_ && !is_booting && phase_ == Phase::kRunning) {
    // What it says now is not trusted before its settings and its limit are back.
    boot_state_seen_ = false;
    on_charger_restart("it was booting", now);
    return;
  }
  boot_state_seen_ = is_booting;
  normaliser_.update(*row, target_ma_ != 0 && limit_.is_settled(), config_.timings, now);
  has_read_state_ = true;
  state_at_ = now;
  next_status_ = common::earlier(next_status_, normaliser_.wants_reading_at());
  if (row->pilot == Pilot::kF && !external_lock_ && phase_ == Phase::kRunning &&
      now >= recover_at_) {
    LOG_WARN(*ports_.log, "connector %u: the charger is in state F: unlocking it",
             config_.connector_id);
    recover_at_ = now + kRecoverMs;
    start_init(true, now);
  }
}

}  // namespace bridge
