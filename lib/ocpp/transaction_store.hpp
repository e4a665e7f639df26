#pragma once

#include "common/fixed_vector.hpp"
#include "common/limits.hpp"
#include "common/log.hpp"
#include "ocpp/records.hpp"
#include "platform/record_log.hpp"

namespace ocpp {

/// A transaction that has begun and not ended.
struct OpenTransaction {
  StartRecord start;
  uint32_t start_sequence = 0;
  /// The CSMS answered the start; the next three fields hold its answer.
  bool is_assigned = false;
  int32_t transaction_id = 0;                   ///< -1 when the start was given up (dead letter).
  IdTagStatus status = IdTagStatus::kAccepted;  ///< kInvalid when the start was given up.
  IdTag parent_id_tag;                          ///< Empty when none.
  /// Last register on flash, Wh: meter start, a meter value or a journaled register.
  int64_t last_meter_wh = 0;
  RecordTime last_meter_time;        ///< When that was.
  uint32_t last_meter_sequence = 0;  ///< The record that holds it.
  bool has_stop_data = false;        ///< Readings for the stop's transactionData are on flash.
  uint32_t stop_index = 0;           ///< Of the last one between begin and end.
};

/// Of more than limits::kMaxStopReadings readings between begin and end every second one goes, again
/// and again: those whose index is a multiple of the stride stay.
/// @param last_index  Of the transaction's last reading.
constexpr uint32_t stop_stride(uint32_t last_index) {
  uint32_t stride = 1;
  while (last_index / stride >= limits::kMaxStopReadings) stride *= 2;
  return stride;
}

/// The oldest message that the CSMS has not answered, complete: it can be encoded without further state, and
/// peeking again - now, or after a restart - gives the same.
struct PendingMessage {
  uint32_t sequence = 0;
  /// kStart, kMeterValues or kStop: which member below is meant; the others are not touched.
  RecordType type = RecordType::kStart;
  uint32_t local_transaction = 0;  ///< 0 = meter values outside any transaction.
  uint8_t connector_id = 0;        ///< Of the transaction or sample; 0 = the gateway as a whole.
  /// False for starts, and for meter values outside any transaction.
  bool has_transaction_id = false;
  /// As assigned; -1 when the start was given up (OCPP 1.6 errata 3.18).
  int32_t transaction_id = 0;
  common::UtcTime utc;         ///< Time of the event, always known.
  bool has_stop_data = false;  ///< Of a stop: next_stop_reading() has something to tell.
  StartRecord start;
  MeterValuesRecord meter_values;
  StopRecord stop;
};

/// A message that was given up; its UTC is not filled in.
struct DeadLetter : PendingMessage {
  DeadLetterReason reason = DeadLetterReason::kOther;
};

/// Everything about transactions that must survive a power cut, and the queue of transaction-related messages.
/// Messages are not stored: the queue is the log itself, read from a cursor, so RAM does not grow with the backlog.
///
///     begin_transaction ---> [Start] --- append_meter_values ---> [MeterValues]* --- end_transaction ---> [Stop]
///                                                                                                          (log)
///     next_pending (peek oldest) ---> send ---> answer ---> assign (Start) | mark_delivered | move_to_dead_letters
///
/// Order: what was appended first is delivered first, over all connectors; so per transaction Start < MeterValues <
/// Stop. An acknowledgement is on flash before the next message is given out: a message whose answer was recorded is
/// never given out again, one whose answer was lost is given out again unchanged.
///
/// Space: the log has max_bytes (at least 200 offline transactions with 2,000 meter values in the default 256 KiB;
/// while it is compacted a second file of at most that size exists). When it fills up, meter values waiting in the
/// queue are thinned first, every second one, evenly over time; then new meter values are refused; starts are refused
/// last. An accepted start has its stop's space reserved. Starts and stops are never dropped.
///
/// @par Context  Loop thread only. No heap; at most 1.7 KiB of stack. About 600 bytes + 180 bytes per connector of RAM.
/// @par Spec     OCPP 1.6 ed. 2, 3.7 and 3.7.1 (transaction-related messages), 4.8, 4.10; errata 3.18.
class TransactionStore {
 public:
  static constexpr uint32_t kDefaultBytes = 256 * 1024;
  static constexpr uint32_t kMinimumBytes = 8 * 1024;
  static constexpr size_t kMaxDeadLetters = 16;  ///< The oldest are forgotten beyond that.

  struct Settings {
    const char* file_name = "transactions.log";  ///< Outlives the store.
    uint32_t max_bytes = kDefaultBytes;          ///< kMinimumBytes or more.
    /// A register is journaled when it moved and this long passed since the last one on flash, ms ...
    uint32_t journal_interval_ms = 60'000;
    /// ... or when it moved by this much, Wh ...
    uint32_t journal_step_wh = 100;
    /// ... but never more often than this, ms (flash wear).
    uint32_t journal_minimum_ms = 15'000;
  };

