#pragma once

#include "bridge/register_set.hpp"

namespace bridge {

/// A MeterSample that is put together from registers. Power fed back is subtracted at the end, because its register may be
/// read before or after that of the power.
class Measurement {
 public:
  /// Takes the value of a row. @return false when a sample has no field for its meaning, and for energy import.
  bool add(const RegisterSet& registers, uint8_t row, const RegisterSet::Values& values);
  /// Meter fields that the rows of a device can fill. @param energy  Whether import is known in any way.
  static uint16_t fields(const RegisterSet& registers);
  void clear();

  const charger::MeterSample& sample() const { return sample_; }
  charger::MeterSample& sample() { return sample_; }
  /// Highest phase, mA; taken from the power when there are no currents. @return false when neither is known.
  static bool highest_current(const charger::MeterSample& sample, uint8_t phases, int32_t& out);
  /// Takes over what a sample lacks; energy import is not: it is a register of the connector. Whatever gives energy,
  /// current or power gives the time, too. @param counts  The register of the connector is booked from the other's.
  static void complete(charger::MeterSample& sample, const charger::MeterSample& other,
                       bool counts);
  /// Phases with more than 1 A; 0 when that is not known.
  static uint8_t active_phases(const charger::MeterSample& sample);

 private:
  charger::MeterSample sample_;
  int32_t import_w_ = 0;
  int32_t export_w_ = 0;
};

}  // namespace bridge
