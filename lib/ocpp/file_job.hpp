#pragma once

#include "common/limits.hpp"
#include "common/span.hpp"
#include "common/status.hpp"
#include "common/time.hpp"
#include "ocpp/charge_point_types.hpp"

namespace ocpp {

class Engine;

/// What an order of the CSMS to fetch or send a file asks for.
struct FileOrder {
  common::TextSpan url;  ///< 1..limits::kMaxLocationBytes
  int32_t retries = 3;   ///< After the first attempt, >= 0.
  int32_t retry_interval_s = 60;
  common::UtcTime
      from;            ///< Firmware: not before. Diagnostics: events since. Unknown = at once, all.
  common::UtcTime to;  ///< Diagnostics: events until; unknown = now.
};

/// What of an order is on flash.
struct FileJobRecord {
  uint8_t phase_ = 0;  ///< 0: nothing to do.
  uint8_t happened_ = 0;
  uint8_t told_ = 0;
  int32_t retries_left_ = 0;
  int32_t retry_interval_s_ = 0;
  common::UtcTime from_;
  common::UtcTime to_;
  uint32_t url_crc_ = 0;
};

/// What UpdateFirmware and GetDiagnostics have in common: an order that survives restarts, attempts at it, and
/// statuses that are told to the CSMS one by one, in order and until it has answered, however long that takes.
///
/// On flash, under the job's key (little-endian; fields are only appended):
///   version u8 = 1, phase u8, happened u8, told u8, retries left i32, retry interval s i32, from i64, to i64 (ms),
///   CRC-32 of the location u32
/// and under the key with "_url" the location. The first is removed before the second is replaced.
class FileJob : protected FileJobRecord {
 public:
  /// The next status the CSMS does not know. @return false when it knows all.
  bool next_to_tell(uint8_t& step) const;
  /// @param receipt  Of receipt(), when the status was sent.
  void on_told(uint32_t receipt);
  /// Identifies a status of the present order; never 0.
  uint32_t receipt(uint8_t step) const { return generation_ << 8U | (step + 1U); }
  /// TriggerMessage asked for the status.
  bool is_triggered = false;
  bool is_transferring() const { return is_transferring_; }

 protected:
  FileJob(Engine& engine, const char* key, const char* url_key)
      : engine_(engine), key_(key), url_key_(url_key) {}

  void load();
  common::Status store() const;
  /// Replaces the order and its statuses. @retval kNoSpace, kIo  Not stored: there is no order now.
  common::Status accept(const FileOrder& order, uint8_t first_phase);
  bool is_same(const FileOrder& order) const;
  common::Result<size_t> read_url(common::Span<char> buffer) const;
  /// Persisted at once.
  void enter(uint8_t phase);
  /// Persisted at once. @param step  Reached now: its bit in happened_, < 8.  @param status  Its name, static.
  void enter(uint8_t phase, uint8_t step, EventType type, const char* status);
  /// Last step that was reached, or kNoStep.
  uint8_t last_step() const;
  /// Counts a failed attempt. @return false when it was the last.
  bool may_retry(uint8_t waiting_phase);
  bool is_transfer_free() const;

  static constexpr uint8_t kNoStep = 0xFF;
  static constexpr int64_t kPollMs = 10;  ///< While bytes flow.
  static constexpr int64_t kUnreadMs = 1000;
  static constexpr int64_t kSlowPollMs = 100;  ///< While none do.

  Engine& engine_;
  uint32_t generation_ = 0;  ///< Counts orders since begin().
  const char* const key_;
  const char* const url_key_;
  bool is_transferring_ = false;
  bool is_unread_ = false;  ///< The flash did not give the order; begin() is to be called again.
  common::Instant retry_at_;
};

}  // namespace ocpp
