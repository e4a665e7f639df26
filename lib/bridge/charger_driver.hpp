#pragma once

#include "bridge/bridge_config.hpp"
#include "bridge/current_guard.hpp"
#include "bridge/driver.hpp"
#include "bridge/energy_register.hpp"
#include "bridge/normaliser.hpp"
#include "bridge/profile.hpp"
#include "bridge/setpoint.hpp"
#include "common/log.hpp"
#include "modbus/bus.hpp"
#include "platform/key_value_store.hpp"

namespace bridge {

/// Interprets one charger's profile: initialises it, polls it, carries out the offer, supervises it.
///
///   first start:  layout, hardware limits, state and meter -> settings, watchdog, failsafe -> running
///   after silence, restart or state F: layout -> settings, watchdog, failsafe, limit -> state -> running
class ChargerDriver final : public Driver {
 public:
  struct Ports {
    modbus::Bus* bus = nullptr;
    uint8_t unit_index = 0;
    platform::KeyValueStore* store = nullptr;
    common::LogSink* log = nullptr;
  };

  void configure(const ConnectorConfig& config, const Profile& profile, const Ports& ports);
  void begin(charger::ChargerObserver& observer, common::Instant now) override;

  common::Instant step(common::Instant now) override;
  void on_completion(uint8_t bus_index, const modbus::Completion& completion,
                     common::Instant now) override;

  void set_offer(const charger::Offer& offer, common::Instant now) override;
  void request_sample(common::Instant now) override;
  charger::Capabilities capabilities() const override;
  common::Status checkpoint() override;

  uint8_t connector_id() const override { return config_.connector_id; }
  void fill(ConnectorDiagnostics& out, common::Instant now) const override;

 private:
  // Tags of the requests on the bus.
  static constexpr uint8_t kReadTag = 1;
  static constexpr uint8_t kWriteTag = 2;
  static constexpr uint8_t kBackgroundTag = 3;

  enum class Phase : uint8_t { kInit, kRunning };
  enum class InitStep : uint8_t { kLayout, kHardware, kFirstRead, kSettings, kLimit, kDone };
  enum class ReadPurpose : uint8_t { kNone, kCycle, kReadback, kInit, kVerify };
  /// Neighbouring rows of the profile that one request reads.
  struct ReadBlock {
    uint8_t first_row = 0;
    uint8_t rows = 0;
    uint16_t count = 0;  ///< Registers or bits.
  };
  /// A read under way.
  struct PendingRead {
    ReadPurpose purpose = ReadPurpose::kNone;
    ReadBlock block;
    uint8_t setting = 0;  ///< Of ReadPurpose::kVerify.
  };
  /// One setting made at start-up.
  struct Setting {
    uint8_t row = kNoRegister;
    bool has_value = false;  ///< false: take the charger's, unless it is 0 (off); then value.
    uint16_t value = 0;
    bool verify = false;
  };

  // charger_driver.cpp: offer, supervision, reports
  void update_target(common::Instant now);
  uint32_t target_for(const charger::Offer& offer) const;
  void report_state(common::Instant now);
  charger::ChargerState build_state(common::Instant now) const;
  void describe_error(charger::ChargerState& state, common::Instant now) const;
  charger::Health health(common::Instant now) const;
  bool is_locked_outside() const;
  common::Instant next_health_change(common::Instant now) const;
  common::Instant check_silence(common::Instant now);
  void update_guard(common::Instant now);
  void emit_sample(common::Instant now);
  void save_energy_now_and_then(common::Instant now);
  const char* phase_name() const;

