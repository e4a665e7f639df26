#pragma once

#include <cstdint>
#include <utility>

namespace common {

/// Outcome of an operation. Closed set: every caller can handle every value.
enum class [[nodiscard]] Status : uint8_t {
  kOk,
  kAgain,            ///< Nothing yet, or no room right now; try again after the next event.
  kNoSpace,          ///< A bounded buffer, pool or flash area is full; nothing was changed.
  kNotFound,         ///< No such item.
  kInvalidArgument,  ///< The argument is outside its documented range.
  kInvalidState,     ///< Not allowed in the present state; state unchanged.
  kTimeout,          ///< No answer within the stated time.
  kIo,               ///< The device, file or socket failed.
  kCorrupt,          ///< Stored or received data failed its check (CRC, format).
  kUnsupported,      ///< The device or build does not offer this.
  kClosed,           ///< The peer or link is gone.
};

/// Stable lower-case name for logs and the console, for instance "no_space".
const char* to_string(Status status);

/// A value or the reason why there is none. T must be default-constructible.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)), status_(Status::kOk) {}  // NOLINT: implicit by design
  Result(Status status) : status_(status) {}                           // NOLINT: implicit by design

  bool ok() const { return status_ == Status::kOk; }
  Status status() const { return status_; }
  /// Only meaningful when ok().
  const T& value() const { return value_; }
  T& value() { return value_; }
  T value_or(T fallback) const { return ok() ? value_ : fallback; }

 private:
  T value_{};
  Status status_;
};

}  // namespace common

/// Returns the status of x from the enclosing function unless it is kOk.
#define RETURN_IF_ERROR(x)                                                        \
  do {                                                                            \
    if (const ::common::Status status_ = (x); status_ != ::common::Status::kOk) { \
      return status_;                                                             \
    }                                                                             \
  } while (false)
