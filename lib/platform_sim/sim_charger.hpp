#pragma once

#include "charger/charger.hpp"
#include "platform_sim/sim_clock.hpp"

#include <vector>

namespace platform_sim {

/// Wallboxes with an EV model behind each, as seen through the charger contract: the current follows the offer
/// up to what the EV takes, the register integrates what flows. Register next_event() with SimWaiter and call step()
/// after every wait.
class SimCharger final : public charger::ChargerControl {
 public:
  struct Ev {
    uint32_t max_ma = 16000;  ///< Per phase.
    uint32_t min_ma = 6000;   ///< Offered less, the EV pauses.
    uint8_t phases = 3;
    bool wants_energy = true;
    int64_t start_delay_ms = 2000;  ///< From an acceptable offer to current.
    int64_t wanted_wh = 0;          ///< Stops asking after that much; 0 = never full.
  };
  struct Wallbox {
    charger::Capabilities capabilities;
    int64_t command_ms = 200;  ///< From set_offer to its effect.
    int64_t sample_interval_ms = 1000;
    int64_t idle_sample_interval_ms = 0;  ///< While no current flows; 0 = the same.
    int32_t voltage_mv = 230000;
    int64_t stale_ms = 5000;      ///< Silent that long: Health::kStale.
    int64_t lost_ms = 60000;      ///< Silent that long: Health::kLost.
    int64_t faulted_ms = 120000;  ///< Silent that long: a fault.
    bool has_session_marker = true;
    int64_t initial_energy_wh = 0;
  };

  /// @param clock  Outlives the charger.
  SimCharger(SimClock& clock, uint8_t connectors);
  SimCharger(SimClock& clock, uint8_t connectors, const Wallbox& wallbox);

  /// Where reports go; the first state of each connector comes with the next step().
  void set_observer(charger::ChargerObserver& observer) { observer_ = &observer; }

  void set_offer(uint8_t connector_id, const charger::Offer& offer, common::Instant now) override;
  void request_sample(uint8_t connector_id, common::Instant now) override;
  common::Status unlock(uint8_t connector_id, common::Instant now) override;
  charger::Capabilities capabilities(uint8_t connector_id) const override;

  /// Lets time act up to the clock's now and reports what changed. @return The next event.
  common::Instant step();
  common::Instant next_event() const;

  // What people, cars and faults do. Effective at once; reported by the next step().
  void plug(uint8_t connector_id, const Ev& ev);
  void plug(uint8_t connector_id) { plug(connector_id, Ev()); }
  void unplug(uint8_t connector_id);
  void set_ev_wants_energy(uint8_t connector_id, bool wants);
  /// The car draws on more or fewer phases from now on.
  void set_ev_phases(uint8_t connector_id, uint8_t phases);
  /// What the gateway learns of the hardware once it has been read.
  void set_capabilities(uint8_t connector_id, const charger::Capabilities& capabilities) {
    touch(connector_id).wallbox.capabilities = capabilities;
  }
  /// @param error  kNone clears. @param is_faulted  The error stops charging.
  void set_error(uint8_t connector_id, charger::Error error, bool is_faulted,
                 const char* vendor_error_code = "");
  /// A silent charger goes on charging with the last offer, but nobody hears or commands it.
  void set_silent(uint8_t connector_id, bool is_silent);
  /// The gateway restarted: reports begin anew, the wallboxes and cars go on. Monotonic time begins at 0 again.
  /// @param off_ms  How long the gateway was off; energy flows meanwhile as last offered.
  void on_gateway_restart(int64_t off_ms);

  // What a bystander sees.
  int64_t energy_wh(uint8_t connector_id) const { return unit(connector_id).energy_wh(); }
  uint32_t current_ma(uint8_t connector_id) const { return unit(connector_id).current_ma; }
  const charger::Offer& offer(uint8_t connector_id) const { return unit(connector_id).offer; }
  uint32_t session_marker(uint8_t connector_id) const { return unit(connector_id).session_marker; }
  uint32_t unlocks(uint8_t connector_id) const { return unit(connector_id).unlocks; }

 private:
  struct Unit {
    Wallbox wallbox;
    bool is_plugged = false;
    Ev ev;
    int64_t session_start_mw_ms = 0;
    uint32_t session_marker = 0;
    charger::Offer offer;  ///< In effect.
    charger::Offer commanded;
    common::Instant commanded_at = common::Instant::never();
    common::Instant starts_at = common::Instant::never();  ///< The EV begins to draw.
    uint32_t current_ma = 0;
    int64_t energy_mw_ms = 0;
    common::Instant integrated_to;
    charger::Error error = charger::Error::kNone;
    bool is_faulted = false;
    common::FixedString<50> vendor_error_code;
    bool is_silent = false;
    common::Instant silent_since;
    common::Instant next_sample;
    uint32_t unlocks = 0;
    bool is_reported = false;
    charger::ChargerState reported;
    bool is_touched = true;  ///< Changed since the last step(), which may have to be told.
    common::Instant next;    ///< Nothing happens before, unless touched.

    int64_t energy_wh() const { return energy_mw_ms / kMwMsPerWh; }
    bool wants_energy() const;
    bool is_offered() const;
    uint8_t phases() const;  ///< That current flows on.
    int32_t power_w() const;
    /// When the EV is full at the present power.
    common::Instant full_at() const;
  };
  static constexpr int64_t kMwMsPerWh = 3600LL * 1000 * 1000;

  Unit& unit(uint8_t connector_id) { return units_.at(connector_id - 1U); }
  const Unit& unit(uint8_t connector_id) const { return units_.at(connector_id - 1U); }
  Unit& touch(uint8_t connector_id) {
    Unit& target = unit(connector_id);
    target.is_touched = true;
    return target;
  }
  common::Instant next_event(const Unit& unit) const;
  void integrate(Unit& unit, common::Instant to);
  void update_current(Unit& unit, common::Instant now);
  void apply_due(Unit& unit, common::Instant now);
  void report(uint8_t connector_id, Unit& unit, common::Instant now);
  charger::ChargerState state_of(const Unit& unit, common::Instant now) const;
  charger::MeterSample sample_of(const Unit& unit, common::Instant now) const;

  SimClock& clock_;
  charger::ChargerObserver* observer_ = nullptr;
  std::vector<Unit> units_;
};

}  // namespace platform_sim
