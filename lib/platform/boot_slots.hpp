#pragma once

#include "common/status.hpp"

#include <cstdint>

namespace platform {

/// A boot loader with two places for images: the one that runs, and the other.
class BootSlots {
 public:
  virtual ~BootSlots() = default;
  virtual uint8_t running() const = 0;
  virtual uint8_t other() const = 0;
  /// The image that runs was chosen and not kept yet: the boot loader goes back at the next restart.
  virtual bool is_on_trial() const = 0;
  /// The boot loader went back from the other one's image: from the last that was chosen, or from an earlier one.
  virtual bool is_given_up() const = 0;
  /// Checks the other one's image. @return Its length, bytes. @retval kCorrupt @retval kIo
  virtual common::Result<uint32_t> check() = 0;
  /// The next restart tries the other one.
  virtual common::Status choose() = 0;
  /// The image on trial stays. A power cut may lose that it was chosen: the one before it runs then.
  virtual common::Status keep() = 0;
};

}  // namespace platform
