#pragma once

#include "bridge/timings.hpp"
#include "common/time.hpp"

#include <cstddef>

namespace bridge {

/// What to log when update() says so; takes the connector.
constexpr const char* kPausedTooOften =
    "connector %u: paused too often within the hour (t.pause_window): this pause lasts longer";

/// Keeps pauses few and long enough: EVs that are interrupted again and again stay asleep. A pause is a permitted session whose
/// limit falls below the lowest current after it was above. It begins at once, and ends when
///  - it has lasted for pause_least_ms,
///  - the limit has been enough for pause_end_ms without a break,
///  - another one could begin without being the fifth within pause_window_ms.
/// A new session owes nothing to the one before.
class PauseHold {
 public:
  static constexpr size_t kPauses = 4;

  /// @param is_enough  The limit is not below the lowest current. Call on every change, and at next().
  /// @return Whether it has just turned out that the window holds the pause up: worth a line in the log.
  bool update(bool is_permitted, bool is_enough, const Timings& timings, common::Instant now);
  /// The limit counts as 0, although it may be enough.
  bool is_holding() const { return is_paused_; }
  /// When the pause ends if the limit stays as it is; never: not before it changes.
  common::Instant next() const {
    return is_paused_ && is_enough_ ? ends_at_ : common::Instant::never();
  }

 private:
  bool has_charged_ = false;
  bool is_paused_ = false;
  bool is_enough_ = false;
  bool is_told_ = false;
  common::Instant begins_[kPauses] = {common::Instant::never(), common::Instant::never(),
                                      common::Instant::never(), common::Instant::never()};
  common::Instant enough_since_;
  common::Instant ends_at_;
};

}  // namespace bridge
