#pragma once

#include "ocpp/charging_profile.hpp"

/// What charging profiles allow at a given time: pure functions (OCPP 1.6 ed. 2, 3.13 and errata
/// 3.7, 3.34, 3.43, 3.44, 3.79). Nothing here knows a clock, a charger or a store.
namespace ocpp {

/// How limits in W and in A relate on a connector.
struct ElectricalFacts {
  int32_t voltage_mv = 230000;  ///< Phase to neutral, measured where possible; > 0.
  uint8_t phases = 3;           ///< Phases in use (measured), else connected; 1..3.
};

/// The session that a limit is asked for.
struct ChargingSession {
  uint8_t connector_id = 1;
  uint32_t local_transaction = 0;  ///< 0 = none: TxProfiles do not apply.
  /// Start of the transaction; for a question about a transaction that does not run: when it would
  /// start.
  common::UtcTime started_at;
  ElectricalFacts electrical;
};

/// Microamperes per phase. Micro, so that W -> A -> W gives the tenth of a watt back.
using Microampere = int64_t;
constexpr Microampere kUnlimited = INT64_MAX;

struct ProfileLimit {
  Microampere per_phase_ua = kUnlimited;  ///< kUnlimited = no profile says anything.
  uint8_t phases = 3;                     ///< Phases that may be used.
};

Microampere to_microampere(int64_t limit_deci, RateUnit unit, const ElectricalFacts& electrical);
/// Tenths of the unit, rounded to the nearest.
int64_t from_microampere(Microampere per_phase, RateUnit unit, const ElectricalFacts& electrical);

/// The period of a profile that is valid at `at`; nullptr when the profile says nothing then.
/// @param at  Unknown: the lowest of all periods, so that a lost clock never raises a limit.
const SchedulePeriod* active_period(const ChargingProfile& profile, common::UtcTime at,
                                    common::UtcTime started_at);

/// Limit of one purpose: the highest stack level that says something. For TxDefaultProfile a
/// profile of the connector itself goes before those of connector 0.
ProfileLimit limit_of(common::Span<const ChargingProfile> profiles, ProfilePurpose purpose,
                      const ChargingSession& session, common::UtcTime at);

/// What the connector may draw: TxProfile, else TxDefaultProfile; never more than its share of
/// ChargePointMaxProfile.
/// @param sharers  Connectors among which ChargePointMaxProfile is divided, >= 1.
ProfileLimit limit(common::Span<const ChargingProfile> profiles, const ChargingSession& session,
                   common::UtcTime at, uint8_t sharers);

/// The first time after `at` at which limit() may give another result; INT64_MAX when it never
/// does.
/// @param at  Known.
common::UtcTime next_change(common::Span<const ChargingProfile> profiles,
                            const ChargingSession& session, common::UtcTime at);

}  // namespace ocpp
