#include "bridge/charger_driver.hpp"

/// What a driver asks its charger next. At most one write, one read and one read that can wait are
/// under way.
namespace bridge {

LOG_MODULE("bridge");

namespace {

constexpr uint32_t kShortestPollMs = 250;
/// Writes of one setting before it is given up.
constexpr uint8_t kSettingTries = 2;

uint16_t words_of(WordType type) {
  switch (type) {
    case WordType::kU16:
    case WordType::kS16:
      return 1;
    case WordType::kU32:
    case WordType::kS32:
    case WordType::kF32:
      return 2;
    case WordType::kU64:
    case WordType::kS64:
    case WordType::kF64:
      return 4;
  }
  return 1;
}

}  // namespace

// --- writes

bool ChargerDriver::may_write(const Setpoint& setpoint) const {
  if (phase_ == Phase::kRunning || init_step_ >= InitStep::kLimit) return true;
  // Settings go before the limit, but a lower limit does not wait.
  return is_resuming_ && setpoint.is_decrease();
}

bool ChargerDriver::write_setpoint(Setpoint& setpoint, uint8_t row, common::Instant now,
                                   common::Instant& next) {
  if (row == kNoRegister || !exists(row) || !may_write(setpoint)) return false;
  const common::Instant at = setpoint.write_at();
  if (at > now) {
    next = common::earlier(next, at);
    return false;
  }
  submit_write(row, setpoint.wanted(), false);
  return true;
}

common::Instant ChargerDriver::run_writes(common::Instant now) {
  const ControlTable& control = profile_->control;
  common::Instant next = common::Instant::never();
  if (write_pending_) {
    // A lower wish takes the place of one that still waits for the bus.
    if (pending_write_is_init_) return next;
    const bool is_limit = pending_write_row_ == control.limit_register;
    const Setpoint& setpoint = is_limit ? limit_ : enable_;
    if (is_limit ? setpoint.wanted() < pending_write_raw_
                 : setpoint.wanted() != pending_write_raw_) {
      submit_write(pending_write_row_, setpoint.wanted(), false);
    }
    return next;
  }
  if (target_ma_ == 0) {
    if (write_setpoint(enable_, control.enable_register, now, next)) return next;
    write_setpoint(limit_, control.limit_register, now, next);
    return next;
  }
  // The current is set before charging is allowed.
  if (write_setpoint(limit_, control.limit_register, now, next)) return next;
  // A limit that only waits to go higher does not keep charging from being allowed: what the charger holds is less.
  const bool is_lower = limit_.is_device_known() && limit_.device() <= limit_.wanted();
  if (limit_.write_at().is_never() || is_lower)
    write_setpoint(enable_, control.enable_register, now, next);
  return next;
}

void ChargerDriver::submit_write(uint8_t row, uint16_t raw, bool is_init) {
  const RegisterRow& reg = profile_->registers[row];
  modbus::Request request;
  request.function = reg.space == Space::kCoil ? modbus::Function::kWriteSingleCoil
                                               : profile_->write_register_function;
  request.address = reg.address;
  request.count = 1;
  request.values[0] = raw;
  if (ports_.bus->submit(ports_.unit_index, kWriteTag, modbus::Priority::kWrite, request) !=
      common::Status::kOk) {
    return;
  }
  write_pending_ = true;
  pending_write_is_init_ = is_init;
  pending_write_row_ = row;
  pending_write_raw_ = raw;
}

// --- reads

ChargerDriver::ReadBlock ChargerDriver::single(uint8_t row) const {
  const RegisterRow& reg = profile_->registers[row];
  ReadBlock block;
  block.first_row = row;
  block.rows = 1;
  block.count = static_cast<uint16_t>(words_of(reg.type) * reg.elements);
  return block;
}

/// The first row of these poll classes from from_row on, with the neighbours that one request can read along. Rows that
/// nobody needs are read along too where they lie between two that are.
bool ChargerDriver::next_block(Poll poll, Poll or_poll, uint8_t from_row, ReadBlock& out) const {
  const common::Span<const RegisterRow>& rows = profile_->registers;
  const auto is_asked = [&](size_t row) {
    return rows[row].poll == poll || rows[row].poll == or_poll;
  };
  size_t row = from_row;
  while (row < rows.size() && !(is_asked(row) && is_needed(static_cast<uint8_t>(row)))) ++row;
  if (row >= rows.size()) return false;
  out = single(static_cast<uint8_t>(row));
  const RegisterRow& first = rows[row];
  uint32_t end = static_cast<uint32_t>(first.address) + out.count;
  for (++row; row < rows.size(); ++row) {
    const uint8_t index = static_cast<uint8_t>(row);
    const RegisterRow& reg = rows[row];
    const bool is_apart = reg.address != end && !(profile_->read_across_gaps && reg.address > end);
    const bool is_alone = ((unmerged_rows_ >> index | unmerged_rows_ >> out.first_row) & 1U) != 0;
    end = static_cast<uint32_t>(reg.address) + single(index).count;
    if (!is_asked(row) || reg.space != first.space || !is_usable(index) || is_apart || is_alone ||
        end - first.address > profile_->max_read_registers) {
      break;
    }
    if (!is_needed(index)) continue;
    out.rows = static_cast<uint8_t>(row + 1 - out.first_row);
    out.count = static_cast<uint16_t>(end - first.address);
  }
  return true;
}

bool ChargerDriver::submit_block(const ReadBlock& block, uint8_t tag, modbus::Priority priority) {
  const RegisterRow& reg = profile_->registers[block.first_row];
  modbus::Request request;
  request.function = read_function(reg.space);
  request.address = reg.address;
  request.count = block.count;
  return ports_.bus->submit(ports_.unit_index, tag, priority, request) == common::Status::kOk;
}

void ChargerDriver::submit_read(const ReadBlock& block, ReadPurpose purpose) {
  if (!submit_block(block, kReadTag, modbus::Priority::kRead)) return;
  read_.purpose = purpose;
  read_.block = block;
}

void ChargerDriver::submit_background(uint8_t row, ReadPurpose purpose, uint8_t setting_index) {
  const ReadBlock block = single(row);
  if (!submit_block(block, kBackgroundTag, modbus::Priority::kBackground)) return;
  background_.purpose = purpose;
  background_.block = block;
  background_.setting = setting_index;
}

uint32_t ChargerDriver::status_interval_ms() const {
  uint32_t interval_ms = config_.timings.status_poll_ms;
  const WatchdogTable& watchdog = profile_->watchdog;
  if (watchdog.kind == Heartbeat::kAnyTransaction && watchdog_ms_ != 0) {
    const uint32_t feed_ms = watchdog_ms_ / watchdog.feed_divisor;
    if (feed_ms < interval_ms) interval_ms = feed_ms;
  }
  return interval_ms < kShortestPollMs ? kShortestPollMs : interval_ms;
}

void ChargerDriver::start_cycle(common::Instant now) {
  cycle_running_ = true;
  cycle_has_meter_ = now >= next_meter_;
  cycle_row_ = 0;
  next_status_ = now + status_interval_ms();
  if (cycle_has_meter_) {
    next_meter_ = now + config_.timings.meter_poll_ms;
    // The meters of a bus take turns: connectors start apart and stay so.
    if (!has_read_state_ || is_resuming_) {
      next_meter_ = next_meter_ + static_cast<int64_t>(config_.timings.meter_poll_ms) *
                                      (config_.connector_id - 1) /
                                      static_cast<int64_t>(limits::kMaxConnectors);
    }
    reading_.valid = 0;
  }
}

/// @return true when a read was submitted, false when the cycle is over.
bool ChargerDriver::run_cycle(common::Instant now) {
  if (!cycle_running_) return false;
  ReadBlock block;
  if (next_block(Poll::kStatus, cycle_has_meter_ ? Poll::kMeter : Poll::kStatus, cycle_row_,
                 block)) {
    cycle_row_ = static_cast<uint8_t>(block.first_row + block.rows);
    submit_read(block, ReadPurpose::kCycle);
    return true;
  }
  cycle_running_ = false;
  if (cycle_has_meter_) emit_sample(now);
  return false;
}

/// Reads a setpoint back after a write.
bool ChargerDriver::run_readback(common::Instant now, common::Instant& next) {
  const ControlTable& control = profile_->control;
  const Setpoint* setpoints[] = {&limit_, &enable_};
  const uint8_t rows[] = {control.limit_register, control.enable_register};
  for (size_t i = 0; i < 2; ++i) {
    if (rows[i] == kNoRegister || !is_usable(rows[i])) continue;
    const common::Instant at = setpoints[i]->read_at();
    if (at > now) {
      next = common::earlier(next, at);
      continue;
    }
    submit_read(single(rows[i]), ReadPurpose::kReadback);
    return true;
  }
  return false;
}

/// Reads limit and permission, now and then the settings: different values tell of a restart.
common::Instant ChargerDriver::run_supervision(common::Instant now) {
  const ControlTable& control = profile_->control;
  if (background_.purpose != ReadPurpose::kNone) return common::Instant::never();
  if (!is_supervising_) {
    if (now < next_supervision_) return next_supervision_;
    is_supervising_ = true;
    supervises_settings_ = now >= next_verify_;
    supervision_index_ = 0;
  }
  constexpr uint8_t kSetpoints = 2;
  const size_t count = kSetpoints + (supervises_settings_ ? setting_count() : 0);
  while (supervision_index_ < count) {
    const uint8_t index = supervision_index_++;
    if (index < kSetpoints) {
      const uint8_t row = index == 0 ? control.limit_register : control.enable_register;
      if (!is_usable(row)) continue;
      submit_background(row, ReadPurpose::kReadback, 0);
      return common::Instant::never();
    }
    const uint8_t setting_index = static_cast<uint8_t>(index - kSetpoints);
    const Setting item = setting(setting_index);
    if (!item.verify || !item.has_value || !is_usable(item.row)) continue;
    submit_background(item.row, ReadPurpose::kVerify, setting_index);
    return common::Instant::never();
  }
  is_supervising_ = false;
  next_supervision_ = now + config_.timings.meter_poll_ms;
  if (supervises_settings_) next_verify_ = now + config_.timings.verify_poll_ms;
  return next_supervision_;
}

common::Instant ChargerDriver::run_reads(common::Instant now) {
  common::Instant next = common::Instant::never();
  if (read_.purpose != ReadPurpose::kNone) return next;
  if (phase_ == Phase::kInit) {
    // The first initialisation can take long on a full bus: the state stays fresh meanwhile.
    const bool may_poll = !is_resuming_ && init_step_ > InitStep::kFirstRead;
    if (may_poll && !cycle_running_ && now >= next_status_) start_cycle(now);
    if (may_poll && run_cycle(now)) return next;
    if (run_init(now)) return phase_ == Phase::kInit && !is_resuming_ ? next_status_ : next;
  }
  if (run_readback(now, next)) return next;
  if (run_cycle(now)) return next;
  if (now >= next_status_) {
    start_cycle(now);
    if (run_cycle(now)) return next;
  }
  return common::earlier(next, next_status_);
}

common::Instant ChargerDriver::run(common::Instant now) {
  common::Instant next = run_reads(now);
  if (phase_ == Phase::kRunning) next = common::earlier(next, run_supervision(now));
  return common::earlier(next, run_writes(now));
}

// --- initialisation

void ChargerDriver::start_init(bool is_resuming, common::Instant now) {
  phase_ = Phase::kInit;
  init_step_ = InitStep::kLayout;
  is_resuming_ = is_resuming;
  init_index_ = 0;
  init_tries_ = 0;
  init_read_next_ = true;
  limit_restored_ = false;
  cycle_running_ = false;
  is_supervising_ = false;
  next_verify_ = now + config_.timings.verify_poll_ms;
  // An answer still under way is of no use any more; on_completion() drops it.
  read_.purpose = ReadPurpose::kNone;
  background_.purpose = ReadPurpose::kNone;
  refused_rows_ = 0;
  unmerged_rows_ = 0;
}

void ChargerDriver::next_init_step(common::Instant now) {
  init_index_ = 0;
  init_tries_ = 0;
  init_read_next_ = true;
  switch (init_step_) {
    case InitStep::kLayout:
      init_step_ = is_resuming_ ? InitStep::kSettings : InitStep::kHardware;
      return;
    case InitStep::kHardware:
      init_step_ = InitStep::kFirstRead;
      return;
    case InitStep::kFirstRead:
      init_step_ = InitStep::kSettings;
      return;
    case InitStep::kSettings:
      init_step_ = InitStep::kLimit;
      return;
    case InitStep::kLimit:
      init_step_ = InitStep::kDone;
      return;
    case InitStep::kDone:
      phase_ = Phase::kRunning;
      update_target(now);  // The hardware's limits may be known only now.
      if (is_resuming_) {
        next_status_ = now;
        next_meter_ = now;
      }
      next_supervision_ = now + config_.timings.meter_poll_ms;
      LOG_INFO(*ports_.log, "connector %u: %s ready (layout %u, watchdog %u ms)",
               config_.connector_id, profile_->name, layout_, static_cast<unsigned>(watchdog_ms_));
      return;
  }
}

size_t ChargerDriver::setting_count() const { return profile_->init.size() + 2; }

/// The profile's list, then the watchdog's time, then the failsafe current.
ChargerDriver::Setting ChargerDriver::setting(size_t index) const {
  const WatchdogTable& watchdog = profile_->watchdog;
  Setting result;
  if (index < profile_->init.size()) {
    const InitRow& row = profile_->init[index];
    result.row = row.reg;
    result.has_value = true;
    result.value = row.value;
    result.verify = row.verify;
  } else if (index == profile_->init.size()) {
    result.row = watchdog.timeout_register;
    if (result.row == kNoRegister) return result;
    result.has_value = config_.watchdog_ms != 0;
    result.value = to_raw(result.row, result.has_value ? config_.watchdog_ms : watchdog.default_ms);
    result.verify = true;
  } else {
    result.row = watchdog.failsafe_register;
    if (result.row == kNoRegister) return result;
    result.has_value = true;
    result.value = to_raw(result.row, config_.failsafe_ma);
    result.verify = true;
  }
  return result;
}

/// @return true while the initialisation waits for an answer or for a write.
bool ChargerDriver::run_init(common::Instant now) {
  ReadBlock block;
  while (phase_ == Phase::kInit) {
    switch (init_step_) {
      case InitStep::kLayout:
        for (uint8_t row = 0; row < profile_->registers.size(); ++row) {
          if (profile_->registers[row].meaning != Meaning::kLayoutVersion || !is_usable(row))
            continue;
          if (!init_read_next_) break;
          submit_read(single(row), ReadPurpose::kInit);
          return true;
        }
        next_init_step(now);
        break;
      case InitStep::kHardware:
        if (next_block(Poll::kOnce, Poll::kOnce, init_index_, block)) {
          submit_read(block, ReadPurpose::kInit);
          return true;
        }
        next_init_step(now);
        break;
      case InitStep::kFirstRead:
        if (!cycle_running_ && init_index_ == 0) {
          next_meter_ = now;
          start_cycle(now);
          init_index_ = 1;
        }
        if (run_cycle(now)) return true;
        init_index_ = 0;
        if (has_read_state_)
          next_init_step(now);
        else if (now < next_status_)
          return true;
        break;
      case InitStep::kSettings: {
        if (write_pending_) return true;
        if (init_index_ >= setting_count()) {
          next_init_step(now);
          break;
        }
        const Setting item = setting(init_index_);
        if (item.row != kNoRegister && exists(item.row)) {
          if (init_read_next_ && is_usable(item.row)) {
            submit_read(single(item.row), ReadPurpose::kInit);
            return true;
          }
          // Unreadable: written blindly once, unless that would wear its memory.
          const bool is_blind = !is_usable(item.row);
          const bool may_try = is_blind
                                   ? init_tries_ == 0 && !profile_->registers[item.row].retentive
                                   : !init_read_next_ && init_tries_ < kSettingTries;
          if (may_try) {
            ++init_tries_;
            init_read_next_ = true;
            submit_write(item.row, item.value, true);
            return true;
          }
        }
        ++init_index_;
        init_tries_ = 0;
        init_read_next_ = true;
        break;
      }
      case InitStep::kLimit:
        // The first start waits for the engine's first offer instead.
        if (is_resuming_ && has_offer_ && !limit_restored_) {
          limit_restored_ = true;
          limit_.rewrite();
          if (profile_->control.enable_register != kNoRegister) enable_.rewrite();
          if (exists(profile_->control.limit_register)) return true;
        }
        if (write_pending_) return true;
        if (limit_restored_ && limit_.write_at() <= now && exists(profile_->control.limit_register))
          return true;
        next_init_step(now);
        break;
      case InitStep::kDone:
        next_init_step(now);
        break;
    }
  }
  return false;
}

}  // namespace bridge
