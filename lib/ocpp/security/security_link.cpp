// The link to the CSMS, as far as security is concerned.
#include "ocpp/security/security_extension.hpp"

#include <algorithm>

LOG_MODULE("ocpp.security.link");

namespace ocpp {

using common::Instant;
using platform::LinkFailure;

namespace {

/// Longest wait for answers to leave before the link is opened anew.
constexpr int64_t kReconnectMs = 5000;

}  // namespace

common::UtcTime SecurityExtension::time_to_judge_by() const {
  return std::max(engine_->clock.utc(), options_.earliest_utc);
}

/// What the certificates allow; the password is for CsmsAccess to know.
bool SecurityExtension::can_have(platform::SecurityProfile profile) const {
  if (profile < platform::SecurityProfile::kTlsBasic) return true;
  if (!options_.has_trust_store && credentials_.root_count(security::RootUse::kCentralSystem) == 0)
    return false;
  return profile != platform::SecurityProfile::kTlsClientCertificate ||
         credentials_.has_client(time_to_judge_by());
}

void SecurityExtension::request_reconnect() {
  wants_reconnect_ = true;
  reconnect_by_ = engine_->now() + kReconnectMs;
}

bool SecurityExtension::take_reconnect(Instant now) {
  if (!wants_reconnect_) return false;
  const bool is_quiet =
      !engine_->is_link_up || (engine_->outbox.empty() && !engine_->calls.is_in_flight());
  if (!is_quiet && now < reconnect_by_) return false;
  wants_reconnect_ = false;
  return true;
}

void SecurityExtension::on_link(const platform::LinkStatus& status, Instant now) {
  engine_->clock.set_now(now);
  if (status.is_up && status.is_unverified && status.connection_id != unverified_connection_) {
    // Who runs the CSMS must know that anybody may be in between.
    unverified_connection_ = status.connection_id;
    report_recurring(SecurityEvent::InvalidCentralSystemCertificate,
                     "not checked: tls_verify is off");
  }
  bool has_failed = false;
  for (uint8_t i = 0; i < platform::kLinkFailureCount; ++i) {
    if (failures_seen_[i] == status.failures_of[i]) continue;
    failures_seen_[i] = status.failures_of[i];
    has_failed = true;
    on_failure(static_cast<LinkFailure>(i), status);
  }
  // A server that ends the handshake seldom says why.
  if (has_failed &&
      access_.security_profile() == platform::SecurityProfile::kTlsClientCertificate &&
      !credentials_.has_client(time_to_judge_by())) {
    LOG_WARN(engine_->ports.log, "the certificate of the charge point is not valid now");
  }
}

void SecurityExtension::on_failure(LinkFailure failure, const platform::LinkStatus& status) {
  switch (failure) {
    case LinkFailure::kInvalidServerCertificate:
      // Behind another failure the fault is not known any more.
      report_recurring(
          SecurityEvent::InvalidCentralSystemCertificate,
          status.failure == failure ? to_string(status.certificate_fault) : "not accepted");
      break;
    case LinkFailure::kInvalidTlsVersion:
      report_recurring(SecurityEvent::InvalidTLSVersion, "no TLS 1.2");
      break;
    case LinkFailure::kInvalidTlsCipherSuite:
      report_recurring(SecurityEvent::InvalidTLSCipherSuite, "none in common");
      break;
    case LinkFailure::kUnauthorized:
      report_recurring(SecurityEvent::FailedToAuthenticateAtCentralSystem, "HTTP 401");
      break;
    case LinkFailure::kRefusedClientCertificate:
      report_recurring(SecurityEvent::FailedToAuthenticateAtCentralSystem, "client certificate");
      break;
    case LinkFailure::kNone:
    case LinkFailure::kConnection:
    case LinkFailure::kMissingCredentials:
    case LinkFailure::kTls:
      break;
  }
}

}  // namespace ocpp
