#pragma once

#include "common/span.hpp"
#include "common/status.hpp"
#include "platform/write_count.hpp"

namespace platform {

/// Small settings that change seldom (NVS on the ESP32, a folder natively). Each set() is atomic and
/// durable: after a power cut the old or the new value is there, whole.
class KeyValueStore {
 public:
  static constexpr size_t kMaxKeyBytes = 15;  ///< NVS limit. [A-Za-z0-9_.-]
  static constexpr size_t kMaxValueBytes = 1024;

  virtual ~KeyValueStore() = default;
  /// @return Bytes of the value, copied to buffer. kNotFound; kNoSpace when buffer is too small; kIo.
  virtual common::Result<size_t> get(const char* key, common::MutableByteSpan buffer) = 0;
  /// Writing the value that is already stored costs no flash write.
  virtual common::Status set(const char* key, common::ByteSpan value) = 0;
  /// @retval kOk  The key is gone, or was never there.
  virtual common::Status erase(const char* key) = 0;
  /// Erases every key (factory reset).
  virtual common::Status erase_all() = 0;
  /// What was written since the object was made; nothing where nobody counts.
  virtual WriteCount written() const { return {}; }
};

}  // namespace platform
