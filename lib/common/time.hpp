#pragma once

#include <cstdint>

namespace common {

/// Monotonic time since boot, ms. 64 bits: it does not wrap within the life of a device, so instants
/// compare directly (a 32-bit counter wraps every 49.7 days; charge points run for years).
struct Instant {
  int64_t ms = 0;

  /// Later than any instant that occurs: "no deadline".
  static constexpr Instant never() { return Instant{INT64_MAX}; }
  constexpr bool is_never() const { return ms == INT64_MAX; }
};

constexpr bool operator==(Instant a, Instant b) { return a.ms == b.ms; }
constexpr bool operator!=(Instant a, Instant b) { return a.ms != b.ms; }
constexpr bool operator<(Instant a, Instant b) { return a.ms < b.ms; }
constexpr bool operator<=(Instant a, Instant b) { return a.ms <= b.ms; }
constexpr bool operator>(Instant a, Instant b) { return a.ms > b.ms; }
constexpr bool operator>=(Instant a, Instant b) { return a.ms >= b.ms; }
/// Never stays never.
Instant operator+(Instant a, int64_t duration_ms);
/// Duration from b to a, ms.
constexpr int64_t operator-(Instant a, Instant b) { return a.ms - b.ms; }
Instant earlier(Instant a, Instant b);

/// Wall-clock time, ms since 1970-01-01T00:00:00Z. 0 means unknown: a gateway without a clock never
/// reports a time.
struct UtcTime {
  int64_t ms = 0;

  constexpr bool is_known() const { return ms != 0; }
};

constexpr bool operator==(UtcTime a, UtcTime b) { return a.ms == b.ms; }
constexpr bool operator!=(UtcTime a, UtcTime b) { return a.ms != b.ms; }
constexpr bool operator<(UtcTime a, UtcTime b) { return a.ms < b.ms; }
constexpr bool operator<=(UtcTime a, UtcTime b) { return a.ms <= b.ms; }
constexpr bool operator>(UtcTime a, UtcTime b) { return a.ms > b.ms; }
constexpr bool operator>=(UtcTime a, UtcTime b) { return a.ms >= b.ms; }
constexpr UtcTime operator+(UtcTime a, int64_t duration_ms) { return UtcTime{a.ms + duration_ms}; }
constexpr int64_t operator-(UtcTime a, UtcTime b) { return a.ms - b.ms; }

}  // namespace common
