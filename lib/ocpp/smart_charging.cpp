#include "ocpp/smart_charging.hpp"

#include <algorithm>

namespace ocpp {
namespace {

constexpr int64_t kDayMs = 86400000;
constexpr int64_t kMondayMs = 4 * kDayMs;  // 1970-01-05
constexpr common::UtcTime kNever{INT64_MAX};

int64_t recurrence_ms(const ChargingProfile& profile) {
  if (profile.kind != ProfileKind::Recurring) return 0;
  return profile.recurrency == Recurrency::Weekly ? 7 * kDayMs : kDayMs;
}

/// When the schedule (its first round, if it recurs) begins.
common::UtcTime schedule_start(const ChargingProfile& profile, common::UtcTime started_at) {
  switch (profile.kind) {
    case ProfileKind::Relative:
      return started_at;
    case ProfileKind::Recurring:
      if (profile.start_schedule.is_known()) return profile.start_schedule;
      return common::UtcTime{profile.recurrency == Recurrency::Weekly ? kMondayMs : kDayMs};
    case ProfileKind::Absolute:
      break;
  }
  if (profile.start_schedule.is_known()) return profile.start_schedule;
  return profile.purpose == ProfilePurpose::ChargePointMaxProfile ? profile.installed_at
                                                                  : started_at;
}

/// Length of one round, ms: duration, cut to the recurrence period; INT64_MAX = for ever.
int64_t round_ms(const ChargingProfile& profile) {
  const int64_t recurrence = recurrence_ms(profile);
  const int64_t duration = profile.duration_s < 0 ? INT64_MAX : int64_t{profile.duration_s} * 1000;
  return recurrence == 0 ? duration : std::min(duration, recurrence);
}

bool applies_to(const ChargingProfile& profile, ProfilePurpose purpose,
                const ChargingSession& session) {
  if (profile.period_count == 0 || profile.purpose != purpose) return false;
  switch (purpose) {
    case ProfilePurpose::ChargePointMaxProfile:
      return true;
    case ProfilePurpose::TxDefaultProfile:
      return profile.connector_id == 0 || profile.connector_id == session.connector_id;
    case ProfilePurpose::TxProfile:
      return profile.connector_id == session.connector_id && session.local_transaction != 0 &&
             profile.local_transaction == session.local_transaction;
  }
  return false;
}

common::UtcTime profile_next_change(const ChargingProfile& profile, common::UtcTime at,
                                    common::UtcTime started_at) {
  common::UtcTime next = kNever;
  const auto consider = [&next, at](int64_t ms) {
    if (ms > at.ms && ms < next.ms) next.ms = ms;
  };
  if (profile.valid_from.is_known()) consider(profile.valid_from.ms);
  if (profile.valid_to.is_known()) consider(profile.valid_to.ms);

  const common::UtcTime start = schedule_start(profile, started_at);
  const int64_t recurrence = recurrence_ms(profile);
  int64_t round_start = start.ms;
  if (recurrence != 0 && at.ms > start.ms) round_start = at.ms - (at.ms - start.ms) % recurrence;
  consider(round_start);
  const int64_t length = round_ms(profile);
  for (size_t i = 0; i < profile.period_count; ++i) {
    const int64_t offset = int64_t{profile.periods[i].start_s} * 1000;
    if (offset < length) consider(round_start + offset);
  }
  if (length != INT64_MAX) consider(round_start + length);
  if (recurrence != 0) consider(round_start + recurrence);
  return next;
}

}  // namespace

Microampere to_microampere(int64_t limit_deci, RateUnit unit, const ElectricalFacts& electrical) {
  if (unit == RateUnit::A) return limit_deci * 100000;
  // deci-W / (mV * phases): 1e5 mW/... = tenths of W * 1e8 / mV = microampere
  return limit_deci * 100000000 / (int64_t{electrical.voltage_mv} * electrical.phases);
}

int64_t from_microampere(Microampere per_phase, RateUnit unit, const ElectricalFacts& electrical) {
  if (unit == RateUnit::A) return (per_phase + 50000) / 100000;
  const int64_t nanowatt_per_volt =
      per_phase / 1000 * electrical.voltage_mv * electrical.phases +
      per_phase % 1000 * electrical.voltage_mv / 1000 * electrical.phases;
  return (nanowatt_per_volt + 50000) / 100000;  // microwatt to tenths of W
}

const SchedulePeriod* active_period(const ChargingProfile& profile, common::UtcTime at,
                                    common::UtcTime started_at) {
  if (!at.is_known()) {
    const SchedulePeriod* lowest = &profile.periods[0];
    for (size_t i = 1; i < profile.period_count; ++i) {
      if (profile.periods[i].limit_deci < lowest->limit_deci) lowest = &profile.periods[i];
    }
    return lowest;
  }
  if (profile.valid_from.is_known() && at < profile.valid_from) return nullptr;
  if (profile.valid_to.is_known() && at >= profile.valid_to) return nullptr;
  int64_t elapsed = at - schedule_start(profile, started_at);
  if (elapsed < 0) return nullptr;
  if (const int64_t recurrence = recurrence_ms(profile); recurrence != 0) elapsed %= recurrence;
  if (elapsed >= round_ms(profile)) return nullptr;
  const SchedulePeriod* active = nullptr;
  for (size_t i = 0;
       i < profile.period_count && int64_t{profile.periods[i].start_s} * 1000 <= elapsed; ++i) {
    active = &profile.periods[i];
  }
  return active;
}

ProfileLimit limit_of(common::Span<const ChargingProfile> profiles, ProfilePurpose purpose,
                      const ChargingSession& session, common::UtcTime at) {
  ProfileLimit result;
  int best_rank = -1;
  for (const ChargingProfile& profile : profiles) {
    if (!applies_to(profile, purpose, session)) continue;
    const bool is_own = purpose == ProfilePurpose::TxDefaultProfile && profile.connector_id != 0;
    const int rank = profile.stack_level + (is_own ? limits::kMaxStackLevel + 1 : 0);
    if (rank <= best_rank) continue;
    const SchedulePeriod* period = active_period(profile, at, session.started_at);
    if (period == nullptr) continue;
    best_rank = rank;
    // More phases than there are: the limit is used as it is (errata 3.34).
    ElectricalFacts electrical = session.electrical;
    const auto allowed = static_cast<uint8_t>(period->phases == 0 ? 3 : period->phases);
    if (allowed < electrical.phases) electrical.phases = allowed;
    result.per_phase_ua = to_microampere(period->limit_deci, profile.unit, electrical);
    result.phases = allowed;
  }
  return result;
}

ProfileLimit limit(common::Span<const ChargingProfile> profiles, const ChargingSession& session,
                   common::UtcTime at, uint8_t sharers) {
  ProfileLimit result = limit_of(profiles, ProfilePurpose::TxProfile, session, at);
  if (result.per_phase_ua == kUnlimited)
    result = limit_of(profiles, ProfilePurpose::TxDefaultProfile, session, at);
  ProfileLimit whole = limit_of(profiles, ProfilePurpose::ChargePointMaxProfile, session, at);
  if (whole.per_phase_ua != kUnlimited) {
    result.per_phase_ua = std::min(result.per_phase_ua, whole.per_phase_ua / sharers);
    result.phases = std::min(result.phases, whole.phases);
  }
  return result;
}

common::UtcTime next_change(common::Span<const ChargingProfile> profiles,
                            const ChargingSession& session, common::UtcTime at) {
  common::UtcTime next = kNever;
  for (const ChargingProfile& profile : profiles) {
    if (!applies_to(profile, profile.purpose, session)) continue;
    const common::UtcTime change = profile_next_change(profile, at, session.started_at);
    if (change < next) next = change;
  }
  return next;
}

}  // namespace ocpp
