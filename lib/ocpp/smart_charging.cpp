#include "ocpp/smart_charging.hpp"

#include <algorithm>

namespace ocpp {
namespace {

constexpr int64_t kDayMs = 86400000;
constexpr int64_t kMondayMs = 4 * kDayMs;  // 1970-01-05
constexpr common::UtcTime kNever{INT64_MAX};
constexpr uint8_t kLevels = limits::kMaxStackLevel + 1;

int64_t recurrence_ms(const ChargingProfile& profile) {
  if (profile.kind != ProfileKind::Recurring) return 0;
  return profile.recurrency == Recurrency::Weekly ? 7 * kDayMs : kDayMs;
}

/// Microcontrollers divide 64 bits slowly, and nearly all values are small.
template <typename Divisor>
int64_t divide(int64_t value, Divisor divisor) {
  return value >= 0 && value <= UINT32_MAX ? static_cast<uint32_t>(value) / divisor
                                           : value / int64_t{divisor};
}

/// Both recurrence periods are multiples of 1024 ms.
int64_t in_round(int64_t elapsed_ms, int64_t recurrence) {
  if (elapsed_ms < recurrence) return elapsed_ms;
  const int64_t units = elapsed_ms >> 10U;
  if (units > UINT32_MAX) return elapsed_ms % recurrence;
  const uint32_t rest = static_cast<uint32_t>(units) % static_cast<uint32_t>(recurrence >> 10U);
  return (int64_t{rest} << 10U) | (elapsed_ms & 1023);
}

/// When the schedule (its first round, if it recurs) begins.
common::UtcTime schedule_start(const ChargingProfile& profile, common::UtcTime started_at) {
  if (profile.kind != ProfileKind::Relative) {
    if (profile.start_schedule.is_known()) return profile.start_schedule;
    if (profile.kind == ProfileKind::Recurring)
      return common::UtcTime{profile.recurrency == Recurrency::Weekly ? kMondayMs : kDayMs};
  }
  // The limit of the whole charge point has one beginning for all connectors, or their sum could exceed it.
  return profile.purpose == ProfilePurpose::ChargePointMaxProfile ? profile.installed_at
                                                                  : started_at;
}

uint8_t lowest_period(const ChargingProfile& profile) {
  uint8_t lowest = 0;
  for (uint8_t i = 1; i < profile.period_count; ++i) {
    if (profile.periods[i].limit_deci < profile.periods[lowest].limit_deci) lowest = i;
  }
  return lowest;
}

bool applies_to(const ChargingProfile& profile, const ChargingSession& session) {
  if (profile.period_count == 0) return false;
  switch (profile.purpose) {
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

}  // namespace

Microampere to_microampere(int64_t limit_deci, RateUnit unit, const ElectricalFacts& electrical) {
  if (unit == RateUnit::A) return limit_deci * 100000;
  // deci-W / (mV * phases): 1e5 mW/... = tenths of W * 1e8 / mV = microampere
  return limit_deci * 100000000 / (int64_t{electrical.voltage_mv} * electrical.phases);
}

int64_t from_microampere(Microampere per_phase, RateUnit unit, const ElectricalFacts& electrical) {
  if (unit == RateUnit::A) return divide(per_phase + 50000, 100000U);
  const int64_t nanowatt_per_volt =
      per_phase / 1000 * electrical.voltage_mv * electrical.phases +
      per_phase % 1000 * electrical.voltage_mv / 1000 * electrical.phases;
  return (nanowatt_per_volt + 50000) / 100000;  // microwatt to tenths of W
}

LimitTimeline::LimitTimeline(common::Span<const ChargingProfile> profiles,
                             const ChargingSession& session)
    : session_(session) {
  for (const ChargingProfile& profile : profiles) {
    if (!applies_to(profile, session)) continue;
    Cursor& cursor = cursors_[count_++];
    cursor.until.ms = INT64_MIN;
    cursor.profile = &profile;
    cursor.period = kSilent;
    cursor.rank = profile.stack_level;
    if (profile.purpose == ProfilePurpose::TxProfile) {
      cursor.rank = static_cast<uint8_t>(cursor.rank + 2 * kLevels);
    } else if (profile.connector_id != 0) {
      cursor.rank = static_cast<uint8_t>(cursor.rank + kLevels);
    }
  }
}

void LimitTimeline::look(Cursor& cursor, common::UtcTime at) const {
  const ChargingProfile& profile = *cursor.profile;
  const common::UtcTime start = schedule_start(profile, session_.started_at);
  cursor.until = kNever;
  if (!at.is_known() || !start.is_known()) {
    cursor.period = lowest_period(profile);
    return;
  }
  const uint8_t before = cursor.period;
  cursor.period = kSilent;
  if (at < profile.valid_from) {
    cursor.until = profile.valid_from;
    return;
  }
  if (profile.valid_to.is_known()) {
    if (at >= profile.valid_to) return;
    cursor.until = profile.valid_to;
  }
  if (at < start) {
    cursor.until = std::min(cursor.until, start);
    return;
  }
  int64_t elapsed = at - start;
  const int64_t recurrence = recurrence_ms(profile);
  if (recurrence != 0) elapsed = in_round(elapsed, recurrence);

  // Of one round: what comes next, and when.
  int64_t end = recurrence == 0 ? INT64_MAX : recurrence;
  const int64_t duration = int64_t{profile.duration_s} * 1000;
  if (duration < 0 || elapsed < duration) {
    if (duration >= 0) end = std::min(end, duration);
    const auto elapsed_s =
        static_cast<uint32_t>(std::min<int64_t>(divide(elapsed, 1000U), UINT32_MAX));
    // Mostly the next one.
    uint8_t next = before < profile.period_count && profile.periods[before].start_s <= elapsed_s
                       ? before
                       : uint8_t{0};
    while (next < profile.period_count && profile.periods[next].start_s <= elapsed_s) ++next;
    if (next != 0) cursor.period = static_cast<uint8_t>(next - 1);
    if (next < profile.period_count)
      end = std::min(end, int64_t{profile.periods[next].start_s} * 1000);
  }
  if (end != INT64_MAX) cursor.until = std::min(cursor.until, at + (end - elapsed));
}

uint32_t LimitTimeline::changes_within(uint32_t span_ms) const {
  uint32_t changes = 0;
  for (uint8_t i = 0; i < count_; ++i) {
    const ChargingProfile& profile = *cursors_[i].profile;
    const auto recurrence = static_cast<uint32_t>(recurrence_ms(profile));
    const uint32_t rounds = recurrence == 0 ? 1 : (span_ms + recurrence - 1) / recurrence;
    // Beginning and end of the schedule, and of its validity.
    changes += (profile.period_count + 1U) * rounds + 2;
  }
  return changes;
}

ProfileLimit LimitTimeline::convert(const Cursor& cursor) const {
  const SchedulePeriod& period = cursor.profile->periods[cursor.period];
  ProfileLimit result;
  result.phases = static_cast<uint8_t>(period.phases == 0 ? 3 : period.phases);
  // More phases than there are: the limit is used as it is (errata 3.34).
  ElectricalFacts electrical = session_.electrical;
  if (electrical.can_switch_phases) electrical.phases = std::min(electrical.phases, result.phases);
  result.per_phase_ua = to_microampere(period.limit_deci, cursor.profile->unit, electrical);
  return result;
}

bool LimitTimeline::goes_before(const Cursor& cursor, const Cursor& other,
                                bool is_time_known) const {
  if (is_time_known || cursor.rank / kLevels != other.rank / kLevels)
    return cursor.rank > other.rank;
  return convert(cursor).per_phase_ua < convert(other).per_phase_ua;
}

ProfileLimit LimitTimeline::at(common::UtcTime at, uint8_t sharers) {
  const Cursor* own = nullptr;
  const Cursor* whole = nullptr;
  next_change_ = kNever;
  for (uint8_t i = 0; i < count_; ++i) {
    Cursor& cursor = cursors_[i];
    if (cursor.until <= at) look(cursor, at);
    next_change_ = std::min(next_change_, cursor.until);
    if (cursor.period == kSilent) continue;
    const bool is_whole = cursor.profile->purpose == ProfilePurpose::ChargePointMaxProfile;
    const Cursor*& best = is_whole ? whole : own;
    if (best == nullptr || goes_before(cursor, *best, at.is_known())) best = &cursor;
  }
  ProfileLimit result;
  if (own != nullptr) result = convert(*own);
  whole_ = ProfileLimit();
  if (whole != nullptr) {
    whole_ = convert(*whole);
    result.per_phase_ua =
        std::min(result.per_phase_ua, divide(whole_.per_phase_ua, uint32_t{sharers}));
    result.phases = std::min(result.phases, whole_.phases);
  }
  return result;
}

}  // namespace ocpp
