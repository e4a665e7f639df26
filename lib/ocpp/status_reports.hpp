#pragma once

#include "charger/charger.hpp"
#include "common/limits.hpp"
#include "common/log.hpp"
#include "ocpp/charge_point_types.hpp"
#include "ocpp/clock_sync.hpp"
#include "ocpp/event_queue.hpp"

namespace ocpp {

/// What goes with a status besides the vendor's texts.
enum class StatusNote : uint8_t { kNone, kEvSideDisconnected };

/// One StatusNotification to be sent.
struct StatusReport {
  uint8_t connector_id = 0;
  ChargePointStatus status = ChargePointStatus::Unavailable;
  charger::Error error = charger::Error::kNone;
  StatusNote note = StatusNote::kNone;
  common::Instant at;
};

/// Decides which statuses the CSMS is told, and when (OCPP 1.6 ed. 2, 4.9).
///
/// While online every status that lasted MinimumStatusDuration is reported in the order of events,
/// Faulted at once. Offline only the present status is remembered; after registration and after
/// each reconnect it is reported for connector 0 and all others. A status given to set() is the
/// truth for the engine at once; only the report waits.
class StatusReports {
 public:
  StatusReports(EventQueue& events, const ClockSync& clock, common::LogSink& log)
      : events_(events), clock_(clock), log_(log) {}
  void begin(uint8_t connectors);

  /// The only writer of a status; logs "old -> new (cause)". @param connector_id  0..n
  /// @param detail_crc  Of the vendor's texts: another text is another report.
  void set(uint8_t connector_id, ChargePointStatus status, charger::Error error, StatusNote note,
           uint32_t detail_crc, const char* cause);
  ChargePointStatus status(uint8_t connector_id) const { return states_[connector_id].status; }
  charger::Error error(uint8_t connector_id) const { return states_[connector_id].error; }

  /// The connector's charger has spoken (or will not): it may be reported now.
  void release(uint8_t connector_id);

  /// Reports all connectors now, waiting reports are dropped: they are history.
  void report_all();
  /// Reports one connector now, whatever was reported before (TriggerMessage).
  void report(uint8_t connector_id);
  void go_offline();
  /// The CSMS did not take a report: it is told again, at most kMaxRetries times.
  void on_lost(uint8_t connector_id);
  void on_delivered(uint8_t connector_id) { states_[connector_id].retries = 0; }

  /// Moves statuses that lasted long enough to the queue. @return When there is more to do.
  common::Instant step(int64_t minimum_ms);
  const StatusReport* front() const { return size_ == 0 ? nullptr : &queue_[0]; }
  void pop();

 private:
  struct State {
    ChargePointStatus status = ChargePointStatus::Unavailable;
    charger::Error error = charger::Error::kNone;
    StatusNote note = StatusNote::kNone;
    uint32_t detail_crc = 0;
    common::Instant since;
    bool is_held = false;      ///< Its charger has not spoken since start-up.
    bool must_report = false;  ///< As soon as it is not held.
    // What the CSMS was told last.
    bool is_reported = false;
    ChargePointStatus reported_status = ChargePointStatus::Unavailable;
    charger::Error reported_error = charger::Error::kNone;
    uint32_t reported_crc = 0;
    uint8_t retries = 0;
    common::Instant retry_at = common::Instant::never();
  };
  static constexpr int64_t kHoldMs = 10000;
  static constexpr uint8_t kMaxRetries = 3;
  static constexpr int64_t kRetryMs = 10000;

  void enqueue(uint8_t connector_id, common::Instant at);
  void push(const StatusReport& report);
  static bool differs(const State& state);

  EventQueue& events_;
  const ClockSync& clock_;
  common::LogSink& log_;
  uint8_t connectors_ = 0;
  bool is_online_ = false;
  bool is_dirty_ = false;
  common::Instant hold_until_;
  uint8_t size_ = 0;
  StatusReport queue_[limits::kMaxStatusReports];
  State states_[limits::kMaxConnectors + 1];
};

}  // namespace ocpp
