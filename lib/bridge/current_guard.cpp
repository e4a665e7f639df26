#include "bridge/current_guard.hpp"

namespace bridge {

namespace {
constexpr uint8_t kDisableAttempts = 3;
}

void CurrentGuard::update(int32_t current_ma, bool is_permitted, uint32_t limit_ma,
                          const Timings& timings, common::Instant now) {
  if (is_permitted != was_permitted_) {
    was_permitted_ = is_permitted;
    excess_running_ = false;
    attempts_ = 0;
    must_stop_ = false;
    if (is_permitted) fault_ = Fault::kNone;
  }
  check_fault(current_ma <= kMarginMa, timings, now);

  const int64_t tenth_ma = limit_ma / 10;
  const int64_t margin_ma = tenth_ma > kMarginMa ? tenth_ma : kMarginMa;
  const int64_t threshold_ma =
      is_permitted ? static_cast<int64_t>(limit_ma) + margin_ma : kMarginMa;
  if (current_ma <= threshold_ma) {
    excess_running_ = false;
    attempts_ = 0;
    return;
  }
  if (!excess_running_) {
    excess_running_ = true;
    excess_since_ = now;
    next_attempt_ = now + (is_permitted ? timings.overrun_write_ms : timings.unauthorised_ms);
  }
  if (is_permitted) {
    if (attempts_ == 0 && now >= next_attempt_) {
      attempts_ = 1;
      rewrite_ = true;
    }
    if (!must_stop_ && now - excess_since_ >= timings.overrun_stop_ms) {
      must_stop_ = true;
      fault_ = Fault::kOverCurrent;
    }
    return;
  }
  if (now < next_attempt_) return;
  if (attempts_ < kDisableAttempts) {
    ++attempts_;
    rewrite_ = true;
    next_attempt_ = now + timings.unauth_retry_ms;
  } else {
    fault_ = Fault::kUnauthorisedEnergy;
  }
}

void CurrentGuard::check_power(int32_t power_w, bool is_charging, const Timings& timings,
                               common::Instant now) {
  if (is_charging || power_w <= kDoubtW) {
    doubt_running_ = false;
    is_in_doubt_ = false;
    return;
  }
  if (!doubt_running_) {
    doubt_running_ = true;
    doubt_since_ = now;
  }
  is_in_doubt_ = now - doubt_since_ >= timings.meter_doubt_ms;
}

/// Faults end when nothing has flowed for a while and no permission stands.
void CurrentGuard::check_fault(bool is_quiet, const Timings& timings, common::Instant now) {
  if (fault_ == Fault::kNone || was_permitted_ || !is_quiet) {
    quiet_running_ = false;
    return;
  }
  if (!quiet_running_) {
    quiet_running_ = true;
    quiet_since_ = now;
  }
  if (now - quiet_since_ >= timings.fault_off_ms) {
    fault_ = Fault::kNone;
    quiet_running_ = false;
  }
}

void CurrentGuard::pause() {
  doubt_running_ = false;
  excess_running_ = false;
  quiet_running_ = false;
  attempts_ = 0;
}

bool CurrentGuard::take_rewrite() {
  const bool rewrite = rewrite_;
  rewrite_ = false;
  return rewrite;
}

}  // namespace bridge
