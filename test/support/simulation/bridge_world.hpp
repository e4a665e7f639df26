#pragma once

#include "bridge/bridge.hpp"
#include "gateway/own_engine.hpp"
#include "gateway/session_policy.hpp"
#include "modbus_line/heidelberg.hpp"
#include "ocpp_world/model_csms.hpp"
#include "platform_sim/malloc_trap.hpp"
#include "platform_sim/sim_file_store.hpp"
#include "platform_sim/sim_key_value_store.hpp"
#include "simulation/outcome.hpp"
#include "simulation/script.hpp"

#include <array>
#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace simulation {

/// A wallbox on the bus with its car and what is wrong with both. The planted bugs sit here: the bridge is deceived.
class Box final : public modbus_line::Device {
 public:
  explicit Box(Mutant mutant) : mutant_(mutant) {}

  bool is_listening(common::Instant now) override { return wallbox.is_listening(now); }
  void on_request(common::Instant now) override { wallbox.on_request(now); }
  uint8_t read(uint8_t function, uint16_t address, uint16_t count, uint16_t* out,
               common::Instant now) override;
  uint8_t write(uint16_t address, uint16_t value, common::Instant now) override;
  void reboot(common::Instant now, int64_t silent_ms, int64_t boot_ms);

  modbus_line::Heidelberg wallbox;
  bool is_silent = false;
  common::Instant limit_written_at;  ///< Last attempt.

 private:
  Mutant mutant_;
  bool has_written_ = false;
  bool is_deaf_ = false;
  uint16_t written_[3] = {};  ///< 257, 261, 262.
};

/// Engine, session policy and bridge of one gateway on a simulated RS-485 bus with wallboxes, through a script in
/// virtual time. Like World, but the chargers are real ones to the software.
class BridgeWorld final : private charger::ChargerObserver {
 public:
  BridgeWorld(const Script& script, const RunOptions& options);

  Outcome run();

 private:
  /// The software between power-up and power loss.
  struct Gateway {
    Gateway(BridgeWorld& world, const ocpp::Options&);
    gateway::SessionPolicy policy;
    gateway::OwnEngine engine;
    bridge::Bridge bridge;
  };
  /// One connector as a bystander sees it.
  struct Bystander {
    charger::ChargerState state;  ///< Last report.
    bool has_state = false;
    int64_t calm_since_ms = 0;  ///< Nothing has been wrong between gateway and charger since then.
    int64_t obedient_since_ms = 0;
    int64_t offered_ms = 0;  ///< The offer has been what it is since then.
    charger::Offer offer;
    int64_t over_since_ms = -1;    ///< More than the offer.
    int64_t excess_since_ms = -1;  ///< More than the offer and the margin.
    int64_t wrong_limit_since_ms = -1;
    int64_t plugged_since_ms = -1;
    int64_t unplugged_since_ms = 0;
    double wanted_wh = 0;  ///< Of the counter that never resets; 0 = never full.
    // Energy, Wh
    double true_wh = 0;
    double heard_wh = 0;  ///< Of the true energy, at the last sample.
    double in_transactions_wh = 0;
    double tolerance_wh = 1;
    uint32_t transaction = 0;
    bool is_configured = false;  ///< Watchdog and failsafe current are as they should be.
    std::deque<double> minutes;  ///< True energy of the last minutes.
  };
  struct Timer {
    int64_t at_ms = 0;
    EventKind kind = EventKind::kSilence;
    uint8_t connector = 0;
  };

  int64_t now_ms() const { return clock_.now().ms; }
  common::Instant gateway_now() const { return common::Instant{now_ms() - base_ms_}; }
  bool is_on() const { return gateway_ != nullptr; }
  Box& box(uint8_t id) { return *boxes_[id - 1U]; }
  modbus_line::Heidelberg& wallbox(uint8_t id) { return boxes_[id - 1U]->wallbox; }
  void fail(const std::string& sentence);
  void note(const char* mark, const std::string& text);
  void record_frame(char direction, const std::string& frame);
  template <typename Call>
  void watched(Call call);
  void on_charger_state(uint8_t connector_id, const charger::ChargerState& state,
                        common::Instant now) override;
  void on_meter_sample(uint8_t connector_id, const charger::MeterSample& sample,
                       common::Instant now) override;

  void boot();
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
  bool is_faulty(uint8_t id) const;

  // bridge_checks.cpp
  void look();
  void look_at(uint8_t id);
  void check_current(uint8_t id, Bystander& seen);
  void check_reaction(uint8_t id, Bystander& seen);
  void check_plug(uint8_t id, const Bystander& seen);
  void check_failsafe(uint8_t id, Bystander& seen);
  void count_energy(uint8_t id, Bystander& seen);
  void check_books();
  void probe();
  int64_t slack_ms() const { return 3 * int64_t{script_.status_poll_ms} + 3000; }
  uint32_t watchdog_ms() const { return script_.watchdog_ms != 0 ? script_.watchdog_ms : 15000; }

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
  modbus_line::ModbusLine line_;
  std::vector<std::unique_ptr<Box>> boxes_;
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
  std::array<Bystander, limits::kMaxConnectors + 1> bystanders_{};
  int64_t instant_ms_ = -1;
  int turns_at_instant_ = 0;
  Outcome outcome_;
};

}  // namespace simulation
