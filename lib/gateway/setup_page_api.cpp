#include "bridge/keba_driver.hpp"
#include "bridge/profile.hpp"
#include "bridge/rapi_driver.hpp"
#include "gateway/json_members.hpp"
#include "gateway/setting_checks.hpp"
#include "gateway/setup_page.hpp"
#include "json/reader.hpp"
#include "json/string_cursor.hpp"

#include <cstdio>

namespace gateway {

using common::Instant;
using common::Status;
using common::text;
using common::TextSpan;
using json::Token;

namespace {

/// What the page may show and set; nothing else.
constexpr const char* kFields[] = {"wifi_ssid",  "wifi_password",  "wifi2_ssid", "wifi2_password",
                                   "wifi3_ssid", "wifi3_password", "wifi4_ssid", "wifi4_password",
                                   "csms_url",   "identity",       "password",   "c1.profile"};
constexpr size_t kMaxNetworks = 16;
// Room for one more network, or charger.
constexpr size_t kItemBytes = 240;

bool is_field(TextSpan name) {
  for (const char* field : kFields) {
    if (common::equals(name, text(field))) return true;
  }
  return false;
}

/// The members of an object of texts, one after another.
class Members {
 public:
  /// @param buffer  For the value of the present member.
  Members(TextSpan body, common::Span<char> buffer) : reader_(body), buffer_(buffer) {
    is_good_ = reader_.next() == Token::kObjectBegin;
  }
  /// @return false: no more, or it is not an object of texts.
  bool next() {
    if (!is_good_ || reader_.next() == Token::kObjectEnd) {
      is_good_ = is_good_ && reader_.next() == Token::kEnd;
      return false;
    }
    if (reader_.token() != Token::kKey) return is_good_ = false;
    name_ = reader_.text();
    if (reader_.next() != Token::kString) return is_good_ = false;
    const common::Result<size_t> size = json::unescape(reader_.text(), buffer_);
    is_long_ = !size.ok();
    size_ = size.value_or(0);
    return true;
  }
  /// After the last: it was an object of texts.
  bool is_good() const { return is_good_; }
  TextSpan name() const { return name_; }
  TextSpan value() const { return TextSpan(buffer_.data(), size_); }
  /// The value is longer than any setting.
  bool is_long() const { return is_long_; }

