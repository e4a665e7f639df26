#pragma once

#include "platform/key_value_store.hpp"

#include <cstring>
#include <map>
#include <string>

namespace native {

/// Settings of the command line in front of the stored ones: they win for this run and are never stored.
/// Setting such a value on the console stores it and ends the override.
class SettingOverrides final : public platform::KeyValueStore {
 public:
  /// Keeps a reference to the store.
  SettingOverrides(platform::KeyValueStore& store, std::map<std::string, std::string> values)
      : store_(store), values_(std::move(values)) {}

  common::Result<size_t> get(const char* key, common::MutableByteSpan buffer) override {
    const auto found = values_.find(key);
    if (found == values_.end()) return store_.get(key, buffer);
    if (found->second.size() > buffer.size()) return common::Status::kNoSpace;
    std::memcpy(buffer.data(), found->second.data(), found->second.size());
    return found->second.size();
  }
  common::Status set(const char* key, common::ByteSpan value) override {
    values_.erase(key);
    return store_.set(key, value);
  }
  common::Status erase(const char* key) override {
    values_.erase(key);
    return store_.erase(key);
  }
  common::Status erase_all() override {
    values_.clear();
    return store_.erase_all();
  }
  platform::WriteCount written() const override { return store_.written(); }

 private:
  platform::KeyValueStore& store_;
  std::map<std::string, std::string> values_;
};

}  // namespace native