  struct Counters {
    uint32_t pending_messages = 0;      ///< Waiting for the CSMS.
    uint32_t pending_bytes = 0;         ///< Their size on flash.
    uint32_t dead_letters = 0;          ///< Readable with read_dead_letter().
    uint32_t thinned_meter_values = 0;  ///< Dropped from the queue for space, since load().
    uint32_t refused_meter_values = 0;  ///< Not taken into the queue for space, since load().
    uint32_t damaged_frames = 0;        ///< Torn or corrupted stretches met by load().
    uint32_t log_bytes = 0;             ///< Size of the file.
    uint32_t capacity_bytes = 0;
    uint32_t compactions = 0;  ///< Since load().
    /// To flash since load(); the difference over a transaction is its cost.
    uint64_t bytes_written = 0;
    uint32_t transactions = 0;  ///< Begun since load().
  };

  TransactionStore(platform::FileStore& files, common::LogSink& log, const Settings& settings);
  TransactionStore(platform::FileStore& files, common::LogSink& log)
      : TransactionStore(files, log, Settings()) {}

  /// Reads the log; call once after start-up, before anything else.
  /// @retval kIo  The file system does not answer; may be called again. Until it succeeds every other call
  ///              returns kInvalidState and nothing is open or pending.
  /// @retval kUnsupported  Written by a newer firmware in a way that this one must not touch.
  common::Status load();

  /// Number of this boot, larger than that of every earlier boot with records.
  uint32_t boot_id() const { return boot_id_; }
  /// The time of something that happens now. @param utc  0 while unknown.
  RecordTime stamp(common::Instant now, common::UtcTime utc) const {
    return RecordTime{boot_id_, now, utc};
  }

  // --- Life of a transaction ---------------------------------------------------------------------------------

  /// Records the start and queues it. The relay may close once this returned kOk, not before.
  /// @param start  local_transaction is ignored.
  /// @param values  Transaction.Begin for the stop's transactionData; empty = none.
  /// @return The local number of the transaction.
  /// @retval kNoSpace  No room for the start and a later stop. Nothing was stored.
  /// @retval kIo       Not stored. After a power cut or restart the start may nevertheless turn up as open.
  /// @retval kInvalidState     A transaction is open on this connector.
  /// @retval kInvalidArgument  Connector out of 1..kMaxConnectors.
  common::Result<uint32_t> begin_transaction(const StartRecord& start,
                                             const MeasuredValues& values = MeasuredValues());

  /// Queues one sample. @param record  local_transaction 0 or an open one; ordinal and UTC are set.
  /// @param is_for_stop  The same values also belong into the stop's transactionData.
  /// @retval kNoSpace  Refused for space; counted. The session goes on.
  /// @retval kNotFound No such open transaction.
  common::Status append_meter_values(MeterValuesRecord& record, bool is_for_stop = false);

  /// Keeps a reading for the stop's transactionData alone. Costs no flash for those that would be
  /// thinned away anyway. @param record, @return  As above; of an open transaction.
  common::Status append_stop_data(MeterValuesRecord& record);

  /// Keeps the register for the case of a power loss. Cheap to call at every sample: writes only when the
  /// settings' interval or step is reached, and never less than what a meter value on flash already says.
  /// @retval kOk  Stored, or not due.  @retval kNoSpace, kIo  Not stored; harmless.  @retval kNotFound
  common::Status journal_register(uint32_t local_transaction, int64_t meter_wh,
                                  const RecordTime& time);

  /// Records the stop and queues it. @param values  Transaction.End, as above. A meter_stop_wh below the last register on flash is raised to it.
  /// @retval kNotFound  No such open transaction.
  /// @retval kIo, kNoSpace (the file system's)  Not stored: the transaction is still open; try again.
  common::Status end_transaction(const StopRecord& stop,
                                 const MeasuredValues& values = MeasuredValues());

  /// The open transactions, after load() as before. Valid until the next call that is not const.
  common::Span<const OpenTransaction> open_transactions() const { return open_.span(); }
  /// @return nullptr when none. A damaged log can hold several for one connector: this is the latest.
  const OpenTransaction* open_on(uint8_t connector_id) const;
  const OpenTransaction* find_open(uint32_t local_transaction) const;
  bool has_room_for_transaction() const;

  // --- Queue -------------------------------------------------------------------------------------------------

