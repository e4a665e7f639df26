#pragma once

#include "gateway/factory_reset.hpp"
#include "platform_esp32/little_fs_file_store.hpp"
#include "platform_esp32/nvs_key_value_store.hpp"

namespace esp32 {

/// The partitions of LittleFS and of NVS. Both are erased as a whole: deleting alone leaves old values readable in flash. With
/// NVS go the passwords that the radio's driver and older firmware have left there.
class ResetPlaces final : public gateway::FactoryReset::Places {
 public:
  static constexpr size_t kMaxStores = 6;
  using Stores = platform_esp32::NvsKeyValueStore* [kMaxStores];

  /// All outlive this. @param stores  That are open; nullptr = none.
  ResetPlaces(const Stores& stores, platform_esp32::LittleFsFileStore& files,
              platform::Device& device)
      : stores_(stores), files_(files), device_(device) {}

  common::Status erase_stores() override {
    platform_esp32::NvsVolume volume;
    RETURN_IF_ERROR(volume.format());  // closes whatever is open
    RETURN_IF_ERROR(volume.mount());
    for (platform_esp32::NvsKeyValueStore* store : stores_) {
      if (store != nullptr) RETURN_IF_ERROR(store->open_again());
    }
    return common::Status::kOk;
  }
  common::Status erase_files() override { return files_.erase_all(device_); }

 private:
  const Stores& stores_;
  platform_esp32::LittleFsFileStore& files_;
  platform::Device& device_;
};

}  // namespace esp32
