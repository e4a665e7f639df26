#pragma once

#include "bridge/pilot.hpp"
#include "charger/charger.hpp"
#include "common/span.hpp"
#include "modbus/frame.hpp"
#include "platform/serial_link.hpp"

/// A charger model as data. `vevgw profiles build` makes these tables from profiles/chargers/*.yaml
/// (lib/bridge/generated/); docs of each field: the JSON Schema of the profile format.
namespace bridge {

enum class Space : uint8_t { kInput, kHolding, kCoil, kDiscrete };
constexpr bool is_bit(Space space) { return space == Space::kCoil || space == Space::kDiscrete; }
/// The function that reads a table.
constexpr modbus::Function read_function(Space space) {
  switch (space) {
    case Space::kInput:
      return modbus::Function::kReadInputRegisters;
    case Space::kHolding:
      return modbus::Function::kReadHoldingRegisters;
    case Space::kCoil:
      return modbus::Function::kReadCoils;
    case Space::kDiscrete:
      return modbus::Function::kReadDiscreteInputs;
  }
  return modbus::Function::kReadHoldingRegisters;
}

enum class WordType : uint8_t {
  kU16,
  kS16,
  kU32,
  kS32,
  kU64,
  kS64,
  kF32,
  kF64,
  kAscii,
  kUtf16,
  kHex
};
constexpr bool is_text(WordType type) { return type >= WordType::kAscii; }
constexpr bool is_float(WordType type) { return type == WordType::kF32 || type == WordType::kF64; }

/// What a register tells. Values are converted to the unit in brackets. Numbers are stored: append only.
enum class Meaning : uint8_t {
  kNone,         ///< Only used by name: init, watchdog, failsafe, limit [its own unit, see scale].
  kState,        ///< Looked up in Profile::states.
  kCurrent,      ///< Per phase [mA].
  kVoltage,      ///< Phase to neutral [mV].
  kPower,        ///< All phases [W].
  kEnergyTotal,  ///< Lifetime import [Wh].
  kEnergySession,  ///< Import since power-up or plug-in [Wh]: taken when there is no lifetime register.
  kTemperature,     ///< [0.1 degC]
  kFrequency,       ///< [mHz]
  kLayoutVersion,   ///< Register layout of this unit: gates rows by min_layout.
  kHardwareMax,     ///< [mA]
  kHardwareMin,     ///< [mA]
  kExternalLock,    ///< 0 = locked at the charger by somebody else.
  kPowerExport,     ///< Fed back, positive [W].
  kEnergyExport,    ///< Lifetime [Wh].
  kReactivePower,   ///< [var]
  kReactiveEnergy,  ///< [varh]
  kPowerFactor,     ///< [0.001]
  kSoc,             ///< [%]
  kPlugTime,        ///< Since plug-in [ms]; going down means a new plug-in.
  kTag,             ///< Text: the tag reader's.
  kTagCounter,      ///< Counts tags.
  kTagLength,       ///< Bytes of kTag that count.
  kSerial,          ///< Number or text: another one is another device, its counters begin anew.
};

/// How often a register is read.
enum class Poll : uint8_t { kNever, kOnce, kStatus, kMeter };

constexpr uint8_t kNoRegister = 0xFF;
constexpr uint8_t kNotWatched = 0xFF;

enum RowFlag : uint16_t {
  kRowLowWordFirst = 1U << 0U,
  kRowLowByteFirst = 1U << 1U,
  kRowReversed = 1U << 2U,       ///< The first element is L3.
  kRowReadOther = 1U << 3U,      ///< Read with the function of the other kind of registers.
  kRowWriteMultiple = 1U << 4U,  ///< One register is written with function 16, not 6.
  kRowRetentive = 1U << 5U,      ///< EEPROM: only written when different, never cyclically.
  kRowOptional = 1U << 6U,       ///< Not every unit has it.
  kRowShared = 1U << 7U,         ///< At the same address for all outlets.
  kRowHasExtra = 1U << 8U,       ///< Rows of Profile::extras are about it.
};

/// One value, or up to three (one per phase).
struct RegisterRow {
  Meaning meaning;
  Space space;
  uint16_t address;  ///< As on the wire, of the first outlet.
  WordType type;
  uint8_t words;     ///< Registers (or bits) of one element.
  uint8_t elements;  ///< 1..3
  uint8_t stride;    ///< From one element to the next.
  Poll poll;
  uint8_t rank;         ///< Among the rows of its meaning: the lowest that can be read counts.
  uint8_t watch;        ///< Slot that keeps the value for conditions; kNotWatched.
  uint8_t readback;     ///< Row in which a written value can be read; kNoRegister.
  uint16_t flags;       ///< RowFlag
  uint16_t min_layout;  ///< Exists from this layout version on; 0 = always.
  uint8_t shift;        ///< Value = (raw >> shift) & mask, u16 and u32 only.
  uint32_t mask;
  /// Value = raw * scale_num / scale_den in the unit of the meaning; scale_den > 0.
  int32_t scale_num;
  int32_t scale_den;
};

enum ConditionFlag : uint8_t {
  kConditionNot = 1U << 0U,  ///< The value must be outside.
  kConditionOr = 1U << 1U,   ///< It is enough when the next one holds.
};
/// low <= (value & mask) <= high, of a watched row.
struct Condition {
  uint8_t row;
  uint8_t flags;
  uint32_t mask;
  uint32_t low;
  uint32_t high;
};
/// Conditions that must all hold: neighbours in Profile::conditions. None: always.
struct When {
  uint16_t first;
  uint8_t count;
};

enum class ExtraKind : uint8_t {
  kOffset,        ///< a: added after the scale, in the unit of the meaning.
  kValid,         ///< a..b: other values are none.
  kReadAlong,     ///< a registers before and b after must be in the same request.
  kNotAvailable,  ///< Raw a is no value.
  kZeroWhen,      ///< Raw a is 0.
  kVariant,       ///< Scale a / b when the conditions hold at start-up.
  kExistsWhen,    ///< Exists only when the conditions hold at start-up.
};
/// What only few registers have.
struct ExtraRow {
  uint8_t row;
  ExtraKind kind;
  When when;
  int64_t a;
  int64_t b;
};

enum StateFlag : uint8_t {
  kStateWarning = 1U << 0U,     ///< error is a warning: charging goes on.
  kStateBoot = 1U << 1U,        ///< The charger is starting: initialise it again afterwards.
  kStateWaiting = 1U << 2U,     ///< It waits for its own authorization.
  kStateAuthorized = 1U << 3U,  ///< It has authorized somebody itself.
  kStateEnded = 1U << 4U,       ///< It has ended its session itself.
};

/// What a charger says about itself.
struct StateRow {
  uint32_t value;  ///< Of the state register.
  Pilot pilot;
  charger::Error error;  ///< kNone unless a fault or a warning.
  uint8_t flags;
  const char* info;       ///< One sentence for the CSMS; "" when there is nothing to say.
  const char* code = "";  ///< Of the error; "": value.
};
/// The first rule that holds counts. Rules for errors say nothing about the pilot.
struct StateRule {
  When when;
  StateRow row;
};

/// What a charger can be told to do by its profile.
enum class Action : uint8_t {
  kOnePhase,
  kThreePhases,
  kWake,  ///< Interrupts the pilot.
  kUnlock,
  kAuthorize,
  kDeauthorize,
  kInService,
  kOutOfService,
  kRestart,
};
constexpr size_t kActions = 9;

enum class StepKind : uint8_t { kWrite, kWait, kUntilIdle };
struct StepRow {
  StepKind kind;
  uint8_t row;
  When when;       ///< Otherwise left out.
  uint32_t value;  ///< Raw value to write; else ms.
  uint16_t mask;   ///< Only these bits change; 0 = all.
};
/// Steps of an action: neighbours in Profile::steps. None: the charger cannot do it.
struct Steps {
  uint8_t first;
  uint8_t count;
};

enum class ZeroMeans : uint8_t { kStop, kUnlimited, kAutostart };

/// How the current is set and charging is allowed. Indices are into Profile::registers.
struct ControlTable {
  uint8_t limit_register;     ///< Scale converts to mA, or W when limit_is_power.
  uint8_t also_registers[2];  ///< Get the same, before limit_register.
  bool limit_is_power;
  bool again_after_enable;
  ZeroMeans zero_means;
  uint32_t off_raw;  ///< What stops charging, or goes along with enable_off; for a float its bits.
  uint32_t min_ma;
  uint32_t max_ma;
  uint32_t step_ma;
  uint32_t increase_ms;     ///< Least time from one increase to the next.
  uint32_t write_ms;        ///< Least time between two writes.
  uint32_t three_phases_w;  ///< The charger takes three phases from this power on; 0 = no.
  uint8_t enable_register;  ///< kNoRegister: off_raw disables.
  uint16_t enable_on;
  uint16_t enable_off;
  When one_phase;  ///< Holds while it charges on one phase.
  bool pause_for_phases;
  bool phases_option;  ///< Not each unit can: ConnectorConfig::has_phase_switch says.
  uint32_t phases_dead_ms;
  uint32_t wake_ms;  ///< The plug is held for this long after kWake began.
  Steps actions[kActions];
};

enum class Heartbeat : uint8_t {
  kNone,            ///< The charger has no watchdog.
  kAnyTransaction,  ///< Any successful request feeds it.
  kRewriteLimit,
  kToken,         ///< Writing token to token_register.
  kWriteTimeout,  ///< Writing the timeout register.
};

struct WatchdogTable {
  Heartbeat kind;
  uint8_t timeout_register;  ///< Scale converts to ms; kNoRegister: fixed.
  uint8_t token_register;
  uint16_t token;
  uint32_t default_ms;  ///< Written when the charger has it off, or its fixed time.
  uint32_t min_ms;
  uint32_t max_ms;
  uint8_t feed_divisor;  ///< Fed at least every timeout / feed_divisor.
  uint8_t
      failsafe_registers[2];  ///< Current after expiry, scale converts to mA; kNoRegister: none.
  uint8_t restart_register;   ///< Current after its own restart, likewise.
};

/// One setting made at start-up, and again after the charger was away: read, compare, write only if different.
struct InitRow {
  uint8_t reg;
  uint32_t value;  ///< Raw.
  uint16_t mask;   ///< Only these bits; 0 = all.
  bool verify;     ///< Read again now and then: a different value means that the charger restarted.
  When when;
};

enum TransportFlag : uint8_t { kOverRtu = 1U, kOverAscii = 2U, kOverTcp = 4U };

struct Profile {
  const char* name;
  const char* description;
  bool is_meter;
  uint8_t transports;               ///< TransportFlag
  platform::SerialSettings serial;  ///< Of RTU, or of ASCII when that is all there is.
  uint16_t tcp_port;
  uint8_t unit_id;
  uint16_t gap_ms;
  uint16_t write_gap_ms;
  uint16_t wake_after_ms;  ///< See modbus::UnitConfig.
  uint16_t timeout_ms;
  uint32_t poll_ms;  ///< Least time between two readings of the state; 0 = none.
  uint8_t max_read_registers;
  bool read_across_gaps;
  uint8_t phases;
  uint8_t outlets;          ///< 1 = one.
  uint16_t address_offset;  ///< Per further outlet.
  uint8_t unit_offset;
  uint8_t port_offset;
  bool reverse_tag;  ///< The last byte of kTag comes first.
  When identity;     ///< What must hold for a device of this model.
  common::Span<const RegisterRow>
      registers;  ///< At most limits::kMaxProfileRegisters; sorted by space and address.
  common::Span<const ExtraRow> extras;  ///< Sorted by row.
  common::Span<const Condition> conditions;
  common::Span<const StateRule> states;
  common::Span<const StateRule> errors;
  common::Span<const StepRow> steps;
  common::Span<const InitRow> init;
  ControlTable control;
  WatchdogTable watchdog;
};

/// Every profile built into this firmware, sorted by name.
common::Span<const Profile* const> charger_profiles();
/// @return nullptr when there is no such profile.
const Profile* find_charger_profile(const char* name);

}  // namespace bridge
