#include "gateway/link_access.hpp"

#include <algorithm>
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
  used_ = parts();
  uint8_t other = 0;
  is_other_first_ = store_.get(kOtherKey, common::MutableByteSpan(&other, 1)).ok() && other == 1;
}

KeyForm LinkAccess::key_form() const {
  const SettingText form = settings_.text("auth_key_form");
  if (common::equals(form.span(), common::text("hex"))) return KeyForm::kHex;
  return common::equals(form.span(), common::text("text")) ? KeyForm::kText : KeyForm::kAuto;
}

uint8_t LinkAccess::parts() const {
  if (!has_trial_) return 0;
  return static_cast<uint8_t>((trial_.has_profile ? kProfile : 0) | (trial_.has_key ? kKey : 0));
}

SettingText LinkAccess::key(uint8_t parts) const {
  if ((parts & this->parts() & kKey) != 0) return SettingText(trial_.key.span());
  return settings_.text("password");
}

SecurityProfile LinkAccess::profile(uint8_t parts) const {
  if ((parts & this->parts() & kProfile) != 0) return trial_.profile;
  const SettingText set = settings_.text("sec_profile");
  if (!set.empty()) return static_cast<SecurityProfile>(set.span()[0] - '0');
  const SettingText url = settings_.text("csms_url");
  if (common::equals_ignore_case(url.span().first(6), common::text("wss://")))
    return SecurityProfile::kTlsBasic;
  return key(parts).empty() ? SecurityProfile::kNone : SecurityProfile::kBasic;
}

SecurityProfile LinkAccess::security_profile() const {
  return profile(switch_at_.is_never() ? used_ : parts());
}

SettingText LinkAccess::url() const {
  const SettingText plain = settings_.text("csms_url");
  if (profile(used_) < SecurityProfile::kTlsBasic) return plain;
  const SettingText tls_url = settings_.text("csms_url_tls");
  if (!tls_url.empty()) return tls_url;
  if (!common::equals_ignore_case(plain.span().first(5), common::text("ws://"))) return plain;
  SettingText url(common::text("wss://"));
  return url.append(plain.span().subspan(5)) == Status::kOk ? url : plain;
}

void LinkAccess::fill(platform::LinkSettings& link) const {
  link.security_profile = profile(used_);
  (void)link.url.assign(url().span());
  KeyForms forms = key_forms(key(used_).span(), key_form());
  const bool is_new_key = (used_ & kKey) != 0;
  const bool is_swapped = is_other_first_ && !is_new_key && !forms.other.empty();
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
  if (profile <= this->profile(0) || profile <= security_profile()) return Status::kInvalidArgument;
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
    failures_to_switch_ = 0;
    used_ = parts();
    connection_ = link.connection_id;
    LOG_INFO(log_, "connecting with the new key or security profile");
    return true;
  }
  if (!switch_at_.is_never()) return false;
  if (link.is_up && link.connection_id != connection_) {
    connection_ = link.connection_id;
    if (used_ != 0) {
      commit();
      note_form(link);
    } else {
      LOG_WARN(log_, "the new key or security profile does not work: the old one is kept");
      drop_trial();
    }
    return false;
  }
  // Each switch begins the back-off anew: once all had their turn the next ones wait until it has grown.
  const bool is_first = failures_to_switch_ == 0;
  const uint32_t enough = is_first ? kFailures : failures_to_switch_;
  const bool is_enough =
      link.failures >= enough || (link.failures > 0 && is_first && is_refusal(link.failure));
  if (!is_enough) return false;
  // All of the trial, then ever less of it, down to what was there before; and again.
  used_ = used_ == 0 ? parts() : static_cast<uint8_t>((used_ - 1) & parts());
  if (used_ == parts()) failures_to_switch_ = std::min(2 * enough, kMostFailures);
  connection_ = link.connection_id;
  LOG_WARN(log_, "%s: trying the %s key and security profile", link.last_error.c_str(),
           used_ == parts() ? "new"
           : used_ == 0     ? "old"
                            : "new together with the old");
  return true;
}

/// The new values have connected. A power cut between two writes leaves the trial, which then is tried once more.
void LinkAccess::commit() {
  common::FixedString<95> error;
  const char profile = static_cast<char>('0' + static_cast<int>(trial_.profile));
  Status status = Status::kOk;
  if ((used_ & kKey) != 0) {
    status = settings_.set(common::text("password"), trial_.key.span(), error);
    (void)store_.erase(kOtherKey);
    is_other_first_ = false;
  }
  if (status == Status::kOk && (used_ & kProfile) != 0)
    status = settings_.set(common::text("sec_profile"), TextSpan(&profile, 1), error);
  if (status != Status::kOk) {
    LOG_ERROR(log_, "the new key or security profile could not be stored: %s", to_string(status));
    return;
  }
  if (used_ != parts())
    LOG_WARN(log_, "the new %s does not work: the old one is kept",
             (used_ & kKey) != 0 ? "security profile" : "key");
  LOG_INFO(log_, "the new key or security profile works and is kept");
  drop_trial();
}

void LinkAccess::drop_trial() {
  (void)store_.erase(kTrialKey);
  has_trial_ = false;
  used_ = 0;
  trial_ = Trial{};
}

}  // namespace gateway
