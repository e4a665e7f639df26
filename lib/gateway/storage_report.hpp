#pragma once

#include "common/log.hpp"
#include "common/time.hpp"
#include "json/writer.hpp"
#include "platform/file_store.hpp"
#include "platform/key_value_store.hpp"
#include "platform/volume.hpp"

namespace gateway {

/// How the two places on flash are, and what has been written to them since the gateway was made: flash bears some hundred
/// thousand erasures of a block. The sums are kept in one value, stored once an hour when something was written and
/// before a restart on purpose; a power cut loses the last hour of them.
/// @par Context  Loop thread. No heap.
class StorageReport {
 public:
  static constexpr int64_t kKeepMs = 60 * 60 * 1000;
  static constexpr size_t kMaxSettingStores = 4;

  /// The stores of one gateway; all outlive the report.
  struct Stores {
    const platform::FileStore& files;
    platform::KeyValueStore* settings[kMaxSettingStores];  ///< On one partition; nullptr = none.
    platform::KeyValueStore& kept_in;                      ///< Has the sums.
  };
  struct Wear {
    uint32_t writes = 0;
    uint64_t bytes = 0;
    uint16_t formats = 0;
  };

  StorageReport(const Stores& stores, common::LogSink& log) : stores_(stores), log_(log) {}

  /// Once per start, after the volumes are mounted.
  void begin(platform::VolumeState files, platform::VolumeState settings, common::Instant now);
  /// @return When to call again.
  common::Instant step(common::Instant now);
  /// Stores the sums. @retval kIo, kNoSpace  Not stored; step() tries again.
  common::Status flush(common::Instant now);

  platform::VolumeState files() const { return file_state_; }
  platform::VolumeState settings() const { return setting_state_; }
  Wear file_wear() const;
  Wear setting_wear() const;
  /// Writes the member `storage`.
  void write(json::Writer& out) const;

 private:
  platform::WriteCount setting_writes() const;

  const Stores stores_;
  common::LogSink& log_;
  platform::VolumeState file_state_ = platform::VolumeState::kReady;
  platform::VolumeState setting_state_ = platform::VolumeState::kReady;
  Wear file_base_;  ///< Before this start.
  Wear setting_base_;
  uint32_t kept_writes_ = 0;  ///< Of this run, when the sums were stored last.
  common::Instant due_at_;
};

}  // namespace gateway
