#pragma once

#include <cstddef>

/// Every capacity of the firmware in one place: range, default, RAM cost per unit. Change with a build flag
/// (-D GATEWAY_MAX_CONNECTORS=2); values outside the range fail the build.
namespace limits {

#ifndef GATEWAY_MAX_CONNECTORS
#define GATEWAY_MAX_CONNECTORS 8
#endif
/// Connectors per gateway, 1..8. About 1.5 KiB of engine RAM each.
constexpr size_t kMaxConnectors = GATEWAY_MAX_CONNECTORS;
static_assert(kMaxConnectors >= 1 && kMaxConnectors <= 8, "GATEWAY_MAX_CONNECTORS: 1..8");

#ifndef GATEWAY_MAX_FRAME_BYTES
#define GATEWAY_MAX_FRAME_BYTES 4096
#endif
/// Longest OCPP-J frame accepted, bytes, 2048..65535. One such buffer; longer frames are refused with a CALLERROR.
constexpr size_t kMaxFrameBytes = GATEWAY_MAX_FRAME_BYTES;
static_assert(kMaxFrameBytes >= 2048 && kMaxFrameBytes <= 65535,
              "GATEWAY_MAX_FRAME_BYTES: 2048..65535");

#ifndef GATEWAY_MAX_BUSES
#define GATEWAY_MAX_BUSES 2
#endif
/// Charger buses (RS-485) per gateway, 1..4. About 1.2 KiB of RAM each.
constexpr size_t kMaxBuses = GATEWAY_MAX_BUSES;
static_assert(kMaxBuses >= 1 && kMaxBuses <= 4, "GATEWAY_MAX_BUSES: 1..4");

/// Units (chargers and meters) on one bus.
constexpr size_t kMaxUnitsPerBus = kMaxConnectors;

/// Registers of one charger profile, at most 32 (bit sets of the driver).
constexpr size_t kMaxProfileRegisters = 32;

/// idTag: CiString20 (OCPP 1.6 ed. 2, 7.28).
constexpr size_t kIdTagBytes = 20;

}  // namespace limits
