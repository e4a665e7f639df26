#include "gateway/console.hpp"
#include "gateway/console_arguments.hpp"
#include "gateway/crash_members.hpp"
#include "gateway/json_members.hpp"

namespace gateway {

using common::Instant;
using common::Status;

namespace {

void write_figures(json::Writer& out, const char* name, const DurationFigures& figures) {
  out.key(name);
  out.begin_object();
  member(out, "min", figures.min_us());
  member(out, "max", figures.max_us());
  member(out, "p99", figures.p99_us());
  out.end_object();
}

}  // namespace

bool Console::status(Arguments&, json::Writer& out, Error&, Instant now) {
  member(out, "version", parts_.firmware_version);
  if (!is_locked()) member(out, "identity", parts_.identity);
  member(out, "serial_number", parts_.device.serial_number().span());
  member(out, "uptime_ms", parts_.log.uptime_ms());
  flag(out, "locked", is_locked());
  if (is_locked()) return true;
  const EngineSummary summary = parts_.engine.summary(now);
  const platform::HeapFigures heap = parts_.device.heap();
  if (!not_started_.empty()) member(out, "not_started", not_started_.span());
  member(out, "utc_ms", summary.utc.ms);
  member(out, "reset_cause", parts_.device.reset_reason());
  write_mode(out, now);
  write_network(out);
  write_crash(out, parts_.device);
  const platform::LinkStatus& link = parts_.csms.status();
  flag(out, "link", link.is_up);
  if (parts_.access != nullptr) {
    member(out, "security_profile", static_cast<int64_t>(parts_.access->security_profile()));
    // Loud, because it takes all worth from TLS.
    if (parts_.access->is_unverified()) flag(out, "tls_unverified", true);
  }
  if (parts_.tamper != nullptr && parts_.tamper->exists())
    member(out, "lid", parts_.tamper->is_open() ? "open" : "closed");
  member(out, "registration", summary.registration);
  member(out, "pending_messages", static_cast<int64_t>(summary.pending_messages));
  member(out, "dead_letters", static_cast<int64_t>(summary.dead_letters));
  flag(out, "offline_limit", parts_.policy.is_offline_limit_active());
  member(out, "heap_free", heap.free);
  member(out, "heap_minimum_free", heap.minimum_free);
  member(out, "heap_largest_block", heap.largest_block);
  member(out, "heap_allocated", heap.allocated);
  if (parts_.storage != nullptr) parts_.storage->write(out);
  if (parts_.loop != nullptr) {
    out.key("loop_us");
    out.begin_object();
    member(out, "turns", parts_.loop->busy().count());
    write_figures(out, "period", parts_.loop->period());
    write_figures(out, "busy", parts_.loop->busy());
    write_figures(out, "late", parts_.loop->late());
    out.end_object();
  }
  out.key("connectors");
  out.begin_array();
  for (uint8_t id = 1; id <= connectors_; ++id) {
    out.begin_object();
    member(out, "connector", id);
    member(out, "status", parts_.engine.connector(id).status);
    write_connector(out, id);
    out.end_object();
  }
  out.end_array();
  return true;
}

void Console::write_mode(json::Writer& out, Instant now) const {
  if (parts_.crashes == nullptr) return;
  member(out, "mode", to_string(parts_.crashes->mode()));
  member(out, "mode_ends_in_ms", parts_.crashes->remaining_ms(now));
  member(out, "recent_crashes", static_cast<int64_t>(parts_.crashes->crashes()));
  member(out, "crashes", parts_.crashes->total());
}

bool Console::crash(Arguments& arguments, json::Writer& out, Error& error, Instant) {
  const common::TextSpan verb = arguments.word();
  if (verb.empty()) {
    write_crash(out, parts_.device);
    return true;
  }
  if (is_word(verb, "erase")) {
    if (parts_.device.erase_crash() == Status::kOk) return true;
    error = Error("the crash could not be erased");
    return false;
  }
  int32_t offset = 0;
  if (!is_word(verb, "read") || !parse_integer(arguments.word(), offset) || offset < 0)
    return false;
  uint8_t bytes[kCrashPieceBytes];
  const common::Result<size_t> got =
      parts_.device.read_crash(static_cast<uint32_t>(offset), common::MutableByteSpan(bytes));
  if (!got.ok()) {
    error =
        Error(got.status() == Status::kNotFound      ? "there is no core dump"
              : got.status() == Status::kUnsupported ? "this board is closed: the dump stays in it"
                                                     : "the core dump cannot be read");
    return false;
  }
  char hex[2 * kCrashPieceBytes];
  member(out, "offset", offset);
  member(out, "hex", to_hex(common::ByteSpan(bytes, got.value()), hex));
  return true;
}

bool Console::safe_mode(Arguments& arguments, json::Writer& out, Error& error, Instant now) {
  const common::TextSpan verb = arguments.word();
  if (parts_.crashes == nullptr) {
    error = Error("this gateway does not count crashes");
    return false;
  }
  if (is_word(verb, "leave")) {
    if (parts_.crashes->leave(now) != Status::kOk) {
      error =
          Error("the end of safe mode could not be stored yet: look at status before a restart");
      return false;
    }
  } else if (!verb.empty()) {
    return false;
  }
  write_mode(out, now);
  return true;
}

bool Console::security(Arguments&, json::Writer& out, Error& error, Instant) {
  if (parts_.security == nullptr || !not_started_.empty()) {
    error = Error("there is no security extension");
    return false;
  }
  if (parts_.access != nullptr)
    member(out, "security_profile", static_cast<int64_t>(parts_.access->security_profile()));
  parts_.security->write(out);
  return true;
}

}  // namespace gateway
