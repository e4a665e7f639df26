#pragma once

#include "bridge/action_runner.hpp"
#include "bridge/bridge_config.hpp"
#include "bridge/current_guard.hpp"
#include "bridge/driver.hpp"
#include "bridge/energy_register.hpp"
#include "bridge/external_contactor.hpp"
#include "bridge/measurement.hpp"
#include "bridge/meter_driver.hpp"
#include "bridge/normaliser.hpp"
#include "bridge/pause_hold.hpp"
#include "bridge/phase_switch.hpp"
#include "bridge/register_set.hpp"
#include "bridge/setpoint.hpp"
#include "bridge/tag_register.hpp"
#include "bridge/wake_ladder.hpp"
#include "common/log.hpp"
#include "modbus/bus.hpp"
#include "platform/key_value_store.hpp"

namespace bridge {

/// Interprets one charger's profile: initialises it, polls it, carries out the offer, supervises it.
///
///   first start:  layout, values read once, state and meter -> settings, watchdog, failsafe -> running
///   after silence, restart or state F: layout -> settings, watchdog, failsafe, limit -> state -> running
class ChargerDriver final : public Driver {
 public:
  struct Ports {
    modbus::Bus* bus = nullptr;
    uint8_t unit_index = 0;
    platform::KeyValueStore* store = nullptr;
    common::LogSink* log = nullptr;
    charger::IdReaderObserver* tags =
        nullptr;                     ///< nullptr: tags of the charger's reader are ignored.
    MeterDriver* meter = nullptr;    ///< Measures what the charger does not; may be shared.
    platform::Gpio* gpio = nullptr;  ///< For ConnectorConfig::contactor.
  };

  /// @return What the contactor's pin says.
  common::Status configure(const ConnectorConfig& config, const Profile& profile,
                           const Ports& ports);
  void begin(charger::ChargerObserver& observer, common::Instant now) override;

  common::Instant step(common::Instant now) override;
  void on_completion(uint8_t bus_index, const modbus::Completion& completion,
                     common::Instant now) override;

  void set_offer(const charger::Offer& offer, common::Instant now) override;
  void request_sample(common::Instant now) override;
  common::Status unlock(common::Instant now) override;
  common::Status request(Action action, common::Instant now) override;
  void set_in_service(bool is_in_service) override;
  bool is_restarting() const override;
  charger::Capabilities capabilities() const override;
  common::Status checkpoint() override;

  uint8_t connector_id() const override { return config_.connector_id; }
  void fill(ConnectorDiagnostics& out, common::Instant now) const override;

 private:
  static constexpr uint8_t kMaxLosses = 3;
  /// Setpoints lost within this count as one row; so long without a loss, and all is well again.
  static constexpr int64_t kLossWindowMs = 60000;

  // Tags of the requests on the bus.
  static constexpr uint8_t kReadTag = 1;
  static constexpr uint8_t kWriteTag = 2;
  static constexpr uint8_t kBackgroundTag = 3;

  enum class Phase : uint8_t { kInit, kRunning };
  enum class InitStep : uint8_t { kLayout, kOnce, kFirstRead, kSettings, kLimit, kDone };
  enum class ReadPurpose : uint8_t { kNone, kCycle, kReadback, kInit, kVerify, kStep };
  /// A read under way.
  struct PendingRead {
    ReadPurpose purpose = ReadPurpose::kNone;
    ReadBlock block;
    uint8_t index = 0;  ///< Of the setting, of the setpoint (kLimit, kEnable).
  };
  enum class WriteKind : uint8_t { kNone, kSetting, kLimit, kEnable, kBeat, kStep };
  /// A write under way.
  struct PendingWrite {
    WriteKind kind = WriteKind::kNone;
    uint8_t part = 0;    ///< Of a limit that goes to several registers.
    uint32_t value = 0;  ///< Of a setpoint: limit in mA, permission 0 or 1.
    modbus::Request request;
  };
  /// One setting made at start-up.
  struct Setting {
    uint8_t row = kNoRegister;
    bool has_value = false;  ///< false: take the charger's, unless it is 0 (off); then value.
    uint64_t value = 0;      ///< Raw.
    uint16_t mask = 0;
    bool verify = false;
  };
  /// What the limit register holds when it allows any current.
  static constexpr uint32_t kUnlimitedMa = UINT32_MAX;

  // charger_driver.cpp: offer, supervision, reports
  void update_target(common::Instant now);
  uint32_t target_for(const charger::Offer& offer) const;
  uint32_t allowed_ma(const charger::Offer& offer, uint32_t divisor) const;
  void report_state(common::Instant now);
  charger::ChargerState build_state(common::Instant now) const;
  void describe_own_error(charger::ChargerState& state) const;
  void describe_error(charger::ChargerState& state, common::Instant now) const;
  charger::Health health(common::Instant now) const;
  bool is_locked_outside() const;
  common::Instant next_health_change(common::Instant now) const;
  common::Instant check_silence(common::Instant now);
  void update_guard(common::Instant now);
  void emit_sample(common::Instant now);

