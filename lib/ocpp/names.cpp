#include "ocpp/charge_point_types.hpp"

namespace ocpp {

const char* to_string(ChargePointStatus status) {
  switch (status) {
    case ChargePointStatus::Available:
      return "Available";
    case ChargePointStatus::Preparing:
      return "Preparing";
    case ChargePointStatus::Charging:
      return "Charging";
    case ChargePointStatus::SuspendedEVSE:
      return "SuspendedEVSE";
    case ChargePointStatus::SuspendedEV:
      return "SuspendedEV";
    case ChargePointStatus::Finishing:
      return "Finishing";
    case ChargePointStatus::Reserved:
      return "Reserved";
    case ChargePointStatus::Unavailable:
      return "Unavailable";
    case ChargePointStatus::Faulted:
      return "Faulted";
  }
  return "?";
}

const char* to_string(RegistrationState state) {
  switch (state) {
    case RegistrationState::kUnregistered:
      return "unregistered";
    case RegistrationState::kPending:
      return "pending";
    case RegistrationState::kRejected:
      return "rejected";
    case RegistrationState::kAccepted:
      return "accepted";
  }
  return "?";
}

const char* to_string(ConfigurationStatus status) {
  switch (status) {
    case ConfigurationStatus::Accepted:
      return "Accepted";
    case ConfigurationStatus::Rejected:
      return "Rejected";
    case ConfigurationStatus::RebootRequired:
      return "RebootRequired";
    case ConfigurationStatus::NotSupported:
      return "NotSupported";
  }
  return "?";
}

MaskedIdTag mask(const charger::IdTag& id_tag) {
  MaskedIdTag masked;
  const common::TextSpan full = id_tag.span();
  if (full.size() <= 4) return MaskedIdTag("****");
  (void)masked.assign(full.first(2));
  (void)masked.append(common::text("****"));
  (void)masked.append(full.subspan(full.size() - 2));
  return masked;
}

}  // namespace ocpp
