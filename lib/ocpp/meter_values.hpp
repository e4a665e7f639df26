#pragma once

#include "charger/charger.hpp"
#include "ocpp/measurand.hpp"
#include "ocpp/records.hpp"
#include "ocpp_messages/meter_value.hpp"

namespace ocpp {

/// The sampledValue array of one reading, made one element at a time while it is encoded (OCPP 1.6
/// ed. 2, 7.33, 7.43).
///
/// Values are decimal texts without exponent; what the meter did not deliver is left out. Per
/// phase: Current as L1..L3, Voltage as L1-N..L3-N; energy, power and the rest as one value without
/// phase.
class SampledValues {
 public:
  /// @param list    Empty stands for Energy.Active.Import.Register. Referenced, as is the sample.
  /// @param phases  Connected phases, 1..3.
  SampledValues(const charger::MeterSample& sample, const MeasurandList& list,
                SampleContext context, uint8_t phases, bool has_offered, uint32_t offered_ma,
                int32_t nominal_voltage_mv);

  /// Whether there is anything to report.
  bool empty();
  /// @return Refers to this object.
  ocpp_messages::ArrayView<ocpp_messages::SampledValue> view() {
    return ocpp_messages::ArrayView<ocpp_messages::SampledValue>::from_source(&SampledValues::next,
                                                                              this);
  }

 private:
  static bool next(void* self, size_t index, ocpp_messages::SampledValue& out);
  bool next(ocpp_messages::SampledValue& out);
  bool fill(MeasurandChoice choice, uint8_t phase, ocpp_messages::SampledValue& out);
  void set_value(int64_t thousandths, uint8_t decimals);

  const charger::MeterSample& sample_;
  const MeasurandList& list_;
  SampleContext context_;
  uint8_t phases_;
  bool has_offered_;
  uint32_t offered_ma_;
  int32_t nominal_voltage_mv_;
  // Where the iteration is.
  size_t next_index_ = 0;
  size_t item_ = 0;
  uint8_t phase_ = 0;
  char value_[24] = {};
  size_t value_size_ = 0;
};

ocpp_messages::ReadingContext to_message(SampleContext context);

}  // namespace ocpp
