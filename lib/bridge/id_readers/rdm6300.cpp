#include "bridge/id_readers/rdm6300.hpp"

namespace bridge {
namespace {

constexpr uint8_t kStart = 0x02;
constexpr uint8_t kEnd = 0x03;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

common::Status Rdm6300::begin(common::Instant) {
  return link_.configure({9600, platform::Parity::kNone, 1});
}

common::Instant Rdm6300::step(common::Instant now) {
  // Bounded: a babbling line must not hold the loop.
  constexpr int kMaxReads = 16;
  uint8_t buffer[32];
  for (int i = 0; i < kMaxReads; ++i) {
    const common::Result<size_t> got = link_.read(buffer);
    has_link_failed_ = !got.ok() && got.status() != common::Status::kAgain;
    if (!got.ok() || got.value() == 0) return common::Instant::never();
    for (size_t k = 0; k < got.value(); ++k) on_byte(buffer[k], now);
  }
  return now;
}

void Rdm6300::on_byte(uint8_t byte, common::Instant now) {
  if (byte == kStart) {
    is_in_frame_ = true;
    count_ = 0;
    return;
  }
  if (!is_in_frame_) return;
  if (byte == kEnd) {
    is_in_frame_ = false;
    on_frame(now);
    return;
  }
  if (count_ == kBodyBytes) {
    is_in_frame_ = false;
    ++bad_frames_;
    return;
  }
  body_[count_++] = static_cast<char>(byte);
}

void Rdm6300::on_frame(common::Instant now) {
  uint8_t bytes[kBodyBytes / 2] = {};
  bool is_valid = count_ == kBodyBytes;
  for (size_t i = 0; is_valid && i < kBodyBytes; ++i) {
    const int digit = hex_value(body_[i]);
    is_valid = digit >= 0;
    if (is_valid) bytes[i / 2] = static_cast<uint8_t>(bytes[i / 2] * 16 + digit);
  }
  uint8_t checksum = 0;
  for (size_t i = 0; i + 1 < sizeof bytes; ++i) checksum ^= bytes[i];
  if (!is_valid || checksum != bytes[sizeof bytes - 1]) {
    ++bad_frames_;
    return;
  }
  const charger::IdTag tag = make_id_tag(common::ByteSpan(bytes, sizeof bytes - 1), format_);
  if (presence_.is_new(tag, now)) observer_.on_id_tag(connector_id_, tag, now);
}

}  // namespace bridge
