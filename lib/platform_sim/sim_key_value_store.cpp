#include "platform_sim/sim_key_value_store.hpp"

#include "platform_sim/malloc_trap.hpp"

#include <algorithm>
#include <cstring>

namespace platform_sim {

using common::Result;
using common::Status;

namespace {

bool is_valid_key(const char* key) {
  const size_t length = std::strlen(key);
  if (length == 0 || length > platform::KeyValueStore::kMaxKeyBytes) return false;
  return std::all_of(key, key + length, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

}  // namespace

Result<size_t> SimKeyValueStore::get(const char* key, common::MutableByteSpan buffer) {
  const MallocTrap::Exempt exempt;
  if (!power_.access()) return Status::kIo;
  const auto value = values_.find(key);
  if (value == values_.end()) return Status::kNotFound;
  if (value->second.size() > buffer.size()) return Status::kNoSpace;
  std::copy(value->second.begin(), value->second.end(), buffer.begin());
  return value->second.size();
}

Status SimKeyValueStore::set(const char* key, common::ByteSpan value) {
  const MallocTrap::Exempt exempt;
  if (!is_valid_key(key) || value.size() > kMaxValueBytes) return Status::kInvalidArgument;
  if (!power_.access()) return Status::kIo;
  std::vector<uint8_t> bytes(value.begin(), value.end());
  const auto existing = values_.find(key);
  if (existing != values_.end() && existing->second == bytes) return Status::kOk;
  if (set_failure_ != Status::kOk) {
    const Status failure = set_failure_;
    set_failure_ = Status::kOk;
    return failure;
  }
  const size_t wanted = bytes.size();
  const SimPower::Grant grant = power_.request(wanted);
  if (grant.is_performed && grant.bytes == wanted) {
    values_[key] = std::move(bytes);
    written_.add(wanted);
  }
  return grant.is_reported ? Status::kOk : Status::kIo;
}

Status SimKeyValueStore::erase(const char* key) {
  const MallocTrap::Exempt exempt;
  if (!power_.access()) return Status::kIo;
  if (!exists(key)) return Status::kOk;
  const SimPower::Grant grant = power_.request(0);
  if (grant.is_performed) values_.erase(key);
  return grant.is_reported ? Status::kOk : Status::kIo;
}

Status SimKeyValueStore::erase_all() {
  const MallocTrap::Exempt exempt;
  if (!power_.access()) return Status::kIo;
  const SimPower::Grant grant = power_.request(0);
  if (grant.is_performed) values_.clear();
  return grant.is_reported ? Status::kOk : Status::kIo;
}

}  // namespace platform_sim
