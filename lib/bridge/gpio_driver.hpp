#pragma once

#include "bridge/direct_driver.hpp"
#include "bridge/gpio_config.hpp"
#include "bridge/pilot_signal.hpp"
#include "bridge/s0_meter.hpp"
#include "platform/analog_input.hpp"
#include "platform/pwm_output.hpp"

namespace bridge {

/// A box without a bus: the board itself makes the control pilot, switches the contactor and counts the meter's pulses.
///
///   X1 (steady +12 V) --offer, cable and pilot good, kLeastX1Ms--> PWM --EV in C, kCloseDelayMs--> PWM, contactor closed
///   contactor closed --EV leaves C, pilot E or F, fault--> open at once
///                    --offer gone--> X1, open when the EV has left C, at the latest after kForceOpenMs
///   PWM, EV asleep after a pause of ours (WakeLadder) --> pilot off for kWakeOffMs --> X1 for kLeastX1Ms --> PWM
///
/// The duty cycle grows at most every kDutyHoldMs; less current and X1 are never delayed. The pilot is looked at every kPeriodMs.
/// Faults that end by unplugging only: diode, no PWM at the pilot, residual current. By a restart only: contactor against its feedback.
/// @par Spec  IEC 61851-1 annex A and B.
class GpioDriver final : public DirectDriver {
 public:
  static constexpr int64_t kPeriodMs = 20;
  static constexpr int64_t kLeastX1Ms = 3000;
  static constexpr int64_t kDutyHoldMs = 5000;
  static constexpr int64_t kCloseDelayMs = 100;  ///< Also from switching PWM on.
  static constexpr int64_t kLeastOpenMs =
      1000;  ///< An EV that cannot decide must not wear the contactor out.
  static constexpr int64_t kForceOpenMs = 6000;
  static constexpr int64_t kNoPwmMs =
      3000;  ///< The pilot may be steady for this long although PWM is on.
  static constexpr int64_t kBlindMs = 100;  ///< Without a reading of the pilot: as bad as state E.
  static constexpr int64_t kLockMs = 1000;  ///< A lock takes this long: the contactor waits.
  static constexpr int64_t kFeedbackMs = 500;
  static constexpr int64_t kFaultHoldMs = 5000;  ///< From the end of pilot E or F to PWM.
  static constexpr uint32_t kWakeOffMs = 4000;
  static constexpr int64_t kWakeSettleMs =
      1000;  ///< The plug is not looked at after the pilot is back.
  static constexpr int64_t kSampleMs = 1000;

  /// All outlive the driver.
  struct Board {
    platform::Gpio* gpio = nullptr;
    platform::PwmOutput* pwm = nullptr;
    platform::AnalogInput* analog = nullptr;
    platform::PulseInput* pulses = nullptr;
  };

  /// Opens the pins: contactor off, pilot at X1. @retval kInvalidArgument, kNoSpace, kIo  A pin cannot be used.
  common::Status configure(const ConnectorConfig& config, const GpioConfig& wiring,
                           const Board& board, const Ports& ports);

  /// Lets a locked plug go as soon as the contactor is open; it stays free until the next offer.
  common::Status unlock(common::Instant now) override;

 private:
  enum class Output : uint8_t { kX1, kPwm, kOff };
  enum class Fault : uint8_t {
    kNone,
    kDiode,
    kNoPwm,
    kResidualCurrent,
    kWelded,
    kDidNotClose,
    kPins
  };
  enum class Wake : uint8_t { kIdle, kOff, kSettling };

  void start(common::Instant now) override;
  common::Instant run(common::Instant now) override;
  void on_target(common::Instant now) override { (void)now; }
  /// Its pauses are X1 already: a further one would not wake anybody.
  WakeLadder::Means wake_means() const override { return {false, kWakeOffMs, false}; }
  void interrupt_pilot(bool is_interrupted, common::Instant now) override;
  bool describe_own_error(charger::ChargerState& state) const override;
  void fill_own(ConnectorDiagnostics& out) const override;

  bool read_pilot();
  void read_proximity(common::Instant now);
  void check_inputs(common::Instant now);
  void check_feedback(common::Instant now);
  void set_fault(Fault fault, const char* text);
  bool may_offer(common::Instant now) const;
  void update_output(common::Instant now);
  void update_contactor(common::Instant now);
  void update_lock(common::Instant now);
  void offer_current(common::Instant now);
  void report(common::Instant now);
  void set_output(Output output, uint16_t duty, common::Instant now);
  void set_contactor(bool is_closed, const char* cause, common::Instant now);
  void write(const BoardPin& pin, bool is_active);
  bool read(const BoardPin& pin);
  bool is_ev_ready() const {
    return pilot_.state() == PilotState::kC ||
           (wiring_.is_ventilated && pilot_.state() == PilotState::kD);
  }

  GpioConfig wiring_;
  Board board_;
  PilotReader pilot_;
  S0Meter meter_;
  Output output_ = Output::kX1;
  uint16_t duty_ = 0;
  uint32_t offered_ma_ = 0;  ///< What duty_ stands for.
  Fault fault_ = Fault::kNone;
  Wake wake_ = Wake::kIdle;
  bool is_closed_ = false;
  bool is_locked_ = false;
  bool is_unlock_wanted_ = false;
  bool is_pilot_bad_ = false;  ///< E or F, or not readable.
  bool is_cable_known_ = false;
  uint32_t cable_ma_ = 0;  ///< 0 with is_cable_known_: refused.
  common::Instant output_at_;
  common::Instant duty_at_;
  common::Instant stop_at_;  ///< X1 with the contactor closed since.
  common::Instant opened_at_ = common::Instant{-kLeastOpenMs};
  common::Instant square_at_;  ///< The pilot was a square wave, or need not be one.
  common::Instant read_at_;    ///< Last good reading of the pilot.
  common::Instant lock_at_;
  common::Instant ready_at_;  ///< EV in C since.
  common::Instant bad_until_;
  common::Instant state_at_;  ///< Pilot state unchanged since.
  common::Instant wake_at_;
  common::Instant mismatch_at_ = common::Instant::never();
  common::Instant next_run_;
  common::Instant next_sample_;
  PilotState last_state_ = PilotState::kUnknown;
};

}  // namespace bridge
