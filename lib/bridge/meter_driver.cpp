#include "bridge/meter_driver.hpp"

#include <algorithm>

namespace bridge {

LOG_MODULE("bridge");

namespace {

/// A reading is good for this many polls.
constexpr int64_t kFreshPolls = 3;
constexpr int64_t kLostMs = 30000;
constexpr int64_t kAgainMs = 100;
/// Who asked for a reading waits no longer, ms.
constexpr int64_t kAwaitMs = 2000;

}  // namespace

void MeterDriver::configure(const MeterConfig& config, const Profile& profile, const Ports& ports) {
  config_ = config;
  ports_ = ports;
  registers_.configure(profile, 1);
}

void MeterDriver::begin(common::Instant now) {
  begun_at_ = now;
  next_poll_ = now;
}

bool MeterDriver::is_fresh(common::Instant now) const {
  return sample_.valid != 0 && now - sample_.taken_at < kFreshPolls * config_.poll_ms;
}

void MeterDriver::request(common::Instant now) {
  // Who shares the meter may have asked already: one reading serves both.
  if (is_awaited(now) && cycle_begun_at_ < requested_at_) return;
  is_requested_ = true;
  requested_at_ = now;
  next_poll_ = now;
}

bool MeterDriver::is_awaited(common::Instant now) const {
  return is_requested_ && now < requested_at_ + kAwaitMs;
}

bool MeterDriver::is_lost(common::Instant now) const {
  const int64_t lost_ms = std::max(kLostMs, kFreshPolls * config_.poll_ms);
  return now - (sample_.valid != 0 ? sample_.taken_at : begun_at_) >= lost_ms;
}

bool MeterDriver::submit(const ReadBlock& block) {
  if (ports_.bus->submit(ports_.unit_index, kTag, modbus::Priority::kRead,
                         registers_.read_request(block)) != common::Status::kOk)
    return false;
  block_ = block;
  is_waiting_ = true;
  return true;
}

common::Instant MeterDriver::step(common::Instant now) {
  if (is_lost(now) != was_lost_) {
    was_lost_ = !was_lost_;
    LOG_WARN(*ports_.log, "meter %s: %s", profile(), was_lost_ ? "no answer" : "answers again");
    // It may come back as another one.
    must_restart_ = was_lost_;
  }
  ReadBlock block;
  while (!is_waiting_) {
    if (must_restart_) {
      must_restart_ = false;
      device_ = 0;
      registers_.forget_refusals();
      cursor_ = RegisterSet::Cursor();
      phase_ = Phase::kOnce;
    }
    switch (phase_) {
      case Phase::kOnce:
        if (now < next_poll_) return next_poll_;
        if (registers_.next_block(Poll::kOnce, Poll::kOnce, cursor_, block)) {
          return submit(block) ? common::Instant::never() : now + kAgainMs;
        }
        registers_.apply_gates();
        phase_ = Phase::kIdle;
        break;
      case Phase::kIdle:
        if (now < next_poll_) return next_poll_;
        next_poll_ = now + config_.poll_ms;
        cycle_begun_at_ = now;
        cursor_ = RegisterSet::Cursor();
        reading_.clear();
        phase_ = Phase::kCycle;
        break;
      case Phase::kCycle:
        if (registers_.next_block(Poll::kMeter, Poll::kStatus, cursor_, block)) {
          return submit(block) ? common::Instant::never() : now + kAgainMs;
        }
        phase_ = Phase::kIdle;
        if (reading_.sample().valid == 0) break;
        if (cycle_begun_at_ >= requested_at_) is_requested_ = false;
        sample_ = reading_.sample();
        sample_.taken_at = now;
        break;
    }
  }
  return common::Instant::never();
}

void MeterDriver::decode(common::ByteSpan payload) {
  for (uint8_t i = 0; i < block_.rows; ++i) {
    const uint8_t row = static_cast<uint8_t>(block_.first_row + i);
    if (!registers_.is_needed(row)) continue;
    if (registers_.row(row).meaning == Meaning::kSerial)
      device_ = registers_.mark(row, payload, block_);
    const RegisterSet::Values values = registers_.read(row, payload, block_);
    if (values.count == 0 || reading_.add(registers_, row, values)) continue;
    if (registers_.row(row).meaning != Meaning::kEnergyTotal) continue;
    int64_t import_wh = 0;
    for (size_t phase = 0; phase < values.count; ++phase) import_wh += values.value[phase];
    reading_.sample().energy_import_wh = import_wh;
    reading_.sample().valid |= charger::kMeterEnergyImport;
  }
}

void MeterDriver::on_refused(uint8_t exception_code) {
  constexpr uint8_t kIllegalValue = 3;
  if (exception_code < 1 || exception_code > kIllegalValue) return;
  if (block_.rows > 1) {
    registers_.read_alone(block_);
    cursor_.row = block_.first_row;
    cursor_.element = 0;
    return;
  }
  const RegisterRow& reg = registers_.row(block_.first_row);
  registers_.refuse(block_.first_row);
  if ((reg.flags & kRowOptional) != 0) return;
  LOG_WARN(*ports_.log, "meter %s: there is no register %u (exception %u)", profile(), reg.address,
           exception_code);
}

void MeterDriver::on_completion(uint8_t bus_index, const modbus::Completion& completion,
                                common::Instant now) {
  if (bus_index != config_.bus || completion.unit_index != ports_.unit_index || !is_waiting_)
    return;
  is_waiting_ = false;
  if (completion.outcome == modbus::Outcome::kOk) {
    decode(completion.payload);
  } else if (completion.outcome == modbus::Outcome::kException) {
    on_refused(completion.exception_code);
  } else if (phase_ == Phase::kCycle) {
    phase_ = Phase::kIdle;  // A reading in part is none.
  } else {
    cursor_.row = block_.first_row;
    cursor_.element = block_.element;
    next_poll_ = now + config_.poll_ms;
  }
}

}  // namespace bridge
