#pragma once

#include "charger/charger.hpp"
#include "common/limits.hpp"

namespace ocpp {

/// What a meter value can tell (OCPP 1.6 ed. 2, 7.31): those that the charger contract can deliver.
/// The order is not stored anywhere; configuration is kept as text.
enum class Measurand : uint8_t {
  EnergyActiveImportRegister,
  PowerActiveImport,
  CurrentImport,
  Voltage,
  CurrentOffered,
  PowerOffered,
  SoC,
  Temperature,
  Frequency,
};
constexpr size_t kMeasurandCount = 9;

struct MeasurandInfo {
  const char* name;
  uint16_t meter_field;  ///< MeterField bit that carries it; 0 = known without a meter.
  bool per_phase;        ///< Reported for each connected phase.
};

constexpr MeasurandInfo kMeasurands[kMeasurandCount] = {
    {"Energy.Active.Import.Register", charger::kMeterEnergyImport, false},
    {"Power.Active.Import", charger::kMeterPower, false},
    {"Current.Import", charger::kMeterCurrent, true},
    {"Voltage", charger::kMeterVoltage, true},
    {"Current.Offered", 0, false},
    {"Power.Offered", 0, false},
    {"SoC", charger::kMeterSoc, false},
    {"Temperature", charger::kMeterTemperature, false},
    {"Frequency", charger::kMeterFrequency, false},
};

constexpr const MeasurandInfo& info(Measurand measurand) {
  return kMeasurands[static_cast<size_t>(measurand)];
}

/// One configured measurand; phase 0 = as the meter has it (all phases or the total), 1..3 = that
/// phase only.
struct MeasurandChoice {
  Measurand measurand = Measurand::EnergyActiveImportRegister;
  uint8_t phase = 0;
};

constexpr bool operator==(const MeasurandChoice& a, const MeasurandChoice& b) {
  return a.measurand == b.measurand && a.phase == b.phase;
}

/// A configured list, in the order in which it was given.
class MeasurandList {
 public:
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  constexpr bool full() const { return size_ == limits::kMaxMeasurands; }
  MeasurandChoice operator[](size_t index) const {
    return MeasurandChoice{static_cast<Measurand>(items_[index] & 0x0FU),
                           static_cast<uint8_t>(items_[index] >> 4U)};
  }
  bool contains(MeasurandChoice choice) const {
    for (size_t i = 0; i < size_; ++i) {
      if ((*this)[i] == choice) return true;
    }
    return false;
  }
  /// @return false when full.
  constexpr bool add(MeasurandChoice choice) {
    if (full()) return false;
    items_[size_++] =
        static_cast<uint8_t>(static_cast<unsigned>(choice.measurand) | choice.phase * 16U);
    return true;
  }
  void clear() { size_ = 0; }

 private:
  uint8_t size_ = 0;
  uint8_t items_[limits::kMaxMeasurands] = {};
};

/// Reads a comma separated list such as "Energy.Active.Import.Register, Voltage.L1". Spaces and
/// repetitions are tolerated; one unknown or undeliverable measurand spoils all of it (OCPP 1.6 ed.
/// 2, 3.16.4).
/// @param meter_fields  MeterField bits that the chargers can deliver.
/// @return false: out is unchanged.
bool parse_measurands(common::TextSpan text, uint16_t meter_fields, MeasurandList& out);

/// The canonical text of a list.
void format_measurands(const MeasurandList& list, common::FixedString<500>& out);

}  // namespace ocpp
