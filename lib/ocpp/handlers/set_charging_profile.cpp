#include "ocpp/handlers/handlers.hpp"

namespace ocpp {
namespace {

/// A profile whose periods are taken over while the request is decoded.
struct IncomingProfile {
  ChargingProfile profile;
  messages::ChargingSchedulePeriod period;
  bool are_periods_valid = true;

  static void take(void* self, size_t /*index*/) {
    auto& incoming = *static_cast<IncomingProfile*>(self);
    if (!add_period(incoming.period, incoming.profile)) incoming.are_periods_valid = false;
  }
};

/// Purpose, connector and transaction go together (3.13.1). @param profile  Gets its transaction.
bool belongs_here(const Engine& engine, const messages::Optional<int32_t>& transaction_id,
                  ChargingProfile& profile) {
  switch (profile.purpose) {
    case ProfilePurpose::ChargePointMaxProfile:
      return profile.connector_id == 0;
    case ProfilePurpose::TxDefaultProfile:
      return true;
    case ProfilePurpose::TxProfile:
      break;
  }
  if (profile.connector_id == 0) return false;
  const Connector& connector = engine.connector(profile.connector_id);
  if (connector.session() != SessionState::kRunning &&
      connector.session() != SessionState::kResuming) {
    return false;
  }
  if (transaction_id.has_value() &&
      (!connector.has_transaction_id() || connector.transaction_id() != *transaction_id)) {
    return false;
  }
  profile.local_transaction = connector.local_transaction();
  return true;
}

}  // namespace

/// OCPP 1.6 ed. 2, 5.16 and 3.13; errata 3.37 to 3.45.
void handle_set_charging_profile(const InboundCall& call) {
  Engine& engine = call.engine();
  messages::SetChargingProfileReq request;
  IncomingProfile incoming;
  const messages::ItemSink sink{&incoming.period, &IncomingProfile::take, &incoming};
  messages::DecodeOptions options;
  options.sink = &sink;
  if (const messages::DecodeError error = decode(call.payload(), request, options); !error.ok()) {
    call.refuse(error);
    return;
  }
  if (request.connector_id != 0 && !engine.has_connector(request.connector_id)) {
    call.refuse(messages::RpcErrorCode::PropertyConstraintViolation,
                common::text("connectorId: no such connector"));
    return;
  }
  messages::SetChargingProfileConf conf;
  const bool is_installed =
      incoming.are_periods_valid &&
      to_profile(request.cs_charging_profiles, static_cast<uint8_t>(request.connector_id),
                 engine.clock.utc(), incoming.profile) == common::Status::kOk &&
      belongs_here(engine, request.cs_charging_profiles.transaction_id, incoming.profile) &&
      engine.profiles.install(incoming.profile) == common::Status::kOk;
  conf.status = is_installed ? messages::ChargingProfileStatus::Accepted
                             : messages::ChargingProfileStatus::Rejected;
  call.answer(conf);
}

}  // namespace ocpp
