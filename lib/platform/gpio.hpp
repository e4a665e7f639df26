#pragma once

#include "common/status.hpp"

namespace platform {

/// What a pin is to be used for.
enum class PinUse : uint8_t { kOutput, kInput, kAnalog };

/// Digital pins by their number on the board (status LED, contactor, button).
class Gpio {
 public:
  virtual ~Gpio() = default;
  /// Why a pin must not be used so, as the end of a sentence ("is an input only"); nullptr when it may.
  virtual const char* refusal(uint8_t pin, PinUse use) const {
    (void)pin, (void)use;
    return nullptr;
  }
  /// Makes a pin an input. @param pull_up  Where the pin has one.
  /// @retval kInvalidArgument  No such pin.
  virtual common::Status make_input(uint8_t pin, bool pull_up) = 0;
  /// @retval kInvalidArgument  No such pin, or the pin cannot be an output.
  virtual common::Status set(uint8_t pin, bool level) = 0;
  virtual common::Result<bool> get(uint8_t pin) = 0;
};

}  // namespace platform
