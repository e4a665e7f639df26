#pragma once

#include "ocpp_messages/runtime/text.hpp"

/// What the schema demands of values in both directions.
namespace ocpp_messages::runtime {

/// @param most  Characters, 0 = no limit.
inline bool is_too_long(const Text& text, size_t most) {
  // Counting is slow, and no text has more characters than bytes.
  return most != 0 && text.most_size() > most && text.length() > most;
}

/// @param step  0 = any value will do.
inline bool is_multiple(int64_t value, uint32_t step) {
  if (step == 0) return true;
  // Nearly all values are small, and dividing 64 bits is slow.
  if (value == static_cast<int32_t>(value))
    return static_cast<int32_t>(value) % static_cast<int32_t>(step) == 0;
  return value % step == 0;
}

}  // namespace ocpp_messages::runtime
