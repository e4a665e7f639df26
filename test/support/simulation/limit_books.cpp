#include "simulation/limit_books.hpp"

#include "common/time.hpp"
#include "ocpp_messages/runtime/time_text.hpp"

#include <algorithm>

namespace simulation {
namespace {

using Purpose = BookedProfile::Purpose;
using Kind = BookedProfile::Kind;

constexpr int64_t kDayMs = 86400000;
constexpr int64_t kClockSkewMs = 60000;

/// 0: happens once.
int64_t round_ms(Kind kind) {
  return kind == Kind::kDaily ? kDayMs : kind == Kind::kWeekly ? 7 * kDayMs : 0;
}

void allow_for_skew(int64_t& time_ms, int64_t utc_ms) {
  if (utc_ms != 0 && time_ms > utc_ms && time_ms - utc_ms <= kClockSkewMs) time_ms = utc_ms;
}

/// Where in its schedule a profile is, s; negative: not begun.
int64_t elapsed_s(const BookedProfile& profile, int64_t started_utc_ms, int64_t utc_ms) {
  const int64_t begin_ms = profile.kind == Kind::kRelative || profile.start_utc_ms == 0
                               ? started_utc_ms
                               : profile.start_utc_ms;
  int64_t elapsed_ms = utc_ms - begin_ms;
  if (elapsed_ms < 0) return -1;
  if (const int64_t round = round_ms(profile.kind); round != 0) elapsed_ms %= round;
  return elapsed_ms / 1000;
}

/// @return nullptr when the profile says nothing now.
const BookedProfile::Period* period_at(const BookedProfile& profile, int64_t started_utc_ms,
                                       int64_t utc_ms) {
  if (utc_ms < profile.valid_from_utc_ms ||
      (profile.valid_to_utc_ms != 0 && utc_ms >= profile.valid_to_utc_ms))
    return nullptr;
  const int64_t at_s = elapsed_s(profile, started_utc_ms, utc_ms);
  if (at_s < 0 || (profile.duration_s >= 0 && at_s >= profile.duration_s)) return nullptr;
  const BookedProfile::Period* found = nullptr;
  for (const BookedProfile::Period& period : profile.periods) {
    if (period.start_s <= at_s) found = &period;
  }
  return found;
}

BookedLimit to_limit(const BookedProfile& profile, const BookedProfile::Period& period) {
  BookedLimit limit;
  (profile.is_watt ? limit.watt : limit.ampere) = period.limit;
  if (period.phases != 0) limit.phases = period.phases;
  return limit;
}

}  // namespace

std::string BookedProfile::request() const {
  static const char* const kPurposes[] = {"ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"};
  static const char* const kKinds[] = {"Absolute", "Recurring", "Recurring", "Relative"};
  const auto quoted = [](const char* name, const std::string& value) {
    return "\"" + std::string(name) + "\":\"" + value + "\",";
  };
  const auto number = [](const char* name, int64_t value) {
    return "\"" + std::string(name) + "\":" + std::to_string(value) + ",";
  };
  const auto time = [&](const char* name, int64_t utc_ms) {
    return utc_ms == 0 ? std::string()
                       : quoted(name, ocpp_messages::format_time(common::UtcTime{utc_ms}).c_str());
  };
  std::string text = "{" + number("connectorId", connector) + "\"csChargingProfiles\":{" +
                     number("chargingProfileId", id) + number("stackLevel", stack_level);
  if (purpose == Purpose::kTx && transaction_id >= 0)
    text += number("transactionId", transaction_id);
  text += quoted("chargingProfilePurpose", kPurposes[static_cast<size_t>(purpose)]) +
          quoted("chargingProfileKind", kKinds[static_cast<size_t>(kind)]);
  if (round_ms(kind) != 0)
    text += quoted("recurrencyKind", kind == Kind::kDaily ? "Daily" : "Weekly");
  text += time("validFrom", valid_from_utc_ms) + time("validTo", valid_to_utc_ms);
  text += "\"chargingSchedule\":{" + quoted("chargingRateUnit", is_watt ? "W" : "A");
  if (duration_s >= 0) text += number("duration", duration_s);
  text += time("startSchedule", start_utc_ms) + "\"chargingSchedulePeriod\":[";
  for (const Period& period : periods) {
    const auto deci = static_cast<int64_t>(period.limit * 10 + 0.5);
    text += "{" + number("startPeriod", period.start_s) + "\"limit\":" + std::to_string(deci / 10) +
            "." + std::to_string(deci % 10) +
            (period.phases == 0 ? "" : ",\"numberPhases\":" + std::to_string(period.phases)) + "},";
  }
  text.back() = ']';
  return text + "}}}";
}

void LimitBooks::install(const BookedProfile& profile, int64_t utc_ms) {
  ++version_;
  profiles_.erase(std::remove_if(profiles_.begin(), profiles_.end(),
                                 [&](const BookedProfile& old) {
                                   return old.id == profile.id ||
                                          (old.purpose == profile.purpose &&
                                           old.connector == profile.connector &&
                                           old.stack_level == profile.stack_level);
                                 }),
                  profiles_.end());
  profiles_.push_back(profile);
  allow_for_skew(profiles_.back().valid_from_utc_ms, utc_ms);
  if (profile.kind == Kind::kAbsolute) allow_for_skew(profiles_.back().start_utc_ms, utc_ms);
}

void LimitBooks::clear(int id) {
  ++version_;
  profiles_.erase(
      std::remove_if(profiles_.begin(), profiles_.end(),
                     [id](const BookedProfile& profile) { return id == 0 || profile.id == id; }),
      profiles_.end());
}

void LimitBooks::end_transaction(int connector) {
  ++version_;
  profiles_.erase(std::remove_if(profiles_.begin(), profiles_.end(),
                                 [connector](const BookedProfile& profile) {
                                   return profile.purpose == Purpose::kTx &&
                                          profile.connector == connector;
                                 }),
                  profiles_.end());
}

BookedLimit LimitBooks::of_connector(int connector, int64_t started_utc_ms, int64_t utc_ms) const {
  // TxProfile before TxDefaultProfile of the connector before that of connector 0; the highest level of those.
  for (int rank = 0; rank < 3; ++rank) {
    const BookedProfile* best = nullptr;
    const BookedProfile::Period* best_period = nullptr;
    for (const BookedProfile& profile : profiles_) {
      const bool is_meant = rank == 0
                                ? profile.purpose == Purpose::kTx && profile.connector == connector
                                : profile.purpose == Purpose::kDefault &&
                                      profile.connector == (rank == 1 ? connector : 0);
      if (!is_meant || (best != nullptr && profile.stack_level < best->stack_level)) continue;
      const BookedProfile::Period* period = period_at(profile, started_utc_ms, utc_ms);
      if (period == nullptr) continue;
      best = &profile;
      best_period = period;
    }
    if (best != nullptr) return to_limit(*best, *best_period);
  }
  return BookedLimit();
}

BookedLimit LimitBooks::of_charge_point(int64_t utc_ms) const {
  const BookedProfile* best = nullptr;
  const BookedProfile::Period* best_period = nullptr;
  for (const BookedProfile& profile : profiles_) {
    if (profile.purpose != Purpose::kMax ||
        (best != nullptr && profile.stack_level < best->stack_level))
      continue;
    const BookedProfile::Period* period = period_at(profile, profile.start_utc_ms, utc_ms);
    if (period == nullptr) continue;
    best = &profile;
    best_period = period;
  }
  return best == nullptr ? BookedLimit() : to_limit(*best, *best_period);
}

int64_t LimitBooks::next_change_utc_ms(int64_t started_utc_ms, int64_t utc_ms) const {
  int64_t next_ms = INT64_MAX;
  const auto consider = [&](int64_t at_ms) {
    if (at_ms > utc_ms) next_ms = std::min(next_ms, at_ms);
  };
  for (const BookedProfile& profile : profiles_) {
    const int64_t begin_ms = profile.kind == Kind::kRelative || profile.start_utc_ms == 0
                                 ? started_utc_ms
                                 : profile.start_utc_ms;
    const int64_t round = round_ms(profile.kind);
    int64_t round_begin_ms = begin_ms;
    if (round != 0 && utc_ms > begin_ms) round_begin_ms += (utc_ms - begin_ms) / round * round;
    consider(round_begin_ms);
    for (const BookedProfile::Period& period : profile.periods)
      consider(round_begin_ms + period.start_s * 1000);
    if (profile.duration_s >= 0) consider(round_begin_ms + profile.duration_s * 1000);
    if (round != 0) consider(round_begin_ms + round);
    consider(profile.valid_from_utc_ms);
    consider(profile.valid_to_utc_ms);
  }
  return next_ms;
}

}  // namespace simulation
