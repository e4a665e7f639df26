#include "bridge/gpio_config.hpp"
#include "doctest_main/doctest_main.hpp"
#include "platform/board_pins.hpp"
#include "platform/esp32_pins.hpp"

// The boards are checked while this is compiled.
#include "../../../include/boards/esp32doit_devkit_v1.hpp"
namespace devkit = board;
#define board custom_board
#include "../../../include/boards/custom_example.hpp"
#undef board

using platform::BoardPins;
namespace check = platform::board_check;

namespace {

/// A good board, changed in one place.
template <typename Change>
constexpr BoardPins with(Change change) {
  BoardPins pins = devkit::kPins;
  change(pins);
  return pins;
}

/// Pins for which nothing is reserved.
class Chip final : public platform::Gpio {
 public:
  explicit Chip(uint64_t reserved) : reserved_(reserved) {}
  const char* refusal(uint8_t pin, platform::PinUse use) const override {
    return platform::esp32_pin_refusal(pin, use, reserved_);
  }
  common::Status make_input(uint8_t, bool) override { return common::Status::kOk; }
  common::Status set(uint8_t, bool) override { return common::Status::kOk; }
  common::Result<bool> get(uint8_t) override { return false; }

 private:
  uint64_t reserved_;
};

}  // namespace

TEST_CASE("the boards of this project, and one without anything but its console, are good") {
  static_assert(check::is_good(devkit::kPins), "");
  static_assert(check::is_good(custom_board::kPins), "");
  static_assert(check::is_good(BoardPins()), "");
  CHECK(check::is_good(devkit::kPins));
}

TEST_CASE("each rule refuses what breaks it and names the pin") {
  constexpr BoardPins flash = with([](BoardPins& p) { p.rs485_direction = 7; });
  static_assert(check::flash_pin(flash) == 7 && !check::is_good(flash), "");
  constexpr BoardPins strapping = with([](BoardPins& p) { p.rs485_direction = 12; });
  static_assert(check::strapping_pin(strapping) == 12 && !check::is_good(strapping), "");
  constexpr BoardPins unchecked = with([](BoardPins& p) { p.checked_strapping = 1; });
  static_assert(check::strapping_pin(unchecked) == 2, "");
  constexpr BoardPins input_only = with([](BoardPins& p) { p.contactor = 34; });
  static_assert(check::input_only_output(input_only) == 34 && !check::is_good(input_only), "");
  constexpr BoardPins adc2 = with([](BoardPins& p) { p.pilot_in = 27; });
  static_assert(check::adc2_input(adc2) == 27 && !check::is_good(adc2), "");
  constexpr BoardPins shared = with([](BoardPins& p) { p.s0 = 16; });
  static_assert(check::shared_pin(shared) == 16 && !check::is_good(shared), "");
  constexpr BoardPins floating = with([](BoardPins& p) { p.button = 35; });
  static_assert(check::button_without_pull_up(floating) == 35 && !check::is_good(floating), "");
  CHECK(check::flash_pin(flash) == 7);
}

TEST_CASE("every number is refused or accepted as the chip has it") {
  for (int number = INT8_MIN; number <= INT8_MAX; ++number) {
    BoardPins pins;
    pins.s0 = static_cast<int8_t>(number);
    const bool is_missing = number < -1 || number > 39 || number == 20 || number == 24 ||
                            (number >= 28 && number <= 31);
    const bool is_strapping =
        number == 0 || number == 2 || number == 5 || number == 12 || number == 15;
    const bool is_flash = number >= 6 && number <= 11;
    const bool is_console = number == 1 || number == 3;
    CAPTURE(number);
    CHECK((check::missing_pin(pins) >= 0) == is_missing);
    CHECK(check::is_good(pins) == (!is_missing && !is_strapping && !is_flash && !is_console));
  }
}

TEST_CASE("a charger's wiring cannot take what the board has for itself") {
  const uint64_t reserved = platform::reserved_pins(devkit::kPins);
  for (const int pin : {0, 1, 2, 3, 4, 13, 16, 17, 23, 26}) CHECK((reserved >> pin & 1U) == 1);
  CHECK((platform::reserved_pins(custom_board::kPins) >> 27U & 1U) == 0);
}

TEST_CASE("what a board has on it becomes the wiring of its charger") {
  CHECK(bridge::wiring_of(devkit::kPins).empty());
  const common::FixedString<159> text = bridge::wiring_of(custom_board::kPins);
  CHECK(text == common::FixedString<159>("pilot=25 pilot_in=36 contactor=27 feedback=34 "
                                         "proximity=39 s0=35 lock=32 pilot_off=33 fault=14"));
  bridge::GpioConfig wiring;
  common::FixedString<159> error;
  const Chip chip(platform::reserved_pins(custom_board::kPins));
  CHECK(bridge::parse_gpio_config(text.span(), chip, wiring, error) == common::Status::kOk);
  CHECK(wiring.fault.number == 14);
}
