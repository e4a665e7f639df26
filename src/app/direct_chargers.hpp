#pragma once

#include "bridge/bridge.hpp"
#include "gateway/settings.hpp"

namespace app {

struct Platform;

/// Chargers without a register map: profile "gpio" (the board's own pins), "openevse-rapi" (a serial port of its own),
/// "keba-udp" (host name).
class DirectChargers {
 public:
  /// Keeps references to all of them. @param tags  Gets tags held to a charger's own reader.
  DirectChargers(const Platform& platform, const gateway::Settings& settings,
                 bridge::Bridge& bridge, charger::IdReaderObserver& tags)
      : platform_(platform), settings_(settings), bridge_(bridge), tags_(tags) {}

  static bool is_direct(common::TextSpan profile);
  /// Serial devices that belong to such a charger alone and are no Modbus bus: bit 0 is that of bus 1.
  uint8_t owned_buses(uint8_t connectors) const;
  /// Adds the charger of config.connector_id. @param error  One sentence that names the setting.
  common::Status add(const bridge::ConnectorConfig& config, common::TextSpan profile,
                     common::FixedString<159>& error);

 private:
  common::Status add_gpio(const bridge::ConnectorConfig& config, common::FixedString<159>& error);
  common::Status add_openevse(const bridge::ConnectorConfig& config,
                              common::FixedString<159>& error);
  common::Status add_keba(const bridge::ConnectorConfig& config, common::FixedString<159>& error);

  const Platform& platform_;
  const gateway::Settings& settings_;
  bridge::Bridge& bridge_;
  charger::IdReaderObserver& tags_;
  uint8_t taken_buses_ = 0;  ///< Bit per bus that a charger has.
};

}  // namespace app
