#pragma once

#include "ocpp/connector.hpp"
#include "ocpp/data_transfer.hpp"
#include "ocpp/diagnostics.hpp"
#include "ocpp/extension.hpp"
#include "ocpp/firmware_update.hpp"
#include "ocpp/outgoing_calls.hpp"
#include "ocpp/registration.hpp"
#include "ocpp/rpc_frame.hpp"
#include "ocpp_messages/rpc_error_code.hpp"

namespace ocpp {

/// Everything a charge point consists of. ChargePoint is its public face; the handlers of the
/// CSMS's CALLs work on it.
///
///     engine.cpp            start-up, step, link, clock
///     authorization.cpp     id tags: who may start and stop
///     reservation_rules.cpp which connectors are kept for whom
///     call_scheduler.cpp    which CALL of ours goes out next, and how it is made
///     dead_letters.cpp      what the CSMS refused for good, once more
///     answer_handling.cpp   what the CSMS's answers mean
///     call_router.cpp       CALLs of the CSMS -> handlers/<action>.cpp
class Engine {
 public:
  explicit Engine(const Ports& ports);

  /// As clock.now(): set before every call from outside.
  common::Instant now() const { return clock.now(); }

  common::Status begin(const Options& options, common::UtcTime utc);
  common::Instant step();
  void on_link(bool is_up);
  void receive(common::TextSpan frame, bool truncated);
  void on_sent();
  /// Something outside step() has made work due.
  void wake() { has_input_ = true; }
  void on_charger_state(uint8_t connector_id, const charger::ChargerState& state);
  void on_meter_sample(uint8_t connector_id, const charger::MeterSample& sample);
  void set_utc(common::UtcTime utc, const char* source);

  Connector& connector(uint8_t id);
  const Connector& connector(uint8_t id) const { return connectors[id - 1]; }
  bool has_connector(int32_t id) const { return id >= 1 && id <= options.connectors; }
  Connector* find_transaction(int32_t transaction_id);

  // --- authorization.cpp
  enum class Purpose : uint8_t { kStart, kStop };
  void on_id_tag(uint8_t connector_id, const IdTag& id_tag);
  /// Finds out whether the tag is valid, then starts or stops. @return false when the connector is
  /// waiting for another.
  bool request_authorization(Connector& connector, Purpose purpose, const IdTag& id_tag);
  void on_authorization(Connector& connector, const AuthorizationResult& result);
  /// The CSMS did not answer: local rules decide.
  void authorize_offline(Connector& connector);
  bool is_authorizing(const Connector& connector) const {
    return pending[connector.id() - 1].is_waiting;
  }
  /// A connector for a remote start without connectorId; nullptr when none is free.
  /// @param now  As for everything that asks who may use a connector.
  Connector* free_connector(const IdTag& id_tag);
  bool can_start(const Connector& connector) const;
  /// Parent id tag of who uses the connector, as the CSMS or the local list says; empty when none.
  IdTag group_of(const Connector& connector) const;
  /// Whether a tag with this parent may act for who uses the connector (3.10).
  bool is_of_group(const Connector& connector, const IdTag& parent_id_tag) const;
  /// The CSMS sent an IdTagInfo.
  void learn(const TagEntry& said);

  // --- reservation_rules.cpp
  enum class Gate : uint8_t { kOpen, kAsk, kClosed };
  /// Whether a reservation keeps this tag off the connector; kAsk when only the CSMS knows its group.
  /// @param parent_id_tag  Set to the tag's, when it was needed and is known here.
  Gate reservation_gate(const Connector& connector, const IdTag& id_tag, IdTag& parent_id_tag);
  void update_reservations();

  // --- dead_letters.cpp
  /// Sends every dead letter that still means something once more, after everything else.
  /// @retval kNotFound  There is none.  @retval kInvalidState  Offline.  @retval kAgain  It is under way.
  common::Status resend_dead_letters();

  // --- call_scheduler.cpp
  void send_next_call();
  common::Instant call_deadline() const;

  // --- answer_handling.cpp
  void on_call_result(const CallContext& context, messages::FramePayload payload);
  void on_call_error(const CallContext& context, common::TextSpan code,
                     common::TextSpan description);
  void on_call_lost(const CallContext& context);

  /// The next step() has work.
  void on_input() { has_input_ = true; }

  // --- configuration, availability, reset
  void on_configuration_changed(Key key);
  /// @retval kIo, kNoSpace  Not stored: nothing has changed.
  common::Status set_operative(uint8_t connector_id, bool is_operative);
  void request_reset(bool is_hard);
  /// Shows operative_bits, and what a firmware installation blocks, on the connectors.
  void apply_operative();
  /// Someone is charging, about to, or not yet known to have stopped.
  bool is_in_use() const;

  /// Writes what was put off to spare the flash.
  void flush();
  /// Free space of the outbox, to work in until something is queued.
  common::MutableByteSpan spare_buffer() {
    const common::Span<char> space = outbox.space();
    return common::MutableByteSpan(reinterpret_cast<uint8_t*>(space.data()), space.size());
  }

