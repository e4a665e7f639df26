#pragma once

namespace ocpp {

/// Feature profiles of OCPP 1.6 (ed. 2, 3.3): what this build has. SupportedFeatureProfiles, the
/// configuration keys and the answers to unsupported actions follow from this table.
enum class FeatureProfile : unsigned char {
  kCore,
  kFirmwareManagement,
  kLocalAuthListManagement,
  kReservation,
  kSmartCharging,
  kRemoteTrigger,
};

struct FeatureProfileInfo {
  const char* name;
  bool is_built_in;
};

constexpr FeatureProfileInfo kFeatureProfiles[] = {
    {"Core", true},        {"FirmwareManagement", true}, {"LocalAuthListManagement", true},
    {"Reservation", true}, {"SmartCharging", true},      {"RemoteTrigger", true},
};

}  // namespace ocpp
