#include "ocpp/measurand.hpp"

namespace ocpp {
namespace {

using ocpp_messages::Location;
using ocpp_messages::UnitOfMeasure;
using Name = ocpp_messages::Measurand;

constexpr MeasurandInfo row(Name name, uint16_t meter_fields, PhaseUse phases, uint8_t decimals,
                            UnitOfMeasure unit, Location location = Location::Outlet) {
  return {meter_fields, phases, decimals, true, unit, location, name};
}
constexpr MeasurandInfo no_unit(Name name, uint16_t meter_fields, uint8_t decimals) {
  return {meter_fields,      PhaseUse::kNone,  decimals, false,
          UnitOfMeasure::Wh, Location::Outlet, name};
}

// Row by row as enum Measurand. The decimals belong to the numbers on flash: never changed.
constexpr MeasurandInfo kMeasurands[kMeasurandCount] = {
    row(Name::Energy_Active_Import_Register, charger::kMeterEnergyImport, PhaseUse::kNone, 0,
        UnitOfMeasure::Wh),
    row(Name::Power_Active_Import, charger::kMeterPower, PhaseUse::kOnRequest, 0, UnitOfMeasure::W),
    row(Name::Current_Import, charger::kMeterCurrent, PhaseUse::kAlways, 2, UnitOfMeasure::A),
    row(Name::Voltage, charger::kMeterVoltage, PhaseUse::kAlways, 1, UnitOfMeasure::V),
    row(Name::Current_Offered, 0, PhaseUse::kNone, 1, UnitOfMeasure::A),
    row(Name::Power_Offered, 0, PhaseUse::kNone, 0, UnitOfMeasure::W),
    row(Name::SoC, charger::kMeterSoc, PhaseUse::kNone, 0, UnitOfMeasure::Percent, Location::EV),
    row(Name::Temperature, charger::kMeterTemperature, PhaseUse::kNone, 1, UnitOfMeasure::Celsius,
        Location::Body),
    no_unit(Name::Frequency, charger::kMeterFrequency, 2),
    row(Name::Energy_Active_Export_Register, charger::kMeterEnergyExport, PhaseUse::kNone, 0,
        UnitOfMeasure::Wh),
    row(Name::Energy_Reactive_Import_Register, charger::kMeterReactiveEnergy, PhaseUse::kNone, 0,
        UnitOfMeasure::varh),
    row(Name::Energy_Active_Import_Interval, charger::kMeterEnergyImport, PhaseUse::kNone, 0,
        UnitOfMeasure::Wh),
    row(Name::Power_Active_Export, charger::kMeterPower | charger::kMeterEnergyExport,
        PhaseUse::kNone, 0, UnitOfMeasure::W),
    row(Name::Power_Reactive_Import, charger::kMeterReactivePower, PhaseUse::kNone, 0,
        UnitOfMeasure::var),
    no_unit(Name::Power_Factor, charger::kMeterPowerFactor, 3),
};

common::TextSpan trim(common::TextSpan text) {
  while (!text.empty() && text[0] == ' ') text = text.subspan(1);
  while (!text.empty() && text[text.size() - 1] == ' ') text = text.first(text.size() - 1);
  return text;
}

bool parse_one(common::TextSpan token, uint16_t meter_fields, MeasurandChoice& out) {
  for (size_t i = 0; i < kMeasurandCount; ++i) {
    const common::TextSpan name = common::text(to_string(kMeasurands[i].name));
    if (!common::equals(token.first(name.size()), name)) continue;
    out = MeasurandChoice{static_cast<Measurand>(i), 0};
    const common::TextSpan suffix = token.subspan(name.size());
    if (suffix.empty()) return is_deliverable(out.measurand, meter_fields);
    // ".L1" or ".L1-N": the meter measures from phase to neutral.
    if (suffix.size() < 3 || suffix[0] != '.' || suffix[1] != 'L' || suffix[2] < '1' ||
        suffix[2] > '3')
      continue;
    if (suffix.size() != 3 && !common::equals(suffix.subspan(3), common::text("-N"))) return false;
    out.phase = static_cast<uint8_t>(suffix[2] - '0');
    switch (kMeasurands[i].phases) {
      case PhaseUse::kNone:
        return false;
      case PhaseUse::kOnRequest:
        return (meter_fields & charger::kMeterPowerPhases) != 0;
      case PhaseUse::kAlways:
        return is_deliverable(out.measurand, meter_fields);
    }
  }
  return false;
}

}  // namespace

const MeasurandInfo& info(Measurand measurand) {
  return kMeasurands[static_cast<size_t>(measurand)];
}

bool is_deliverable(Measurand measurand, uint16_t meter_fields) {
  const uint16_t needed = info(measurand).meter_fields;
  return (meter_fields & needed) == needed;
}

bool parse_measurands(common::TextSpan text, uint16_t meter_fields, MeasurandList& out) {
  MeasurandList list;
  common::TextSpan rest = trim(text);
  while (!rest.empty()) {
    size_t comma = 0;
    while (comma < rest.size() && rest[comma] != ',') ++comma;
    MeasurandChoice choice;
    if (!parse_one(trim(rest.first(comma)), meter_fields, choice)) return false;
    if (!list.contains(choice) && !list.add(choice)) return false;
    if (comma + 1 == rest.size()) return false;  // "a," names nothing after the comma
    rest = rest.subspan(comma + 1);
  }
  out = list;
  return true;
}

void format_measurands(const MeasurandList& list, common::FixedString<500>& out) {
  out.clear();
  for (size_t i = 0; i < list.size(); ++i) {
    if (i > 0) (void)out.append(common::text(","));
    (void)out.append(common::text(to_string(info(list[i].measurand).name)));
    if (list[i].phase != 0) {
      const char suffix[3] = {'.', 'L', static_cast<char>('0' + list[i].phase)};
      (void)out.append(common::TextSpan(suffix, sizeof suffix));
    }
  }
}

}  // namespace ocpp
