#pragma once

#include "platform/entropy.hpp"

#include <bootloader_random.h>
#include <esp_system.h>

namespace platform_esp32 {

/// The hardware random number generator; true randomness while Wi-Fi is on (ESP32 TRM, 24), or between begin_early() and
/// end_early().
class Esp32Entropy final : public platform::Entropy {
 public:
  /// Takes noise of the analogue converter: before the radio, the converter and I2S are started, and no longer.
  static void begin_early() { bootloader_random_enable(); }
  static void end_early() { bootloader_random_disable(); }
  void fill(common::MutableByteSpan out) override { esp_fill_random(out.data(), out.size()); }
};

}  // namespace platform_esp32
