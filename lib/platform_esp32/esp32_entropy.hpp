#pragma once

#include "platform/entropy.hpp"

#include <esp_system.h>

namespace platform_esp32 {

/// The hardware random number generator; true randomness while Wi-Fi is on (ESP32 TRM, 24).
class Esp32Entropy final : public platform::Entropy {
 public:
  void fill(common::MutableByteSpan out) override { esp_fill_random(out.data(), out.size()); }
};

}  // namespace platform_esp32
