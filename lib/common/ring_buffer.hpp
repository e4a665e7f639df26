#pragma once

#include "common/status.hpp"

#include <cstddef>

namespace common {

/// First-in first-out queue of at most N elements, stored in place. One thread only.
template <typename T, size_t N>
class RingBuffer {
 public:
  /// @retval kNoSpace  N elements are waiting; unchanged.
  Status push(const T& value) {
    if (size_ == N) return Status::kNoSpace;
    items_[(head_ + size_) % N] = value;
    ++size_;
    return Status::kOk;
  }
  /// Takes the oldest element. @return false when empty.
  bool pop(T& out) {
    if (size_ == 0) return false;
    out = items_[head_];
    head_ = (head_ + 1) % N;
    --size_;
    return true;
  }
  void clear() { size_ = 0; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  bool full() const { return size_ == N; }

 private:
  T items_[N] = {};
  size_t head_ = 0;
  size_t size_ = 0;
};

}  // namespace common
