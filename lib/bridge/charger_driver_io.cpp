#include "bridge/charger_driver.hpp"

/// What a driver asks its charger next. At most one write, one read and one read that can wait are
/// under way.
namespace bridge {

LOG_MODULE("bridge");

namespace {

constexpr uint32_t kShortestPollMs = 250;
/// Until the charger is read again for a sample that waits for the meter.
constexpr int64_t kMeterAgainMs = 500;
/// Writes of one setting before it is given up.
constexpr uint8_t kSettingTries = 2;
/// Retentive memory is written at most this often.
constexpr int64_t kWearMs = 3600 * 1000;

}  // namespace

// --- reads

bool ChargerDriver::submit_block(const ReadBlock& block, uint8_t tag, modbus::Priority priority) {
  return ports_.bus->submit(ports_.unit_index, tag, priority, registers_.read_request(block)) ==
         common::Status::kOk;
}

void ChargerDriver::submit_read(const ReadBlock& block, ReadPurpose purpose, uint8_t index) {
  if (!submit_block(block, kReadTag, modbus::Priority::kRead)) return;
  read_.purpose = purpose;
  read_.block = block;
  read_.index = index;
}

void ChargerDriver::submit_background(uint8_t row, ReadPurpose purpose, uint8_t index) {
  const ReadBlock block = registers_.single(row);
  if (!submit_block(block, kBackgroundTag, modbus::Priority::kBackground)) return;
  background_.purpose = purpose;
  background_.block = block;
  background_.index = index;
}

/// How often the charger's watchdog must be fed; 0 = it has none.
uint32_t ChargerDriver::feed_interval_ms() const {
  const WatchdogTable& watchdog = profile_->watchdog;
  return watchdog.kind == Heartbeat::kNone || watchdog.feed_divisor == 0
             ? 0
             : watchdog_ms_ / watchdog.feed_divisor;
}

uint32_t ChargerDriver::status_interval_ms() const {
  uint32_t interval_ms = config_.timings.status_poll_ms;
  if (profile_->poll_ms > interval_ms) interval_ms = profile_->poll_ms;
  const uint32_t feed_ms = feed_interval_ms();
  if (profile_->watchdog.kind == Heartbeat::kAnyTransaction && feed_ms != 0 &&
      feed_ms < interval_ms) {
    interval_ms = feed_ms;
  }
  return interval_ms < kShortestPollMs ? kShortestPollMs : interval_ms;
}

void ChargerDriver::start_cycle(common::Instant now) {
  cycle_running_ = true;
  cycle_has_meter_ = now >= next_meter_;
  cycle_has_state_ = false;
  seen_slots_ = 0;
  cycle_ = RegisterSet::Cursor();
  next_status_ = now + status_interval_ms();
  if (cycle_has_meter_) {
    next_meter_ = now + config_.timings.meter_poll_ms;
    // The meters of a bus take turns: connectors start apart and stay so.
    if (!has_read_state_ || is_resuming_) {
      next_meter_ = next_meter_ + static_cast<int64_t>(config_.timings.meter_poll_ms) *
                                      (config_.connector_id - 1) /
                                      static_cast<int64_t>(limits::kMaxConnectors);
    }
    reading_.clear();
  }
}

/// @return true when a read was submitted, false when the cycle is over.
bool ChargerDriver::run_cycle(common::Instant now) {
  if (!cycle_running_) return false;
  ReadBlock block;
  if (registers_.next_block(Poll::kStatus, cycle_has_meter_ ? Poll::kMeter : Poll::kStatus, cycle_,
                            block)) {
    submit_read(block, ReadPurpose::kCycle);
    return true;
  }
  cycle_running_ = false;
  report_tag(now);
  if (!cycle_has_meter_) return false;
  // A transaction ends with what the meter shows now, not with its last turn: the sample waits for it.
  if (ports_.meter != nullptr && ports_.meter->is_awaited(now)) {
    next_meter_ = now + kMeterAgainMs;
    if (next_status_ > next_meter_) next_status_ = next_meter_;
    return false;
  }
  emit_sample(now);
  return false;
}

/// Reads a setpoint back after a write.
bool ChargerDriver::run_readback(common::Instant now, common::Instant& next) {
  const ControlTable& control = profile_->control;
  const Setpoint* setpoints[] = {&limit_, &enable_};
  const uint8_t rows[] = {control.limit_register, control.enable_register};
  for (uint8_t i = 0; i < 2; ++i) {
    const uint8_t row = readback_row(rows[i]);
    if (row == kNoRegister) continue;
    const common::Instant at = setpoints[i]->read_at();
    if (at > now) {
      next = common::earlier(next, at);
      continue;
    }
    submit_read(registers_.single(row), ReadPurpose::kReadback, i);
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
      const uint8_t row =
          readback_row(index == 0 ? control.limit_register : control.enable_register);
      if (row == kNoRegister) continue;
      submit_background(row, ReadPurpose::kReadback, index);
      return common::Instant::never();
    }
    const uint8_t setting_index = static_cast<uint8_t>(index - kSetpoints);
    const Setting item = setting(setting_index);
    if (!item.verify || !item.has_value || readback_row(item.row) == kNoRegister) continue;
    submit_background(readback_row(item.row), ReadPurpose::kVerify, setting_index);
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
  if (phase_ == Phase::kRunning) {
    // While the pilot is interrupted the settings differ on purpose.
    if (now >= wake_until_) next = common::earlier(next, run_supervision(now));
    next = common::earlier(next, run_switch(now));
    next = common::earlier(next, run_wake(now));
    next = common::earlier(next, run_actions(now));
  }
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
  registers_.forget_refusals();
  // A pilot that was being interrupted must not stay so.
  if (runner_.is_running() && runner_.action() == Action::kWake) want_action(Action::kWake);
  runner_.abandon();
  is_acting_ = false;
  // What the charger forgot, or what was cut short.
  if (has_service_ && (!is_in_service_ || !is_serving_)) must_tell_service_ = true;
  was_permitted_ = false;  // A session of the charger's own begins anew.
  own_authorization_ = charger::OwnAuthorization::kNone;
  state_slots_ = 0;
  for (const StateRule& rule : profile_->states) {
    for (size_t i = 0; i < rule.when.count; ++i) {
      const uint8_t row = profile_->conditions[rule.when.first + i].row;
      state_slots_ = static_cast<uint16_t>(state_slots_ | 1U << registers_.row(row).watch);
    }
  }
}

void ChargerDriver::next_init_step(common::Instant now) {
  init_index_ = 0;
  init_tries_ = 0;
  init_read_next_ = true;
  cycle_ = RegisterSet::Cursor();
  switch (init_step_) {
    case InitStep::kLayout:
      // Whatever comes back after a silence may be another device.
      init_step_ =
          is_resuming_ && profile_->identity.count == 0 ? InitStep::kSettings : InitStep::kOnce;
      return;
    case InitStep::kOnce:
      // What decides at the start may hold our own limit by now.
      if (!is_resuming_) registers_.apply_gates();
      is_other_model_ =
          registers_.is_known(profile_->identity) && !registers_.holds(profile_->identity);
      if (is_other_model_) {
        LOG_ERROR(*ports_.log, "connector %u: the charger is not a %s", config_.connector_id,
                  profile_->description);
      }
      init_step_ = is_resuming_ ? InitStep::kSettings : InitStep::kFirstRead;
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
               config_.connector_id, profile_->name, registers_.layout(),
               static_cast<unsigned>(watchdog_ms_));
      return;
  }
}

