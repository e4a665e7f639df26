// Start-up of the transaction store: replaying the log.
#include "ocpp/transaction_store.hpp"

#include <algorithm>

namespace ocpp {

using common::MutableByteSpan;
using common::Status;
using platform::RecordLog;

LOG_MODULE("ocpp.store");

namespace {

/// Set aside for acknowledgements, dead letters and times: they are what frees space.
constexpr uint32_t kBookkeepingBytes = 2048;

}  // namespace

/// Replays the log, oldest record first. What matters at the end: which transactions are open, which starts are
/// answered, up to where messages are delivered. Undecodable records are skipped: a message among them is given up
/// when its turn comes.
class TransactionStore::Loader final : public RecordLog::Visitor {
 public:
  explicit Loader(TransactionStore& store) : store_(store) {}

  void on_record(const RecordLog::Record& record) override {
    RecordTime time;
    if (time_of(record.type, record.payload, time)) see_boot(time.boot_id);
    switch (static_cast<RecordType>(record.type)) {
      case RecordType::kCheckpoint:
        return on_checkpoint(record);
      case RecordType::kStart:
        return on_start(record);
      case RecordType::kMeterValues:
      case RecordType::kMeterValuesV1:
      case RecordType::kStopData:
        return on_meter_values(record);
      case RecordType::kStop:
        return on_stop(record);
      case RecordType::kTransactionAssigned:
        return on_assigned(record);
      case RecordType::kDelivered: {
        DeliveredRecord delivered;
        if (decode(record.payload, delivered) == Status::kOk) deliver(delivered.through_sequence);
        return;
      }
      case RecordType::kRegister: {
        RegisterRecord journaled;
        if (decode(record.payload, journaled) != Status::kOk) return;
        see_register(journaled.local_transaction, journaled.meter_wh, journaled.time,
                     record.sequence);
        return;
      }
      case RecordType::kBootTime: {
        BootTimeRecord boot_time;
        if (decode(record.payload, boot_time) == Status::kOk) see_boot(boot_time.boot_id);
        return;
      }
      case RecordType::kDeadLetter:
        return on_dead_letter(record);
      case RecordType::kLettersCleared: {
        DeliveredRecord cleared;
        if (decode(record.payload, cleared) != Status::kOk) return;
        store_.letters_cleared_through_ = cleared.through_sequence;
        store_.letters_cleared_at_ = record.sequence;
        return;
      }
    }
    // A type of newer firmware: not ours to judge.
  }

  bool is_supported() const { return is_supported_; }
  uint32_t last_boot_id() const { return last_boot_id_; }

 private:
  void on_checkpoint(const RecordLog::Record& record) {
    CheckpointRecord checkpoint;
    if (decode(record.payload, checkpoint) != Status::kOk) return;
    if (checkpoint.format > kCheckpointFormat) is_supported_ = false;
    deliver(checkpoint.delivered_through);
    see_boot(checkpoint.last_boot_id);
    store_.last_local_transaction_ =
        std::max(store_.last_local_transaction_, checkpoint.last_local_transaction);
  }

  void on_start(const RecordLog::Record& record) {
    store_.last_message_sequence_ = record.sequence;
    OpenTransaction open;
    if (decode(record.payload, open.start) != Status::kOk) return;
    open.start_sequence = record.sequence;
    open.has_stop_data = record.payload.size() > kStartRecordBytes;
    open.last_meter_wh = open.start.meter_start_wh;
    open.last_meter_time = open.start.time;
    open.last_meter_sequence = record.sequence;
    store_.last_local_transaction_ =
        std::max(store_.last_local_transaction_, open.start.local_transaction);
    if (store_.open_.full()) {
      // Only possible where stops were lost to damage: the oldest such leftover makes room.
      LOG_ERROR(store_.log_, "stop of transaction #%lu is missing",
                static_cast<unsigned long>(store_.open_[0].start.local_transaction));
      store_.open_.erase(0);
    }
    const Status pushed = store_.open_.push_back(open);
    static_cast<void>(pushed);
  }

  void on_meter_values(const RecordLog::Record& record) {
    const auto type = static_cast<RecordType>(record.type);
    if (is_meter_values(type)) store_.last_message_sequence_ = record.sequence;
    MeterValuesRecord values;
    if (decode(type, record.payload, values) != Status::kOk) return;
    OpenTransaction* const open = store_.find_open_mutable(values.local_transaction);
    if (open != nullptr && values.stop_index != 0) {
      open->has_stop_data = true;
      open->stop_index = values.stop_index;
    }
    if (!is_meter_values(type)) return;
    if (values.connector_id <= limits::kMaxConnectors) {
      store_.next_ordinal_[values.connector_id] = static_cast<uint16_t>(values.ordinal + 1);
    }
    int64_t meter_wh = 0;
    if (!values.register_wh(meter_wh)) return;
    see_register(values.local_transaction, meter_wh, values.time, record.sequence);
  }

  void on_stop(const RecordLog::Record& record) {
    store_.last_message_sequence_ = record.sequence;
    StopRecord stop;
    if (decode(record.payload, stop) == Status::kOk) store_.close_open(stop.local_transaction);
  }

  void on_assigned(const RecordLog::Record& record) {
    TransactionAssignedRecord assigned;
    if (decode(record.payload, assigned) != Status::kOk) return;
    deliver(assigned.start_sequence);
    if (OpenTransaction* open = store_.find_open_mutable(assigned.local_transaction)) {
      open->is_assigned = true;
      open->transaction_id = assigned.transaction_id;
      open->status = assigned.status;
      open->parent_id_tag = assigned.parent_id_tag;
    }
    store_.set_delivering(assigned.local_transaction, assigned.connector_id,
                          assigned.transaction_id, assigned.start_sequence);
  }

