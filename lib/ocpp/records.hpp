#pragma once

#include "charger/charger.hpp"
#include "common/fixed_string.hpp"
#include "common/limits.hpp"
#include "common/span.hpp"
#include "common/status.hpp"
#include "common/time.hpp"
#include "ocpp/image.hpp"
#include "ocpp/measured_values.hpp"

/// What the gateway remembers about transactions, as stored on flash.
///
/// Rules for every record, because firmware is updated and rolled back with records on flash:
///  - explicit little-endian layout, in the order of the members below; golden images in test/vectors/records;
///  - fields are only ever added at the end. A shorter image (older firmware) leaves the new fields at their
///    defaults, a longer one (newer firmware) is read as far as it is known;
///  - numbers of enumerators and record types are never reused or changed.
namespace ocpp {

using IdTag = charger::IdTag;

/// Type byte of a record in the log.
enum class RecordType : uint8_t {
  kCheckpoint = 0,  ///< First record of a compacted file.
  kStart = 1,
  kMeterValuesV1 = 2,  ///< Written by earlier firmware: a whole sample.
  kStop = 3,
  kTransactionAssigned = 4,
  kDelivered = 5,
  kRegister = 6,
  kBootTime = 7,
  kDeadLetter = 8,
  kMeterValues = 9,
  kStopData = 10,        ///< A reading for the stop's transactionData alone; no message.
  kLettersCleared = 11,  ///< A DeliveredRecord: dead letters up to this record are gone.
};

constexpr bool is_meter_values(RecordType type) {
  return type == RecordType::kMeterValues || type == RecordType::kMeterValuesV1;
}
/// Whether records of this type are messages for the CSMS.
constexpr bool is_message(uint8_t type) {
  return type == static_cast<uint8_t>(RecordType::kStart) ||
         type == static_cast<uint8_t>(RecordType::kStop) ||
         is_meter_values(static_cast<RecordType>(type));
}

/// When something happened. UTC may be unknown at that moment; boot and instant make it known later.
struct RecordTime {
  uint32_t boot_id = 0;     ///< Of TransactionStore::boot_id().
  common::Instant instant;  ///< Monotonic, since that boot.
  common::UtcTime utc;      ///< 0 while the clock was not set.
};

/// Why a transaction ended. OCPP 1.6 ed. 2, 7.36 Reason.
enum class StopReason : uint8_t {
  kLocal = 0,
  kEmergencyStop = 1,
  kEvDisconnected = 2,
  kHardReset = 3,
  kOther = 4,
  kPowerLoss = 5,
  kReboot = 6,
  kRemote = 7,
  kSoftReset = 8,
  kUnlockCommand = 9,
  kDeAuthorized = 10,
};

/// Why a sample was taken. OCPP 1.6 ed. 2, 7.35 ReadingContext.
enum class SampleContext : uint8_t {
  kSamplePeriodic = 0,
  kSampleClock = 1,
  kTransactionBegin = 2,
  kTransactionEnd = 3,
  kTrigger = 4,
  kInterruptionBegin = 5,
  kInterruptionEnd = 6,
  kOther = 7,
};

/// What the CSMS said about the id tag. OCPP 1.6 ed. 2, 7.2 AuthorizationStatus.
enum class IdTagStatus : uint8_t {
  kAccepted = 0,
  kBlocked = 1,
  kExpired = 2,
  kInvalid = 3,
  kConcurrentTx = 4,
};

/// Why a message was given up.
enum class DeadLetterReason : uint8_t {
  kOther = 0,
  kCallError = 1,    ///< The CSMS answered CALLERROR as often as TransactionMessageAttempts allows.
  kUnencodable = 2,  ///< The record cannot be turned into a message.
  kNoTransaction = 3,  ///< The start of its transaction is missing (damaged flash).
};

/// A transaction began.
struct StartRecord {
  static const image::Layout kLayout;

  uint32_t local_transaction = 0;  ///< Number given by the store; never 0, never used twice.
  uint8_t connector_id = 0;        ///< 1..n
  IdTag id_tag;
  int64_t meter_start_wh = 0;
  RecordTime time;
  bool has_reservation_id = false;
  int32_t reservation_id = 0;
  /// charger::ChargerState::session_marker; 0 = the charger cannot tell.
  uint32_t session_marker = 0;
};

/// One reading of a connector's meter: to be sent as MeterValues, kept for the stop, or both.
struct MeterValuesRecord {
  uint32_t local_transaction = 0;  ///< 0 = outside any transaction.
  uint8_t connector_id = 0;        ///< 0..n; 0 = the gateway as a whole.
  SampleContext context = SampleContext::kSamplePeriodic;
  /// Counts the connector's messages; given by the store, used to thin evenly.
  uint16_t ordinal = 0;
  RecordTime time;
  MeasuredValues values;
  /// Counts the readings of the transaction for its stop; given by the store. 0 = not for the stop.
  uint32_t stop_index = 0;

  /// @return false when it does not say.
  bool register_wh(int64_t& wh) const { return values.find(MeasurandChoice(), wh); }
};

/// A transaction ended.
struct StopRecord {
  static const image::Layout kLayout;

