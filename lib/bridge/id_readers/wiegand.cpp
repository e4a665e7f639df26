#include "bridge/id_readers/wiegand.hpp"

namespace bridge {

using common::Instant;

common::Status Wiegand::begin(Instant) {
  RETURN_IF_ERROR(pulses_.open(d0_, kFilter));
  return pulses_.open(d1_, kFilter);
}

Instant Wiegand::step(Instant now) {
  collect(d0_, false, now);
  collect(d1_, true, now);
  const bool has_bits = count_ > 0 || is_too_long_;
  if (has_bits && now - last_at_ >= kEndMs) {
    on_frame(now);
    count_ = 0;
    is_too_long_ = false;
  }
  return now + kLookMs;
}

/// Keeps the bits in the order of their times, whichever wire they came on.
void Wiegand::collect(uint8_t pin, bool is_one, Instant now) {
  for (size_t i = 0; i < platform::PulseInput::kMaxWaiting; ++i) {
    const common::Result<uint32_t> pulse = pulses_.take(pin);
    if (!pulse.ok()) return;
    last_at_ = now;
    if (count_ == kMaxBits) {
      is_too_long_ = true;
      continue;
    }
    size_t at = count_++;
    // Differences, for the clock of the pulses wraps.
    while (at > 0 && static_cast<int32_t>(pulse.value() - bits_[at - 1].at_us) < 0) {
      bits_[at] = bits_[at - 1];
      --at;
    }
    bits_[at] = {pulse.value(), is_one};
  }
}

void Wiegand::on_frame(Instant now) {
  const bool is_frame = !is_too_long_ && (count_ == 26 || count_ == 34);
  unsigned ones[2] = {0, 0};
  for (size_t i = 0; is_frame && i < count_; ++i) {
    if (bits_[i].is_one) ++ones[i < count_ / 2 ? 0 : 1];
  }
  if (!is_frame || ones[0] % 2 != 0 || ones[1] % 2 != 1) {
    // Keys of a keypad are 4 or 8 bits.
    if (is_too_long_ || count_ > 8) ++bad_frames_;
    return;
  }
  uint8_t bytes[4] = {};
  for (size_t i = 1; i + 1 < count_; ++i) {
    if (bits_[i].is_one) bytes[(i - 1) / 8] |= static_cast<uint8_t>(0x80U >> ((i - 1) % 8));
  }
  const charger::IdTag tag = make_id_tag(common::ByteSpan(bytes, count_ == 26 ? 3 : 4), format_);
  if (presence_.is_new(tag, now)) observer_.on_id_tag(connector_id_, tag, now);
}

}  // namespace bridge
