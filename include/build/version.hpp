#pragma once

#include <cstdint>

namespace build {

/// Firmware version: BootNotification.firmwareVersion, console and --version.
#ifdef GATEWAY_VERSION
constexpr const char* kVersion = GATEWAY_VERSION;
#else
constexpr const char* kVersion = "0.1.0";
#endif

/// Raised when a release mends a weakness: no image with a lower one is installed after it.
#ifdef GATEWAY_SECURITY_VERSION
constexpr uint32_t kSecurityVersion = GATEWAY_SECURITY_VERSION;
#else
constexpr uint32_t kSecurityVersion = 0;
#endif

/// Not later than this firmware was made, s since 1970: no certificate that ended before it is good.
#ifdef GATEWAY_BUILD_UTC
constexpr int64_t kBuildUtc_s = GATEWAY_BUILD_UTC;
#else
constexpr int64_t kBuildUtc_s = 1767225600;  // 2026-01-01
#endif

}  // namespace build
