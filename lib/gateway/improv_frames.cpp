#include "gateway/improv_frames.hpp"

#include <cassert>
#include <cstring>

namespace gateway {
namespace {

constexpr uint8_t kHead[] = {'I', 'M', 'P', 'R', 'O', 'V', 1};
constexpr size_t kHeadBytes = sizeof kHead;

}  // namespace

size_t ImprovFrames::feed(uint8_t byte, common::Instant now, char (&console)[kMaxHeldBytes]) {
  has_frame_ = false;
  // A frame that was cut off must not take the next command with it.
  if (matched_ >= kHeadBytes && now - last_ > kSilenceMs) matched_ = 0;
  last_ = now;
  if (matched_ < kHeadBytes) {
    if (byte == kHead[matched_]) {
      ++matched_;
      return 0;
    }
    // The head repeats none of its beginning: what was held back is the console's.
    const size_t held = matched_;
    std::memcpy(console, kHead, held);
    matched_ = byte == kHead[0] ? 1 : 0;
    if (matched_ == 1) return held;
    console[held] = static_cast<char>(byte);
    return held + 1;
  }
  if (matched_ == kHeadBytes) {
    sum_ = 0;
    for (const uint8_t head : kHead) sum_ = static_cast<uint8_t>(sum_ + head);
    type_ = byte;
    ++matched_;
  } else if (matched_ == kHeadBytes + 1) {
    length_ = byte;
    received_ = 0;
    ++matched_;
  } else if (received_ < length_) {
    data_[received_++] = byte;
  } else {
    has_frame_ = byte == sum_ && length_ <= kMaxDataBytes;
    matched_ = 0;
  }
  sum_ = static_cast<uint8_t>(sum_ + byte);
  return 0;
}

size_t ImprovFrames::write(Type type, common::ByteSpan data,
                           uint8_t (&out)[kMaxDataBytes + kOverheadBytes]) {
  assert(data.size() <= kMaxDataBytes);
  std::memcpy(out, kHead, kHeadBytes);
  size_t size = kHeadBytes;
  out[size++] = static_cast<uint8_t>(type);
  out[size++] = static_cast<uint8_t>(data.size());
  for (const uint8_t byte : data) out[size++] = byte;
  uint8_t sum = 0;
  for (size_t i = 0; i < size; ++i) sum = static_cast<uint8_t>(sum + out[i]);
  out[size++] = sum;
  return size;
}

}  // namespace gateway