  uint32_t local_transaction = 0;
  bool has_id_tag = false;  ///< False when the stop was not caused by a tag.
  IdTag id_tag;
  int64_t meter_stop_wh = 0;
  StopReason reason = StopReason::kLocal;
  RecordTime time;
};

/// The CSMS answered StartTransaction; this also marks the start as delivered.
struct TransactionAssignedRecord {
  static const image::Layout kLayout;

  uint32_t local_transaction = 0;
  uint8_t connector_id = 0;
  uint32_t start_sequence = 0;  ///< Of the start record.
  int32_t transaction_id = 0;
  IdTagStatus status = IdTagStatus::kAccepted;
  IdTag parent_id_tag;  ///< Empty when none.
};

/// Every message record up to this one was answered by the CSMS or given up.
struct DeliveredRecord {
  static const image::Layout kLayout;

  uint32_t through_sequence = 0;
};

/// The meter register of a running transaction, so that it can be stopped after a power loss.
struct RegisterRecord {
  static const image::Layout kLayout;

  uint32_t local_transaction = 0;
  int64_t meter_wh = 0;
  RecordTime time;
};

/// Relates a boot's monotonic time to UTC.
struct BootTimeRecord {
  static const image::Layout kLayout;

  uint32_t boot_id = 0;
  common::Instant instant;
  common::UtcTime utc;
  /// That boot never knew the time; the pair was derived from a later boot.
  bool is_estimate = false;
};

/// A message that was given up, kept whole.
struct DeadLetterRecord {
  static constexpr size_t kMaxImageBytes = 176;

  uint32_t sequence = 0;  ///< The message's own sequence number.
  DeadLetterReason reason = DeadLetterReason::kOther;
  RecordType type = RecordType::kStart;  ///< What the image is.
  common::ByteSpan image;  ///< Encoded record. After decode it points into the decoded bytes.
  /// Of messages that name their transaction; false in records of earlier firmware.
  bool has_transaction_id = false;
  int32_t transaction_id = 0;
};

constexpr uint8_t kCheckpointFormat = 1;

/// State that survives when the records behind it are compacted away.
struct CheckpointRecord {
  static const image::Layout kLayout;

  uint8_t format = 1;  ///< Raised only if an older firmware must not touch the log.
  uint32_t delivered_through = 0;
  uint32_t last_local_transaction = 0;
  uint32_t last_boot_id = 0;
};

/// Longest encoded image of any record but DeadLetterRecord, bytes.
constexpr size_t kMaxRecordBytes = 176;
constexpr size_t kMaxDeadLetterBytes = 12 + DeadLetterRecord::kMaxImageBytes;
/// Encoded sizes that budgets are made of, bytes.
constexpr size_t kStartRecordBytes = 63;
constexpr size_t kMeterValuesRecordBytes = 29;  ///< Without the values.
constexpr size_t kStopRecordBytes = 55;
constexpr size_t kTransactionAssignedRecordBytes = 35;

/// Encode a record. @param out  At least kMaxRecordBytes (DeadLetterRecord: kMaxDeadLetterBytes).
/// @return The image, inside out.
template <typename Record>
common::ByteSpan encode(const Record& record, common::MutableByteSpan out) {
  return image::encode(Record::kLayout, &record, out);
}
common::ByteSpan encode(const MeterValuesRecord& record, common::MutableByteSpan out);
common::ByteSpan encode(const DeadLetterRecord& record, common::MutableByteSpan out);

/// Adds the readings of the transaction's begin or end to the image of its start or stop, in place.
common::ByteSpan append_values(common::ByteSpan image, const MeasuredValues& values,
                               common::MutableByteSpan out);
/// What append_values() added to an image of kStartRecordBytes or kStopRecordBytes; nothing when
/// there is none.
void values_behind(common::ByteSpan image, size_t record_bytes, MeasuredValues& out);

/// Decode an image of any firmware version. Fields that the image does not have get their defaults;
/// enumerators that this firmware does not know become kOther (IdTagStatus: kInvalid).
/// @retval kCorrupt  Shorter than what every version has, or a length inside is impossible; `out` is
///                   unspecified.
template <typename Record>
common::Status decode(common::ByteSpan image, Record& out) {
  return image::decode(Record::kLayout, image, &out);
}
common::Status decode(common::ByteSpan image, MeterValuesRecord& out);
/// An image of type kMeterValuesV1. All that was measured is taken, in a fixed order: it did not say
/// what was configured.
common::Status decode_v1(common::ByteSpan image, MeterValuesRecord& out);
/// Of either type. @param type  kMeterValuesV1 or any other for the current one.
common::Status decode(RecordType type, common::ByteSpan image, MeterValuesRecord& out);
common::Status decode(common::ByteSpan image, DeadLetterRecord& out);

/// The local number that starts, stops and readings of every version begin with; 0 when cut off.
uint32_t local_number(common::ByteSpan image);
/// The time inside a record. @return False when its type has none or it cannot be read.
bool time_of(uint8_t type, common::ByteSpan image, RecordTime& out);

}  // namespace ocpp
