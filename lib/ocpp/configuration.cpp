#include "ocpp/configuration.hpp"

#include <algorithm>

LOG_MODULE("ocpp.config");

namespace ocpp {
namespace {

enum class KeyType : uint8_t { kFlag, kNumber, kMeasurands, kPhaseRotation, kIdTag, kText };

/// One key. Numbers: range and default. Lists and texts: default text.
struct KeyRow {
  const char* name;
  const char* stored_as;  ///< At most 15 characters; nullptr for what the CSMS cannot write.
  Key key;
  KeyType type;
  FeatureProfile profile;
  uint8_t minimum;
  int32_t maximum;
  int32_t initial;
  const char* initial_text;
};

constexpr int32_t kMaxSeconds = 7 * 86400;
constexpr int32_t kListMax = static_cast<int32_t>(limits::kMaxMeasurands);
/// Begin and end with two such lists fit into a frame in any case.
constexpr int32_t kStopListMax = limits::kOutboxBytes >= 6144 ? 6 : 4;
/// StopTransaction without its data, a MeterValue without its values, and a SampledValue, at most.
constexpr size_t kStopBytes = 336;
constexpr size_t kMeterValueBytes = 59;
constexpr size_t kSampledValueBytes = 123;
constexpr size_t kMostStopValues = 2 * static_cast<size_t>(kStopListMax) + 4;
static_assert(kStopBytes + 2 * (kMeterValueBytes + kMostStopValues * kSampledValueBytes) <=
                  limits::kOutboxBytes,
              "begin and end do not fit into StopTransaction");
constexpr FeatureProfile kCore = FeatureProfile::kCore;
constexpr FeatureProfile kList = FeatureProfile::kLocalAuthListManagement;
/// The longest entry of SendLocalList is below 152 bytes: as many fit into any frame.
constexpr int32_t kListUpdate =
    static_cast<int32_t>(limits::kMaxFrameBytes - 128) / 152 < int32_t{limits::kMaxLocalListUpdate}
        ? static_cast<int32_t>(limits::kMaxFrameBytes - 128) / 152
        : int32_t{limits::kMaxLocalListUpdate};
constexpr FeatureProfile kSmart = FeatureProfile::kSmartCharging;

constexpr KeyRow flag(Key key, const char* name, const char* stored_as, bool initial,
                      FeatureProfile profile = kCore) {
  return {name, stored_as, key, KeyType::kFlag, profile, 0, 1, initial ? 1 : 0, nullptr};
}
constexpr KeyRow number(Key key, const char* name, const char* stored_as, uint8_t minimum,
                        int32_t maximum, int32_t initial) {
  return {name, stored_as, key, KeyType::kNumber, kCore, minimum, maximum, initial, nullptr};
}
constexpr KeyRow fixed(Key key, const char* name, int32_t value, FeatureProfile profile = kCore) {
  return {name, nullptr, key, KeyType::kNumber, profile, 0, value, value, nullptr};
}
/// @param most  Entries of the list.
constexpr KeyRow measurands(Key key, const char* name, const char* stored_as, int32_t most,
                            const char* initial) {
  return {name, stored_as, key, KeyType::kMeasurands, kCore, 0, most, 0, initial};
}
constexpr KeyRow text(Key key, const char* name, const char* stored_as, KeyType type,
                      FeatureProfile profile, const char* initial) {
  return {name, stored_as, key, type, profile, 0, 0, 0, initial};
}

constexpr KeyRow kKeys[kKeyCount] = {
    flag(Key::AllowOfflineTxForUnknownId, "AllowOfflineTxForUnknownId", "AllowOfflineTx", false),
    flag(Key::AuthorizationCacheEnabled, "AuthorizationCacheEnabled", "AuthCache", true),
    flag(Key::AuthorizeRemoteTxRequests, "AuthorizeRemoteTxRequests", "AuthRemoteTx", false),
    number(Key::ClockAlignedDataInterval, "ClockAlignedDataInterval", "ClockAligned", 0, 86400, 0),
    number(Key::ConnectionTimeOut, "ConnectionTimeOut", "ConnTimeOut", 0, kMaxSeconds, 60),
    text(Key::ConnectorPhaseRotation, "ConnectorPhaseRotation", "PhaseRotation",
         KeyType::kPhaseRotation, kCore, ""),
    fixed(Key::ConnectorPhaseRotationMaxLength, "ConnectorPhaseRotationMaxLength",
          static_cast<int32_t>(limits::kMaxConnectors + 1)),
    fixed(Key::GetConfigurationMaxKeys, "GetConfigurationMaxKeys",
          static_cast<int32_t>(limits::kMaxRequestedKeys)),
    number(Key::HeartbeatInterval, "HeartbeatInterval", "HeartbeatIntv", 0, kMaxSeconds, 300),
    flag(Key::LocalAuthorizeOffline, "LocalAuthorizeOffline", "LocalAuthOff", true),
    flag(Key::LocalPreAuthorize, "LocalPreAuthorize", "LocalPreAuth", false),
    number(Key::MaxEnergyOnInvalidId, "MaxEnergyOnInvalidId", "MaxEnergyInval", 0, 1000000, 0),
    number(Key::MessageTimeout, "MessageTimeout", "MessageTimeout", 1, 600, 30),
    measurands(Key::MeterValuesAlignedData, "MeterValuesAlignedData", "MvAligned", kListMax, ""),
    fixed(Key::MeterValuesAlignedDataMaxLength, "MeterValuesAlignedDataMaxLength", kListMax),
    measurands(Key::MeterValuesSampledData, "MeterValuesSampledData", "MvSampled", kListMax,
               "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage"),
    fixed(Key::MeterValuesSampledDataMaxLength, "MeterValuesSampledDataMaxLength", kListMax),
    number(Key::MeterValueSampleInterval, "MeterValueSampleInterval", "MvInterval", 0, 86400, 60),
    number(Key::MinimumStatusDuration, "MinimumStatusDuration", "MinStatusDur", 0, 3600, 0),
    fixed(Key::NumberOfConnectors, "NumberOfConnectors", 1),
    number(Key::ResetRetries, "ResetRetries", "ResetRetries", 0, 100, 0),
    fixed(Key::StopTransactionMaxMeterValues, "StopTransactionMaxMeterValues", kStopListMax),
    flag(Key::StopTransactionOnEVSideDisconnect, "StopTransactionOnEVSideDisconnect",
         "StopOnUnplug", true),
    flag(Key::StopTransactionOnInvalidId, "StopTransactionOnInvalidId", "StopOnInvalid", true),
    measurands(Key::StopTxnAlignedData, "StopTxnAlignedData", "StopAligned", kStopListMax, ""),
    fixed(Key::StopTxnAlignedDataMaxLength, "StopTxnAlignedDataMaxLength", kStopListMax),
    measurands(Key::StopTxnSampledData, "StopTxnSampledData", "StopSampled", kStopListMax, ""),
    fixed(Key::StopTxnSampledDataMaxLength, "StopTxnSampledDataMaxLength", kStopListMax),
    text(Key::SupportedFeatureProfiles, "SupportedFeatureProfiles", nullptr, KeyType::kText, kCore,
         ""),
    number(Key::TransactionMessageAttempts, "TransactionMessageAttempts", "TxMsgAttempts", 0, 100,
           3),
    number(Key::TransactionMessageRetryInterval, "TransactionMessageRetryInterval", "TxMsgRetry", 0,
           86400, 60),
    // Where no cable can be unlocked it is read-only and false (errata 3.84).
    flag(Key::UnlockConnectorOnEVSideDisconnect, "UnlockConnectorOnEVSideDisconnect",
         "UnlockOnUnplug", true),
    number(Key::WebSocketPingInterval, "WebSocketPingInterval", "WsPingInterval", 0, 86400, 30),
    flag(Key::TxResumeAfterPowerLoss, "TxResumeAfterPowerLoss", "TxResume", true),
    flag(Key::FreeVendEnabled, "FreeVendEnabled", "FreeVend", false),
    text(Key::FreeVendIdTag, "FreeVendIdTag", "FreeVendTag", KeyType::kIdTag, kCore, "FREEVEND"),
    flag(Key::LocalAuthListEnabled, "LocalAuthListEnabled", "LocalList", true, kList),
    fixed(Key::LocalAuthListMaxLength, "LocalAuthListMaxLength",
          static_cast<int32_t>(limits::kLocalListEntries), kList),
    fixed(Key::SendLocalListMaxLength, "SendLocalListMaxLength", kListUpdate, kList),
    flag(Key::ReserveConnectorZeroSupported, "ReserveConnectorZeroSupported", nullptr, true,
         FeatureProfile::kReservation),
    fixed(Key::ChargeProfileMaxStackLevel, "ChargeProfileMaxStackLevel", limits::kMaxStackLevel,
          kSmart),
    text(Key::ChargingScheduleAllowedChargingRateUnit, "ChargingScheduleAllowedChargingRateUnit",
         nullptr, KeyType::kText, kSmart, "Current,Power"),
    fixed(Key::ChargingScheduleMaxPeriods, "ChargingScheduleMaxPeriods",
          static_cast<int32_t>(limits::kMaxSchedulePeriods), kSmart),
    flag(Key::ConnectorSwitch3to1PhaseSupported, "ConnectorSwitch3to1PhaseSupported", nullptr,
         false, kSmart),
    fixed(Key::MaxChargingProfilesInstalled, "MaxChargingProfilesInstalled",
          static_cast<int32_t>(limits::kMaxChargingProfiles), kSmart),
    // Its number holds the platform::TransferProtocol bits.
    text(Key::SupportedFileTransferProtocols, "SupportedFileTransferProtocols", nullptr,
         KeyType::kText, FeatureProfile::kFirmwareManagement, ""),
};

constexpr bool rows_match_enum() {
  for (size_t i = 0; i < kKeyCount; ++i) {
    if (kKeys[i].key != static_cast<Key>(i)) return false;
  }
  return true;
}
static_assert(rows_match_enum(), "kKeys must follow enum Key row by row");

/// Lengths of the names, so that GetConfiguration need not count.
struct NameSizes {
  constexpr NameSizes() {
    for (size_t i = 0; i < kKeyCount; ++i) {
      while (kKeys[i].name[of[i]] != '\0') ++of[i];
    }
  }
  uint8_t of[kKeyCount] = {};
};
constexpr NameSizes kNameSizes;

/// In the order of the platform::TransferProtocol bits.
constexpr const char* kTransferProtocols[] = {"FTP", "FTPS", "HTTP", "HTTPS"};
constexpr const char* kPhaseRotations[] = {"NotApplicable", "Unknown", "RST", "RTS",
                                           "SRT",           "STR",     "TRS", "TSR"};
constexpr uint8_t kRotationUnknown = 1;

const KeyRow& row(Key key) { return kKeys[static_cast<size_t>(key)]; }

size_t list_index(Key key) {
  switch (key) {
    case Key::MeterValuesAlignedData:
      return 0;
    case Key::MeterValuesSampledData:
      return 1;
    case Key::StopTxnAlignedData:
      return 2;
    default:
      return 3;
  }
}

bool parse_flag(common::TextSpan text, int32_t& out) {
  if (common::equals_ignore_case(text, common::text("true")) ||
      common::equals(text, common::text("1"))) {
    out = 1;
    return true;
  }
  if (common::equals_ignore_case(text, common::text("false")) ||
      common::equals(text, common::text("0"))) {
    out = 0;
    return true;
  }
  return false;
}

bool parse_number(common::TextSpan text, int32_t& out) {
  if (text.empty() || text.size() > 9) return false;
  int32_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    value = value * 10 + (c - '0');
  }
  out = value;
  return true;
}

/// @param value  >= 0
void format_number(int32_t value, common::FixedString<500>& out) {
  char digits[10];
  size_t at = sizeof digits;
  do {
    digits[--at] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value > 0);
  out.assign_truncated(common::TextSpan(digits + at, sizeof digits - at));
}

}  // namespace

