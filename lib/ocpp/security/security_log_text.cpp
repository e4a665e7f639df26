#include "ocpp/security/security_log_text.hpp"

#include "json/writer.hpp"
#include "ocpp/security/hex.hpp"
#include "ocpp_messages/runtime/time_text.hpp"

namespace ocpp {

using common::Status;

namespace {

void add_hash(json::Writer& out, const char* name, const uint8_t (&hash)[32]) {
  char digits[64];
  out.key(name);
  out.plain_string(to_hex(common::ByteSpan(hash), common::Span<char>(digits)));
}

}  // namespace

Status SecurityLogText::rewind(common::UtcTime from, common::UtcTime to) {
  const common::UtcTime now = clock_.utc();
  if (to.is_known() && to < from) return Status::kNotFound;
  if (now.is_known() && from > now) return Status::kNotFound;
  from_ = from;
  to_ = to;
  reader_ = SecurityLog::Reader();
  is_at_head_ = true;
  is_at_end_ = false;
  size_ = 0;
  return Status::kOk;
}

common::TextSpan SecurityLogText::piece() {
  if (size_ == 0 && !is_at_end_) {
    if (is_at_head_) {
      write_head();
      is_at_head_ = false;
    } else {
      is_at_end_ = !write_entry();
    }
  }
  return common::TextSpan(line_, size_);
}

void SecurityLogText::next() { size_ = 0; }

void SecurityLogText::write_head() {
  json::Writer out{common::Span<char>(line_)};
  out.begin_object();
  out.key("log");
  out.string("security");
  out.key("version");
  out.integer(1);
  add_hash(out, "anchor", log_.anchor());
  out.end_object();
  size_ = out.size();
  line_[size_++] = '\n';
}

bool SecurityLogText::write_entry() {
  SecurityEntry entry;
  common::UtcTime time;
  do {
    if (log_.read(reader_, entry) != Status::kOk) return false;
    time = log_.time_of(entry, clock_);
  } while ((from_.is_known() && time < from_) || (to_.is_known() && time > to_));
  json::Writer out(common::Span<char>(line_, sizeof line_ - 1));
  out.begin_object();
  out.key("n");
  out.integer(entry.number);
  if (time.is_known()) {
    out.key("time");
    out.plain_string(ocpp_messages::format_time(time).span());
  }
  out.key("event");
  out.string(to_string(entry.event));
  out.key("info");
  out.string(entry.info.span());
  out.key("code");
  out.integer(static_cast<int64_t>(entry.event));
  out.key("told");
  out.boolean(entry.is_told);
  out.key("uptime_ms");
  out.integer(entry.uptime.ms);
  out.key("utc_ms");
  out.integer(entry.utc.ms);
  add_hash(out, "hash", entry.hash);
  out.end_object();
  if (out.status() != Status::kOk) return false;  // cannot be: the line has room for any entry
  size_ = out.size();
  line_[size_++] = '\n';
  return true;
}

}  // namespace ocpp
