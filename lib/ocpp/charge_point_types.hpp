#pragma once

#include "charger/charger.hpp"
#include "common/fixed_string.hpp"
#include "common/log.hpp"
#include "common/time.hpp"
#include "platform/device.hpp"
#include "platform/entropy.hpp"
#include "platform/file_store.hpp"
#include "platform/file_transfer.hpp"
#include "platform/firmware.hpp"
#include "platform/key_value_store.hpp"

/// Types that cross the border between the engine and the application.
namespace ocpp {

/// What BootNotification tells about this charge point. Texts are cut to the lengths of OCPP 1.6
/// ed. 2, 6.3. Empty optional texts are left out of the message.
struct Identity {
  common::FixedString<20> vendor;         ///< Mandatory.
  common::FixedString<20> model;          ///< Mandatory.
  common::FixedString<25> serial_number;  ///< chargePointSerialNumber
  common::FixedString<50> firmware_version;
  common::FixedString<25> meter_type;
  common::FixedString<25> meter_serial_number;
};

/// Facts about this gateway that do not change while it runs.
struct Options {
  Identity identity;
  uint8_t connectors = 1;  ///< 1..limits::kMaxConnectors
  platform::ResetCause reset_cause = platform::ResetCause::kUnknown;
  /// ChargePointMaxProfile is divided equally among the connectors that charge. If not, each is offered the whole of
  /// it, and what is behind Ports::charger shares it by charger::Offer::alone_ma.
  bool divides_total = true;
  /// Converts between W and A where the meter has no voltage, mV phase to neutral, > 0.
  int32_t nominal_voltage_mv = 230000;
  /// Connectors that the reader for all serves, bits 1..n.
  uint16_t reader_connectors = UINT16_MAX;
  /// What StatusNotification tells of the charge point itself (connector 0) until the next start.
  charger::Error own_error = charger::Error::kNone;
};

class Extension;

/// What the engine uses of its surroundings. All must outlive the ChargePoint.
struct Ports {
  platform::FileStore& files;         ///< Transaction records. One store per charge point.
  platform::KeyValueStore& settings;  ///< Configuration keys, charging profiles, availability.
  platform::Entropy& entropy;
  charger::ChargerControl& charger;
  common::LogSink& log;
  /// Firmware management; each nullptr = UpdateFirmware (first two) or GetDiagnostics (first and third) is not
  /// supported.
  platform::FileTransfer* transfer = nullptr;
  platform::Firmware* firmware = nullptr;
  platform::TextSource* diagnostics = nullptr;
  /// Messages beyond the core, the security extension for one; nullptr = none.
  Extension* extension = nullptr;
};

/// Where the charge point stands with its CSMS (OCPP 1.6 ed. 2, 4.2 and 7.22).
enum class RegistrationState : uint8_t {
  kUnregistered,  ///< No answer to BootNotification yet since begin().
  kPending,
  kRejected,
  kAccepted,  ///< Stays Accepted over reconnects.
};

/// Status of a connector as the CSMS sees it (OCPP 1.6 ed. 2, 7.7).
enum class ChargePointStatus : uint8_t {
  Available,
  Preparing,
  Charging,
  SuspendedEVSE,
  SuspendedEV,
  Finishing,
  Reserved,
  Unavailable,
  Faulted,
};

/// The spelling of the specification.
const char* to_string(ChargePointStatus status);
/// "unregistered", "pending", "rejected", "accepted".
const char* to_string(RegistrationState state);

/// Transaction id given by the CSMS; any 32-bit value is legal.
using TransactionId = int32_t;

/// An id tag fit for logs and displays: the first two and last two characters, "****" between.
using MaskedIdTag = common::FixedString<8>;
MaskedIdTag mask(const charger::IdTag& id_tag);

/// What the console shows of an open transaction.
struct TransactionView {
  uint32_t local_number = 0;        ///< Ours, unique on this gateway; never sent to the CSMS.
  bool has_transaction_id = false;  ///< False until StartTransaction was answered.
  TransactionId transaction_id = 0;
  MaskedIdTag id_tag;
  int64_t meter_start_wh = 0;
  int64_t meter_last_wh = 0;   ///< Latest register reading seen in this transaction.
  common::Instant started_at;  ///< Before this boot: negative.
  bool is_stopping = false;    ///< Power is withdrawn, the last meter reading is awaited.
};

/// Messages of one action since begin().
struct ActionCounters {
  const char* action = "";  ///< Static.
  uint32_t sent = 0;        ///< CALLs of ours handed to the link.
  uint32_t answered = 0;    ///< ... answered with CALLRESULT.
  uint32_t failed =
      0;  ///< ... answered with CALLERROR, or with a CALLRESULT that could not be read.
  uint32_t timed_out = 0;  ///< ... not answered in time, or cut off by a disconnect.
  uint32_t received = 0;   ///< CALLs of the CSMS.
  uint32_t refused = 0;    ///< ... answered with CALLERROR.
};

/// Something the application may want to show or do.
enum class EventType : uint8_t {
  kIdTagAccepted,           ///< connector_id, id_tag.
  kIdTagRejected,           ///< connector_id (0: no connector could take it), id_tag.
  kTransactionStarted,      ///< connector_id, local_number, id_tag.
  kTransactionStopped,      ///< connector_id, local_number, id_tag.
  kRegistrationChanged,     ///< registration.
  kConnectorStatusChanged,  ///< connector_id (0: the charge point itself), status.
  /// reset_is_hard. Comes after the answer was sent and the transactions were stopped: close the
  /// link with code 1001 and restart; the chargers too when hard.
  kResetRequested,
  kConfigurationChanged,  ///< key (canonical spelling, static): get_configuration() has the value.
  /// key: status of the answer, nullptr when there was none; data_transfer_answer() has the data.
  kDataTransferAnswered,
  kFirmwareStatusChanged,     ///< key: FirmwareStatus literal.
  kDiagnosticsStatusChanged,  ///< key: DiagnosticsStatus literal.
  kClockSet,                  ///< utc: time of the CSMS, for a platform without a better clock.
};

/// Flat on purpose: only the fields named at the type are meaningful.
struct Event {
  EventType type = EventType::kRegistrationChanged;
  uint8_t connector_id = 0;
  RegistrationState registration = RegistrationState::kUnregistered;
  ChargePointStatus status = ChargePointStatus::Unavailable;
  bool reset_is_hard = false;
  uint32_t local_number = 0;
  MaskedIdTag id_tag;
  const char* key = nullptr;
  common::UtcTime utc;
};

/// One configuration key as GetConfiguration reports it.
struct ConfigurationEntry {
  const char* key = "";  ///< Canonical spelling, static.
  bool is_readonly = false;
  bool has_value = false;  ///< False for write-only keys and keys without a value.
  common::FixedString<500> value;
};

/// Answer to a configuration write (OCPP 1.6 ed. 2, 7.22 ConfigurationStatus).
enum class ConfigurationStatus : uint8_t { Accepted, Rejected, RebootRequired, NotSupported };
const char* to_string(ConfigurationStatus status);

}  // namespace ocpp