void Configuration::begin(uint8_t connectors, uint16_t meter_fields, bool has_lock,
                          bool can_switch_phases) {
  connectors_ = connectors;
  has_lock_ = has_lock;
  meter_fields_ = meter_fields;
  for (uint8_t& rotation : phase_rotation_) rotation = kRotationUnknown;
  for (const KeyRow& key_row : kKeys) {
    numbers_[static_cast<size_t>(key_row.key)] = key_row.initial;
    if (key_row.type == KeyType::kMeasurands) {
      // The default list without what the chargers cannot deliver.
      MeasurandList all;
      (void)parse_measurands(common::text(key_row.initial_text), UINT16_MAX, all);
      MeasurandList& list = lists_[list_index(key_row.key)];
      list.clear();
      for (size_t i = 0; i < all.size(); ++i) {
        if (is_deliverable(all[i].measurand, meter_fields)) (void)list.add(all[i]);
      }
    }
    if (key_row.type == KeyType::kIdTag)
      free_vend_id_tag_.assign_truncated(common::text(key_row.initial_text));
    if (key_row.stored_as == nullptr) continue;
    uint8_t stored[500];
    const common::Result<size_t> size =
        settings_.get(key_row.stored_as, common::MutableByteSpan(stored));
    bool changed = false;
    if (size.ok() &&
        !apply(key_row.key, common::TextSpan(reinterpret_cast<const char*>(stored), size.value()),
               changed)) {
      LOG_WARN(log_, "%s: stored value illegal, using the default", key_row.name);
    }
  }
  numbers_[static_cast<size_t>(Key::NumberOfConnectors)] = connectors;
  numbers_[static_cast<size_t>(Key::ConnectorSwitch3to1PhaseSupported)] = can_switch_phases ? 1 : 0;
  update_stop_maximum();
  if (!has_lock_) numbers_[static_cast<size_t>(Key::UnlockConnectorOnEVSideDisconnect)] = 0;
}

