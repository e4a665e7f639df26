#include "ocpp/handlers/handlers.hpp"

namespace ocpp {

/// OCPP 1.6 ed. 2, 5.5; errata 3.25 and 3.26: an id stands alone, other fields must all match.
Refusal handle(Engine& engine, const messages::ClearChargingProfileReq& request,
               messages::ClearChargingProfileConf& conf) {
  bool is_cleared = false;
  if (request.id.has_value()) {
    is_cleared = engine.profiles.clear_id(*request.id);
  } else if (!request.connector_id.has_value() || *request.connector_id == 0 ||
             engine.has_connector(*request.connector_id)) {
    ChargingProfiles::Selection selection;
    selection.has_connector_id = request.connector_id.has_value();
    selection.connector_id = static_cast<uint8_t>(request.connector_id.value_or(0));
    selection.has_purpose = request.charging_profile_purpose.has_value();
    if (selection.has_purpose)
      selection.purpose = static_cast<ProfilePurpose>(*request.charging_profile_purpose);
    selection.has_stack_level = request.stack_level.has_value();
    selection.stack_level = request.stack_level.value_or(0);
    is_cleared = engine.profiles.clear(selection) > 0;
  }
  conf.status = is_cleared ? messages::ClearChargingProfileStatus::Accepted
                           : messages::ClearChargingProfileStatus::Unknown;
  return Refusal::none();
}

}  // namespace ocpp
