#pragma once

#include <cstdint>

/// Waits and thresholds of a connector, ms unless said otherwise; for connector*.cpp only.
namespace ocpp {

/// Longest wait for the meter before a transaction is given up.
constexpr int64_t kStartReadingMs = 30000;
constexpr int64_t kReadingAgeMs = 10000;    ///< A meter start is never older.
constexpr int64_t kStopReadingMs = 10000;   ///< Longest wait for the current to end.
constexpr int64_t kUnplugReadingMs = 2000;  ///< The same once the cable is out.
constexpr int64_t kResumeReadingMs = 30000;
/// A sample that is due waits this long for a fresh reading.
constexpr int64_t kSampleWaitMs = 2000;
constexpr int64_t kFreshMs = 1000;   ///< A reading this old serves for a sample that is due now.
constexpr int64_t kSettleMs = 5000;  ///< Time between the permission and power, not worth a status.
constexpr int64_t kRetryMs = 1000;
constexpr int32_t kQuietMa = 1000;  ///< Below this the session's energy does not change any more.

}  // namespace ocpp