  void on_dead_letter(const RecordLog::Record& record) {
    DeadLetterRecord letter;
    if (decode(record.payload, letter) != Status::kOk) return;
    deliver(letter.sequence);
    ++store_.dead_letters_;
    StartRecord start;
    if (letter.type != RecordType::kStart || decode(letter.image, start) != Status::kOk) return;
    store_.mark_undeliverable(start.local_transaction, start.connector_id, letter.sequence);
  }

  void deliver(uint32_t sequence) {
    store_.delivered_through_ = std::max(store_.delivered_through_, sequence);
  }
  void see_boot(uint32_t boot_id) { last_boot_id_ = std::max(last_boot_id_, boot_id); }
  void see_register(uint32_t local_transaction, int64_t meter_wh, const RecordTime& time,
                    uint32_t sequence) {
    OpenTransaction* const open = store_.find_open_mutable(local_transaction);
    if (open == nullptr || meter_wh < open->last_meter_wh) return;
    open->last_meter_wh = meter_wh;
    open->last_meter_time = time;
    open->last_meter_sequence = sequence;
  }

  TransactionStore& store_;
  bool is_supported_ = true;
  uint32_t last_boot_id_ = 0;
};

void TransactionStore::reset() {
  is_loaded_ = false;
  boot_id_ = 0;
  last_local_transaction_ = 0;
  delivered_through_ = 0;
  last_message_sequence_ = 0;
  pending_messages_ = 0;
  pending_bytes_ = 0;
  retained_bytes_ = 0;
  dead_letters_ = 0;
  letters_cleared_through_ = 0;
  letters_cleared_at_ = 0;
  scan_ = RecordLog::Cursor();
  head_ = Head();
  is_boot_time_known_ = false;
  has_records_without_utc_ = false;
  cached_boot_id_ = 0;
  compaction_ = Compaction();
  next_thin_level_ = 1;
  is_exhausted_ = false;
  retry_above_bytes_ = 0;
  thinned_meter_values_ = 0;
  refused_meter_values_ = 0;
  for (uint16_t& ordinal : next_ordinal_) ordinal = 0;
  open_.clear();
  delivering_.clear();
}

Status TransactionStore::load() {
  reset();
  Loader loader(*this);
  const Status status = records_.load(loader);
  if (status != Status::kOk || !loader.is_supported()) {
    reset();
    return status != Status::kOk ? status : Status::kUnsupported;
  }
  boot_id_ = loader.last_boot_id() + 1;
  for (OpenTransaction& open : open_) {
    if (open.is_assigned || open.start_sequence > delivered_through_) continue;
    // The answer was on flash once (later messages are delivered) and is damaged.
    LOG_ERROR(log_, "transaction id of #%lu is lost",
              static_cast<unsigned long>(open.start.local_transaction));
    mark_undeliverable(open.start.local_transaction, open.start.connector_id, open.start_sequence);
  }
  Status counted = count_pending();
  if (counted == Status::kOk && letters_cleared_at_ != 0) counted = count_letters();
  if (counted != Status::kOk) {
    reset();
    return counted;
  }
  is_loaded_ = true;
  local_transaction_at_load_ = last_local_transaction_;
  const uint32_t reserve =
      kBookkeepingBytes + kStopFrameBytes * static_cast<uint32_t>(open_.size());
  if (records_.reserve(reserve) != Status::kOk) {
    LOG_WARN(log_, "flash is nearly full: %lu bytes free",
             static_cast<unsigned long>(records_.free_bytes()));
    const Status made = run_compaction(0);
    if (made == Status::kOk) static_cast<void>(records_.reserve(reserve) == Status::kOk);
  }
  if (records_.counters().damaged_frames > 0) {
    LOG_WARN(log_, "%lu damaged places in the log",
             static_cast<unsigned long>(records_.counters().damaged_frames));
  }
  LOG_INFO(log_, "boot %lu: %u open, %lu waiting", static_cast<unsigned long>(boot_id_),
           static_cast<unsigned>(open_.size()), static_cast<unsigned long>(pending_messages_));
  return Status::kOk;
}

/// Finds where the queue begins and how long it is.
Status TransactionStore::count_pending() {
  for (Delivering& delivering : delivering_) {
    delivering.is_needed = find_open(delivering.local_transaction) != nullptr;
  }
  uint32_t messages = 0;
  uint32_t bytes = 0;
  RecordLog::Cursor first;
  first.offset = records_.size_bytes();
  first.last_sequence = records_.next_sequence() - 1;
  if (last_message_sequence_ > delivered_through_) {
    uint8_t buffer[RecordLog::kBufferBytes];
    RecordLog::Cursor cursor;
    for (;;) {
      const RecordLog::Cursor before = cursor;
      RecordLog::Record record;
      const Status status = records_.read(cursor, MutableByteSpan(buffer), record);
      if (status == Status::kNotFound) break;
      RETURN_IF_ERROR(status);
      if (!is_message(record.type) || record.sequence <= delivered_through_) continue;
      if (messages == 0) first = before;
      ++messages;
      bytes += RecordLog::frame_bytes(record.payload.size());
      // Start, MeterValues and Stop all begin with the local number.
      StopRecord stop;
      if (record.type != static_cast<uint8_t>(RecordType::kStop)) continue;
      if (decode(record.payload, stop) != Status::kOk) continue;
      if (Delivering* delivering = find_delivering(stop.local_transaction)) {
        delivering->is_needed = true;
      }
    }
  }
  pending_messages_ = messages;
  pending_bytes_ = bytes;
  scan_ = first;
  for (size_t i = delivering_.size(); i > 0; --i) {
    if (!delivering_[i - 1].is_needed) delivering_.erase(i - 1);
  }
  return Status::kOk;
}

}  // namespace ocpp
