#pragma once

#include "ocpp/charge_point_types.hpp"
#include "ocpp/engine.hpp"

namespace ocpp {

/// One OCPP 1.6J charge point: the whole protocol, without sockets, files, threads or clocks of its
/// own.
///
/// The application feeds it (receive, on_link, reports of the chargers, tags, time) and carries its
/// frames:
///
///     charge_point.on_link(link.status().is_up, now);
///     while (charge_point.can_receive() && link.receive(buffer).ok()) {
///       charge_point.receive(frame, truncated, now);
///     }
///     Instant deadline = charge_point.step(now);
///     while (!charge_point.next_to_send().empty()) {
///       if (link.send(charge_point.next_to_send()) != Status::kOk) break;
///       charge_point.on_sent(now);
///     }
///     while (charge_point.take_event(event)) ...
///     waiter.wait_until(deadline);
///
/// Many objects may live in one process; they share nothing.
/// @par Context    One thread; no call blocks, none allocates. A port may be used from inside every
///   call.
/// @par Instants   `now` never goes backwards from one call to the next.
class ChargePoint final : public charger::ChargerObserver, public charger::IdReaderObserver {
 public:
  explicit ChargePoint(const Ports& ports);
  ChargePoint(const ChargePoint&) = delete;
  ChargePoint& operator=(const ChargePoint&) = delete;

  /// Reads configuration and records, decides what becomes of transactions left open. Call once,
  /// first.
  /// @param utc  Wall clock, or unknown.
  /// @retval kInvalidArgument  Number of connectors, vendor, model or nominal voltage out of range.
  /// @retval kIo               The record files cannot be read. No transaction starts until they can;
  ///   tried again every second.
  common::Status begin(const Options& options, common::Instant now, common::UtcTime utc);

  /// Does everything that is due. Call after every batch of inputs and no later than the returned
  /// instant.
  /// @return The next instant at which something is due; Instant::never() if only input can change
  ///   anything.
  common::Instant step(common::Instant now);

  /// @name Frames
  /// @{

  /// The connection came up or went down. Repeating the same value costs nothing.
  /// A reconnect that the application saw only as a new connection must be reported as down, then
  /// up.
  void on_link(bool is_up, common::Instant now);
  /// Whether there is room for the answer to one more frame. Leave frames in the link while false.
  bool can_receive() const;
  /// Takes one text frame. Every CALL is answered exactly once; a refused one changes nothing.
  /// @param frame      Only read during the call.
  /// @param truncated  The frame was longer; these are its first bytes.
  void receive(common::TextSpan frame, bool truncated, common::Instant now);
  /// The next frame for the link, answers first; empty when there is none. The same frame again
  /// until on_sent().
  /// @return Valid until the next non-const call.
  common::TextSpan next_to_send();
  /// The link took the frame of next_to_send() whole.
  void on_sent(common::Instant now);
  /// @}

  /// @name Inputs
  /// @{
  void on_charger_state(uint8_t connector_id, const charger::ChargerState& state,
                        common::Instant now) override;
  void on_meter_sample(uint8_t connector_id, const charger::MeterSample& sample,
                       common::Instant now) override;
  /// A tag was presented. The outcome comes as an event.
  /// @param connector_id  The reader's connector; 0 = one reader for all.
  void on_id_tag(uint8_t connector_id, const charger::IdTag& id_tag, common::Instant now) override;
  /// A better clock than the CSMS's has a time (SNTP, operating system). Call again after jumps.
  void on_utc(common::UtcTime utc, common::Instant now);
  /// Stops the transaction on a connector for a local cause (stop button on the console).
  /// @retval kInvalidState  None is running.
  common::Status stop_transaction(uint8_t connector_id, common::Instant now,
                                  StopReason reason = StopReason::kLocal) {
    Engine& engine = at(now);
    if (!engine.has_connector(connector_id)) return common::Status::kInvalidState;
    engine.on_input();
    return engine.connector(connector_id).stop(reason, charger::IdTag());
  }
  /// Somebody may charge whom the CSMS is not asked about: free vend, or a charger that authorizes by itself.
  /// @retval kInvalidState  The connector is taken, reserved or out of order.
  common::Status authorize(uint8_t connector_id, const charger::IdTag& id_tag,
                           common::Instant now) {
    Engine& engine = at(now);
    if (!engine.has_connector(connector_id) || !engine.can_start(engine.connector(connector_id)))
      return common::Status::kInvalidState;
    engine.on_input();
    return engine.connector(connector_id).authorize(id_tag, charger::IdTag());
  }
  /// @}

  /// @name Vendor messages
  /// @{

