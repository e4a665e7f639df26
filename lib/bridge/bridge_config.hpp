#pragma once

#include "bridge/gpio_config.hpp"
#include "bridge/timings.hpp"
#include "modbus/frame.hpp"
#include "platform/serial_link.hpp"

#include <cstdint>

namespace bridge {

struct Profile;

/// One charger at one connector.
struct ConnectorConfig {
  uint8_t connector_id = 1;  ///< OCPP connector id, 1..limits::kMaxConnectors, each once.
  const char* profile =
      nullptr;  ///< Name of a built-in profile ("heidelberg-energy-control"); read in add_connector() only.
  const Profile* loaded_profile = nullptr;  ///< In place of a built-in one; outlives the bridge.
  uint8_t bus = 0;                          ///< Index that add_bus() or add_tcp_bus() returned.
  uint8_t unit_id = 0;                      ///< Modbus unit, 1..255; 0 = the profile's default.
  bool override_serial =
      false;  ///< Use `serial` and `serial_framing` in place of the profile's line settings.
  platform::SerialSettings serial;
  modbus::Framing serial_framing =
      modbus::Framing::kRtu;  ///< Of a line, behind a converter too; kRtu or kAscii.
  static constexpr uint8_t kNoMeter = 0xFF;
  uint8_t meter =
      kNoMeter;        ///< Index that add_meter() returned: measures what the charger does not.
  uint8_t outlet = 1;  ///< Which outlet of a charger with several, 1..8.
  uint32_t min_ma =
      0;  ///< Lowest offer, mA per phase: raises the charger's own minimum (EVs that need 8 A); 0 = the charger's.
  uint32_t max_ma =
      0;  ///< Highest offer, mA per phase (fuse, cable): lowers the charger's own maximum; 0 = the charger's.
  bool has_phase_switch =
      false;           ///< Hardware that switches phases is there, where it is an option.
  uint8_t phases = 0;  ///< Connected phases, 1..3; 0 = the profile's.
  uint32_t failsafe_ma =
      0;  ///< Current the charger falls to when the gateway is silent; 0 = it stops. Where only the charger knows it (its
          ///< profile has a watchdog and no register for it): what is set there; 0 = not known.
  uint32_t watchdog_ms =
      0;  ///< Silence after which the charger does so; 0 = keep the charger's (the profile's default if it is off).
  BoardPin contactor;  ///< In the charger's power line, see ExternalContactor; active = closed.
  Timings timings;
};

}  // namespace bridge
