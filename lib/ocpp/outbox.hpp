#pragma once

#include "common/limits.hpp"
#include "common/span.hpp"
#include "common/status.hpp"

namespace ocpp {

/// Frames waiting for the link, first in first out, packed into one buffer. Answers are appended as
/// they arise; a CALL of ours is appended only when nothing else waits, so that answers always go
/// first.
class Outbox {
 public:
  /// Free space behind the last frame. Fill it from the start, then commit().
  /// @return Empty when the number of frames is used up. Valid until the next call that changes the
  ///   outbox.
  common::Span<char> space() {
    if (count_ == limits::kMaxOutboxFrames) return {};
    return common::Span<char>(buffer_ + used_, sizeof buffer_ - used_);
  }
  /// Makes the first size bytes of space() a frame. @pre  size > 0
  void commit(size_t size) {
    sizes_[count_++] = static_cast<uint16_t>(size);
    used_ += size;
  }
  bool can_take_answer() const {
    return count_ < limits::kMaxOutboxFrames &&
           sizeof buffer_ - used_ >= limits::kAnswerReserveBytes;
  }
  bool empty() const { return count_ == 0; }
  /// The oldest frame; empty when none. Valid until pop().
  common::TextSpan front() const {
    return count_ == 0 ? common::TextSpan() : common::TextSpan(buffer_, sizes_[0]);
  }
  /// @pre  Not empty.
  void pop() {
    used_ -= sizes_[0];
    std::memmove(buffer_, buffer_ + sizes_[0], used_);
    --count_;
    std::memmove(sizes_, sizes_ + 1, count_ * sizeof sizes_[0]);
  }
  void clear() {
    used_ = 0;
    count_ = 0;
  }

 private:
  size_t used_ = 0;
  uint8_t count_ = 0;
  uint16_t sizes_[limits::kMaxOutboxFrames] = {};
  char buffer_[limits::kOutboxBytes] = {};
};

}  // namespace ocpp
