#pragma once

#include <cstddef>
#include <cstdint>

namespace platform {

/// Which GPIO of an ESP32-WROOM-32 does what on one board; -1 = the board does not have it. A file of include/boards/
/// fills one and has BOARD_CHECK() look at it while it is compiled.
struct BoardPins {
  static constexpr int8_t kNone = -1;

  int8_t console_tx = 1;  ///< UART0, the USB bridge.
  int8_t console_rx = 3;
  int8_t rs485_tx = kNone;         ///< UART2: DI of the transceiver.
  int8_t rs485_rx = kNone;         ///< RO.
  int8_t rs485_direction = kNone;  ///< DE and /RE together; none = a transceiver that turns itself.
  int8_t reader_tx =
      kNone;  ///< UART1: to the tag reader; Wiegand D1. The second bus where there is no reader.
  int8_t reader_rx = kNone;  ///< From the tag reader; Wiegand D0.
  int8_t second_rs485_direction = kNone;
  int8_t status_led = kNone;
  int8_t button = kNone;  ///< To ground.
  int8_t tamper = kNone;  ///< Contact of the lid, to ground while it is closed.

  // A charger on the board's own pins, and c?.contactor. Only a board that is made for them has them.
  int8_t contactor = kNone;
  int8_t feedback = kNone;   ///< Mirror contact.
  int8_t pilot = kNone;      ///< PWM.
  int8_t pilot_in = kNone;   ///< Analogue.
  int8_t proximity = kNone;  ///< Analogue.
  int8_t s0 = kNone;
  int8_t lock = kNone;
  int8_t pilot_off = kNone;
  int8_t fault = kNone;

