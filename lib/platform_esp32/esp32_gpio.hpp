#pragma once

#include "platform/gpio.hpp"

#include <driver/gpio.h>

namespace platform_esp32 {

/// GPIO0..39; 34..39 are inputs only.
class Esp32Gpio final : public platform::Gpio {
 public:
  common::Status set(uint8_t pin, bool level) override {
    if (!GPIO_IS_VALID_OUTPUT_GPIO(pin)) return common::Status::kInvalidArgument;
    const auto number = static_cast<gpio_num_t>(pin);
    const uint64_t bit = uint64_t{1} << pin;
    if ((outputs_ & bit) == 0) {
      if (gpio_reset_pin(number) != ESP_OK ||
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
  uint64_t outputs_ = 0;
};

}  // namespace platform_esp32