  // charger_driver_io.cpp: what to ask next
  void start_init(bool is_resuming, common::Instant now);
  common::Instant run(common::Instant now);
  common::Instant run_writes(common::Instant now);
  bool write_setpoint(Setpoint& setpoint, uint8_t row, common::Instant now, common::Instant& next);
  bool may_write(const Setpoint& setpoint) const;
  common::Instant run_reads(common::Instant now);
  bool run_init(common::Instant now);
  void next_init_step(common::Instant now);
  void start_cycle(common::Instant now);
  bool run_cycle(common::Instant now);
  bool run_readback(common::Instant now, common::Instant& next);
  common::Instant run_supervision(common::Instant now);
  size_t setting_count() const;
  Setting setting(size_t index) const;
  bool next_block(Poll poll, Poll or_poll, uint8_t from_row, ReadBlock& out) const;
  ReadBlock single(uint8_t row) const;
  void submit_read(const ReadBlock& block, ReadPurpose purpose);
  void submit_background(uint8_t row, ReadPurpose purpose, uint8_t setting_index);
  bool submit_block(const ReadBlock& block, uint8_t tag, modbus::Priority priority);
  void submit_write(uint8_t row, uint16_t raw, bool is_init);
  uint32_t status_interval_ms() const;

  // charger_driver_decode.cpp: what the answers mean
  bool is_answer_to(const PendingRead& pending, const modbus::Completion& completion) const;
  void on_read(const PendingRead& read, const modbus::Completion& completion, common::Instant now);
  void on_read_refused(const PendingRead& read, uint8_t exception_code);
  void on_write(const modbus::Completion& completion, common::Instant now);
  void on_init_read(const ReadBlock& block, common::ByteSpan payload, common::Instant now);
  void on_setting_value(uint16_t raw);
  void on_verify_value(uint8_t setting_index, uint16_t raw, common::Instant now);
  void on_setpoint_value(uint8_t row, uint16_t raw, common::Instant now);
  void decode_block(const ReadBlock& block, common::ByteSpan payload, common::Instant now);
  void decode_row(uint8_t row, common::ByteSpan payload, size_t offset, common::Instant now);
  void on_state_code(uint16_t code, common::Instant now);
  void on_energy(uint8_t row, int64_t counter_wh, common::Instant now);
  void on_charger_restart(const char* cause, common::Instant now);
  bool exists(uint8_t row) const;
  bool is_usable(uint8_t row) const;
  bool is_needed(uint8_t row) const;
  bool has_usable(Meaning meaning) const;
  uint32_t to_ma(uint8_t row, uint16_t raw) const;
  uint16_t to_raw(uint8_t row, uint32_t value) const;

  ConnectorConfig config_;
  const Profile* profile_ = nullptr;
  Ports ports_;
  charger::ChargerObserver* observer_ = nullptr;

  Normaliser normaliser_;
  EnergyRegister energy_;
  CurrentGuard guard_;
  Setpoint limit_;
  Setpoint enable_;

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

  PendingRead read_;        ///< What must be known now.
  PendingRead background_;  ///< Supervision of limit and settings: it can wait.
  bool write_pending_ = false;
  bool pending_write_is_init_ = false;
  uint8_t pending_write_row_ = kNoRegister;
  uint16_t pending_write_raw_ = 0;

  bool cycle_running_ = false;
  bool cycle_has_meter_ = false;
  uint8_t cycle_row_ = 0;
  bool is_supervising_ = false;
  bool supervises_settings_ = false;
  uint8_t supervision_index_ = 0;  ///< Limit, enable, then the settings.

  uint32_t refused_rows_ = 0;  ///< Bit per profile row that the charger answered with an exception.
  uint32_t unmerged_rows_ = 0;  ///< Bit per row that must be read alone.

  uint16_t layout_ = 0;
  uint32_t hardware_max_ma_ = 0;
  uint32_t hardware_min_ma_ = 0;
  uint32_t watchdog_ms_ = 0;
  uint16_t state_code_ = 0;
  bool external_lock_ = false;
  bool unknown_code_logged_ = false;
  uint32_t restarts_seen_ = 0;

  charger::MeterSample reading_;
  charger::MeterSample last_sample_;
  charger::ChargerState reported_;
  bool has_reported_ = false;

  bool has_offer_ = false;
  charger::Offer offer_;
  uint32_t target_ma_ = 0;

  int64_t saved_energy_wh_ = -1;
  common::Instant begun_at_;
  common::Instant state_at_;
  common::Instant next_status_;
  common::Instant next_meter_;
  common::Instant next_supervision_;
  common::Instant next_verify_;
  common::Instant recover_at_;
  common::Instant energy_saved_at_;
};

}  // namespace bridge
