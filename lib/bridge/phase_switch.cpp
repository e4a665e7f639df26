#include "bridge/phase_switch.hpp"

namespace bridge {

using common::Instant;

void PhaseSwitch::wait(State state, const Settings& settings, Instant now) {
  state_ = state;
  until_ = now + (settings.pauses ? settings.dead_ms : 0);
}

PhaseSwitch::Order PhaseSwitch::step(const View& view, const Settings& settings, Instant now) {
  switch (state_) {
    case State::kIdle:
      is_due_ = view.may_begin && view.wanted != view.actual;
      if (!is_due_ || now < next_at_) return Order::kNone;
      state_ = State::kPausing;
      pauses_ = settings.pauses;
      target_ = view.wanted;
      until_ = now + kPauseMs;
      next_at_ = now + settings.least_ms;
      return Order::kPause;
    case State::kPausing:
      if (!view.is_stopped && settings.pauses) {
        if (now < until_) return Order::kNone;
        if (!view.is_blind) {
          state_ = State::kIdle;
          return Order::kFailed;
        }
      }
      wait(State::kDeadBefore, settings, now);
      return Order::kNone;
    case State::kDeadBefore:
      if (now < until_) return Order::kNone;
      state_ = State::kSwitching;
      return Order::kSwitch;
    case State::kSwitching:
      if (view.is_done) wait(State::kDeadAfter, settings, now);
      return Order::kNone;
    case State::kDeadAfter:
      if (now < until_) return Order::kNone;
      state_ = State::kIdle;
      return Order::kResume;
  }
  return Order::kNone;
}

Instant PhaseSwitch::next() const {
  switch (state_) {
    case State::kIdle:
      return is_due_ ? next_at_ : Instant::never();
    case State::kSwitching:
      return Instant::never();
    case State::kPausing:
    case State::kDeadBefore:
    case State::kDeadAfter:
      break;
  }
  return until_;
}

}  // namespace bridge
