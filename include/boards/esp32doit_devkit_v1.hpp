#pragma once

#include "platform/board_pins.hpp"

/// DOIT DevKitC (ESP32-WROOM-32D) as the gateway uses it; docs/hardware.md has the wiring. A charger on the board's own
/// pins is wired as the installer likes (c?.pins).
namespace board {

constexpr platform::BoardPins pins() {
  platform::BoardPins p;
  p.rs485_tx = 17;
  p.rs485_rx = 16;
  p.rs485_direction = 4;
  p.reader_rx = 26;  // 5 V readers through a level shifter
  p.reader_tx = 13;
  p.second_rs485_direction = 23;
  p.status_led = 2;  // on the board: its LED and resistor hold the pin low
  p.button = 0;      // BOOT, on the board, with a pull-up
  p.checked_strapping = 1ULL << 0U | 1ULL << 2U;
  return p;
}
constexpr platform::BoardPins kPins = pins();
BOARD_CHECK(kPins);

}  // namespace board
