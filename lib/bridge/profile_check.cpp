#include "bridge/profile_check.hpp"

#include "common/limits.hpp"
#include "modbus/frame.hpp"

namespace bridge {

namespace {

constexpr uint32_t kMostMa = 80000;
constexpr uint32_t kMostMs = 3600 * 1000;
constexpr int64_t kMostExtra = int64_t{1} << 40;
constexpr uint8_t kMostAlong = 60;

bool is_index(const Profile& profile, uint8_t row) { return row < profile.registers.size(); }
bool is_index_or_none(const Profile& profile, uint8_t row) {
  return row == kNoRegister || is_index(profile, row);
}
bool is_when(const Profile& profile, const When& when) {
  return size_t{when.first} + when.count <= profile.conditions.size();
}

uint8_t words_of(WordType type) {
  switch (type) {
    case WordType::kU16:
    case WordType::kS16:
      return 1;
    case WordType::kU32:
    case WordType::kS32:
    case WordType::kF32:
      return 2;
    case WordType::kU64:
    case WordType::kS64:
    case WordType::kF64:
      return 4;
    case WordType::kAscii:
    case WordType::kUtf16:
    case WordType::kHex:
      return 0;
  }
  return 0;
}

bool is_row(const Profile& profile, const RegisterRow& row) {
  if (row.meaning > Meaning::kSerial || row.space > Space::kDiscrete || row.type > WordType::kHex ||
      row.poll > Poll::kMeter)
    return false;
  const bool is_number = !is_text(row.type);
  if (is_bit(row.space) ? row.words != 1 || !is_number
                        : is_number && row.words != words_of(row.type))
    return false;
  if (row.words < 1 || row.words > limits::kMaxTextRegisters || row.elements < 1 ||
      row.elements > 3 || row.stride < row.words || (!is_number && row.elements != 1))
    return false;
  const uint32_t span = uint32_t{row.stride} * (row.elements - 1U) + row.words;
  if (row.words > profile.max_read_registers || uint32_t{row.address} + span > 0x10000)
    return false;
  if (row.watch >= limits::kMaxWatchedValues && row.watch != kNotWatched) return false;
  if (!is_index_or_none(profile, row.readback) || row.shift > 31) return false;
  return row.scale_den > 0 && row.scale_num != 0 && row.scale_num != INT32_MIN;
}

bool is_extra(const Profile& profile, const ExtraRow& extra) {
  if (!is_index(profile, extra.row) || extra.kind > ExtraKind::kExistsWhen ||
      !is_when(profile, extra.when))
    return false;
  const RegisterRow& row = profile.registers[extra.row];
  switch (extra.kind) {
    case ExtraKind::kReadAlong:
      return extra.a >= 0 && extra.a <= kMostAlong && extra.b >= 0 && extra.b <= kMostAlong &&
             extra.a <= row.address &&
             extra.a + extra.b + row.stride * (row.elements - 1) + row.words <=
                 profile.max_read_registers;
    case ExtraKind::kVariant:
      return extra.a > 0 && extra.a <= INT32_MAX && extra.b > 0 && extra.b <= INT32_MAX;
    case ExtraKind::kOffset:
    case ExtraKind::kValid:
      return extra.a > -kMostExtra && extra.a < kMostExtra && extra.b > -kMostExtra &&
             extra.b < kMostExtra;
    case ExtraKind::kNotAvailable:
    case ExtraKind::kZeroWhen:
    case ExtraKind::kExistsWhen:
      return true;
  }
  return false;
}

bool is_rule(const Profile& profile, const StateRule& rule) {
  return is_when(profile, rule.when) && rule.row.pilot <= Pilot::kHold &&
         rule.row.error <= charger::Error::kWeakSignal;
}

/// A register that numbers are written to.
bool is_target(const Profile& profile, uint8_t row) {
  if (!is_index(profile, row)) return false;
  const RegisterRow& reg = profile.registers[row];
  return !is_text(reg.type) && reg.scale_num > 0 &&
         (reg.space == Space::kHolding || reg.space == Space::kCoil);
}
bool is_target_or_none(const Profile& profile, uint8_t row) {
  return row == kNoRegister || is_target(profile, row);
}

bool is_step(const Profile& profile, const StepRow& step) {
  if (!is_when(profile, step.when) || step.kind > StepKind::kUntilIdle) return false;
  return step.kind == StepKind::kWrite ? is_target(profile, step.row) : step.value <= kMostMs;
}

const char* check_control(const Profile& profile) {
  const ControlTable& control = profile.control;
  const WatchdogTable& watchdog = profile.watchdog;
  if (profile.states.empty()) return "it has no states";
  if (!is_target(profile, control.limit_register) ||
      !is_target_or_none(profile, control.also_registers[0]) ||
      !is_target_or_none(profile, control.also_registers[1]) ||
      !is_target_or_none(profile, control.enable_register))
    return "its control names a register that cannot be written";
  const bool is_off_wrong = control.zero_means != ZeroMeans::kStop && control.off_raw == 0;
  const bool has_no_stop =
      control.zero_means == ZeroMeans::kUnlimited && control.enable_register == kNoRegister;
  if (control.zero_means > ZeroMeans::kAutostart || is_off_wrong || has_no_stop)
    return "it would lift the limit to stop charging";
  if (control.min_ma < 6000 || control.min_ma > control.max_ma || control.max_ma > kMostMa ||
      control.step_ma == 0 || control.increase_ms > kMostMs || control.write_ms > kMostMs ||
      control.phases_dead_ms > kMostMs || control.wake_ms > kMostMs ||
      !is_when(profile, control.one_phase))
    return "its control is out of range";
  for (const Steps& action : control.actions) {
    if (size_t{action.first} + action.count > profile.steps.size())
      return "an action has steps that do not exist";
  }
  if (watchdog.kind > Heartbeat::kWriteTimeout || watchdog.feed_divisor == 0 ||
      watchdog.default_ms > kMostMs || watchdog.max_ms > kMostMs ||
      !is_target_or_none(profile, watchdog.timeout_register) ||
      !is_target_or_none(profile, watchdog.token_register) ||
      !is_target_or_none(profile, watchdog.failsafe_registers[0]) ||
      !is_target_or_none(profile, watchdog.failsafe_registers[1]) ||
      !is_target_or_none(profile, watchdog.restart_register))
    return "its watchdog is out of range";
  return nullptr;
}

}  // namespace

const char* check_profile(const Profile& profile) {
  if (profile.name[0] == 0) return "it has no name";
  const platform::SerialSettings& serial = profile.serial;
  if ((profile.transports & (kOverRtu | kOverAscii | kOverTcp)) == 0 || serial.baud < 1200 ||
      serial.baud > 921600 || serial.parity > platform::Parity::kOdd || serial.stop_bits < 1 ||
      serial.stop_bits > 2 || profile.timeout_ms < 50 || profile.timeout_ms > 5000 ||
      profile.gap_ms > 2000 || profile.write_gap_ms > 10000 || profile.poll_ms > 120000 ||
      profile.max_read_registers < 1 || profile.max_read_registers > modbus::kMaxReadRegisters ||
      profile.phases < 1 || profile.phases > 3 || profile.outlets < 1 || profile.outlets > 8 ||
      !is_when(profile, profile.identity))
    return "its transport is out of range";
  if (profile.registers.empty() || profile.registers.size() > limits::kMaxProfileRegisters)
    return "it has too many registers, or none";
  for (const RegisterRow& row : profile.registers) {
    if (!is_row(profile, row)) return "a register is out of range";
  }
  for (const Condition& condition : profile.conditions) {
    if (!is_index(profile, condition.row) || profile.registers[condition.row].watch == kNotWatched)
      return "a condition is about a register that is not kept";
  }
  for (const ExtraRow& extra : profile.extras) {
    if (!is_extra(profile, extra)) return "a register is out of range";
  }
  for (const StateRule& rule : profile.states) {
    if (!is_rule(profile, rule)) return "a state is out of range";
  }
  for (const StateRule& rule : profile.errors) {
    if (!is_rule(profile, rule)) return "an error is out of range";
  }
  for (const StepRow& step : profile.steps) {
    if (!is_step(profile, step)) return "a step is out of range";
  }
  for (const InitRow& setting : profile.init) {
    if (!is_target(profile, setting.reg) || !is_when(profile, setting.when))
      return "a setting is out of range";
  }
  return profile.is_meter ? nullptr : check_control(profile);
}

}  // namespace bridge
