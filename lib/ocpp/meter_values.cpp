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

/// More than any meter counts; a driver gone wrong must not make numbers that nobody can read.
constexpr int64_t kMostWh = 1000000000000000;

int64_t sane_wh(int64_t wh) { return std::max(-kMostWh, std::min(wh, kMostWh)); }

int32_t rounded(int32_t value, int32_t step) {
  return (value < 0 ? value - step / 2 : value + step / 2) / step;
}

int64_t number_of(const Reading& reading, MeasurandChoice choice) {
  const charger::MeterSample& sample = reading.sample;
  const size_t index = choice.phase == 0 ? 0 : choice.phase - 1U;
  switch (choice.measurand) {
    case Measurand::EnergyActiveImportRegister:
      return sane_wh(sample.energy_import_wh);
    case Measurand::PowerActiveImport:
      // A meter for one direction has no sign to tell; one for both tells export apart.
      return std::max(choice.phase == 0 ? sample.power_w : sample.power_phase_w[index],
                      sample.has(charger::kMeterEnergyExport) ? 0 : INT32_MIN);
    case Measurand::CurrentImport:
      return rounded(sample.current_ma[index], 10);
    case Measurand::Voltage:
      return rounded(sample.voltage_mv[index], 100);
    case Measurand::CurrentOffered:
      return (reading.offered_ma + 50) / 100;
    case Measurand::PowerOffered: {
      const int32_t voltage_mv = sample.has(charger::kMeterVoltage) && sample.voltage_mv[0] > 0
                                     ? sample.voltage_mv[0]
                                     : reading.nominal_voltage_mv;
      return (int64_t{voltage_mv} * reading.offered_ma * reading.phases + 500000) / 1000000;
    }
    case Measurand::SoC:
      return sample.soc_percent;
    case Measurand::Temperature:
      return sample.temperature_deci_c;
    case Measurand::Frequency:
      return rounded(sample.frequency_mhz, 10);
    case Measurand::EnergyActiveExportRegister:
      return sane_wh(sample.energy_export_wh);
    case Measurand::EnergyReactiveImportRegister:
      return sane_wh(sample.reactive_import_varh);
    case Measurand::EnergyActiveImportInterval:
      return reading.interval_wh;
    case Measurand::PowerActiveExport:
      return std::max(-sane_wh(sample.power_w), int64_t{0});
    case Measurand::PowerReactiveImport:
      return sample.power_var;
    case Measurand::PowerFactor:
      return sample.power_factor_milli;
  }
  return 0;
}

constexpr messages::ReadingContext kContexts[] = {
    messages::ReadingContext::Sample_Periodic,   messages::ReadingContext::Sample_Clock,
    messages::ReadingContext::Transaction_Begin, messages::ReadingContext::Transaction_End,
    messages::ReadingContext::Trigger,           messages::ReadingContext::Interruption_Begin,
    messages::ReadingContext::Interruption_End,  messages::ReadingContext::Other};

}  // namespace

MeasuredValues measure(const Reading& reading, const MeasurandList& configured) {
  const MeasurandList& list = configured.empty() ? kEnergyOnly : configured;
  MeasuredValues values;
  for (size_t i = 0; i < list.size(); ++i) {
    MeasurandChoice choice = list[i];
    if (!is_deliverable(choice.measurand, reading.sample.valid)) continue;
    if (choice.measurand == Measurand::EnergyActiveImportInterval && reading.interval_wh < 0)
      continue;
    const PhaseUse use = info(choice.measurand).phases;
    uint8_t last = choice.phase;
    if (choice.phase == 0 && use == PhaseUse::kAlways) {
      choice.phase = 1;
      last = reading.phases;
    } else if (choice.phase > reading.phases || (choice.phase != 0 && use == PhaseUse::kOnRequest &&
                                                 !reading.sample.has(charger::kMeterPowerPhases))) {
      continue;
    }
    for (; choice.phase <= last; ++choice.phase) {
      if (!values.add(choice, number_of(reading, choice))) return values;
    }
  }
  return values;
}

bool SampledValues::next(void* self, size_t index, messages::SampledValue& out) {
  auto& source = *static_cast<SampledValues*>(self);
  if (index == 0) source.offset_ = 0;
  MeasuredValues::Value value;
  // What a later firmware measured cannot be told by this one.
  do {
    if (!source.values_->next(source.offset_, value)) return false;
  } while (static_cast<size_t>(value.choice.measurand) >= kMeasurandCount ||
           value.choice.phase > 3);
  const MeasurandInfo& how = info(value.choice.measurand);
  source.set_text(value.number, how.decimals);
  out.value = messages::Text::plain_ascii(common::TextSpan(
      source.text_, static_cast<size_t>(source.buffer_ + sizeof source.buffer_ - source.text_)));
  out.context = kContexts[static_cast<size_t>(source.context_)];
  out.measurand = how.name;
  // Outlet is what is meant without (7.43): 20 bytes of each value.
  if (how.location != messages::Location::Outlet) out.location = how.location;
  if (how.has_unit) out.unit = how.unit;
  if (value.choice.phase != 0) {
    const messages::Phase first =
        value.choice.measurand == Measurand::Voltage ? messages::Phase::L1_N : messages::Phase::L1;
    out.phase = static_cast<messages::Phase>(static_cast<uint8_t>(first) + value.choice.phase - 1);
  }
  return true;
}

void SampledValues::set_text(int64_t number, uint8_t decimals) {
  uint64_t wide = number < 0 ? 0 - static_cast<uint64_t>(number) : static_cast<uint64_t>(number);
  char* first = buffer_ + sizeof buffer_;
  int left = decimals;
  do {
    // Divisions of 64 bits are slow where there is no such instruction.
    const auto low = static_cast<uint32_t>(wide);
    const bool is_short = wide == low;
    *--first = static_cast<char>('0' + (is_short ? low % 10 : wide % 10));
    wide = is_short ? low / 10 : wide / 10;
    if (--left == 0) *--first = '.';
  } while (wide > 0 || left >= 0);
  if (number < 0) *--first = '-';
  text_ = first;
}

}  // namespace ocpp
