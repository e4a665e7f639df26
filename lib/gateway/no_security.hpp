#pragma once

#include "gateway/certificate_desk.hpp"
#include "gateway/security_view.hpp"
#include "gateway/settings.hpp"
#include "ocpp/charge_point_types.hpp"
#include "platform/csms_access.hpp"

namespace security {
class Credentials;
}

namespace gateway {

/// In the place of OwnSecurity for an engine that has no security extension.
class NoSecurity {
 public:
  NoSecurity(const Settings&, platform::FileStore&, platform::KeyValueStore&,
             security::Credentials*, platform::CsmsAccess&, common::LogSink&) {}
  ocpp::Extension* extension() { return nullptr; }
  const SecurityView* view() const { return nullptr; }
  CertificateDesk* certificates() { return nullptr; }
  void begin(common::UtcTime, bool) {}
  bool has_noted_reset() const { return true; }
  bool step(const platform::LinkStatus&, common::UtcTime, common::Instant) { return false; }
  bool report_tamper() { return true; }
  void report_memory(uint32_t) {}
};

}  // namespace gateway
