#include "gateway/console.hpp"
#include "gateway/console_arguments.hpp"
#include "gateway/json_members.hpp"

#include <cstdio>

namespace gateway {

using common::Instant;
using common::Status;
using common::TextSpan;

namespace {

constexpr const char* kNoDeadLetters =
    "this engine keeps no dead letters: it drops what the CSMS refuses";

/// Spelling of ChargePointErrorCode (OCPP 1.6 ed. 2, 7.6).
const char* to_string(charger::Error error) {
  static constexpr const char* kNames[] = {
      "NoError",           "ConnectorLockFailure", "EVCommunicationError",
      "GroundFailure",     "HighTemperature",      "InternalError",
      "OtherError",        "OverCurrentFailure",   "OverVoltage",
      "PowerMeterFailure", "PowerSwitchFailure",   "ReaderFailure",
      "ResetFailure",      "UnderVoltage",         "WeakSignal"};
  static_assert(
      static_cast<size_t>(charger::Error::kWeakSignal) + 1 == sizeof kNames / sizeof kNames[0],
      "one name per error");
  return kNames[static_cast<size_t>(error)];
}

void three(json::Writer& out, const char* name, const int32_t (&values)[3]) {
  out.key(name);
  out.begin_array();
  for (const int32_t value : values) out.integer(value);
  out.end_array();
}

void write_configuration(json::Writer& out, const ConfigurationEntry& entry) {
  out.key(entry.key);
  if (entry.has_value) {
    out.string(entry.value.span());
  } else {
    out.null();
  }
}

}  // namespace

bool Console::connector_argument(Arguments& arguments, uint8_t& connector_id, Error& error) const {
  const TextSpan word = arguments.word();
  connector_id = 0;
  if (word.empty()) return true;
  int32_t number = 0;
  if (!parse_integer(word, number) || number < 1 || number > connectors_) {
    char text[64];
    std::snprintf(text, sizeof text, "there are connectors 1 to %u",
                  static_cast<unsigned>(connectors_));
    error = Error(text);
    return false;
  }
  connector_id = static_cast<uint8_t>(number);
  return true;
}

void Console::write_connector(json::Writer& out, uint8_t connector_id) const {
  const charger::ChargerState& state = parts_.policy.state(connector_id);
  const charger::Offer& offer = parts_.site.offer(connector_id);
  member(out, "plug", to_string(state.plug));
  member(out, "health", to_string(state.health));
  flag(out, "ev_requests", state.ev_requests_energy);
  flag(out, "offered", state.energy_offered);
  flag(out, "faulted", state.is_faulted);
  member(out, "error", to_string(state.error));
  if (!state.vendor_error_code.empty())
    member(out, "vendor_error_code", state.vendor_error_code.span());
  if (!state.info.empty()) member(out, "info", state.info.span());
  out.key("limit_ma");
  if (state.limit_known) {
    out.integer(state.limit_ma);
  } else {
    out.null();
  }
  flag(out, "permit", offer.permit);
  member(out, "auth", to_string(parts_.policy.access(connector_id).mode));
  member(out, "offer_ma", offer.limit_ma);
}

bool Console::config(Arguments& arguments, json::Writer& out, Error& error, Instant now) {
  const TextSpan verb = arguments.word();
  const TextSpan key = arguments.word();
  ConfigurationEntry entry;
  if (is_word(verb, "get") && key.empty()) {
    out.key("configuration");
    out.begin_object();
    for (size_t i = 0; i < parts_.engine.configuration_count(); ++i) {
      parts_.engine.configuration_at(i, entry);
      write_configuration(out, entry);
    }
    out.end_object();
    return true;
  }
  if (is_word(verb, "get")) {
    if (parts_.engine.get_configuration(key, entry) != Status::kOk) {
      error = Error("no such configuration key: ");
      (void)error.append(key.first(50));
      return false;
    }
    member(out, "key", entry.key);
    flag(out, "readonly", entry.is_readonly);
    out.key("value");
    if (entry.has_value) {
      out.string(entry.value.span());
    } else {
      out.null();
    }
    return true;
  }
  if (is_word(verb, "set") && !key.empty()) {
    const char* outcome = parts_.engine.set_configuration(key, arguments.rest(), now);
    if (is_word(common::text(outcome), "Accepted") ||
        is_word(common::text(outcome), "RebootRequired")) {
      member(out, "status", outcome);
      return true;
    }
    error = Error("the value was refused: ");
    (void)error.append(common::text(outcome));
  }
  return false;
}

bool Console::ocpp(Arguments& arguments, json::Writer& out, Error& error, Instant now) {
  const TextSpan verb = arguments.word();
  if (is_word(verb, "data-transfer")) return data_transfer(arguments, error, now);
  if (!verb.empty()) return false;
  const platform::LinkStatus& link = parts_.csms.status();
  const EngineSummary summary = parts_.engine.summary(now);
  SettingText url =
      parts_.access == nullptr ? parts_.settings.text("csms_url") : parts_.access->url();
  Settings::hide(*Settings::find(common::text("csms_url")), url);
  member(out, "url", url.span());
  member(out, "identity", parts_.identity);
  flag(out, "link", link.is_up);
  if (parts_.access != nullptr) {
    member(out, "security_profile", static_cast<int64_t>(parts_.access->security_profile()));
    flag(out, "profile_or_key_on_trial", parts_.access->is_trying());
  }
  flag(out, "tls", link.is_up && link.is_tls);
  if (link.failure != platform::LinkFailure::kNone)
    member(out, "failure", platform::to_string(link.failure));
  if (link.certificate_fault != platform::CertificateFault::kNone)
    member(out, "certificate_fault", platform::to_string(link.certificate_fault));
  member(out, "connections", link.connection_id);
  if (!link.last_error.empty()) member(out, "last_error", link.last_error.span());
  if (!link.is_up)
    member(out, "next_attempt_in_ms", link.next_attempt > now ? link.next_attempt - now : 0);
  member(out, "registration", summary.registration);
  member(out, "pending_messages", static_cast<int64_t>(summary.pending_messages));
  member(out, "dead_letters", static_cast<int64_t>(summary.dead_letters));
  out.key("actions");
  out.begin_object();
  for (size_t i = 0; i < parts_.engine.action_count(); ++i) {
    const ActionCounters counters = parts_.engine.counters(i);
    if (counters.sent == 0 && counters.received == 0) continue;
    out.key(counters.action);
    out.begin_object();
    member(out, "sent", counters.sent);
    member(out, "answered", counters.answered);
    member(out, "failed", counters.failed);
    member(out, "timed_out", counters.timed_out);
    member(out, "received", counters.received);
    member(out, "refused", counters.refused);
    out.end_object();
  }
  out.end_object();
  return true;
}

/// What the CSMS answers comes as an event.
bool Console::data_transfer(Arguments& arguments, Error& error, Instant now) {
  const TextSpan vendor = arguments.word();
  TextSpan message = arguments.word();
  if (is_word(message, "-")) message = TextSpan();
  if (vendor.empty()) return false;
  switch (parts_.engine.send_data_transfer(vendor, message, arguments.rest(), now)) {
    case Status::kOk:
      return true;
    case Status::kInvalidState:
      error = Error("the CSMS is not connected");
      break;
    case Status::kAgain:
      error = Error("the last message is not answered yet");
      break;
    default:
      error = Error("the message is too long");
      break;
  }
  return false;
}

bool Console::charger_command(Arguments& arguments, json::Writer& out, Error& error, Instant) {
  uint8_t wanted = 0;
  if (!connector_argument(arguments, wanted, error)) return false;
  out.key("chargers");
  out.begin_array();
  for (uint8_t id = 1; id <= connectors_; ++id) {
    if (wanted != 0 && wanted != id) continue;
    const bridge::ConnectorDiagnostics* diagnostics = parts_.bridge.diagnostics(id);
    out.begin_object();
    member(out, "connector", id);
    member(out, "profile", parts_.settings.text("profile", id).span());
    const SettingText host = parts_.settings.text("host", id);
    if (!host.empty()) member(out, "host", host.span());
    write_connector(out, id);
    const charger::Capabilities capabilities = parts_.bridge.capabilities(id);
    member(out, "min_ma", capabilities.min_ma);
    member(out, "max_ma", capabilities.max_ma);
    member(out, "phases", capabilities.phases);
    if (diagnostics != nullptr) {
      const modbus::UnitStatistics& bus = diagnostics->bus_statistics;
      member(out, "unit", diagnostics->unit_id);
      member(out, "phase", diagnostics->phase);
      member(out, "state_code", diagnostics->state_code);
      member(out, "layout_version", diagnostics->layout_version);
      member(out, "silence_ms", diagnostics->silence_ms);
      member(out, "target_ma", diagnostics->target_ma);
      flag(out, "limit_confirmed", diagnostics->limit_confirmed);
      member(out, "watchdog_ms", diagnostics->watchdog_ms);
      member(out, "restarts_seen", diagnostics->restarts_seen);
      member(out, "requests", bus.requests);
      member(out, "replies", bus.replies);
      member(out, "timeouts", bus.timeouts);
      member(out, "crc_errors", bus.crc_errors);
      member(out, "garbage", bus.garbage);
      member(out, "exceptions", bus.exceptions);
      for (const bridge::ConnectorDiagnostics::Detail& detail : diagnostics->details)
        member(out, detail.name, detail.value);
    }
    out.end_object();
  }
  out.end_array();
  return true;
}

bool Console::meter(Arguments& arguments, json::Writer& out, Error& error, Instant now) {
  uint8_t wanted = 0;
  if (!connector_argument(arguments, wanted, error)) return false;
  out.key("meters");
  out.begin_array();
  for (uint8_t id = 1; id <= connectors_; ++id) {
    if (wanted != 0 && wanted != id) continue;
    const charger::MeterSample& sample = parts_.policy.sample(id);
    out.begin_object();
    member(out, "connector", id);
    if (sample.valid != 0) member(out, "age_ms", now - sample.taken_at);
    if (sample.has(charger::kMeterEnergyImport)) member(out, "energy_wh", sample.energy_import_wh);
    if (sample.has(charger::kMeterPower)) member(out, "power_w", sample.power_w);
    if (sample.has(charger::kMeterCurrent)) three(out, "current_ma", sample.current_ma);
    if (sample.has(charger::kMeterVoltage)) three(out, "voltage_mv", sample.voltage_mv);
    if (sample.has(charger::kMeterTemperature))
      member(out, "temperature_deci_c", sample.temperature_deci_c);
    if (sample.has(charger::kMeterSoc)) member(out, "soc_percent", sample.soc_percent);
    out.end_object();
  }
  out.end_array();
  return true;
}

bool Console::transactions(Arguments& arguments, json::Writer& out, Error& error, Instant now) {
  const TextSpan verb = arguments.word();
  if (is_word(verb, "stop")) {
    uint8_t connector_id = 0;
    if (!connector_argument(arguments, connector_id, error) || connector_id == 0) return false;
    if (parts_.engine.stop_transaction(connector_id, StopCause::kLocal, now) == Status::kOk)
      return true;
    error = Error("no transaction is running on this connector");
    return false;
  }
  if (is_word(verb, "dead-letters")) return dead_letters(arguments, out, error);
  if (!verb.empty()) return false;
  const EngineSummary summary = parts_.engine.summary(now);
  member(out, "pending_messages", static_cast<int64_t>(summary.pending_messages));
  member(out, "dead_letters", static_cast<int64_t>(summary.dead_letters));
  member(out, "flash_bytes", static_cast<int64_t>(summary.flash_bytes));
  member(out, "flash_transactions", summary.transactions);
  if (summary.transactions > 0) {
    member(out, "flash_bytes_per_transaction",
           static_cast<int64_t>(summary.flash_bytes / summary.transactions));
  }
  member(out, "log_bytes", summary.log_bytes);
  member(out, "log_capacity_bytes", summary.log_capacity_bytes);
  out.key("transactions");
  out.begin_array();
  for (uint8_t id = 1; id <= connectors_; ++id) {
    const ConnectorSummary connector = parts_.engine.connector(id);
    if (!connector.has_transaction) continue;
    out.begin_object();
    member(out, "connector", id);
    member(out, "transaction", connector.local_transaction);
    out.key("transaction_id");
    if (connector.has_transaction_id) {
      out.integer(connector.transaction_id);
    } else {
      out.null();
    }
    member(out, "tag", connector.id_tag.span());
    flag(out, "stopping", connector.is_stopping);
    member(out, "meter_start_wh", connector.meter_start_wh);
    member(out, "meter_last_wh", connector.meter_last_wh);
    out.end_object();
  }
  out.end_array();
  return true;
}

bool Console::dead_letters(Arguments& arguments, json::Writer& out, Error& error) {
  const TextSpan verb = arguments.word();
  if (is_word(verb, "clear")) {
    const Status status = parts_.engine.clear_lost_messages();
    if (status == Status::kOk) return true;
    error = Error(status == Status::kUnsupported ? kNoDeadLetters
                                                 : "the flash did not take it: nothing is cleared");
    return false;
  }
  if (is_word(verb, "resend")) {
    const Status status = parts_.engine.resend_lost_messages();
    if (status == Status::kOk) return true;
    error = Error(status == Status::kNotFound      ? "there are no dead letters"
                  : status == Status::kAgain       ? "they are being sent already"
                  : status == Status::kUnsupported ? kNoDeadLetters
                                                   : "the CSMS is not connected");
    return false;
  }
  if (!verb.empty()) return false;
  out.key("messages");
  out.begin_array();
  LostMessage message;
  for (size_t i = 0; i < kMaxLostMessages && parts_.engine.lost_message(i, message); ++i) {
    out.begin_object();
    member(out, "action", message.action);
    member(out, "reason", message.reason);
    member(out, "transaction", message.local_transaction);
    if (message.has_transaction_id) member(out, "transaction_id", message.transaction_id);
    if (message.connector_id != 0) member(out, "connector", message.connector_id);
    if (!message.id_tag.empty()) member(out, "tag", message.id_tag.span());
    if (message.has_meter) member(out, "meter_wh", message.meter_wh);
    if (message.utc.is_known()) member(out, "utc_ms", message.utc.ms);
    out.end_object();
  }
  out.end_array();
  return true;
}

bool Console::log(Arguments& arguments, json::Writer& out, Error& error, Instant) {
  static constexpr const char* kNames[] = {"error", "warn", "info", "debug"};
  const TextSpan verb = arguments.word();
  if (is_word(verb, "level")) {
    common::LogLevel level = common::LogLevel::kInfo;
    if (!log_level_from_text(arguments.word(), level)) {
      error = Error("the level is error, warn, info or debug");
      return false;
    }
    parts_.log.set_level(level);
  } else if (!verb.empty()) {
    return false;
  }
  member(out, "level", kNames[static_cast<size_t>(parts_.log.level())]);
  member(out, "dropped_lines", parts_.output.dropped_lines());
  return true;
}

bool Console::reboot(Arguments&, json::Writer&, Error&, Instant) {
  request_ = Request::kReboot;
  return true;
}

bool Console::factory_reset(Arguments& arguments, json::Writer&, Error& error, Instant now) {
  const TextSpan word = arguments.word();
  const bool discards = is_word(word, "DISCARD");
  if (!discards && !is_word(word, "CONFIRM")) {
    error = Error(
        "this erases all settings, keys, certificates, tags and records; say factory-reset "
        "CONFIRM");
    return false;
  }
  if (parts_.reset == nullptr) {
    error = Error("this gateway has nothing that could be erased");
    return false;
  }
  const OcppEngine* const engine = not_started_.empty() ? &parts_.engine : nullptr;
  if (!discards && parts_.reset->loses_money(engine, connectors_, now, error)) {
    (void)error.append(common::text("; to lose them say factory-reset DISCARD"));
    return false;
  }
  if (parts_.reset->request() != common::Status::kOk) {
    error = Error("the flash takes no mark: nothing is erased");
    return false;
  }
  request_ = Request::kFactoryReset;
  return true;
}

#ifdef GATEWAY_TEST_HOOKS
/// `sim pin 27 1` drives a pin, `sim pin 34` reads one: on a bench they are wired to each other.
bool Console::sim_pin(common::TextSpan pin, common::TextSpan level, json::Writer& out,
                      Error& error) {
  int32_t number = 0;
  const bool is_read = level.empty();
  const bool is_high = is_word(level, "1");
  if (!parse_integer(pin, number) || number < 0 || number > 39 ||
      !(is_read || is_high || is_word(level, "0")))
    return false;
  const auto gpio = static_cast<uint8_t>(number);
  const platform::PinUse use = is_read ? platform::PinUse::kInput : platform::PinUse::kOutput;
  if (parts_.pins == nullptr || parts_.pins->refusal(gpio, use) != nullptr) {
    error = Error("this pin cannot be used so");
    return false;
  }
  if (!is_read) return parts_.pins->set(gpio, is_high) == Status::kOk;
  const common::Result<bool> seen =
      parts_.pins->make_input(gpio, false) == Status::kOk ? parts_.pins->get(gpio) : Status::kIo;
  flag(out, "level", seen.ok() && seen.value());
  return seen.ok();
}

bool Console::sim(Arguments& arguments, json::Writer& out, Error& error, Instant now) {
  const TextSpan what = arguments.word();
  if (is_word(what, "wifi")) return sim_wifi(arguments, error);
  const TextSpan value = arguments.word();
  if (is_word(what, "tag") && !value.empty()) {
    charger::IdTag tag;
    uint8_t connector_id = 0;
    if (tag.assign(value) != Status::kOk) {
      error = Error("an id tag has at most 20 characters");
      return false;
    }
    if (!connector_argument(arguments, connector_id, error)) return false;
    parts_.policy.on_id_tag(connector_id, tag, now);
    return true;
  }
  if (is_word(what, "link") && is_word(value, "down")) {
    request_ = Request::kLinkDown;
    return true;
  }
  if (is_word(what, "pin")) return sim_pin(value, arguments.word(), out, error);
  if (is_word(what, "crash")) {
    request_ = Request::kCrash;
    return true;
  }
  if (is_word(what, "csms") && is_word(value, "lost")) {
    request_ = Request::kCsmsLost;
    return true;
  }
  if (is_word(what, "leak")) {
    request_ = Request::kLeak;
    return true;
  }
  if (is_word(what, "stall")) {
    request_ = Request::kStall;
    return true;
  }
  if (is_word(what, "link") && is_word(value, "up")) {
    request_ = Request::kLinkUp;
    return true;
  }
  for (const char* driven : {"plug", "unplug", "meter", "fault"}) {
    if (is_word(what, driven)) {
      error = Error(
          "the charger is a real one on a bus: plug, meter and faults are the charger simulator's");
    }
  }
  return false;
}
#endif

}  // namespace gateway
