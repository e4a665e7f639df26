#include "bridge/external_contactor.hpp"

namespace bridge {

common::Status ExternalContactor::configure(platform::Gpio& gpio, const BoardPin& pin) {
  gpio_ = &gpio;
  pin_ = pin;
  cut_ = Cut::kNotHeard;
  return set(false);
}

common::Status ExternalContactor::set(bool is_closed) {
  const common::Status status = gpio_->set(pin_.pin(), is_closed != pin_.is_inverted);
  is_pin_good_ = status == common::Status::kOk;
  return status;
}

bool ExternalContactor::update(const View& view, uint32_t open_ms, common::Instant now) {
  if (!exists()) return false;
  if (!view.obeys && !is_deaf_) deaf_since_ = now;
  is_deaf_ = !view.obeys;

  Cut cut = Cut::kNone;
  if (!view.is_heard) {
    cut = Cut::kNotHeard;
  } else if (view.excess_ms >= open_ms || (cut_ == Cut::kExcess && !view.is_unplugged)) {
    // Without current nothing shows whether it would obey now: a new plug is a new try.
    cut = Cut::kExcess;
  } else if (is_deaf_ && now - deaf_since_ >= open_ms) {
    cut = Cut::kDeaf;
  }
  const bool has_changed = cut != cut_;
  cut_ = cut;
  if (has_changed || !is_pin_good_) (void)set(cut == Cut::kNone);
  return has_changed;
}

}  // namespace bridge
