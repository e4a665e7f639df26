#pragma once

#include "common/fixed_string.hpp"
#include "common/status.hpp"
#include "platform/board_pins.hpp"
#include "platform/gpio.hpp"

namespace bridge {

/// One pin of a charger on the board's own pins.
struct BoardPin {
  int8_t number = -1;        ///< -1 = not there.
  bool is_inverted = false;  ///< Active is low.

  bool exists() const { return number >= 0; }
  uint8_t pin() const { return static_cast<uint8_t>(number); }
};

/// How a box without a bus is wired to the board: contactor, pilot and what else there is.
struct GpioConfig {
  BoardPin pilot_out;  ///< PWM; high = +12 V at the pilot.
  BoardPin pilot_in;   ///< Analogue: the pilot through a divider.
  BoardPin contactor;  ///< Output, active = closed.
  BoardPin feedback;   ///< Input, active = the contactor is closed (mirror contact).
  BoardPin proximity;  ///< Analogue: PP of a socket. Without it the cable is fixed.
  BoardPin s0;         ///< Pulses of the energy meter.
  BoardPin lock;       ///< Output, active = the plug is locked.
  BoardPin pilot_off;  ///< Output, active = the pilot is interrupted (relay), to wake an EV.
  BoardPin fault;      ///< Input, active = residual current device has tripped.

  uint32_t s0_per_kwh = 1000;         ///< Pulses per kWh.
  int32_t pilot_zero_mv = 1650;       ///< At the pin while the pilot is at 0 V.
  int32_t pilot_gain = 7273;          ///< Pilot mV per V at the pin: 24 V over 3.3 V.
  uint32_t proximity_pull_ohm = 330;  ///< From the proximity contact to proximity_mv.
  uint32_t proximity_mv = 3300;
  uint32_t max_ma = 16000;     ///< What contactor, wiring and a fixed cable bear, 6000..80000.
  bool is_ventilated = false;  ///< State D may charge.
};

/// Reads "pilot=25 pilot_in=36 contactor=26 ..." into a configuration; "!" before a number: active low.
/// Words: pilot pilot_in contactor feedback proximity s0 lock pilot_off fault (pins);
/// s0_per_kwh pilot_zero_mv pilot_gain proximity_ohm proximity_mv max_ma ventilated (numbers).
/// @param error  Set to one sentence that names the mistake.
/// @retval kInvalidArgument  Unknown word, impossible number, a pin twice, one the board refuses, or a pin that must be there
///                           is missing.
common::Status parse_gpio_config(common::TextSpan text, const platform::Gpio& gpio, GpioConfig& out,
                                 common::FixedString<159>& error);

/// The same text for what is wired on the board itself; empty where it has no pilot or no contactor.
common::FixedString<159> wiring_of(const platform::BoardPins& pins);

/// Reads "27" or "!27" (active low): the pin of a contactor.
/// @param error  Set to the mistake, without a full stop.
/// @retval kInvalidArgument  No number, or a pin that the board refuses as an output.
common::Status parse_contactor_pin(common::TextSpan text, const platform::Gpio& gpio, BoardPin& out,
                                   common::FixedString<159>& error);

/// The same for an input. @param name  Of the function, for the error.
common::Status parse_input_pin(const char* name, common::TextSpan text, const platform::Gpio& gpio,
                               BoardPin& out, common::FixedString<159>& error);

}  // namespace bridge
