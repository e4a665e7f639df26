#pragma once

#include "charger/charger.hpp"
#include "common/limits.hpp"
#include "ocpp_messages/enums.hpp"

namespace ocpp {

/// What a meter value can tell (OCPP 1.6 ed. 2, 7.31): those that the charger contract can deliver.
/// The numbers lie on flash: never reused or changed, at most 31.
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
  EnergyActiveExportRegister,
  EnergyReactiveImportRegister,
  EnergyActiveImportInterval,
  PowerActiveExport,
  PowerReactiveImport,
  PowerFactor,
};
constexpr size_t kMeasurandCount = 15;

/// How a measurand knows phases. Energy, power and the rest are one value for all phases; CSMSs add
/// up what they get, so phases go out beside a total only when asked for by name.
enum class PhaseUse : uint8_t {
  kNone,
  kOnRequest,  ///< A total; a single phase as `Measurand.L1`.
  kAlways,     ///< No total: one value for each connected phase, or the one asked for.
};

/// One configured measurand; phase 0 = as the meter has it (all phases or the total), 1..3 = that
/// phase only.
struct MeasurandChoice {
  Measurand measurand = Measurand::EnergyActiveImportRegister;
  uint8_t phase = 0;

  /// As one byte, for lists and for flash.
  constexpr uint8_t code() const {
    return static_cast<uint8_t>(static_cast<unsigned>(measurand) | phase * 32U);
  }
  static constexpr MeasurandChoice from_code(uint8_t code) {
    return MeasurandChoice{static_cast<Measurand>(code & 0x1FU), static_cast<uint8_t>(code >> 5U)};
  }
};

constexpr bool operator==(const MeasurandChoice& a, const MeasurandChoice& b) {
  return a.code() == b.code();
}

/// A configured list, in the order in which it was given.
class MeasurandList {
 public:
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  constexpr bool full() const { return size_ == limits::kMaxMeasurands; }
  MeasurandChoice operator[](size_t index) const {
    return MeasurandChoice::from_code(items_[index]);
  }
  bool contains(MeasurandChoice choice) const {
    return std::memchr(items_, choice.code(), size_) != nullptr;
  }
  /// @return false when full.
  constexpr bool add(MeasurandChoice choice) {
    if (full()) return false;
    items_[size_++] = choice.code();
    return true;
  }
  void clear() { size_ = 0; }
  friend bool operator==(const MeasurandList& a, const MeasurandList& b) {
    return a.size_ == b.size_ && std::memcmp(a.items_, b.items_, a.size_) == 0;
  }

 private:
  uint8_t size_ = 0;
  uint8_t items_[limits::kMaxMeasurands] = {};
};

/// What is known about a measurand, and how its values are told.
struct MeasurandInfo {
  uint16_t meter_fields;  ///< MeterField bits that it takes; 0 = known without a meter.
  PhaseUse phases;
  uint8_t decimals;
  bool has_unit;  ///< OCPP 1.6 has no unit for hertz (errata 3.86) and for factors.
  ocpp_messages::UnitOfMeasure unit;
  ocpp_messages::Location location;
  ocpp_messages::Measurand name;
};
const MeasurandInfo& info(Measurand measurand);
/// Whether chargers that deliver these MeterField bits can tell it.
bool is_deliverable(Measurand measurand, uint16_t meter_fields);

/// Reads a comma separated list such as "Energy.Active.Import.Register, Voltage.L1". Spaces and
/// repetitions are tolerated; one unknown or undeliverable measurand spoils all of it (OCPP 1.6 ed.
/// 2, 3.16.4).
/// @param meter_fields  MeterField bits that the chargers can deliver.
/// @return false: out is unchanged.
bool parse_measurands(common::TextSpan text, uint16_t meter_fields, MeasurandList& out);

/// The canonical text of a list.
void format_measurands(const MeasurandList& list, common::FixedString<500>& out);

}  // namespace ocpp
