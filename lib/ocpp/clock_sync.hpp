#pragma once

#include "common/time.hpp"

namespace ocpp {

/// Wall clock of the engine: UTC as an offset to monotonic time. All intervals use monotonic time;
/// UTC is for timestamps and schedules only.
class ClockSync {
 public:
  bool is_known() const { return is_known_; }
  common::UtcTime utc(common::Instant at) const {
    return is_known_ ? common::UtcTime{at.ms + offset_ms_} : common::UtcTime();
  }
  /// When the clock will show utc. Only while is_known().
  common::Instant instant(common::UtcTime utc) const {
    return utc.ms == INT64_MAX ? common::Instant::never() : common::Instant{utc.ms - offset_ms_};
  }
  /// @return By how much the clock jumped, ms; 0 when it was unknown before.
  int64_t set(common::UtcTime utc, common::Instant now) {
    const int64_t offset = utc.ms - now.ms;
    const int64_t jump = is_known_ ? offset - offset_ms_ : 0;
    offset_ms_ = offset;
    is_known_ = true;
    return jump;
  }

 private:
  bool is_known_ = false;
  int64_t offset_ms_ = 0;
};

}  // namespace ocpp
