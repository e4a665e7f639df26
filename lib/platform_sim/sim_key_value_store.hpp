#pragma once

#include "platform/key_value_store.hpp"
#include "platform_sim/sim_power.hpp"

#include <map>
#include <string>
#include <vector>

namespace platform_sim {

/// Settings in memory; each set is atomic, whatever byte the cut falls on.
class SimKeyValueStore final : public platform::KeyValueStore {
 public:
  /// @param power  Outlives the store.
  explicit SimKeyValueStore(SimPower& power) : power_(power) {}

  common::Result<size_t> get(const char* key, common::MutableByteSpan buffer) override;
  common::Status set(const char* key, common::ByteSpan value) override;
  common::Status erase(const char* key) override;
  common::Status erase_all() override;
  platform::WriteCount written() const override { return written_; }

  const std::map<std::string, std::vector<uint8_t>>& all() const { return values_; }
  bool exists(const std::string& key) const { return values_.count(key) != 0; }
  size_t count() const { return values_.size(); }
  /// Sets that changed a value: what would have worn flash.
  uint64_t writes() const { return written_.writes; }
  /// The next set that would change something fails with this.
  void fail_next_set(common::Status status) { set_failure_ = status; }

 private:
  SimPower& power_;
  std::map<std::string, std::vector<uint8_t>> values_;
  common::Status set_failure_ = common::Status::kOk;
  platform::WriteCount written_;
};

}  // namespace platform_sim
