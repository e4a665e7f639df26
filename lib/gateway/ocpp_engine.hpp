#pragma once

#include "charger/charger.hpp"
#include "common/span.hpp"
#include "common/status.hpp"
#include "common/time.hpp"
#include "platform/device.hpp"

/// What the gateway asks of an OCPP 1.6J engine. One adapter file per engine; nothing here is tied to one of them.
namespace gateway {

/// Who the charge point is (BootNotification.req; OCPP 1.6 ed. 2, 6.3).
struct EngineOptions {
  common::FixedString<20> vendor;
  common::FixedString<20> model;
  common::FixedString<25> serial_number;
  common::FixedString<50> firmware_version;
  bool allows_updates =
      true;  ///< False: no signature is checked here, and nothing unsigned is wanted.
  uint8_t connectors = 1;
  platform::ResetCause reset_cause = platform::ResetCause::kUnknown;
  /// Connectors that the reader for all serves, bits 1..n.
  uint16_t reader_connectors = UINT16_MAX;
  bool has_lost_records = false;  ///< To be told to the CSMS: their place had to be formatted.
};

/// Why a transaction is stopped here; becomes the Reason of StopTransaction.
enum class StopCause : uint8_t { kLocal, kOther };

/// An id tag fit for logs and displays: "AB****90".
using MaskedIdTag = common::FixedString<8>;

/// Something that happened in the engine and that the gateway, the console or a test wants to know.
struct EngineEvent {
  enum class Kind : uint8_t {
    kRegistration,        ///< text: unregistered, pending, rejected or accepted.
    kConnectorStatus,     ///< connector_id (0 = the charge point); text: ChargePointStatus literal.
    kTagAccepted,         ///< connector_id, id_tag.
    kTagRejected,         ///< connector_id, id_tag.
    kTagIgnored,          ///< connector_id (0 = none), text: AuthMode of the connector.
    kTransactionStarted,  ///< connector_id, local_transaction, id_tag.
    kTransactionStopped,  ///< connector_id, local_transaction, id_tag.
    kConfigurationChanged,  ///< text: key.
    kFirmware,              ///< text: FirmwareStatus literal.
    kDiagnostics,           ///< text: DiagnosticsStatus literal.
    kClockSet,              ///< utc: the CSMS's time.
    kDataTransferAnswered,  ///< text: status or "no answer"; data.
    kResetRequested,        ///< is_hard; transactions are stopped and the answer was handed out.
  };
  Kind kind = Kind::kRegistration;
  uint8_t connector_id = 0;
  bool is_hard = false;
  uint32_t local_transaction = 0;
  MaskedIdTag id_tag;
  common::UtcTime utc;
  const char* text = "";  ///< Static.
  common::TextSpan data;  ///< Valid until the next call of the engine.
};

/// Figures for the console and for tests.
struct EngineSummary {
  const char* registration = "";
  bool is_link_up = false;
  common::UtcTime utc;
  size_t pending_messages = 0;  ///< Transaction-related messages not yet delivered.
  size_t dead_letters = 0;
  uint64_t flash_bytes = 0;   ///< Written for transactions since the start.
  uint32_t transactions = 0;  ///< Begun since the start.
  uint32_t log_bytes = 0;
  uint32_t log_capacity_bytes = 0;
};

/// A transaction message that the CSMS refused for good.
struct LostMessage {
  const char* action = "";
  const char* reason = "";   ///< "CallError", "NotEncodable", "NoTransaction" or "Other".
  uint8_t connector_id = 0;  ///< 0 = of the transaction, not known here.
  uint32_t local_transaction = 0;
  bool has_transaction_id = false;
  int32_t transaction_id = 0;
  MaskedIdTag id_tag;  ///< Starts and stops.
  bool has_meter = false;
  int64_t meter_wh = 0;
  common::UtcTime utc;
};

struct ConnectorSummary {
  const char* status = "";
  charger::Offer offer;
  bool has_transaction = false;
  bool is_stopping = false;
  bool has_transaction_id = false;
  int32_t transaction_id = 0;
  uint32_t local_transaction = 0;
  MaskedIdTag id_tag;
  int64_t meter_start_wh = 0;
  int64_t meter_last_wh = 0;
};

/// Messages of one action since begin().
struct ActionCounters {
  const char* action = "";
  uint32_t sent = 0;       ///< CALLs handed to the link.
  uint32_t answered = 0;   ///< ... answered with CALLRESULT.
  uint32_t failed = 0;     ///< ... answered with CALLERROR or unreadable.
  uint32_t timed_out = 0;  ///< ... not answered in time or cut off.
  uint32_t received = 0;   ///< CALLs of the CSMS.
  uint32_t refused = 0;    ///< ... answered with CALLERROR.
};

/// Firmware update and upload of diagnostics, as their statuses in OCPP say.
struct FileJobs {
  const char* firmware = "Idle";
  uint32_t firmware_bytes = 0;  ///< Downloaded so far.
  const char* diagnostics = "Idle";
};

/// One OCPP configuration key as the console shows it.
struct ConfigurationEntry {
  const char* key = "";
  bool is_readonly = false;
  bool has_value = false;  ///< False for write-only keys.
  common::FixedString<500> value;
};

/// Of a limit for the whole charge point (ChargePointMaxProfile) it offers each connector all, with charger::Offer::alone_ma;
/// SiteLimit shares it.
/// @par Context  Loop thread only; no call blocks. No heap after begin().
class OcppEngine : public charger::ChargerObserver {
 public:
  /// Reads configuration and records. @retval kInvalidArgument
  /// @retval kIo  The records cannot be read: it works but starts no transaction, and goes on trying.
  virtual common::Status begin(const EngineOptions& options, common::Instant now,
                               common::UtcTime utc) = 0;
  virtual void on_link(bool is_up, common::Instant now) = 0;
  /// Connected, and accepted by the CSMS.
  virtual bool is_online() const = 0;
  /// Leave frames in the link while false: there is no room for another answer.
  virtual bool can_receive() const = 0;
  /// One text frame from the CSMS; not kept after the call.
  virtual void receive(common::TextSpan frame, bool is_truncated, common::Instant now) = 0;
  /// Does what is due. @return  When to call again at the latest.
  virtual common::Instant step(common::Instant now) = 0;
  /// The frame to send next, valid until the next call of any method; empty when there is none.
  virtual common::TextSpan next_to_send() = 0;
  /// The frame of next_to_send() was handed over whole.
  virtual void on_sent(common::Instant now) = 0;
  /// @param connector_id  0 = reader of all connectors: the engine picks.
  virtual void on_id_tag(uint8_t connector_id, const charger::IdTag& id_tag,
                         common::Instant now) = 0;
  /// The platform learned the time (SNTP, operating system).
  virtual void on_utc(common::UtcTime utc, common::Instant now) = 0;
  virtual bool take_event(EngineEvent& event) = 0;
  /// Stores what was put off; before the process ends on purpose.
  virtual void flush(common::Instant now) = 0;

