#include "ocpp/handlers/handlers.hpp"

namespace ocpp {

/// OCPP 1.6 ed. 2, 5.12.
Refusal handle(Engine& engine, const messages::RemoteStopTransactionReq& request,
               messages::RemoteStopTransactionConf& conf) {
  conf.status = messages::RemoteStartStopStatus::Rejected;
  Connector* connector = engine.find_transaction(request.transaction_id);
  // One that is being stopped will be stopped.
  if (engine.registration.state() == RegistrationState::kAccepted && connector != nullptr &&
      (connector->session() == SessionState::kStopping ||
       connector->stop(StopReason::kRemote, IdTag()) == common::Status::kOk)) {
    conf.status = messages::RemoteStartStopStatus::Accepted;
  }
  return Refusal::none();
}

}  // namespace ocpp