  /// Registers who takes a vendor's DataTransfer; at best before the first frame.
  /// @retval kNoSpace  limits::kMaxDataTransferHandlers are registered.
  common::Status add_data_transfer_handler(const DataTransferHandler& handler);
  /// Sends one DataTransfer; what the CSMS answers comes as kDataTransferAnswered.
  /// @param message_id, data  Empty = left out.
  /// @retval kInvalidState  Offline: it would come too late to mean anything.
  /// @retval kAgain         The last one is not answered yet.
  /// @retval kNoSpace       No vendor, an id that is too long, or more than limits::kDataTransferBytes in all.
  common::Status send_data_transfer(common::TextSpan vendor_id, common::TextSpan message_id,
                                    common::TextSpan data, common::Instant now);
  /// Data of the last answer, cut to limits::kDataTransferBytes. Valid until the next send.
  common::TextSpan data_transfer_answer() const;
  /// @}

  /// Fetches and installs a firmware image now, as if UpdateFirmware had asked for it.
  /// @retval kUnsupported      There is no port for it.
  /// @retval kInvalidArgument  The URL is empty or longer than limits::kMaxLocationBytes.
  /// @retval kInvalidState     An image is being installed.
  common::Status update_firmware(common::TextSpan url, common::Instant now);
  /// Keeps the image on trial without waiting for the CSMS. @retval kInvalidState  None is on trial.
  common::Status confirm_firmware(common::Instant now);

  /// Stores what was put off to spare the flash (charging profiles, authorization cache).
  /// Before the process ends on purpose.
  void flush(common::Instant now);

  /// Takes the oldest event. @return false when none. At most limits::kMaxEvents wait; beyond that
  /// the oldest ConnectorStatusChanged goes first, ResetRequested never.
  bool take_event(Event& out);

  /// @name Configuration
  /// The same table that ChangeConfiguration and GetConfiguration use; names ignore case.
  /// @{
  size_t configuration_count() const;
  /// @param index  < configuration_count(); order is stable.
  void configuration_at(size_t index, ConfigurationEntry& out) const;
  /// @retval kNotFound  No such key.
  common::Status get_configuration(common::TextSpan key, ConfigurationEntry& out) const;
  /// Same checks and effects as ChangeConfiguration, persisted.
  ConfigurationStatus set_configuration(common::TextSpan key, common::TextSpan value,
                                        common::Instant now);
  /// @}

  /// @name State, for the console
  /// @{
  bool is_link_up() const;
  RegistrationState registration() const;
  uint8_t connectors() const;
  /// @param connector_id  0..connectors()
  ChargePointStatus status(uint8_t connector_id) const;
  /// As ChangeAvailability says, and what a firmware installation blocks. @param connector_id  1..connectors()
  bool is_operative(uint8_t connector_id) const;
  /// @return false when no transaction is open on the connector.
  bool open_transaction(uint8_t connector_id, TransactionView& out) const;
  /// What the connector is allowed to draw now.
  charger::Offer offer(uint8_t connector_id) const;
  /// Time as the engine knows it: last source wins among CSMS and on_utc(). Unknown (0) before the
  /// first.
  common::UtcTime utc(common::Instant now) const;
  /// Transaction messages on flash that the CSMS has not confirmed.
  size_t pending_messages() const;
  /// Messages the CSMS refused TransactionMessageAttempts times: kept, no longer sent.
  size_t dead_letters() const;
  /// @param index  0 = the oldest kept. Reads the flash.  @retval kNotFound  No more.  @retval kIo
  common::Status dead_letter(size_t index, DeadLetter& out);
  /// UTC of something recorded; unknown when that boot never knew the time.
  common::UtcTime utc(const RecordTime& time);
  /// Forgets all dead letters. @retval kIo, kNoSpace  They are still there.
  common::Status clear_dead_letters();
  /// Sends them once more, after everything else; what the CSMS takes is gone then. Starts stay: their
  /// transactions have ended under another id.
  /// @retval kNotFound  There is none.  @retval kInvalidState  Offline.  @retval kAgain  It is under way.
  common::Status resend_dead_letters();
  /// What the records of transactions have cost the flash since begin(), and how full it is.
  TransactionStore::Counters storage() const;
  /// FirmwareStatus and DiagnosticsStatus literals; Idle when nothing is under way.
  const char* firmware_status() const;
  uint32_t firmware_bytes() const;
  const char* diagnostics_status() const;
  /// Counters by action. @param index  < action_count()
  size_t action_count() const;
  ActionCounters counters(size_t index) const;
  /// @}

 private:
  Engine& at(common::Instant now) {
    engine_.clock.set_now(now);
    return engine_;
  }

  Engine engine_;
};

}  // namespace ocpp
