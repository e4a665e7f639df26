#pragma once

namespace build {

/// Firmware version: BootNotification.firmwareVersion, console and --version.
#ifdef GATEWAY_VERSION
constexpr const char* kVersion = GATEWAY_VERSION;
#else
constexpr const char* kVersion = "0.1.0";
#endif

}  // namespace build
