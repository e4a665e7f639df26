#pragma once

#include "charger/charger.hpp"
#include "common/span.hpp"
#include "modbus/frame.hpp"
#include "platform/serial_link.hpp"

/// A charger model as data. `vevgw profiles build` makes these tables from profiles/chargers/*.yaml
/// (lib/bridge/generated/); docs of each field: the JSON Schema of the profile format.
namespace bridge {

/// IEC 61851-1 pilot state as the charger reports it. x1: no PWM (not permitted); x2: PWM offered.
enum class Pilot : uint8_t {
  kA,  ///< No EV; also A1 and A2.
  kB,  ///< Plugged, the charger does not tell B1 from B2.
  kB1,
  kB2,
  kC,  ///< EV asks for energy (C or D), the charger does not tell x1 from x2.
  kC1,
  kC2,
  kE,
  kF,
  kX,     ///< Fault, pilot unknown.
  kHold,  ///< Says nothing about the plug (booting): keep what was.
};
constexpr const char* to_string(Pilot pilot) {
  switch (pilot) {
    case Pilot::kA:
      return "A";
    case Pilot::kB:
      return "B";
    case Pilot::kB1:
      return "B1";
    case Pilot::kB2:
      return "B2";
    case Pilot::kC:
      return "C";
    case Pilot::kC1:
      return "C1";
    case Pilot::kC2:
      return "C2";
    case Pilot::kE:
      return "E";
    case Pilot::kF:
      return "F";
    case Pilot::kX:
      return "X";
    case Pilot::kHold:
      return "hold";
  }
  return "?";
}

enum class Space : uint8_t { kInput, kHolding, kCoil, kDiscrete };
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

enum class WordType : uint8_t { kU16, kS16, kU32, kS32, kU64, kS64, kF32, kF64 };
enum class WordOrder : uint8_t { kHighFirst, kLowFirst };

/// What a register tells. Values are converted to the unit in brackets.
enum class Meaning : uint8_t {
  kNone,         ///< Only used by name: init, watchdog, failsafe, limit [its own unit, see scale].
  kState,        ///< Looked up in Profile::states.
  kCurrent,      ///< Per phase [mA].
  kVoltage,      ///< Phase to neutral [mV].
  kPower,        ///< All phases [W].
  kEnergyTotal,  ///< Lifetime import [Wh].
  kEnergySession,  ///< Import since power-up or plug-in [Wh]: taken when there is no lifetime register.
  kTemperature,    ///< [0.1 degC]
  kFrequency,      ///< [mHz]
  kLayoutVersion,  ///< Register layout of this unit: gates rows by min_layout.
  kHardwareMax,    ///< [mA]
  kHardwareMin,    ///< [mA]
  kExternalLock,   ///< 0 = locked at the charger by somebody else.
};

/// How often a register is read.
enum class Poll : uint8_t { kNever, kOnce, kStatus, kMeter };

constexpr uint8_t kNoRegister = 0xFF;

/// One value, or up to three (one per phase), in consecutive registers.
struct RegisterRow {
  Meaning meaning;
  Space space;
  uint16_t address;  ///< As on the wire.
  WordType type;
  WordOrder order;
  uint8_t elements;  ///< 1..3
  int32_t
      scale_num;  ///< value = raw * scale_num / scale_den, in the unit of the meaning; both > 0.
  int32_t scale_den;
  uint16_t min_layout;  ///< Exists from this layout version on; 0 = always.
  Poll poll;
  bool retentive;  ///< Writes go to EEPROM: only written when different, never cyclically.
};

enum StateFlag : uint8_t {
  kStateWarning = 1U << 0U,  ///< error is a warning: charging goes on.
  kStateBoot = 1U << 1U,     ///< The charger is starting: initialise it again afterwards.
};

/// Meaning of one value of the state register.
struct StateRow {
  uint16_t value;
  Pilot pilot;
  charger::Error error;  ///< kNone unless a fault or a warning.
  uint8_t flags;
  const char* info;  ///< One sentence for the CSMS; "" when there is nothing to say.
};

enum class ZeroMeans : uint8_t { kStop, kUnlimited };

/// How the current is set and charging is allowed. Indices are into Profile::registers.
struct ControlTable {
  uint8_t limit_register;   ///< Scale converts to mA.
  uint8_t enable_register;  ///< kNoRegister: current 0 (or off_raw) disables.
  uint16_t enable_on;
  uint16_t enable_off;
  uint16_t
      off_raw;  ///< What disables when written to the limit register; never a value that means "unlimited".
  ZeroMeans zero_means;
  uint32_t min_ma;
  uint32_t max_ma;
  uint32_t step_ma;
  uint32_t increase_ms;  ///< Least time from one increase to the next.
};

enum class Heartbeat : uint8_t {
  kNone,            ///< The charger has no watchdog.
  kAnyTransaction,  ///< Any successful request feeds it.
};

struct WatchdogTable {
  Heartbeat kind;
  uint8_t timeout_register;  ///< Scale converts to ms; kNoRegister: fixed.
  uint32_t default_ms;       ///< Written when the charger has it off, or its fixed time.
  uint32_t min_ms;
  uint32_t max_ms;
  uint8_t feed_divisor;       ///< Poll at least every timeout / feed_divisor.
  uint8_t failsafe_register;  ///< Current after expiry, scale converts to mA; kNoRegister: none.
};

/// One setting made at start-up, and again after the charger was away: read, compare, write only if different.
struct InitRow {
  uint8_t reg;
  uint16_t value;
  bool verify;  ///< Read again now and then: a different value means that the charger restarted.
};

struct Profile {
  const char* name;
  const char* description;
  platform::SerialSettings serial;
  uint8_t unit_id;
  uint16_t gap_ms;
  uint16_t timeout_ms;
  uint8_t max_read_registers;
  bool read_across_gaps;
  modbus::Function
      write_register_function;  ///< kWriteSingleRegister or kWriteMultipleRegisters, for one register.
  uint8_t phases;
  common::Span<const RegisterRow>
      registers;  ///< At most limits::kMaxProfileRegisters; sorted by space and address.
  common::Span<const StateRow> states;
  ControlTable control;
  WatchdogTable watchdog;
  common::Span<const InitRow> init;
};

/// Every profile built into this firmware, sorted by name.
common::Span<const Profile* const> charger_profiles();
/// @return nullptr when there is no such profile.
const Profile* find_charger_profile(const char* name);

}  // namespace bridge