  // charger_driver_contactor.cpp
  common::Status open_contactor();
  void run_contactor(common::Instant now);
  bool obeys();
  void describe_contactor(charger::ChargerState& state) const;

  bool uses_meter_energy() const;
  void book_meter_energy(bool is_new, common::Instant now);
  void integrate_power(common::Instant now);
  void save_energy_now_and_then(common::Instant now);
  const char* phase_name() const;

  // charger_driver_io.cpp: what to ask next
  void start_init(bool is_resuming, common::Instant now);
  common::Instant run(common::Instant now);
  common::Instant run_reads(common::Instant now);
  bool run_init(common::Instant now);
  bool run_settings();
  void next_init_step(common::Instant now);
  void start_cycle(common::Instant now);
  bool run_cycle(common::Instant now);
  bool run_readback(common::Instant now, common::Instant& next);
  common::Instant run_supervision(common::Instant now);
  void submit_read(const ReadBlock& block, ReadPurpose purpose, uint8_t index = 0);
  void submit_background(uint8_t row, ReadPurpose purpose, uint8_t index);
  bool submit_block(const ReadBlock& block, uint8_t tag, modbus::Priority priority);
  uint32_t status_interval_ms() const;
  uint32_t feed_interval_ms() const;

  // charger_driver_write.cpp: what to tell it next
  common::Instant run_writes(common::Instant now);
  void replace_pending_write();
  bool write_limit(common::Instant now, common::Instant& next);
  bool write_enable(common::Instant now, common::Instant& next);
  bool may_write(const Setpoint& setpoint) const;
  bool write_beat(common::Instant now, common::Instant& next);
  void submit_limit(uint32_t ma, uint8_t part);
  void submit_write(WriteKind kind, const modbus::Request& request, uint32_t value, uint8_t part);
  void on_write(const modbus::Completion& completion, common::Instant now);
  void on_setpoint_write(const PendingWrite& write, const modbus::Completion& completion,
                         common::Instant now);
  uint8_t readback_row(uint8_t row) const;
  uint8_t limit_parts() const;
  uint64_t limit_raw(uint8_t row, uint32_t ma) const;
  uint32_t limit_ma(uint8_t row, uint64_t bits, uint8_t phases) const;
  uint32_t quantise(uint32_t ma) const;
  uint8_t charging_phases() const;
  void follow_phases(const charger::MeterSample& sample);
  size_t setting_count() const;
  Setting setting(size_t index) const;
  bool is_same_setting(const Setting& item, uint8_t read_row, uint64_t bits) const;

  // charger_driver_actions.cpp: recipes of the profile
  bool can(Action action) const {
    return profile_->control.actions[static_cast<size_t>(action)].count != 0;
  }
  void want_action(Action action);
  bool is_wanted(Action action) const {
    return ((wanted_actions_ >> static_cast<unsigned>(action)) & 1U) != 0;
  }
  bool may_begin(Action action) const;
  void tell_service(common::Instant now);
  void on_action_end(common::Instant now);
  bool writes(Action action, uint8_t row) const;
  bool is_stopped() const;
  bool is_idle() const;
  common::Instant run_wake(common::Instant now);
  common::Instant run_actions(common::Instant now);
  common::Instant run_switch(common::Instant now);
  bool can_switch_phases() const;
  uint8_t actual_phases() const { return phases_now_ == 0 ? 3 : phases_now_; }
  void update_phases();

  // charger_driver_decode.cpp: what the answers mean
  bool is_answer_to(const PendingRead& pending, const modbus::Completion& completion) const;
  void on_read(const PendingRead& read, const modbus::Completion& completion, common::Instant now);
  void on_read_refused(const PendingRead& read, uint8_t exception_code);
  void on_init_read(const ReadBlock& block, common::ByteSpan payload, common::Instant now);
  void on_setting_value(const ReadBlock& block, common::ByteSpan payload);
  void on_setpoint_value(const PendingRead& read, common::ByteSpan payload, common::Instant now);
  void decode_block(const ReadBlock& block, common::ByteSpan payload, common::Instant now);
  void decode_row(uint8_t row, const RegisterSet::Values& values, common::Instant now);
  void on_state(common::Instant now);
  void read_tag(uint8_t row, common::ByteSpan payload, const ReadBlock& block);
  void report_tag(common::Instant now);
  void report_own_authorization(uint8_t state_flags, common::Instant now);
  void on_energy(uint8_t row, int64_t counter_wh, common::Instant now);
  void book_energy(int64_t counter_wh, common::Instant now);
  int64_t highest_power_w() const;
  void on_charger_restart(const char* cause, common::Instant now);

  ConnectorConfig config_;
  const Profile* profile_ = nullptr;
  Ports ports_;
  charger::ChargerObserver* observer_ = nullptr;

