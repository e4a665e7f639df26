// Configuration keys of the security extension (security whitepaper ed. 3, 2.6 and 5).
#include "ocpp/handlers/configuration_listing.hpp"
#include "ocpp/security/security_extension.hpp"

#include <cstdio>

namespace ocpp {

using common::TextSpan;

namespace {

enum SecurityKey : uint8_t {
  kAdditionalRootCertificateCheck,
  kAuthorizationKey,
  kCertificateSignedMaxChainSize,
  kCertificateStoreMaxLength,
  kCpoName,
  kSecurityProfile,
};

struct KeyRow {
  const char* name;
  bool is_readonly;
};
constexpr KeyRow kRows[SecurityExtension::kKeyCount] = {
    {"AdditionalRootCertificateCheck", true},
    {"AuthorizationKey", false},
    {"CertificateSignedMaxChainSize", true},
    {"CertificateStoreMaxLength", true},
    {"CpoName", false},
    {"SecurityProfile", false},
};
constexpr char kCpoSetting[] = "cpo_name";

void set_number(ConfigurationEntry& out, size_t value) {
  char digits[12];
  std::snprintf(digits, sizeof digits, "%u", static_cast<unsigned>(value));
  out.value.assign_truncated(common::text(digits));
}

/// The keys of the engine, then those of the extension.
struct AllKeys {
  EngineKeys engine;
  const SecurityExtension& extension;
  ConfigurationEntry entry;

  static constexpr size_t count() { return EngineKeys::count() + SecurityExtension::kKeyCount; }
  bool find(TextSpan name, size_t& index) const {
    if (EngineKeys::find(name, index)) return true;
    if (!extension.find_key(name, index)) return false;
    index += EngineKeys::count();
    return true;
  }
  void describe(size_t index, messages::KeyValue& item) {
    if (index < EngineKeys::count()) return engine.describe(index, item);
    extension.read_key(index - EngineKeys::count(), entry);
    item.key = messages::Text::plain_ascii(common::text(entry.key));
    item.readonly = entry.is_readonly;
    item.value = entry.has_value ? messages::Optional<messages::Text>(entry.value.span())
                                 : messages::Optional<messages::Text>();
  }
};

}  // namespace

bool SecurityExtension::find_key(TextSpan name, size_t& index) const {
  for (index = 0; index < kKeyCount; ++index) {
    if (common::equals_ignore_case(name, common::text(kRows[index].name))) return true;
  }
  return false;
}

void SecurityExtension::read_key(size_t index, ConfigurationEntry& out) const {
  out.key = kRows[index].name;
  out.is_readonly = kRows[index].is_readonly;
  out.has_value = index != kAuthorizationKey;
  out.value.clear();
  switch (index) {
    case kAdditionalRootCertificateCheck:
      out.value.assign_truncated(common::text(options_.checks_additional_root ? "true" : "false"));
      break;
    case kCertificateSignedMaxChainSize:
      set_number(out, kMaxChainBytes);
      break;
    case kCertificateStoreMaxLength:
      set_number(out, credentials_.capacity());
      break;
    case kCpoName:
      out.value.assign_truncated(cpo_name_.span());
      break;
    case kSecurityProfile:
      set_number(out, static_cast<size_t>(access_.security_profile()));
      break;
    default:
      break;
  }
}

ConfigurationStatus SecurityExtension::write_key(size_t index, TextSpan value,
                                                 common::Instant now) {
  engine_->clock.set_now(now);
  ConfigurationStatus status = ConfigurationStatus::Rejected;
  switch (index) {
    case kAuthorizationKey:
      if (access_.set_key(value, now) == common::Status::kOk)
        status = ConfigurationStatus::Accepted;
      break;
    case kSecurityProfile:
      if (value.size() != 1 || value[0] < '0' || value[0] > '3') break;
      if (const auto profile = static_cast<platform::SecurityProfile>(value[0] - '0');
          can_have(profile) && access_.raise_profile(profile, now) == common::Status::kOk) {
        status = ConfigurationStatus::Accepted;
      }
      break;
    case kCpoName: {
      common::FixedString<64> name;
      if (value.empty() || name.assign(value) != common::Status::kOk) break;
      if (engine_->ports.settings.set(kCpoSetting, common::as_bytes(value)) != common::Status::kOk)
        break;
      cpo_name_ = name;
      status = ConfigurationStatus::Accepted;
      break;
    }
    default:
      break;
  }
  if (status != ConfigurationStatus::Accepted) return status;
  // What it is now is nobody's business.
  report(SecurityEvent::ReconfigurationOfSecurityParameters, kRows[index].name);
  Event event;
  event.type = EventType::kConfigurationChanged;
  event.key = kRows[index].name;
  engine_->events.push(event);
  return status;
}

void SecurityExtension::load_cpo_name() {
  uint8_t name[64];
  const common::Result<size_t> size =
      engine_->ports.settings.get(kCpoSetting, common::MutableByteSpan(name));
  if (size.ok())
    cpo_name_.assign_truncated(TextSpan(reinterpret_cast<const char*>(name), size.value()));
}

bool SecurityExtension::handle_change_configuration(const InboundCall& call) {
  messages::ChangeConfigurationReq request;
  size_t index = 0;
  // What is wrong with it the engine tells.
  if (!decode(call.payload(), request).ok() || !find_key(request.key.span(), index)) return false;
  messages::ChangeConfigurationConf conf;
  common::FixedString<128> value;
  const ConfigurationStatus status = request.value.copy_to(value) == common::Status::kOk
                                         ? write_key(index, value.span(), engine_->now())
                                         : ConfigurationStatus::Rejected;
  conf.status = static_cast<messages::ConfigurationStatus>(status);
  call.answer(conf);
  return true;
}

void SecurityExtension::handle_get_configuration(const InboundCall& call) {
  AllKeys keys{{engine_->configuration}, *this, {}};
  ConfigurationListing<AllKeys>::answer(call, keys);
}

}  // namespace ocpp
