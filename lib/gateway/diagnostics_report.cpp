#include "gateway/diagnostics_report.hpp"

#include "gateway/crash_members.hpp"
#include "gateway/json_members.hpp"

namespace gateway {

using common::Status;
using common::TextSpan;

namespace {

constexpr const char* kRecordFile = "transactions.log";
constexpr size_t kRecordBytes = 128;

}  // namespace

Status DiagnosticsReport::rewind(common::UtcTime from, common::UtcTime to) {
  const common::UtcTime now = utc_of(parts_.clock.now());
  const bool is_reversed = from.is_known() && to.is_known() && to < from;
  const bool is_future = from.is_known() && now.is_known() && now < from;
  if (is_reversed || is_future) return Status::kNotFound;
  from_ = from;
  to_ = to;
  section_ = kGateway;
  index_ = lines_ = 0;
  size_ = 0;
  return Status::kOk;
}

common::UtcTime DiagnosticsReport::utc_of(common::Instant at) const {
  const common::Instant now = parts_.clock.now();
  const common::UtcTime utc = parts_.engine.summary(now).utc;
  return utc.is_known() ? utc + (at - now) : utc;
}

TextSpan DiagnosticsReport::piece() {
  while (size_ == 0 && section_ <= kEnd) {
    json::Writer writer(common::Span<char>(line_, sizeof line_ - 1));
    writer.begin_object();
    if (!write_line(writer)) {
      ++section_;
      index_ = 0;
      continue;
    }
    writer.end_object();
    if (writer.status() != Status::kOk) {
      ++index_;  // longer than any line should be: left out
      continue;
    }
    size_ = writer.size();
    line_[size_++] = '\n';
  }
  return TextSpan(line_, size_);
}

void DiagnosticsReport::next() {
  if (size_ == 0) return;
  size_ = 0;
  ++index_;
  ++lines_;
}

/// @return false when the section has no more lines.
bool DiagnosticsReport::write_line(json::Writer& out) {
  switch (static_cast<Section>(section_)) {
    case kGateway:
      return write_gateway(out);
    case kSettings:
      return write_setting(out);
    case kKeys:
      return write_key(out);
    case kConnectors:
      return write_connector(out);
    case kActions:
      return write_action(out);
    case kLog:
      return write_log(out);
    case kRecords:
      return write_record(out);
    case kEnd:
      break;
  }
  if (index_ > 0) return false;
  member(out, "lines", lines_);
  return true;
}

bool DiagnosticsReport::write_gateway(json::Writer& out) const {
  if (index_ == 1) {
    if (parts_.storage != nullptr) parts_.storage->write(out);
    return write_crash(out, parts_.device) || parts_.storage != nullptr;
  }
  if (index_ > 0) return false;
  const EngineSummary summary = parts_.engine.summary(parts_.clock.now());
  const platform::HeapFigures heap = parts_.device.heap();
  member(out, "version", parts_.firmware_version);
  member(out, "identity", parts_.identity);
  member(out, "serial_number", parts_.device.serial_number().span());
  member(out, "reset_cause", parts_.device.reset_reason());
  member(out, "uptime_ms", parts_.log.uptime_ms());
  member(out, "utc_ms", summary.utc.ms);
  member(out, "registration", summary.registration);
  member(out, "pending_messages", static_cast<int64_t>(summary.pending_messages));
  member(out, "dead_letters", static_cast<int64_t>(summary.dead_letters));
  member(out, "heap_free", heap.free);
  member(out, "heap_minimum_free", heap.minimum_free);
  member(out, "heap_largest_block", heap.largest_block);
  return true;
}

bool DiagnosticsReport::write_setting(json::Writer& out) const {
  // Rows for connectors and buses come once for each.
  uint32_t left = index_;
  for (const SettingRow& row : Settings::table()) {
    const uint32_t count = Settings::value_count(row, connectors_);
    if (left >= count) {
      left -= count;
      continue;
    }
    const auto name = Settings::concrete_name(row, static_cast<uint8_t>(left + 1));
    SettingText value = parts_.settings.text(name.c_str());
    Settings::hide(row, value);
    member(out, "setting", name.span());
    member(out, "value", value.span());
    return true;
  }
  return false;
}

bool DiagnosticsReport::write_key(json::Writer& out) const {
  if (index_ >= parts_.engine.configuration_count()) return false;
  ConfigurationEntry entry;
  parts_.engine.configuration_at(index_, entry);
  member(out, "key", entry.key);
  if (entry.has_value) member(out, "value", entry.value.span());
  return true;
}

bool DiagnosticsReport::write_connector(json::Writer& out) const {
  if (index_ > connectors_) return false;
  const ConnectorSummary connector = parts_.engine.connector(static_cast<uint8_t>(index_));
  member(out, "connector", index_);
  member(out, "status", connector.status);
  if (!connector.has_transaction) return true;
  member(out, "transaction", connector.local_transaction);
  if (connector.has_transaction_id) member(out, "transaction_id", connector.transaction_id);
  member(out, "tag", connector.id_tag.span());
  member(out, "meter_start_wh", connector.meter_start_wh);
  member(out, "meter_last_wh", connector.meter_last_wh);
  return true;
}

bool DiagnosticsReport::write_action(json::Writer& out) const {
  if (index_ >= parts_.engine.action_count()) return false;
  const ActionCounters counters = parts_.engine.counters(index_);
  member(out, "action", counters.action);
  member(out, "sent", counters.sent);
  member(out, "answered", counters.answered);
  member(out, "failed", counters.failed);
  member(out, "timed_out", counters.timed_out);
  member(out, "received", counters.received);
  member(out, "refused", counters.refused);
  return true;
}

bool DiagnosticsReport::write_log(json::Writer& out) {
  const LogHistory& history = parts_.log.history();
  LogHistory::Line line;
  if (index_ < history.oldest()) index_ = history.oldest();
  for (; index_ < history.end(); ++index_) {
    history.read(index_, line);
    const common::UtcTime utc = utc_of(line.at);
    if (utc.is_known() && ((from_.is_known() && utc < from_) || (to_.is_known() && to_ < utc)))
      continue;
    member(out, "log", TextSpan(line.text, line.size));
    if (utc.is_known()) member(out, "utc_ms", utc.ms);
    return true;
  }
  return false;
}

bool DiagnosticsReport::write_record(json::Writer& out) {
  const auto offset = static_cast<uint32_t>(index_ * kRecordBytes);
  uint8_t bytes[kRecordBytes];
  const common::Result<size_t> got =
      parts_.files.read(kRecordFile, offset, common::MutableByteSpan(bytes));
  if (!got.ok() || got.value() == 0) return false;
  if (index_ == 0) tags_ = RecordTagMask();
  for (size_t i = 0; i < got.value(); ++i) bytes[i] = tags_.pass(bytes[i]);
  char hex[2 * kRecordBytes];
  member(out, "records_at", offset);
  member(out, "hex", to_hex(common::ByteSpan(bytes, got.value()), hex));
  return true;
}

}  // namespace gateway
