#include "gateway/link_access.hpp"

#include <cstring>

namespace gateway {

LOG_MODULE("access");

using common::Instant;
using common::Status;
using common::TextSpan;
using platform::LinkFailure;
using platform::SecurityProfile;

namespace {

constexpr const char* kTrialKey = "link_trial";
constexpr const char* kOtherKey = "link_other";
constexpr uint8_t kVersion = 1;
constexpr uint8_t kUnchanged = 0xFF;

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = common::ascii_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool is_hex(TextSpan text) {
  for (const char c : text) {
    if (digit(c) < 0) return false;
  }
  return !text.empty() && text.size() % 2 == 0;
}

common::FixedString<64> bytes_of(TextSpan hex) {
  common::FixedString<64> out;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    const char byte = static_cast<char>(digit(hex[i]) << 4 | digit(hex[i + 1]));
    if (out.append(TextSpan(&byte, 1)) != Status::kOk) break;
  }
  return out;
}

common::FixedString<64> as_it_is(TextSpan text) {
  common::FixedString<64> out;
  (void)out.assign(text);
  return out;
}

/// Nothing that another attempt with the same values could mend.
bool is_refusal(LinkFailure failure) {
  switch (failure) {
    case LinkFailure::kNone:
    case LinkFailure::kConnection:
    case LinkFailure::kTls:
      return false;
    case LinkFailure::kUnauthorized:
    case LinkFailure::kInvalidServerCertificate:
    case LinkFailure::kInvalidTlsVersion:
    case LinkFailure::kInvalidTlsCipherSuite:
    case LinkFailure::kRefusedClientCertificate:
    case LinkFailure::kMissingCredentials:
      break;
  }
  return true;
}

}  // namespace

KeyForms key_forms(TextSpan key, KeyForm form) {
  KeyForms out;
  out.first = as_it_is(key);
  if (form == KeyForm::kText || !is_hex(key)) return out;
  const bool are_digits_likely = key.size() >= 32 && key.size() <= 40;
  if (form == KeyForm::kHex || are_digits_likely) {
    out.first = bytes_of(key);
    if (form == KeyForm::kAuto) out.other = as_it_is(key);
  } else {
    out.other = bytes_of(key);
  }
  return out;
}

bool is_acceptable_key(TextSpan key, KeyForm form) {
  const bool is_text = key.size() >= 16 && key.size() <= 20;
  const bool are_digits = key.size() >= 32 && key.size() <= 40 && is_hex(key);
  switch (form) {
    case KeyForm::kAuto:
      return is_text || are_digits;
    case KeyForm::kHex:
      return are_digits;
    case KeyForm::kText:
      return key.size() >= 16 && key.size() <= 40;
  }
  return false;
}

void LinkAccess::begin() {
  uint8_t record[3 + 64];
  const common::Result<size_t> size = store_.get(kTrialKey, record);
  has_trial_ = size.ok() && size.value() >= 3 && record[0] == kVersion;
  trial_ = Trial{};
  if (has_trial_) {
    trial_.has_profile = record[1] <= 3;
    if (trial_.has_profile) trial_.profile = static_cast<SecurityProfile>(record[1]);
    trial_.has_key = record[2] != kUnchanged;
    const TextSpan rest(reinterpret_cast<const char*>(record + 3), size.value() - 3);
    if (trial_.has_key) (void)trial_.key.assign(rest.first(record[2]));
  }
  uses_trial_ = has_trial_;
  uint8_t other = 0;
  is_other_first_ = store_.get(kOtherKey, common::MutableByteSpan(&other, 1)).ok() && other == 1;
}

KeyForm LinkAccess::key_form() const {
  const SettingText form = settings_.text("auth_key_form");
  if (common::equals(form.span(), common::text("hex"))) return KeyForm::kHex;
  return common::equals(form.span(), common::text("text")) ? KeyForm::kText : KeyForm::kAuto;
}

SettingText LinkAccess::key(bool with_trial) const {
  if (with_trial && has_trial_ && trial_.has_key) return SettingText(trial_.key.span());
  return settings_.text("password");
}

SecurityProfile LinkAccess::profile(bool with_trial) const {
  if (with_trial && has_trial_ && trial_.has_profile) return trial_.profile;
  const SettingText set = settings_.text("sec_profile");
  if (!set.empty()) return static_cast<SecurityProfile>(set.span()[0] - '0');
  const SettingText url = settings_.text("csms_url");
  if (common::equals_ignore_case(url.span().first(6), common::text("wss://")))
    return SecurityProfile::kTlsBasic;
  return key(with_trial).empty() ? SecurityProfile::kNone : SecurityProfile::kBasic;
}

SecurityProfile LinkAccess::security_profile() const {
  return profile(uses_trial_ || !switch_at_.is_never());
}

SettingText LinkAccess::url() const {
  const SettingText plain = settings_.text("csms_url");
  if (profile(uses_trial_) < SecurityProfile::kTlsBasic) return plain;
  const SettingText tls_url = settings_.text("csms_url_tls");
  if (!tls_url.empty()) return tls_url;
  if (!common::equals_ignore_case(plain.span().first(5), common::text("ws://"))) return plain;
  SettingText url(common::text("wss://"));
  return url.append(plain.span().subspan(5)) == Status::kOk ? url : plain;
}