bool Configuration::is_readonly(Key key) const {
  return row(key).stored_as == nullptr ||
         (key == Key::UnlockConnectorOnEVSideDisconnect && !has_lock_);
}

MeasurandList Configuration::stop_measurands() const {
  MeasurandList list = measurands(Key::StopTxnSampledData);
  const MeasurandList& aligned = measurands(Key::StopTxnAlignedData);
  for (size_t i = 0; i < aligned.size(); ++i) {
    if (!list.contains(aligned[i])) (void)list.add(aligned[i]);
  }
  return list;
}

/// StopTransactionMaxMeterValues (errata 3.91): how many MeterValues with what is configured fit
/// into one frame.
void Configuration::update_stop_maximum() {
  const MeasurandList list = stop_measurands();
  size_t values = list.empty() ? 1 : list.size();
  for (size_t i = 0; i < list.size(); ++i) {
    if (list[i].phase == 0 && info(list[i].measurand).phases == PhaseUse::kAlways) values += 2;
  }
  const size_t most =
      (limits::kOutboxBytes - kStopBytes) / (kMeterValueBytes + values * kSampledValueBytes);
  numbers_[static_cast<size_t>(Key::StopTransactionMaxMeterValues)] =
      static_cast<int32_t>(std::min<size_t>(most, limits::kMaxStopReadings));
}