  virtual EngineSummary summary(common::Instant now) const = 0;
  /// @param index  0 = the oldest. Reads the flash. @return False when there is none.
  virtual bool lost_message(size_t index, LostMessage& message) = 0;
  /// @retval kIo, kNoSpace  They are still there.  @retval kUnsupported  The engine keeps none.
  virtual common::Status clear_lost_messages() = 0;
  /// Sends them once more. @retval kNotFound  None.  @retval kInvalidState  Offline.  @retval kAgain  Under way.
  /// @retval kUnsupported  The engine keeps none.
  virtual common::Status resend_lost_messages() = 0;
  /// @param connector_id  0..connectors
  virtual ConnectorSummary connector(uint8_t connector_id) const = 0;
  /// As ChangeAvailability says. @param connector_id  1..connectors
  virtual bool is_operative(uint8_t connector_id) const = 0;
  virtual size_t action_count() const = 0;
  /// @param index  < action_count()
  virtual ActionCounters counters(size_t index) const = 0;
  virtual size_t configuration_count() const = 0;
  /// @param index  < configuration_count()
  virtual void configuration_at(size_t index, ConfigurationEntry& entry) const = 0;
  /// @retval kNotFound  No such key.
  virtual common::Status get_configuration(common::TextSpan key,
                                           ConfigurationEntry& entry) const = 0;
  /// Same checks as ChangeConfiguration. @return  Accepted, RebootRequired, Rejected or NotSupported.
  virtual const char* set_configuration(common::TextSpan key, common::TextSpan value,
                                        common::Instant now) = 0;
  /// Sends a vendor message; its answer is an event. @param message_id, data  Empty = left out.
  /// @retval kInvalidState  Offline.  @retval kAgain  The last one is under way.  @retval kNoSpace  Too long.
  virtual common::Status send_data_transfer(common::TextSpan vendor_id, common::TextSpan message_id,
                                            common::TextSpan data, common::Instant now) = 0;
  virtual FileJobs file_jobs() const = 0;
  /// Fetches and installs an image as UpdateFirmware does, or one that carries its signature where only signed ones are taken.
  /// @retval kUnsupported  Only signed ones are, and there is nothing to check them with.  @retval kInvalidArgument  Empty or too long.
  /// @retval kInvalidState  One is being installed.  @retval kIo, kNoSpace
  virtual common::Status update_firmware(common::TextSpan url, common::Instant now) = 0;
  /// Keeps the image on trial without waiting for the CSMS. @retval kInvalidState  None is on trial.
  /// @retval kIo  Not stored: it is given up at the next restart.
  virtual common::Status confirm_firmware(common::Instant now) = 0;
  /// Stops a transaction for a local cause. @retval kInvalidState  None is running.
  virtual common::Status stop_transaction(uint8_t connector_id, StopCause cause,
                                          common::Instant now) = 0;
  /// Somebody may charge whom the CSMS is not asked about: free vend, or a charger that authorizes by itself. The
  /// transaction starts once an EV is plugged in and the meter was read.
  /// @retval kInvalidState  The connector is taken, reserved or out of order.
  virtual common::Status authorize(uint8_t connector_id, const charger::IdTag& id_tag,
                                   common::Instant now) = 0;
};

}  // namespace gateway