/// @return true while a setting waits for an answer or for a write, false when all are done.
bool ChargerDriver::run_settings() {
  if (is_other_model_) return false;
  while (init_index_ < setting_count()) {
    const Setting item = setting(init_index_);
    if (item.row != kNoRegister && registers_.exists(item.row)) {
      const uint8_t read_row = readback_row(item.row);
      const bool is_blind = read_row == kNoRegister;
      if (init_read_next_ && !is_blind) {
        submit_read(registers_.single(read_row), ReadPurpose::kInit);
        return true;
      }
      // Unreadable: written blindly once, unless that would wear its memory.
      const bool is_retentive = (registers_.row(item.row).flags & kRowRetentive) != 0;
      const bool is_worn = is_retentive && ((worn_rows_ >> item.row) & 1U) != 0;
      const bool may_try = is_blind ? init_tries_ == 0 && !is_retentive && item.mask == 0
                                    : !init_read_next_ && init_tries_ < kSettingTries && !is_worn;
      if (may_try) {
        ++init_tries_;
        init_read_next_ = true;
        if (is_retentive) worn_rows_ |= uint64_t{1} << item.row;
        const uint64_t mask = item.mask;
        const uint64_t bits = mask == 0 ? item.value : (setting_bits_ & ~mask) | item.value;
        submit_write(WriteKind::kSetting, registers_.write_request(item.row, 0, bits), 0, 0);
        return true;
      }
    }
    ++init_index_;
    init_tries_ = 0;
    init_read_next_ = true;
  }
  return false;
}

/// @return true while the initialisation waits for an answer or for a write.
bool ChargerDriver::run_init(common::Instant now) {
  ReadBlock block;
  if (now - worn_since_ >= kWearMs) {
    worn_since_ = now;
    worn_rows_ = 0;
  }
  while (phase_ == Phase::kInit) {
    switch (init_step_) {
      case InitStep::kLayout: {
        const uint8_t row = registers_.find(Meaning::kLayoutVersion);
        if (row != kNoRegister && init_read_next_) {
          submit_read(registers_.single(row), ReadPurpose::kInit);
          return true;
        }
        next_init_step(now);
        break;
      }
      case InitStep::kOnce:
        if (registers_.next_block(Poll::kOnce, Poll::kOnce, cycle_, block)) {
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
      case InitStep::kSettings:
        if (write_.kind != WriteKind::kNone || run_settings()) return true;
        next_init_step(now);
        break;
      case InitStep::kLimit: {
        const bool has_limit = registers_.exists(profile_->control.limit_register);
        // The first start waits for the engine's first offer instead.
        if (is_resuming_ && has_offer_ && !limit_restored_ && !is_other_model_) {
          limit_restored_ = true;
          limit_.rewrite();
          if (profile_->control.enable_register != kNoRegister) enable_.rewrite();
          if (has_limit) return true;
        }
        if (write_.kind != WriteKind::kNone) return true;
        if (limit_restored_ && limit_.write_at() <= now && has_limit) return true;
        next_init_step(now);
        break;
      }
      case InitStep::kDone:
        next_init_step(now);
        break;
    }
  }
  return false;
}

}  // namespace bridge
