#include "gateway/console.hpp"

#include "gateway/console_arguments.hpp"
#include "gateway/json_members.hpp"

#include <cstdio>

namespace gateway {

using common::Instant;
using common::TextSpan;

struct Console::Command {
  const char* name;
  bool (Console::*run)(Arguments& arguments, json::Writer& out, Error& error, Instant now);
  const char* usage;
  bool works_locked = false;
};

const Console::Command Console::kCommands[] = {
    {"help", &Console::help, "help", true},
    {"login", &Console::login, "login PASSWORD", true},
    {"logout", &Console::logout, "logout"},
    {"password", &Console::password, "password | password set NEW | password remove"},
    {"status", &Console::status, "status", true},
    {"config", &Console::config, "config get [KEY] | config set KEY VALUE (OCPP configuration)"},
    {"setting", &Console::setting,
     "setting list | setting get NAME | setting set NAME [VALUE] (device; next start)"},
    {"wifi", &Console::wifi,
     "wifi [list] | wifi add SSID [PASSWORD] | wifi remove SSID | wifi scan | wifi ap [on|off]"},
    {"ocpp", &Console::ocpp,
     "ocpp (link, registration, messages by action) | ocpp data-transfer VENDOR [MESSAGE|- "
     "[DATA]]"},
    {"security", &Console::security, "security (profile, certificates, last security events)"},
    {"certificate", &Console::certificate,
     "certificate list | certificate request | certificate accept | certificate install "
     "csms|manufacturer (then PEM lines, then a line end) | certificate delete ID"},
    {"charger", &Console::charger_command, "charger [CONNECTOR] (what the bridge sees)"},
    {"meter", &Console::meter, "meter [CONNECTOR] (last sample)"},
    {"tx", &Console::transactions, "tx | tx stop CONNECTOR | tx dead-letters [resend|clear]"},
    {"log", &Console::log, "log | log level error|warn|info|debug"},
    {"firmware", &Console::firmware, "firmware | firmware update URL | firmware confirm"},
    {"file", &Console::file,
     "file begin NAME.vevp|NAME.pem SIZE CRC | file data OFFSET CRC HEX | file end | file remove "
     "NAME"},
    {"crash", &Console::crash,
     "crash (what is known of the last one) | crash read OFFSET | crash erase"},
    {"safe-mode", &Console::safe_mode, "safe-mode | safe-mode leave"},
    {"reboot", &Console::reboot, "reboot"},
    {"factory-reset", &Console::factory_reset, "factory-reset CONFIRM|DISCARD"},
#ifdef GATEWAY_TEST_HOOKS
    {"sim", &Console::sim,
     "sim tag ID [CONNECTOR] | sim link up|down | sim pin GPIO [0|1] | sim crash|leak|stall | "
     "sim csms lost | sim wifi ... (docs/network.md)"},
#endif
};

namespace {

/// `#17 ` before the command. @return false when it is not a number.
bool take_id(TextSpan& line, int32_t& id) {
  id = 0;
  if (line.empty() || line[0] != '#') return true;
  size_t end = 1;
  while (end < line.size() && line[end] != ' ') ++end;
  if (!parse_integer(line.subspan(1, end - 1), id) || id < 0) return false;
  line = line.subspan(end);
  return true;
}

}  // namespace

void Console::begin(uint8_t connectors) { connectors_ = connectors; }

void Console::step(Instant now) {
  step_lock(now);
  step_certificates(now);
  read_commands(now);
  improv_.step(now);
  report_link();
  report_changes();
  report_delivery(now);
  report_scan();
  (void)parts_.output.flush();
}

/// Takes commands only as fast as their replies leave: a script that sends many at once loses none.
void Console::read_commands(Instant now) {
  for (;;) {
    while (input_next_ < input_size_) {
      if (is_busy() || certificate_ == CertificateWork::kRunning) return;
      if (!parts_.output.has_room(kMaxReplyBytes + 1)) {
        (void)parts_.output.flush();
        if (!parts_.output.has_room(kMaxReplyBytes + 1)) return;
      }
      char text[ImprovFrames::kMaxHeldBytes];
      const size_t count = improv_frames_.feed(input_[input_next_++], now, text);
      for (size_t i = 0; i < count; ++i) on_character(text[i], now);
      if (improv_frames_.has_frame() && !is_locked()) improv_.on_frame(improv_frames_, now);
    }
    const common::Result<size_t> got = parts_.input.read(input_);
    if (!got.ok() || got.value() == 0) return;
    input_next_ = 0;
    input_size_ = got.value();
  }
}

void Console::on_character(char c, Instant now) {
  if (c == '\n' || c == '\r') {
    if (line_size_ > 0 || is_line_too_long_) handle_line(TextSpan(line_, line_size_), now);
    line_size_ = 0;
    is_line_too_long_ = false;
  } else if (line_size_ < kMaxLineBytes) {
    line_[line_size_++] = c;
  } else {
    is_line_too_long_ = true;
  }
}

Console::Request Console::take_request() {
  const Request request = request_;
  request_ = Request::kNone;
  return request;
}

void Console::handle_line(TextSpan line, Instant now) {
  if (certificate_ == CertificateWork::kText) {
    take_text_line(line, now);
    return;
  }
  int32_t id = 0;
  if (is_line_too_long_) {
    (void)take_id(line, id);
    write_failure(id, common::text("the line is too long"));
  } else if (!take_id(line, id)) {
    write_failure(0, common::text("an id is # and a number, for instance #17 status"));
  } else {
    answer_line(line, id, now);
  }
}

void Console::write_failure(int32_t id, TextSpan sentence) {
  json::Writer writer(reply_);
  begin_reply(writer, id, false);
  writer.key("error");
  writer.string(sentence);
  writer.end_object();
  (void)parts_.output.write_line(writer.text());
}

void Console::answer_line(TextSpan line, int32_t id, Instant now) {
  Error error;
  Arguments arguments(line);
  const TextSpan name = arguments.word();
  const Command* command = nullptr;
  for (const Command& candidate : kCommands) {
    if (is_word(name, candidate.name)) command = &candidate;
  }
  if (command == nullptr) {
    error = Error("unknown command: ");
    (void)error.append(name.first(40));
    (void)error.append(common::text("; help lists all"));
    write_failure(id, error.span());
    return;
  }
  if (is_locked() && !command->works_locked) {
    write_failure(id, common::text("the console is locked: login PASSWORD"));
    return;
  }
  if (parts_.lock != nullptr) parts_.lock->note_command(now);
  json::Writer writer(reply_);
  begin_reply(writer, id, true);
  bool is_ok = (this->*command->run)(arguments, writer, error, now);
  if (is_ok && is_pending()) {
    pending_id_ = id;  // step_lock() or step_certificates() answers
    return;
  }
  if (is_ok && writer.status() != common::Status::kOk) {
    is_ok = false;
    error = Error("the reply is too long; ask for less");
  }
  if (!is_ok && error.empty()) {
    common::FixedString<383> usage("usage: ");
    (void)usage.append(common::text(command->usage));
    write_failure(id, usage.span());
    return;
  }
  if (!is_ok) {
    write_failure(id, error.span());
    return;
  }
  writer.end_object();
  (void)parts_.output.write_line(writer.text());
}

bool Console::help(Arguments&, json::Writer& out, Error&, Instant) {
  out.key("commands");
  out.begin_array();
  for (const Command& command : kCommands) out.string(command.usage);
  out.end_array();
  return true;
}

void Console::send_event(json::Writer& writer) {
  writer.end_object();
  // Events tell who charges.
  if (is_locked()) return;
  if (writer.status() == common::Status::kOk)
    (void)parts_.output.write_line(writer.text(), common::text("EVT "));
}

/// `{"event":"name"`; the caller adds members and hands it to send_event().
json::Writer Console::begin_event(const char* name) {
  json::Writer writer(reply_);
  writer.begin_object();
  writer.key("event");
  writer.string(name);
  return writer;
}

void Console::on_ready() {
  json::Writer writer = begin_event("ready");
  writer.key("version");
  writer.string(parts_.firmware_version);
  writer.key("identity");
  writer.string(parts_.identity);
  writer.key("connectors");
  writer.integer(connectors_);
  send_event(writer);
}

void Console::on_event(const EngineEvent& event) {
  using Kind = EngineEvent::Kind;
  const char* name = "";
  switch (event.kind) {
    case Kind::kRegistration:
      name = "registration";
      break;
    case Kind::kConnectorStatus:
      name = "status";
      break;
    case Kind::kTagAccepted:
      name = "tag_accepted";
      break;
    case Kind::kTagRejected:
      name = "tag_rejected";
      break;
    case Kind::kTagIgnored:
      name = "tag_ignored";
      break;
    case Kind::kTransactionStarted:
      name = "tx_started";
      break;
    case Kind::kTransactionStopped:
      name = "tx_stopped";
      break;
    case Kind::kConfigurationChanged:
      name = "config_changed";
      break;
    case Kind::kFirmware:
      name = "firmware";
      break;
    case Kind::kDiagnostics:
      name = "diagnostics";
      break;
    case Kind::kClockSet:
      name = "clock_set";
      break;
    case Kind::kDataTransferAnswered:
      name = "data_transfer";
      break;
    case Kind::kResetRequested:
      name = "reset";
      break;
  }
  json::Writer writer = begin_event(name);
  switch (event.kind) {
    case Kind::kRegistration:
      writer.key("state");
      writer.string(event.text);
      break;
    case Kind::kConnectorStatus:
      writer.key("connector");
      writer.integer(event.connector_id);
      writer.key("status");
      writer.string(event.text);
      break;
    case Kind::kTransactionStarted:
    case Kind::kTransactionStopped:
      writer.key("transaction");
      writer.integer(event.local_transaction);
      [[fallthrough]];
    case Kind::kTagAccepted:
    case Kind::kTagRejected:
      writer.key("connector");
      writer.integer(event.connector_id);
      writer.key("tag");
      writer.string(event.id_tag.span());
      break;
    case Kind::kTagIgnored:
      writer.key("connector");
      writer.integer(event.connector_id);
      writer.key("auth");
      writer.string(event.text);
      break;
    case Kind::kConfigurationChanged:
      writer.key("key");
      writer.string(event.text);
      break;
    case Kind::kFirmware:
    case Kind::kDiagnostics:
      writer.key("status");
      writer.string(event.text);
      break;
    case Kind::kClockSet:
      writer.key("utc_ms");
      writer.integer(event.utc.ms);
      break;
    case Kind::kDataTransferAnswered:
      writer.key("status");
      writer.string(event.text);
      writer.key("data");
      writer.string(event.data);
      break;
    case Kind::kResetRequested:
      writer.key("type");
      writer.string(event.is_hard ? "Hard" : "Soft");
      break;
  }
  send_event(writer);
}

void Console::report_link() {
  const platform::LinkStatus& link = parts_.csms.status();
  const bool is_new_connection = link.is_up && link.connection_id != seen_connection_;
  if (was_link_up_ && (!link.is_up || is_new_connection)) {
    json::Writer writer = begin_event("link_down");
    writer.key("error");
    writer.string(link.last_error.span());
    send_event(writer);
  }
  if (is_new_connection) {
    json::Writer writer = begin_event("link_up");
    writer.key("connection");
    writer.integer(link.connection_id);
    send_event(writer);
    seen_connection_ = link.connection_id;
    seen_link_error_.clear();
  } else if (!link.is_up && !was_link_up_ && !link.last_error.empty() &&
             link.last_error != seen_link_error_) {
    json::Writer writer = begin_event("link_error");
    writer.key("error");
    writer.string(link.last_error.span());
    writer.key("http_status");
    writer.integer(link.http_status);
    send_event(writer);
    seen_link_error_ = link.last_error;
  }
  was_link_up_ = link.is_up;
}

void Console::report_delivery(Instant now) {
  const bool has_pending = parts_.engine.summary(now).pending_messages > 0;
  if (has_pending_ && !has_pending) {
    json::Writer writer = begin_event("delivered");
    send_event(writer);
  }
  has_pending_ = has_pending;
}

void Console::report_changes() {
  for (uint8_t id = 1; id <= connectors_; ++id) {
    Seen& seen = seen_[id - 1];
    const charger::ChargerState& state = parts_.policy.state(id);
    const charger::Offer& offer = parts_.site.offer(id);
    const bool is_same = seen.plug == state.plug && seen.health == state.health &&
                         seen.error == state.error && seen.is_faulted == state.is_faulted &&
                         seen.limit_known == state.limit_known && seen.limit_ma == state.limit_ma &&
                         seen.offer == offer;
    if (is_same) continue;
    seen.plug = state.plug;
    seen.health = state.health;
    seen.error = state.error;
    seen.is_faulted = state.is_faulted;
    seen.limit_known = state.limit_known;
    seen.limit_ma = state.limit_ma;
    seen.offer = offer;
    json::Writer writer = begin_event("charger");
    writer.key("connector");
    writer.integer(id);
    write_connector(writer, id);
    send_event(writer);
  }
}

}  // namespace gateway
