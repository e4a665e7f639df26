#pragma once

#include "modbus/frame.hpp"
#include "platform/serial_link.hpp"

#include <cstdint>

namespace bridge {

struct Profile;

/// All timings of one connector, ms. The defaults suit a charger on an RS-485 bus of up to 8 units.
struct Timings {
  uint32_t status_poll_ms = 1000;  ///< State, current, power; made shorter by a charger's watchdog.
  uint32_t meter_poll_ms = 5000;   ///< Energy, limit read-back, and one MeterSample.
  uint32_t verify_poll_ms =
      30000;  ///< Settings written at start-up are read again: finds a charger that rebooted.

  uint32_t plug_on_ms = 500;       ///< Debounce A -> B.
  uint32_t plug_off_ms = 2000;     ///< Debounce B -> A.
  uint32_t request_on_ms = 500;    ///< Debounce B -> C.
  uint32_t request_off_ms = 2000;  ///< Debounce C -> B.
  uint32_t fault_off_ms = 5000;    ///< A fault is reported at once and cleared after this.
  uint32_t pilot_f_ms =
      5000;  ///< Pilot state F counts as a fault after this: time to unlock the charger.
  uint32_t phase_switch_ms =
      300000;  ///< Least time from one switch between 1 and 3 phases to the next.
  uint32_t hold_max_ms =
      60000;  ///< A state that says nothing about the plug is held for this long at most.

  uint32_t stale_ms = 3000;  ///< Silence until Health::kStale.
  uint32_t lost_ms =
      10000;  ///< Silence until Health::kLost, error OtherError, vendor code BUS_TIMEOUT.
  uint32_t faulted_ms = 60000;  ///< Silence until that error counts as a fault.

  uint32_t first_offer_ms =
      30000;  ///< After start-up the charger's limit is left alone until set_offer() or this time.
  uint32_t increase_ms =
      5000;  ///< Least time at one limit before a higher one; a profile may ask for more between increases.
  uint32_t confirm_ms = 5000;  ///< A written limit must be read back within this.
  uint32_t reject_retry_ms =
      30000;  ///< After three refused writes (CMD_REJECTED): time between further tries.

  uint32_t overrun_rewrite_ms =
      10000;  ///< Current above the limit for this long: the limit is written again.
  uint32_t overrun_stop_ms = 30000;  ///< ... for this long: disabled, OverCurrentFailure.
  uint32_t unauthorised_ms =
      10000;  ///< Current without permission for this long: disable is written again.
  uint32_t unauthorised_retry_ms =
      5000;  ///< ... this far apart, three times, then UNAUTHORISED_ENERGY.

  uint32_t energy_save_ms =
      15 * 60 * 1000;  ///< Least time between two flash writes of a growing energy register.
};

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
  uint8_t phases = 0;  ///< Connected phases, 1..3; 0 = the profile's.
  uint32_t failsafe_ma =
      0;  ///< Current the charger falls to when the gateway is silent; 0 = it stops.
  uint32_t watchdog_ms =
      0;  ///< Silence after which the charger does so; 0 = keep the charger's (the profile's default if it is off).
  Timings timings;
};

}  // namespace bridge
