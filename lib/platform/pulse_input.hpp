#pragma once

#include "common/status.hpp"

#include <cstddef>
#include <cstdint>

namespace platform {

/// Pulses to ground with the time of each (S0 meters, Wiegand readers), by pin; noticed by an interrupt, so that none is
/// lost while the loop does something else. Open-collector outputs: the pull-up is switched on where the pin has one.
class PulseInput {
 public:
  /// What counts as a pulse.
  struct Filter {
    uint32_t min_width_us = 0;  ///< Shorter ones are contact bounce or noise; 0 = any.
    uint32_t min_gap_us = 0;    ///< Closer to the last one: bounce.
  };
  /// Pulses of one pin that wait to be taken.
  static constexpr size_t kMaxWaiting = 64;

  virtual ~PulseInput() = default;
  /// @retval kInvalidArgument  No such pin. kNoSpace: too many pins.
  virtual common::Status open(uint8_t pin, const Filter& filter) = 0;
  /// Takes the oldest pulse. @return When it began, us, from a clock that wraps after 71 minutes. kAgain: none.
  virtual common::Result<uint32_t> take(uint8_t pin) = 0;
  /// Pulses of a pin that found no room, since open().
  virtual uint32_t lost(uint8_t pin) const = 0;
  /// The clock of the pulses, us.
  virtual uint32_t now_us() const = 0;
};

}  // namespace platform
