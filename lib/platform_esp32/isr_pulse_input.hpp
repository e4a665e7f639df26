#pragma once

#include "platform/pulse_input.hpp"

#include <atomic>

namespace platform_esp32 {

/// Pulses by GPIO interrupt, each with its time. The chip's pulse counter (PCNT) is not used: its filter ends at 12.8 us,
/// S0 contacts bounce for milliseconds, and it keeps no times.
class IsrPulseInput final : public platform::PulseInput {
 public:
  common::Status open(uint8_t pin, const Filter& filter) override;
  common::Result<uint32_t> take(uint8_t pin) override;
  uint32_t lost(uint8_t pin) const override;
  uint32_t now_us() const override;

 private:
  static constexpr size_t kPins = 8;

  /// Written by the interrupt, read by the loop: one producer, one consumer.
  struct Line {
    uint8_t pin = 0;
    Filter filter;
    uint32_t began_us = 0;
    uint32_t last_us = 0;
    bool is_low = false;
    bool has_last = false;
    uint32_t waiting[kMaxWaiting] = {};
    std::atomic<uint32_t> written{0};
    std::atomic<uint32_t> read{0};
    std::atomic<uint32_t> lost{0};
  };

  static void on_edge(void* line);
  static void accept(Line& line, uint32_t at_us);
  Line* find(uint8_t pin);

  Line lines_[kPins];
  size_t count_ = 0;
};

}  // namespace platform_esp32
