#include "bridge/pause_hold.hpp"

#include <algorithm>

namespace bridge {

using common::Instant;

bool PauseHold::update(bool is_permitted, bool is_enough, const Timings& timings, Instant now) {
  if (!is_permitted) {
    *this = PauseHold();
    return false;
  }
  if (is_enough && !is_enough_) enough_since_ = now;
  is_enough_ = is_enough;
  if (!is_enough && has_charged_ && !is_paused_) {
    is_paused_ = true;
    is_told_ = false;
    // The oldest makes room.
    std::rotate(begins_, begins_ + 1, begins_ + kPauses);
    begins_[kPauses - 1] = now;
  }
  has_charged_ = has_charged_ || is_enough;
  if (!is_paused_ || !is_enough) return false;

  ends_at_ =
      std::max(begins_[kPauses - 1] + timings.pause_least_ms, enough_since_ + timings.pause_end_ms);
  const Instant oldest = begins_[0];
  const bool is_full = !oldest.is_never() && oldest + timings.pause_window_ms > ends_at_;
  if (is_full) ends_at_ = oldest + timings.pause_window_ms;
  if (now >= ends_at_) {
    is_paused_ = false;
    return false;
  }
  const bool is_news = is_full && !is_told_;
  is_told_ = is_told_ || is_full;
  return is_news;
}

}  // namespace bridge
