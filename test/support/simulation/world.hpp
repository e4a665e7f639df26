#pragma once

#include "ocpp/charge_point.hpp"
#include "ocpp_world/model_csms.hpp"
#include "platform/simulated_firmware.hpp"
#include "platform_sim/sim_charger.hpp"
#include "platform_sim/sim_clock.hpp"
#include "platform_sim/sim_entropy.hpp"
#include "platform_sim/sim_file_transfer.hpp"
#include "platform_sim/sim_key_value_store.hpp"
#include "platform_sim/sim_web_socket_link.hpp"
#include "simulation/auditor.hpp"
#include "simulation/file_books.hpp"
#include "simulation/limit_books.hpp"
#include "simulation/list_books.hpp"
#include "simulation/outcome.hpp"
#include "simulation/ports.hpp"
#include "simulation/reservation_books.hpp"
#include "simulation/script.hpp"

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace simulation {

/// One charge point with its wallboxes, cars, people, flash, link and CSMS, living through a script in virtual time.
/// Everything it does follows from the script; several may live in one process.
class World final : private charger::ChargerObserver {
 public:
  World(const Script& script, const RunOptions& options);

  /// Lives through the script, then lets everything come to rest, and checks all promises to the end.
  Outcome run();
  /// As run(), in pieces: lives on until then. @return false when it is over.
  bool run_until(int64_t at_ms);
  Outcome finish();

 private:
  enum Timer : uint8_t {
    kMuteTimer,
    kSlowTimer,
    kLatencyTimer,
    kServerTimer,
    kDeafTimer,
    kFlashTimer,
    kRegistrationTimer,
    kFileTimer,
    kSilenceTimer,
    kFaultTimer = kSilenceTimer + limits::kMaxConnectors + 1,
    kTagTimer = kFaultTimer + limits::kMaxConnectors + 1,
    kTimerCount = kTagTimer + kTagCount,
  };
  static constexpr int64_t kVendMs = 120000;
  struct Late {
    int64_t at_ms;
    std::string frame;
  };
  struct ExpectedSetting {
    std::string value;
    std::string other;  ///< May be this instead; empty = no.
    bool is_other_possible = false;
  };
  struct CsmsCommand {
    std::string action;
    std::string key;
    std::string value;
    BookedProfile profile;
    BookedReservation reservation;
    BookedListUpdate list;
    int64_t sent_ms = 0;
    bool is_answered = false;
  };
  /// One connector as a bystander sees it.
  struct Bystander {
    int64_t last_energy_wh = 0;
    int64_t heard_wh =
        0;  ///< Of the last reading that reached the gateway since it started, else at the start
            ///< of the transaction: what is on flash lies between.
    int64_t start_wh = 0;
    int64_t died_wh = 0;     ///< When power failed during the transaction.
    int64_t unheard_wh = 0;  ///< Nobody could hear of it in time for the stop: the bus was silent.
    bool was_silent = false;
    bool was_silent_at_stop = false;
    bool are_phases_heard = false;  ///< No reading has told yet on how many phases this car draws.
    int64_t unpaid_since_ms = -1;
    int64_t over_since_ms = -1;
    int64_t vend_since_ms = -1;  ///< Ready for free vend since then.
    ocpp::ChargePointStatus status = ocpp::ChargePointStatus::Unavailable;  ///< Of the turn before.
    bool is_plugged = false;
    int64_t loud_since_ms = 0;  ///< The charger can be heard since then.
    bool was_off = false;       ///< The gateway, in the turn before.
    bool has_transaction = false;
    bool is_start_known = false;
    uint32_t local_number = 0;
    uint8_t phases = 1;  ///< Of the car that was plugged last.
    int64_t started_utc_ms = 0;
    /// What next_limit_ms() found, and for what.
    struct LimitChange {
      uint32_t version = UINT32_MAX;
      int64_t offset_ms = 0;
      int64_t started_utc_ms = 0;
      int64_t at_ms = 0;
    } limit_change;
  };

  int64_t now_ms() const { return base_ms_ + clock_.now().ms; }
  common::Instant world_now() const { return common::Instant{now_ms()}; }
  bool is_on() const { return charge_point_ != nullptr; }

  // world.cpp
  void turn();
  void carry_frames();
  void run_engine();
  void take_events();
  void boot();
  void die(int64_t off_ms, const char* cause);
  void notice_link();
  void set_latency(int64_t latency_ms, int64_t jitter_ms);
  int64_t next_ms();
  int64_t next_limit_ms(Bystander& seen);
  void fail(const std::string& sentence) { auditor_.fail(sentence, now_ms()); }
  void note(const char* mark, const std::string& text);
  void record_frame(char direction, const std::string& frame);
  template <typename Call>
  void watched(Call call);
  void on_charger_state(uint8_t connector_id, const charger::ChargerState& state,
                        common::Instant now) override;
  void on_meter_sample(uint8_t connector_id, const charger::MeterSample& sample,
                       common::Instant now) override;

  // world_commands.cpp
  struct CommandRow;
  static const CommandRow kCommands[];
  void command(const Event& event);
  void send_command(const std::string& payload, const CsmsCommand& command);
  void end_commands();
  std::string order_firmware(int image, int64_t in_ms, uint32_t retries, uint32_t interval_s);

  // world_audits.cpp
  struct KnownTag {
    std::string id_tag;
    std::string parent;
  };
  static KnownTag tag_of(const ocpp::MaskedIdTag& masked);
  bool is_set(const char* key) const;
  void check_list(const char* when);
  void on_transaction_started(const ocpp::Event& event);
  void check_reservations();
  void check_reserved(uint8_t id, bool is_settled);
  void check_free_vend(uint8_t id);
  void check_reserved_starts();
  void on_file_status(const std::string& frame);
  void check_files();

  // world_events.cpp
  void happen(const Event& event);
  void start_timer(size_t timer, int64_t duration_ms);
  void end_timer(size_t timer);
  void run_timers();
  void garbage(uint64_t seed);

  // world_checks.cpp
  void on_answer_out(const std::string& frame);
  void on_connection_lost();
  void on_command_lost(CsmsCommand& command);
  void check_new_transactions();
  void check_power();
  void note_stops_at_death();
  void note_stops_at_boot();
  void check_settings();
  bool calm_down();
  int64_t longest_drain_ms() const;
  std::string why_not_at_rest() const;
  bool is_at_rest() const { return why_not_at_rest().empty(); }
  void check_work();
  void check_books();
  void probe();

  Script script_;
  RunOptions options_;
  size_t next_event_ = 0;
  int64_t base_ms_ = 0;  ///< World time at instant 0 of the gateway's boot.

  platform_sim::SimClock clock_;
  platform_sim::SimPower power_;
  platform_sim::SimFileStore flash_;
  platform_sim::SimKeyValueStore settings_;
  platform_sim::SimEntropy entropy_;
  platform_sim::SimCharger charger_;
  FilePort files_;
  ChargerPort charger_port_;
  TraceLog log_;
  platform_sim::SimFileStore image_files_;
  platform_sim::SimKeyValueStore boot_state_;
  platform_sim::SimFileServer file_server_;
  std::unique_ptr<platform_sim::SimFileTransfer> transfer_;
  std::unique_ptr<platform::SimulatedFirmware> firmware_;
  SimDiagnostics diagnostics_;
  ocpp_world::ModelCsms csms_;
  Auditor auditor_;
  std::unique_ptr<platform_sim::SimWebSocketLink> link_;
  std::unique_ptr<ocpp::ChargePoint> charge_point_;

  // Gateway
  common::Instant deadline_;
  int64_t boot_at_ms_ = 0;
  int64_t off_ms_ = 1000;  ///< Of the cut that comes.
  int64_t cut_in_boot_ = -1;
  int64_t boot_clock_jump_ms_ = 0;
  bool is_clock_wrong_ = false;  ///< Until the CSMS tells the time.
  platform::ResetCause cause_ = platform::ResetCause::kPowerOn;
  bool is_first_boot_ = true;
  bool is_link_up_ = false;
  uint32_t connection_id_ = 0;

  // Link
  std::array<int64_t, 2> drop_{};
  std::array<int64_t, 2> duplicate_{};
  std::vector<std::string> under_way_;
  std::vector<Late> late_;
  std::array<int64_t, kTimerCount> timers_{};
  int64_t next_timer_ms_ = INT64_MAX;

  // Books
  LimitBooks limits_;
  bool are_limits_sure_ = true;
  int64_t limits_changed_ms_ = 0;
  std::map<std::string, CsmsCommand> commands_;  ///< Of this connection, by id.
  std::map<std::string, ExpectedSetting> expected_;
  ReservationBooks reservations_;
  std::vector<BookedReservation>
      used_;  ///< Their transactions must tell so; connector is that of use.
  ListBooks list_;
  int list_version_ = 1;
  FileBooks firmware_books_{FileBooks::Job::kFirmware};
  FileBooks diagnostics_books_{FileBooks::Job::kDiagnostics};
  std::array<Bystander, limits::kMaxConnectors + 1> bystanders_{};
  int64_t over_in_all_since_ms_ = -1;
  size_t known_transactions_ = 0;
  size_t started_ = 0;
  bool is_flash_tight_ = false;
  bool was_offline_allowed_ = false;
  bool was_thief_helped_ = false;  ///< The CSMS itself started a transaction for the stolen tag.
  bool is_calm_ = false;
  bool is_last_update_ordered_ = false;
  bool is_busy_instant_ = false;
  int64_t instant_ms_ = -1;
  uint64_t turns_at_instant_ = 0;
  std::string stop_twice_;  ///< Mutant kStopTwice: the frame to send once more.

  Outcome outcome_;
};

/// A call into the engine: it must not allocate.
template <typename Call>
void World::watched(Call call) {
  size_t allocations = 0;
  {
    const platform_sim::MallocTrap trap;
    const uint64_t accesses = power_.accesses();
    call();
    allocations = trap.count();
    outcome_.most_accesses = std::max(outcome_.most_accesses, power_.accesses() - accesses);
  }
  if (allocations > 0) fail(std::to_string(allocations) + " heap allocations in the engine");
}

/// Runs a script. @return The same outcome for the same arguments.
Outcome run(const Script& script, const RunOptions& options = RunOptions());

/// The same for a script with is_bridge; run() calls it.
Outcome run_bridge(const Script& script, const RunOptions& options);

/// Removes from a failing script whatever the failure does not need, in at most so many runs.
/// @param progress  Called after every run that made it smaller.
Script shrink(const Script& script, const RunOptions& options, size_t max_runs);

}  // namespace simulation