  /// Strapping pins, one bit each, that were looked at: whatever is wired there leaves the level that the chip wants at
  /// its start (0 high, 2 low or open, 5 high, 12 low, 15 high).
  uint64_t checked_strapping = 0;
};

namespace board_check {

constexpr size_t kCount = 20;

struct All {
  int8_t pin[kCount];
};

constexpr All all(const BoardPins& p) {
  return All{{p.console_tx,
              p.console_rx,
              p.rs485_tx,
              p.rs485_rx,
              p.rs485_direction,
              p.reader_tx,
              p.reader_rx,
              p.second_rs485_direction,
              p.status_led,
              p.button,
              p.tamper,
              p.contactor,
              p.feedback,
              p.pilot,
              p.pilot_in,
              p.proximity,
              p.s0,
              p.lock,
              p.pilot_off,
              p.fault}};
}

/// Whether a pin is there and its bit is set.
constexpr bool is_in(int8_t pin, uint64_t set) {
  return pin >= 0 && pin < 64 && (set >> static_cast<unsigned>(pin) & 1U) != 0;
}

constexpr uint64_t kMissing = 1ULL << 20U | 1ULL << 24U | 0xFULL << 28U | 0xFFFFFFULL << 40U;
constexpr uint64_t kFlash = 0x3FULL << 6U;
constexpr uint64_t kStrapping = 1ULL << 0U | 1ULL << 2U | 1ULL << 5U | 1ULL << 12U | 1ULL << 15U;
constexpr uint64_t kInputOnly = 0x3FULL << 34U;
constexpr uint64_t kAdc1 = 0xFFULL << 32U;

/// Each finds the first pin that breaks a rule; -1 = none does.
constexpr int first_in(const BoardPins& pins, uint64_t set) {
  const All list = all(pins);
  for (const int8_t pin : list.pin) {
    if (is_in(pin, set)) return pin;
    if (pin < BoardPins::kNone || pin >= 64) return 64;  // no number of a pin at all
  }
  return -1;
}
constexpr int missing_pin(const BoardPins& pins) { return first_in(pins, kMissing); }
constexpr int flash_pin(const BoardPins& pins) { return first_in(pins, kFlash); }
constexpr int strapping_pin(const BoardPins& pins) {
  return first_in(pins, kStrapping & ~pins.checked_strapping);
}
constexpr int input_only_output(const BoardPins& p) {
  const int8_t outputs[] = {
      p.console_tx, p.rs485_tx,  p.rs485_direction, p.reader_tx, p.second_rs485_direction,
      p.status_led, p.contactor, p.pilot,           p.lock,      p.pilot_off};
  for (const int8_t pin : outputs) {
    if (is_in(pin, kInputOnly)) return pin;
  }
  return -1;
}
constexpr int adc2_input(const BoardPins& p) {
  const int8_t inputs[] = {p.pilot_in, p.proximity};
  for (const int8_t pin : inputs) {
    if (pin != BoardPins::kNone && !is_in(pin, kAdc1)) return pin;
  }
  return -1;
}
/// Without a pull-up of its own the button floats.
constexpr int button_without_pull_up(const BoardPins& p) {
  return is_in(p.button, kInputOnly) ? p.button : -1;
}
constexpr int shared_pin(const BoardPins& pins) {
  const All list = all(pins);
  for (size_t i = 0; i < kCount; ++i) {
    for (size_t j = i + 1; j < kCount; ++j) {
      if (list.pin[i] != BoardPins::kNone && list.pin[i] == list.pin[j]) return list.pin[i];
    }
  }
  return -1;
}

constexpr bool is_good(const BoardPins& pins) {
  return missing_pin(pins) < 0 && flash_pin(pins) < 0 && strapping_pin(pins) < 0 &&
         input_only_output(pins) < 0 && adc2_input(pins) < 0 && button_without_pull_up(pins) < 0 &&
         shared_pin(pins) < 0;
}

// Templates, so that the compiler's message names the pin: "In instantiation of ... FlashPin<7>".
template <int kGpio>
struct NoSuchPin {
  static_assert(kGpio == -1,
                "board: this GPIO does not exist on the ESP32 (0..39 without 20, 24, 28..31)");
};
template <int kGpio>
struct FlashPin {
  static_assert(kGpio == -1, "board: GPIO6 to 11 are wired to the flash memory");
};
template <int kGpio>
struct StrappingPin {
  static_assert(
      kGpio == -1,
      "board: GPIO0, 2, 5, 12 and 15 decide how the chip starts: take another, or look at "
      "the level there during reset and add the pin to checked_strapping");
};
template <int kGpio>
struct InputOnlyPin {
  static_assert(kGpio == -1, "board: GPIO34 to 39 are inputs only, this function is an output");
};
template <int kGpio>
struct Adc2Pin {
  static_assert(kGpio == -1,
                "board: only GPIO32 to 39 measure voltages beside Wi-Fi (ADC2 belongs to it)");
};
template <int kGpio>
struct FloatingButton {
  static_assert(kGpio == -1, "board: GPIO34 to 39 have no pull-up, the button needs another pin");
};
template <int kGpio>
struct SharedPin {
  static_assert(kGpio == -1, "board: two functions have the same GPIO");
};

}  // namespace board_check

/// Stops the compiler with the rule that a board breaks, and the pin. @param pins  constexpr BoardPins.
#define BOARD_CHECK(pins)                                                                          \
  static_assert(                                                                                   \
      sizeof(::platform::board_check::NoSuchPin<::platform::board_check::missing_pin(pins)>) +     \
              sizeof(                                                                              \
                  ::platform::board_check::FlashPin<::platform::board_check::flash_pin(pins)>) +   \
              sizeof(::platform::board_check::StrappingPin<::platform::board_check::strapping_pin( \
                         pins)>) +                                                                 \
              sizeof(::platform::board_check::InputOnlyPin<                                        \
                     ::platform::board_check::input_only_output(pins)>) +                          \
              sizeof(                                                                              \
                  ::platform::board_check::Adc2Pin<::platform::board_check::adc2_input(pins)>) +   \
              sizeof(::platform::board_check::FloatingButton<                                      \
                     ::platform::board_check::button_without_pull_up(pins)>) +                     \
              sizeof(                                                                              \
                  ::platform::board_check::SharedPin<::platform::board_check::shared_pin(pins)>) > \
          0,                                                                                       \
      "")
/// Bit per pin that the gateway itself uses: a charger's wiring (c?.pins, c?.contactor) must not name them.
constexpr uint64_t reserved_pins(const BoardPins& p) {
  const int8_t own[] = {p.console_tx,      p.console_rx, p.rs485_tx,  p.rs485_rx,
                        p.rs485_direction, p.reader_tx,  p.reader_rx, p.second_rs485_direction,
                        p.status_led,      p.button,     p.tamper};
  uint64_t bits = 0;
  for (const int8_t pin : own) {
    if (pin >= 0) bits |= 1ULL << static_cast<unsigned>(pin);
  }
  return bits;
}

}  // namespace platform
