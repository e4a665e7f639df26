#include "modbus_line/charger_model.hpp"

#include <algorithm>

namespace modbus_line {

using common::Instant;

void ChargerModel::unplug() {
  plugged = false;
  last_offered_ma_ = 0;
  on_unplugged();
}

void ChargerModel::reboot(Instant now, int64_t silent_ms, int64_t boot_ms) {
  advance(now);
  silent_until_ = now + silent_ms;
  booting_until_ = now + silent_ms + boot_ms;
  on_power_up();
}

bool ChargerModel::is_listening(Instant now) {
  advance(now);
  return now >= silent_until_;
}

void ChargerModel::advance(Instant now) {
  if (now <= advanced_) return;
  const double hours = static_cast<double>(now - advanced_) / 3600000.0;
  const double energy_vah = current_ma() * 0.001 * 230.0 * ev_phases * hours;
  energy_total_vah += energy_vah;
  true_vah += energy_vah;
  advanced_ = now;
  on_energy(energy_vah);
  on_time(now);
  if (plugged && ev_wants && offered_ma() > 0) last_offered_ma_ = offered_ma();
}

int32_t ChargerModel::current_ma() const {
  if (!plugged || !ev_wants || ev_sleeps) return stray_ma;
  if (is_disobedient) return ev_max_ma;
  const int32_t offered = offered_ma() == 0 && is_welded ? last_offered_ma_ : offered_ma();
  return std::min(offered, ev_max_ma);
}

}  // namespace modbus_line
