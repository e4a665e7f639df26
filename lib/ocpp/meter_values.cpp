#include "ocpp/meter_values.hpp"

#include <algorithm>

namespace ocpp {
namespace {

namespace messages = ocpp_messages;

constexpr MeasurandList energy_only() {
  MeasurandList list;
  (void)list.add(MeasurandChoice{Measurand::EnergyActiveImportRegister, 0});
  return list;
}
constexpr MeasurandList kEnergyOnly = energy_only();

/// More than any meter counts; a driver or a record gone wrong must not overflow.
constexpr int64_t kMostWh = 1000000000000000;

}  // namespace

messages::ReadingContext to_message(SampleContext context) {
  switch (context) {
    case SampleContext::kSamplePeriodic:
      return messages::ReadingContext::Sample_Periodic;
    case SampleContext::kSampleClock:
      return messages::ReadingContext::Sample_Clock;
    case SampleContext::kTransactionBegin:
      return messages::ReadingContext::Transaction_Begin;
    case SampleContext::kTransactionEnd:
      return messages::ReadingContext::Transaction_End;
    case SampleContext::kTrigger:
      return messages::ReadingContext::Trigger;
    case SampleContext::kInterruptionBegin:
      return messages::ReadingContext::Interruption_Begin;
    case SampleContext::kInterruptionEnd:
      return messages::ReadingContext::Interruption_End;
    case SampleContext::kOther:
      break;
  }
  return messages::ReadingContext::Other;
}

SampledValues::SampledValues(const charger::MeterSample& sample, const MeasurandList& list,
                             SampleContext context, uint8_t phases, bool has_offered,
                             uint32_t offered_ma, int32_t nominal_voltage_mv)
    : sample_(sample),
      list_(list.empty() ? kEnergyOnly : list),
      context_(context),
      phases_(phases),
      has_offered_(has_offered),
      offered_ma_(offered_ma),
      nominal_voltage_mv_(nominal_voltage_mv) {}

bool SampledValues::empty() {
  messages::SampledValue ignored;
  return !next(this, 0, ignored);
}

bool SampledValues::next(void* self, size_t index, messages::SampledValue& out) {
  auto& values = *static_cast<SampledValues*>(self);
  if (index == 0) {
    values.next_index_ = 0;
    values.item_ = 0;
    values.phase_ = 0;
  }
  while (values.next_index_ <= index) {
    if (!values.next(out)) return false;
    ++values.next_index_;
  }
  return true;
}

bool SampledValues::next(messages::SampledValue& out) {
  while (item_ < list_.size()) {
    const MeasurandChoice choice = list_[item_];
    if (!info(choice.measurand).per_phase || choice.phase != 0) {
      ++item_;
      if (fill(choice, choice.phase, out)) return true;
      continue;
    }
    if (++phase_ > phases_) {
      phase_ = 0;
      ++item_;
      continue;
    }
    if (fill(choice, phase_, out)) return true;
  }
  return false;
}

bool SampledValues::fill(MeasurandChoice choice, uint8_t phase, messages::SampledValue& out) {
  const uint16_t field = info(choice.measurand).meter_field;
  if (field != 0 && (sample_.valid & field) == 0) return false;
  if (phase > phases_) return false;
  out = messages::SampledValue();
  out.context = to_message(context_);
  out.location = messages::Location::Outlet;
  switch (choice.measurand) {
    case Measurand::EnergyActiveImportRegister:
      out.measurand = messages::Measurand::Energy_Active_Import_Register;
      out.unit = messages::UnitOfMeasure::Wh;
      set_value(std::max(-kMostWh, std::min(sample_.energy_import_wh, kMostWh)) * 1000, 0);
      break;
    case Measurand::PowerActiveImport:
      out.measurand = messages::Measurand::Power_Active_Import;
      out.unit = messages::UnitOfMeasure::W;
      set_value(int64_t{sample_.power_w} * 1000, 0);
      break;
    case Measurand::CurrentImport:
      out.measurand = messages::Measurand::Current_Import;
      out.unit = messages::UnitOfMeasure::A;
      out.phase =
          static_cast<messages::Phase>(static_cast<uint8_t>(messages::Phase::L1) + phase - 1);
      set_value(sample_.current_ma[phase - 1], 2);
      break;
    case Measurand::Voltage:
      out.measurand = messages::Measurand::Voltage;
      out.unit = messages::UnitOfMeasure::V;
      out.phase =
          static_cast<messages::Phase>(static_cast<uint8_t>(messages::Phase::L1_N) + phase - 1);
      set_value(sample_.voltage_mv[phase - 1], 1);
      break;
    case Measurand::CurrentOffered:
      if (!has_offered_) return false;
      out.measurand = messages::Measurand::Current_Offered;
      out.unit = messages::UnitOfMeasure::A;
      set_value(offered_ma_, 1);
      break;
    case Measurand::PowerOffered: {
      if (!has_offered_) return false;
      out.measurand = messages::Measurand::Power_Offered;
      out.unit = messages::UnitOfMeasure::W;
      const int64_t voltage_mv =
          (sample_.valid & charger::kMeterVoltage) != 0 && sample_.voltage_mv[0] > 0
              ? sample_.voltage_mv[0]
              : nominal_voltage_mv_;
      set_value(voltage_mv * offered_ma_ / 1000 * phases_, 0);
      break;
    }
    case Measurand::SoC:
      out.measurand = messages::Measurand::SoC;
      out.unit = messages::UnitOfMeasure::Percent;
      out.location = messages::Location::EV;
      set_value(int64_t{sample_.soc_percent} * 1000, 0);
      break;
    case Measurand::Temperature:
      out.measurand = messages::Measurand::Temperature;
      out.unit = messages::UnitOfMeasure::Celsius;
      out.location = messages::Location::Body;
      set_value(int64_t{sample_.temperature_deci_c} * 100, 1);
      break;
    case Measurand::Frequency:
      // Hertz by definition: no unit (errata 3.86).
      out.measurand = messages::Measurand::Frequency;
      set_value(sample_.frequency_mhz, 2);
      break;
  }
  out.value = messages::Text(common::TextSpan(value_, value_size_));
  return true;
}

void SampledValues::set_value(int64_t thousandths, uint8_t decimals) {
  static constexpr int64_t kStep[] = {1000, 100, 10};
  const int64_t step = kStep[decimals];
  const bool is_negative = thousandths < 0;
  auto digits = static_cast<uint64_t>((is_negative ? -thousandths : thousandths) + step / 2) /
                static_cast<uint64_t>(step);
  char reversed[24];
  size_t count = 0;
  do {
    if (count == decimals && decimals > 0) reversed[count++] = '.';
    reversed[count++] = static_cast<char>('0' + digits % 10);
    digits /= 10;
  } while (digits > 0 || count < decimals + 2U - (decimals == 0 ? 1U : 0U));
  value_size_ = 0;
  if (is_negative) value_[value_size_++] = '-';
  while (count > 0) value_[value_size_++] = reversed[--count];
}

}  // namespace ocpp
