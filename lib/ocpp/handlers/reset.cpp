#include "ocpp/handlers/handlers.hpp"

namespace ocpp {

/// OCPP 1.6 ed. 2, 5.14.
Refusal handle(Engine& engine, const messages::ResetReq& request, messages::ResetConf& conf) {
  conf.status = messages::ResetStatus::Accepted;
  engine.request_reset(request.type == messages::ResetType::Hard);
  return Refusal::none();
}

}  // namespace ocpp
