#pragma once

#include "common/time.hpp"

namespace platform {

/// Time source of one gateway. An object, never a free function: tests own the time.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Monotonic time since boot, ms; never goes backwards, unaffected by set_utc().
  virtual common::Instant now() const = 0;
  /// The same time in us, to measure with; as coarse as now() where the platform has nothing finer.
  virtual int64_t now_us() const { return now().ms * 1000; }
  /// Wall-clock time, or unknown (0) until SNTP, a battery clock or set_utc() supplied one.
  virtual common::UtcTime utc() const = 0;
  /// Offers the CSMS's time. A platform with a better source (SNTP, operating system) may ignore it.
  virtual void set_utc(common::UtcTime utc) = 0;
};

/// Lets the one loop thread sleep until something can have happened.
class Waiter {
 public:
  virtual ~Waiter() = default;
  /// Returns at the deadline, or earlier when any link of this gateway has data, room or a new state.
  /// @param deadline  Instant::never() waits for input alone. Spurious returns are allowed.
  virtual void wait_until(common::Instant deadline) = 0;
};

}  // namespace platform
