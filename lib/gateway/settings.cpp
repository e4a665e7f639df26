#include "gateway/settings.hpp"

#include "gateway/bus_settings.hpp"

#include <cassert>
#include <cstdio>
#include <cstring>

namespace gateway {
namespace {

using common::FixedString;
using common::Status;
using common::TextSpan;

constexpr int32_t kMaxConnectors = static_cast<int32_t>(limits::kMaxConnectors);

#define GATEWAY_TIMING_ROW(name, value, lowest, highest, help) \
  {"t." #name, SettingKind::kInteger, lowest, highest, #value, false, help " [ms]"},

constexpr char kAuthWords[] = "reader charger_reader charger_list free remote";

constexpr SettingRow kTable[] = {
    {"csms_url", SettingKind::kText, 0, 255, "", false,
     "base URL of the CSMS, ws:// or wss://, without the identity"},
    {"identity", SettingKind::kText, 0, 48, "", false,
     "charge point identity; empty = VEV- and the serial number"},
    {"password", SettingKind::kText, 0, 64, "", true, "HTTP Basic password; empty = none"},
    {"ca_file", SettingKind::kText, 0, 127, "", false,
     "PEM file with roots besides the installed ones, or NAME.pem that `file` gave; empty = the "
     "system's, none = none"},
    {"csms_url_tls", SettingKind::kText, 0, 255, "", false,
     "base URL from security profile 2 on; empty = csms_url with wss"},
    {"sec_profile", SettingKind::kWord, 0, 0, "", false,
     "security profile, see docs/security-profiles.md; empty = as URL and password say", "0 1 2 3"},
    {"root_check", SettingKind::kBoolean, 0, 1, "false", false,
     "AdditionalRootCertificateCheck: a new root of the CSMS must be signed by the one before"},
    {"unsigned_fw", SettingKind::kBoolean, 0, 1, "false", false,
     "firmware without a signature of the manufacturer is installed, too"},
    {"cert_key", SettingKind::kWord, 1, 0, "ec", false, "key of the certificate: P-256 or RSA 2048",
     "ec rsa"},
    {"auth_key_form", SettingKind::kWord, 1, 0, "auto", false,
     "what the password is: hex = digits of its bytes, text = as it is, auto = what the CSMS takes",
     "auto hex text"},
    {"tls_wildcard", SettingKind::kBoolean, 0, 1, "true", false,
     "*.example.com in a certificate stands for csms.example.com"},
    {"tls_verify", SettingKind::kBoolean, 0, 1, "true", false,
     "false = any certificate of the CSMS is taken: for a bench alone"},
    {"subprotocol", SettingKind::kBoolean, 0, 1, "false", false,
     "close when the CSMS does not confirm ocpp1.6"},
    {"vendor", SettingKind::kText, 1, 20, "VEV", false, "chargePointVendor of BootNotification"},
    {"model", SettingKind::kText, 1, 20, "VEV-Gateway", false,
     "chargePointModel of BootNotification"},
    {"connectors", SettingKind::kInteger, 1, kMaxConnectors, "1", false, "number of connectors"},
    {"offline_s", SettingKind::kInteger, 0, 86400, "0", false,
     "CSMS away for this long, or not there since the start: fall back to offline_ma; 0 = never"},
    {"offline_ma", SettingKind::kInteger, 0, 80000, "6000", false,
     "highest current per phase while the CSMS is away, mA; below the charger's minimum = pause"},
    {"site_ma", SettingKind::kInteger, 0, 1000000, "0", false,
     "current that all connectors share, mA per phase; 0 = no common limit"},
    {"site_turn_s", SettingKind::kInteger, 60, 86400, "900", false,
     "too little for all: how long one charges before the next has its turn"},
    {"trust_csms_time", SettingKind::kBoolean, 0, 1, "true", false,
     "set the clock from BootNotification and Heartbeat"},
    {"wifi_ssid", SettingKind::kText, 0, 32, "", false, "Wi-Fi network, the first choice"},
    {"wifi_password", SettingKind::kText, 0, 63, "", true, "its password; empty = an open network"},
    {"wifi2_ssid", SettingKind::kText, 0, 32, "", false, "second choice, see docs/network.md"},
    {"wifi2_password", SettingKind::kText, 0, 63, "", true, "its password"},
    {"wifi3_ssid", SettingKind::kText, 0, 32, "", false, "third choice"},
    {"wifi3_password", SettingKind::kText, 0, 63, "", true, "its password"},
    {"wifi4_ssid", SettingKind::kText, 0, 32, "", false, "fourth choice"},
    {"wifi4_password", SettingKind::kText, 0, 63, "", true, "its password"},
    {"ap_after_min", SettingKind::kInteger, 0, 1440, "5", false,
     "minutes without a Wi-Fi network before the gateway opens one of its own; 0 = never"},
    {"ap_password", SettingKind::kText, 8, 63, "", true,
     "password of the gateway's own Wi-Fi network; empty = it makes one"},
    {"hostname", SettingKind::kText, 0, 32, "", false,
     "name in the network; empty = vev- and the serial number"},
    {"csms_lost_h", SettingKind::kInteger, 0, 720, "24", false,
     "hours without a CSMS before network, then gateway restart while nothing charges; 0 = never"},
    {"ntp_server", SettingKind::kText, 0, 63, "pool.ntp.org", false,
     "time server (board only); empty = none"},
    {"reader", SettingKind::kText, 0, 8, "rdm6300", false,
     "tag reader of the gateway: none, rdm6300, pn532 or wiegand"},
    {"tag_format", SettingKind::kText, 0, 8, "hex", false,
     "how a tag's number becomes an id tag: hex, or decimal as printed on many tags"},
    {"auth", SettingKind::kWord, 1, 0, "reader", false,
     "who lets charge, see docs/authorization.md", kAuthWords},
    {"button", SettingKind::kWord, 1, 0, "none", false,
     "short press of the button, with one connector: none, stop, or start_stop (anybody may "
     "charge)",
     "none stop start_stop"},
    {"tamper", SettingKind::kText, 0, 8, "", false,
     "pin of the lid's contact, high = open (!33: low = open), see docs/hardware.md; empty = the "
     "board's, none = none"},
    {"silence_stop_s", SettingKind::kInteger, 0, 604800, "0", false,
     "a charger silent for this long: its transaction is stopped; 0 = kept open"},
    {"log_level", SettingKind::kText, 0, 8, "info", false, "error, warn, info or debug"},
    {"c?.profile", SettingKind::kText, 0, 48, "", false,
     "charger profile, see vevgw profiles list; file:NAME = one loaded from a file"},
    {"c?.auth", SettingKind::kWord, 0, 0, "", false,
     "who lets charge at this connector; empty = as auth says", kAuthWords},
    {"c?.id_tag", SettingKind::kText, 0, 20, "", false,
     "id tag of transactions that no tag has started; empty = the OCPP key FreeVendIdTag"},
    {"c?.unauthorised", SettingKind::kWord, 1, 0, "fault", false,
     "energy without permission that cannot be stopped: fault, or free_vend to book it",
     "fault free_vend"},
    {"b?.line", SettingKind::kLine, 0, 20, "", false,
     "how everything on the bus is set, such as 9600 8N1 or 38400 8E1 ascii; empty = as in the "
     "profiles"},
    {"keba_port", SettingKind::kInteger, 1, 65535, "7090", false,
     "UDP port of this gateway for KEBA chargers; real ones answer to 7090 only"},
    {"c?.pins", SettingKind::kText, 0, 159, "", false,
     "pins of a charger without a bus (profile gpio), see docs/gpio-charger.md"},
    {"c?.bus", SettingKind::kInteger, 1, static_cast<int32_t>(limits::kMaxSerialBuses), "1", false,
     "serial bus that the charger is on; not used with c?.host"},
    {"c?.host", SettingKind::kHost, 0, 80, "", false,
     "charger on the network: HOST or HOST:PORT; behind a serial converter: rtu+tcp://HOST:PORT"},
    {"c?.unit", SettingKind::kInteger, 0, 255, "0", false,
     "Modbus unit id; 0 = the profile's default"},
    {"c?.line", SettingKind::kLine, 0, 20, "", false,
     "how this charger's line is set, where it differs from its bus"},
    {"c?.outlet", SettingKind::kInteger, 1, 8, "1", false,
     "which outlet of a charger with several"},
    {"c?.phases", SettingKind::kInteger, 0, 3, "0", false,
     "phases that are connected; 0 = as in the profile"},
    {"c?.phase_switch", SettingKind::kInteger, 0, 1, "0", false,
     "1 = the charger's hardware to switch phases, where that is an option, is there"},
    {"c?.meter", SettingKind::kInteger, 0, static_cast<int32_t>(limits::kMaxMeters), "0", false,
     "meter that measures what the charger does not: 1 = m1; 0 = none"},
    {"c?.max_ma", SettingKind::kInteger, 0, 80000, "0", false,
     "highest current per phase of this installation, mA; 0 = what the charger can"},
    {"c?.contactor", SettingKind::kText, 0, 8, "", false,
     "pin of a contactor in the charger's power line (!27: active low), see "
     "docs/external-contactor.md"},
    {"c?.phase", SettingKind::kInteger, 0, 3, "0", false,
     "phase of the site that L1 of a connector with one phase is on; 0 = not known"},
    {"c?.min_ma", SettingKind::kInteger, 0, 32000, "0", false,
     "lowest current the EV is offered, mA; 0 = the profile's minimum"},
    {"c?.failsafe_ma", SettingKind::kInteger, 0, 32000, "0", false,
     "current the charger falls back to without the gateway, mA; 0 = stop; where it is set at the "
     "charger: what is set there"},
    {"m?.profile", SettingKind::kText, 0, 48, "", false,
     "meter profile, see vevgw profiles list; file:NAME as c?.profile"},
    {"m?.bus", SettingKind::kInteger, 1, static_cast<int32_t>(limits::kMaxSerialBuses), "1", false,
     "serial bus that the meter is on; not used with m?.host"},
    {"m?.host", SettingKind::kHost, 0, 80, "", false, "meter on the network, as c?.host"},
    {"m?.unit", SettingKind::kInteger, 0, 255, "0", false,
     "Modbus unit id; 0 = the profile's default"},
    {"m?.line", SettingKind::kLine, 0, 20, "", false,
     "how this meter's line is set, where it differs from its bus"},
    BRIDGE_TIMINGS(GATEWAY_TIMING_ROW)};
#undef GATEWAY_TIMING_ROW

/// Highest number that stands for the '?' of a row; 0 without one.
uint8_t max_number(const SettingRow& row) {
  if (row.name[1] != '?') return 0;
  switch (row.name[0]) {
    case 'b':
      return limits::kMaxSerialBuses;
    case 'm':
      return limits::kMaxMeters;
    default:
      return limits::kMaxConnectors;
  }
}

constexpr char kHiddenQuery[] = "?***";

bool is_url(const SettingRow& row) {
  return common::equals(common::text(row.name).first(8), common::text("csms_url"));
}

bool name_matches(const SettingRow& row, TextSpan name) {
  const size_t length = std::strlen(row.name);
  if (name.size() != length) return false;
  for (size_t i = 0; i < length; ++i) {
    if (row.name[i] == '?') {
      if (name[i] < '1' || name[i] > '0' + max_number(row)) return false;
    } else if (row.name[i] != name[i]) {
      return false;
    }
  }
  return true;
}

bool parse_boolean(TextSpan text, bool& out) {
  for (const char* word : {"true", "1", "on", "yes"}) {
    if (common::equals_ignore_case(text, common::text(word))) return out = true, true;
  }
  for (const char* word : {"false", "0", "off", "no"}) {
    if (common::equals_ignore_case(text, common::text(word))) return out = false, true;
  }
  return false;
}

bool is_word_of(const char* words, TextSpan value) {
  for (const char* at = words; *at != '\0';) {
    const size_t size = std::strcspn(at, " ");
    if (common::equals(value, TextSpan(at, size))) return true;
    at += size + (at[size] == ' ' ? 1 : 0);
  }
  return false;
}

Status check_value(const SettingRow& row, TextSpan value, FixedString<95>& error) {
  char text[96];
  switch (row.kind) {
    case SettingKind::kWord:
      if (value.empty() ? row.min == 0 : is_word_of(row.words, value)) return Status::kOk;
      std::snprintf(text, sizeof text, "%s must be one of: %s", row.name, row.words);
      break;
    case SettingKind::kLine: {
      LineSetting line;
      if (value.empty() || parse_line(value, line)) return Status::kOk;
      std::snprintf(text, sizeof text, "%s must be like 9600 8N1 or 38400 8E1 ascii", row.name);
      break;
    }
    case SettingKind::kHost: {
      HostSetting host;
      if (value.empty() || parse_host(value, host)) return Status::kOk;
      std::snprintf(text, sizeof text, "%s must be HOST, HOST:PORT or rtu+tcp://HOST:PORT",
                    row.name);
      break;
    }
    case SettingKind::kInteger: {
      int32_t number = 0;
      if (parse_integer(value, number) && number >= row.min && number <= row.max)
        return Status::kOk;
      std::snprintf(text, sizeof text, "%s must be a whole number from %ld to %ld", row.name,
                    static_cast<long>(row.min), static_cast<long>(row.max));
      break;
    }
    case SettingKind::kBoolean: {
      bool flag = false;
      if (parse_boolean(value, flag)) return Status::kOk;
      std::snprintf(text, sizeof text, "%s must be true or false", row.name);
      break;
    }
    case SettingKind::kText: {
      const auto size = static_cast<int32_t>(value.size());
      if (size >= row.min && size <= row.max) return Status::kOk;
      std::snprintf(text, sizeof text, "%s must have %ld to %ld bytes", row.name,
                    static_cast<long>(row.min), static_cast<long>(row.max));
      break;
    }
  }
  error.assign_truncated(common::text(text));
  return Status::kInvalidArgument;
}

}  // namespace

bool parse_integer(TextSpan text, int32_t& out) {
  size_t i = 0;
  const bool is_negative = text.size() > 0 && text[0] == '-';
  if (is_negative) i = 1;
  if (i == text.size() || text.size() - i > 10) return false;
  int64_t value = 0;
  for (; i < text.size(); ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    value = value * 10 + (text[i] - '0');
  }
  if (is_negative) value = -value;
  if (value < INT32_MIN || value > INT32_MAX) return false;
  out = static_cast<int32_t>(value);
  return true;
}

common::Span<const SettingRow> Settings::table() { return kTable; }

const SettingRow* Settings::find(TextSpan name) {
  for (const SettingRow& row : kTable) {
    if (name_matches(row, name)) return &row;
  }
  return nullptr;
}

FixedString<15> Settings::concrete_name(const SettingRow& row, uint8_t number) {
  char name[16];
  std::snprintf(name, sizeof name, "%s", row.name);
  if (max_number(row) != 0) name[1] = static_cast<char>('0' + number);
  return FixedString<15>(name);
}

void Settings::hide(const SettingRow& row, SettingText& value) {
  if (row.is_secret) {
    if (!value.empty()) value = SettingText("(set)");
    return;
  }
  if (!is_url(row)) return;
  const TextSpan whole = value.span();
  size_t query = 0;
  while (query < whole.size() && whole[query] != '?') ++query;
  if (query == whole.size()) return;
  SettingText shown(whole.first(query));
  (void)shown.append(common::text(kHiddenQuery));  // where there is room
  value = shown;
}

uint8_t Settings::value_count(const SettingRow& row, uint8_t connectors) {
  if (max_number(row) == 0) return 1;
  return row.name[0] == 'b' ? max_number(row) : connectors;
}

SettingText Settings::read(const SettingRow& row, const char* key) const {
  uint8_t buffer[kMaxSettingBytes];
  const common::Result<size_t> size = store_.get(key, buffer);
  if (!size.ok()) return SettingText(row.default_value);
  return SettingText(TextSpan(reinterpret_cast<const char*>(buffer), size.value()));
}

SettingText Settings::text(const char* name) const {
  const SettingRow* row = find(common::text(name));
  assert(row != nullptr);
  return read(*row, name);
}

SettingText Settings::text(const char* name, uint8_t connector_id) const {
  return text_of('c', connector_id, name);
}

SettingText Settings::text_of(char owner, uint8_t number, const char* name) const {
  char key[16];
  std::snprintf(key, sizeof key, "%c%u.%s", owner, static_cast<unsigned>(number), name);
  return text(key);
}

int32_t Settings::integer(const char* name) const {
  const SettingRow* row = find(common::text(name));
  assert(row != nullptr);
  // A stored value that no longer fits the table (older firmware) counts as not set.
  int32_t value = 0;
  FixedString<95> ignored;
  const SettingText stored = read(*row, name);
  if (check_value(*row, stored.span(), ignored) != Status::kOk ||
      !parse_integer(stored.span(), value)) {
    (void)parse_integer(common::text(row->default_value), value);
  }
  return value;
}

int32_t Settings::integer(const char* name, uint8_t connector_id) const {
  return integer_of('c', connector_id, name);
}

int32_t Settings::integer_of(char owner, uint8_t number, const char* name) const {
  char key[16];
  std::snprintf(key, sizeof key, "%c%u.%s", owner, static_cast<unsigned>(number), name);
  return integer(key);
}

bridge::Timings Settings::timings() const {
  struct Row {
    const char* name;
    uint32_t bridge::Timings::* member;
  };
#define GATEWAY_TIMING_MEMBER(name, value, lowest, highest, help) \
  {"t." #name, &bridge::Timings::name##_ms},
  static constexpr Row kRows[] = {BRIDGE_TIMINGS(GATEWAY_TIMING_MEMBER)};
#undef GATEWAY_TIMING_MEMBER
  bridge::Timings timings;
  for (const Row& row : kRows) timings.*row.member = static_cast<uint32_t>(integer(row.name));
  return timings;
}

bool Settings::boolean(const char* name) const {
  const SettingRow* row = find(common::text(name));
  assert(row != nullptr);
  bool value = false;
  if (!parse_boolean(read(*row, name).span(), value))
    (void)parse_boolean(common::text(row->default_value), value);
  return value;
}

Status Settings::check(TextSpan name, TextSpan value, FixedString<95>& error) {
  const SettingRow* row = find(name);
  if (row == nullptr) {
    error = FixedString<95>("no such setting: ");
    (void)error.append(name.first(40));
    return Status::kNotFound;
  }
  return value.empty() ? Status::kOk : check_value(*row, value, error);
}

bool Settings::is_as_shown(const SettingRow& row, TextSpan value) const {
  if (!is_url(row)) return false;
  SettingText shown = read(row, row.name);
  hide(row, shown);
  return common::equals(shown.span(), value);
}

Status Settings::set(TextSpan name, TextSpan value, FixedString<95>& error) {
  RETURN_IF_ERROR(check(name, value, error));
  const FixedString<15> key(name);
  if (is_as_shown(*find(name), value)) return Status::kOk;
  if (value.empty()) return store_.erase(key.c_str());
  const Status status = store_.set(key.c_str(), common::as_bytes(value));
  if (status != Status::kOk) error = FixedString<95>("the setting could not be stored");
  return status;
}

}  // namespace gateway
