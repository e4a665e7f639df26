#pragma once

#include "bridge/timings.hpp"
#include "common/time.hpp"

namespace bridge {

/// Wakes an EV that slept through a pause of ours: it is offered current again and does not ask for it.
///
///   offered, not asking for wake_after_ms --> limit written again --kAfterRewriteMs--> pilot interrupted
///     --wake_after_ms--> permission off for kToggleMs --wake_after_ms--> from the start, kAttempts times;
///     then once every wake_repeat_ms
///
/// A charger leaves out what it has no means for. Never because an EV is full: one that stopped asking by itself, or has not
/// been kept waiting since it was plugged in, is left alone.
class WakeLadder {
 public:
  static constexpr uint8_t kAttempts = 2;
  static constexpr int64_t kAfterRewriteMs = 5000;
  static constexpr int64_t kToggleMs = 5000;
  /// A charger that does not confirm the stop is not waited for longer.
  static constexpr int64_t kToggleMaxMs = 20000;

  enum class Step : uint8_t { kNone, kRewrite, kInterrupt, kToggle };

  /// What the charger has means for.
  struct Means {
    bool can_rewrite = true;
    uint32_t interrupt_ms = 0;  ///< Until the pilot is back; 0 = it cannot be interrupted.
    bool can_toggle = true;
  };
  /// A fresh look at the charger.
  struct View {
    bool is_plugged = false;
    bool is_permitted = false;  ///< By the offer, whatever its current.
    bool is_wanted = false;     ///< The offer comes to a current.
    bool is_offered = false;    ///< The charger has taken it over and offers it to the EV.
    bool is_asking = false;     ///< The EV draws, or wants to.
    bool is_stopped = false;    ///< The charger has confirmed that it offers nothing.
  };

  /// @return What to do now. kInterrupt, kToggle: as long as is_interrupting(), is_toggling() say so.
  Step step(const View& view, const Means& means, const Timings& timings, common::Instant now);
  /// When to call again at the latest.
  common::Instant next() const;
  bool is_interrupting() const { return state_ == State::kInterrupting; }
  bool is_toggling() const { return state_ == State::kToggling; }

 private:
  enum class State : uint8_t { kIdle, kWaiting, kInterrupting, kToggling };

  static Step following(Step last, const Means& means);
  Step take_step(const Means& means, const Timings& timings, common::Instant now);
  void wait(uint32_t ms, common::Instant now) {
    state_ = State::kWaiting;
    due_at_ = now + static_cast<int64_t>(ms);
  }

  State state_ = State::kIdle;
  Step last_ = Step::kNone;  ///< Of this attempt.
  uint8_t attempts_ = 0;     ///< Since the EV asked last.
  bool was_asking_ = false;  ///< Before the offer went.
  bool was_offered_ = false;
  bool is_our_pause_ = false;
  bool is_off_ = false;
  common::Instant due_at_;  ///< End of the state.
  common::Instant attempt_at_;
};

}  // namespace bridge
