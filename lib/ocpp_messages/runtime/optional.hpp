#pragma once

#include <cstddef>
#include <type_traits>

namespace ocpp_messages {

/// A value that may be absent. Like std::optional, but with a layout that the message tables know:
/// whether there is a value stands in the byte before it.
template <typename T>
class Optional {
 public:
  /// Bytes from the start of the object to the value.
  static constexpr size_t kValueOffset = alignof(T);

  Optional() = default;
  Optional(const T& value) : value_(value) { flag() = true; }  // NOLINT: implicit by design
  Optional& operator=(const T& value) {
    value_ = value;
    flag() = true;
    return *this;
  }

  bool has_value() const { return flags_[kValueOffset - 1]; }
  explicit operator bool() const { return has_value(); }
  /// Only meaningful when has_value().
  const T& operator*() const { return value_; }
  T& operator*() { return value_; }
  const T* operator->() const { return &value_; }
  T* operator->() { return &value_; }
  T value_or(const T& fallback) const { return has_value() ? value_ : fallback; }
  /// Makes it a fresh value.
  T& emplace() {
    flag() = true;
    return value_ = T{};
  }
  void reset() { flag() = false; }

  friend bool operator==(const Optional& a, const T& b) { return a.has_value() && a.value_ == b; }

 private:
  bool& flag() { return flags_[kValueOffset - 1]; }

  bool flags_[kValueOffset] = {};  // the last one counts
  T value_{};
};

namespace runtime {

/// Bytes from the start of a member to its value.
template <typename Member>
struct ValueOffset {
  static constexpr size_t kBytes = 0;
};
template <typename T>
struct ValueOffset<Optional<T>> {
  static_assert(std::is_standard_layout_v<Optional<T>> &&
                    sizeof(Optional<T>) >= alignof(T) + sizeof(T),
                "the value stands behind the flag");
  static constexpr size_t kBytes = Optional<T>::kValueOffset;
};

}  // namespace runtime

}  // namespace ocpp_messages
