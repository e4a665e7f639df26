#pragma once

#include "platform/board_pins.hpp"

/// Example of a board of one's own: an ESP32-WROOM-32D that is the whole charging controller, with everything that the
/// firmware can drive. Copy it, change the numbers, build with -D GATEWAY_BOARD='"boards/my_board.hpp"'. docs/hardware.md.
namespace board {

constexpr platform::BoardPins pins() {
  platform::BoardPins p;
  p.rs485_tx = 17;
  p.rs485_rx = 16;
  p.rs485_direction = 4;
  p.reader_rx = 26;
  p.reader_tx = 13;
  p.second_rs485_direction = 23;
  p.status_led = 22;
  p.button = 21;
  p.tamper = 19;
  p.contactor = 27;
  p.feedback = 34;  // pull-up on the board
  p.pilot = 25;
  p.pilot_in = 36;
  p.proximity = 39;
  p.s0 = 35;  // pull-up on the board
  p.lock = 32;
  p.pilot_off = 33;
  p.fault = 14;
  return p;
}
constexpr platform::BoardPins kPins = pins();
BOARD_CHECK(kPins);

}  // namespace board
