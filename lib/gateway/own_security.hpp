#pragma once

#include "gateway/own_certificates.hpp"
#include "gateway/security_view.hpp"
#include "gateway/settings.hpp"
#include "ocpp/security/security_extension.hpp"

#include <optional>

namespace gateway {

/// The security extension of the engine of lib/ocpp, with the settings of the device.
/// @par Context  Loop thread.
class OwnSecurity final : public SecurityView {
 public:
  /// All outlive it. @param credentials  nullptr = no certificates: there is no extension, extension() is nullptr.
  OwnSecurity(const Settings& settings, platform::FileStore& files,
              platform::KeyValueStore& ocpp_settings, security::Credentials* credentials,
              platform::CsmsAccess& access, common::LogSink& log);

  ocpp::Extension* extension() { return extension_ ? &*extension_ : nullptr; }
  /// nullptr = there is none.
  const SecurityView* view() const { return extension_ ? this : nullptr; }
  /// nullptr = there are none.
  CertificateDesk* certificates() { return certificates_ ? &*certificates_ : nullptr; }
  void write(json::Writer& out) const override;
  /// Before the engine begins. @param earliest  It is not earlier than this. @param was_reset  To factory settings.
  void begin(common::UtcTime earliest, bool was_reset);
  /// The security log begins with the factory reset. Once the engine has begun.
  bool has_noted_reset() const { return !extension_ || extension_->log().last() > 0; }
  /// Looks at the link, once the engine has begun. @return True: open it anew, for a new certificate of ours.
  bool step(const platform::LinkStatus& link, common::UtcTime earliest, common::Instant now);
  /// The lid was opened. @return Whether that is noted.
  bool report_tamper();
  /// Little memory was left: told once.
  void report_memory(uint32_t free_bytes);

 private:
  class Digest final : public ocpp::SecurityLog::Digest {
   public:
    void sha256(common::ByteSpan data, uint8_t (&out)[32]) override;
  };

  const Settings& settings_;
  Digest digest_;
  std::optional<ocpp::SecurityExtension> extension_;
  std::optional<OwnCertificates> certificates_;
  bool is_memory_told_ = false;
};

}  // namespace gateway
