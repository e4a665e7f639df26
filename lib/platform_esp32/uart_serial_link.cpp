#include "platform_esp32/uart_serial_link.hpp"

#include <driver/uart.h>

namespace platform_esp32 {

using common::Status;

namespace {

constexpr size_t kInputBytes = 1024;
/// The driver's ring buffer adds headers to what it stores; without this room a write could wait.
constexpr size_t kRingOverheadBytes = 64;

uart_parity_t parity_of(platform::Parity parity) {
  switch (parity) {
    case platform::Parity::kNone:
      return UART_PARITY_DISABLE;
    case platform::Parity::kEven:
      return UART_PARITY_EVEN;
    case platform::Parity::kOdd:
      return UART_PARITY_ODD;
  }
  return UART_PARITY_DISABLE;
}

uart_stop_bits_t stop_bits_of(uint8_t stop_bits) {
  return stop_bits == 2 ? UART_STOP_BITS_2 : UART_STOP_BITS_1;
}

}  // namespace

Status UartSerialLink::begin(const platform::SerialSettings& settings, size_t output_bytes) {
  uart_config_t config{};
  config.baud_rate = static_cast<int>(settings.baud);
  config.data_bits = UART_DATA_8_BITS;
  config.parity = parity_of(settings.parity);
  config.stop_bits = stop_bits_of(settings.stop_bits);
  config.flow_ctrl = UART_HW_FLOWCTRL_DISABLE;
  config.source_clk = UART_SCLK_APB;
  const int direction = pins_.direction >= 0 ? pins_.direction : UART_PIN_NO_CHANGE;
  const uart_mode_t mode = pins_.direction >= 0 ? UART_MODE_RS485_HALF_DUPLEX : UART_MODE_UART;
  const bool is_ok = uart_driver_install(uart_, kInputBytes, static_cast<int>(output_bytes), 0,
                                         nullptr, 0) == ESP_OK &&
                     uart_param_config(uart_, &config) == ESP_OK &&
                     uart_set_pin(uart_, pins_.tx >= 0 ? pins_.tx : UART_PIN_NO_CHANGE,
                                  pins_.rx >= 0 ? pins_.rx : UART_PIN_NO_CHANGE, direction,
                                  UART_PIN_NO_CHANGE) == ESP_OK &&
                     uart_set_mode(uart_, mode) == ESP_OK;
  settings_ = settings;
  is_open_ = is_ok;
  return is_ok ? Status::kOk : Status::kIo;
}

Status UartSerialLink::configure(const platform::SerialSettings& settings) {
  if (!is_open_) return Status::kClosed;
  if (settings.baud < 1200 || settings.baud > 921600 || settings.stop_bits < 1 ||
      settings.stop_bits > 2) {
    return Status::kInvalidArgument;
  }
  if (settings == settings_) return Status::kOk;
  const bool is_ok = uart_set_baudrate(uart_, settings.baud) == ESP_OK &&
                     uart_set_parity(uart_, parity_of(settings.parity)) == ESP_OK &&
                     uart_set_stop_bits(uart_, stop_bits_of(settings.stop_bits)) == ESP_OK &&
                     uart_flush_input(uart_) == ESP_OK;
  if (is_ok) settings_ = settings;
  return is_ok ? Status::kOk : Status::kUnsupported;
}

common::Result<size_t> UartSerialLink::write(common::ByteSpan data) {
  if (!is_open_) return Status::kClosed;
  size_t room = 0;
  if (uart_get_tx_buffer_free_size(uart_, &room) != ESP_OK) return Status::kIo;
  room = room > kRingOverheadBytes ? room - kRingOverheadBytes : 0;
  const size_t count = data.size() < room ? data.size() : room;
  if (count == 0) return Status::kAgain;
  const int written = uart_write_bytes(uart_, data.data(), count);
  if (written < 0) return Status::kIo;
  return static_cast<size_t>(written);
}

common::Result<size_t> UartSerialLink::read(common::MutableByteSpan buffer) {
  if (!is_open_) return Status::kClosed;
  const int got = uart_read_bytes(uart_, buffer.data(), static_cast<uint32_t>(buffer.size()), 0);
  if (got < 0) return Status::kIo;
  if (got == 0) return Status::kAgain;
  return static_cast<size_t>(got);
}

bool UartSerialLink::is_drained() { return !is_open_ || uart_wait_tx_done(uart_, 0) == ESP_OK; }

}  // namespace platform_esp32
