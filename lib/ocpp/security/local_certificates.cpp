// Certificates by somebody at the device (provisioning, service): the operations of the CSMS without its messages.
#include "ocpp/security/security_extension.hpp"

namespace ocpp {

using common::Instant;
using common::Status;

Status SecurityExtension::begin_local_request(Instant now) {
  if (engine_ == nullptr) return Status::kInvalidState;
  engine_->clock.set_now(now);
  return begin_local(start_request(true));
}

Status SecurityExtension::begin_local_accept(security::PemText& chain, Instant now) {
  if (engine_ == nullptr) return Status::kInvalidState;
  engine_->clock.set_now(now);
  return begin_local(credentials_.begin_accept_client(chain, time_to_judge_by()));
}

Status SecurityExtension::begin_local_install(security::RootUse use, security::PemText& pem,
                                              Instant now) {
  if (engine_ == nullptr) return Status::kInvalidState;
  engine_->clock.set_now(now);
  return begin_local(begin_install(use, pem));
}

Status SecurityExtension::begin_local(Status begun) {
  if (begun != Status::kOk) return begun;
  local_ = Local::kRunning;
  engine_->wake();
  return Status::kOk;
}

security::DeleteResult SecurityExtension::remove_local(uint32_t id, Instant now) {
  if (engine_ == nullptr) return security::DeleteResult::kFailed;
  engine_->clock.set_now(now);
  const security::DeleteResult result = credentials_.remove_root(id);
  if (result == security::DeleteResult::kAccepted)
    report(SecurityEvent::ReconfigurationOfSecurityParameters,
           "root certificate deleted by console");
  return result;
}

bool SecurityExtension::take_local(security::Credentials::Outcome& out) {
  if (local_ != Local::kEnded) return false;
  local_ = Local::kNone;
  out = local_outcome_;
  return true;
}

}  // namespace ocpp
