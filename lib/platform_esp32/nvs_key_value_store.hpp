#pragma once

#include "platform/key_value_store.hpp"

#include <nvs.h>

namespace platform_esp32 {

/// One namespace of the NVS partition. NVS writes the new entry before it marks the old one erased, so a value is
/// replaced whole or not at all.
class NvsKeyValueStore final : public platform::KeyValueStore {
 public:
  NvsKeyValueStore() = default;
  ~NvsKeyValueStore() override;
  NvsKeyValueStore(const NvsKeyValueStore&) = delete;
  NvsKeyValueStore& operator=(const NvsKeyValueStore&) = delete;

  /// Initialises the partition once; erases it only when its format cannot be read by this firmware.
  /// @retval kIo  The partition is missing or unusable.
  static common::Status begin_partition();
  /// @param name_space  At most 15 characters.
  common::Status open(const char* name_space);

  common::Result<size_t> get(const char* key, common::MutableByteSpan buffer) override;
  common::Status set(const char* key, common::ByteSpan value) override;
  common::Status erase(const char* key) override;
  common::Status erase_all() override;

 private:
  bool holds(const char* key, common::ByteSpan value);

  nvs_handle_t handle_ = 0;
  bool is_open_ = false;
};

}  // namespace platform_esp32
