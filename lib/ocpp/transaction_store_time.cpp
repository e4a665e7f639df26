// Times of the transaction store: making UTC of monotonic time, across boots.
#include "ocpp/transaction_store.hpp"

#include <algorithm>

namespace ocpp {

using common::MutableByteSpan;
using common::Result;
using common::Status;
using platform::RecordLog;

namespace {

/// Between the last record of a boot without clock and the start of the next boot, at least this passed.
constexpr int64_t kBetweenBootsMs = 1000;

}  // namespace

Status TransactionStore::set_boot_time(common::Instant instant, common::UtcTime utc) {
  if (!is_loaded_) return Status::kInvalidState;
  if (!utc.is_known()) return Status::kInvalidArgument;
  if (is_boot_time_known_) return Status::kOk;
  if (has_records_without_utc_) {
    BootTimeRecord record;
    record.boot_id = boot_id_;
    record.instant = instant;
    record.utc = utc;
    uint8_t image[kMaxRecordBytes];
    const Result<uint32_t> sequence = append(
        RecordType::kBootTime, encode(record, MutableByteSpan(image)), RecordLog::Space::kReserved);
    if (!sequence.ok()) return sequence.status();
  }
  boot_zero_ms_ = utc.ms - instant.ms;
  is_boot_time_known_ = true;
  return Status::kOk;
}

Result<common::UtcTime> TransactionStore::resolve(const RecordTime& time) {
  if (time.utc.is_known()) return time.utc;
  if (!is_loaded_) return Status::kInvalidState;
  const Result<int64_t> zero_ms = find_boot_zero(time.boot_id);
  if (!zero_ms.ok()) return zero_ms.status();
  return common::UtcTime{zero_ms.value() + time.instant.ms};
}

/// UTC at instant 0 of a boot, ms.
Result<int64_t> TransactionStore::find_boot_zero(uint32_t boot_id) {
  if (boot_id == boot_id_) {
    if (!is_boot_time_known_) return Status::kAgain;
    return boot_zero_ms_;
  }
  if (boot_id == cached_boot_id_ && boot_id != 0) return cached_boot_zero_ms_;
  Result<int64_t> zero_ms = read_boot_zero(boot_id);
  if (zero_ms.status() == Status::kNotFound) {
    if (!is_boot_time_known_) return Status::kAgain;
    zero_ms = estimate_boot_zero(boot_id);
    if (!zero_ms.ok()) return zero_ms;
    // Stored, so that it stays the same whatever is compacted away later.
    BootTimeRecord decided;
    decided.boot_id = boot_id;
    decided.utc = common::UtcTime{zero_ms.value()};
    decided.is_estimate = true;
    uint8_t image[kMaxRecordBytes];
    const Result<uint32_t> sequence =
        append(RecordType::kBootTime, encode(decided, MutableByteSpan(image)),
               RecordLog::Space::kReserved);
    if (!sequence.ok()) return sequence.status();
  }
  if (!zero_ms.ok()) return zero_ms;
  cached_boot_id_ = boot_id;
  cached_boot_zero_ms_ = zero_ms.value();
  return zero_ms;
}

/// What was decided about an earlier boot. @retval kNotFound  Nothing.
Result<int64_t> TransactionStore::read_boot_zero(uint32_t boot_id) {
  uint8_t buffer[RecordLog::kBufferBytes];
  RecordLog::Cursor cursor;
  for (;;) {
    RecordLog::Record record;
    RETURN_IF_ERROR(records_.read(cursor, MutableByteSpan(buffer), record));
    BootTimeRecord boot_time;
    if (record.type != static_cast<uint8_t>(RecordType::kBootTime)) continue;
    if (decode(record.payload, boot_time) != Status::kOk || boot_time.boot_id != boot_id ||
        !boot_time.utc.is_known())
      continue;
    return boot_time.utc.ms - boot_time.instant.ms;
  }
}

/// Places a boot that never knew the time right before the next boot that did, after making room for the boots in
/// between. Late rather than early, in order, and never in the future.
Result<int64_t> TransactionStore::estimate_boot_zero(uint32_t boot_id) {
  uint8_t buffer[RecordLog::kBufferBytes];
  uint32_t known_boot = boot_id_;
  int64_t known_zero_ms = boot_zero_ms_;
  RecordLog::Cursor cursor;
  for (;;) {
    RecordLog::Record record;
    const Status status = records_.read(cursor, MutableByteSpan(buffer), record);
    if (status == Status::kNotFound) break;
    RETURN_IF_ERROR(status);
    // Either a stored pair, or any record that was made with the clock set.
    BootTimeRecord boot_time;
    RecordTime time;
    if (record.type == static_cast<uint8_t>(RecordType::kBootTime)) {
      if (decode(record.payload, boot_time) != Status::kOk) continue;
      time = RecordTime{boot_time.boot_id, boot_time.instant, boot_time.utc};
    } else if (!time_of(record.type, record.payload, time)) {
      continue;
    }
    if (!time.utc.is_known() || time.boot_id < boot_id || time.boot_id >= known_boot) continue;
    known_boot = time.boot_id;
    known_zero_ms = time.utc.ms - time.instant.ms;
    if (known_boot == boot_id) return known_zero_ms;
  }

  int64_t length_ms = 0;  // of all boots from this one up to the known one
  uint32_t current_boot = 0;
  int64_t last_ms = 0;
  cursor = RecordLog::Cursor();
  for (;;) {
    RecordLog::Record record;
    const Status status = records_.read(cursor, MutableByteSpan(buffer), record);
    if (status == Status::kNotFound) break;
    RETURN_IF_ERROR(status);
    RecordTime time;
    if (!time_of(record.type, record.payload, time)) continue;
    if (time.boot_id < boot_id || time.boot_id >= known_boot || time.boot_id < current_boot)
      continue;
    if (time.boot_id != current_boot) {
      length_ms += last_ms + kBetweenBootsMs;
      current_boot = time.boot_id;
      last_ms = 0;
    }
    last_ms = std::max(last_ms, time.instant.ms);
  }
  return known_zero_ms - length_ms - last_ms;
}

}  // namespace ocpp
