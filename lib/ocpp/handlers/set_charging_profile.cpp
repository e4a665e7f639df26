#include "ocpp/handlers/handlers.hpp"

namespace ocpp {

/// OCPP 1.6 ed. 2, 5.16 and 3.13; errata 3.37 to 3.45.
Refusal handle(Engine& engine, const messages::SetChargingProfileReq& request,
               messages::SetChargingProfileConf& conf, common::Instant now) {
  if (request.connector_id != 0 && !engine.has_connector(request.connector_id)) {
    return Refusal::because(messages::RpcErrorCode::PropertyConstraintViolation,
                            "connectorId: no such connector");
  }
  conf.status = messages::ChargingProfileStatus::Rejected;
  ChargingProfile profile;
  if (to_profile(request.cs_charging_profiles, static_cast<uint8_t>(request.connector_id),
                 engine.clock.utc(now), profile) != common::Status::kOk) {
    return Refusal::none();
  }
  switch (profile.purpose) {
    case ProfilePurpose::ChargePointMaxProfile:
      if (profile.connector_id != 0) return Refusal::none();
      break;
    case ProfilePurpose::TxDefaultProfile:
      break;
    case ProfilePurpose::TxProfile: {
      if (profile.connector_id == 0) return Refusal::none();
      const Connector& connector = engine.connector(profile.connector_id);
      const bool is_running = connector.session() == SessionState::kRunning;
      const std::optional<int32_t>& id = request.cs_charging_profiles.transaction_id;
      if (!is_running) return Refusal::none();
      if (id.has_value() &&
          (!connector.has_transaction_id() || connector.transaction_id() != *id)) {
        return Refusal::none();
      }
      profile.local_transaction = connector.local_transaction();
      break;
    }
  }
  if (engine.profiles.install(profile, now) == common::Status::kOk) {
    conf.status = messages::ChargingProfileStatus::Accepted;
  }
  return Refusal::none();
}

}  // namespace ocpp
