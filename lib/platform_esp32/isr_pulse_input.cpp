#include "platform_esp32/isr_pulse_input.hpp"

#include <driver/gpio.h>
#include <esp_timer.h>

namespace platform_esp32 {

using common::Result;
using common::Status;

Status IsrPulseInput::open(uint8_t pin, const Filter& filter) {
  if (!GPIO_IS_VALID_GPIO(pin)) return Status::kInvalidArgument;
  if (find(pin) != nullptr) return Status::kInvalidArgument;
  if (count_ == kPins) return Status::kNoSpace;
  Line& line = lines_[count_];
  line.pin = pin;
  line.filter = filter;
  const auto number = static_cast<gpio_num_t>(pin);
  gpio_config_t config = {};
  config.pin_bit_mask = uint64_t{1} << pin;
  config.mode = GPIO_MODE_INPUT;
  config.pull_up_en = pin < 34 ? GPIO_PULLUP_ENABLE : GPIO_PULLUP_DISABLE;
  // The width is only known at the end.
  config.intr_type = filter.min_width_us > 0 ? GPIO_INTR_ANYEDGE : GPIO_INTR_NEGEDGE;
  const esp_err_t service = gpio_install_isr_service(0);
  if (gpio_config(&config) != ESP_OK || (service != ESP_OK && service != ESP_ERR_INVALID_STATE) ||
      gpio_isr_handler_add(number, &IsrPulseInput::on_edge, &line) != ESP_OK) {
    return Status::kIo;
  }
  ++count_;
  return Status::kOk;
}

void IRAM_ATTR IsrPulseInput::on_edge(void* context) {
  Line& line = *static_cast<Line*>(context);
  const auto now_us = static_cast<uint32_t>(esp_timer_get_time());
  if (line.filter.min_width_us == 0) {
    accept(line, now_us);
    return;
  }
  const bool is_low = gpio_get_level(static_cast<gpio_num_t>(line.pin)) == 0;
  if (is_low) {
    if (!line.is_low) line.began_us = now_us;
  } else if (line.is_low && now_us - line.began_us >= line.filter.min_width_us) {
    accept(line, line.began_us);
  }
  line.is_low = is_low;
}

void IRAM_ATTR IsrPulseInput::accept(Line& line, uint32_t at_us) {
  if (line.has_last && at_us - line.last_us < line.filter.min_gap_us) return;
  line.has_last = true;
  line.last_us = at_us;
  const uint32_t written = line.written.load(std::memory_order_relaxed);
  if (written - line.read.load(std::memory_order_acquire) >= kMaxWaiting) {
    line.lost.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  line.waiting[written % kMaxWaiting] = at_us;
  line.written.store(written + 1, std::memory_order_release);
}

Result<uint32_t> IsrPulseInput::take(uint8_t pin) {
  Line* line = find(pin);
  if (line == nullptr) return Status::kInvalidArgument;
  const uint32_t read = line->read.load(std::memory_order_relaxed);
  if (read == line->written.load(std::memory_order_acquire)) return Status::kAgain;
  const uint32_t at_us = line->waiting[read % kMaxWaiting];
  line->read.store(read + 1, std::memory_order_release);
  return at_us;
}

uint32_t IsrPulseInput::lost(uint8_t pin) const {
  const Line* line = const_cast<IsrPulseInput*>(this)->find(pin);
  return line == nullptr ? 0 : line->lost.load(std::memory_order_relaxed);
}

uint32_t IsrPulseInput::now_us() const { return static_cast<uint32_t>(esp_timer_get_time()); }

IsrPulseInput::Line* IsrPulseInput::find(uint8_t pin) {
  for (size_t i = 0; i < count_; ++i) {
    if (lines_[i].pin == pin) return &lines_[i];
  }
  return nullptr;
}

}  // namespace platform_esp32
