#pragma once

#include "common/log.hpp"
#include "ocpp/charge_point_types.hpp"
#include "ocpp/features.hpp"
#include "ocpp/measurand.hpp"
#include "platform/key_value_store.hpp"

namespace ocpp {

/// Every configuration key, in the order in which GetConfiguration lists them. Row by row the same
/// as kKeys in configuration.cpp, which holds type, range, default and rights.
enum class Key : uint8_t {
  AllowOfflineTxForUnknownId,
  AuthorizationCacheEnabled,
  AuthorizeRemoteTxRequests,
  ClockAlignedDataInterval,
  ConnectionTimeOut,
  ConnectorPhaseRotation,
  ConnectorPhaseRotationMaxLength,
  GetConfigurationMaxKeys,
  HeartbeatInterval,
  LocalAuthorizeOffline,
  LocalPreAuthorize,
  MaxEnergyOnInvalidId,
  MessageTimeout,
  MeterValuesAlignedData,
  MeterValuesAlignedDataMaxLength,
  MeterValuesSampledData,
  MeterValuesSampledDataMaxLength,
  MeterValueSampleInterval,
  MinimumStatusDuration,
  NumberOfConnectors,
  ResetRetries,
  StopTransactionMaxMeterValues,
  StopTransactionOnEVSideDisconnect,
  StopTransactionOnInvalidId,
  StopTxnAlignedData,
  StopTxnAlignedDataMaxLength,
  StopTxnSampledData,
  StopTxnSampledDataMaxLength,
  SupportedFeatureProfiles,
  TransactionMessageAttempts,
  TransactionMessageRetryInterval,
  UnlockConnectorOnEVSideDisconnect,
  WebSocketPingInterval,
  TxResumeAfterPowerLoss,
  FreeVendEnabled,
  FreeVendIdTag,
  LocalAuthListEnabled,
  LocalAuthListMaxLength,
  SendLocalListMaxLength,
  ReserveConnectorZeroSupported,
  ChargeProfileMaxStackLevel,
  ChargingScheduleAllowedChargingRateUnit,
  ChargingScheduleMaxPeriods,
  ConnectorSwitch3to1PhaseSupported,
  MaxChargingProfilesInstalled,
  SupportedFileTransferProtocols,
};
constexpr size_t kKeyCount = static_cast<size_t>(Key::SupportedFileTransferProtocols) + 1;

/// The configuration keys of one charge point: one table for the protocol, the console and the
/// engine itself. A change is on flash before write() returns; the value that is already set costs
/// no write.
class Configuration {
 public:
  Configuration(platform::KeyValueStore& settings, common::LogSink& log)
      : settings_(settings), log_(log) {}

  /// Sets defaults, then what was stored. A stored value that is no longer legal falls back to the
  /// default.
  /// @param meter_fields  MeterField bits that the chargers can deliver.
  /// @param has_lock  A connector has a cable that can be unlocked.
  /// @param can_switch_phases  All chargers can, while an EV charges.
  void begin(uint8_t connectors, uint16_t meter_fields, bool has_lock = false,
             bool can_switch_phases = false);

  bool flag(Key key) const { return number(key) != 0; }
  int32_t number(Key key) const { return numbers_[static_cast<size_t>(key)]; }
  int64_t milliseconds(Key key) const { return int64_t{number(key)} * 1000; }
  /// @param key  A measurand list.
  const MeasurandList& measurands(Key key) const;
  /// What the begin and the end of a transaction tell: both StopTxn lists; empty = nothing
  /// (errata 3.14).
  MeasurandList stop_measurands() const;

  /// FreeVendIdTag.
  const charger::IdTag& free_vend_id_tag() const { return free_vend_id_tag_; }

  static const char* name(Key key);
  /// The same without counting it.
  static common::TextSpan name_text(Key key);
  /// Ignores case. @return false when there is no such key.
  static bool find(common::TextSpan name, Key& out);
  void read(Key key, ConfigurationEntry& out) const;
  /// The value alone. But for FreeVendIdTag ASCII that needs no escape in JSON: names, numbers,
  /// lists of names.
  /// @param room  Holds it where it has to be made.
  common::TextSpan value(Key key, common::FixedString<500>& room) const;
  bool is_readonly(Key key) const;
  /// ChangeConfiguration (OCPP 1.6 ed. 2, 5.3). @param changed  Set to whether the value is now
  /// another.
  ConfigurationStatus write(common::TextSpan name, common::TextSpan value, Key& key, bool& changed);
  /// A value that the protocol sets, not the operator: not stored (HeartbeatInterval of
  /// BootNotification.conf).
  void set_volatile(Key key, int32_t value) { numbers_[static_cast<size_t>(key)] = value; }

  /// Room for value() that is not on the stack; overwritten by write().
  common::FixedString<500>& scratch() { return scratch_; }

 private:
  void update_stop_maximum();
  bool apply(Key key, common::TextSpan value, bool& changed);
  bool apply_phase_rotation(common::TextSpan value, bool& changed);
  void format_phase_rotation(common::FixedString<500>& out) const;

  platform::KeyValueStore& settings_;
  common::LogSink& log_;
  uint8_t connectors_ = 1;
  bool has_lock_ = false;
  uint16_t meter_fields_ = 0;
  int32_t numbers_[kKeyCount] = {};
  MeasurandList lists_[4];
  charger::IdTag free_vend_id_tag_;
  common::FixedString<500> scratch_;  ///< Values are long: not on the stack.
  uint8_t phase_rotation_[limits::kMaxConnectors + 1] = {};
};

}  // namespace ocpp
