#include "ocpp/handlers/handlers.hpp"

namespace ocpp {

/// OCPP 1.6 ed. 2, 5.18; errata 3.87: NotSupported for an unknown connector and for one without a
/// lock.
Refusal handle(Engine& engine, const messages::UnlockConnectorReq& request,
               messages::UnlockConnectorConf& conf) {
  conf.status = messages::UnlockStatus::NotSupported;
  if (!engine.has_connector(request.connector_id)) return Refusal::none();
  const auto id = static_cast<uint8_t>(request.connector_id);
  if (!engine.ports.charger.capabilities(id).has_lock) return Refusal::none();
  (void)engine.connector(id).stop(StopReason::kUnlockCommand, IdTag());
  conf.status = engine.connector(id).unlock() == common::Status::kOk
                    ? messages::UnlockStatus::Unlocked
                    : messages::UnlockStatus::UnlockFailed;
  return Refusal::none();
}

}  // namespace ocpp
