// Compaction of the transaction store: what stays, when it runs.
#include "ocpp/transaction_store.hpp"

#include <algorithm>

namespace ocpp {

using common::MutableByteSpan;
using common::Status;
using platform::RecordLog;

LOG_MODULE("ocpp.store");

namespace {

/// Below this size a compaction in the background does not pay.
constexpr uint32_t kCompactFromBytes = 16 * 1024;
constexpr uint8_t kMaxThinLevel = 8;
/// After a compaction failed (file system full), wait for this much more in the log.
constexpr uint32_t kRetryBytes = 4096;
/// Rough flash bytes of an open transaction, a dead letter and the checkpoint once compacted.
constexpr uint32_t kOpenLiveBytes = 256;
constexpr uint32_t kDeadLetterLiveBytes = 110;
constexpr uint32_t kCheckpointLiveBytes = 64;

bool is_thinnable(SampleContext context) {
  return context == SampleContext::kSamplePeriodic || context == SampleContext::kSampleClock;
}

bool is_kept_at(uint8_t thin_level, uint16_t ordinal) {
  return (ordinal & ((1U << thin_level) - 1U)) == 0;
}

}  // namespace

/// Decides what a compaction keeps. Judges by the state when it began: whatever happened since is in records
/// that are all kept, so replaying the new file gives the same state as replaying the old one.
class TransactionStore::Keeper final : public RecordLog::Filter {
 public:
  explicit Keeper(TransactionStore& store) : store_(store) {}

  bool may_keep(uint8_t type, uint32_t sequence) override {
    const bool is_pending = sequence > store_.compaction_.delivered_through;
    switch (static_cast<RecordType>(type)) {
      case RecordType::kStart:
        return is_pending || is_needed_start(sequence);
      case RecordType::kMeterValuesV1:
        return is_pending || is_last_register(sequence);
      case RecordType::kMeterValues:
        return is_pending || is_last_register(sequence) || may_be_stop_data();
      case RecordType::kStop:
        return is_pending;
      case RecordType::kRegister:
        return is_last_register(sequence);
      case RecordType::kBootTime:
        return store_.compaction_.keeps_boot_times;
      case RecordType::kCheckpoint:
      case RecordType::kDelivered:
        return false;  // in the new checkpoint
      case RecordType::kLettersCleared:
        return sequence >= store_.letters_cleared_at_;
      case RecordType::kTransactionAssigned:
      case RecordType::kDeadLetter:
      case RecordType::kStopData:
        break;
    }
    return true;  // decided by the content, or of newer firmware
  }

  bool keep(const RecordLog::Record& record) override {
    switch (static_cast<RecordType>(record.type)) {
      case RecordType::kMeterValues:
      case RecordType::kMeterValuesV1:
      case RecordType::kStopData:
        return is_last_register(record.sequence) || is_reading_kept(record);
      case RecordType::kTransactionAssigned: {
        TransactionAssignedRecord assigned;
        if (decode(record.payload, assigned) != Status::kOk) return false;
        return store_.find_open(assigned.local_transaction) != nullptr ||
               store_.find_delivering(assigned.local_transaction) != nullptr;
      }
      case RecordType::kDeadLetter:
        return keep_dead_letter(record);
      case RecordType::kStart:
      case RecordType::kStop:
      case RecordType::kRegister:
      case RecordType::kBootTime:
      case RecordType::kLettersCleared:
      case RecordType::kCheckpoint:
      case RecordType::kDelivered:
        break;
    }
    return true;
  }

