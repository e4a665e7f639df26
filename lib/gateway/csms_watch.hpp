#pragma once

#include "common/time.hpp"

namespace gateway {

/// Last resort for a gateway that no longer reaches its CSMS, whatever the reason: first everything of the network off and on again, then
/// a restart. Never while something charges: then it waits.
///
///     CSMS away for `lost_ms`, or the link hangs --nothing charges--> kRestartNetwork
///     still so after kGraceMs --nothing charges--> kRestartDevice
///
/// Pure: no clock inside. @par Context  Loop thread.
class CsmsWatch {
 public:
  enum class Action : uint8_t { kNone, kRestartNetwork, kRestartDevice };

  struct Inputs {
    bool is_up = false;     ///< The CSMS is connected.
    bool is_stuck = false;  ///< platform::LinkStatus::is_stuck
    bool is_busy =
        false;  ///< A transaction runs, current flows, firmware is being written: no restart now.
  };

  static constexpr int64_t kGraceMs = 15 * 60 * 1000;

  /// @param lost_ms  How long the CSMS may be away; 0 = for ever, and only a link that hangs counts.
  void begin(int64_t lost_ms, common::Instant now) {
    lost_ms_ = lost_ms;
    away_since_ = now;
    next_ = Action::kRestartNetwork;
  }

  /// @return What to do now, each once.
  Action step(const Inputs& in, common::Instant now) {
    if (in.is_up) {
      away_since_ = now;
      next_ = Action::kRestartNetwork;
      return Action::kNone;
    }
    const bool is_lost = lost_ms_ > 0 && now - away_since_ >= lost_ms_;
    if (in.is_busy || !(is_lost || in.is_stuck)) return Action::kNone;
    if (next_ == Action::kRestartDevice && now - restarted_at_ < kGraceMs) return Action::kNone;
    const Action action = next_;
    next_ = action == Action::kRestartNetwork ? Action::kRestartDevice : Action::kNone;
    restarted_at_ = now;
    return action;
  }

  /// As if so much more time had passed without it: for tests that cannot wait.
  void age(int64_t duration_ms) {
    away_since_ = away_since_ + -duration_ms;
    restarted_at_ = restarted_at_ + -duration_ms;
  }

  /// How long the CSMS has been away, ms.
  int64_t away_ms(common::Instant now) const { return now - away_since_; }

 private:
  int64_t lost_ms_ = 0;
  common::Instant away_since_;
  common::Instant restarted_at_;
  Action next_ = Action::kRestartNetwork;
};

}  // namespace gateway