  bool has_pending() const { return pending_messages_ > 0; }
  /// The file holds something, and no record: more than a torn append can leave.
  bool is_garbage() const {
    return records_.next_sequence() == 1 &&
           records_.size_bytes() > platform::RecordLog::kBufferBytes;
  }
  /// Peeks at the oldest undelivered message; costs no flash access when none is waiting.
  /// @retval kNotFound  None is waiting.
  /// @retval kAgain     Its time is not known before set_boot_time().
  /// @retval kIo
  common::Status next_pending(PendingMessage& out);

  /// Reads on from the cursor to the next of the readings kept for the stop of a transaction: begin,
  /// readings in order, end. Some may be superfluous: see stop_stride().
  /// @param out  Context, index (0 = begin or end: never left out), time and values.
  /// @param cursor  A fresh one to begin with. Meaningless after a call that is not const.
  /// @retval kNotFound  No more.  @retval kIo
  common::Status next_stop_reading(platform::RecordLog::Cursor& cursor, uint32_t local_transaction,
                                   MeterValuesRecord& out) const;

  /// The CSMS answered the pending StartTransaction: stores the transaction id and takes the start off the queue.
  /// @param sequence  Of the message last given out by next_pending(), a start.
  /// @retval kInvalidArgument  It is not.  @retval kIo, kNoSpace  Not stored; the message stays pending: try again.
  common::Status assign(uint32_t sequence, int32_t transaction_id, IdTagStatus status,
                        const IdTag& parent_id_tag);

  /// The CSMS answered the pending MeterValues or StopTransaction: takes it off the queue.
  /// @retval kInvalidArgument  Not the message last given out, or a start.  @retval kIo, kNoSpace  As above.
  common::Status mark_delivered(uint32_t sequence);

  /// Gives the pending message up and keeps it for reading. After that of a start the transaction's other
  /// messages go out with transaction id -1.
  common::Status move_to_dead_letters(uint32_t sequence, DeadLetterReason reason);

  /// @param index  0 = the oldest kept.  @retval kNotFound  No such dead letter.
  common::Status read_dead_letter(size_t index, DeadLetter& out);
  /// Stores a dead letter anew, behind all others.  @retval kNotFound, kIo, kNoSpace
  common::Status keep_dead_letter(size_t index);
  /// Forgets those that were there when last_sequence() was this.
  /// @retval kIo, kNoSpace  Not stored: they are still there.
  common::Status clear_dead_letters(uint32_t through_sequence);
  uint32_t last_sequence() const { return records_.next_sequence() - 1; }

  // --- Time --------------------------------------------------------------------------------------------------

  /// This boot's clock became known. The first call of a boot decides the times of records made without UTC, so
  /// that retries stay identical; later calls change nothing.
  /// @retval kIo, kNoSpace  Not stored; call again.
  common::Status set_boot_time(common::Instant instant, common::UtcTime utc);
  /// UTC of a record of this or any earlier boot. Boots that never knew the time are placed right before the
  /// next boot that did; that decision is stored.
  /// @retval kAgain  Not known before set_boot_time().  @retval kIo, kNoSpace
  common::Result<common::UtcTime> resolve(const RecordTime& time);

  // --- Housekeeping ------------------------------------------------------------------------------------------

  /// One bounded piece of compaction (one write of 384 bytes, reads of 4 KiB), when it pays; call when
  /// nothing else is due. Without these calls the log is compacted all at once when it is full.
  /// @return True when there is more to do: call again soon.
  bool maintain();
  bool needs_maintenance() const;
  /// Compacts at once and completely; takes as long as rewriting all that is waiting. For idle moments, such
  /// as before a firmware update.  @retval kNoSpace, kIo  Nothing changed.
  common::Status compact();

  Counters counters() const;

 private:
  /// Set aside per open transaction.
  static constexpr uint32_t kStopFrameBytes =
      platform::RecordLog::frame_bytes(kStopRecordBytes + 1 + MeasuredValues::kMaxBytes);

  /// What the queue must know about a transaction whose start is off the queue and whose stop is not.
  struct Delivering {
    uint8_t connector_id = 0;
    bool is_needed = true;
    uint32_t local_transaction = 0;
    uint32_t start_sequence = 0;
    int32_t transaction_id = -1;
  };
  /// The message that next_pending() gave out last.
  struct Head {
    bool is_known = false;
    uint8_t connector_id = 0;
    RecordType type = RecordType::kStart;
    uint32_t sequence = 0;
    uint32_t local_transaction = 0;
    uint32_t frame_bytes = 0;
    platform::RecordLog::Cursor after;
  };
  struct Compaction {
    uint8_t thin_level = 0;  ///< Keep meter values whose ordinal is a multiple of 2^level.
    bool keeps_boot_times = false;
    uint32_t delivered_through = 0;
    uint32_t dead_letters_to_drop = 0;
    uint32_t dead_letters_dropped = 0;
    uint32_t thinned = 0;
    uint32_t thinnable_bytes = 0;  ///< Of meter values kept, which a higher level could drop.
    uint32_t retained_bytes = 0;   ///< Of what is delivered and kept for a stop.
  };
  class Loader;
  class Keeper;

