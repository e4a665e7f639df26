#include "ocpp/handlers/handlers.hpp"

#include <algorithm>
#include <optional>

namespace ocpp {
namespace {

/// Periods in one answer. Where more would be needed the schedule ends earlier, and its duration
/// says so.
constexpr size_t kMaxPeriods = 40;
/// Times at which the limit may change that are looked at: merged periods cost time too, and the
/// chargers wait meanwhile.
constexpr size_t kMaxEvaluations = 500;

/// A composite schedule, made while it is written; periods with equal limits are one.
class Composite {
 public:
  Composite(Engine& engine, uint8_t connector_id, RateUnit unit, common::UtcTime start,
            int32_t duration_s)
      : engine_(engine),
        connector_id_(connector_id),
        unit_(unit),
        start_(start),
        end_s_(duration_s) {}

  /// How far the periods reach, s: not as far as asked for where there would be too many.
  int32_t duration_s() {
    rewind();
    constexpr int32_t kSimpleS = 1000000;
    if (is_single() && end_s_ <= kSimpleS &&
        timeline_->changes_within(static_cast<uint32_t>(end_s_) * 1000) < kMaxPeriods) {
      return end_s_;
    }
    Period period;
    while (next_period(period)) {
    }
    return at_s_;
  }

  static bool next(void* self, size_t index, messages::ChargingSchedulePeriod& item) {
    auto& composite = *static_cast<Composite*>(self);
    if (index == 0) composite.rewind();
    Period period;
    if (!composite.next_period(period)) return false;
    item.start_period = period.start_s;
    item.limit.milli = int64_t{period.deci} * 100;
    item.number_phases = period.phases;
    return true;
  }

 private:
  struct Period {
    int32_t deci = 0;
    int32_t start_s = 0;
    uint8_t phases = 0;
  };

  void rewind() {
    at_s_ = 0;
    periods_ = 0;
    evaluations_ = 0;
    is_ahead_ = false;
    timeline_.emplace(engine_.profiles.all(), session_of(first()));
  }

  /// The period that begins at at_s_, which then is where the next one begins.
  bool next_period(Period& period) {
    if (at_s_ >= end_s_ || periods_ == kMaxPeriods || evaluations_ >= kMaxEvaluations) return false;
    ++periods_;
    period = is_ahead_ ? ahead_ : limit_at(at_s_);
    is_ahead_ = false;
    do {
      // A change inside a second takes effect with the next one.
      at_s_ = seconds_up(std::min(until_.ms - start_.ms, int64_t{end_s_} * 1000));
      if (at_s_ >= end_s_) break;
      ahead_ = limit_at(at_s_);
      is_ahead_ = ahead_.deci != period.deci || ahead_.phases != period.phases;
    } while (!is_ahead_ && evaluations_ < kMaxEvaluations);
    return true;
  }

  static int32_t seconds_up(int64_t ms) {
    return ms <= INT32_MAX - 999 ? (static_cast<int32_t>(ms) + 999) / 1000
                                 : static_cast<int32_t>((ms + 999) / 1000);
  }
  bool is_single() const { return connector_id_ != 0 || engine_.options.connectors == 1; }
  uint8_t first() const { return connector_id_ == 0 ? uint8_t{1} : connector_id_; }

  Period limit_at(int32_t at_s) {
    ++evaluations_;
    const common::UtcTime at = start_ + int64_t{at_s} * 1000;
    Period result;
    result.start_s = at_s;
    if (is_single()) {
      add(result, first(), at);
      until_ = timeline_->next_change();
      return result;
    }
    // What the grid has to deliver to all connectors together.
    common::UtcTime until{INT64_MAX};
    int64_t most = INT64_MAX;
    for (uint8_t id = 1; id <= engine_.options.connectors; ++id) {
      timeline_.emplace(engine_.profiles.all(), session_of(id));
      most = add(result, id, at);
      until = std::min(until, timeline_->next_change());
    }
    result.deci = static_cast<int32_t>(std::min<int64_t>(result.deci, most));
    until_ = until;
    return result;
  }

  /// Adds what timeline_ allows the connector. @return What ChargePointMaxProfile allows all.
  int64_t add(Period& sum, uint8_t id, common::UtcTime at) {
    const charger::Capabilities& capabilities = engine_.connector(id).capabilities();
    const ProfileLimit allowed = timeline_->at(at, 1);
    const uint8_t phases = std::min(allowed.phases, capabilities.phases);
    ElectricalFacts electrical = timeline_->electrical();
    if (electrical.can_switch_phases) electrical.phases = std::min(electrical.phases, phases);
    sum.phases = std::max(sum.phases, phases);
    sum.deci += static_cast<int32_t>(from_microampere(
        std::min<Microampere>(allowed.per_phase_ua, capabilities.max_ma * int64_t{1000}), unit_,
        electrical));
    const Microampere whole = timeline_->whole().per_phase_ua;
    return whole == kUnlimited ? INT64_MAX
                               : from_microampere(whole, unit_, timeline_->electrical());
  }

  /// The running transaction, or one that would begin with the schedule.
  ChargingSession session_of(uint8_t id) const {
    ChargingSession session = engine_.connector(id).charging_session();
    if (session.local_transaction == 0) session.started_at = start_;
    return session;
  }

  Engine& engine_;
  uint8_t connector_id_;
  RateUnit unit_;
  bool is_ahead_ = false;  ///< ahead_ is the next period.
  uint16_t periods_ = 0;
  uint16_t evaluations_ = 0;
  common::UtcTime start_;
  common::UtcTime until_;
  int32_t end_s_;
  int32_t at_s_ = 0;
  Period ahead_;
  std::optional<LimitTimeline> timeline_;
};

}  // namespace

/// Never inlined: the error has gone from the stack when the answer is made.
[[gnu::noinline]] static bool read(const InboundCall& call,
                                   messages::GetCompositeScheduleReq& request) {
  const messages::DecodeError error = decode(call.payload(), request);
  if (!error.ok()) call.refuse(error);
  return error.ok();
}

/// OCPP 1.6 ed. 2, 5.7; errata 3.28 to 3.30, 3.57.
void handle_get_composite_schedule(const InboundCall& call) {
  Engine& engine = call.engine();
  messages::GetCompositeScheduleReq request;
  if (!read(call, request)) return;
  messages::GetCompositeScheduleConf conf;
  conf.status = messages::GetCompositeScheduleStatus::Rejected;
  const common::UtcTime utc = engine.clock.utc();
  if ((request.connector_id != 0 && !engine.has_connector(request.connector_id)) ||
      request.duration <= 0 || !utc.is_known()) {
    call.answer(conf);
    return;
  }
  const common::UtcTime start{utc.ms - utc.ms % 1000};
  const messages::ChargingRateUnitType unit =
      request.charging_rate_unit.value_or(messages::ChargingRateUnitType::A);
  Composite composite(engine, static_cast<uint8_t>(request.connector_id),
                      static_cast<RateUnit>(unit), start, request.duration);
  conf.status = messages::GetCompositeScheduleStatus::Accepted;
  conf.connector_id = request.connector_id;
  conf.schedule_start = start;
  messages::ChargingSchedule& schedule = conf.charging_schedule.emplace();
  schedule.duration = composite.duration_s();
  schedule.charging_rate_unit = unit;
  schedule.charging_schedule_period =
      messages::ArrayView<messages::ChargingSchedulePeriod>::from_source(&Composite::next,
                                                                         &composite);
  call.answer(conf);
}

}  // namespace ocpp
