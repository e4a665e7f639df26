#include "simulation/bridge_world.hpp"

#include <algorithm>

/// What happens to the gateway, its chargers and the lines between.
namespace simulation {

bool BridgeWorld::is_on_bus(EventKind kind) {
  return kind != EventKind::kDisobey && kind != EventKind::kRefuseLimit &&
         kind != EventKind::kWelded && kind != EventKind::kDropLimit;
}

/// A cut cable is a fault of all that are on it.
bool BridgeWorld::is_faulty(uint8_t id) const {
  return std::any_of(timers_.begin(), timers_.end(), [&](const Timer& timer) {
    const bool is_its_own = timer.kind == EventKind::kBusDown
                                ? plant_.shares_bus(id, timer.connector)
                                : timer.connector == id;
    return is_its_own && is_on_bus(timer.kind);
  });
}

void BridgeWorld::disturb(uint8_t id) {
  Bystander& seen = bystanders_[id];
  seen.calm_since_ms = now_ms();
  seen.over_since_ms = seen.excess_since_ms = seen.wrong_limit_since_ms = -1;
}

/// A charger on one phase feeds no other.
void BridgeWorld::set_ev_phases(uint8_t id, int64_t phases) {
  const int64_t connected = script_.chargers[id - 1].phases;
  wallbox(id).ev_phases = static_cast<uint8_t>(std::min(phases, connected));
}

void BridgeWorld::happen(const Event& event) {
  note("!", describe(event));
  const uint8_t id = event.connector;
  switch (event.kind) {
    case EventKind::kPlug:
      wallbox(id).plug();
      wallbox(id).ev_max_ma = static_cast<int32_t>(event.a);
      set_ev_phases(id, event.b);
      bystanders_[id].plugged_since_ms = now_ms();
      bystanders_[id].unplugged_since_ms = -1;
      bystanders_[id].wanted_wh =
          event.c == 0 ? 0 : wallbox(id).true_vah + static_cast<double>(event.c);
      break;
    case EventKind::kUnplug:
      wallbox(id).unplug();
      if (bystanders_[id].unplugged_since_ms < 0) bystanders_[id].unplugged_since_ms = now_ms();
      bystanders_[id].plugged_since_ms = -1;
      break;
    case EventKind::kTag:
      if (wallbox(id).hold_tag(kTags[event.a])) {
        ++bystanders_[id].tags_held;
      } else if (is_on()) {
        watched(
            [&] { gateway_->policy.on_id_tag(id, charger::IdTag(kTags[event.a]), gateway_now()); });
      }
      break;
    case EventKind::kEvWants:
      wallbox(id).ev_wants = event.a != 0;
      break;
    case EventKind::kEvPhases:
      set_ev_phases(id, event.a);
      break;
    case EventKind::kDisconnect:
      set_link(false);
      link_up_at_ms_ = std::max(link_up_at_ms_, now_ms() + event.a);
      break;
    case EventKind::kPowerCut:
      if (is_on()) die(event.a, "power cut");
      break;
    case EventKind::kNoise: {
      std::vector<uint8_t> bytes;
      for (int64_t i = 0; i < event.a; ++i)
        bytes.push_back(static_cast<uint8_t>(noise_.below(256)));
      if (box(id).is_on_tcp()) break;
      plant_.line_of(id).inject(bytes);
      for (uint8_t every = 1; every <= script_.connectors; ++every)
        if (plant_.shares_bus(id, every)) disturb(every);
      break;
    }
    case EventKind::kMeterValue: {
      Bystander& seen = bystanders_[id];
      seen.doubtful_readings = bridge::EnergyRegister::kGlitchSamples + 1;
      wallbox(id).energy_total_vah = static_cast<double>(event.a);
      seen.has_drift = false;
      seen.counter_set_ms = now_ms();
      break;
    }
    case EventKind::kLimit:
      if (!is_link_up_) break;
      (void)csms_.call(
          "SetChargingProfile",
          R"({"connectorId":)" + std::to_string(id) +
              R"(,"csChargingProfiles":{"chargingProfileId":)" + std::to_string(id) +
              R"(,"stackLevel":0,"chargingProfilePurpose":"TxDefaultProfile","chargingProfileKind":)"
              R"("Absolute","chargingSchedule":{"chargingRateUnit":"A","chargingSchedulePeriod":)"
              R"([{"startPeriod":0,"limit":)" +
              std::to_string(event.a / 1000) + "." + std::to_string(event.a / 100 % 10) + "}]}}}",
          clock_.now());
      break;
    default:
      begin_fault(event);
      break;
  }
}

void BridgeWorld::begin_fault(const Event& event) {
  const uint8_t id = event.connector;
  modbus_line::Faults& faults = plant_.faults(id);
  if (event.kind == EventKind::kMeterSilence && !box(id).has_meter()) return;
  timers_.push_back(Timer{now_ms() + event.a, event.kind, id, 0, 0});
  if (is_on_bus(event.kind)) disturb(id);
  switch (event.kind) {
    case EventKind::kSilence:
      faults.is_silent = true;
      break;
    case EventKind::kBusFault:
      switch (static_cast<BusFault>(event.b)) {
        case BusFault::kCrc:
          faults.is_crc_wrong = true;
          break;
        case BusFault::kTruncated:
          faults.is_truncated = true;
          break;
        case BusFault::kGarbage:
          faults.garbage_before = faults.garbage_after = static_cast<uint8_t>(event.c);
          break;
        case BusFault::kException:
          faults.exception = static_cast<uint8_t>(event.c);
          break;
        case BusFault::kSlow:
          faults.latency_ms = event.c;
          break;
        case BusFault::kLoses:
          faults.fail_next = static_cast<uint32_t>(event.c);
          break;
        case BusFault::kWrongUnit:
          faults.answers_as = static_cast<uint8_t>(event.c);
          break;
      }
      break;
    case EventKind::kChargerReboot:
      box(id).reboot(clock_.now(), event.a, event.b);
      timers_.back().at_ms += event.b;
      bystanders_[id].is_wild = true;
      break;
    case EventKind::kMeterSilence:
      plant_.meter_faults(id).is_silent = true;
      break;
    case EventKind::kGlitch:
      box(id).glitch_per_mille = static_cast<uint32_t>(event.b);
      break;
    case EventKind::kBusDown:
      plant_.set_bus_down(id, true);
      break;
    case EventKind::kDropLimit:
      timers_.back().every_ms = event.b;
      timers_.back().next_ms = now_ms();
      break;
    case EventKind::kWelded:
      wallbox(id).is_welded = true;
      break;
    case EventKind::kDisobey:
      wallbox(id).is_disobedient = true;
      if (event.b != 0) wallbox(id).ev_max_ma = static_cast<int32_t>(event.b);
      break;
    case EventKind::kRefuseLimit:
      wallbox(id).refuses_limit = event.b == 0;
      wallbox(id).ignores_limit = event.b != 0;
      break;
    default:
      break;
  }
}

void BridgeWorld::end_fault(EventKind kind, uint8_t id) {
  if (is_on_bus(kind)) disturb(id);
  switch (kind) {
    case EventKind::kSilence:
      plant_.faults(id).is_silent = false;
      break;
    case EventKind::kBusFault:
      plant_.faults(id) = modbus_line::Faults();
      plant_.faults(id).is_silent =
          std::any_of(timers_.begin(), timers_.end(), [&](const Timer& timer) {
            return timer.kind == EventKind::kSilence && timer.connector == id;
          });
      break;
    case EventKind::kDisobey:
      wallbox(id).is_disobedient = false;
      bystanders_[id].obedient_since_ms = now_ms();
      break;
    case EventKind::kRefuseLimit:
      wallbox(id).refuses_limit = wallbox(id).ignores_limit = false;
      bystanders_[id].obedient_since_ms = now_ms();
      break;
    case EventKind::kWelded:
      wallbox(id).is_welded = false;
      bystanders_[id].obedient_since_ms = now_ms();
      break;
    case EventKind::kDropLimit:
      bystanders_[id].obedient_since_ms = now_ms();
      break;
    case EventKind::kMeterSilence:
      plant_.meter_faults(id) = modbus_line::Faults();
      break;
    case EventKind::kGlitch:
      box(id).glitch_per_mille = 0;
      break;
    case EventKind::kBusDown:
      plant_.set_bus_down(id, false);
      break;
    default:
      break;
  }
}

void BridgeWorld::run_timers() {
  for (size_t i = 0; i < timers_.size();) {
    Timer& running = timers_[i];
    if (running.every_ms != 0 && running.next_ms <= now_ms()) {
      wallbox(running.connector).drop_limit();
      bystanders_[running.connector].is_wild = true;
      running.next_ms = now_ms() + running.every_ms;
    }
    const Timer timer = running;
    if (timer.at_ms > now_ms()) {
      ++i;
      continue;
    }
    timers_.erase(timers_.begin() + static_cast<std::ptrdiff_t>(i));
    // One of the same kind may go on.
    const bool goes_on = std::any_of(timers_.begin(), timers_.end(), [&](const Timer& other) {
      return other.kind == timer.kind && (other.connector == timer.connector ||
                                          (timer.kind == EventKind::kBusDown &&
                                           plant_.shares_bus(other.connector, timer.connector)));
    });
    if (!goes_on) end_fault(timer.kind, timer.connector);
  }
}

}  // namespace simulation
