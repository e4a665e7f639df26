#pragma once

#include "common/time.hpp"

namespace ocpp {

/// Wall clock of the engine: UTC as an offset to monotonic time. All intervals use monotonic time;
/// UTC is for timestamps and schedules only.
class ClockSync {
 public:
  /// Time of the input that is being worked on, the same for all parts until the next one.
  const common::Instant& now() const { return now_; }
  void set_now(common::Instant now) { now_ = now; }

  bool is_known() const { return is_known_; }
  common::UtcTime utc(common::Instant at) const {
    return is_known_ ? common::UtcTime{at.ms + offset_ms_} : common::UtcTime();
  }
  common::UtcTime utc() const { return utc(now_); }
  /// When the clock will show utc. Only while is_known().
  common::Instant instant(common::UtcTime utc) const {
    return utc.ms == INT64_MAX ? common::Instant::never() : common::Instant{utc.ms - offset_ms_};
  }
  /// @return By how much the clock jumped, ms; 0 when it was unknown before.
  int64_t set(common::UtcTime utc) {
    const int64_t offset = utc.ms - now_.ms;
    const int64_t jump = is_known_ ? offset - offset_ms_ : 0;
    offset_ms_ = offset;
    is_known_ = true;
    return jump;
  }

 private:
  bool is_known_ = false;
  int64_t offset_ms_ = 0;
  common::Instant now_;
};

}  // namespace ocpp
