#include "ocpp/handlers/handlers.hpp"

namespace ocpp {

/// OCPP 1.6 ed. 2, 5.4; errata 3.23: without an authorization cache the answer is Rejected.
Refusal handle(Engine&, const messages::ClearCacheReq&, messages::ClearCacheConf& conf,
               common::Instant) {
  conf.status = messages::ClearCacheStatus::Rejected;
  return Refusal::none();
}

}  // namespace ocpp
