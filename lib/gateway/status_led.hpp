#pragma once

#include "platform/clock.hpp"
#include "platform/gpio.hpp"

namespace gateway {

/// What one LED tells a technician from across the room; docs/hardware.md has the table.
enum class Light : uint8_t {
  kBoot,
  kAvailable,
  kPlugged,  ///< An EV is plugged in, no current flows.
  kCharging,
  kNoCsms,
  kNoNetwork,
  kNotConfigured,  ///< The gateway did not start.
  kSafeMode,
  kFaulted,  ///< A charger is faulted or silent.
  kUpdating,
  kHeld,     ///< The button is held: go on for a factory reset.
  kRelease,  ///< Releasing the button now resets.
};

/// What the light is chosen from.
struct LightInputs {
  bool is_running = false;  ///< The gateway has started.
  bool is_safe_mode = false;
  bool is_updating = false;
  bool is_faulted = false;
  bool is_network_up = false;
  bool is_csms_up = false;
  bool is_plugged = false;
  bool is_charging = false;
};

/// The first that holds: update, safe mode, not configured, fault, network, CSMS, then the connectors.
Light light_of(const LightInputs& in);

/// Drives the LED; does nothing without a pin.
/// @par Context  Loop thread.
class StatusLed {
 public:
  static constexpr int64_t kSlotMs = 125;  ///< A pattern is 16 of them.

  /// @param gpio  Outlives the LED; nullptr: there is none.
  StatusLed(platform::Gpio* gpio, uint8_t pin) : gpio_(gpio), pin_(pin) {}

  /// A new light begins with its pattern's first slot. @return  When the LED changes next.
  common::Instant step(Light light, common::Instant now);

 private:
  platform::Gpio* gpio_;
  uint8_t pin_;
  Light light_ = Light::kBoot;
  common::Instant since_;
  bool level_ = false;
  bool is_known_ = false;
};

}  // namespace gateway
