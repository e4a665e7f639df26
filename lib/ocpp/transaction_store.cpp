#include "ocpp/transaction_store.hpp"

#include <algorithm>

namespace ocpp {

using common::ByteSpan;
using common::MutableByteSpan;
using common::Result;
using common::Status;
using platform::RecordLog;

LOG_MODULE("ocpp.store");

namespace {

constexpr uint32_t kStartFrameBytes = RecordLog::frame_bytes(kStartRecordBytes);

}  // namespace

TransactionStore::TransactionStore(platform::FileStore& files, common::LogSink& log,
                                   const Settings& settings)
    : records_(files, settings.file_name, std::max(settings.max_bytes, kMinimumBytes)),
      log_(log),
      settings_(settings) {}

// --- Tables --------------------------------------------------------------------------------------

const OpenTransaction* TransactionStore::open_on(uint8_t connector_id) const {
  const OpenTransaction* latest = nullptr;
  for (const OpenTransaction& open : open_) {
    if (open.start.connector_id != connector_id) continue;
    if (latest == nullptr || open.start_sequence > latest->start_sequence) latest = &open;
  }
  return latest;
}

const OpenTransaction* TransactionStore::find_open(uint32_t local_transaction) const {
  for (const OpenTransaction& open : open_) {
    if (open.start.local_transaction == local_transaction) return &open;
  }
  return nullptr;
}

OpenTransaction* TransactionStore::find_open_mutable(uint32_t local_transaction) {
  return const_cast<OpenTransaction*>(find_open(local_transaction));
}

void TransactionStore::close_open(uint32_t local_transaction) {
  for (size_t i = 0; i < open_.size(); ++i) {
    if (open_[i].start.local_transaction != local_transaction) continue;
    open_.erase(i);
    return;
  }
}

TransactionStore::Delivering* TransactionStore::find_delivering(uint32_t local_transaction) {
  for (Delivering& delivering : delivering_) {
    if (delivering.local_transaction == local_transaction) return &delivering;
  }
  return nullptr;
}

/// A connector's transactions follow one another in the queue, so a new one replaces the one before.
void TransactionStore::set_delivering(uint32_t local_transaction, uint8_t connector_id,
                                      int32_t transaction_id, uint32_t start_sequence) {
  Delivering entry;
  entry.connector_id = connector_id;
  entry.start_sequence = start_sequence;
  entry.local_transaction = local_transaction;
  entry.transaction_id = transaction_id;
  Delivering* oldest = nullptr;
  for (Delivering& delivering : delivering_) {
    if (delivering.connector_id == connector_id) {
      delivering = entry;
      return;
    }
    if (oldest == nullptr || delivering.local_transaction < oldest->local_transaction) {
      oldest = &delivering;
    }
  }
  // Full only with connectors of a build that had more of them.
  if (delivering_.push_back(entry) != Status::kOk) *oldest = entry;
}

void TransactionStore::erase_delivering(uint32_t local_transaction) {
  for (size_t i = 0; i < delivering_.size(); ++i) {
    if (delivering_[i].local_transaction != local_transaction) continue;
    delivering_.erase(i);
    return;
  }
}

void TransactionStore::mark_undeliverable(uint32_t local_transaction, uint8_t connector_id,
                                          uint32_t start_sequence) {
  if (OpenTransaction* open = find_open_mutable(local_transaction)) {
    open->is_assigned = true;
    open->transaction_id = -1;
    open->status = IdTagStatus::kInvalid;
  }
  set_delivering(local_transaction, connector_id, -1, start_sequence);
}

// --- Writing -------------------------------------------------------------------------------------

Result<uint32_t> TransactionStore::append(RecordType type, ByteSpan image, RecordLog::Space space) {
  const uint8_t number = static_cast<uint8_t>(type);
  const Result<uint32_t> sequence = records_.append(number, image, space);
  if (sequence.status() != Status::kNoSpace) return sequence;
  RETURN_IF_ERROR(make_room(RecordLog::frame_bytes(image.size()), space));
  return records_.append(number, image, space);
}

Result<uint32_t> TransactionStore::append_message(RecordType type, ByteSpan image,
                                                  RecordLog::Space space) {
  const Result<uint32_t> sequence = append(type, image, space);
  if (!sequence.ok()) return sequence;
  const uint32_t frame_bytes = RecordLog::frame_bytes(image.size());
  if (pending_messages_ == 0) {
    // Nothing older is waiting: the queue begins here.
    scan_.offset = records_.size_bytes() - frame_bytes;
    scan_.last_sequence = sequence.value() - 1;
  }
  ++pending_messages_;
  pending_bytes_ += frame_bytes;
  last_message_sequence_ = sequence.value();
  return sequence;
}

/// Adds UTC where it is known by now; remembers where it is not.
void TransactionStore::complete(RecordTime& time) {
  if (time.utc.is_known() || time.boot_id != boot_id_) return;
  if (is_boot_time_known_) {
    time.utc = common::UtcTime{boot_zero_ms_ + time.instant.ms};
  } else {
    has_records_without_utc_ = true;
  }
}

Result<uint32_t> TransactionStore::begin_transaction(const StartRecord& start,
                                                     const MeasuredValues& values) {
  if (!is_loaded_) return Status::kInvalidState;
  if (start.connector_id < 1 || start.connector_id > limits::kMaxConnectors) {
    return Status::kInvalidArgument;
  }
  if (open_on(start.connector_id) != nullptr) return Status::kInvalidState;
  if (open_.full()) return Status::kNoSpace;

  OpenTransaction open;
  open.start = start;
  open.start.local_transaction = last_local_transaction_ + 1;
  open.has_stop_data = !values.empty();
  complete(open.start.time);
  uint8_t buffer[kMaxRecordBytes];
  ByteSpan image = encode(open.start, MutableByteSpan(buffer));
  if (open.has_stop_data) image = append_values(image, values, MutableByteSpan(buffer));
  const uint32_t needed = RecordLog::frame_bytes(image.size()) + kStopFrameBytes;
  if (records_.free_bytes() < needed) {
    RETURN_IF_ERROR(make_room(needed, RecordLog::Space::kNormal));
  }
  RETURN_IF_ERROR(records_.reserve(kStopFrameBytes));

  const Result<uint32_t> sequence =
      append_message(RecordType::kStart, image, RecordLog::Space::kNormal);
  if (!sequence.ok()) {
    records_.release(kStopFrameBytes);
    return sequence.status();
  }
  open.start_sequence = sequence.value();
  open.last_meter_wh = open.start.meter_start_wh;
  open.last_meter_time = open.start.time;
  open.last_meter_sequence = sequence.value();
  last_local_transaction_ = open.start.local_transaction;
  const Status pushed = open_.push_back(open);
  static_cast<void>(pushed);  // room was checked above
  LOG_INFO(log_, "connector %u: start of transaction #%lu stored",
           static_cast<unsigned>(start.connector_id),
           static_cast<unsigned long>(last_local_transaction_));
  return last_local_transaction_;
}

Status TransactionStore::journal_register(uint32_t local_transaction, int64_t meter_wh,
                                          const RecordTime& time) {
  if (!is_loaded_) return Status::kInvalidState;
  OpenTransaction* const open = find_open_mutable(local_transaction);
  if (open == nullptr) return Status::kNotFound;
  const int64_t moved_wh = meter_wh - open->last_meter_wh;
  if (moved_wh <= 0) return Status::kOk;
  const bool is_same_boot = time.boot_id == open->last_meter_time.boot_id;
  const int64_t elapsed_ms =
      is_same_boot ? time.instant - open->last_meter_time.instant : INT64_MAX;
  const bool is_due =
      elapsed_ms >= settings_.journal_interval_ms ||
      (moved_wh >= settings_.journal_step_wh && elapsed_ms >= settings_.journal_minimum_ms);
  if (!is_due) return Status::kOk;

  RegisterRecord record;
  record.local_transaction = local_transaction;
  record.meter_wh = meter_wh;
  record.time = time;
  complete(record.time);
  uint8_t image[kMaxRecordBytes];
  const ByteSpan encoded = encode(record, MutableByteSpan(image));
  // Not worth a compaction: meter values and the stop say the same later.
  if (records_.free_bytes() < RecordLog::frame_bytes(encoded.size()) + margin_bytes()) {
    return Status::kNoSpace;
  }
  const Result<uint32_t> sequence =
      records_.append(static_cast<uint8_t>(RecordType::kRegister), encoded);
  if (!sequence.ok()) return sequence.status();
  open->last_meter_wh = meter_wh;
  open->last_meter_time = record.time;
  open->last_meter_sequence = sequence.value();
  return Status::kOk;
}

Status TransactionStore::end_transaction(const StopRecord& stop, const MeasuredValues& values) {
  if (!is_loaded_) return Status::kInvalidState;
  const OpenTransaction* const open = find_open(stop.local_transaction);
  if (open == nullptr) return Status::kNotFound;
  StopRecord stored = stop;
  stored.meter_stop_wh = std::max(stored.meter_stop_wh, open->last_meter_wh);
  complete(stored.time);
  uint8_t buffer[kMaxRecordBytes];
  ByteSpan image = encode(stored, MutableByteSpan(buffer));
  if (open->has_stop_data || !values.empty()) {
    image = append_values(image, values, MutableByteSpan(buffer));
  }
  const Result<uint32_t> sequence =
      append_message(RecordType::kStop, image, RecordLog::Space::kReserved);
  if (!sequence.ok()) return sequence.status();
  records_.release(std::min(kStopFrameBytes, records_.reserved_bytes()));
  LOG_INFO(log_, "connector %u: stop of transaction #%lu stored",
           static_cast<unsigned>(open->start.connector_id),
           static_cast<unsigned long>(stop.local_transaction));
  close_open(stop.local_transaction);
  return Status::kOk;
}

bool TransactionStore::has_room_for_transaction() const {
  if (!is_loaded_ || open_.full()) return false;
  return records_.free_bytes() >= kStartFrameBytes + kStopFrameBytes || !is_exhausted_;
}

// --- Queue ---------------------------------------------------------------------------------------

/// Reads the oldest undelivered message and leaves scan_ right before it.
Status TransactionStore::find_head(MutableByteSpan buffer, RecordLog::Record& record) {
  for (;;) {
    RecordLog::Cursor cursor = scan_;
    RETURN_IF_ERROR(records_.read(cursor, buffer, record));
    if (is_message(record.type) && record.sequence > delivered_through_) {
      head_.after = cursor;
      return Status::kOk;
    }
    scan_ = cursor;
  }
}

Status TransactionStore::next_pending(PendingMessage& out) {
  if (!is_loaded_) return Status::kInvalidState;
  if (pending_messages_ > 0) RETURN_IF_ERROR(records_.settle());
  while (pending_messages_ > 0) {
    RecordTime time;
    const Status status = read_head(out, time);
    if (status == Status::kOk) {
      const Result<common::UtcTime> utc = resolve(time);
      out.utc = utc.value_or(common::UtcTime());
      head_.is_known = utc.ok();
      return utc.status();
    }
    if (status == Status::kNotFound) {
      LOG_ERROR(log_, "%lu messages vanished from flash",
                static_cast<unsigned long>(pending_messages_));
      pending_messages_ = 0;
      pending_bytes_ = 0;
      break;
    }
    if (status != Status::kCorrupt && status != Status::kInvalidState) return status;
    const bool is_orphan = status == Status::kInvalidState;
    LOG_ERROR(log_, "message %lu given up: %s", static_cast<unsigned long>(head_.sequence),
              is_orphan ? "start of its transaction is missing" : "unreadable");
    RETURN_IF_ERROR(give_up_head(is_orphan ? DeadLetterReason::kNoTransaction
                                           : DeadLetterReason::kUnencodable));
  }
  return Status::kNotFound;
}

/// Reads the oldest message into `out`, all but its UTC.
/// @retval kNotFound  There is none.  @retval kCorrupt  It cannot be decoded.
/// @retval kInvalidState  The start of its transaction is not known.
Status TransactionStore::read_head(PendingMessage& out, RecordTime& time) {
  if (pending_messages_ == 1 && newest_head_.is_known &&
      newest_head_.sequence == last_message_sequence_ &&
      newest_head_.sequence > delivered_through_) {
    head_ = newest_head_;
    out.meter_values = newest_;
    time = newest_.time;
  } else {
    RETURN_IF_ERROR(read_oldest(out, time));
  }
  out.sequence = head_.sequence;
  out.type = head_.type;
  out.local_transaction = head_.local_transaction;
  out.connector_id = head_.connector_id;
  out.has_transaction_id = false;
  out.transaction_id = 0;
  if (out.type != RecordType::kStart && out.local_transaction != 0) {
    const Delivering* const delivering = find_delivering(out.local_transaction);
    if (delivering == nullptr) return Status::kInvalidState;
    out.connector_id = delivering->connector_id;
    out.has_transaction_id = true;
    out.transaction_id = delivering->transaction_id;
  }
  return Status::kOk;
}

/// Reads the oldest message from flash; its head tells the rest.
Status TransactionStore::read_oldest(PendingMessage& out, RecordTime& time) {
  uint8_t buffer[RecordLog::kBufferBytes];
  RecordLog::Record record;
  RETURN_IF_ERROR(find_head(MutableByteSpan(buffer), record));
  head_.is_known = true;
  head_.type = static_cast<RecordType>(record.type);
  head_.sequence = record.sequence;
  head_.local_transaction = 0;
  head_.connector_id = 0;
  head_.frame_bytes = RecordLog::frame_bytes(record.payload.size());
  switch (head_.type) {
    case RecordType::kStart:
      RETURN_IF_ERROR(decode(record.payload, out.start));
      head_.local_transaction = out.start.local_transaction;
      head_.connector_id = out.start.connector_id;
      time = out.start.time;
      return Status::kOk;
    case RecordType::kMeterValuesV1:
    case RecordType::kMeterValues:
      RETURN_IF_ERROR(decode(head_.type, record.payload, out.meter_values));
      head_.type = RecordType::kMeterValues;
      head_.local_transaction = out.meter_values.local_transaction;
      head_.connector_id = out.meter_values.connector_id;
      time = out.meter_values.time;
      return Status::kOk;
    case RecordType::kStop:
      RETURN_IF_ERROR(decode(record.payload, out.stop));
      head_.local_transaction = out.stop.local_transaction;
      out.has_stop_data = record.payload.size() > kStopRecordBytes;
      time = out.stop.time;
      return Status::kOk;
    case RecordType::kCheckpoint:
    case RecordType::kTransactionAssigned:
    case RecordType::kDelivered:
    case RecordType::kRegister:
    case RecordType::kBootTime:
    case RecordType::kLettersCleared:
    case RecordType::kDeadLetter:
    case RecordType::kStopData:
      break;
  }
  return Status::kCorrupt;
}

/// The message at the head is off the queue, on flash already.
void TransactionStore::pass_head() {
  delivered_through_ = head_.sequence;
  if (pending_messages_ > 0) --pending_messages_;
  pending_bytes_ -= std::min(pending_bytes_, head_.frame_bytes);
  if (head_.type == RecordType::kStop) erase_delivering(head_.local_transaction);
  scan_ = head_.after;
  head_.is_known = false;
  is_exhausted_ = false;
  if (pending_messages_ > 0) return;
  next_thin_level_ = 1;
  if (open_.empty()) retained_bytes_ = 0;
}

Status TransactionStore::pass_head_delivered() {
  DeliveredRecord record;
  record.through_sequence = head_.sequence;
  uint8_t image[kMaxRecordBytes];
  const Result<uint32_t> sequence = append(
      RecordType::kDelivered, encode(record, MutableByteSpan(image)), RecordLog::Space::kReserved);
  if (!sequence.ok()) return sequence.status();
  pass_head();
  return Status::kOk;
}

Status TransactionStore::assign(uint32_t sequence, int32_t transaction_id, IdTagStatus status,
                                const IdTag& parent_id_tag) {
  if (!is_loaded_) return Status::kInvalidState;
  if (!head_.is_known || head_.sequence != sequence || head_.type != RecordType::kStart) {
    return Status::kInvalidArgument;
  }
  TransactionAssignedRecord record;
  record.local_transaction = head_.local_transaction;
  record.connector_id = head_.connector_id;
  record.start_sequence = sequence;
  record.transaction_id = transaction_id;
  record.status = status;
  record.parent_id_tag = parent_id_tag;
  uint8_t image[kMaxRecordBytes];
  const Result<uint32_t> appended =
      append(RecordType::kTransactionAssigned, encode(record, MutableByteSpan(image)),
             RecordLog::Space::kReserved);
  if (!appended.ok()) return appended.status();
  if (OpenTransaction* open = find_open_mutable(record.local_transaction)) {
    open->is_assigned = true;
    open->transaction_id = transaction_id;
    open->status = status;
    open->parent_id_tag = parent_id_tag;
  }
  set_delivering(record.local_transaction, record.connector_id, transaction_id, sequence);
  pass_head();
  return Status::kOk;
}

Status TransactionStore::mark_delivered(uint32_t sequence) {
  if (!is_loaded_) return Status::kInvalidState;
  if (!head_.is_known || head_.sequence != sequence || head_.type == RecordType::kStart) {
    return Status::kInvalidArgument;
  }
  return pass_head_delivered();
}

Status TransactionStore::move_to_dead_letters(uint32_t sequence, DeadLetterReason reason) {
  if (!is_loaded_) return Status::kInvalidState;
  if (!head_.is_known || head_.sequence != sequence) return Status::kInvalidArgument;
  return give_up_head(reason);
}

Status TransactionStore::give_up_head(DeadLetterReason reason) {
  uint8_t buffer[RecordLog::kBufferBytes];
  RecordLog::Record record;
  const Status status = find_head(MutableByteSpan(buffer), record);
  if (status != Status::kOk && status != Status::kNotFound) return status;
  // A meter value can have been thinned away since it was given out.
  if (status == Status::kNotFound || record.sequence != head_.sequence) {
    head_.after = scan_;
    return pass_head_delivered();
  }
  DeadLetterRecord letter;
  letter.sequence = record.sequence;
  letter.reason = reason;
  letter.type = static_cast<RecordType>(record.type);
  letter.image = record.payload.first(DeadLetterRecord::kMaxImageBytes);
  if (const Delivering* delivering = find_delivering(head_.local_transaction);
      delivering != nullptr && head_.type != RecordType::kStart) {
    letter.has_transaction_id = true;
    letter.transaction_id = delivering->transaction_id;
  }
  uint8_t image[kMaxDeadLetterBytes];
  const Result<uint32_t> sequence = append(
      RecordType::kDeadLetter, encode(letter, MutableByteSpan(image)), RecordLog::Space::kReserved);
  if (!sequence.ok()) return sequence.status();
  ++dead_letters_;
  if (head_.type == RecordType::kStart && head_.local_transaction != 0) {
    mark_undeliverable(head_.local_transaction, head_.connector_id, head_.sequence);
  }
  pass_head();
  return Status::kOk;
}

Status TransactionStore::read_dead_letter(size_t index, DeadLetter& out) {
  if (!is_loaded_) return Status::kInvalidState;
  uint8_t buffer[RecordLog::kBufferBytes];
  RecordLog::Cursor cursor;
  RecordLog::Record record;
  do {
    RETURN_IF_ERROR(find_letter(cursor, MutableByteSpan(buffer), record));
  } while (index-- > 0);
  DeadLetterRecord letter;
  RETURN_IF_ERROR(decode(record.payload, letter));
  out.reason = letter.reason;
  out.sequence = letter.sequence;
  out.type = letter.type;
  out.has_transaction_id = letter.has_transaction_id;
  out.transaction_id = letter.transaction_id;
  if (letter.type == RecordType::kStart) return decode(letter.image, out.start);
  if (is_meter_values(letter.type)) {
    out.type = RecordType::kMeterValues;
    return decode(letter.type, letter.image, out.meter_values);
  }
  if (letter.type == RecordType::kStop) return decode(letter.image, out.stop);
  return Status::kCorrupt;
}

Status TransactionStore::keep_dead_letter(size_t index) {
  if (!is_loaded_) return Status::kInvalidState;
  uint8_t buffer[RecordLog::kBufferBytes];
  RecordLog::Cursor cursor;
  RecordLog::Record record;
  do {
    RETURN_IF_ERROR(find_letter(cursor, MutableByteSpan(buffer), record));
  } while (index-- > 0);
  RETURN_IF_ERROR(records_
                      .append(static_cast<uint8_t>(RecordType::kDeadLetter), record.payload,
                              RecordLog::Space::kReserved)
                      .status());
  ++dead_letters_;
  return Status::kOk;
}

/// The next dead letter that is not cleared.
Status TransactionStore::find_letter(RecordLog::Cursor& cursor, MutableByteSpan buffer,
                                     RecordLog::Record& record) const {
  for (;;) {
    RETURN_IF_ERROR(records_.read(cursor, buffer, record));
    if (record.type == static_cast<uint8_t>(RecordType::kDeadLetter) &&
        record.sequence > letters_cleared_through_) {
      return Status::kOk;
    }
  }
}

Status TransactionStore::count_letters() {
  uint8_t buffer[RecordLog::kBufferBytes];
  RecordLog::Cursor cursor;
  RecordLog::Record record;
  uint32_t count = 0;
  Status status = Status::kOk;
  while ((status = find_letter(cursor, MutableByteSpan(buffer), record)) == Status::kOk) ++count;
  if (status != Status::kNotFound) return status;
  dead_letters_ = count;
  return Status::kOk;
}

Status TransactionStore::clear_dead_letters(uint32_t through_sequence) {
  if (!is_loaded_) return Status::kInvalidState;
  if (dead_letters_ == 0) return Status::kOk;
  DeliveredRecord record;
  record.through_sequence = through_sequence;
  uint8_t image[kMaxRecordBytes];
  const Result<uint32_t> sequence =
      append(RecordType::kLettersCleared, encode(record, MutableByteSpan(image)),
             RecordLog::Space::kReserved);
  if (!sequence.ok()) return sequence.status();
  letters_cleared_through_ = through_sequence;
  letters_cleared_at_ = sequence.value();
  return count_letters();
}

TransactionStore::Counters TransactionStore::counters() const {
  Counters counters;
  counters.pending_messages = pending_messages_;
  counters.pending_bytes = pending_bytes_;
  counters.dead_letters = dead_letters_;
  counters.thinned_meter_values = thinned_meter_values_;
  counters.refused_meter_values = refused_meter_values_;
  counters.damaged_frames = records_.counters().damaged_frames;
  counters.log_bytes = records_.size_bytes();
  counters.capacity_bytes = records_.capacity_bytes();
  counters.compactions = records_.counters().compactions;
  counters.bytes_written = records_.counters().bytes_written;
  counters.transactions = last_local_transaction_ - local_transaction_at_load_;
  return counters;
}

}  // namespace ocpp
