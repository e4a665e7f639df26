#pragma once

#include "common/span.hpp"
#include "common/status.hpp"

namespace common {

/// What all FixedStrings share: a FixedString<N> is its size, then N characters and a zero. Code that
/// knows N only as a number uses these directly.
/// @param string    The FixedString.
/// @param capacity  Its N.
namespace fixed_string {

/// @retval kNoSpace  Longer than capacity bytes; unchanged.
Status assign(void* string, size_t capacity, TextSpan value);
/// Truncates at a code-point border.
void assign_truncated(void* string, size_t capacity, TextSpan value);
/// @retval kNoSpace  Would be longer than capacity bytes; unchanged.
Status append(void* string, size_t capacity, TextSpan value);
inline TextSpan span(const void* string) {
  return TextSpan(static_cast<const char*>(string) + sizeof(uint16_t),
                  *static_cast<const uint16_t*>(string));
}

}  // namespace fixed_string

/// String of at most N bytes of UTF-8, stored in place and always zero-terminated.
template <size_t N>
class FixedString {
 public:
  static constexpr size_t kCapacity = N;

  FixedString() { data_[0] = '\0'; }
  /// Truncates at a code-point border when the text is longer than N bytes; use assign() to detect that.
  explicit FixedString(TextSpan value) { assign_truncated(value); }
  explicit FixedString(const char* zero_terminated) { assign_truncated(text(zero_terminated)); }

  /// @retval kNoSpace  Longer than N bytes; unchanged.
  Status assign(TextSpan value) { return fixed_string::assign(this, N, value); }
  void assign_truncated(TextSpan value) { fixed_string::assign_truncated(this, N, value); }
  /// @retval kNoSpace  Would be longer than N bytes; unchanged.
  Status append(TextSpan value) { return fixed_string::append(this, N, value); }
  void clear() {
    size_ = 0;
    data_[0] = '\0';
  }

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

  uint16_t size_ = 0;
  char data_[N + 1];  ///< What follows the zero is not set: clearing it all is code in every user.
};

}  // namespace common
