#pragma once

#include "platform/file_store.hpp"
#include "platform_sim/sim_entropy.hpp"
#include "platform_sim/sim_power.hpp"

#include <map>
#include <string>
#include <vector>

namespace platform_sim {

/// Files in memory that keep the power-cut contract of FileStore and nothing more: a cut append leaves a prefix
/// of its bytes, or worse, as the test chooses. The files outlive the objects that use them, as flash does.
class SimFileStore final : public platform::FileStore {
 public:
  /// What a cut append leaves behind the bytes that were written.
  enum class Torn : uint8_t {
    kPrefix,          ///< Nothing: the contract of FileStore.
    kGarbage,         ///< Random bytes for the rest of the append.
    kZeros,           ///< Zeros for the rest (length written before data).
    kErased,          ///< 0xFF for the rest (erased flash).
    kHalfProgrammed,  ///< The bytes of the append, but for some bits that are not cleared yet.
  };

  /// @param power  Outlives the store.
  explicit SimFileStore(SimPower& power, uint64_t seed = 1) : power_(power), entropy_(seed) {}

  common::Result<uint32_t> size(const char* name) override;
  common::Result<size_t> read(const char* name, uint32_t offset,
                              common::MutableByteSpan buffer) override;
  common::Status append(const char* name, common::ByteSpan data) override;
  common::Status rename(const char* from, const char* to) override;
  common::Status remove(const char* name) override;
  uint32_t free_bytes() override;
  platform::WriteCount written() const override { return written_; }

  /// Total size of the medium, bytes; files that are larger already stay.
  void set_capacity(uint32_t bytes) { capacity_ = bytes; }
  void set_torn(Torn torn) { torn_ = torn; }
  /// The next append stores this many bytes (at most its own) and then fails; power stays on.
  void fail_next_append(common::Status status, size_t stored_bytes) {
    append_failure_ = status;
    append_failure_bytes_ = stored_bytes;
  }
  /// While set every read and size() fails with kIo.
  void set_reads_fail(bool fail) { reads_fail_ = fail; }

  /// Reads return at most this many bytes at a time.
  void set_max_read(size_t bytes) { max_read_ = bytes; }

  /// Removes all files, one operation each.
  common::Status erase_all();

  const std::map<std::string, std::vector<uint8_t>>& all() const { return files_; }
  bool exists(const std::string& name) const { return files_.count(name) != 0; }
  /// The bytes of a file, to look at or to damage; creates it.
  std::vector<uint8_t>& raw(const std::string& name) { return files_[name]; }
  void flip_bit(const std::string& name, size_t offset, unsigned bit) {
    files_[name].at(offset) ^= static_cast<uint8_t>(1U << bit);
  }

  uint64_t reads() const { return reads_; }
  uint64_t appends() const { return appends_; }

 private:
  uint64_t used_bytes() const;

  SimPower& power_;
  SimEntropy entropy_;
  std::map<std::string, std::vector<uint8_t>> files_;
  uint32_t capacity_ = 4 * 1024 * 1024;
  Torn torn_ = Torn::kPrefix;
  common::Status append_failure_ = common::Status::kOk;
  size_t append_failure_bytes_ = 0;
  bool reads_fail_ = false;
  size_t max_read_ = SIZE_MAX;
  uint64_t reads_ = 0;
  uint64_t appends_ = 0;
  platform::WriteCount written_;
};

}  // namespace platform_sim
