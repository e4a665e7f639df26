#pragma once

#include "common/status.hpp"

namespace platform {

/// Digital pins by their number on the board (status LED, contactor, button).
class Gpio {
 public:
  virtual ~Gpio() = default;
  /// @retval kInvalidArgument  No such pin, or the pin cannot be an output.
  virtual common::Status set(uint8_t pin, bool level) = 0;
  virtual common::Result<bool> get(uint8_t pin) = 0;
};

}  // namespace platform
