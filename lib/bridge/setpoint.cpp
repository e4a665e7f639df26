#include "bridge/setpoint.hpp"

namespace bridge {

void Setpoint::want(uint32_t raw) {
  if (has_wish_ && raw == wanted_) return;
  has_wish_ = true;
  wanted_ = raw;
  failures_ = 0;
  not_before_ = common::Instant();
}

void Setpoint::rewrite() {
  must_write_ = true;
  not_before_ = common::Instant();
}

bool Setpoint::needs_write() const {
  return has_wish_ && (must_write_ || !has_written_ || written_ != wanted_);
}

bool Setpoint::is_decrease() const {
  if (!has_wish_) return false;
  if (has_device_) return wanted_ < device_;
  return has_written_ && wanted_ < written_;
}

common::Instant Setpoint::write_at() const {
  if (!needs_write()) return common::Instant::never();
  common::Instant at = not_before_;
  const bool has_reference = has_device_ || has_written_;
  const uint32_t reference = has_device_ ? device_ : written_;
  // Writing a value again that did not arrive is no increase.
  const bool is_new = !has_written_ || wanted_ != written_;
  if (has_written_ && wanted_ != 0 && at < written_at_ + settings_.write_ms)
    at = written_at_ + settings_.write_ms;
  if (!is_new || !has_reference || wanted_ <= reference) return at;
  if (has_changed_ && at < changed_at_ + settings_.hold_ms) at = changed_at_ + settings_.hold_ms;
  if (has_increased_ && at < increased_at_ + settings_.increase_ms) {
    at = increased_at_ + settings_.increase_ms;
  }
  return at;
}

common::Instant Setpoint::read_at() const {
  return awaits_confirmation_ ? read_next_ : common::Instant::never();
}

void Setpoint::on_written(uint32_t raw, common::Instant now) {
  const bool has_reference = has_device_ || has_written_;
  const uint32_t reference = has_device_ ? device_ : written_;
  if (!has_reference || reference != raw) {
    has_changed_ = true;
    changed_at_ = now;
    if (raw > (has_reference ? reference : 0)) {
      has_increased_ = true;
      increased_at_ = now;
    }
  }
  has_written_ = true;
  written_ = raw;
  written_at_ = now;
  must_write_ = false;
  is_confirmed_ = !settings_.is_readable;
  awaits_confirmation_ = settings_.is_readable;
  confirm_by_ = now + settings_.confirm_ms;
  read_next_ = now;
  if (!settings_.is_readable) {
    failures_ = 0;
    is_rejected_ = false;
  }
}

void Setpoint::on_refused(common::Instant now) { fail(now, now + kRewriteMs); }

void Setpoint::on_unanswered(common::Instant now) {
  must_write_ = true;
  not_before_ = now + kRewriteMs;
}

/// @param tried_at  When it was written.
void Setpoint::fail(common::Instant tried_at, common::Instant retry_at) {
  must_write_ = true;
  is_confirmed_ = false;
  awaits_confirmation_ = false;
  not_before_ = retry_at;
  if (failures_ < kMaxFailures) ++failures_;
  if (failures_ == kMaxFailures) is_rejected_ = true;
  if (is_rejected_) not_before_ = tried_at + settings_.reject_retry_ms;
}

bool Setpoint::matches(uint32_t raw, uint32_t target) const {
  const uint32_t distance = raw > target ? raw - target : target - raw;
  if (settings_.may_be_less && raw != 0 && raw < target) return true;
  return distance <= settings_.tolerance;
}

Setpoint::ReadEvent Setpoint::on_read(uint32_t raw, common::Instant now) {
  has_device_ = true;
  device_ = raw;
  if (awaits_confirmation_) {
    if (!matches(raw, written_)) {
      read_next_ = now + kRereadMs;
      return ReadEvent::kNone;
    }
    awaits_confirmation_ = false;
    is_confirmed_ = true;
    is_rejected_ = false;
    failures_ = 0;
    return ReadEvent::kConfirmed;
  }
  if (is_confirmed_ && !matches(raw, written_)) {
    is_confirmed_ = false;
    must_write_ = true;
    return ReadEvent::kLost;
  }
  return ReadEvent::kNone;
}

common::Instant Setpoint::step(common::Instant now) {
  if (!awaits_confirmation_) return common::Instant::never();
  if (now < confirm_by_) return confirm_by_;
  fail(confirm_by_ + -static_cast<int64_t>(settings_.confirm_ms), now);
  return common::Instant::never();
}

bool Setpoint::is_settled() const { return has_wish_ && !needs_write() && is_confirmed_; }

void Setpoint::forget_device() {
  has_device_ = false;
  awaits_confirmation_ = false;
  is_confirmed_ = false;
  is_rejected_ = false;
  failures_ = 0;
  must_write_ = has_wish_;
  not_before_ = common::Instant();
}

}  // namespace bridge
