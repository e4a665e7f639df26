#include "platform_sim/sim_file_store.hpp"

#include "platform_sim/malloc_trap.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace platform_sim {

using common::Result;
using common::Status;

namespace {

bool is_valid_name(const char* name) {
  const size_t length = std::strlen(name);
  if (length == 0 || length > platform::FileStore::kMaxNameBytes) return false;
  return std::all_of(name, name + length, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  });
}

}  // namespace

Result<uint32_t> SimFileStore::size(const char* name) {
  const MallocTrap::Exempt exempt;
  assert(is_valid_name(name));
  if (!power_.access() || reads_fail_) return Status::kIo;
  const auto file = files_.find(name);
  if (file == files_.end()) return Status::kNotFound;
  return static_cast<uint32_t>(file->second.size());
}

Result<size_t> SimFileStore::read(const char* name, uint32_t offset,
                                  common::MutableByteSpan buffer) {
  const MallocTrap::Exempt exempt;
  assert(is_valid_name(name));
  if (!power_.access() || reads_fail_) return Status::kIo;
  ++reads_;
  const auto file = files_.find(name);
  if (file == files_.end()) return Status::kNotFound;
  const std::vector<uint8_t>& bytes = file->second;
  if (offset >= bytes.size()) return size_t{0};
  const size_t count = std::min({buffer.size(), bytes.size() - offset, max_read_});
  if (count > 0) std::memcpy(buffer.data(), bytes.data() + offset, count);
  return count;
}

Status SimFileStore::append(const char* name, common::ByteSpan data) {
  const MallocTrap::Exempt exempt;
  assert(is_valid_name(name));
  ++appends_;
  if (!power_.access()) return Status::kIo;
  size_t wanted = data.size();
  Status outcome = Status::kOk;
  if (append_failure_ != Status::kOk) {
    outcome = append_failure_;
    append_failure_ = Status::kOk;
    wanted = std::min(wanted, append_failure_bytes_);
  } else if (wanted > free_bytes()) {
    outcome = Status::kNoSpace;
    wanted = free_bytes();
  }
  const SimPower::Grant grant = power_.request(wanted);
  if (!grant.is_performed) return Status::kIo;
  written_.add(grant.bytes);
  std::vector<uint8_t>& bytes = files_[name];
  bytes.insert(bytes.end(), data.begin(), data.begin() + grant.bytes);
  if (grant.is_reported) return outcome;
  for (size_t i = grant.bytes; i < wanted; ++i) {
    switch (torn_) {
      case Torn::kPrefix:
        return Status::kIo;
      case Torn::kGarbage:
        bytes.push_back(static_cast<uint8_t>(entropy_.next_u64()));
        break;
      case Torn::kZeros:
        bytes.push_back(0);
        break;
      case Torn::kErased:
        bytes.push_back(0xFF);
        break;
      case Torn::kHalfProgrammed: {
        const bool is_touched = entropy_.below(4) == 0;
        const auto bit = static_cast<uint8_t>(1U << entropy_.below(8));
        bytes.push_back(static_cast<uint8_t>(data[i] | (is_touched ? bit : 0U)));
        break;
      }
    }
  }
  return Status::kIo;
}

Status SimFileStore::rename(const char* from, const char* to) {
  const MallocTrap::Exempt exempt;
  assert(is_valid_name(from) && is_valid_name(to));
  if (!power_.access()) return Status::kIo;
  if (!exists(from)) return Status::kNotFound;
  const SimPower::Grant grant = power_.request(0);
  if (!grant.is_performed) return Status::kIo;
  written_.add(0);
  std::vector<uint8_t> bytes = std::move(files_[from]);
  files_.erase(from);
  files_[to] = std::move(bytes);
  return grant.is_reported ? Status::kOk : Status::kIo;
}

Status SimFileStore::remove(const char* name) {
  const MallocTrap::Exempt exempt;
  assert(is_valid_name(name));
  if (!power_.access()) return Status::kIo;
  if (!exists(name)) return Status::kOk;
  const SimPower::Grant grant = power_.request(0);
  if (!grant.is_performed) return Status::kIo;
  written_.add(0);
  files_.erase(name);
  return grant.is_reported ? Status::kOk : Status::kIo;
}

Status SimFileStore::erase_all() {
  while (!files_.empty()) RETURN_IF_ERROR(remove(std::string(files_.begin()->first).c_str()));
  return Status::kOk;
}

uint32_t SimFileStore::free_bytes() {
  const uint64_t used = used_bytes();
  return used >= capacity_ ? 0 : static_cast<uint32_t>(capacity_ - used);
}

uint64_t SimFileStore::used_bytes() const {
  uint64_t used = 0;
  for (const auto& file : files_) used += file.second.size();
  return used;
}

}  // namespace platform_sim
