#pragma once

#include "bridge/bridge.hpp"
#include "bridge/energy_register.hpp"
#include "gateway/own_engine.hpp"
#include "gateway/session_policy.hpp"
#include "gateway/site_limit.hpp"
#include "ocpp_world/model_csms.hpp"
#include "platform_sim/malloc_trap.hpp"
#include "platform_sim/sim_file_store.hpp"
#include "platform_sim/sim_key_value_store.hpp"
#include "simulation/bridge_plant.hpp"
#include "simulation/outcome.hpp"
#include "simulation/script.hpp"

#include <array>
#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace simulation {

/// Engine, session policy, site limit and bridge of one gateway on simulated buses with chargers of several kinds,
/// through a script in virtual time. Like World, but the chargers are real ones to the software. It stands itself
/// between bridge and site limit: it sees what passes there, and planted bugs sit there.
class BridgeWorld final : private charger::ChargerObserver,
                          private charger::ChargerControl,
                          private charger::IdReaderObserver {
 public:
  BridgeWorld(const Script& script, const RunOptions& options);

  Outcome run();

 private:
  /// The software between power-up and power loss.
  struct Gateway {
    Gateway(BridgeWorld& world, const ocpp::Options&);
    gateway::SessionPolicy policy;
    gateway::SiteLimit site;
    gateway::OwnEngine engine;
    bridge::Bridge bridge;
  };
  /// What truly was at a moment.
  struct Moment {
    int64_t at_ms = 0;
    int32_t current_ma = 0;
    double wh = 0;
  };
  /// One connector as a bystander sees it.
  struct Bystander {
    charger::ChargerState state;  ///< Last report.
    bool has_state = false;
    int64_t calm_since_ms = 0;  ///< Nothing has been wrong between gateway and charger since then.
    int64_t obedient_since_ms = 0;
    int64_t offered_ms = 0;        ///< The offer has been what it is since then.
    charger::Offer offer;          ///< That the bridge was told.
    bool has_offer = false;        ///< Since the gateway started.
    int64_t over_since_ms = -1;    ///< More than the offer.
    int64_t excess_since_ms = -1;  ///< More than the offer and the margin.
    int64_t wrong_limit_since_ms = -1;
    int64_t plugged_since_ms = -1;
    int64_t unplugged_since_ms = 0;
    double wanted_wh = 0;  ///< Of the counter that never resets; 0 = never full.
    // Energy, Wh
    double true_wh = 0;
    double heard_wh = 0;            ///< Of the true energy, when the last register was read.
    uint8_t doubtful_readings = 0;  ///< Still to come before a new counter is believed.
    double in_transactions_wh = 0;
    double tolerance_wh = 1;
    uint32_t transaction = 0;
    bool is_configured = false;  ///< Watchdog and failsafe current are as they should be.
    std::deque<double> minutes;  ///< True energy of the last minutes.
    std::deque<Moment> moments;  ///< The last half minute.
    bool is_wild =
        false;  ///< It restarted or lost its limit, and nobody could tell it anything since.
    // Readings
    bool has_drift = false;
    double least_drift_wh = 0;  ///< Register less true energy, once and for all.
    double most_drift_wh = 0;
    charger::MeterSample sample;
    int64_t counter_set_ms = INT64_MIN / 2;
    uint64_t samples = 0;
    bool loses_energy = false;  ///< Of a planted bug.
    int64_t lost_wh = 0;
    // Tags
    uint32_t tags_held = 0;
    uint32_t tags_told = 0;
  };
  struct Timer {
    int64_t at_ms = 0;
    EventKind kind = EventKind::kSilence;
    uint8_t connector = 0;
    int64_t every_ms = 0;  ///< Of kDropLimit.
    int64_t next_ms = 0;
  };

  /// How long it is known what truly flowed, ms.
  static constexpr int64_t kWindowMs = 60000;

  int64_t now_ms() const { return clock_.now().ms; }
  common::Instant gateway_now() const { return common::Instant{now_ms() - base_ms_}; }
  bool is_on() const { return gateway_ != nullptr; }
  Box& box(uint8_t id) { return plant_.box(id); }
  modbus_line::ChargerModel& wallbox(uint8_t id) { return *plant_.box(id).charger; }
  void fail(const std::string& sentence);
  void note(const char* mark, const std::string& text);
  void record_frame(char direction, const std::string& frame);
  template <typename Call>
  void watched(Call call) {
    size_t allocations = 0;
    {
      const platform_sim::MallocTrap trap;
      call();
      allocations = trap.count();
    }
    if (allocations > 0) fail(std::to_string(allocations) + " heap allocations in the gateway");
  }
  void on_charger_state(uint8_t connector_id, const charger::ChargerState& state,
                        common::Instant now) override;
  void on_meter_sample(uint8_t connector_id, const charger::MeterSample& sample,
                       common::Instant now) override;

  void on_id_tag(uint8_t connector_id, const charger::IdTag& id_tag, common::Instant now) override;
  void set_offer(uint8_t connector_id, const charger::Offer& offer, common::Instant now) override;
  void request_sample(uint8_t connector_id, common::Instant now) override {
    gateway_->bridge.request_sample(connector_id, now);
  }
  common::Status unlock(uint8_t connector_id, common::Instant now) override {
    return gateway_->bridge.unlock(connector_id, now);
  }
  charger::Capabilities capabilities(uint8_t connector_id) const override;

  void boot();
  void add_chargers();
  void die(int64_t off_ms, const char* cause);
  void set_link(bool is_up);
  void turn();
  void run_gateway();
  void take_events();
  int64_t next_ms();
  bool run_until(int64_t at_ms);
  void happen(const Event& event);
  void begin_fault(const Event& event);
  void run_timers();
  void end_fault(EventKind kind, uint8_t id);
  void disturb(uint8_t id);
  static bool is_on_bus(EventKind kind);
  bool is_faulty(uint8_t id) const;
  void set_ev_phases(uint8_t id, int64_t phases);

  // bridge_checks.cpp
  void look();
  void look_at(uint8_t id);
  void check_current(uint8_t id, Bystander& seen);
  void check_reaction(uint8_t id, Bystander& seen);
  void check_plug(uint8_t id, const Bystander& seen);
  void check_failsafe(uint8_t id, Bystander& seen);
  void count_energy(uint8_t id, Bystander& seen);
  void check_site();
  void check_sample(uint8_t id, Bystander& seen, const charger::MeterSample& sample);
  void remember(uint8_t id, Bystander& seen);
  static void hear_energy(Bystander& seen, double read_wh);
  double true_wh_at(uint8_t id, int64_t at_ms);
  bool is_obedient(uint8_t id, const Bystander& seen);
  double power_w(uint8_t id) { return wallbox(id).current_ma() * 0.23 * wallbox(id).ev_phases; }
  void check_books();
  void probe();
  int64_t slack_ms() const { return 3 * int64_t{script_.status_poll_ms} + 3000; }

  Script script_;
  RunOptions options_;
  size_t next_event_ = 0;
  platform_sim::SimClock clock_;
  platform_sim::SimPower power_;
  platform_sim::SimFileStore flash_;
  platform_sim::SimKeyValueStore settings_;
  platform_sim::SimKeyValueStore registers_;
  platform_sim::SimEntropy entropy_;
  platform_sim::SimEntropy noise_;
  TraceLog log_;
  Plant plant_;
  ocpp_world::ModelCsms csms_;
  std::unique_ptr<Gateway> gateway_;
  common::Instant deadline_;
  bool is_busy_ = false;
  bool is_link_up_ = false;
  int64_t link_up_at_ms_ = 0;
  int64_t boot_at_ms_ = 0;
  int64_t base_ms_ = 0;  ///< World time at instant 0 of the gateway.
  int64_t died_ms_ = -1;
  int64_t minute_ms_ = 0;
  platform::ResetCause cause_ = platform::ResetCause::kPowerOn;
  std::vector<Timer> timers_;
  int64_t site_over_since_ms_ = -1;
  std::array<Bystander, limits::kMaxConnectors + 1> bystanders_{};
  int64_t instant_ms_ = -1;
  int turns_at_instant_ = 0;
  Outcome outcome_;
};

}  // namespace simulation
