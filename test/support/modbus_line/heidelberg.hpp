#pragma once

#include "modbus_line/charger_model.hpp"
#include "modbus_line/modbus_line.hpp"

namespace modbus_line {

/// A Heidelberg Energy Control with an EV, as its manual describes it (not as our profile does): register map of
/// layout 1.0.8, watchdog, standby, remote lock, state 10 after the watchdog with failsafe 0.
class Heidelberg final : public ChargerModel {
 public:
  explicit Heidelberg(uint16_t layout = 0x0108) : layout_(layout) {}

  bool is_listening(common::Instant now) override;
  void on_request(common::Instant now) override;
  uint8_t read(uint8_t function, uint16_t address, uint16_t count, uint16_t* out,
               common::Instant now) override;
  uint8_t write(uint16_t address, uint16_t value, common::Instant now) override;

  uint16_t state_code(common::Instant now) const;
  /// What the EV may draw, 0.1 A.
  uint16_t offered_deci_a() const;
  int32_t offered_ma() const override { return offered_deci_a() * 100; }
  uint32_t watchdog_time_ms() const override { return watchdog_ms; }
  int32_t failsafe_ma() const override { return failsafe_deci_a * 100; }
  bool hides_plug() const override { return remote_lock == 0; }
  Role role(uint16_t address) const override;
  void drop_limit() override { limit_deci_a = static_cast<uint16_t>(hardware_max_a * 10); }

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
  double energy_since_power_up_vah = 0;

 private:
  void on_power_up() override;
  void on_time(common::Instant now) override;
  void on_energy(double vah) override { energy_since_power_up_vah += vah; }
  uint16_t input(uint16_t address, common::Instant now, bool& exists) const;
  uint16_t holding(uint16_t address, bool& exists) const;

  uint16_t layout_;
  common::Instant last_request_;
};

}  // namespace modbus_line
