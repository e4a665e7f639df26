#pragma once

#include "common/log.hpp"
#include "ocpp/tag_table.hpp"

namespace ocpp {

/// The id tags that the CSMS said something about, and what (OCPP 1.6 ed. 2, 3.5.1). In a file;
/// changes wait in RAM until several can be written at once, so that a presented tag costs no write:
///
///  - what is as it was is not written at all,
///  - who may charge now, or may no longer, is written within kSoonMs,
///  - the rest (another expiry date, an unknown tag that is refused) within kLaterMs,
///  - and kWaiting changes at once. Each time the file is written anew: 56 bytes per tag.
///
/// A power cut loses what was not written yet. When the cache is full, tags that are not valid go
/// first, then those the CSMS has not confirmed for longest.
class AuthorizationCache {
 public:
  static constexpr int64_t kSoonMs = 10'000;
  static constexpr int64_t kLaterMs = 3'600'000;
  static constexpr int64_t kRetryMs = 60'000;
  static constexpr size_t kWaiting = 6;  ///< 64 bytes of RAM each.

  AuthorizationCache(platform::FileStore& files, common::LogSink& log)
      : table_(files, "auth_cache.bin"), log_(log) {}

  /// @param buffer  At least TagTable::kMinimumBufferBytes; as for step() and flush().
  void begin(common::MutableByteSpan buffer);

  /// @return false when the tag is not in the cache.
  bool find(const IdTag& id_tag, TagEntry& out) const;
  /// What the CSMS said. @param entry  stamp is ignored.
  void learn(const TagEntry& entry, common::Instant now);
  /// Forgets all. @return Whether that is true on flash, too.
  common::Status clear();
  /// Tags of the local list are to leave the cache with the next write.
  void purge(common::Instant now) { write_at_ = common::earlier(write_at_, now + kSoonMs); }

  common::Instant deadline() const { return write_at_; }
  /// Writes what waits. @param list  Its tags are left out. @param utc  Who has expired by then is
  ///   marked so; unknown: nobody.
  void write(const TagTable& list, common::UtcTime utc, common::Instant now,
             common::MutableByteSpan buffer);

  size_t size() const { return table_.size(); }  ///< Of what is written.

 private:
  class Keeper;
  TagEntry* find_waiting(const IdTag& id_tag);

  TagTable table_;
  common::LogSink& log_;
  TagEntry waiting_[kWaiting];
  uint8_t waiting_count_ = 0;
  uint32_t stamp_ = 0;  ///< Given last.
  common::Instant write_at_ = common::Instant::never();
};

}  // namespace ocpp
