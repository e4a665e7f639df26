#include "app/charger_buses.hpp"

#include "app/app.hpp"
#include "gateway/bus_settings.hpp"

#include <cstdarg>
#include <cstdio>

namespace app {

using common::Status;

namespace {

__attribute__((format(printf, 2, 3))) Status refuse(ChargerBuses::Error& error, const char* format,
                                                    ...) {
  char text[160];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  error = ChargerBuses::Error(text);
  return Status::kInvalidArgument;
}

/// Where a device listens: further outlets of some chargers are at the next ports.
/// @param loaded  nullptr: the built-in profile of that name, if there is one.
uint16_t default_port(const bridge::Profile* loaded, const char* name, uint8_t outlet) {
  const bridge::Profile* profile = loaded != nullptr ? loaded : bridge::find_charger_profile(name);
  if (profile == nullptr || profile->tcp_port == 0) return modbus::TcpTarget().port;
  return static_cast<uint16_t>(profile->tcp_port + (outlet - 1) * profile->port_offset);
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

Status ChargerBuses::add_meters(Error& error) {
  for (uint8_t number = 1; number <= limits::kMaxMeters; ++number) {
    meter_[number - 1] = bridge::ConnectorConfig::kNoMeter;
    const gateway::SettingText profile = settings_.text_of('m', number, "profile");
    if (profile.empty()) continue;
    bridge::MeterConfig config;
    config.profile = profile.c_str();
    const common::Result<const bridge::Profile*> loaded = load('m', number, profile.c_str(), error);
    if (!loaded.ok()) return loaded.status();
    config.loaded_profile = loaded.value();
    Connection connection;
    RETURN_IF_ERROR(connect('m', number, default_port(config.loaded_profile, config.profile, 1),
                            connection, error));
    config.unit_id = static_cast<uint8_t>(settings_.integer_of('m', number, "unit"));
    config.bus = connection.bus;
    config.override_serial = connection.override_serial;
    config.serial = connection.serial;
    config.serial_framing = connection.serial_framing;
    const common::Result<uint8_t> added = bridge_.add_meter(config);
    if (!added.ok()) return refuse(error, "m%u: %s", number, bridge_.error_text());
    meter_[number - 1] = added.value();
  }
  return Status::kOk;
}

Status ChargerBuses::assign(bridge::ConnectorConfig& config, Error& error) const {
  const uint8_t id = config.connector_id;
  Connection connection;
  RETURN_IF_ERROR(connect('c', id,
                          default_port(config.loaded_profile, config.profile, config.outlet),
                          connection, error));
  config.bus = connection.bus;
  config.override_serial = connection.override_serial;
  config.serial = connection.serial;
  config.serial_framing = connection.serial_framing;
  return assign_contactor(config, error);
}

Status ChargerBuses::assign_meter(bridge::ConnectorConfig& config, Error& error) const {
  const unsigned id = config.connector_id;
  const auto meter = static_cast<unsigned>(settings_.integer("meter", config.connector_id));
  if (meter == 0) return Status::kOk;
  config.meter = meter_[meter - 1];
  if (config.meter != bridge::ConnectorConfig::kNoMeter) return Status::kOk;
  return refuse(error, "connector %u has meter %u, which is none: set m%u.profile", id, meter,
                meter);
}

common::Result<const bridge::Profile*> ChargerBuses::load(char owner, uint8_t number,
                                                          const char* profile, Error& error) const {
  const char* file = bridge::ProfileFiles::file_name(profile);
  if (file == nullptr) return static_cast<const bridge::Profile*>(nullptr);
  const char* why = "";
  const common::Result<const bridge::Profile*> loaded = profiles_.load(platform_.files, file, why);
  if (loaded.ok()) return loaded;
  (void)refuse(error, "%c%u.profile: the file \"%.40s\" is no profile: %s", owner, number, file,
               why);
  return loaded.status();
}

Status ChargerBuses::assign_contactor(bridge::ConnectorConfig& config, Error& error) const {
  const gateway::SettingText pin = settings_.text("contactor", config.connector_id);
  if (pin.empty()) return Status::kOk;
  platform::Gpio* gpio = platform_.board.gpio;
  if (gpio == nullptr)
    return refuse(error, "c%u.contactor: this gateway has no pins", config.connector_id);
  bridge_.set_gpio(*gpio);
  Error mistake;
  if (parse_contactor_pin(pin.span(), *gpio, config.contactor, mistake) == Status::kOk)
    return Status::kOk;
  return refuse(error, "c%u.contactor: %s", config.connector_id, mistake.c_str());
}

Status ChargerBuses::connect(char owner, uint8_t number, uint16_t tcp_port, Connection& out,
                             Error& error) const {
  const gateway::SettingText host = settings_.text_of(owner, number, "host");
  gateway::SettingText line = settings_.text_of(owner, number, "line");
  if (host.empty()) {
    const auto bus = static_cast<uint8_t>(settings_.integer_of(owner, number, "bus"));
    const char* what = owner == 'm' ? "meter" : "connector";
    if (platform_.buses[bus - 1] == nullptr) {
      return refuse(error, "%s %u is on bus %u, which has no serial device", what, number, bus);
    }
    if ((other_buses_ >> (bus - 1) & 1U) != 0) {
      return refuse(error, "%s %u is on bus %u, which belongs to an OpenEVSE alone", what, number,
                    bus);
    }
    out.bus = serial_bus_[bus - 1];
    if (line.empty()) line = settings_.text_of('b', bus, "line");
  } else {
    RETURN_IF_ERROR(connect_host(owner, number, tcp_port, host.span(), out, error));
  }
  gateway::LineSetting setting;
  // A stored value that this firmware does not take counts as not set, as in Settings.
  if (line.empty() || !gateway::parse_line(line.span(), setting)) return Status::kOk;
  out.override_serial = true;
  out.serial = setting.serial;
  out.serial_framing = setting.framing;
  return Status::kOk;
}

Status ChargerBuses::connect_host(char owner, uint8_t number, uint16_t tcp_port,
                                  common::TextSpan host, Connection& out, Error& error) const {
  gateway::HostSetting setting;
  if (!gateway::parse_host(host, setting)) {
    return refuse(error, "%c%u.host is not HOST, HOST:PORT or rtu+tcp://HOST:PORT", owner, number);
  }
  modbus::TcpTarget& target = setting.target;
  if (!setting.has_port) target.port = tcp_port;
  const common::Result<uint8_t> present = bridge_.find_tcp_bus(target);
  if (present.ok()) {
    out.bus = present.value();
    if (bridge_.bus_target(present.value()).is_converter == target.is_converter) return Status::kOk;
    return refuse(error, "%c%u.host: %s is used with and without rtu+tcp://", owner, number,
                  target.host.c_str());
  }
  const size_t used = bridge_.tcp_bus_count();
  platform::TcpLink* socket = used < limits::kMaxTcpBuses ? platform_.sockets[used] : nullptr;
  if (socket == nullptr) {
    return refuse(error, "%c%u.host: there is no socket left for %s", owner, number,
                  target.host.c_str());
  }
  const common::Result<uint8_t> added = bridge_.add_tcp_bus(*socket, target);
  if (!added.ok()) return refuse(error, "%s", bridge_.error_text());
  out.bus = added.value();
  return Status::kOk;
}

}  // namespace app
