#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace common {

/// Ends the program: an index is beyond its Span or FixedVector. Said in one place, because every
/// use of an index carries the check.
[[noreturn]] void index_fault();

/// Borrowed, contiguous elements. Never owns: whoever hands out a Span states how long it stays valid.
template <typename T>
class Span {
 public:
  constexpr Span() = default;
  constexpr Span(T* data, size_t size) : data_(data), size_(size) {}
  template <size_t N>
  constexpr Span(T (&array)[N]) : data_(array), size_(N) {}  // NOLINT: implicit by design
  /// Span<U> converts to Span<const U>.
  template <typename U,
            typename = std::enable_if_t<std::is_same_v<const U, T> && !std::is_same_v<U, T>>>
  constexpr Span(Span<U> other) : data_(other.data()), size_(other.size()) {}  // NOLINT

  constexpr T* data() const { return data_; }
  constexpr size_t size() const { return size_; }
  constexpr bool empty() const { return size_ == 0; }
  constexpr T* begin() const { return data_; }
  constexpr T* end() const { return data_ + size_; }
  constexpr T& operator[](size_t index) const {
    if (index >= size_) index_fault();
    return data_[index];
  }
  /// The part from offset on, at most count elements; clamped to what exists.
  constexpr Span subspan(size_t offset, size_t count = SIZE_MAX) const {
    if (offset >= size_) return Span(data_ + size_, 0);
    const size_t rest = size_ - offset;
    return Span(data_ + offset, count < rest ? count : rest);
  }
  constexpr Span first(size_t count) const { return subspan(0, count); }

 private:
  T* data_ = nullptr;
  size_t size_ = 0;
};

using ByteSpan = Span<const uint8_t>;
using MutableByteSpan = Span<uint8_t>;
using TextSpan = Span<const char>;  ///< UTF-8, not zero-terminated.

/// The characters of a zero-terminated literal or string, without the terminator.
inline TextSpan text(const char* zero_terminated) {
  return TextSpan(zero_terminated, std::strlen(zero_terminated));
}

inline ByteSpan as_bytes(TextSpan value) {
  return ByteSpan(reinterpret_cast<const uint8_t*>(value.data()), value.size());
}

inline bool equals(TextSpan a, TextSpan b) {
  return a.size() == b.size() && (a.size() == 0 || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

inline char ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// ASCII case-insensitive comparison (idTag and configuration keys: OCPP 1.6 CiString types).
inline bool equals_ignore_case(TextSpan a, TextSpan b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (ascii_lower(a[i]) != ascii_lower(b[i])) return false;
  }
  return true;
}

}  // namespace common
