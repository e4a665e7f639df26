#pragma once

#include "charger/charger.hpp"
#include "common/time.hpp"
#include "platform/file_store.hpp"

/// What the adapter to MicroOCPP decides by itself: plain functions, so that they are built and tested without that library.
namespace gateway::micro_ocpp {

/// A limit as MicroOCPP states it; below 0 = none.
struct Limit {
  float watts = -1.0F;
  float amperes = -1.0F;  ///< Per phase.
  int phases = -1;
};

/// Between W and A where the meter has no voltage, mV phase to neutral.
constexpr int32_t kNominalVoltageMv = 230000;

/// What the meter says of the phases that carry voltage; the nominal one without a meter. mV phase to neutral.
inline int32_t voltage_mv(const charger::MeterSample& sample) {
  int64_t sum = 0;
  int32_t count = 0;
  for (const int32_t phase : sample.voltage_mv) {
    if (!sample.has(charger::kMeterVoltage) || phase < kNominalVoltageMv / 2) continue;
    sum += phase;
    ++count;
  }
  return count == 0 ? kNominalVoltageMv : static_cast<int32_t>(sum / count);
}

/// Phases to reckon with and to offer, 1..3.
inline uint8_t phases_of(const Limit& limit, const charger::Capabilities& can) {
  const bool is_fewer = limit.phases >= 1 && limit.phases < can.phases;
  return is_fewer && can.can_switch_phases ? static_cast<uint8_t>(limit.phases) : can.phases;
}

/// Of both units what is less, mA per phase; UINT32_MAX = no limit.
inline uint32_t limit_ma(const Limit& limit, uint8_t phases, int32_t volt_mv) {
  constexpr float kMost = 1000000.0F;
  float ma = kMost;
  if (limit.amperes >= 0) ma = limit.amperes * 1000.0F;
  if (limit.watts >= 0) {
    const float of_power =
        limit.watts * 1000000.0F / (static_cast<float>(volt_mv) * static_cast<float>(phases));
    if (of_power < ma) ma = of_power;
  }
  return ma >= kMost ? UINT32_MAX : static_cast<uint32_t>(ma + 0.5F);
}

/// @param limit   Of the connector, the common one included.
/// @param common  Of the charge point; shared by who reads Offer::alone_ma.
inline charger::Offer offer_of(bool permit, const Limit& limit, const Limit& common,
                               const charger::Capabilities& can,
                               const charger::MeterSample& sample) {
  charger::Offer offer;
  offer.permit = permit;
  offer.phases = phases_of(limit, can);
  const int32_t volt_mv = voltage_mv(sample);
  const uint32_t own = limit_ma(limit, offer.phases, volt_mv);
  offer.limit_ma = own < can.max_ma ? own : can.max_ma;
  const uint32_t alone = limit_ma(common, offer.phases, volt_mv);
  if (alone != UINT32_MAX) offer.alone_ma = alone;
  return offer;
}

/// ChargePointErrorCode; nullptr = no error.
inline const char* error_code(const charger::ChargerState& state) {
  using charger::Error;
  switch (state.error) {
    case Error::kNone:
      return state.is_faulted || state.health == charger::Health::kLost ? "OtherError" : nullptr;
    case Error::kConnectorLockFailure:
      return "ConnectorLockFailure";
    case Error::kEvCommunicationError:
      return "EVCommunicationError";
    case Error::kGroundFailure:
      return "GroundFailure";
    case Error::kHighTemperature:
      return "HighTemperature";
    case Error::kInternalError:
      return "InternalError";
    case Error::kOtherError:
      return "OtherError";
    case Error::kOverCurrentFailure:
      return "OverCurrentFailure";
    case Error::kOverVoltage:
      return "OverVoltage";
    case Error::kPowerMeterFailure:
      return "PowerMeterFailure";
    case Error::kPowerSwitchFailure:
      return "PowerSwitchFailure";
    case Error::kReaderFailure:
      return "ReaderFailure";
    case Error::kResetFailure:
      return "ResetFailure";
    case Error::kUnderVoltage:
      return "UnderVoltage";
    case Error::kWeakSignal:
      return "WeakSignal";
  }
  return "OtherError";
}

/// One value that the meter delivers.
struct Measurand {
  charger::MeterField field;
  const char* name;
  const char* unit;
  const char* phase;  ///< nullptr = of the whole connector.
};

/// MicroOCPP takes the first energy register for meterStart and meterStop.
constexpr Measurand kMeasurands[] = {
    {charger::kMeterEnergyImport, "Energy.Active.Import.Register", "Wh", nullptr},
    {charger::kMeterPower, "Power.Active.Import", "W", nullptr},
    {charger::kMeterCurrent, "Current.Import", "A", "L1"},
    {charger::kMeterCurrent, "Current.Import", "A", "L2"},
    {charger::kMeterCurrent, "Current.Import", "A", "L3"},
    {charger::kMeterVoltage, "Voltage", "V", "L1-N"},
    {charger::kMeterVoltage, "Voltage", "V", "L2-N"},
    {charger::kMeterVoltage, "Voltage", "V", "L3-N"},
    {charger::kMeterTemperature, "Temperature", "Celsius", nullptr},
    {charger::kMeterSoc, "SoC", "Percent", nullptr},
    {charger::kMeterFrequency, "Frequency", nullptr, nullptr},
    {charger::kMeterEnergyExport, "Energy.Active.Export.Register", "Wh", nullptr},
    {charger::kMeterReactivePower, "Power.Reactive.Import", "var", nullptr},
    {charger::kMeterReactiveEnergy, "Energy.Reactive.Import.Register", "varh", nullptr},
    {charger::kMeterPowerFactor, "Power.Factor", nullptr, nullptr},
};

/// In the unit of the measurand; a register in whole ones.
/// @param of  One of kMeasurands.
inline double value_of(const charger::MeterSample& sample, const Measurand& of) {
  const size_t phase = of.phase == nullptr ? 0 : static_cast<size_t>(of.phase[1] - '1');
  switch (of.field) {
    case charger::kMeterEnergyImport:
      return static_cast<double>(sample.energy_import_wh);
    case charger::kMeterPower:
      return sample.power_w;
    case charger::kMeterCurrent:
      return sample.current_ma[phase] / 1000.0;
    case charger::kMeterVoltage:
      return sample.voltage_mv[phase] / 1000.0;
    case charger::kMeterTemperature:
      return sample.temperature_deci_c / 10.0;
    case charger::kMeterSoc:
      return sample.soc_percent;
    case charger::kMeterFrequency:
      return sample.frequency_mhz / 1000.0;
    case charger::kMeterEnergyExport:
      return static_cast<double>(sample.energy_export_wh);
    case charger::kMeterReactivePower:
      return sample.power_var;
    case charger::kMeterReactiveEnergy:
      return static_cast<double>(sample.reactive_import_varh);
    case charger::kMeterPowerFactor:
      return sample.power_factor_milli / 1000.0;
    case charger::kMeterPowerPhases:
      break;
  }
  return 0;
}

/// What a tag at the reader for all is decided by.
struct Candidate {
  bool is_for_reader = false;
  bool is_free = false;  ///< Operative, no transaction, not reserved for others.
  bool is_plugged = false;
  bool is_started_by_tag = false;  ///< Its transaction was started with the tag.
  bool is_of_group = false;        ///< Its transaction was started with a tag of a group.
};

struct Pick {
  uint8_t connector_id;  ///< 0 = none.
  /// Connectors with a transaction of a group, bits 1..n: of the tag it has to be known first whether it stops one.
  uint16_t groups;
};

/// Whoever charges with the tag stops; else the connector with a plug begins, else the first that is free.
inline Pick pick_connector(const Candidate* candidates, uint8_t connectors) {
  Pick pick = {0, 0};
  uint8_t free = 0;
  for (uint8_t id = 1; id <= connectors; ++id) {
    const Candidate& candidate = candidates[id - 1];
    if (!candidate.is_for_reader) continue;
    if (candidate.is_started_by_tag) return {id, 0};
    if (candidate.is_of_group) pick.groups = static_cast<uint16_t>(pick.groups | 1U << id);
    if (!candidate.is_free) continue;
    if (free == 0) free = id;
    if (pick.connector_id == 0 && candidate.is_plugged) pick.connector_id = id;
  }
  if (pick.connector_id == 0) pick.connector_id = free;
  return pick;
}

/// MicroOCPP counts by connector; numbers of ours are the gateway's.
/// @param number  0..99999
constexpr uint32_t local_number(uint32_t number, uint8_t connector_id) {
  return number * 16 + connector_id;
}

/// Name in our store of a file of MicroOCPP: "/tx-1-0.json" is "mo-tx-1-0.json".
using FileName = common::FixedString<platform::FileStore::kMaxNameBytes>;
constexpr const char* kFilePrefix = "mo-";
/// @retval kInvalidArgument  Not a name that the store takes.  @retval kNoSpace  Too long.
inline common::Status file_name(const char* path, FileName& name) {
  if (path[0] == '/') ++path;
  if (path[0] == '\0') return common::Status::kInvalidArgument;
  for (const char* at = path; *at != '\0'; ++at) {
    const bool is_plain = (*at >= 'a' && *at <= 'z') || (*at >= '0' && *at <= '9') || *at == '.' ||
                          *at == '_' || *at == '-';
    if (!is_plain) return common::Status::kInvalidArgument;
  }
  name = FileName(kFilePrefix);
  return name.append(common::text(path));
}

}  // namespace gateway::micro_ocpp