 private:
  /// Of an open transaction, or with readings for a stop that is not delivered.
  bool is_needed_start(uint32_t sequence) const {
    for (const OpenTransaction& open : store_.open_) {
      if (open.start_sequence == sequence) return true;
    }
    for (const Delivering& delivering : store_.delivering_) {
      if (delivering.start_sequence == sequence) return true;
    }
    return false;
  }
  /// Spares the reading of delivered meter values where no transaction keeps any.
  bool may_be_stop_data() const {
    for (const OpenTransaction& open : store_.open_) {
      if (open.has_stop_data) return true;
    }
    return store_.delivering_.size() > store_.open_.size();
  }
  bool is_last_register(uint32_t sequence) const {
    for (const OpenTransaction& open : store_.open_) {
      if (open.last_meter_sequence == sequence) return true;
    }
    return false;
  }
  /// For a stop that is not delivered, and not one that the stride leaves out.
  bool is_stop_data(const MeterValuesRecord& reading, bool is_pending) const {
    if (reading.stop_index == 0) return false;
    const OpenTransaction* const open = store_.find_open(reading.local_transaction);
    if (open != nullptr) return reading.stop_index % stop_stride(open->stop_index) == 0;
    return is_pending || store_.find_delivering(reading.local_transaction) != nullptr;
  }
  bool is_reading_kept(const RecordLog::Record& record) {
    Compaction& compaction = store_.compaction_;
    const auto type = static_cast<RecordType>(record.type);
    const bool is_pending = record.sequence > compaction.delivered_through;
    const bool is_message = type != RecordType::kStopData;
    MeterValuesRecord reading;
    if (decode(type, record.payload, reading) != Status::kOk) return is_message && is_pending;
    if (!(is_message && is_pending) && !is_stop_data(reading, is_pending)) return false;
    const uint32_t bytes = RecordLog::frame_bytes(record.payload.size());
    // What is or may be on its way stays, so that a retry is identical.
    const Head& head = store_.head_;
    const bool is_on_its_way =
        head.is_known &&
        (head.sequence == record.sequence ||
         (head.type == RecordType::kStop && head.local_transaction == reading.local_transaction));
    if (is_thinnable(reading.context) && !is_on_its_way) {
      const auto ordinal = static_cast<uint16_t>(is_message ? reading.ordinal : reading.stop_index);
      if (!is_kept_at(compaction.thin_level, ordinal)) {
        compaction.thinned += is_message && is_pending ? 1 : 0;
        return false;
      }
      if (!is_kept_at(kMaxThinLevel, ordinal)) compaction.thinnable_bytes += bytes;
    }
    if (!is_message || !is_pending) compaction.retained_bytes += bytes;
    return true;
  }
  bool keep_dead_letter(const RecordLog::Record& record) {
    Compaction& compaction = store_.compaction_;
    DeadLetterRecord letter;
    StartRecord start;
    if (decode(record.payload, letter) == Status::kOk && letter.type == RecordType::kStart &&
        decode(letter.image, start) == Status::kOk &&
        (store_.find_open(start.local_transaction) != nullptr ||
         store_.find_delivering(start.local_transaction) != nullptr)) {
      return true;  // the only trace that this start was given up
    }
    if (record.sequence <= store_.letters_cleared_through_) return false;
    if (compaction.dead_letters_dropped >= compaction.dead_letters_to_drop) return true;
    ++compaction.dead_letters_dropped;
    return false;
  }

