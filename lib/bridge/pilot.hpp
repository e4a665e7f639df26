#pragma once

#include <cstdint>

namespace bridge {

/// IEC 61851-1 pilot state as the charger reports it. x1: no PWM (not permitted); x2: PWM offered.
enum class Pilot : uint8_t {
  kA,  ///< No EV; also A1 and A2.
  kB,  ///< Plugged, the charger does not tell B1 from B2.
  kB1,
  kB2,
  kC,  ///< EV asks for energy (C or D), the charger does not tell x1 from x2.
  kC1,
  kC2,
  kE,
  kF,
  kX,     ///< Fault, pilot unknown.
  kHold,  ///< Says nothing about the plug (booting): keep what was.
};
/// Whether it shows an EV.
constexpr bool is_plugged(Pilot pilot) { return pilot >= Pilot::kB && pilot <= Pilot::kC2; }
constexpr const char* to_string(Pilot pilot) {
  switch (pilot) {
    case Pilot::kA:
      return "A";
    case Pilot::kB:
      return "B";
    case Pilot::kB1:
      return "B1";
    case Pilot::kB2:
      return "B2";
    case Pilot::kC:
      return "C";
    case Pilot::kC1:
      return "C1";
    case Pilot::kC2:
      return "C2";
    case Pilot::kE:
      return "E";
    case Pilot::kF:
      return "F";
    case Pilot::kX:
      return "X";
    case Pilot::kHold:
      return "hold";
  }
  return "?";
}

}  // namespace bridge
