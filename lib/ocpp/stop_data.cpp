#include "ocpp/stop_data.hpp"

#include <algorithm>

namespace ocpp {

using common::Status;
using platform::RecordLog;

Status StopData::prepare() {
  size_t count = 0;
  uint32_t compactions = store_.counters().compactions;
  RecordLog::Cursor cursor;
  for (;;) {
    const Status status = store_.next_stop_reading(cursor, local_transaction_, reading_);
    if (status == Status::kNotFound) break;
    RETURN_IF_ERROR(status);
    last_index_ = std::max(last_index_, reading_.stop_index);
    ++count;
    // Decides and stores times that are still open, so that next() finds them.
    RETURN_IF_ERROR(store_.resolve(reading_.time).status());
    if (store_.counters().compactions == compactions) continue;
    compactions = store_.counters().compactions;
    cursor = RecordLog::Cursor();
    count = 0;
  }
  stride_ = stop_stride(last_index_);
  return count == 0 ? Status::kNotFound : Status::kOk;
}

bool StopData::thin() {
  if (stride_ > last_index_) return false;
  stride_ *= 2;
  return true;
}

bool StopData::next(void* self, size_t index, ocpp_messages::MeterValue& out) {
  auto& data = *static_cast<StopData*>(self);
  if (index == 0) data.cursor_ = RecordLog::Cursor();
  do {
    const Status status =
        data.store_.next_stop_reading(data.cursor_, data.local_transaction_, data.reading_);
    data.is_broken_ = status != Status::kOk && status != Status::kNotFound;
    if (status != Status::kOk) return false;
  } while (data.reading_.stop_index % data.stride_ != 0);
  const common::Result<common::UtcTime> utc = data.store_.resolve(data.reading_.time);
  data.is_broken_ = !utc.ok();
  if (!utc.ok()) return false;
  data.sampled_ = SampledValues(data.reading_.values, data.reading_.context);
  out.timestamp = utc.value();
  out.sampled_value = data.sampled_.view();
  return true;
}

}  // namespace ocpp
