#include "ocpp/handlers/handlers.hpp"

namespace ocpp {
namespace {

/// A schedule that starts this little ahead is meant to start now: the clocks of CSMS and charge
/// point differ.
constexpr int64_t kClockSkewMs = 60000;

}  // namespace

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
  if (message.stack_level < 0 || message.stack_level > limits::kMaxStackLevel) return kInvalid;
  out = ChargingProfile();
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
  out.valid_to = message.valid_to.value_or(common::UtcTime());
  out.installed_at = now;

  const messages::ChargingSchedule& schedule = message.charging_schedule;
  out.unit = static_cast<RateUnit>(schedule.charging_rate_unit);
  out.start_schedule = schedule.start_schedule.value_or(common::UtcTime());
  if (now.is_known() && out.start_schedule > now && out.start_schedule - now <= kClockSkewMs)
    out.start_schedule = now;
  if (schedule.duration.has_value()) {
    if (*schedule.duration < 0) return kInvalid;
    out.duration_s = *schedule.duration;
  }
  for (const messages::ChargingSchedulePeriod& item : schedule.charging_schedule_period) {
    if (out.period_count == limits::kMaxSchedulePeriods || item.start_period < 0 ||
        item.limit.milli < 0)
      return kInvalid;
    const int64_t limit_deci = item.limit.milli / 100;
    const int32_t phases = item.number_phases.value_or(0);
    if (limit_deci > kMaxLimitDeci || phases < 0 || phases > 3) return kInvalid;
    const bool is_first = out.period_count == 0;
    if (is_first ? item.start_period != 0
                 : static_cast<uint32_t>(item.start_period) <=
                       out.periods[out.period_count - 1].start_s) {
      return kInvalid;
    }
    SchedulePeriod& period = out.periods[out.period_count++];
    period.start_s = static_cast<uint32_t>(item.start_period);
    period.limit_deci = static_cast<uint32_t>(limit_deci) & kMaxLimitDeci;
    period.phases = static_cast<uint32_t>(phases) & 3U;
  }
  return out.period_count == 0 ? kInvalid : common::Status::kOk;
}

}  // namespace ocpp