  // --- parts
  Ports ports;
  Options options;
  ClockSync clock;
  EventQueue events;
  Outbox outbox;
  Configuration configuration;
  ChargingProfiles profiles;
  StatusReports status;
  Reservations reservations;
  TransactionStore store;
  LocalAuthorization local_authorization;
  Registration registration;
  OutgoingCalls calls;
  DataTransfers data_transfers;
  Services services;
  FirmwareUpdate firmware;
  Diagnostics diagnostics;
  Connector connectors[limits::kMaxConnectors];

  bool is_link_up = false;
  bool is_online = false;  ///< Link up and Accepted.
  bool is_store_ready = false;
  bool may_offer = false;
  bool is_transfer_lent = false;         ///< The extension moves a file.
  uint16_t operative_bits = UINT16_MAX;  ///< Bit 0: the charge point, 1..n: connectors.

  // --- TriggerMessage: what to send as soon as possible
  bool is_heartbeat_triggered = false;
  uint16_t triggered_status = 0;  ///< Bit per connector, 0 included.

 private:
  struct PendingAuthorization {
    bool is_waiting = false;
    Purpose purpose = Purpose::kStart;
    IdTag id_tag;
  };
  /// An answer to a transaction message that could not be written to flash yet.
  struct Acknowledgement {
    bool is_waiting = false;
    bool is_start = false;
    uint32_t sequence = 0;
    int32_t transaction_id = 0;
    IdTagStatus id_tag_status = IdTagStatus::kAccepted;
    IdTag parent_id_tag;
  };
  enum class Reset : uint8_t { kNone, kSoft, kHard };

  uint8_t sharers() const;
  common::Instant step_connectors();
  void update_online();
  void open_store();
  void allow_offers();
  void resume_transactions();
  void run_reset();
  void start_free_vend();
  void push_id_tag_event(EventType type, uint8_t connector_id, const IdTag& id_tag);
  Connector* reader_target(const IdTag& id_tag);

  void send_boot();
  void send_heartbeat();
  void send_status(const StatusReport& report);
  void send_list_conflict();
  bool send_triggered();
  /// A status of firmware update or upload that is due. @param is_triggered  Those that were asked for.
  bool send_file_status(bool is_triggered);
  bool send_triggered_meter_values(Connector& connector);
  bool send_authorize();
  bool send_data_transfer();
  bool send_transaction_message();
  common::Status send_message(const PendingMessage& message, CallContext context);
  bool send_dead_letter();
  /// The connector whose open transaction began with this record, or nullptr.
  Connector* started_by(uint32_t sequence);
  /// The connector that this transaction is open on, or nullptr.
  Connector* find_connector(const OpenTransaction& open);
  /// @return False: no room on flash for it now.
  bool give_up_message(uint32_t sequence, DeadLetterReason reason);

  void on_dead_letter_answer(bool is_taken);
  /// @param status  nullptr = no answer.
  void on_data_transfer_answer(const char* status, const Text* data);
  void on_file_status_told(const CallContext& context);
  void learn_from_stop(const CallContext& context, messages::FramePayload payload);
  void on_boot_result(messages::FramePayload payload);
  void acknowledge();
  void on_start_acknowledged();
  void on_transaction_failure(const CallContext& context);

  void handle_call(const RpcFrame& call);

  PendingAuthorization pending[limits::kMaxConnectors];
  Acknowledgement acknowledgement_;
  uint32_t failed_sequence_ = 0;  ///< Message that the CSMS refused, and how often.
  int32_t failed_attempts_ = 0;
  common::Instant retry_messages_at_;
  common::Instant begun_at_;
  common::Instant retry_store_at_ = common::Instant::never();
  bool is_list_conflict_ = false;  ///< The CSMS contradicted its own local list: to be told.
  bool is_clock_wanted_ = false;   ///< The next message waits for the time.
  Reset reset_ = Reset::kNone;
  // Dead letters that are sent once more: those up to a record, one after the other.
  uint8_t letters_ = 0;
  uint32_t letters_there_ = 0;  ///< More than letters_ when they are too many for one round.
  uint8_t next_letter_ = 0;
  uint32_t letters_left_ = 0;  ///< Bits: the CSMS did not take them.
  uint32_t letters_through_ = 0;
  uint8_t reservations_shown_ = 0;  ///< Revision that the connectors' statuses follow.
  /// Bits 1..n: nothing is known of the connector since begin() but that a car may have been waiting already.
  uint16_t waiting_since_boot_ = UINT16_MAX;
  int32_t resets_asked_ = 0;  ///< How often the application was asked to restart.
  common::Instant reset_by_ = common::Instant::never();
  bool is_boot_time_stored_ = false;
  bool has_input_ = true;
  common::Instant deadline_;
};

}  // namespace ocpp
