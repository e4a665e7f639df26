#include "ocpp/registration.hpp"

#include <algorithm>

LOG_MODULE("ocpp.registration");

namespace ocpp {

void Registration::on_link_up() {
  if (is_cut_off_) next_boot_at_ = clock_.now();
}

void Registration::on_boot_answer(RegistrationState state, int32_t interval_s) {
  is_cut_off_ = false;
  backoff_ms_ = kFirstBackoffMs;
  if (state == RegistrationState::kAccepted) {
    next_boot_at_ = common::Instant::never();
  } else {
    next_boot_at_ = clock_.now() + (interval_s > 0 ? int64_t{interval_s} * 1000 : kOwnRetryMs);
    next_heartbeat_at_ = common::Instant::never();
  }
  if (state == state_) return;
  LOG_INFO(log_, "registration: %s -> %s (BootNotification answered)", to_string(state_),
           to_string(state));
  state_ = state;
  Event event;
  event.type = EventType::kRegistrationChanged;
  event.registration = state;
  events_.push(event);
}

void Registration::on_boot_failed() {
  is_cut_off_ = true;
  next_boot_at_ = clock_.now() + backoff_ms_;
  backoff_ms_ = std::min(backoff_ms_ * 2, kLongestBackoffMs);
}

void Registration::arm_heartbeat(int64_t interval_ms) {
  // At least one a day keeps the clock right (OCPP-J 1.6, 5.3).
  next_heartbeat_at_ = clock_.now() + (interval_ms > 0 ? std::min(interval_ms, kDayMs) : kDayMs);
}

}  // namespace ocpp
