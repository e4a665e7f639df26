#pragma once

#include "common/time.hpp"
#include "platform/key_value_store.hpp"

namespace gateway {

/// TLS needs the time, and the time may come from behind TLS. This waits a bounded time for a time server, and remembers the last
/// time that was known, so that certificates are never judged by a time long past.
///
/// Writes 8 bytes once a day. @par Context  Loop thread.
class KnownTime {
 public:
  /// A wss:// connection waits this long for the time after the network came up.
  static constexpr int64_t kWaitMs = 60 * 1000;
  static constexpr int64_t kStoreMs = 24 * 3600 * 1000;

  /// @param store  Outlives this; may have other keys: this has "last_utc".
  explicit KnownTime(platform::KeyValueStore& store) : store_(store) {}

  /// @param build_utc  When the firmware was made, or before.
  void begin(common::UtcTime build_utc);
  /// @param utc  Of the clock, perhaps unknown.
  void step(common::UtcTime utc, bool is_network_up, common::Instant now);
  /// The time is known, or was waited for long enough.
  bool is_ready() const { return is_ready_; }
  /// It is not earlier than this: the later of the build and the last known time.
  common::UtcTime earliest() const { return earliest_; }

 private:
  platform::KeyValueStore& store_;
  common::UtcTime build_;
  common::UtcTime earliest_;
  common::UtcTime stored_;
  bool is_ready_ = false;
  bool was_up_ = false;
  common::Instant up_since_;
};

}  // namespace gateway
