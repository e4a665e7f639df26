// Readings in the transaction store: meter values, and what is kept of them for the stop.
#include "ocpp/transaction_store.hpp"

#include <algorithm>

namespace ocpp {

using common::ByteSpan;
using common::MutableByteSpan;
using common::Result;
using common::Status;
using platform::RecordLog;

Result<uint32_t> TransactionStore::append_reading(RecordType type, MeterValuesRecord& record) {
  complete(record.time);
  uint8_t buffer[kMaxRecordBytes];
  const ByteSpan image = encode(record, MutableByteSpan(buffer));
  const uint32_t frame_bytes = RecordLog::frame_bytes(image.size());
  const uint32_t needed = frame_bytes + margin_bytes();
  if (records_.free_bytes() < needed) {
    RETURN_IF_ERROR(make_room(needed, RecordLog::Space::kNormal));
  }
  if (type != RecordType::kMeterValues) {
    const Result<uint32_t> sequence = append(type, image, RecordLog::Space::kNormal);
    if (sequence.ok()) retained_bytes_ += frame_bytes;
    return sequence;
  }
  const Result<uint32_t> sequence = append_message(type, image, RecordLog::Space::kNormal);
  if (!sequence.ok()) return sequence;
  newest_ = record;
  newest_head_.is_known = true;
  newest_head_.connector_id = record.connector_id;
  newest_head_.type = type;
  newest_head_.sequence = sequence.value();
  newest_head_.local_transaction = record.local_transaction;
  newest_head_.frame_bytes = frame_bytes;
  newest_head_.after.offset = records_.size_bytes();
  newest_head_.after.last_sequence = sequence.value();
  return sequence;
}

/// @return 0 when the stride leaves the next reading out.
uint32_t TransactionStore::next_stop_index(const OpenTransaction& open) {
  const uint32_t index = open.stop_index + 1;
  return index % stop_stride(index) == 0 ? index : 0;
}

Status TransactionStore::append_meter_values(MeterValuesRecord& record, bool is_for_stop) {
  if (!is_loaded_) return Status::kInvalidState;
  if (record.connector_id > limits::kMaxConnectors) return Status::kInvalidArgument;
  OpenTransaction* open = nullptr;
  record.stop_index = 0;
  if (record.local_transaction != 0) {
    open = find_open_mutable(record.local_transaction);
    if (open == nullptr) return Status::kNotFound;
    if (is_for_stop) record.stop_index = next_stop_index(*open);
  }
  record.ordinal = next_ordinal_[record.connector_id];
  const Result<uint32_t> sequence = append_reading(RecordType::kMeterValues, record);
  if (!sequence.ok()) {
    if (sequence.status() == Status::kNoSpace) ++refused_meter_values_;
    return sequence.status();
  }
  ++next_ordinal_[record.connector_id];
  if (open == nullptr) return Status::kOk;
  if (is_for_stop) {
    ++open->stop_index;
    open->has_stop_data = true;
  }
  int64_t meter_wh = 0;
  if (record.register_wh(meter_wh) && meter_wh >= open->last_meter_wh) {
    open->last_meter_wh = meter_wh;
    open->last_meter_time = record.time;
    open->last_meter_sequence = sequence.value();
  }
  return Status::kOk;
}

Status TransactionStore::append_stop_data(MeterValuesRecord& record) {
  if (!is_loaded_) return Status::kInvalidState;
  OpenTransaction* const open = find_open_mutable(record.local_transaction);
  if (open == nullptr) return Status::kNotFound;
  record.ordinal = 0;
  record.stop_index = next_stop_index(*open);
  if (record.stop_index != 0) {
    const Result<uint32_t> sequence = append_reading(RecordType::kStopData, record);
    if (!sequence.ok()) return sequence.status();
  }
  ++open->stop_index;
  open->has_stop_data = true;
  return Status::kOk;
}

Status TransactionStore::next_stop_reading(RecordLog::Cursor& cursor, uint32_t local_transaction,
                                           MeterValuesRecord& out) const {
  uint8_t buffer[RecordLog::kBufferBytes];
  for (;;) {
    RecordLog::Record record;
    RETURN_IF_ERROR(records_.read(cursor, MutableByteSpan(buffer), record));
    const auto type = static_cast<RecordType>(record.type);
    // All of them begin with the local number.
    if ((!is_message(record.type) && type != RecordType::kStopData) ||
        local_number(record.payload) != local_transaction) {
      continue;
    }
    if (is_meter_values(type) || type == RecordType::kStopData) {
      if (decode(type, record.payload, out) != Status::kOk || out.stop_index == 0) continue;
      return Status::kOk;
    }
    const bool is_start = type == RecordType::kStart;
    values_behind(record.payload, is_start ? kStartRecordBytes : kStopRecordBytes, out.values);
    if (out.values.empty() || !time_of(record.type, record.payload, out.time)) continue;
    out.context = is_start ? SampleContext::kTransactionBegin : SampleContext::kTransactionEnd;
    out.stop_index = 0;
    return Status::kOk;
  }
}

}  // namespace ocpp
