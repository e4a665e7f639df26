#pragma once

#include "common/span.hpp"
#include "common/status.hpp"

namespace platform {

/// Voltages sampled in the background, by pin: dense enough to see both levels of a 1 kHz pilot.
class AnalogInput {
 public:
  /// Least samples of a pin per ms.
  static constexpr size_t kSamplesPerMs = 20;

  virtual ~AnalogInput() = default;
  /// Starts to sample a pin. @retval kInvalidArgument  The pin cannot measure. kNoSpace: too many pins.
  virtual common::Status open(uint8_t pin) = 0;
  /// Takes consecutive samples of the time since the last call, the newest ones when there are more than room.
  /// @param out  mV at the pin, calibrated.
  /// @return Number of samples. kAgain: none yet. kIo: the converter does not work.
  virtual common::Result<size_t> read_mv(uint8_t pin, common::Span<uint16_t> out) = 0;
};

}  // namespace platform
