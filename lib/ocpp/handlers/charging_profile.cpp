#include "ocpp/handlers/handlers.hpp"

#include <algorithm>

namespace ocpp {
namespace {

/// A schedule that starts this little ahead is meant to start now: the clocks of CSMS and charge
/// point differ.
constexpr int64_t kClockSkewMs = 60000;

void allow_for_skew(common::UtcTime& time, common::UtcTime now) {
  if (now.is_known() && time > now && time - now <= kClockSkewMs) time = now;
}

}  // namespace

bool add_period(const messages::ChargingSchedulePeriod& item, ChargingProfile& out) {
  const int32_t phases = item.number_phases.value_or(0);
  if (out.period_count == limits::kMaxSchedulePeriods || item.start_period < 0 ||
      item.limit.milli < 0 || phases < 0)
    return false;
  const auto start_s = static_cast<uint32_t>(item.start_period);
  if (out.period_count == 0 ? start_s != 0 : start_s <= out.periods[out.period_count - 1].start_s)
    return false;
  SchedulePeriod& period = out.periods[out.period_count++];
  period.start_s = start_s;
  // Beyond any charger: as good as the highest number that is kept.
  period.limit_deci = item.limit.milli > UINT32_MAX
                          ? kMaxLimitDeci
                          : static_cast<uint32_t>(item.limit.milli) / 100 & kMaxLimitDeci;
  period.phases = static_cast<uint32_t>(std::min<int32_t>(phases, 3)) & 3U;
  return true;
}

common::Status to_profile(const messages::ChargingProfile& message, uint8_t connector_id,
                          common::UtcTime now, ChargingProfile& out) {
  const common::Status kInvalid = common::Status::kInvalidArgument;
  static_assert(
      static_cast<int>(messages::ChargingProfilePurposeType::TxProfile) ==
              static_cast<int>(ProfilePurpose::TxProfile) &&
          static_cast<int>(messages::ChargingProfileKindType::Relative) ==
              static_cast<int>(ProfileKind::Relative) &&
          static_cast<int>(messages::RecurrencyKindType::Weekly) + 1 ==
              static_cast<int>(Recurrency::Weekly) &&
          static_cast<int>(messages::ChargingRateUnitType::W) == static_cast<int>(RateUnit::W),
      "the stored numbers follow the specification's order");
  if (message.stack_level < 0 || message.stack_level > limits::kMaxStackLevel ||
      out.period_count == 0)
    return kInvalid;
  out.id = message.charging_profile_id;
  out.connector_id = connector_id;
  out.stack_level = static_cast<uint8_t>(message.stack_level);
  out.purpose = static_cast<ProfilePurpose>(message.charging_profile_purpose);
  out.kind = static_cast<ProfileKind>(message.charging_profile_kind);
  if (out.kind == ProfileKind::Recurring) {
    if (!message.recurrency_kind.has_value()) return kInvalid;
    out.recurrency = *message.recurrency_kind == messages::RecurrencyKindType::Daily
                         ? Recurrency::Daily
                         : Recurrency::Weekly;
  }
  out.valid_from = message.valid_from.value_or(common::UtcTime());
  allow_for_skew(out.valid_from, now);
  out.valid_to = message.valid_to.value_or(common::UtcTime());

  const messages::ChargingSchedule& schedule = message.charging_schedule;
  out.unit = static_cast<RateUnit>(schedule.charging_rate_unit);
  out.start_schedule = schedule.start_schedule.value_or(common::UtcTime());
  // The start of a recurring schedule is also its time of day.
  if (out.kind == ProfileKind::Absolute) allow_for_skew(out.start_schedule, now);
  // Only where it counts: the same profile sent again is then the same image, and costs no write.
  if (out.purpose == ProfilePurpose::ChargePointMaxProfile) out.installed_at = now;
  if (schedule.duration.has_value()) {
    if (*schedule.duration < 0) return kInvalid;
    out.duration_s = *schedule.duration;
  }
  return common::Status::kOk;
}

}  // namespace ocpp
