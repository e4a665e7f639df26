#pragma once

#include "common/log.hpp"
#include "ocpp/charge_point_types.hpp"
#include "ocpp/clock_sync.hpp"
#include "ocpp/event_queue.hpp"

namespace ocpp {

/// BootNotification and Heartbeat: when they are due and what their answers mean (OCPP 1.6 ed. 2,
/// 4.2 and 4.6).
///
///     kUnregistered --Accepted--> kAccepted
///         |  ^
///         +--+ Pending, Rejected: again after the CSMS's interval, not before (nor on reconnect);
///              no answer, CALLERROR: own back-off, for ever
///
/// Accepted survives a lost connection: no BootNotification then (OCPP-J 1.6, 5.4).
class Registration {
 public:
  Registration(EventQueue& events, const ClockSync& clock, common::LogSink& log)
      : events_(events), clock_(clock), log_(log) {}

  RegistrationState state() const { return state_; }
  bool is_accepted() const { return state_ == RegistrationState::kAccepted; }

  bool wants_boot() const { return clock_.now() >= next_boot_at_; }
  void on_boot_sent() { next_boot_at_ = common::Instant::never(); }
  /// TriggerMessage(BootNotification), or a first connection.
  void boot_now() { next_boot_at_ = clock_.now(); }
  /// The connection is up again: a boot that was cut off is due at once, one that must wait stays
  /// so.
  void on_link_up();
  /// @param interval_s  As answered; <= 0 leaves the choice to us.
  void on_boot_answer(RegistrationState state, int32_t interval_s);
  void on_boot_failed();

  bool wants_heartbeat() const { return clock_.now() >= next_heartbeat_at_; }
  /// Also after BootNotification.conf(Accepted). @param interval_ms  0 = only the daily one.
  void arm_heartbeat(int64_t interval_ms);

  common::Instant deadline() const { return common::earlier(next_boot_at_, next_heartbeat_at_); }

 private:
  static constexpr int64_t kOwnRetryMs = 60000;
  static constexpr int64_t kFirstBackoffMs = 10000;
  static constexpr int64_t kLongestBackoffMs = 300000;
  static constexpr int64_t kDayMs = 86400000;

  EventQueue& events_;
  const ClockSync& clock_;
  common::LogSink& log_;
  RegistrationState state_ = RegistrationState::kUnregistered;
  bool is_cut_off_ = true;  ///< No answer to the last BootNotification, or none sent yet.
  int64_t backoff_ms_ = kFirstBackoffMs;
  common::Instant next_boot_at_ = common::Instant::never();
  common::Instant next_heartbeat_at_ = common::Instant::never();
};

}  // namespace ocpp
