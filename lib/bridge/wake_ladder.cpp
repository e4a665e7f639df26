#include "bridge/wake_ladder.hpp"

namespace bridge {

using common::Instant;

WakeLadder::Step WakeLadder::step(const View& view, const Means& means, const Timings& timings,
                                  Instant now) {
  if (!view.is_plugged) {
    *this = WakeLadder();
    return Step::kNone;
  }
  if (state_ == State::kToggling && view.is_wanted) {
    if (!is_off_ && view.is_stopped) {
      is_off_ = true;
      due_at_ = common::earlier(due_at_, now + kToggleMs);
    }
    if (now < due_at_) return Step::kNone;
    wait(timings.wake_after_ms, now);
  }
  if (state_ == State::kInterrupting) {
    if (now < due_at_) return Step::kNone;
    wait(timings.wake_after_ms, now);
  }
  if (!view.is_wanted) {
    // Cut off by us, or kept waiting in a session from its begin.
    if (was_asking_ || (view.is_permitted && !was_offered_)) is_our_pause_ = true;
    was_asking_ = false;
    state_ = State::kIdle;
    last_ = Step::kNone;
    return Step::kNone;
  }
  was_asking_ = view.is_asking;
  was_offered_ = was_offered_ || view.is_offered;
  if (view.is_asking) {
    state_ = State::kIdle;
    last_ = Step::kNone;
    attempts_ = 0;
    is_our_pause_ = false;
    return Step::kNone;
  }
  if (!is_our_pause_) return Step::kNone;
  if (state_ == State::kIdle) {
    if (view.is_offered) wait(timings.wake_after_ms, now);
    return Step::kNone;
  }
  return now < due_at_ ? Step::kNone : take_step(means, timings, now);
}

/// What comes after a step in an attempt; kNone: it is over.
WakeLadder::Step WakeLadder::following(Step last, const Means& means) {
  if (last < Step::kRewrite && means.can_rewrite) return Step::kRewrite;
  if (last < Step::kInterrupt && means.interrupt_ms != 0) return Step::kInterrupt;
  if (last < Step::kToggle && means.can_toggle) return Step::kToggle;
  return Step::kNone;
}

WakeLadder::Step WakeLadder::take_step(const Means& means, const Timings& timings, Instant now) {
  Step next = following(last_, means);
  if (last_ == Step::kNone || next == Step::kNone) {
    // A new attempt.
    last_ = Step::kNone;
    const Instant again_at = attempt_at_ + timings.wake_repeat_ms;
    if (attempts_ >= kAttempts && now < again_at) {
      due_at_ = again_at;
      return Step::kNone;
    }
    if (attempts_ < kAttempts) ++attempts_;
    attempt_at_ = now;
    next = following(Step::kNone, means);
  }
  last_ = next;
  switch (next) {
    case Step::kNone:
      due_at_ = Instant::never();
      break;
    case Step::kRewrite:
      due_at_ = now + kAfterRewriteMs;
      break;
    case Step::kInterrupt:
      state_ = State::kInterrupting;
      due_at_ = now + means.interrupt_ms;
      break;
    case Step::kToggle:
      state_ = State::kToggling;
      is_off_ = false;
      due_at_ = now + kToggleMaxMs;
      break;
  }
  return next;
}

Instant WakeLadder::next() const { return state_ == State::kIdle ? Instant::never() : due_at_; }

}  // namespace bridge