const MeasurandList& Configuration::measurands(Key key) const { return lists_[list_index(key)]; }

const char* Configuration::name(Key key) { return row(key).name; }

common::TextSpan Configuration::name_text(Key key) {
  return common::TextSpan(row(key).name, kNameSizes.of[static_cast<size_t>(key)]);
}

bool Configuration::find(common::TextSpan name, Key& out) {
  for (const KeyRow& key_row : kKeys) {
    if (common::equals_ignore_case(name, common::text(key_row.name))) {
      out = key_row.key;
      return true;
    }
  }
  return false;
}

void Configuration::read(Key key, ConfigurationEntry& out) const {
  out.key = row(key).name;
  out.is_readonly = is_readonly(key);
  out.has_value = true;
  // May be there already.
  out.value.assign_truncated(value(key, out.value));
}

common::TextSpan Configuration::value(Key key, common::FixedString<500>& room) const {
  const KeyRow& key_row = row(key);
  room.clear();
  switch (key_row.type) {
    case KeyType::kFlag:
      return flag(key) ? common::TextSpan("true", 4) : common::TextSpan("false", 5);
    case KeyType::kNumber:
      format_number(number(key), room);
      break;
    case KeyType::kMeasurands:
      format_measurands(measurands(key), room);
      break;
    case KeyType::kPhaseRotation:
      format_phase_rotation(room);
      break;
    case KeyType::kIdTag:
      return free_vend_id_tag_.span();
    case KeyType::kText:
      if (key == Key::SupportedFileTransferProtocols) {
        for (unsigned bit = 0; bit < 4; ++bit) {
          if ((number(key) & 1 << bit) == 0) continue;
          if (!room.empty()) (void)room.append(common::text(","));
          (void)room.append(common::text(kTransferProtocols[bit]));
        }
        break;
      }
      if (key != Key::SupportedFeatureProfiles) return common::text(key_row.initial_text);
      for (const FeatureProfileInfo& profile : kFeatureProfiles) {
        if (!profile.is_built_in) continue;
        if (!room.empty()) (void)room.append(common::text(","));
        (void)room.append(common::text(profile.name));
      }
      break;
  }
  return room.span();
}

