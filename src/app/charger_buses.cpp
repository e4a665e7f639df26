#include "app/charger_buses.hpp"

#include "app/app.hpp"
#include "gateway/bus_settings.hpp"

#include <cstdio>

namespace app {

using common::Status;
using Error = common::FixedString<159>;

namespace {

Status refuse(Error& error, const char* format, unsigned first, const char* second) {
  char text[160];
  std::snprintf(text, sizeof text, format, first, second);
  error = Error(text);
  return Status::kInvalidArgument;
}

}  // namespace

Status ChargerBuses::begin(uint8_t other_buses, Error& error) {
  other_buses_ = other_buses;
  for (size_t i = 0; i < limits::kMaxSerialBuses; ++i) {
    if (platform_.buses[i] == nullptr || (other_buses >> i & 1U) != 0) continue;
    const common::Result<uint8_t> added = bridge_.add_bus(*platform_.buses[i]);
    if (!added.ok()) {
      error = Error(bridge_.error_text());
      return added.status();
    }
    serial_bus_[i] = added.value();
  }
  return Status::kOk;
}

Status ChargerBuses::assign(bridge::ConnectorConfig& config, Error& error) {
  const uint8_t id = config.connector_id;
  const gateway::SettingText host = settings_.text("host", id);
  gateway::SettingText line = settings_.text("line", id);
  if (host.empty()) {
    const auto number = static_cast<uint8_t>(settings_.integer("bus", id));
    if (platform_.buses[number - 1] == nullptr) {
      const char bus[] = {static_cast<char>('0' + number), '\0'};
      return refuse(error, "connector %u is on bus %s, which has no serial device", id, bus);
    }
    if ((other_buses_ >> (number - 1) & 1U) != 0) {
      const char bus[] = {static_cast<char>('0' + number), '\0'};
      return refuse(error, "connector %u is on bus %s, which belongs to an OpenEVSE alone", id,
                    bus);
    }
    config.bus = serial_bus_[number - 1];
    if (line.empty()) line = settings_.bus_text("line", number);
  } else {
    RETURN_IF_ERROR(assign_host(config, host.span(), error));
  }
  gateway::LineSetting setting;
  // A stored value that this firmware does not take counts as not set, as in Settings.
  if (line.empty() || !gateway::parse_line(line.span(), setting)) return Status::kOk;
  config.override_serial = true;
  config.serial = setting.serial;
  config.serial_framing = setting.framing;
  return Status::kOk;
}

Status ChargerBuses::assign_host(bridge::ConnectorConfig& config, common::TextSpan host,
                                 Error& error) {
  const unsigned id = config.connector_id;
  gateway::HostSetting setting;
  if (!gateway::parse_host(host, setting)) {
    return refuse(error, "c%u.host is not HOST, HOST:PORT or rtu+tcp://HOST:PORT%s", id, "");
  }
  modbus::TcpTarget& target = setting.target;
  const bridge::Profile* profile = bridge::find_charger_profile(config.profile);
  if (!setting.has_port && profile != nullptr && profile->tcp_port != 0)
    target.port = profile->tcp_port;
  const common::Result<uint8_t> present = bridge_.find_tcp_bus(target);
  if (present.ok()) {
    config.bus = present.value();
    if (bridge_.bus_target(present.value()).is_converter == target.is_converter) return Status::kOk;
    return refuse(error, "c%u.host: %s is used with and without rtu+tcp://", id,
                  target.host.c_str());
  }
  platform::TcpLink* socket =
      sockets_used_ < limits::kMaxTcpBuses ? platform_.sockets[sockets_used_] : nullptr;
  if (socket == nullptr)
    return refuse(error, "c%u.host: there is no socket left for %s", id, target.host.c_str());
  const common::Result<uint8_t> added = bridge_.add_tcp_bus(*socket, target);
  if (!added.ok()) {
    error = Error(bridge_.error_text());
    return added.status();
  }
  ++sockets_used_;
  config.bus = added.value();
  return Status::kOk;
}

}  // namespace app
