#include "platform_esp32/dma_analog_input.hpp"

#include <driver/adc.h>

namespace platform_esp32 {

using common::Result;
using common::Status;

namespace {

constexpr uint32_t kBytesPerRound = 1024;
/// About 10 ms of samples: the loop may be away for that long without a gap.
constexpr uint32_t kBufferBytes = 4096;
constexpr int kMaxRounds = 8;

/// Channel of ADC1 at a pin; -1 = none.
int channel_at(uint8_t pin) {
  if (pin >= 36 && pin <= 39) return pin - 36;
  return pin >= 32 && pin <= 35 ? pin - 28 : -1;
}

}  // namespace

Status DmaAnalogInput::open(uint8_t pin) {
  const int number = channel_at(pin);
  if (number < 0 || is_running_) return Status::kInvalidArgument;
  for (size_t i = 0; i < count_; ++i) {
    if (channels_[i].pin == pin) return Status::kOk;
  }
  if (count_ == kPins) return Status::kNoSpace;
  channels_[count_].pin = pin;
  channels_[count_].number = static_cast<uint8_t>(number);
  ++count_;
  return Status::kOk;
}

/// All pins are known by the first read.
bool DmaAnalogInput::start() {
  is_running_ = true;
  (void)esp_adc_cal_characterize(ADC_UNIT_1, ADC_ATTEN_DB_12, ADC_WIDTH_BIT_12, 1100,
                                 &calibration_);
  adc_digi_init_config_t buffers = {};
  buffers.max_store_buf_size = kBufferBytes;
  buffers.conv_num_each_intr = kBytesPerRound / 4;
  for (size_t i = 0; i < count_; ++i) buffers.adc1_chan_mask |= 1U << channels_[i].number;
  if (adc_digi_initialize(&buffers) != ESP_OK) return false;
  adc_digi_pattern_config_t pattern[kPins] = {};
  for (size_t i = 0; i < count_; ++i) {
    pattern[i].atten = ADC_ATTEN_DB_12;
    pattern[i].channel = channels_[i].number;
    pattern[i].unit = 0;  // ADC1
    pattern[i].bit_width = SOC_ADC_DIGI_MAX_BITWIDTH;
  }
  adc_digi_configuration_t digital = {};
  digital.conv_limit_en = true;  // the ESP32 needs it
  digital.conv_limit_num = 250;
  digital.pattern_num = static_cast<uint32_t>(count_);
  digital.adc_pattern = pattern;
  digital.sample_freq_hz = kSamplesPerSecond * static_cast<uint32_t>(count_);
  digital.conv_mode = ADC_CONV_SINGLE_UNIT_1;
  digital.format = ADC_DIGI_OUTPUT_FORMAT_TYPE1;
  return adc_digi_controller_configure(&digital) == ESP_OK && adc_digi_start() == ESP_OK;
}

void DmaAnalogInput::drain() {
  uint8_t bytes[kBytesPerRound / 4];
  for (int round = 0; round < kMaxRounds * 4; ++round) {
    uint32_t size = 0;
    const esp_err_t result = adc_digi_read_bytes(bytes, sizeof bytes, &size, 0);
    // ESP_ERR_INVALID_STATE: older samples were lost, those given are good.
    if (result != ESP_OK && result != ESP_ERR_INVALID_STATE) return;
    for (uint32_t at = 0; at + 2 <= size; at += 2) {
      const unsigned word = bytes[at] | static_cast<unsigned>(bytes[at + 1]) << 8U;
      const unsigned number = word >> 12U;
      for (size_t i = 0; i < count_; ++i) {
        Channel& channel = channels_[i];
        if (channel.number != number) continue;
        channel.raw[channel.next] = static_cast<uint16_t>(word & 0xFFFU);
        channel.next = (channel.next + 1) % kKept;
        if (channel.count < kKept) ++channel.count;
      }
    }
  }
}

Result<size_t> DmaAnalogInput::read_mv(uint8_t pin, common::Span<uint16_t> out) {
  if (!is_running_) has_failed_ = !start();
  if (has_failed_) return Status::kIo;
  drain();
  for (size_t i = 0; i < count_; ++i) {
    Channel& channel = channels_[i];
    if (channel.pin != pin) continue;
    const size_t count = channel.count < out.size() ? channel.count : out.size();
    if (count == 0) return Status::kAgain;
    for (size_t k = 0; k < count; ++k) {
      const uint16_t raw = channel.raw[(channel.next + kKept - count + k) % kKept];
      out[k] = static_cast<uint16_t>(esp_adc_cal_raw_to_voltage(raw, &calibration_));
    }
    channel.count = 0;
    return count;
  }
  return Status::kInvalidArgument;
}

}  // namespace platform_esp32
