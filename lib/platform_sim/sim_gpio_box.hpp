#pragma once

#include "platform/analog_input.hpp"
#include "platform/esp32_pins.hpp"
#include "platform/pulse_input.hpp"
#include "platform/pwm_output.hpp"
#include "platform_sim/sim_clock.hpp"

#include <deque>

namespace platform_sim {

/// A wall box without a bus as the pins of a board see it: pilot with its resistors and the EV behind it, contactor, cable
/// with a resistor, meter with pulses. Made from the circuit of IEC 61851-1 annex A: +-12 V behind 1 kohm, diode and
/// 2.74 kohm in the EV, 1.3 kohm (state C) or 270 ohm (D) beside it.
class SimGpioBox final : public platform::Gpio,
                         public platform::PwmOutput,
                         public platform::AnalogInput,
                         public platform::PulseInput {
 public:
  // The pins of the box.
  static constexpr uint8_t kPilot = 25;
  static constexpr uint8_t kPilotIn = 36;
  static constexpr uint8_t kContactor = 27;
  static constexpr uint8_t kFeedback = 34;
  static constexpr uint8_t kProximity = 39;
  static constexpr uint8_t kS0 = 35;
  static constexpr uint8_t kLock = 32;
  static constexpr uint8_t kPilotOff = 33;
  static constexpr uint8_t kFault = 14;

  struct Ev {
    uint32_t max_ma = 16000;
    uint8_t phases = 3;
    bool wants_energy = true;
    int64_t start_ms = 500;     ///< From an offer to state C.
    int64_t stop_ms = 300;      ///< From the end of the offer to state B.
    bool keeps_asking = false;  ///< Stays in C without an offer.
    bool has_diode = true;
    bool needs_ventilation = false;
    bool is_asleep = false;  ///< Ignores the offer until the pilot was away for 3 s.
    uint32_t cable_ohm = 220;
  };

  /// @param clock  Outlives the box.
  explicit SimGpioBox(SimClock& clock) : clock_(clock) {}

  // Gpio, PwmOutput, AnalogInput, PulseInput
  const char* refusal(uint8_t pin, platform::PinUse use) const override {
    return platform::esp32_pin_refusal(pin, use, 0);
  }
  common::Status make_input(uint8_t pin, bool pull_up) override;
  common::Status set(uint8_t pin, bool level) override;
  common::Result<bool> get(uint8_t pin) override;
  common::Status set(uint8_t pin, uint16_t duty) override;
  common::Status open(uint8_t pin) override;
  common::Result<size_t> read_mv(uint8_t pin, common::Span<uint16_t> out) override;
  common::Status open(uint8_t pin, const Filter& filter) override;
  common::Result<uint32_t> take(uint8_t pin) override;
  uint32_t lost(uint8_t) const override { return lost_pulses_; }
  uint32_t now_us() const override { return static_cast<uint32_t>(clock_.now().ms * 1000); }

  /// Lets time act; at most 20 ms at once for exact timing.
  void advance();

  // What people, cars and faults do.
  void plug(const Ev& ev) { ev_ = ev, is_plugged_ = true, ev_since_ = clock_.now(); }
  void unplug() { is_plugged_ = false; }
  Ev& ev() { return ev_; }
  void set_welded(bool welded) { is_welded_ = welded; }
  void set_stuck_open(bool stuck) { is_stuck_open_ = stuck; }
  void set_pilot_shorted(bool shorted) { is_shorted_ = shorted; }
  void set_converter_broken(bool broken) { is_converter_broken_ = broken; }
  void set_residual_current(bool tripped) { has_tripped_ = tripped; }
  /// The amplifier ignores the PWM: the pilot rests at +12 V.
  void set_pwm_broken(bool broken) { is_pwm_broken_ = broken; }
  void set_noise_mv(int32_t noise_mv) { noise_mv_ = noise_mv; }
  void set_pulses_per_kwh(uint32_t per_kwh) { per_kwh_ = per_kwh; }
  /// The board restarted: its outputs are inputs again until the firmware sets them.
  void on_board_restart();

  // What a bystander sees.
  bool is_closed() const { return (contactor_ && !is_stuck_open_) || is_welded_; }
  uint16_t duty() const { return duty_; }
  bool is_locked() const { return lock_; }
  bool is_ev_in_c() const { return is_in_c_; }
  uint32_t current_ma() const { return current_ma_; }
  double energy_wh() const { return energy_wh_; }
  uint32_t times_opened_under_load() const { return opened_under_load_; }
  common::Instant opened_at() const { return opened_at_; }

 private:
  int32_t level_mv(bool is_high) const;
  void advance_ev(int64_t ms);

  SimClock& clock_;
  common::Instant advanced_to_;
  common::Instant sampled_to_;
  common::Instant proximity_to_;
  Ev ev_;
  bool is_plugged_ = false;
  bool is_in_c_ = false;
  common::Instant ev_since_;  ///< The EV has seen the present offer, or none, since.
  bool had_offer_ = false;
  int64_t pilot_away_ms_ = 0;
  uint16_t duty_ = 0;
  bool contactor_ = false;
  bool lock_ = false;
  bool pilot_off_ = false;
  bool is_welded_ = false;
  bool is_stuck_open_ = false;
  bool is_shorted_ = false;
  bool is_converter_broken_ = false;
  bool has_tripped_ = false;
  bool is_pwm_broken_ = false;
  int32_t noise_mv_ = 10;
  uint32_t random_ = 1;
  uint32_t per_kwh_ = 1000;
  uint32_t current_ma_ = 0;
  double energy_wh_ = 0;
  double next_pulse_wh_ = 0.5;
  std::deque<uint32_t> pulses_;
  uint32_t lost_pulses_ = 0;
  uint32_t opened_under_load_ = 0;
  common::Instant opened_at_;
};

}  // namespace platform_sim
