#pragma once

#include "common/span.hpp"
#include "common/status.hpp"

namespace common {

/// String of at most N bytes of UTF-8, stored in place and always zero-terminated.
template <size_t N>
class FixedString {
 public:
  static constexpr size_t kCapacity = N;

  FixedString() = default;
  /// Truncates at a code-point border when the text is longer than N bytes; use assign() to detect that.
  explicit FixedString(TextSpan value) { assign_truncated(value); }
  explicit FixedString(const char* zero_terminated) { assign_truncated(text(zero_terminated)); }

  /// @retval kNoSpace  Longer than N bytes; unchanged.
  Status assign(TextSpan value) {
    if (value.size() > N) return Status::kNoSpace;
    store(value.data(), value.size());
    return Status::kOk;
  }

  void assign_truncated(TextSpan value) {
    size_t size = value.size();
    if (size > N) {
      size = N;
      // Step back over continuation bytes so that no code point is split.
      while (size > 0 && (static_cast<uint8_t>(value[size]) & 0xC0U) == 0x80U) --size;
    }
    store(value.data(), size);
  }

  Status append(TextSpan value) {
    if (value.size() > N - size_) return Status::kNoSpace;
    if (value.size() > 0) std::memmove(data_ + size_, value.data(), value.size());
    size_ += static_cast<uint16_t>(value.size());
    data_[size_] = '\0';
    return Status::kOk;
  }

  void clear() { store(nullptr, 0); }

  TextSpan span() const { return TextSpan(data_, size_); }
  const char* c_str() const { return data_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  friend bool operator==(const FixedString& a, const FixedString& b) {
    return equals(a.span(), b.span());
  }
  friend bool operator!=(const FixedString& a, const FixedString& b) { return !(a == b); }

 private:
  static_assert(N <= UINT16_MAX, "FixedString holds at most 65535 bytes");

  void store(const char* data, size_t size) {
    if (size > 0) std::memmove(data_, data, size);
    size_ = static_cast<uint16_t>(size);
    data_[size_] = '\0';
  }

  uint16_t size_ = 0;
  char data_[N + 1] = {};
};

}  // namespace common
