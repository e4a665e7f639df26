#pragma once

#include "common/zeroed.hpp"
#include "ocpp/connector_state.hpp"
#include "ocpp/local_authorization.hpp"
#include "ocpp/measured_values.hpp"
#include "ocpp/phase_tracker.hpp"
#include "ocpp/services.hpp"
#include "ocpp/smart_charging.hpp"

namespace ocpp {

/// How far the session on a connector has come.
///
///     kIdle --authorized--> kAwaitingPlug --plugged--> kStarting --meter read, stored--> kRunning
///       ^  \___authorized while plugged____________________^                                 |
///       |                                                                              a stop cause
///       |<--unplugged-- kFinished <----------- record stored <------ kStopping <-------------+
///
/// kResuming: a transaction was open when the gateway started; until the charger has said what
/// became of it.
enum class SessionState : uint8_t {
  kIdle,
  kAwaitingPlug,  ///< Authorized, no plug yet: ConnectionTimeOut runs.
  kStarting,      ///< Authorized and plugged: a fresh meter reading is awaited.
  kRunning,
  kStopping,  ///< Power is withdrawn: the last meter reading is awaited.
  kFinished,  ///< Ended, the EV is still plugged.
  kResuming,
};
const char* to_string(SessionState state);

/// One connector: its charger's reports, the session on it and what it may draw.
///
///     connector.cpp          inputs, session, time
///     connector_resume.cpp   transactions that a restart interrupted
///     connector_samples.cpp  which meter readings become records
///     connector_offer.cpp    what the charger may draw, which status is shown
///
/// A transaction's record is on flash before power is permitted, and its stop record before
/// anything else may use the connector. If the store refuses the stop record, the connector stays
/// in kStopping, without power, and tries again.
class Connector : private common::Zeroed {
 public:
  Connector();
  void begin(const Services& services, uint8_t id);
  /// A transaction that the store still holds open. @param must_stop  Resuming is switched off.
  void resume(const OpenTransaction& open, StopReason reason_if_gone, bool must_stop);

  // --- Inputs
  void on_charger_state(const charger::ChargerState& state);
  void on_meter_sample(const charger::MeterSample& sample);
  /// Someone may charge here. @retval kInvalidState  The connector is taken or out of order.
  common::Status authorize(const IdTag& id_tag, const IdTag& parent_id_tag);
  /// The person who was authorized changed their mind before plugging.
  void cancel(const char* cause);
  /// Ends the transaction. @param id_tag  Who ended it; empty = not by tag.
  /// @retval kInvalidState  None is running.
  common::Status stop(StopReason reason, const IdTag& id_tag);
  /// The CSMS answered StartTransaction.
  void on_assigned(int32_t transaction_id, const AuthorizationResult& result);
  /// The CSMS does not let this id tag charge, or will never know of the transaction: at most
  /// MaxEnergyOnInvalidId more, then the transaction ends or, if StopTransactionOnInvalidId is
  /// false, only the power (3.5.4). @param reason  Of the stop.
  void invalidate(StopReason reason);
  void set_operative(bool is_operative);
  /// Whether the connector is reserved may have changed.
  void on_reservation() { update_status("reservation"); }
  /// Frees the cable. @retval kUnsupported  No lock that can be opened.
  common::Status unlock();
  /// The cable is locked after the end of a transaction, until its tag is shown.
  bool is_cable_kept() const { return is_cable_kept_; }
  void trigger_meter_values();
  /// A configuration key has a new value.
  void on_configuration(Key key);
  /// The wall clock was set or jumped: schedules are computed anew.
  void on_clock();

  // --- Time
  common::Instant step();

  // --- State
  uint8_t id() const { return id_; }
  SessionState session() const { return session_; }
  bool is_plugged() const { return is_plugged_; }
  bool is_operative() const { return is_operative_; }
  const charger::Capabilities& capabilities() const { return capabilities_; }
  /// A new session may begin: operative, charger heard, nobody else on it.
  bool can_authorize() const;
  bool has_transaction() const { return local_transaction_ != 0; }
  uint32_t local_transaction() const { return local_transaction_; }
  bool has_transaction_id() const { return has_transaction_id_; }
  int32_t transaction_id() const { return transaction_id_; }
  const IdTag& id_tag() const { return id_tag_; }
  const IdTag& parent_id_tag() const { return parent_id_tag_; }
  int64_t meter_start_wh() const { return meter_start_wh_; }
  common::Instant started_at() const { return started_at_; }
  const charger::Offer& offer() const { return offer_; }
  const charger::ChargerState& charger_state() const { return charger_state_; }
  const charger::MeterSample& last_sample() const { return sample_; }
  bool has_sample() const { return has_sample_; }
  /// The last sample as a list of measurands wants it.
  /// @param interval_from_wh  Register at the begin of the interval, Wh; < 0 = no interval.
  MeasuredValues measure(const MeasurandList& list, int64_t interval_from_wh = -1) const;
  /// Register as last seen, Wh, never below the transaction's start.
  int64_t register_wh() const { return last_register_wh_; }
  ChargingSession charging_session() const;
  /// Sharers of ChargePointMaxProfile changed.
  void set_sharers(uint8_t sharers) {
    if (sharers_ != sharers) is_offer_stale_ = true;
    sharers_ = sharers;
  }
  /// The offer is computed anew with the next step().
  void refresh_offer() { is_offer_stale_ = true; }
  bool wants_power() const { return session_ == SessionState::kRunning; }
  /// Meter values that a TriggerMessage asked for and that are ready. @return false when none.
  bool has_triggered_sample() const { return triggered_ == Triggered::kReady; }
  void drop_triggered_sample() { triggered_ = Triggered::kNo; }

