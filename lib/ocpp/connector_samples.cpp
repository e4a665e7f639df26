#include "ocpp/connector.hpp"
#include "ocpp/connector_timing.hpp"
#include "ocpp/meter_values.hpp"

#include <algorithm>

LOG_MODULE("ocpp.connector");

namespace ocpp {

using common::Instant;

void Connector::arm_samples() {
  const int64_t interval_ms = services_->configuration.milliseconds(Key::MeterValueSampleInterval);
  next_sample_at_ = interval_ms == 0 ? Instant::never() : now() + interval_ms;
  is_sample_asked_ = false;
  is_interrupted_ = false;
}

void Connector::sample_periodically() {
  if (session_ != SessionState::kRunning || now() < next_sample_at_) return;
  if (!has_reading(Instant{next_sample_at_.ms - kFreshMs}) &&
      now() < next_sample_at_ + kSampleWaitMs) {
    if (!is_sample_asked_) request_sample();
    is_sample_asked_ = true;
    return;
  }
  // A reading that is late goes out with its own time, but never twice.
  if (has_sample_ && sample_.taken_at != last_appended_ &&
      charger_state_.health == charger::Health::kOk) {
    append_sample(
        is_interrupted_ ? SampleContext::kInterruptionEnd : SampleContext::kSamplePeriodic,
        sample_.taken_at);
    is_interrupted_ = false;
  }
  const int64_t interval_ms =
      std::max<int64_t>(1000, services_->configuration.milliseconds(Key::MeterValueSampleInterval));
  next_sample_at_ = next_sample_at_ + interval_ms;
  if (next_sample_at_ <= now()) next_sample_at_ = now() + interval_ms;
  is_sample_asked_ = false;
}

void Connector::arm_clock_sample(Instant after) {
  next_clock_sample_at_ = Instant::never();
  is_clock_sample_asked_ = false;
  const int64_t interval_ms = services_->configuration.milliseconds(Key::ClockAlignedDataInterval);
  if (interval_ms == 0 || !services_->clock.is_known()) return;
  constexpr int64_t kDayMs = 86400000;
  const int64_t utc_ms = services_->clock.utc(after).ms;
  const int64_t midnight_ms = utc_ms - utc_ms % kDayMs;
  const int64_t next_ms = midnight_ms + ((utc_ms - midnight_ms) / interval_ms + 1) * interval_ms;
  next_clock_sample_at_ =
      services_->clock.instant(common::UtcTime{std::min(next_ms, midnight_ms + kDayMs)});
}

void Connector::sample_on_clock() {
  if (now() < next_clock_sample_at_) return;
  if (!has_reading(Instant{next_clock_sample_at_.ms - kFreshMs}) &&
      now() < next_clock_sample_at_ + kSampleWaitMs) {
    if (!is_clock_sample_asked_) services_->charger.request_sample(id_, now());
    is_clock_sample_asked_ = true;
    return;
  }
  if (has_reading(Instant{next_clock_sample_at_.ms - kFreshMs})) {
    append_sample(SampleContext::kSampleClock, next_clock_sample_at_);
  }
  arm_clock_sample(std::max(now(), next_clock_sample_at_));
}

/// Behind the samples of the same step: what went into a meter value is on flash already.
void Connector::journal_register() {
  if (!is_register_new_) return;
  is_register_new_ = false;
  if (session_ == SessionState::kRunning) {
    (void)services_->store.journal_register(local_transaction_, sample_.energy_import_wh,
                                            services_->stamp(sample_.taken_at));
  }
}

MeasuredValues Connector::measure(const MeasurandList& list, int64_t interval_from_wh) const {
  charger::MeterSample sample = sample_;
  // Registers never go backwards, whatever the meter says (7.31, errata 3.78).
  if (sample.has(charger::kMeterEnergyImport)) sample.energy_import_wh = last_register_wh_;
  Reading reading{sample};
  reading.phases = capabilities_.phases;
  reading.offered_ma = offer_.permit ? offer_.limit_ma : 0;
  reading.nominal_voltage_mv = services_->nominal_voltage_mv;
  if (interval_from_wh >= 0) reading.interval_wh = last_register_wh_ - interval_from_wh;
  return ocpp::measure(reading, list);
}

MeasuredValues Connector::measure_boundary(Instant since) const {
  const MeasurandList list = services_->configuration.stop_measurands();
  if (list.empty()) return MeasuredValues();
  if (has_sample_ && sample_.taken_at >= since) return measure(list);
  // Without a fresh reading there is the register, which the transaction itself tells too.
  charger::MeterSample sample;
  sample.valid = capabilities_.meter_fields & charger::kMeterEnergyImport;
  sample.energy_import_wh = last_register_wh_;
  return ocpp::measure(Reading{sample}, list);
}

/// The gateway was off during a transaction: the last register known from before, and a reading as
/// soon as there is one.
void Connector::sample_interruption() {
  if (next_sample_at_ == Instant::never()) return;
  is_interrupted_ = true;
  next_sample_at_ = now();
  MeterValuesRecord record;
  record.local_transaction = local_transaction_;
  record.connector_id = id_;
  record.context = SampleContext::kInterruptionBegin;
  record.time = last_register_time_;
  if (has_register_meter() && record.values.add(MeasurandChoice(), interval_from_wh_[0])) {
    (void)services_->store.append_meter_values(record);
  }
}

void Connector::append_sample(SampleContext context, Instant at) {
  const bool is_clock = context == SampleContext::kSampleClock;
  const Configuration& configuration = services_->configuration;
  const MeasurandList& sent = configuration.measurands(is_clock ? Key::MeterValuesAlignedData
                                                                : Key::MeterValuesSampledData);
  const MeasurandList& kept =
      configuration.measurands(is_clock ? Key::StopTxnAlignedData : Key::StopTxnSampledData);
  int64_t& interval_from_wh = interval_from_wh_[is_clock ? 1 : 0];
  MeterValuesRecord record;
  record.local_transaction = local_transaction_;
  record.connector_id = id_;
  record.context = context;
  record.time = services_->stamp(at);
  record.values = measure(sent, interval_from_wh);
  // One record serves both lists where they are the same.
  const bool is_kept = has_transaction() && !kept.empty();
  const bool is_shared = is_kept && kept == sent && !record.values.empty();
  common::Status stored = common::Status::kOk;
  if (!record.values.empty()) stored = services_->store.append_meter_values(record, is_shared);
  if (is_kept && !is_shared && stored == common::Status::kOk) {
    record.values = measure(kept, interval_from_wh);
    if (!record.values.empty()) stored = services_->store.append_stop_data(record);
  }
  if (stored != common::Status::kOk) {
    LOG_WARN(services_->log, "connector %u: a meter value was not stored (%s)", id_,
             to_string(stored));
  }
  interval_from_wh = last_register_wh_;
  last_appended_ = sample_.taken_at;
}

}  // namespace ocpp
