#pragma once

#include "common/span.hpp"

#include <utility>

namespace security {

/// A block of mbedTLS's heap that is wiped before it is given back. What is too large to be kept for ever, such as a
/// certificate while it is checked, lies in one of these.
class Buffer {
 public:
  Buffer() = default;
  ~Buffer() { release(); }
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        capacity_(std::exchange(other.capacity_, 0)),
        size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept;

  /// @return Whether there was room; what was held before is gone in any case. size() is 0 then.
  bool allocate(size_t capacity);
  void release();

  uint8_t* data() { return data_; }
  size_t capacity() const { return capacity_; }
  size_t size() const { return size_; }
  /// @param size  At most capacity().
  void set_size(size_t size) { size_ = size <= capacity_ ? size : capacity_; }
  /// @return False when it is full; nothing is added then.
  bool append(common::ByteSpan bytes);
  bool append_u8(uint8_t value) { return append(common::ByteSpan(&value, 1)); }
  bool append_u16(size_t value);
  common::ByteSpan bytes() const { return common::ByteSpan(data_, size_); }
  common::MutableByteSpan room() { return common::MutableByteSpan(data_, capacity_); }

 private:
  uint8_t* data_ = nullptr;
  size_t capacity_ = 0;
  size_t size_ = 0;
};

/// Wipes bytes so that no compiler leaves it out.
void wipe(common::MutableByteSpan bytes);

/// Whether mbedTLS failed for want of memory: then nothing has been judged.
bool is_memory_error(int mbedtls_error);

}  // namespace security
