#pragma once

#include "platform/analog_input.hpp"
#include "platform/clock.hpp"
#include "platform/esp32_pins.hpp"
#include "platform/pulse_input.hpp"
#include "platform/pwm_output.hpp"
#include "platform/serial_link.hpp"

namespace platform {

/// Pins of a board that is simulated at the other end of a serial line: `vevgw charger sim --model gpio-box` or a test. The
/// rules for pins are those of the ESP32. Lines of ASCII, ended by a line feed:
///
///     to the simulator                       from the simulator
///     P pin duty   PWM, 1/10000              A pin high low duty   levels at a pin, mV, and time high, 1/10000
///     O pin 0|1    output                    I pin 0|1             input
///     H            start: tell everything    S pin count           that many pulses
///
/// The simulator tells changes, and everything each second: an analogue pin it has not mentioned for kSilentMs is broken.
class SimulatedBoard final : public Gpio, public PwmOutput, public AnalogInput, public PulseInput {
 public:
  static constexpr size_t kPins = 40;
  static constexpr int64_t kSilentMs = 3000;

  /// Both outlive the board.
  SimulatedBoard(SerialLink& link, const Clock& clock) : link_(link), clock_(clock) {}

  const char* refusal(uint8_t pin, PinUse use) const override {
    return esp32_pin_refusal(pin, use, 0);
  }
  common::Status make_input(uint8_t pin, bool pull_up) override;
  common::Status set(uint8_t pin, bool level) override;
  common::Result<bool> get(uint8_t pin) override;
  common::Status set(uint8_t pin, uint16_t duty) override;
  common::Status open(uint8_t pin) override;
  common::Result<size_t> read_mv(uint8_t pin, common::Span<uint16_t> out) override;
  common::Status open(uint8_t pin, const Filter& filter) override;
  common::Result<uint32_t> take(uint8_t pin) override;
  uint32_t lost(uint8_t pin) const override {
    (void)pin;
    return 0;
  }
  uint32_t now_us() const override { return static_cast<uint32_t>(clock_.now().ms * 1000); }

 private:
  struct Pin {
    int8_t output = -1;  ///< Level or duty told last; -1 = none.
    uint16_t duty = 0;
    bool has_duty = false;
    bool level = false;
    bool has_levels = false;
    uint16_t high_mv = 0;
    uint16_t low_mv = 0;
    uint16_t high_share = 0;  ///< 1/10000
    common::Instant told_at;
    common::Instant read_at;
    uint32_t pulses = 0;
  };

  common::Status begin();
  void tell(const char* format, unsigned first, unsigned second);
  void receive();
  void on_line();

  SerialLink& link_;
  const Clock& clock_;
  Pin pins_[kPins];
  bool has_begun_ = false;
  char line_[48] = {};
  size_t size_ = 0;
};

}  // namespace platform
