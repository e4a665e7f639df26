#pragma once

#include "bridge/bridge.hpp"
#include "gateway/settings.hpp"

namespace app {

struct Platform;

/// Gives every charger the bus that the settings ask for: a serial one, or the connection to its host, which chargers
/// with the same host and port share.
class ChargerBuses {
 public:
  /// Keeps references to all of them.
  ChargerBuses(const Platform& platform, const gateway::Settings& settings, bridge::Bridge& bridge)
      : platform_(platform), settings_(settings), bridge_(bridge) {}

  /// Adds the serial buses. @param other_buses  Bit per device that is no bus. @param error  One sentence.
  common::Status begin(uint8_t other_buses, common::FixedString<159>& error);
  /// Sets bus and line of config.connector_id. @param error  One sentence that names the setting.
  common::Status assign(bridge::ConnectorConfig& config, common::FixedString<159>& error);

 private:
  common::Status assign_host(bridge::ConnectorConfig& config, common::TextSpan host,
                             common::FixedString<159>& error);

  const Platform& platform_;
  const gateway::Settings& settings_;
  bridge::Bridge& bridge_;
  uint8_t serial_bus_[limits::kMaxSerialBuses] = {};
  uint8_t other_buses_ = 0;
  size_t sockets_used_ = 0;
};

}  // namespace app
