#pragma once

#include "common/status.hpp"

namespace platform {

/// PWM outputs of 1 kHz (control pilot), by pin. They go on without the loop, until the chip is reset.
class PwmOutput {
 public:
  static constexpr uint16_t kAlwaysHigh = 10000;

  virtual ~PwmOutput() = default;
  /// Takes effect with the next period; no period is cut short. The first call makes the pin an output.
  /// @param duty  Time high in 1/10000 of the period; 0 = steadily low, kAlwaysHigh = steadily high.
  /// @retval kInvalidArgument  The pin cannot be an output.
  /// @retval kNoSpace          No PWM channel is left.
  virtual common::Status set(uint8_t pin, uint16_t duty) = 0;
};

}  // namespace platform
