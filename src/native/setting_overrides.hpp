#pragma once

#include "platform/key_value_store.hpp"
#include "security/sha256.hpp"

#include <cstring>
#include <map>
#include <string>

namespace native {

/// Settings of the command line in front of the stored ones: they win for this run and are never stored.
/// Setting such a value on the console stores it and ends the override. Of what OCPP may change, key and security
/// profile, the stored one wins in later runs too, until the command line says something else than it did then: a
/// service that begins with the key of its first day would be refused for ever.
class SettingOverrides final : public platform::KeyValueStore {
 public:
  /// Keeps a reference to the store.
  SettingOverrides(platform::KeyValueStore& store, std::map<std::string, std::string> values)
      : store_(store), values_(std::move(values)) {
    for (const Lasting& one : kLasting) {
      const auto found = values_.find(one.key);
      Digest then;
      if (found != values_.end() &&
          store_.get(one.mark, common::MutableByteSpan(then.bytes)).ok() &&
          std::memcmp(then.bytes, Digest(found->second).bytes, sizeof then.bytes) == 0)
        values_.erase(found);
    }
  }

  common::Result<size_t> get(const char* key, common::MutableByteSpan buffer) override {
    const auto found = values_.find(key);
    if (found == values_.end()) return store_.get(key, buffer);
    if (found->second.size() > buffer.size()) return common::Status::kNoSpace;
    std::memcpy(buffer.data(), found->second.data(), found->second.size());
    return found->second.size();
  }
  common::Status set(const char* key, common::ByteSpan value) override {
    RETURN_IF_ERROR(store_.set(key, value));
    const auto found = values_.find(key);
    if (found == values_.end()) return common::Status::kOk;
    for (const Lasting& one : kLasting) {
      if (found->first == one.key)
        (void)store_.set(one.mark, common::ByteSpan(Digest(found->second).bytes));
    }
    values_.erase(found);
    return common::Status::kOk;
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
  /// What OCPP may change, and where it is noted which override it has taken the place of.
  struct Lasting {
    const char* key;
    const char* mark;
  };
  static constexpr Lasting kLasting[] = {{"password", "was.password"},
                                         {"sec_profile", "was.sec_profile"}};

  struct Digest {
    uint8_t bytes[32] = {};
    Digest() = default;
    explicit Digest(const std::string& text) {
      security::sha256(common::as_bytes(common::TextSpan(text.data(), text.size())), bytes);
    }
  };

  platform::KeyValueStore& store_;
  std::map<std::string, std::string> values_;
};

}  // namespace native