 private:
  const common::Instant& now() const { return services_->clock.now(); }

  enum class Triggered : uint8_t { kNo, kAwaited, kReady };

  void set_session(SessionState state, const char* cause);
  void on_plugged();
  void on_unplugged();
  void advance();
  void start();
  void store_stop_decision() const;
  bool load_stop_decision();
  void finish();
  void abandon(const char* cause);
  void resolve_resume();
  bool is_allowance_used() const;
  void enforce_invalid();
  bool is_last_reading_in() const;
  /// A reading of the register taken at `since` or later.
  bool has_reading(common::Instant since) const;
  bool has_register_meter() const {
    return (capabilities_.meter_fields & charger::kMeterEnergyImport) != 0;
  }
  void request_sample();
  void arm_samples();
  /// @param after  The next multiple of the interval after this instant.
  void arm_clock_sample(common::Instant after);
  void sample_periodically();
  void sample_on_clock();
  void journal_register();
  void append_sample(SampleContext context, common::Instant at);
  bool may_try_one_phase(ChargingSession session, common::UtcTime utc) const;
  void sample_interruption();
  /// What StopTransaction tells of the begin or the end. @param since  A sample must not be older.
  MeasuredValues measure_boundary(common::Instant since) const;
  void update_offer();
  void update_status(const char* cause);
  void push_event(EventType type);
  common::Instant deadline() const;

  const Services* services_ = nullptr;
  uint8_t id_ = 0;
  SessionState session_ = SessionState::kIdle;
  bool is_operative_ = true;
  bool is_plugged_ = false;
  bool is_first_report_ = true;
  bool has_sample_ = false;
  bool is_register_new_ = false;  ///< Of sample_, not journaled yet.
  bool has_transaction_id_ = false;
  bool is_invalid_ = false;         ///< invalidate() was called for the transaction.
  bool is_energy_blocked_ = false;  ///< ... and it may draw no more, but goes on.
  bool must_stop_ = false;          ///< kResuming: the transaction is not to go on.
  bool is_cable_kept_ = false;      ///< Locked although the transaction has ended.
  bool is_store_failing_ = false;   ///< kStopping: the record could not be stored.
  bool was_unplugged_ = false;      ///< kStopping because of the plug.
  bool is_sample_asked_ = false;    ///< For the sample that is due.
  bool is_clock_sample_asked_ = false;
  bool is_interrupted_ = false;  ///< The next periodic sample is the first after a restart.
  bool is_offer_stale_ = true;
  bool is_offer_sent_ = false;
  uint8_t sharers_ = 1;
  Triggered triggered_ = Triggered::kNo;
  StopReason stop_reason_ = StopReason::kLocal;
  StopReason invalid_reason_ = StopReason::kDeAuthorized;

  charger::Capabilities capabilities_;
  charger::ChargerState charger_state_;
  charger::MeterSample sample_;
  charger::Offer offer_;

  IdTag id_tag_;
  IdTag parent_id_tag_;
  IdTag stop_id_tag_;
  uint32_t local_transaction_ = 0;
  int32_t transaction_id_ = 0;
  uint32_t session_marker_ = 0;
  int64_t meter_start_wh_ = 0;
  int64_t invalid_wh_ = 0;  ///< Register when the id tag became invalid.
  int64_t interval_from_wh_[2] = {-1,
                                  -1};  ///< Register at the last periodic, clock-aligned sample.
  int64_t last_register_wh_ = 0;        ///< Highest seen; in a transaction never below its start.
  common::UtcTime started_utc_;
  common::Instant started_at_;
  common::Instant session_since_;  ///< When session_ was entered.
  common::Instant plugged_at_{INT64_MIN};
  RecordTime stop_time_;
  RecordTime
      last_register_time_;  ///< kResuming: when the last register before the restart was read.
  common::Instant stop_at_;
  common::Instant retry_at_ =
      common::Instant::never();  ///< Next request of a reading, or attempt to store.
  common::Instant
      resume_by_;  ///< kResuming: longest wait for a reading, once the charger is heard.
  common::Instant settle_until_;  ///< The charger may take its time to offer power.
  common::Instant next_sample_at_ = common::Instant::never();
  common::Instant next_clock_sample_at_ = common::Instant::never();
  common::Instant last_appended_{INT64_MIN};  ///< taken_at of the sample stored last.
  common::Instant triggered_at_;
  PhaseTracker phases_;
  common::Instant limit_change_at_ = common::Instant::never();
  uint32_t profiles_revision_ = 0;
};

}  // namespace ocpp
