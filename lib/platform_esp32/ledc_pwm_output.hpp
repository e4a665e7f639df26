#pragma once

#include "platform/pwm_output.hpp"

#include <driver/ledc.h>

namespace platform_esp32 {

/// Up to four pilots on the high-speed channels of the LEDC: the hardware takes a new duty cycle at the end of a period
/// and goes on without the processor, until a reset makes the pin an input.
class LedcPwmOutput final : public platform::PwmOutput {
 public:
  common::Status set(uint8_t pin, uint16_t duty) override {
    if (duty > kAlwaysHigh || !GPIO_IS_VALID_OUTPUT_GPIO(pin))
      return common::Status::kInvalidArgument;
    size_t channel = 0;
    while (channel < count_ && pins_[channel] != pin) ++channel;
    // 2^13 stands for steadily high.
    const uint32_t ticks = (uint32_t{duty} << kBits) / kAlwaysHigh;
    const auto number = static_cast<ledc_channel_t>(channel);
    if (channel < count_) {
      return ledc_set_duty(LEDC_HIGH_SPEED_MODE, number, ticks) == ESP_OK &&
                     ledc_update_duty(LEDC_HIGH_SPEED_MODE, number) == ESP_OK
                 ? common::Status::kOk
                 : common::Status::kIo;
    }
    if (count_ == kChannels) return common::Status::kNoSpace;
    ledc_timer_config_t timer = {};
    timer.speed_mode = LEDC_HIGH_SPEED_MODE;
    timer.duty_resolution = LEDC_TIMER_13_BIT;
    timer.timer_num = LEDC_TIMER_0;
    timer.freq_hz = 1000;
    timer.clk_cfg = LEDC_USE_APB_CLK;
    ledc_channel_config_t config = {};
    config.gpio_num = pin;
    config.speed_mode = LEDC_HIGH_SPEED_MODE;
    config.channel = number;
    config.timer_sel = LEDC_TIMER_0;
    config.duty = ticks;
    if (count_ == 0 && ledc_timer_config(&timer) != ESP_OK) return common::Status::kIo;
    if (ledc_channel_config(&config) != ESP_OK) return common::Status::kIo;
    pins_[count_++] = pin;
    return common::Status::kOk;
  }

 private:
  static constexpr uint32_t kBits = 13;
  static constexpr size_t kChannels = 4;

  uint8_t pins_[kChannels] = {};
  size_t count_ = 0;
};

}  // namespace platform_esp32
