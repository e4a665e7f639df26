#pragma once

#include "common/span.hpp"

#include <cstddef>
#include <string>

namespace platform_linux {

/// Bounded bytes on their way to a descriptor. Takes each piece whole or not at all, so that lines of different
/// writers never mix.
class OutputBuffer {
 public:
  explicit OutputBuffer(size_t capacity) : capacity_(capacity) {}

  bool push(common::ByteSpan data) {
    if (data.size() > capacity_ - bytes_.size()) return false;
    bytes_.append(reinterpret_cast<const char*>(data.data()), data.size());
    return true;
  }
  /// Valid until the next push() or drop_front().
  common::ByteSpan front(size_t at_most) const {
    return common::as_bytes(common::TextSpan(bytes_.data(), bytes_.size())).first(at_most);
  }
  void drop_front(size_t count) { bytes_.erase(0, count); }
  void clear() { bytes_.clear(); }
  bool empty() const { return bytes_.empty(); }

 private:
  const size_t capacity_;
  std::string bytes_;
};

}  // namespace platform_linux
