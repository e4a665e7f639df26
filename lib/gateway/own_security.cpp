#include "gateway/own_security.hpp"

#include "gateway/json_members.hpp"
#include "security/sha256.hpp"

#include <cstdio>

namespace gateway {

OwnSecurity::OwnSecurity(const Settings& settings, platform::FileStore& files,
                         platform::KeyValueStore& ocpp_settings, security::Credentials* credentials,
                         platform::CsmsAccess& access, common::LogSink& log)
    : settings_(settings) {
  if (credentials == nullptr) return;
  extension_.emplace(files, ocpp_settings, digest_, *credentials, access, log);
  certificates_.emplace(*extension_, *credentials);
}

void OwnSecurity::Digest::sha256(common::ByteSpan data, uint8_t (&out)[32]) {
  security::sha256(data, out);
}

void OwnSecurity::begin(common::UtcTime earliest, bool was_reset) {
  if (!extension_) return;
  ocpp::SecurityOptions options;
  // "none" is a file of no roots.
  const SettingText ca_file = settings_.text("ca_file");
  options.has_trust_store =
      !ca_file.empty() && !common::equals(ca_file.span(), common::text("none"));
  options.checks_additional_root = settings_.boolean("root_check");
  options.allows_unsigned_firmware = settings_.boolean("unsigned_fw");
  if (common::equals(settings_.text("cert_key").span(), common::text("rsa")))
    options.key_type = security::KeyType::kRsa2048;
  options.earliest_utc = earliest;
  options.was_reset = was_reset;
  extension_->configure(options);
}

bool OwnSecurity::step(const platform::LinkStatus& link, common::UtcTime earliest,
                       common::Instant now) {
  if (!extension_) return false;
  extension_->set_earliest(earliest);
  extension_->on_link(link, now);
  return extension_->take_reconnect(now);
}

void OwnSecurity::write(json::Writer& out) const {
  const security::Credentials& credentials = extension_->credentials();
  member(out, "roots_csms",
         static_cast<int64_t>(credentials.root_count(security::RootUse::kCentralSystem)));
  member(out, "roots_manufacturer",
         static_cast<int64_t>(credentials.root_count(security::RootUse::kManufacturer)));
  member(out, "roots_most", static_cast<int64_t>(credentials.capacity()));
  member(out, "certificate_expires_utc_ms", credentials.client_expires_at().ms);
  flag(out, "certificate_requested", credentials.has_request());
  flag(out, "certificate_check", credentials.is_busy());
  const ocpp::SecurityLog& log = extension_->log();
  member(out, "events_untold", static_cast<int64_t>(log.untold()));
  out.key("events");
  out.begin_array();
  ocpp::SecurityLog::Reader reader;
  // Numbers have gaps: what tells that an event was told has one too.
  constexpr uint32_t kNumbers = 10;
  if (log.last() > kNumbers) reader.last = log.last() - kNumbers;
  for (ocpp::SecurityEntry entry; log.read(reader, entry) == common::Status::kOk;) {
    out.begin_object();
    member(out, "n", static_cast<int64_t>(entry.number));
    member(out, "event", to_string(entry.event));
    member(out, "info", entry.info.span());
    member(out, "utc_ms", entry.utc.ms);
    out.end_object();
  }
  out.end_array();
}

bool OwnSecurity::report_tamper() {
  if (!extension_ || !extension_->log().is_ready()) return !extension_;
  extension_->report(ocpp::SecurityEvent::TamperDetectionActivated, "the lid was opened");
  return true;
}

void OwnSecurity::report_memory(uint32_t free_bytes) {
  if (!extension_ || is_memory_told_) return;
  is_memory_told_ = true;
  char info[32];
  std::snprintf(info, sizeof info, "%lu bytes free", static_cast<unsigned long>(free_bytes));
  extension_->report(ocpp::SecurityEvent::MemoryExhaustion, info);
}

}  // namespace gateway
