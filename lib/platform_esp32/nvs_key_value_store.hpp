#pragma once

#include "platform/key_value_store.hpp"
#include "platform/volume.hpp"

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

  /// @param name_space  At most 15 characters; static.
  common::Status open(const char* name_space);
  /// After the partition was erased.
  common::Status open_again() { return open(name_space_); }

  common::Result<size_t> get(const char* key, common::MutableByteSpan buffer) override;
  common::Status set(const char* key, common::ByteSpan value) override;
  common::Status erase(const char* key) override;
  common::Status erase_all() override;
  platform::WriteCount written() const override { return written_; }

 private:
  bool holds(const char* key, common::ByteSpan value);
  common::Status commit(size_t bytes);

  nvs_handle_t handle_ = 0;
  const char* name_space_ = "";
  bool is_open_ = false;
  platform::WriteCount written_;
};

/// The NVS partition that the namespaces share. A partition that is erased is mounted as it is: NVS needs no formatting.
class NvsVolume final : public platform::Volume {
 public:
  common::Status mount() override;
  bool is_blank() override { return false; }
  common::Status format() override;
};

}  // namespace platform_esp32