  RegisterSet registers_;
  Normaliser normaliser_;
  EnergyRegister energy_;
  CurrentGuard guard_;
  ExternalContactor contactor_;
  Setpoint limit_;   ///< mA; 0 = stop.
  Setpoint enable_;  ///< 0 or 1.
  ActionRunner runner_;
  PauseHold pause_;
  WakeLadder wake_;
  PhaseSwitch phase_switch_;
  Measurement reading_;
  TagRegister tag_;
  charger::OwnAuthorization own_authorization_ = charger::OwnAuthorization::kNone;

  Phase phase_ = Phase::kInit;
  InitStep init_step_ = InitStep::kLayout;
  bool is_resuming_ =
      false;  ///< Initialised before: settings and limit go before the state is trusted.
  bool has_read_state_ = false;  ///< At least one good state reading since start-up.
  bool boot_state_seen_ = false;
  bool is_unanswered_ = false;   ///< The last request got no answer.
  bool limit_restored_ = false;  ///< InitStep::kLimit has asked for the write.
  uint8_t init_index_ = 0;
  uint8_t init_tries_ = 0;
  bool init_read_next_ = true;  ///< Of a setting: read it (again) before going on.
  uint64_t setting_bits_ = 0;   ///< What the setting's register held.

  PendingRead read_;        ///< What must be known now.
  PendingRead background_;  ///< Supervision of limit and settings: it can wait.
  PendingWrite write_;

  bool cycle_running_ = false;
  bool cycle_has_meter_ = false;
  bool cycle_has_state_ = false;  ///< The state was taken from this cycle's values.
  RegisterSet::Cursor cycle_;
  uint16_t state_slots_ = 0;  ///< Watched values that the rules of the state look at.
  uint16_t seen_slots_ = 0;   ///< Those read in this cycle.
  bool is_supervising_ = false;
  bool supervises_settings_ = false;
  uint8_t supervision_index_ = 0;  ///< Limit, enable, then the settings.

  int32_t measured_ma_ = -1;  ///< Highest phase at the last reading; -1 = none.
  uint32_t hardware_max_ma_ = 0;
  uint32_t hardware_min_ma_ = 0;
  uint32_t watchdog_ms_ = 0;
  uint32_t state_code_ = 0;
  bool external_lock_ = false;
  bool unknown_code_logged_ = false;
  bool is_other_model_ = false;
  uint32_t restarts_seen_ = 0;
  uint64_t worn_rows_ = 0;  ///< Bit per retentive row written in the hour from worn_since_.

  uint16_t wanted_actions_ = 0;  ///< Bit per Action.
  bool is_acting_ = false;       ///< The end of the runner's action has not been seen yet.
  bool has_service_ = false;     ///< Somebody said whether it should be in service.
  bool is_in_service_ = true;    ///< As it should be.
  bool is_serving_ = true;       ///< As the charger was told.
  bool must_tell_service_ = false;
  common::Instant tell_service_at_;  ///< Not before.
  common::Instant serving_from_;     ///< State F may be left over from out of service until here.
  common::Instant unlock_until_;
  uint8_t active_phases_ = 0;   ///< That carried current when some did last; 0 = not known.
  uint8_t written_phases_ = 0;  ///< That the limit was written for, where it is a power.
  uint8_t phases_now_ = 0;      ///< 1 or 3; 0 = never switched, not read.
  bool was_permitted_ = false;
  int64_t plug_time_ms_ = -1;
  uint32_t session_marker_ = 0;
  int64_t integral_mj_ = 0;  ///< Energy from power over time, where there is no counter.
  bool has_integral_ = false;

  charger::MeterSample last_sample_;
  charger::ChargerState reported_;
  bool has_reported_ = false;

  bool has_offer_ = false;
  charger::Offer offer_;
  uint32_t target_ma_ = 0;
  uint32_t held_ma_ = kUnlimitedMa;  ///< What the charger's registers allowed when last read.
  int64_t saved_energy_wh_ = -1;
  common::Instant begun_at_;
  common::Instant ask_again_at_;  ///< Not before: for registers that were refused.
  common::Instant state_at_;
  common::Instant next_status_;
  common::Instant next_meter_;
  common::Instant next_supervision_;
  common::Instant next_verify_;
  common::Instant next_beat_;
  common::Instant recover_at_;
  common::Instant energy_saved_at_;
  common::Instant integrated_at_;
  common::Instant meter_seen_at_;  ///< taken_at of its reading used last.
  uint8_t device_ = 0;             ///< Mark of its serial number; 0 = not known.
  uint8_t losses_ = 0;             ///< Times in a row that a confirmed setpoint changed by itself.
  common::Instant lost_at_;
  common::Instant worn_since_;
  common::Instant end_by_;
  common::Instant wake_until_;
};

}  // namespace bridge
