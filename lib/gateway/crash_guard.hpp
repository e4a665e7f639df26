#pragma once

#include "common/log.hpp"
#include "common/time.hpp"
#include "platform/device.hpp"
#include "platform/key_value_store.hpp"

namespace gateway {

/// Counts crashes over restarts and takes the gateway out of what crashes it.
///
///     kNormal --3 crashes in 10 min--> kSafe --3 more in 10 min--> kConsoleOnly
///        ^                               |  ^                           |
///        +--- 30 min without a crash, ---+  +--- 30 min without one ----+
///             or leave()
///
/// A crash is a restart by a watchdog, a panic or a brown-out: a contactor that pulls the supply down restarts a gateway as
/// surely as a bug. Restarts on purpose and power cuts are none. The 10 minutes are time that the gateway ran, to kNoteMs
/// for each run: how long it was off nobody knows. The state is one value in the key-value store, so a power cut leaves
/// the old or the new one. Writes: one for each crash, then five in the ten minutes after it, else none.
/// @par Context  Loop thread. No heap.
class CrashGuard {
 public:
  enum class Mode : uint8_t {
    kNormal,
    kSafe,  ///< Chargers are kept off, connectors are Unavailable; CSMS, network and console work.
    kConsoleOnly,  ///< Neither chargers nor OCPP are started.
  };

  static constexpr size_t kCrashes = 3;
  static constexpr int64_t kWindowMs = 10 * 60 * 1000;
  static constexpr int64_t kNoteMs = 2 * 60 * 1000;
  static constexpr int64_t kHealthyMs = 30 * 60 * 1000;
  static constexpr int64_t kRetryMs = 10 * 1000;  ///< After the store failed.

  /// @param store  Keys of this alone; outlives the guard. nullptr = counts nothing.
  CrashGuard(platform::KeyValueStore* store, common::LogSink& log) : store_(store), log_(log) {}

  /// Once per start, before anything that might crash. @param cause  Why the gateway started.
  void begin(platform::ResetCause cause, common::Instant now);
  /// Ages the crashes, ends a mode after kHealthyMs. @return  When to call again at the latest.
  common::Instant step(common::Instant now);
  /// Back to kNormal, all crashes of the window forgotten.
  /// @retval kIo, kNoSpace  Not stored yet: tried again, but a restart before that returns to the old mode.
  common::Status leave(common::Instant now);

  Mode mode() const { return mode_; }
  /// The mode that parts were started in no longer fits: only a restart leaves kConsoleOnly.
  bool needs_restart() const { return started_in_ == Mode::kConsoleOnly && mode_ != started_in_; }
  /// Crashes of the last kWindowMs that count for the next mode.
  size_t crashes() const { return count_; }
  /// Crashes since the store was new.
  uint32_t total() const { return total_; }
  /// Until the mode ends by itself, ms; 0 in kNormal.
  int64_t remaining_ms(common::Instant now) const;

 private:
  bool read();
  void count_crash();
  void age(common::Instant now);
  common::Status store(common::Instant now);

  platform::KeyValueStore* const store_;
  common::LogSink& log_;
  Mode mode_ = Mode::kNormal;
  Mode started_in_ = Mode::kNormal;
  size_t count_ = 0;
  int64_t ages_ms_[kCrashes] = {};  ///< Since each crash, in time that the gateway ran.
  uint32_t total_ = 0;
  bool was_crash_ = false;  ///< The start is one that counts, and has not been counted.
  bool is_read_ = false;
  bool is_dirty_ = false;  ///< The store does not hold this yet.
  common::Instant aged_at_;
  common::Instant healthy_since_;
  common::Instant due_at_ = common::Instant::never();
};

/// Name for the console and logs.
const char* to_string(CrashGuard::Mode mode);

}  // namespace gateway
