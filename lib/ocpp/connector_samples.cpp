#include "ocpp/connector.hpp"
#include "ocpp/connector_timing.hpp"
#include "ocpp/meter_values.hpp"

#include <algorithm>

LOG_MODULE("ocpp.connector");

namespace ocpp {

using common::Instant;

void Connector::arm_samples(Instant now) {
  const int64_t interval_ms = services_->configuration.milliseconds(Key::MeterValueSampleInterval);
  next_sample_at_ = interval_ms == 0 ? Instant::never() : now + interval_ms;
  is_sample_asked_ = false;
}

void Connector::sample_periodically(Instant now) {
  if (session_ != SessionState::kRunning || now < next_sample_at_) return;
  if (!has_reading(Instant{next_sample_at_.ms - kFreshMs}) &&
      now < next_sample_at_ + kSampleWaitMs) {
    if (!is_sample_asked_) request_sample(now);
    is_sample_asked_ = true;
    return;
  }
  // A reading that is late goes out with its own time, but never twice.
  if (has_sample_ && sample_.taken_at != last_appended_ &&
      charger_state_.health == charger::Health::kOk) {
    append_sample(SampleContext::kSamplePeriodic, sample_.taken_at);
  }
  const int64_t interval_ms =
      std::max<int64_t>(1000, services_->configuration.milliseconds(Key::MeterValueSampleInterval));
  next_sample_at_ = next_sample_at_ + interval_ms;
  if (next_sample_at_ <= now) next_sample_at_ = now + interval_ms;
  is_sample_asked_ = false;
}

void Connector::arm_clock_sample(Instant now) {
  next_clock_sample_at_ = Instant::never();
  is_clock_sample_asked_ = false;
  const int64_t interval_ms = services_->configuration.milliseconds(Key::ClockAlignedDataInterval);
  if (interval_ms == 0 || !services_->clock.is_known()) return;
  constexpr int64_t kDayMs = 86400000;
  const int64_t utc_ms = services_->clock.utc(now).ms;
  const int64_t midnight_ms = utc_ms - utc_ms % kDayMs;
  const int64_t next_ms = midnight_ms + ((utc_ms - midnight_ms) / interval_ms + 1) * interval_ms;
  next_clock_sample_at_ =
      services_->clock.instant(common::UtcTime{std::min(next_ms, midnight_ms + kDayMs)});
}

void Connector::sample_on_clock(Instant now) {
  if (now < next_clock_sample_at_) return;
  if (!has_reading(Instant{next_clock_sample_at_.ms - kFreshMs}) &&
      now < next_clock_sample_at_ + kSampleWaitMs) {
    if (!is_clock_sample_asked_) services_->charger.request_sample(id_, now);
    is_clock_sample_asked_ = true;
    return;
  }
  if (has_reading(Instant{next_clock_sample_at_.ms - kFreshMs})) {
    append_sample(SampleContext::kSampleClock, next_clock_sample_at_);
  }
  arm_clock_sample(std::max(now, next_clock_sample_at_));
}

MeasuredValues Connector::measure(Key list) const {
  Reading reading{sample_};
  reading.phases = capabilities_.phases;
  reading.offered_ma = offer_.permit ? offer_.limit_ma : 0;
  reading.nominal_voltage_mv = services_->nominal_voltage_mv;
  return ocpp::measure(reading, services_->configuration.measurands(list));
}

void Connector::append_sample(SampleContext context, Instant at) {
  MeterValuesRecord record;
  record.values = measure(context == SampleContext::kSampleClock ? Key::MeterValuesAlignedData
                                                                 : Key::MeterValuesSampledData);
  if (record.values.empty()) return;
  record.local_transaction = local_transaction_;
  record.connector_id = id_;
  record.context = context;
  record.time = services_->stamp(at);
  const common::Status stored = services_->store.append_meter_values(record);
  if (stored != common::Status::kOk) {
    LOG_WARN(services_->log, "connector %u: a meter value was not stored (%s)", id_,
             to_string(stored));
  }
  last_appended_ = sample_.taken_at;
}

}  // namespace ocpp
