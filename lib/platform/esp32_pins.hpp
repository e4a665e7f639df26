#pragma once

#include "platform/gpio.hpp"

namespace platform {

/// Rules of the ESP32-WROOM-32 for pins that an installer chooses.
/// @param reserved  Bit per pin that the firmware itself uses.
/// @return End of the sentence "GPIO7 ...", nullptr when the pin may be used so.
inline const char* esp32_pin_refusal(uint8_t pin, PinUse use, uint64_t reserved) {
  const auto is_in = [pin](uint64_t set) { return (set >> pin & 1U) != 0; };
  constexpr uint64_t kMissing = 1ULL << 20U | 1ULL << 24U | 0xFULL << 28U;
  constexpr uint64_t kFlash = 0x3FULL << 6U;
  constexpr uint64_t kStrapping = 1ULL << 0U | 1ULL << 2U | 1ULL << 5U | 1ULL << 12U | 1ULL << 15U;
  if (pin > 39 || is_in(kMissing)) return "does not exist on this chip";
  if (is_in(kFlash)) return "is wired to the flash memory";
  if (is_in(reserved)) return "is used by the gateway itself";
  if (is_in(kStrapping)) return "decides how the chip starts";
  if (use == PinUse::kOutput && pin >= 34) return "is an input only";
  if (use == PinUse::kAnalog && pin < 32) return "cannot measure a voltage beside Wi-Fi";
  return nullptr;
}

}  // namespace platform