  /// Meter values and journaled registers leave this part of the log to starts and stops.
  uint32_t margin_bytes() const { return records_.capacity_bytes() / 16; }

  // transaction_store.cpp
  OpenTransaction* find_open_mutable(uint32_t local_transaction);
  Delivering* find_delivering(uint32_t local_transaction);
  void set_delivering(uint32_t local_transaction, uint8_t connector_id, int32_t transaction_id,
                      uint32_t start_sequence);
  void erase_delivering(uint32_t local_transaction);
  void close_open(uint32_t local_transaction);
  void complete(RecordTime& time);
  common::Result<uint32_t> append(RecordType type, common::ByteSpan image,
                                  platform::RecordLog::Space space);
  common::Result<uint32_t> append_message(RecordType type, common::ByteSpan image,
                                          platform::RecordLog::Space space);
  common::Status find_head(common::MutableByteSpan buffer, platform::RecordLog::Record& record);
  common::Status read_head(PendingMessage& out, RecordTime& time);
  common::Status read_oldest(PendingMessage& out, RecordTime& time);
  void forget_places();
  common::Status give_up_head(DeadLetterReason reason);
  common::Status find_letter(platform::RecordLog::Cursor& cursor, common::MutableByteSpan buffer,
                             platform::RecordLog::Record& record) const;
  common::Status count_letters();
  common::Status pass_head_delivered();
  void pass_head();
  void mark_undeliverable(uint32_t local_transaction, uint8_t connector_id,
                          uint32_t start_sequence);

  // transaction_store_readings.cpp
  common::Result<uint32_t> append_reading(RecordType type, MeterValuesRecord& record);
  static uint32_t next_stop_index(const OpenTransaction& open);

  // transaction_store_load.cpp
  void reset();
  common::Status count_pending();

  // transaction_store_compaction.cpp
  uint32_t live_bytes() const;
  common::Status make_room(uint32_t bytes, platform::RecordLog::Space space);
  common::Status begin_compaction(uint8_t thin_level);
  common::Status compaction_step();
  common::Status run_compaction(uint8_t thin_level);
  void on_compacted();

  // transaction_store_time.cpp
  common::Result<int64_t> find_boot_zero(uint32_t boot_id);
  common::Result<int64_t> read_boot_zero(uint32_t boot_id);
  common::Result<int64_t> estimate_boot_zero(uint32_t boot_id);

  platform::RecordLog records_;
  common::LogSink& log_;
  Settings settings_;
  bool is_loaded_ = false;

  uint32_t boot_id_ = 0;
  uint32_t last_local_transaction_ = 0;
  uint32_t local_transaction_at_load_ = 0;
  uint32_t delivered_through_ = 0;
  uint32_t last_message_sequence_ = 0;
  uint32_t pending_messages_ = 0;
  uint32_t pending_bytes_ = 0;
  uint32_t retained_bytes_ =
      0;  ///< Of readings kept for stops, besides those pending; an estimate.
  uint32_t dead_letters_ = 0;
  uint32_t letters_cleared_through_ = 0;
  uint32_t letters_cleared_at_ = 0;   ///< The record that says so.
  platform::RecordLog::Cursor scan_;  ///< No undelivered message lies before it.
  Head head_;
  /// The meter value that was stored last, while head_ may become it: saves reading it back.
  MeterValuesRecord newest_;
  Head newest_head_;

  bool is_boot_time_known_ = false;
  bool has_records_without_utc_ = false;  ///< Of this boot.
  int64_t boot_zero_ms_ = 0;              ///< UTC at instant 0 of this boot.
  uint32_t cached_boot_id_ = 0;           ///< 0 = none; the earlier boot that was looked up last.
  int64_t cached_boot_zero_ms_ = 0;

  Compaction compaction_;
  uint8_t next_thin_level_ = 1;
  bool is_exhausted_ = false;  ///< No compaction frees more before something is delivered.
  /// A compaction failed: none in the background up to this size.
  uint32_t retry_above_bytes_ = 0;

  uint32_t thinned_meter_values_ = 0;
  uint32_t refused_meter_values_ = 0;
  uint16_t next_ordinal_[limits::kMaxConnectors + 1] = {};

  common::FixedVector<OpenTransaction, limits::kMaxConnectors> open_;
  common::FixedVector<Delivering, limits::kMaxConnectors> delivering_;
};

}  // namespace ocpp
