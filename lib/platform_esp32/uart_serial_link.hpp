#pragma once

#include "platform/serial_link.hpp"

namespace platform_esp32 {

/// Pins of one UART; -1 = not connected.
struct UartPins {
  int8_t tx = -1;
  int8_t rx = -1;
  int8_t direction = -1;  ///< RS-485 driver enable, high while sending; -1 = no RS-485.
};

/// One UART of the chip through the IDF driver; on RS-485 the hardware switches the direction pin.
class UartSerialLink final : public platform::SerialLink {
 public:
  /// @param uart  0..2.
  UartSerialLink(uint8_t uart, UartPins pins) : uart_(uart), pins_(pins) {}

  /// @param output_bytes  Transmit buffer, > 128: write() never waits.
  /// @retval kIo  The driver refuses pins or memory.
  common::Status begin(const platform::SerialSettings& settings, size_t output_bytes);

  common::Status configure(const platform::SerialSettings& settings) override;
  common::Result<size_t> write(common::ByteSpan data) override;
  common::Result<size_t> read(common::MutableByteSpan buffer) override;
  bool is_drained() override;

 private:
  const uint8_t uart_;
  const UartPins pins_;
  platform::SerialSettings settings_;
  bool is_open_ = false;
};

}  // namespace platform_esp32
