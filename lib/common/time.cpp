#include "common/time.hpp"

namespace common {

// Used everywhere, and 64-bit arithmetic is longer than a call on the targets.

Instant operator+(Instant a, int64_t duration_ms) {
  return a.is_never() ? a : Instant{a.ms + duration_ms};
}

Instant earlier(Instant a, Instant b) { return a < b ? a : b; }

}  // namespace common