  TransactionStore& store_;
};

Status TransactionStore::begin_compaction(uint8_t thin_level) {
  compaction_ = Compaction();
  compaction_.thin_level = thin_level;
  compaction_.delivered_through = delivered_through_;
  compaction_.keeps_boot_times =
      pending_messages_ > 0 || !open_.empty() || has_records_without_utc_;
  if (dead_letters_ > kMaxDeadLetters) {
    compaction_.dead_letters_to_drop = dead_letters_ - static_cast<uint32_t>(kMaxDeadLetters);
  }
  CheckpointRecord checkpoint;
  checkpoint.format = kCheckpointFormat;
  checkpoint.delivered_through = delivered_through_;
  checkpoint.last_local_transaction = last_local_transaction_;
  checkpoint.last_boot_id = boot_id_;
  uint8_t image[kMaxRecordBytes];
  return records_.begin_compaction(encode(checkpoint, MutableByteSpan(image)));
}

/// @retval kOk  Finished.  @retval kAgain  More to do.
Status TransactionStore::compaction_step() {
  Keeper keeper(*this);
  const Status status = records_.compaction_step(keeper);
  if (status == Status::kOk) {
    on_compacted();
  } else if (status != Status::kAgain) {
    forget_places();
    LOG_WARN(log_, "compaction abandoned: %s", common::to_string(status));
    retry_above_bytes_ = records_.size_bytes() + kRetryBytes;
  }
  return status;
}

void TransactionStore::forget_places() {
  scan_ = RecordLog::Cursor();
  head_.after = RecordLog::Cursor();
  newest_head_.is_known = false;
}

void TransactionStore::on_compacted() {
  forget_places();
  retry_above_bytes_ = 0;
  retained_bytes_ = compaction_.retained_bytes;
  dead_letters_ -= std::min(dead_letters_, compaction_.dead_letters_dropped);
  thinned_meter_values_ += compaction_.thinned;
  if (compaction_.thinned > 0) {
    LOG_WARN(log_, "flash full: %lu meter values dropped",
             static_cast<unsigned long>(compaction_.thinned));
    // Some may have been delivered between the copy and now: count what is there. Where reading fails
    // the old count stays, which is too high until the queue is empty.
    const Status counted = count_pending();
    static_cast<void>(counted);
  }
  if (compaction_.thin_level > 0) {
    next_thin_level_ =
        static_cast<uint8_t>(std::min<int>(compaction_.thin_level + 1, kMaxThinLevel));
    is_exhausted_ = compaction_.thinnable_bytes == 0;
  }
  LOG_DEBUG(log_, "compacted to %lu bytes", static_cast<unsigned long>(records_.size_bytes()));
}

Status TransactionStore::run_compaction(uint8_t thin_level) {
  RETURN_IF_ERROR(begin_compaction(thin_level));
  Status status = Status::kAgain;
  while (status == Status::kAgain) status = compaction_step();
  return status;
}

uint32_t TransactionStore::live_bytes() const {
  return pending_bytes_ + retained_bytes_ + kOpenLiveBytes * static_cast<uint32_t>(open_.size()) +
         kDeadLetterLiveBytes * std::min(dead_letters_, static_cast<uint32_t>(kMaxDeadLetters)) +
         kCheckpointLiveBytes;
}

/// Frees space at once: drops what is dead, then thins meter values, ever more.
Status TransactionStore::make_room(uint32_t bytes, RecordLog::Space space) {
  records_.measure();
  if (records_.free_bytes(space) >= bytes) return Status::kOk;
  if (is_exhausted_) return Status::kNoSpace;
  Status status = Status::kAgain;
  while (records_.is_compacting() && status == Status::kAgain) status = compaction_step();
  if (records_.free_bytes(space) >= bytes) return Status::kOk;
  // Without thinning first, if that promises enough.
  const uint64_t wanted = uint64_t{live_bytes()} + bytes + records_.reserved_bytes();
  uint8_t thin_level = wanted < records_.capacity_bytes() ? 0 : next_thin_level_;
  for (;;) {
    status = run_compaction(thin_level);
    if (status != Status::kOk) return status;
    if (records_.free_bytes(space) >= bytes) return Status::kOk;
    if (is_exhausted_ || thin_level == kMaxThinLevel) break;
    thin_level = thin_level == 0 ? next_thin_level_ : static_cast<uint8_t>(thin_level + 1);
  }
  is_exhausted_ = true;
  LOG_ERROR(log_, "flash full: %lu messages waiting",
            static_cast<unsigned long>(pending_messages_));
  return Status::kNoSpace;
}

bool TransactionStore::needs_maintenance() const {
  if (!is_loaded_) return false;
  if (records_.is_compacting()) return true;
  const uint32_t size = records_.size_bytes();
  if (size < retry_above_bytes_) return false;
  const uint32_t capacity = records_.capacity_bytes();
  const uint32_t live = live_bytes();
  if (size >= std::min(kCompactFromBytes, capacity / 4) && live <= size / 2) return true;
  // Nearly full: also for less, before it must be done all at once.
  return records_.free_bytes() < capacity / 8 && live + capacity / 16 <= size;
}

Status TransactionStore::compact() {
  if (!is_loaded_) return Status::kInvalidState;
  Status status = Status::kAgain;
  while (records_.is_compacting() && status == Status::kAgain) status = compaction_step();
  return run_compaction(0);
}

bool TransactionStore::maintain() {
  if (!needs_maintenance()) return false;
  if (!records_.is_compacting()) {
    const Status status = begin_compaction(0);
    if (status != Status::kOk) {
      LOG_WARN(log_, "compaction not possible: %s", common::to_string(status));
      retry_above_bytes_ = records_.size_bytes() + kRetryBytes;
      return false;
    }
    return true;
  }
  return compaction_step() == Status::kAgain;
}

}  // namespace ocpp
