#include "bridge/measurement.hpp"

namespace bridge {

namespace {

constexpr size_t kPhases = RegisterSet::kPhases;

int32_t clamp32(int64_t value) {
  if (value > INT32_MAX) return INT32_MAX;
  if (value < INT32_MIN) return INT32_MIN;
  return static_cast<int32_t>(value);
}

uint16_t field_of(Meaning meaning) {
  switch (meaning) {
    case Meaning::kCurrent:
      return charger::kMeterCurrent;
    case Meaning::kVoltage:
      return charger::kMeterVoltage;
    case Meaning::kPower:
      return charger::kMeterPower;
    case Meaning::kEnergyTotal:
    case Meaning::kEnergySession:
      return charger::kMeterEnergyImport;
    case Meaning::kEnergyExport:
      return charger::kMeterEnergyExport;
    case Meaning::kTemperature:
      return charger::kMeterTemperature;
    case Meaning::kFrequency:
      return charger::kMeterFrequency;
    case Meaning::kReactivePower:
      return charger::kMeterReactivePower;
    case Meaning::kReactiveEnergy:
      return charger::kMeterReactiveEnergy;
    case Meaning::kPowerFactor:
      return charger::kMeterPowerFactor;
    case Meaning::kSoc:
      return charger::kMeterSoc;
    default:
      return 0;
  }
}

int64_t sum(const RegisterSet::Values& values) {
  int64_t result = 0;
  for (size_t i = 0; i < values.count; ++i) result += values.value[i];
  return result;
}

}  // namespace

bool Measurement::add(const RegisterSet& registers, uint8_t row,
                      const RegisterSet::Values& values) {
  const Meaning meaning = registers.row(row).meaning;
  const int64_t first = values.value[0];
  switch (meaning) {
    case Meaning::kCurrent:
      for (size_t i = 0; i < kPhases; ++i) sample_.current_ma[i] = clamp32(values.value[i]);
      break;
    case Meaning::kVoltage:
      for (size_t i = 0; i < kPhases; ++i) sample_.voltage_mv[i] = clamp32(values.value[i]);
      break;
    case Meaning::kPower:
      if (values.count > 1) {
        for (size_t i = 0; i < kPhases; ++i) sample_.power_phase_w[i] = clamp32(values.value[i]);
        sample_.valid |= charger::kMeterPowerPhases;
        // A total of its own is better than the sum.
        if (registers.has_total(Meaning::kPower)) return true;
      }
      import_w_ = clamp32(sum(values));
      sample_.power_w = import_w_ - export_w_;
      break;
    case Meaning::kPowerExport:
      export_w_ = clamp32(sum(values));
      sample_.power_w = import_w_ - export_w_;
      return true;
    case Meaning::kEnergyExport:
      sample_.energy_export_wh = sum(values);
      break;
    case Meaning::kReactivePower:
      sample_.power_var = clamp32(first);
      break;
    case Meaning::kReactiveEnergy:
      sample_.reactive_import_varh = first;
      break;
    case Meaning::kPowerFactor:
      sample_.power_factor_milli = static_cast<int16_t>(first);
      break;
    case Meaning::kTemperature:
      sample_.temperature_deci_c = static_cast<int16_t>(first);
      break;
    case Meaning::kFrequency:
      sample_.frequency_mhz = clamp32(first);
      break;
    case Meaning::kSoc:
      if (first < 0 || first > 100) return true;
      sample_.soc_percent = static_cast<uint8_t>(first);
      break;
    default:
      return false;
  }
  sample_.valid |= field_of(meaning);
  return true;
}

uint16_t Measurement::fields(const RegisterSet& registers) {
  uint16_t result = 0;
  for (uint8_t row = 0; row < registers.size(); ++row) {
    const RegisterRow& reg = registers.row(row);
    if (!registers.is_usable(row)) continue;
    result = static_cast<uint16_t>(result | field_of(reg.meaning));
    if (reg.meaning == Meaning::kPower && reg.elements > 1) result |= charger::kMeterPowerPhases;
  }
  return result;
}

void Measurement::clear() {
  sample_.valid = 0;
  import_w_ = 0;
  export_w_ = 0;
}

bool Measurement::highest_current(const charger::MeterSample& sample, uint8_t phases,
                                  int32_t& out) {
  if (sample.has(charger::kMeterCurrent)) {
    out = 0;
    for (const int32_t phase_ma : sample.current_ma) out = phase_ma > out ? phase_ma : out;
    return true;
  }
  if (!sample.has(charger::kMeterPower) || phases == 0) return false;
  out = static_cast<int32_t>(int64_t{sample.power_w} * 1000 / (230 * phases));
  return true;
}

void Measurement::complete(charger::MeterSample& sample, const charger::MeterSample& other,
                           bool counts) {
  const uint16_t valid = sample.valid;
  const uint16_t missing =
      static_cast<uint16_t>(other.valid & ~(valid | charger::kMeterEnergyImport));
  charger::MeterSample result = other;
  if (!counts && (missing & (charger::kMeterCurrent | charger::kMeterPower)) == 0)
    result.taken_at = sample.taken_at;
  result.energy_import_wh = sample.energy_import_wh;
  if (sample.has(charger::kMeterPower)) result.power_w = sample.power_w;
  for (size_t i = 0; i < kPhases; ++i) {
    if (sample.has(charger::kMeterCurrent)) result.current_ma[i] = sample.current_ma[i];
    if (sample.has(charger::kMeterVoltage)) result.voltage_mv[i] = sample.voltage_mv[i];
    if (sample.has(charger::kMeterPowerPhases)) result.power_phase_w[i] = sample.power_phase_w[i];
  }
  if (sample.has(charger::kMeterTemperature)) result.temperature_deci_c = sample.temperature_deci_c;
  if (sample.has(charger::kMeterSoc)) result.soc_percent = sample.soc_percent;
  if (sample.has(charger::kMeterFrequency)) result.frequency_mhz = sample.frequency_mhz;
  if (sample.has(charger::kMeterEnergyExport)) result.energy_export_wh = sample.energy_export_wh;
  if (sample.has(charger::kMeterReactivePower)) result.power_var = sample.power_var;
  if (sample.has(charger::kMeterReactiveEnergy))
    result.reactive_import_varh = sample.reactive_import_varh;
  if (sample.has(charger::kMeterPowerFactor)) result.power_factor_milli = sample.power_factor_milli;
  result.valid = static_cast<uint16_t>(valid | missing);
  sample = result;
}

uint8_t Measurement::active_phases(const charger::MeterSample& sample) {
  if (!sample.has(charger::kMeterCurrent)) return 0;
  uint8_t result = 0;
  for (const int32_t phase_ma : sample.current_ma) {
    if (phase_ma > 1000) ++result;
  }
  return result;
}

}  // namespace bridge
