#include "ocpp/security/security_log_text.hpp"

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

void add_time(json::Writer& out, const char* name, common::UtcTime time) {
  out.key(name);
  out.plain_string(ocpp_messages::format_time(time).span());
}

}  // namespace

Status SecurityLogText::rewind(common::UtcTime from, common::UtcTime to) {
  const common::UtcTime now = clock_.utc();
  if (to.is_known() && to < from) return Status::kNotFound;
  if (now.is_known() && from > now) return Status::kNotFound;
  from_ = from;
  to_ = to;
  reader_ = SecurityLog::Reader();
  part_ = Part::kHead;
  written_ = 0;
  size_ = 0;
  return Status::kOk;
}

common::TextSpan SecurityLogText::piece() {
  if (size_ == 0) {
    const bool is_written = part_ == Part::kHead   ? write_head()
                            : part_ == Part::kBody ? write_entry()
                                                   : false;
    if (!is_written) part_ = Part::kNone;
  }
  return common::TextSpan(line_, size_);
}

void SecurityLogText::next() { size_ = 0; }

/// @return false where the line is too short, which cannot be: it has room for any entry.
bool SecurityLogText::end_line(json::Writer& out) {
  out.end_object();
  if (out.status() != Status::kOk) return false;
  size_ = out.size();
  line_[size_++] = '\n';
  return true;
}

bool SecurityLogText::write_head() {
  SecurityEntry first;
  SecurityLog::Reader reader;
  const Status status = log_.read(reader, first);
  if (status != Status::kOk && status != Status::kNotFound) return false;
  number_ = 0;
  std::memcpy(hash_, status == Status::kOk ? first.hash_before : reader.hash, sizeof hash_);
  json::Writer out(common::Span<char>(line_, sizeof line_ - 1));
  out.begin_object();
  out.key("log");
  out.string("security");
  out.key("version");
  out.integer(2);
  if (from_.is_known()) add_time(out, "from", from_);
  if (to_.is_known()) add_time(out, "to", to_);
  add_hash(out, "anchor", hash_);
  part_ = Part::kBody;
  return end_line(out);
}

/// The next entry of the period; before it a line for those that are not given, after the last one the end.
bool SecurityLogText::write_entry() {
  SecurityEntry entry;
  SecurityLog::Reader ahead = reader_;
  common::UtcTime time;
  const char* why = "ring";
  Status status = Status::kOk;
  while ((status = log_.read(ahead, entry)) == Status::kOk) {
    time = log_.time_of(entry, clock_, ahead);
    if (!(from_.is_known() && time < from_) && !(to_.is_known() && time > to_)) break;
    why = "period";
  }
  if (status == Status::kNotFound) {
    if (std::memcmp(hash_, ahead.hash, sizeof hash_) != 0)
      return write_left_out(why, ahead.passed, ahead.hash);
    return write_end();
  }
  if (status != Status::kOk) return false;
  // Left out, or dropped by the log since the line before.
  if (std::memcmp(hash_, entry.hash_before, sizeof hash_) != 0)
    return write_left_out(why, entry.before, entry.hash_before);
  json::Writer out(common::Span<char>(line_, sizeof line_ - 1));
  out.begin_object();
  out.key("n");
  out.integer(entry.number);
  out.key("after");
  out.integer(number_);
  if (time.is_known()) add_time(out, "time", time);
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
  reader_ = ahead;
  number_ = entry.number;
  std::memcpy(hash_, entry.hash, sizeof hash_);
  ++written_;
  return end_line(out);
}

bool SecurityLogText::write_left_out(const char* why, uint32_t number, const uint8_t (&hash)[32]) {
  json::Writer out(common::Span<char>(line_, sizeof line_ - 1));
  out.begin_object();
  out.key("left_out");
  out.string(why);
  out.key("n");
  out.integer(number);
  add_hash(out, "hash", hash);
  number_ = number;
  std::memcpy(hash_, hash, sizeof hash_);
  return end_line(out);
}

bool SecurityLogText::write_end() {
  json::Writer out(common::Span<char>(line_, sizeof line_ - 1));
  out.begin_object();
  out.key("end");
  out.boolean(true);
  out.key("entries");
  out.integer(written_);
  out.key("n");
  out.integer(number_);
  add_hash(out, "hash", hash_);
  part_ = Part::kNone;
  return end_line(out);
}

}  // namespace ocpp
