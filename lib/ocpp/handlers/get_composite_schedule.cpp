#include "ocpp/handlers/handlers.hpp"

#include <algorithm>

namespace ocpp {
namespace {

/// Periods in one answer. Where more would be needed the schedule ends earlier, and its duration
/// says so.
constexpr size_t kMaxPeriods = 40;
/// Times at which the limit may change that are looked at: merged periods cost time too, and the
/// chargers wait meanwhile.
constexpr size_t kMaxEvaluations = 500;
constexpr common::UtcTime kNever{INT64_MAX};

/// A composite schedule, computed once; periods with equal limits are one.
class Composite {
 public:
  Composite(Engine& engine, uint8_t connector_id, RateUnit unit, common::UtcTime start,
            common::UtcTime end, common::Instant now)
      : engine_(engine), connector_id_(connector_id), unit_(unit), start_(start), now_(now) {
    common::UtcTime at = start;
    for (size_t i = 0; at < end && i < kMaxEvaluations; ++i) {
      const Limit limit = limit_at(at);
      const Period* last = count_ == 0 ? nullptr : &periods_[count_ - 1];
      if (last == nullptr || last->deci != limit.deci || last->phases != limit.phases) {
        if (count_ == kMaxPeriods) break;
        // Seconds, rounded up: a change inside a second takes effect with the next one.
        periods_[count_++] = Period{static_cast<int32_t>((at - start + 999) / 1000),
                                    static_cast<int32_t>(limit.deci), limit.phases};
      }
      at = limit.until;
    }
    end_ = at < end ? at : end;
  }

  /// How far the periods reach.
  common::UtcTime end() const { return end_; }

  static bool next(void* self, size_t index, messages::ChargingSchedulePeriod& item) {
    const auto& composite = *static_cast<const Composite*>(self);
    if (index >= composite.count_) return false;
    const Period& period = composite.periods_[index];
    item.start_period = period.start_s;
    item.limit.milli = int64_t{period.deci} * 100;
    item.number_phases = period.phases;
    return true;
  }

 private:
  struct Period {
    int32_t start_s = 0;
    int32_t deci = 0;
    uint8_t phases = 3;
  };
  struct Limit {
    int64_t deci = 0;
    uint8_t phases = 3;
    common::UtcTime until = kNever;
  };

  Limit limit_at(common::UtcTime at) const {
    if (connector_id_ != 0) return connector_limit(connector_id_, at);
    // What the grid has to deliver to all connectors together.
    Limit sum;
    sum.phases = 1;
    for (uint8_t id = 1; id <= engine_.options.connectors; ++id) {
      const Limit one = connector_limit(id, at);
      sum.deci += one.deci;
      sum.phases = std::max(sum.phases, one.phases);
      sum.until = std::min(sum.until, one.until);
    }
    const ChargingSession session = session_of(1);
    const ProfileLimit whole =
        limit_of(engine_.profiles.all(), ProfilePurpose::ChargePointMaxProfile, session, at);
    if (whole.per_phase_ua != kUnlimited) {
      sum.deci =
          std::min(sum.deci, from_microampere(whole.per_phase_ua, unit_, session.electrical));
    }
    return sum;
  }

  Limit connector_limit(uint8_t id, common::UtcTime at) const {
    const charger::Capabilities capabilities = engine_.ports.charger.capabilities(id);
    const ChargingSession session = session_of(id);
    const ProfileLimit allowed = limit(engine_.profiles.all(), session, at, 1);
    Limit result;
    result.phases = std::min(allowed.phases, capabilities.phases);
    result.deci = from_microampere(
        std::min<Microampere>(allowed.per_phase_ua, capabilities.max_ma * int64_t{1000}), unit_,
        facts_for(session.electrical, result.phases));
    result.until = next_change(engine_.profiles.all(), session, at);
    return result;
  }

  static ElectricalFacts facts_for(ElectricalFacts electrical, uint8_t phases) {
    electrical.phases = std::min(electrical.phases, phases);
    return electrical;
  }

  /// The running transaction, or one that would begin with the schedule.
  ChargingSession session_of(uint8_t id) const {
    ChargingSession session = engine_.connector(id).charging_session(now_);
    if (session.local_transaction == 0) session.started_at = start_;
    return session;
  }

  Engine& engine_;
  uint8_t connector_id_;
  RateUnit unit_;
  common::UtcTime start_;
  common::UtcTime end_;
  common::Instant now_;
  size_t count_ = 0;
  Period periods_[kMaxPeriods];
};

}  // namespace

/// OCPP 1.6 ed. 2, 5.7; errata 3.28 to 3.30, 3.57.
void handle_get_composite_schedule(const InboundCall& call, common::Instant now) {
  Engine& engine = call.engine();
  messages::GetCompositeScheduleReq request;
  if (const messages::DecodeError error = decode(call.payload(), request); !error.ok()) {
    call.refuse(error);
    return;
  }
  messages::GetCompositeScheduleConf conf;
  conf.status = messages::GetCompositeScheduleStatus::Rejected;
  const common::UtcTime utc = engine.clock.utc(now);
  if ((request.connector_id != 0 && !engine.has_connector(request.connector_id)) ||
      request.duration <= 0 || !utc.is_known()) {
    call.answer(conf);
    return;
  }
  const common::UtcTime start{utc.ms - utc.ms % 1000};
  const messages::ChargingRateUnitType unit =
      request.charging_rate_unit.value_or(messages::ChargingRateUnitType::A);
  Composite composite(engine, static_cast<uint8_t>(request.connector_id),
                      static_cast<RateUnit>(unit), start, start + int64_t{request.duration} * 1000,
                      now);
  conf.status = messages::GetCompositeScheduleStatus::Accepted;
  conf.connector_id = request.connector_id;
  conf.schedule_start = start;
  messages::ChargingSchedule& schedule = conf.charging_schedule.emplace();
  schedule.duration = static_cast<int32_t>((composite.end() - start) / 1000);
  schedule.charging_rate_unit = unit;
  schedule.charging_schedule_period =
      messages::ArrayView<messages::ChargingSchedulePeriod>::from_source(&Composite::next,
                                                                         &composite);
  call.answer(conf);
}

}  // namespace ocpp
