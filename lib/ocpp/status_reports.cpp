#include "ocpp/status_reports.hpp"

#include "ocpp/connector_state.hpp"

#include <algorithm>

LOG_MODULE("ocpp.status");

namespace ocpp {

void StatusReports::begin(uint8_t connectors) {
  connectors_ = connectors;
  hold_until_ = clock_.now() + kHoldMs;
  for (uint8_t id = 0; id <= connectors; ++id) {
    states_[id] = State();
    states_[id].since = clock_.now();
    states_[id].is_held = id != 0;
  }
  states_[0].status = ChargePointStatus::Available;
}

void StatusReports::set(uint8_t connector_id, ChargePointStatus status, charger::Error error,
                        StatusNote note, uint32_t detail_crc, const char* cause) {
  State& state = states_[connector_id];
  if (state.status == status && state.error == error && state.detail_crc == detail_crc) return;
  if (state.status != status) {
    LOG_INFO(log_, "connector %u: %s -> %s (%s)", connector_id, to_string(state.status),
             to_string(status), cause);
    Event event;
    event.type = EventType::kConnectorStatusChanged;
    event.connector_id = connector_id;
    event.status = status;
    events_.push(event);
  }
  state.status = status;
  state.error = error;
  state.note = note;
  state.detail_crc = detail_crc;
  state.since = clock_.now();
  is_dirty_ = true;
}

void StatusReports::release(uint8_t connector_id) {
  if (!states_[connector_id].is_held) return;
  states_[connector_id].is_held = false;
  is_dirty_ = true;
}

void StatusReports::report_all() {
  is_online_ = true;
  is_dirty_ = true;
  size_ = 0;
  for (uint8_t id = 0; id <= connectors_; ++id) {
    states_[id].must_report = true;
    states_[id].retries = 0;
    states_[id].retry_at = common::Instant::never();
  }
}

void StatusReports::report(uint8_t connector_id) {
  states_[connector_id].must_report = true;
  is_dirty_ = true;
}

void StatusReports::go_offline() {
  is_online_ = false;
  size_ = 0;
}

bool StatusReports::differs(const State& state) {
  return !state.is_reported || state.status != state.reported_status ||
         state.error != state.reported_error || state.detail_crc != state.reported_crc;
}

common::Instant StatusReports::step(int64_t minimum_ms) {
  if (!is_online_) return common::Instant::never();
  common::Instant next = common::Instant::never();
  if (!is_dirty_) return next;
  bool is_dirty = false;
  for (uint8_t id = 0; id <= connectors_; ++id) {
    State& state = states_[id];
    if (state.is_held && clock_.now() < hold_until_) {
      next = common::earlier(next, hold_until_);
      is_dirty = true;
      continue;
    }
    state.is_held = false;
    if (state.must_report) {
      state.must_report = false;
      enqueue(id, clock_.now());
      continue;
    }
    if (clock_.now() >= state.retry_at) {
      enqueue(id, state.since);
      continue;
    }
    next = common::earlier(next, state.retry_at);
    is_dirty = is_dirty || state.retry_at != common::Instant::never();
    if (!differs(state)) continue;
    const common::Instant due =
        state.status == ChargePointStatus::Faulted ? state.since : state.since + minimum_ms;
    if (clock_.now() >= due) {
      if (const ChargePointStatus between = status_between(state.reported_status, state.status);
          state.is_reported && between != state.status) {
        push(StatusReport{id, between, charger::Error::kNone, StatusNote::kNone, state.since});
      }
      state.retries = 0;
      enqueue(id, state.since);
    } else {
      next = common::earlier(next, due);
      is_dirty = true;
    }
  }
  is_dirty_ = is_dirty;
  return next;
}

void StatusReports::enqueue(uint8_t connector_id, common::Instant at) {
  State& state = states_[connector_id];
  state.is_reported = true;
  state.reported_status = state.status;
  state.reported_error = state.error;
  state.reported_crc = state.detail_crc;
  state.retry_at = common::Instant::never();
  push(StatusReport{connector_id, state.status, state.error, state.note, at});
}

void StatusReports::push(const StatusReport& report) {
  if (size_ == limits::kMaxStatusReports) {
    // A slow CSMS: the oldest report of this connector has been overtaken by this one.
    size_t victim = 0;
    for (size_t i = 0; i < size_; ++i) {
      if (queue_[i].connector_id == report.connector_id) {
        victim = i;
        break;
      }
    }
    std::copy(queue_ + victim + 1, queue_ + size_, queue_ + victim);
    --size_;
  }
  queue_[size_++] = report;
}

void StatusReports::on_lost(uint8_t connector_id) {
  State& state = states_[connector_id];
  if (!is_online_ || state.retries == kMaxRetries) return;
  ++state.retries;
  state.retry_at = clock_.now() + kRetryMs * state.retries;
  is_dirty_ = true;
}

void StatusReports::pop() {
  std::copy(queue_ + 1, queue_ + size_, queue_);
  --size_;
}

}  // namespace ocpp
