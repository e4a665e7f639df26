#pragma once

#include "bridge/bridge.hpp"
#include "bridge/profile_files.hpp"
#include "gateway/settings.hpp"

namespace app {

struct Platform;

/// Gives every charger and meter the bus that the settings ask for: a serial one, or the connection to its host, which
/// those with the same host and port share.
class ChargerBuses {
 public:
  using Error = common::FixedString<159>;

  /// Keeps references to all of them.
  ChargerBuses(const Platform& platform, const gateway::Settings& settings, bridge::Bridge& bridge,
               bridge::ProfileFiles& profiles)
      : platform_(platform), settings_(settings), bridge_(bridge), profiles_(profiles) {}

  /// Adds the serial buses. @param other_buses  Bit per device that is no bus. @param error  One sentence.
  common::Status begin(uint8_t other_buses, Error& error);
  /// Adds the meters; before the first assign(). @param error  One sentence that names the setting.
  common::Status add_meters(Error& error);
  /// Loads the profile that a setting names as file:NAME. @return nullptr when it names none.
  /// @param error  One sentence that names the setting.
  common::Result<const bridge::Profile*> load(char owner, uint8_t number, const char* profile,
                                              Error& error) const;
  /// Sets the meter of config.connector_id. @param error  One sentence that names the setting.
  common::Status assign_meter(bridge::ConnectorConfig& config, Error& error) const;
  /// Sets bus, line and contactor of config.connector_id. @param error  One sentence that names the setting.
  common::Status assign(bridge::ConnectorConfig& config, Error& error) const;

 private:
  /// How a device is reached.
  struct Connection {
    uint8_t bus = 0;
    bool override_serial = false;
    platform::SerialSettings serial;
    modbus::Framing serial_framing = modbus::Framing::kRtu;
  };

  common::Status assign_contactor(bridge::ConnectorConfig& config, Error& error) const;
  /// @param tcp_port  Where the device is if the setting names none.
  common::Status connect(char owner, uint8_t number, uint16_t tcp_port, Connection& out,
                         Error& error) const;
  common::Status connect_host(char owner, uint8_t number, uint16_t tcp_port, common::TextSpan host,
                              Connection& out, Error& error) const;

  const Platform& platform_;
  const gateway::Settings& settings_;
  bridge::Bridge& bridge_;
  bridge::ProfileFiles& profiles_;
  uint8_t serial_bus_[limits::kMaxSerialBuses] = {};
  uint8_t meter_[limits::kMaxMeters] = {};  ///< Index in the bridge; kNoMeter.
  uint8_t other_buses_ = 0;
};

}  // namespace app
