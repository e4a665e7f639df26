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
static_assert(kMaxFrameBytes >= 2048 && kMaxFrameBytes <= 65535, "GATEWAY_MAX_FRAME_BYTES: 2048..65535");

/// idTag: CiString20 (OCPP 1.6 ed. 2, 7.28).
constexpr size_t kIdTagBytes = 20;

}  // namespace limits
