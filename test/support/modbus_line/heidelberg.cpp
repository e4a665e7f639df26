#include "modbus_line/heidelberg.hpp"

namespace modbus_line {

using common::Instant;

namespace {
constexpr int64_t kStandbyAfterMs = 60000;
}

void Heidelberg::on_power_up() {
  watchdog_ms = 15000;
  standby = 0;
  remote_lock = 1;
  limit_deci_a = 0;
  failsafe_deci_a = 0;
  watchdog_expired = false;
  energy_since_power_up_vah = 0;
  last_request_ = started_at();
}

bool Heidelberg::is_listening(Instant now) {
  if (!ChargerModel::is_listening(now)) return false;
  // In standby the wallbox sleeps when nothing is plugged; a request wakes it, but is not answered.
  if (standby == 0 && !plugged && now - last_request_ > kStandbyAfterMs) {
    last_request_ = now;
    return false;
  }
  return true;
}

void Heidelberg::on_request(Instant now) { last_request_ = now; }

void Heidelberg::on_time(Instant now) {
  if (watchdog_ms != 0 && !watchdog_expired && now - last_request_ > watchdog_ms &&
      layout_ >= 0x0108) {
    watchdog_expired = true;
    ++expiries;
    limit_deci_a = failsafe_deci_a;
    if (failsafe_deci_a == 0) remote_lock = 0;
  }
  if (now - last_request_ <= watchdog_ms) watchdog_expired = false;
}

ChargerModel::Role Heidelberg::role(uint16_t address) const {
  if (address == 261) return Role::kLimit;
  return address == 257 || address == 262 ? Role::kSetting : Role::kOther;
}

uint16_t Heidelberg::offered_deci_a() const {
  if (remote_lock == 0 || externally_locked) return 0;
  const uint16_t max = static_cast<uint16_t>(hardware_max_a * 10);
  return limit_deci_a < max ? limit_deci_a : max;
}

uint16_t Heidelberg::state_code(Instant now) const {
  if (is_booting(now)) return 1;
  if (forced_state != 0) return forced_state;
  if (remote_lock == 0 || externally_locked) return 10;
  const bool permits = offered_deci_a() > 0;
  if (!plugged) return permits ? 3 : 2;
  if (!ev_wants || ev_sleeps) return permits ? 5 : 4;
  return permits ? 7 : 6;
}

uint16_t Heidelberg::input(uint16_t address, Instant now, bool& exists) const {
  const uint16_t deci_a = static_cast<uint16_t>(current_ma() / 100);
  const uint32_t total = static_cast<uint32_t>(energy_total_vah);
  const uint32_t session = static_cast<uint32_t>(energy_since_power_up_vah);
  exists = true;
  switch (address) {
    case 4:
      return layout_;
    case 5:
      return state_code(now);
    case 6:
    case 7:
    case 8:
      return address - 6 < ev_phases ? deci_a : 0;
    case 9:
      return static_cast<uint16_t>(-35);  // -3.5 degC
    case 10:
      return 230;
    case 11:
      return 231;
    case 12:
      return 232;
    case 13:
      return externally_locked ? 0 : 1;
    case 14:
      return static_cast<uint16_t>(current_ma() / 100 * 23 * ev_phases);
    case 15:
      return static_cast<uint16_t>(session >> 16);
    case 16:
      return static_cast<uint16_t>(session);
    case 17:
      exists = layout_ >= 0x0107;
      return static_cast<uint16_t>(total >> 16);
    case 18:
      exists = layout_ >= 0x0107;
      return static_cast<uint16_t>(total);
    case 100:
      return hardware_max_a;
    case 101:
      return 6;
    case 200:
    case 203:
      return 1;
    default:
      exists = false;
      return 0;
  }
}

uint16_t Heidelberg::holding(uint16_t address, bool& exists) const {
  exists = true;
  switch (address) {
    case 257:
      exists = layout_ >= 0x0108;
      return watchdog_ms;
    case 258:
      exists = layout_ >= 0x0108;
      return standby;
    case 259:
      exists = layout_ >= 0x0108;
      return remote_lock;
    case 261:
      exists = layout_ >= 0x0107;
      return limit_deci_a;
    case 262:
      exists = layout_ >= 0x0108;
      return failsafe_deci_a;
    default:
      exists = false;
      return 0;
  }
}

uint8_t Heidelberg::read(uint8_t function, uint16_t address, uint16_t count, uint16_t* out,
                         Instant now) {
  for (uint16_t i = 0; i < count; ++i) {
    bool exists = false;
    const uint16_t at = static_cast<uint16_t>(address + i);
    out[i] = function == 4 ? input(at, now, exists) : holding(at, exists);
    if (!exists) return 2;
  }
  return 0;
}

uint8_t Heidelberg::write(uint16_t address, uint16_t value, Instant) {
  switch (address) {
    case 257:
      if (layout_ < 0x0108) return 2;
      watchdog_ms = value;
      return 0;
    case 258:
      if (layout_ < 0x0107) return 2;
      if (value != 0 && value != 4) return 3;
      standby = value;
      return 0;
    case 259:
      if (layout_ < 0x0107) return 2;
      if (value > 1) return 3;
      remote_lock = value;
      if (value == 0) ev_sleeps = false;
      return 0;
    case 261:
      if (layout_ < 0x0107) return 2;
      if (refuses_limit) return 4;
      if (value != 0 && (value < 60 || value > 160)) return 3;
      if (!ignores_limit) limit_deci_a = value;
      return 0;
    case 262:
      if (layout_ < 0x0108) return 2;
      if (value != 0 && (value < 60 || value > 160)) return 3;
      failsafe_deci_a = value;
      return 0;
    default:
      return 2;
  }
}

}  // namespace modbus_line
