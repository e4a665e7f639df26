#pragma once

#include "modbus_line/units.hpp"

namespace modbus_line {

/// A charger with an EV at it, whatever its registers are: power path, counters, what can be wrong with both. What a
/// model shows and obeys comes from the charger's documents and from the field, not from our profile.
class ChargerModel : public Device {
 public:
  /// What a register is to whoever plays tricks with it.
  enum class Role : uint8_t {
    kOther,
    kLimit,      ///< Current that may be drawn.
    kSetting,    ///< Made at start-up: watchdog, failsafe current.
    kRetentive,  ///< Written to memory that wears out.
    kTag,
  };

  void plug(bool wants_energy = true) {
    plugged = true;
    ev_wants = wants_energy;
  }
  void unplug();
  /// Power off and on: what it does not keep is gone, silent for a moment, then starting.
  void reboot(common::Instant now, int64_t silent_ms = 1500, int64_t boot_ms = 3000);
  /// Integrates energy, runs the watchdog.
  void advance(common::Instant now);

  bool is_listening(common::Instant now) override;
  void on_request(common::Instant) override {}

  /// What the registers let an EV draw now, mA per phase.
  virtual int32_t offered_ma() const = 0;
  /// What the EV draws, mA on each of ev_phases.
  int32_t current_ma() const;
  bool is_booting(common::Instant now) const { return now < booting_until_; }

  /// Its watchdog as it is set now; 0 = off or none.
  virtual uint32_t watchdog_time_ms() const { return 0; }
  /// Current per phase that it takes when its master is gone, or after a restart where it has no watchdog.
  virtual int32_t failsafe_ma() const { return 0; }
  /// The plug cannot be told from what it shows.
  virtual bool hides_plug() const { return false; }
  virtual Role role(uint16_t address) const = 0;
  /// A card is held to its reader. @return false when it has none.
  virtual bool hold_tag(const char*) { return false; }
  /// Forgets its limit: what it holds from the factory counts.
  virtual void drop_limit() = 0;

  bool plugged = false;
  bool ev_wants = false;
  bool ev_sleeps = false;  ///< It slept through a pause; an interrupted pilot wakes it.
  int32_t stray_ma = 0;    ///< Flows although the EV asks for nothing.
  int32_t ev_max_ma = 16000;
  uint8_t ev_phases = 3;
  bool is_disobedient = false;     ///< The EV takes ev_max_ma whatever is offered.
  bool is_welded = false;          ///< The contactor does not open: the EV goes on at what it had.
  bool refuses_limit = false;      ///< Exception 4 on writes of the limit.
  bool ignores_limit = false;      ///< Acknowledges writes of the limit and forgets them.
  double energy_total_vah = 1000;  ///< Its counter.
  double true_vah = 0;             ///< All that ever flowed, whatever becomes of the counters.
  uint32_t retentive_writes = 0;

 protected:
  /// Registers are what they are after power-up.
  virtual void on_power_up() = 0;
  /// Called after energy was counted.
  virtual void on_time(common::Instant) {}
  virtual void on_energy(double) {}
  virtual void on_unplugged() {}

  common::Instant started_at() const { return booting_until_; }

 private:
  common::Instant advanced_;
  common::Instant silent_until_;
  common::Instant booting_until_;
  int32_t last_offered_ma_ = 0;  ///< Highest since the EV was plugged in that was not 0.
};

}  // namespace modbus_line
