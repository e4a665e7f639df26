#pragma once

#include "platform/analog_input.hpp"

#include <esp_adc_cal.h>

namespace platform_esp32 {

/// Samples up to four pins of ADC1 in turn without a pause, by DMA: 50 samples per ms in all pins together times their
/// number, so that both levels of a 1 kHz pilot are seen whatever its duty cycle. Calibrated with the chip's fuses.
/// ADC2 belongs to Wi-Fi. @par Context  Loop thread. The buffers are allocated by the driver in the first read_mv().
class DmaAnalogInput final : public platform::AnalogInput {
 public:
  common::Status open(uint8_t pin) override;
  common::Result<size_t> read_mv(uint8_t pin, common::Span<uint16_t> out) override;

 private:
  static constexpr size_t kPins = 4;
  static constexpr size_t kKept = 256;  ///< Samples of a pin between two reads: 5 ms.
  static constexpr uint32_t kSamplesPerSecond = 50000;

  struct Channel {
    uint8_t pin = 0;
    uint8_t number = 0;  ///< Of ADC1.
    uint16_t raw[kKept] = {};
    size_t next = 0;
    size_t count = 0;
  };

  bool start();
  void drain();

  Channel channels_[kPins];
  size_t count_ = 0;
  bool is_running_ = false;
  bool has_failed_ = false;
  esp_adc_cal_characteristics_t calibration_ = {};
};

}  // namespace platform_esp32
