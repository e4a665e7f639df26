#include "bridge/action_runner.hpp"

namespace bridge {

void ActionRunner::start(Action action, const Profile& profile) {
  *this = ActionRunner();
  profile_ = &profile;
  action_ = action;
  is_running_ = true;
}

void ActionRunner::advance() {
  ++index_;
  tries_ = 0;
  is_waiting_ = false;
  has_read_ = false;
}

ActionRunner::Need ActionRunner::step(const RegisterSet& registers, bool is_idle,
                                      common::Instant now, common::Instant& next) {
  const Steps steps =
      is_running_ ? profile_->control.actions[static_cast<size_t>(action_)] : Steps();
  while (is_running_) {
    if (index_ >= steps.count) {
      is_running_ = false;
      break;
    }
    const StepRow& step = profile_->steps[static_cast<size_t>(steps.first) + index_];
    if (!is_waiting_ && !registers.holds(step.when)) {
      advance();
      continue;
    }
    if (step.kind == StepKind::kWrite) {
      row_ = step.row;
      const bool is_known = step.mask == 0 || has_read_;
      if (is_known && step.mask == 0) bits_ = step.value;
      return is_known ? Need::kWrite : Need::kRead;
    }
    if (!is_waiting_) {
      is_waiting_ = true;
      until_ = now + step.value;
    }
    const bool is_over = now >= until_ || (step.kind == StepKind::kUntilIdle && is_idle);
    if (!is_over) {
      next = common::earlier(next, until_);
      return Need::kNothing;
    }
    advance();
  }
  return Need::kNothing;
}

void ActionRunner::on_read(uint64_t bits) {
  if (!is_running_) return;
  const Steps steps = profile_->control.actions[static_cast<size_t>(action_)];
  const StepRow& step = profile_->steps[static_cast<size_t>(steps.first) + index_];
  bits_ = (bits & ~uint64_t{step.mask}) | step.value;
  has_read_ = true;
}

void ActionRunner::on_written(bool is_done, bool is_final) {
  if (!is_running_) return;
  if (is_done) {
    advance();
    return;
  }
  if (++tries_ < kTries && !is_final) return;
  has_failed_ = true;
  is_running_ = false;
}

}  // namespace bridge
