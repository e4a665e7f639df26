#pragma once

#include "bridge/bridge_config.hpp"
#include "bridge/current_guard.hpp"
#include "bridge/driver.hpp"
#include "bridge/energy_register.hpp"
#include "bridge/meter_driver.hpp"
#include "bridge/normaliser.hpp"
#include "bridge/pause_hold.hpp"
#include "bridge/wake_ladder.hpp"
#include "common/log.hpp"
#include "platform/key_value_store.hpp"

namespace bridge {

/// What the drivers without a register map have in common: offer and target, debounced state, silence ladder, energy
/// register, supervision of the current, reports. A driver of a kind derives from it and does the talking.
class DirectDriver : public Driver {
 public:
  struct Ports {
    platform::KeyValueStore* store = nullptr;
    common::LogSink* log = nullptr;
    MeterDriver* meter = nullptr;  ///< Beside the charger: its energy counts before the charger's.
  };

  uint8_t connector_id() const override { return config_.connector_id; }
  void begin(charger::ChargerObserver& observer, common::Instant now) override;
  common::Instant step(common::Instant now) override;
  void set_offer(const charger::Offer& offer, common::Instant now) override;
  void request_sample(common::Instant now) override;
  charger::Capabilities capabilities() const override;
  common::Status checkpoint() override;
  void fill(ConnectorDiagnostics& out, common::Instant now) const override;

 protected:
  /// What a kind of charger can do before it has been asked.
  struct Model {
    const char* name = "";  ///< Static: profile name, prefix of vendor error codes.
    uint32_t min_ma = 6000;
    uint32_t max_ma = 32000;
    uint32_t step_ma = 1000;
    uint8_t phases = 3;
    uint16_t meter_fields = 0;
    bool has_lock = false;
    EnergyRegister::Settings energy;
  };

  void configure_direct(const ConnectorConfig& config, const Model& model, const Ports& ports);

  // --- what a kind does

  /// The first call after begin(). @param now  Never earlier than the instants of other calls.
  virtual void start(common::Instant now) = 0;
  /// Talks, reads, switches. @return When to be called again at the latest.
  virtual common::Instant run(common::Instant now) = 0;
  /// The target has to reach the charger (again): it changed, or the charger does not obey.
  virtual void on_target(common::Instant now) = 0;
  /// No answer for Timings::stale_ms: everything known about the charger's settings is void.
  virtual void on_silence(common::Instant now) { (void)now; }
  /// What the charger has means for to wake an EV.
  virtual WakeLadder::Means wake_means() const { return {}; }
  /// Takes the pilot away and gives it back; the plug must not be reported as pulled meanwhile.
  virtual void interrupt_pilot(bool is_interrupted, common::Instant now) {
    (void)is_interrupted, (void)now;
  }
  /// An error that the charger's state does not carry. @return false when there is none.
  virtual bool describe_own_error(charger::ChargerState& state) const {
    (void)state;
    return false;
  }
  /// Silence until the charger takes its failsafe current, ms; 0 = it goes on as it is.
  virtual uint32_t failsafe_after_ms() const { return 0; }
  virtual const char* phase_name() const { return "running"; }
  /// Adds what only this kind knows.
  virtual void fill_own(ConnectorDiagnostics& out) const { (void)out; }

  // --- what it reports

  /// A good reading of the state. @param is_offering  Stands in for x2 where the pilot does not tell.
  void on_state(const StateRow& row, bool is_offering, common::Instant now);
  /// Reads the counter behind the energy register, Wh.
  /// Ignored while a meter beside the charger counts.
  void on_energy(int64_t counter_wh, common::Instant now);
  /// One MeterSample of reading_, and supervision of its current.
  void emit_sample(common::Instant now);
  /// The limit that the charger holds. 0: it does not offer anything.
  void on_limit_read(uint32_t limit_ma);
  void forget_limit() { limit_known_ = false; }
  /// The charger's own limits, mA; 0 = unknown.
  void set_hardware_limits(uint32_t min_ma, uint32_t max_ma, common::Instant now);

  const ConnectorConfig& config() const { return config_; }
  const Model& model() const { return model_; }
  Model& model() { return model_; }
  const Ports& ports() const { return ports_; }
  const Normaliser& normaliser() const { return normaliser_; }
  bool has_offer() const { return has_offer_; }
  bool is_interrupting_pilot() const { return wake_.is_interrupting(); }
  /// What the offer comes to after all limits, mA; 0 = disabled. Meaningless before the first offer.
  uint32_t target_ma() const { return target_ma_; }
  bool has_read_state() const { return has_read_state_; }
  bool is_stale(common::Instant now) const {
    return now - (has_read_state_ ? state_at_ : begun_at_) >= config_.timings.stale_ms;
  }
  /// A sample was asked for and not made yet.
  bool is_sample_wanted(common::Instant now) const { return sample_at_ <= now; }
  void count_restart() {
    ++restarts_seen_;
    normaliser_.trust_contactor();
  }
  charger::MeterSample& reading() { return reading_; }
  /// A common::Status as the answer to the commands that failed, shown as CMD_REJECTED.
  void set_rejected(bool is_rejected) { is_rejected_ = is_rejected; }

 private:
  bool uses_meter_energy() const {
    return ports_.meter != nullptr && (ports_.meter->fields() & charger::kMeterEnergyImport) != 0;
  }
  void book_energy(int64_t counter_wh, common::Instant now);
  void update_target(common::Instant now);
  uint32_t compute_target() const;
  uint32_t allowed_ma() const;
  void update_pause(common::Instant now);
  charger::Health health(common::Instant now) const;
  common::Instant check_silence(common::Instant now);
  void describe_error(charger::ChargerState& state, common::Instant now) const;
  charger::ChargerState build_state(common::Instant now) const;
  void report_state(common::Instant now);
  void update_guard(common::Instant now);
  common::Instant run_wake(common::Instant now);

  ConnectorConfig config_;
  Model model_;
  Ports ports_;
  charger::ChargerObserver* observer_ = nullptr;
  Normaliser normaliser_;
  EnergyRegister energy_;
  CurrentGuard guard_;
  PauseHold pause_;
  WakeLadder wake_;

  bool has_read_state_ = false;
  bool was_silent_ = false;
  uint16_t state_code_ = 0;
  uint32_t restarts_seen_ = 0;
  uint32_t hardware_min_ma_ = 0;
  uint32_t hardware_max_ma_ = 0;
  bool has_offer_ = false;
  charger::Offer offer_;
  uint32_t target_ma_ = 0;
  bool limit_known_ = false;
  uint32_t limit_ma_ = 0;
  bool is_rejected_ = false;

  charger::MeterSample reading_;
  charger::MeterSample last_sample_;
  charger::ChargerState reported_;
  bool has_reported_ = false;
  int64_t saved_energy_wh_ = -1;
  common::Instant begun_at_;
  common::Instant state_at_;
  common::Instant sample_at_ = common::Instant::never();
  common::Instant energy_saved_at_;
};

}  // namespace bridge
