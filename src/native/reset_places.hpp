#pragma once

#include "gateway/factory_reset.hpp"
#include "platform_linux/file_key_value_store.hpp"
#include "platform_linux/posix_file_store.hpp"

#include <vector>

namespace native {

/// The data folder. Files are deleted, not overwritten: what a disk keeps of deleted files is the host's affair.
class ResetPlaces final : public gateway::FactoryReset::Places {
 public:
  /// All outlive this.
  ResetPlaces(std::vector<platform_linux::FileKeyValueStore*> stores,
              platform_linux::PosixFileStore& files)
      : stores_(std::move(stores)), files_(files) {}

  common::Status erase_stores() override {
    for (platform_linux::FileKeyValueStore* store : stores_) RETURN_IF_ERROR(store->erase_all());
    return common::Status::kOk;
  }
  common::Status erase_files() override { return files_.erase_all(); }

 private:
  const std::vector<platform_linux::FileKeyValueStore*> stores_;
  platform_linux::PosixFileStore& files_;
};

}  // namespace native
