// Meters beside the chargers: the adding part of the bridge.

#include "bridge/bridge.hpp"

namespace bridge {

using common::Status;

common::Result<uint8_t> Bridge::add_meter(const MeterConfig& config) {
  error_text_.clear();
  if (has_begun_) return refuse(Status::kInvalidState, "a meter cannot be added after the start");
  if (meter_count_ == limits::kMaxMeters) {
    return refuse(Status::kNoSpace, "only %u meters are possible",
                  static_cast<unsigned>(limits::kMaxMeters));
  }
  const Profile* profile = config.loaded_profile;
  if (profile == nullptr && config.profile != nullptr)
    profile = find_charger_profile(config.profile);
  if (profile == nullptr || !profile->is_meter) {
    return refuse(Status::kNotFound, "there is no meter profile \"%.60s\"",
                  config.profile == nullptr ? "" : config.profile);
  }
  if (config.bus >= bus_count_)
    return refuse(Status::kInvalidArgument, "meter %s: there is no bus %u", profile->name,
                  config.bus);
  if (config.poll_ms < 500)
    return refuse(Status::kInvalidArgument, "meter %s: a poll every %u ms is too often",
                  profile->name, static_cast<unsigned>(config.poll_ms));
  modbus::Bus& bus = buses_[config.bus];
  const bool is_ascii = (profile->transports & (kOverRtu | kOverAscii)) == kOverAscii;
  modbus::Framing line = is_ascii ? modbus::Framing::kAscii : modbus::Framing::kRtu;
  if (config.override_serial) line = config.serial_framing;
  modbus::UnitConfig unit;
  unit.unit_id = config.unit_id != 0 ? config.unit_id : profile->unit_id;
  unit.serial = config.override_serial ? config.serial : profile->serial;
  unit.framing = bus.transport().is_mbap() ? modbus::Framing::kTcp : line;
  unit.timeout_ms = profile->timeout_ms;
  unit.gap_ms = profile->gap_ms;
  unit.wake_after_ms = profile->wake_after_ms;
  const common::Result<uint8_t> unit_index = bus.add_unit(unit);
  if (!unit_index.ok()) {
    return refuse(
        unit_index.status(),
        "meter %s: unit %u on its bus is taken, or unit or line settings are out of range",
        profile->name, unit.unit_id);
  }
  meters_[meter_count_].configure(config, *profile, {&bus, unit_index.value(), &log_});
  return meter_count_++;
}

}  // namespace bridge
