#pragma once

#include "modbus_line/modbus_line.hpp"

namespace modbus_line {

/// A Heidelberg Energy Control with an EV, as its manual describes it (not as our profile does): register map of
/// layout 1.0.8, watchdog, standby, remote lock, state 10 after the watchdog with failsafe 0.
class Heidelberg final : public Device {
 public:
  explicit Heidelberg(uint16_t layout = 0x0108) : layout_(layout) {}

  // What happens at the charger.
  void plug(bool wants_energy = true) {
    plugged = true;
    ev_wants = wants_energy;
  }
  void unplug() { plugged = false; }
  /// Power off and on: volatile settings are gone, silent for a moment, then state 1.
  void reboot(common::Instant now, int64_t silent_ms = 1500, int64_t boot_ms = 3000);

  bool is_listening(common::Instant now) override;
  void on_request(common::Instant now) override;
  uint8_t read(uint8_t function, uint16_t address, uint16_t count, uint16_t* out,
               common::Instant now) override;
  uint8_t write(uint16_t address, uint16_t value, common::Instant now) override;
  /// Integrates energy, runs the watchdog.
  void advance(common::Instant now);

  uint16_t state_code(common::Instant now) const;
  /// What the EV may draw, 0.1 A.
  uint16_t offered_deci_a() const;
  int32_t current_ma() const;

  bool plugged = false;
  bool ev_wants = false;
  bool ev_sleeps = false;  ///< It slept through a pause; an interrupted pilot wakes it.
  int32_t ev_max_ma = 16000;
  uint8_t ev_phases = 3;
  bool is_disobedient = false;  ///< The EV takes ev_max_ma whatever is offered.
  bool refuses_limit = false;   ///< Exception 4 on writes of register 261.
  bool ignores_limit = false;   ///< Acknowledges writes of 261 and forgets them.
  bool externally_locked = false;
  uint16_t forced_state = 0;  ///< Shown instead of the real one.
  uint16_t hardware_max_a = 16;
  uint16_t watchdog_ms = 15000;
  uint16_t standby = 0;
  uint16_t remote_lock = 1;
  uint16_t limit_deci_a = 0;
  uint16_t failsafe_deci_a = 0;
  bool watchdog_expired = false;
  uint32_t expiries = 0;
  double energy_total_vah = 1000;
  double energy_since_power_up_vah = 0;
  double true_vah = 0;  ///< All that ever flowed, whatever becomes of the counters.

 private:
  uint16_t input(uint16_t address, common::Instant now, bool& exists) const;
  uint16_t holding(uint16_t address, bool& exists) const;

  uint16_t layout_;
  common::Instant last_request_;
  common::Instant advanced_;
  common::Instant silent_until_;
  common::Instant booting_until_;
};

}  // namespace modbus_line