void LinkAccess::fill(platform::LinkSettings& link) const {
  link.security_profile = profile(uses_trial_);
  (void)link.url.assign(url().span());
  KeyForms forms = key_forms(key(uses_trial_).span(), key_form());
  const bool is_swapped = is_other_first_ && !uses_trial_ && !forms.other.empty();
  link.password = is_swapped ? forms.other : forms.first;
  link.other_password = is_swapped ? forms.first : forms.other;
  link.allow_wildcard = settings_.boolean("tls_wildcard");
  link.verify_certificate = settings_.boolean("tls_verify");
}

Status LinkAccess::set_key(TextSpan key, Instant now) {
  if (!is_acceptable_key(key, key_form())) return Status::kInvalidArgument;
  Trial trial = has_trial_ ? trial_ : Trial{};
  trial.has_key = true;
  RETURN_IF_ERROR(trial.key.assign(key));
  return begin_trial(trial, now);
}

Status LinkAccess::raise_profile(SecurityProfile profile, Instant now) {
  if (profile <= this->profile(false) || profile <= security_profile())
    return Status::kInvalidArgument;
  const bool needs_key =
      profile == SecurityProfile::kBasic || profile == SecurityProfile::kTlsBasic;
  if (needs_key && !has_key()) return Status::kInvalidState;
  Trial trial = has_trial_ ? trial_ : Trial{};
  trial.has_profile = true;
  trial.profile = profile;
  return begin_trial(trial, now);
}

Status LinkAccess::begin_trial(const Trial& trial, Instant now) {
  uint8_t record[3 + 64] = {kVersion, kUnchanged, kUnchanged};
  if (trial.has_profile) record[1] = static_cast<uint8_t>(trial.profile);
  const TextSpan key = trial.key.span();
  const size_t key_size = trial.has_key ? key.size() : 0;
  if (trial.has_key) {
    record[2] = static_cast<uint8_t>(key_size);
    std::memcpy(record + 3, key.data(), key_size);
  }
  RETURN_IF_ERROR(store_.set(kTrialKey, common::ByteSpan(record, 3 + key_size)));
  trial_ = trial;
  has_trial_ = true;
  switch_at_ = now + kAnswerMs;
  return Status::kOk;
}

/// Remembers which form of the key the CSMS has accepted.
void LinkAccess::note_form(const platform::LinkStatus& link) {
  if (!link.is_other_password) return;  // as the link was given them
  is_other_first_ = !is_other_first_;
  const uint8_t other = is_other_first_ ? 1 : 0;
  (void)store_.set(kOtherKey, common::ByteSpan(&other, 1));
}

bool LinkAccess::step(const platform::LinkStatus& link, Instant now) {
  if (!has_trial_) {
    if (link.is_up && link.connection_id != connection_) {
      connection_ = link.connection_id;
      note_form(link);
    }
    return false;
  }
  if (now >= switch_at_) {
    switch_at_ = Instant::never();
    has_switched_ = false;
    uses_trial_ = true;
    connection_ = link.connection_id;
    LOG_INFO(log_, "connecting with the new key or security profile");
    return true;
  }
  if (!switch_at_.is_never()) return false;
  if (link.is_up && link.connection_id != connection_) {
    connection_ = link.connection_id;
    if (uses_trial_) {
      commit();
      note_form(link);
    } else {
      LOG_WARN(log_, "the new key or security profile does not work: the old one is kept");
      drop_trial();
    }
    return false;
  }
  // Later switches wait for the back-off to grow: each of them begins it anew.
  const bool is_enough = link.failures >= kFailures ||
                         (link.failures > 0 && !has_switched_ && is_refusal(link.failure));
  if (!is_enough) return false;
  has_switched_ = true;
  uses_trial_ = !uses_trial_;
  connection_ = link.connection_id;
  LOG_WARN(log_, "%s: trying the %s key and security profile", link.last_error.c_str(),
           uses_trial_ ? "new" : "old");
  return true;
}

/// The new values have connected. A power cut between two writes leaves the trial, which then is tried once more.
void LinkAccess::commit() {
  common::FixedString<95> error;
  const char profile = static_cast<char>('0' + static_cast<int>(trial_.profile));
  Status status = Status::kOk;
  if (trial_.has_key) {
    status = settings_.set(common::text("password"), trial_.key.span(), error);
    (void)store_.erase(kOtherKey);
    is_other_first_ = false;
  }
  if (status == Status::kOk && trial_.has_profile)
    status = settings_.set(common::text("sec_profile"), TextSpan(&profile, 1), error);
  if (status != Status::kOk) {
    LOG_ERROR(log_, "the new key or security profile could not be stored: %s", to_string(status));
    return;
  }
  LOG_INFO(log_, "the new key or security profile works and is kept");
  drop_trial();
}

void LinkAccess::drop_trial() {
  (void)store_.erase(kTrialKey);
  has_trial_ = false;
  uses_trial_ = false;
  trial_ = Trial{};
}

}  // namespace gateway
