#include "ocpp/handlers/handlers.hpp"

namespace ocpp {

/// OCPP 1.6 ed. 2, 5.4. Accepted only once the cache is gone from flash, in use or not.
Refusal handle(Engine& engine, const messages::ClearCacheReq&, messages::ClearCacheConf& conf) {
  conf.status = engine.local_authorization.clear_cache() == common::Status::kOk
                    ? messages::ClearCacheStatus::Accepted
                    : messages::ClearCacheStatus::Rejected;
  return Refusal::none();
}

}  // namespace ocpp