ConfigurationStatus Configuration::write(common::TextSpan name, common::TextSpan value, Key& key,
                                         bool& changed) {
  changed = false;
  if (!find(name, key)) return ConfigurationStatus::NotSupported;
  const KeyRow& key_row = row(key);
  if (is_readonly(key)) return ConfigurationStatus::Rejected;
  const int32_t number_before = numbers_[static_cast<size_t>(key)];
  const MeasurandList list_before = lists_[list_index(key)];
  const charger::IdTag id_tag_before = free_vend_id_tag_;
  uint8_t rotation_before[sizeof phase_rotation_];
  std::memcpy(rotation_before, phase_rotation_, sizeof rotation_before);
  if (!apply(key, value, changed)) return ConfigurationStatus::Rejected;
  if (!changed) return ConfigurationStatus::Accepted;

  const common::TextSpan text = this->value(key, scratch_);
  const common::Status stored = settings_.set(key_row.stored_as, common::as_bytes(text));
  if (stored != common::Status::kOk) {
    // Accepted would promise that it survives a restart.
    LOG_ERROR(log_, "%s: not stored (%s), unchanged", key_row.name, to_string(stored));
    numbers_[static_cast<size_t>(key)] = number_before;
    lists_[list_index(key)] = list_before;
    update_stop_maximum();
    free_vend_id_tag_ = id_tag_before;
    std::memcpy(phase_rotation_, rotation_before, sizeof phase_rotation_);
    changed = false;
    return ConfigurationStatus::Rejected;
  }
  LOG_INFO(log_, "%s = %.*s", key_row.name, static_cast<int>(std::min<size_t>(text.size(), 80)),
           text.data());
  return ConfigurationStatus::Accepted;
}

bool Configuration::apply(Key key, common::TextSpan value, bool& changed) {
  const KeyRow& key_row = row(key);
  int32_t& current = numbers_[static_cast<size_t>(key)];
  int32_t parsed = 0;
  switch (key_row.type) {
    case KeyType::kFlag:
      if (!parse_flag(value, parsed)) return false;
      break;
    case KeyType::kNumber:
      if (!parse_number(value, parsed) || parsed < key_row.minimum || parsed > key_row.maximum)
        return false;
      break;
    case KeyType::kMeasurands: {
      MeasurandList list;
      if (!parse_measurands(value, meter_fields_, list)) return false;
      if (list.size() > static_cast<size_t>(key_row.maximum)) return false;
      MeasurandList& target = lists_[list_index(key)];
      changed = !(list == target);
      target = list;
      update_stop_maximum();
      return true;
    }
    case KeyType::kPhaseRotation:
      return apply_phase_rotation(value, changed);
    case KeyType::kIdTag: {
      charger::IdTag id_tag;
      if (value.empty() || id_tag.assign(value) != common::Status::kOk) return false;
      changed = id_tag != free_vend_id_tag_;
      free_vend_id_tag_ = id_tag;
      return true;
    }
    case KeyType::kText:
      return false;
  }
  changed = current != parsed;
  current = parsed;
  return true;
}

bool Configuration::apply_phase_rotation(common::TextSpan value, bool& changed) {
  uint8_t rotations[limits::kMaxConnectors + 1];
  std::memcpy(rotations, phase_rotation_, sizeof rotations);
  while (!value.empty()) {
    size_t end = 0;
    while (end < value.size() && value[end] != ',') ++end;
    common::TextSpan item = value.first(end);
    while (!item.empty() && item[0] == ' ') item = item.subspan(1);
    if (end + 1 == value.size()) return false;  // ends in a comma
    value = value.subspan(end + 1);
    if (item.size() < 3 || item[0] < '0' || item[0] > '0' + connectors_ || item[1] != '.')
      return false;
    bool is_known = false;
    for (uint8_t i = 0; i < 8; ++i) {
      if (!common::equals(item.subspan(2), common::text(kPhaseRotations[i]))) continue;
      rotations[item[0] - '0'] = i;
      is_known = true;
    }
    if (!is_known) return false;
  }
  changed = std::memcmp(rotations, phase_rotation_, sizeof rotations) != 0;
  std::memcpy(phase_rotation_, rotations, sizeof rotations);
  return true;
}

void Configuration::format_phase_rotation(common::FixedString<500>& out) const {
  out.clear();
  for (uint8_t i = 0; i <= connectors_; ++i) {
    const char prefix[3] = {',', static_cast<char>('0' + i), '.'};
    (void)out.append(common::TextSpan(prefix, 3).subspan(i == 0 ? 1 : 0));
    (void)out.append(common::text(kPhaseRotations[phase_rotation_[i]]));
  }
}

}  // namespace ocpp
