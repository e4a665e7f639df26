#pragma once

#include "common/span.hpp"
#include "common/status.hpp"

#include <cstddef>

namespace common {

/// Up to N default-constructible elements, stored in place.
template <typename T, size_t N>
class FixedVector {
 public:
  static constexpr size_t kCapacity = N;

  /// @retval kNoSpace  Already N elements; unchanged.
  Status push_back(const T& value) {
    if (size_ == N) return Status::kNoSpace;
    items_[size_++] = value;
    return Status::kOk;
  }
  /// Removes the element at index, keeping the order of the others.
  void erase(size_t index) {
    if (index >= size_) index_fault();
    for (size_t i = index + 1; i < size_; ++i) items_[i - 1] = items_[i];
    --size_;
  }
  void clear() { size_ = 0; }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  bool full() const { return size_ == N; }
  T& operator[](size_t index) {
    if (index >= size_) index_fault();
    return items_[index];
  }
  const T& operator[](size_t index) const {
    if (index >= size_) index_fault();
    return items_[index];
  }
  T* begin() { return items_; }
  T* end() { return items_ + size_; }
  const T* begin() const { return items_; }
  const T* end() const { return items_ + size_; }
  Span<const T> span() const { return Span<const T>(items_, size_); }

 private:
  T items_[N] = {};
  size_t size_ = 0;
};

}  // namespace common
