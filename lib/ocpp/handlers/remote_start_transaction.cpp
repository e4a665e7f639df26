#include "ocpp/handlers/handlers.hpp"

namespace ocpp {

/// OCPP 1.6 ed. 2, 5.11; errata 3.32 and 3.41. Accepted means: will be tried.
Refusal handle(Engine& engine, const messages::RemoteStartTransactionReq& request,
               messages::RemoteStartTransactionConf& conf) {
  conf.status = messages::RemoteStartStopStatus::Rejected;
  if (engine.registration.state() != RegistrationState::kAccepted || request.id_tag.empty())
    return Refusal::none();
  Connector* connector = nullptr;
  if (!request.connector_id.has_value()) {
    connector = engine.free_connector(request.id_tag);
  } else if (engine.has_connector(*request.connector_id)) {
    connector = &engine.connector(static_cast<uint8_t>(*request.connector_id));
  }
  if (connector == nullptr || !engine.can_start(*connector)) return Refusal::none();
  IdTag parent_id_tag;
  const Engine::Gate gate = engine.reservation_gate(*connector, request.id_tag, parent_id_tag);
  if (gate == Engine::Gate::kClosed) return Refusal::none();

  if (request.charging_profile.has_value()) {
    ChargingProfile profile;
    for (const messages::ChargingSchedulePeriod& period :
         request.charging_profile->charging_schedule.charging_schedule_period) {
      if (!add_period(period, profile)) return Refusal::none();
    }
    if (request.charging_profile->transaction_id.has_value() ||
        to_profile(*request.charging_profile, connector->id(), engine.clock.utc(), profile) !=
            common::Status::kOk ||
        profile.purpose != ProfilePurpose::TxProfile ||
        engine.profiles.install(profile) != common::Status::kOk) {
      return Refusal::none();
    }
  }
  conf.status = messages::RemoteStartStopStatus::Accepted;
  if (engine.configuration.flag(Key::AuthorizeRemoteTxRequests) || gate == Engine::Gate::kAsk) {
    (void)engine.request_authorization(*connector, Engine::Purpose::kStart, request.id_tag);
  } else {
    (void)connector->authorize(request.id_tag, parent_id_tag);
  }
  return Refusal::none();
}

}  // namespace ocpp
