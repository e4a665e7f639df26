#pragma once

#include "platform/esp32_pins.hpp"

#include <driver/gpio.h>

namespace platform_esp32 {

/// GPIO0..39; 34..39 are inputs only.
class Esp32Gpio final : public platform::Gpio {
 public:
  /// @param reserved  Bit per pin that installers must not use.
  explicit Esp32Gpio(uint64_t reserved) : reserved_(reserved) {}

  const char* refusal(uint8_t pin, platform::PinUse use) const override {
    return platform::esp32_pin_refusal(pin, use, reserved_);
  }
  common::Status make_input(uint8_t pin, bool pull_up) override {
    if (!GPIO_IS_VALID_GPIO(pin)) return common::Status::kInvalidArgument;
    const auto number = static_cast<gpio_num_t>(pin);
    // GPIO34..39 have no pull-up: the board brings one.
    const bool has_pull = pull_up && GPIO_IS_VALID_OUTPUT_GPIO(pin);
    if (gpio_set_direction(number, GPIO_MODE_INPUT) != ESP_OK ||
        gpio_set_pull_mode(number, has_pull ? GPIO_PULLUP_ONLY : GPIO_FLOATING) != ESP_OK) {
      return common::Status::kIo;
    }
    return common::Status::kOk;
  }
  common::Status set(uint8_t pin, bool level) override {
    if (!GPIO_IS_VALID_OUTPUT_GPIO(pin)) return common::Status::kInvalidArgument;
    const auto number = static_cast<gpio_num_t>(pin);
    const uint64_t bit = uint64_t{1} << pin;
    if ((outputs_ & bit) == 0) {
      // The level comes first: an output must not flash its old one.
      if (gpio_reset_pin(number) != ESP_OK || gpio_set_level(number, level ? 1 : 0) != ESP_OK ||
          gpio_set_direction(number, GPIO_MODE_INPUT_OUTPUT) != ESP_OK) {
        return common::Status::kIo;
      }
      outputs_ |= bit;
    }
    return gpio_set_level(number, level ? 1 : 0) == ESP_OK ? common::Status::kOk
                                                           : common::Status::kIo;
  }
  common::Result<bool> get(uint8_t pin) override {
    if (!GPIO_IS_VALID_GPIO(pin)) return common::Status::kInvalidArgument;
    return gpio_get_level(static_cast<gpio_num_t>(pin)) != 0;
  }

 private:
  const uint64_t reserved_;
  uint64_t outputs_ = 0;
};

}  // namespace platform_esp32
