#include "ocpp/handlers/handlers.hpp"

namespace ocpp {

/// OCPP 1.6 ed. 2, 5.2. Connector 0 stands for the charge point and all connectors.
Refusal handle(Engine& engine, const messages::ChangeAvailabilityReq& request,
               messages::ChangeAvailabilityConf& conf) {
  conf.status = messages::AvailabilityStatus::Rejected;
  if (request.connector_id != 0 && !engine.has_connector(request.connector_id))
    return Refusal::none();
  const bool is_operative = request.type == messages::AvailabilityType::Operative;
  const auto connector_id = static_cast<uint8_t>(request.connector_id);
  conf.status = messages::AvailabilityStatus::Accepted;
  for (uint8_t id = 1; id <= engine.options.connectors; ++id) {
    // The connector shows Unavailable when its transaction has ended.
    if ((connector_id == 0 || connector_id == id) && !is_operative &&
        engine.connector(id).has_transaction()) {
      conf.status = messages::AvailabilityStatus::Scheduled;
    }
  }
  // A change that a restart would undo is none.
  if (engine.set_operative(connector_id, is_operative) != common::Status::kOk)
    conf.status = messages::AvailabilityStatus::Rejected;
  return Refusal::none();
}

}  // namespace ocpp