 private:
  json::Reader reader_;
  bool is_good_ = false;
  bool is_long_ = false;
  TextSpan name_;
  common::Span<char> buffer_;
  size_t size_ = 0;
};

bool has_control_character(TextSpan value) {
  for (const char c : value) {
    if (static_cast<uint8_t>(c) < ' ' || c == '\x7f') return true;
  }
  return false;
}

// Out of line: their buffers are not to stand below the checks.

/// Whether the change has a member of this name.
[[gnu::noinline]] bool has_member(TextSpan body, TextSpan name, common::Span<char> buffer) {
  Members members(body, buffer);
  while (members.next()) {
    if (common::equals(members.name(), name)) return true;
  }
  return false;
}

[[gnu::noinline]] bool is_stored(const Settings& settings, TextSpan name, TextSpan value) {
  return common::equals(value, settings.text(common::FixedString<15>(name).c_str()).span());
}

/// wifi2_ssid -> wifi2_password; empty for what is no name of a network.
common::FixedString<15> password_of(TextSpan field) {
  constexpr size_t kEndBytes = 5;  // _ssid
  common::FixedString<15> result;
  if (field.size() <= kEndBytes ||
      !common::equals(field.subspan(field.size() - kEndBytes), text("_ssid")))
    return result;
  result.assign_truncated(field.first(field.size() - kEndBytes));
  (void)result.append(text("_password"));
  return result;
}

}  // namespace

uint16_t SetupPage::get_status(Place&, json::Writer& out, Instant now) {
  member(out, "identity", parts_.identity);
  member(out, "serial_number", parts_.device.serial_number().span());
  member(out, "version", parts_.firmware_version);
  flag(out, "has_wifi", parts_.wifi != nullptr);
  flag(out, "is_access_point", is_captive_);
  flag(out, "is_charging", is_charging_);
  write_network(out);
  write_csms(out, now);
  if (!not_started_.empty()) member(out, "not_started", not_started_.span());
  member(out, "start", int64_t{start_});
  return 200;
}

void SetupPage::write_network(json::Writer& out) const {
  const NetworkManager* const wifi = parts_.wifi;
  out.key("network");
  out.begin_object();
  flag(out, "is_good", wifi == nullptr || wifi->is_up());
  out.key("text");
  out.begin_string();
  if (wifi == nullptr || (wifi->is_up() && !wifi->is_joined())) {
    out.append_string(text("The network of this computer"));
  } else if (wifi->is_joined()) {
    out.append_string(text("Joined "));
    out.append_string(wifi->ssid().span());
  } else if (wifi->network_count() == 0) {
    out.append_string(text("No Wi-Fi network is set"));
  } else {
    out.append_string(text("Not joined. "));
    for (size_t i = 0; i < wifi->network_count(); ++i) {
      const platform::JoinFailure failure = wifi->failure(i);
      if (i > 0) out.append_string(text("; "));
      out.append_string(wifi->stored(i).ssid.span());
      out.append_string(text(": "));
      out.append_string(
          text(failure == platform::JoinFailure::kNone ? "being tried" : to_string(failure)));
    }
  }
  out.end_string();
  out.end_object();
}

void SetupPage::write_csms(json::Writer& out, Instant now) const {
  const platform::LinkStatus& link = parts_.csms.status();
  const char* registration = parts_.engine.summary(now).registration;
  const bool is_accepted = common::equals(text(registration), text("accepted"));
  out.key("csms");
  out.begin_object();
  flag(out, "is_good", link.is_up && is_accepted);
  out.key("text");
  out.begin_string();
  if (link.is_up) {
    out.append_string(
        text(is_accepted ? "Connected and accepted" : "Connected, but not accepted: "));
    if (!is_accepted) out.append_string(text(registration));
  } else if (parts_.settings.text("csms_url").empty()) {
    out.append_string(text("No CSMS is set"));
  } else if (link.http_status == 404) {
    out.append_string(text("404: the CSMS does not know identity "));
    out.append_string(text(parts_.identity));
    out.append_string(text(", or the URL's path is wrong"));
  } else if (link.http_status == 401 || link.http_status == 403) {
    out.append_string(text(link.http_status == 401 ? "401" : "403"));
    out.append_string(text(": the CSMS refuses the key, or identity "));
    out.append_string(text(parts_.identity));
  } else if (!link.last_error.empty()) {
    out.append_string(link.last_error.span());
  } else {
    out.append_string(text("Not connected yet"));
  }
  out.end_string();
  out.end_object();
}

uint16_t SetupPage::get_settings(Place&, json::Writer& out, Instant) {
  uint8_t (&token)[kTokenBytes] = tokens_[next_token_];
  next_token_ = (next_token_ + 1) % kTokens;
  parts_.entropy.fill(token);
  char digits[2 * kTokenBytes + 1];
  for (size_t i = 0; i < kTokenBytes; ++i)
    std::snprintf(digits + 2 * i, 3, "%02x", static_cast<unsigned>(token[i]));
  member(out, "token", digits);
  out.key("settings");
  out.begin_object();
  for (const char* field : kFields) {
    const SettingRow& row = *Settings::find(text(field));
    SettingText value = parts_.settings.text(field);
    Settings::hide(row, value);
    // Of a secret: whether there is one.
    if (row.is_secret) {
      flag(out, field, !value.empty());
    } else {
      member(out, field, value.span());
    }
  }
  out.end_object();
  return 200;
}

uint16_t SetupPage::get_networks(Place&, json::Writer& out, Instant) {
  platform::WifiControl::Found found;
  const Status status = parts_.wifi == nullptr ? Status::kNotFound : parts_.wifi->network(0, found);
  flag(out, "is_searching", status == Status::kAgain);
  out.key("networks");
  out.begin_array();
  for (size_t i = 0;
       status == Status::kOk && i < kMaxNetworks && parts_.wifi->network(i, found) == Status::kOk &&
       out.size() + kItemBytes < sizeof answer_;
       ++i) {
    if (found.ssid.empty()) continue;  // hidden
    out.begin_object();
    member(out, "ssid", found.ssid.span());
    member(out, "rssi_dbm", found.rssi_dbm);
    flag(out, "has_password", found.has_password);
    out.end_object();
  }
  out.end_array();
  return 200;
}

uint16_t SetupPage::get_chargers(Place&, json::Writer& out, Instant) {
  out.key("chargers");
  out.begin_array();
  for (const bridge::Profile* profile : bridge::charger_profiles()) {
    if (!profile->is_meter && out.size() + kItemBytes < sizeof answer_) out.string(profile->name);
  }
  for (const char* direct : {"gpio", bridge::KebaDriver::kName, bridge::RapiDriver::kName})
    out.string(direct);
  out.end_array();
  return 200;
}

size_t SetupPage::check_change(TextSpan body, json::Writer& out) {
  size_t errors = 0;
  Members members(body, value_);
  while (members.next()) {
    const TextSpan name = members.name();
    const TextSpan value = members.value();
    common::FixedString<95> error;
    if (!is_field(name)) return SIZE_MAX;
    if (members.is_long()) {
      error.assign_truncated(text("it is too long"));
    } else if (has_control_character(value)) {
      error.assign_truncated(text("it has a character that cannot be typed"));
    } else if (check_setting(parts_.settings, name, value, error) == Status::kOk) {
      const common::FixedString<15> password = password_of(name);
      // has_member() comes last: it overwrites the value.
      if (password.empty() || value.empty() || is_stored(parts_.settings, name, value) ||
          has_member(body, password.span(), value_))
        continue;
      member(out, password.c_str(), "a new network needs its password");
      ++errors;
      continue;
    }
    out.key(name);
    out.string(error.span());
    ++errors;
  }
  return members.is_good() ? errors : SIZE_MAX;
}

/// A name never stands beside the password of another network, even if the power fails between two of these.
Status SetupPage::store_change(TextSpan body, common::FixedString<95>& error) {
  enum Turn : uint8_t { kForgetNames, kOthers, kNames };
  for (const Turn turn : {kForgetNames, kOthers, kNames}) {
    Members members(body, value_);
    while (members.next()) {
      const bool is_network = !password_of(members.name()).empty();
      if (is_network == (turn == kOthers)) continue;
      const TextSpan value = turn == kForgetNames ? TextSpan() : members.value();
      RETURN_IF_ERROR(parts_.settings.set(members.name(), value, error));
    }
  }
  return Status::kOk;
}

/// All of the change, or nothing.
uint16_t SetupPage::post_settings(Place& place, json::Writer& out, Instant) {
  const TextSpan body = place.request.body();
  common::FixedString<95> error;
  out.key("errors");
  out.begin_object();
  const size_t errors = check_change(body, out);
  out.end_object();
  const Status status = errors == 0 ? store_change(body, error) : Status::kInvalidArgument;
  std::memset(value_, 0, sizeof value_);  // it may be a password
  if (errors == SIZE_MAX) {
    member(out, "error", "the change cannot be read");
    return 400;
  }
  if (errors > 0) return 422;
  if (status == Status::kOk) return 200;
  member(out, "error", error.span());
  return 500;
}

uint16_t SetupPage::post_scan(Place&, json::Writer& out, Instant) {
  flag(out, "is_searching", parts_.wifi != nullptr);
  if (parts_.wifi != nullptr) parts_.wifi->start_scan();
  return 200;
}

uint16_t SetupPage::post_restart(Place&, json::Writer& out, Instant) {
  if (is_charging_) {
    member(out, "error", "a transaction runs: restart when it has ended");
    return 409;
  }
  request_ = Request::kRestart;
  flag(out, "is_restarting", true);
  return 200;
}

}  // namespace gateway
