#pragma once

#include "ocpp/charging_profile.hpp"

/// What charging profiles allow at a given time: a function of the profiles, the session and the time (OCPP 1.6 ed. 2,
/// 3.13 and errata 3.7, 3.34, 3.43, 3.44, 3.79). Nothing here knows a clock, a charger or a store.
namespace ocpp {

/// How limits in W and in A relate on a connector.
struct ElectricalFacts {
  int32_t voltage_mv = 230000;  ///< Phase to neutral, measured where possible; > 0.
  uint8_t phases = 3;           ///< Phases in use (measured), else connected; 1..3.
  /// numberPhases of a profile is obeyed. If not, a limit in W is spread over all phases in use.
  bool can_switch_phases = false;
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

/// The limits of one session, followed through time. Each profile is looked at again only when its own answer may
/// change.
/// @par Ownership  The profiles stay as they are while it is used.
class LimitTimeline {
 public:
  LimitTimeline(common::Span<const ChargingProfile> profiles, const ChargingSession& session);

  /// What the connector may draw: TxProfile, else TxDefaultProfile, of each the highest stack level that says something
  /// (a TxDefaultProfile of the connector itself goes before those of connector 0); never more than its share of
  /// ChargePointMaxProfile.
  /// @param at       Not before the time asked for last. Unknown: the lowest of all that might hold, so that a lost
  ///                 clock never raises a limit.
  /// @param sharers  Connectors among which ChargePointMaxProfile is divided, >= 1.
  ProfileLimit at(common::UtcTime at, uint8_t sharers);
  /// ChargePointMaxProfile alone and whole, at the time asked for last.
  const ProfileLimit& whole() const { return whole_; }
  /// The first time after that at which another limit may hold; INT64_MAX = never.
  common::UtcTime next_change() const { return next_change_; }
  /// At most so many times within any such span (of at most 24 days) another limit may hold.
  uint32_t changes_within(uint32_t span_ms) const;
  const ElectricalFacts& electrical() const { return session_.electrical; }

 private:
  struct Cursor {
    common::UtcTime until;  ///< The profile says the same until then.
    const ChargingProfile* profile;
    uint8_t rank;    ///< Of those that say something the highest counts.
    uint8_t period;  ///< Index; kSilent = the profile says nothing.
  };
  static constexpr uint8_t kSilent = UINT8_MAX;

  void look(Cursor& cursor, common::UtcTime at) const;
  bool goes_before(const Cursor& cursor, const Cursor& other, bool is_time_known) const;
  ProfileLimit convert(const Cursor& cursor) const;

  ChargingSession session_;
  common::UtcTime next_change_;
  ProfileLimit whole_;
  uint8_t count_ = 0;
  Cursor cursors_[limits::kMaxChargingProfiles];
};

}  // namespace ocpp
