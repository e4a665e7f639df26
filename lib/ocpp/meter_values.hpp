#pragma once

#include "charger/charger.hpp"
#include "ocpp/measured_values.hpp"
#include "ocpp/records.hpp"
#include "ocpp_messages/meter_value.hpp"

namespace ocpp {

/// What a reading is made of.
struct Reading {
  const charger::MeterSample& sample;
  uint8_t phases = 3;       ///< Connected, 1..3.
  uint32_t offered_ma = 0;  ///< mA per phase.
  int32_t nominal_voltage_mv = 0;
  int64_t interval_wh = -1;  ///< Import since the reading of this kind before; < 0 = not known.
};

/// Takes from a reading what a list names. What the meter did not deliver is left out.
/// @param list  Empty stands for Energy.Active.Import.Register.
MeasuredValues measure(const Reading& reading, const MeasurandList& list);

/// The sampledValue array of one reading, made one element at a time while it is encoded (OCPP 1.6
/// ed. 2, 7.33, 7.43). Values are decimal texts without exponent. Phases: Voltage as L1-N..L3-N,
/// others as L1..L3.
class SampledValues {
 public:
  /// @param values  Referenced.
  SampledValues(const MeasuredValues& values, SampleContext context)
      : values_(&values), context_(context) {}

  /// @return Refers to this object.
  ocpp_messages::ArrayView<ocpp_messages::SampledValue> view() {
    return ocpp_messages::ArrayView<ocpp_messages::SampledValue>::from_source(&SampledValues::next,
                                                                              this);
  }

 private:
  static bool next(void* self, size_t index, ocpp_messages::SampledValue& out);
  void set_text(int64_t number, uint8_t decimals);

  const MeasuredValues* values_;
  SampleContext context_;
  size_t offset_ = 0;
  const char* text_ = nullptr;  ///< Inside buffer_, up to its end.
  char buffer_[24];
};

}  // namespace ocpp
