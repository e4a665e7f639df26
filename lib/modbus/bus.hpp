#pragma once

#include "common/fixed_vector.hpp"
#include "common/limits.hpp"
#include "common/time.hpp"
#include "modbus/frame.hpp"
#include "platform/serial_link.hpp"

namespace modbus {

/// One unit on a bus. Times in ms.
struct UnitConfig {
  uint8_t unit_id = 1;  ///< 1..247
  platform::SerialSettings serial;
  uint16_t timeout_ms =
      400;  ///< What the unit may take to answer, 50..5000; time on the wire is added.
  uint16_t gap_ms =
      0;  ///< Silence on the bus before a request to this unit; at least 3.5 characters are kept.
  uint8_t retries = 2;  ///< Further tries of a request that got no valid answer, 0..5.
};

/// Counters of one unit; they wrap.
struct UnitStatistics {
  uint32_t requests = 0;    ///< Frames sent, retries included.
  uint32_t replies = 0;     ///< Valid answers, exceptions included.
  uint32_t timeouts = 0;    ///< Nothing came.
  uint32_t crc_errors = 0;  ///< An answer came with a wrong CRC.
  uint32_t garbage = 0;     ///< Bytes came, no answer.
  uint32_t exceptions = 0;  ///< The unit refused.
};

/// Writes go before reads of any unit, those before what can wait. On a full bus one request in kPatience + 1 is one
/// that could wait.
enum class Priority : uint8_t { kWrite, kRead, kBackground };

enum class Outcome : uint8_t {
  kOk,
  kException,  ///< See exception_code.
  kTimeout,    ///< No answer after all tries.
  kBadReply,   ///< Bytes, but no valid answer after all tries.
  kLinkDown,   ///< The serial device is gone; the bus tries to get it back every second.
};

/// A finished request.
struct Completion {
  uint8_t unit_index = 0;
  uint8_t tag = 0;
  Outcome outcome = Outcome::kTimeout;
  uint8_t exception_code = 0;
  Request request;
  common::ByteSpan payload;  ///< Data of a read; valid until the next call of the bus.
};

/// One Modbus RTU master and its units on one serial line.
///
/// One request is on the wire at a time. Units take turns; a try that fails goes back to the queue, so that a silent unit
/// costs the others one timeout per turn. After kSilentAfter failures in a row a unit counts as silent: single tries,
/// further and further apart (up to kMaxBackoffMs), until it answers.
///
/// @par Memory  No heap. @par Context  One thread; does not block.
class Bus {
 public:
  static constexpr size_t kQueuePerUnit = 3;
  static constexpr uint8_t kPatience = 8;
  static constexpr uint8_t kSilentAfter = 3;
  static constexpr int64_t kFirstBackoffMs = 500;
  static constexpr int64_t kMaxBackoffMs = 5000;
  static constexpr int64_t kLinkRetryMs = 1000;

  /// @param link  Must outlive the bus.
  void begin(platform::SerialLink& link);
  bool has_begun() const { return link_ != nullptr; }

  /// @return Index of the unit. kInvalidArgument: outside the ranges above, or the id is taken. kNoSpace.
  common::Result<uint8_t> add_unit(const UnitConfig& config);
  size_t unit_count() const { return units_.size(); }

  /// Queues a request; request.unit is set by the bus. A queued request of the same unit and tag that has not been sent
  /// is replaced: the newest wish counts.
  /// @retval kInvalidArgument  No such unit, or validate() refuses the request.
  /// @retval kNoSpace          kQueuePerUnit requests are waiting.
  common::Status submit(uint8_t unit_index, uint8_t tag, Priority priority, const Request& request);
  /// Drops what is queued for the unit; a request on the wire still completes.
  void cancel(uint8_t unit_index);
  bool is_pending(uint8_t unit_index, uint8_t tag) const;

  /// Sends, receives, times out. Take completions after each call; nothing new is sent while one waits.
  /// @return When to call again at the latest.
  common::Instant step(common::Instant now);
  /// @return false when nothing has finished.
  bool take_completion(Completion& out);

  const UnitStatistics& statistics(uint8_t unit_index) const {
    return units_[unit_index].statistics;
  }
  bool is_silent(uint8_t unit_index) const { return units_[unit_index].failures >= kSilentAfter; }

 private:
  struct Entry {
    bool used = false;
    uint8_t tag = 0;
    Priority priority = Priority::kRead;
    uint8_t tries = 0;
    uint32_t order = 0;
    Request request;
  };
  struct Unit {
    UnitConfig config;
    UnitStatistics statistics;
    Entry queue[kQueuePerUnit];
    uint8_t failures = 0;  ///< Tries without a valid answer in a row, saturating.
    int64_t backoff_ms = 0;
    common::Instant not_before;  ///< No request to this unit earlier.
    uint32_t last_turn = 0;
  };
  enum class Phase : uint8_t { kIdle, kSending, kReceiving, kDone, kLinkDown };

  uint8_t rank(const Entry& entry) const;
  Entry* pick(common::Instant now, uint8_t& unit_index, common::Instant& next);
  common::Instant ready_at(const Unit& unit) const;
  void start(uint8_t unit_index, Entry& entry, common::Instant now);
  common::Instant send(common::Instant now);
  common::Instant receive(common::Instant now);
  void finish_try(Outcome outcome, common::Instant now);
  void complete(Outcome outcome);
  void lose_link(common::Instant now);
  void discard_input(common::Instant now);

  platform::SerialLink* link_ = nullptr;
  common::FixedVector<Unit, limits::kMaxUnitsPerBus> units_;
  Phase phase_ = Phase::kIdle;
  uint8_t active_unit_ = 0;
  Entry active_;
  Outcome outcome_ = Outcome::kTimeout;
  uint8_t exception_code_ = 0;
  bool link_down_ = false;  ///< The phase after the completion that waits is kLinkDown.
  bool settings_known_ = false;
  platform::SerialSettings settings_;
  common::Instant quiet_since_;
  common::Instant deadline_;
  uint32_t turn_ = 0;
  uint8_t patience_ = 0;  ///< Requests sent since the last one that could wait.
  uint32_t order_ = 0;
  size_t sent_ = 0;
  size_t tx_size_ = 0;
  size_t rx_size_ = 0;
  size_t payload_offset_ = 0;
  size_t payload_size_ = 0;
  uint8_t tx_[8 + 1 + 2 * kMaxWriteRegisters];
  uint8_t rx_[kMaxRtuBytes];
};

}  // namespace modbus
