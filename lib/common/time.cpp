#include "common/time.hpp"

namespace common {

int64_t later_ms(int64_t instant_ms, int64_t duration_ms) {
  return instant_ms == INT64_MAX ? instant_ms : instant_ms + duration_ms;
}

int64_t earlier_ms(int64_t a_ms, int64_t b_ms) { return a_ms < b_ms ? a_ms : b_ms; }

}  // namespace common
