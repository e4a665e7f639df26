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
/// @name What the operators below call
/// Out of line, because 64-bit arithmetic is longer than a call on the targets, and on plain numbers, because a struct
/// of 8 bytes is returned through memory there.
/// @{
int64_t later_ms(int64_t instant_ms, int64_t duration_ms);
int64_t earlier_ms(int64_t a_ms, int64_t b_ms);
/// @}

/// Never stays never.
inline Instant operator+(Instant a, int64_t duration_ms) {
  return Instant{later_ms(a.ms, duration_ms)};
}
/// Duration from b to a, ms.
constexpr int64_t operator-(Instant a, Instant b) { return a.ms - b.ms; }
inline Instant earlier(Instant a, Instant b) { return Instant{earlier_ms(a.ms, b.ms)}; }

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
