#pragma once

#include "common/time.hpp"

namespace platform {

/// How long to wait before connecting to the CSMS again.
struct BackoffSettings {
  int64_t minimum_ms = 1000;    ///< Never sooner than this, >= 1.
  int64_t first_ms = 2000;      ///< Longest wait after the first failure, >= minimum_ms.
  int64_t maximum_ms = 120000;  ///< Longest wait ever, >= first_ms.
  int64_t stable_ms =
      60000;  ///< A connection that lived this long makes the next failure a first one.
};

/// Exponential back-off with full jitter: each wait is drawn from minimum_ms..ceiling, and the ceiling
/// doubles with every failure from first_ms up to maximum_ms. The jitter spreads a fleet that lost its CSMS
/// at one moment.
///
/// Pure: no clock, no random source inside.
class ReconnectBackoff {
 public:
  explicit ReconnectBackoff(BackoffSettings settings = BackoffSettings{})
      : settings_(settings), ceiling_ms_(settings.first_ms) {}

  /// The next failure counts as the first one.
  void reset() {
    ceiling_ms_ = settings_.first_ms;
    connected_at_ = common::Instant::never();
  }

  /// A connection stands. Does not reset yet: a CSMS that accepts and drops at once is not well.
  void on_connected(common::Instant now) { connected_at_ = now; }

  /// An attempt failed or the connection ended.
  /// @param random          32 uniform random bits.
  /// @param retry_after_ms  What the server asked for (HTTP Retry-After), 0 = nothing. Waits at least so
  ///                        long, at most maximum_ms.
  /// @return When to try next.
  common::Instant on_failure(common::Instant now, uint32_t random, int64_t retry_after_ms = 0) {
    if (!connected_at_.is_never() && now - connected_at_ >= settings_.stable_ms) reset();
    connected_at_ = common::Instant::never();

    const int64_t spread_ms = ceiling_ms_ - settings_.minimum_ms;
    int64_t wait_ms = settings_.minimum_ms;
    if (spread_ms > 0)
      wait_ms += static_cast<int64_t>(random % static_cast<uint64_t>(spread_ms + 1));
    if (retry_after_ms > wait_ms) {
      wait_ms = retry_after_ms < settings_.maximum_ms ? retry_after_ms : settings_.maximum_ms;
    }
    ceiling_ms_ = ceiling_ms_ > settings_.maximum_ms / 2 ? settings_.maximum_ms : ceiling_ms_ * 2;
    return now + wait_ms;
  }

  /// Longest wait that the next failure can give, ms.
  int64_t ceiling_ms() const { return ceiling_ms_; }

 private:
  BackoffSettings settings_;
  int64_t ceiling_ms_;
  common::Instant connected_at_ = common::Instant::never();
};

}  // namespace platform
