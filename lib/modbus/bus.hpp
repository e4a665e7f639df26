#pragma once

#include "modbus/transport.hpp"
#include "modbus/unit.hpp"

namespace modbus {

enum class Outcome : uint8_t {
  kOk,
  kException,  ///< See exception_code.
  kTimeout,    ///< No answer after all tries.
  kBadReply,   ///< Bytes, but no valid answer after all tries.
  kLinkDown,   ///< No serial device or no connection; the bus tries to get it back.
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

/// One Modbus client and its units: on a serial line, or behind one TCP connection.
///
/// One request is on the wire at a time. Units take turns; a try that fails goes back to the queue, so that a silent unit
/// costs the others one timeout per turn. After kSilentAfter failures in a row a unit counts as silent: single tries,
/// further and further apart (up to kMaxBackoffMs), until it answers. A connection on which kSilentAfter + 1 tries in a row
/// brought nothing is made anew.
///
/// @par Memory  No heap. @par Context  One thread; does not block.
class Bus {
 public:
  static constexpr size_t kQueuePerUnit = Unit::kQueueLength;
  static constexpr uint8_t kPatience = 8;
  static constexpr uint8_t kSilentAfter = 3;
  static constexpr uint16_t kFirstBackoffMs = 1000;
  static constexpr uint16_t kMaxBackoffMs = 5000;

  /// Everything given must outlive the bus; buses share the pool.
  void begin(platform::SerialLink& link, UnitPool& pool);
  /// @param log  Told when the connection fails and when it works again.
  void begin(platform::TcpLink& link, const TcpTarget& target, UnitPool& pool,
             common::LogSink& log);
  const Transport& transport() const { return transport_; }

  /// @return Index of the unit in the pool. kInvalidArgument: outside the ranges of UnitConfig, the id is taken on this
  /// bus, or its framing does not go with the bus. kNoSpace.
  common::Result<uint8_t> add_unit(const UnitConfig& config);

  /// Queues a request; request.unit is set by the bus. A queued request of the same unit and tag that has not been sent
  /// is replaced: the newest wish counts.
  /// @param unit_index         What add_unit() returned.
  /// @retval kInvalidArgument  No unit of this bus, or validate() refuses the request.
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
  /// Closes the connection in order, before a restart; nothing is asked any more.
  void close();

  const UnitStatistics& statistics(uint8_t unit_index) const {
    return (*pool_)[unit_index].statistics;
  }
  /// It has not answered for a while, or nothing on this bus can.
  bool is_silent(uint8_t unit_index) const {
    return is_link_lost_ || (*pool_)[unit_index].failures >= kSilentAfter;
  }

 private:
  using Entry = Unit::Entry;
  enum class Phase : uint8_t { kIdle, kSending, kReceiving, kDone, kLinkDown, kClosed };

  bool is_own(const Unit& unit) const { return unit.bus == this; }
  Unit* own_unit(uint8_t unit_index);
  uint8_t rank(const Entry& entry) const;
  bool is_healthy_unit_waiting() const;
  Entry* pick(common::Instant now, uint8_t& unit_index, common::Instant& next);
  common::Instant ready_at(const Unit& unit) const;
  int64_t wire_time_ms(size_t bytes) const;
  int64_t exchange_ms() const;
  int64_t wake_up_ms() const;
  bool start_next(common::Instant now, common::Instant& next);
  void start(uint8_t unit_index, Entry& entry, common::Instant now);
  void resend(common::Instant now);
  common::Instant send(common::Instant now);
  common::Instant receive(common::Instant now);
  common::Result<size_t> read();
  ReplyView look(bool is_last);
  void on_exception(uint8_t exception_code, common::Instant now);
  void finish_reply(Outcome outcome, common::Instant now);
  void finish_failure(Outcome outcome, common::Instant now);
  bool requeue();
  void complete(Outcome outcome);
  void lose_link(Transport::Loss loss, common::Instant now);
  void drain(common::Instant now);
  void drop_input(size_t size);

  Transport transport_;
  UnitPool* pool_ = nullptr;
  Phase phase_ = Phase::kIdle;
  uint8_t active_unit_ = 0;
  Entry active_;
  Framing framing_ = Framing::kRtu;  ///< Of active_.
  bool is_wake_up_ = false;          ///< The first of two: nobody may hear it.
  bool was_wake_up_ = false;         ///< It went before active_: there may be two answers.
  bool has_heard_ = false;           ///< Bytes came, whatever they are.
  Outcome outcome_ = Outcome::kTimeout;
  uint8_t exception_code_ = 0;
  uint8_t unanswered_ = 0;     ///< Tries without an answer of any unit in a row, saturating.
  bool is_link_lost_ = false;  ///< Until the next answer.
  bool link_down_ = false;     ///< The phase after the completion that waits is kLinkDown.
  common::Instant quiet_since_;
  common::Instant
      hold_until_;  ///< Until then input that nobody asked for puts the next request off.
  common::Instant deadline_;
  common::Instant latest_;    ///< Of an answer that has begun in time.
  common::Instant retry_at_;  ///< Of kLinkDown.
  uint32_t turn_ = 0;
  uint32_t order_ = 0;
  uint16_t transaction_id_ = 0;
  uint8_t patience_ = 0;  ///< Requests sent since the last one that could wait.
  uint8_t sent_ = 0;
  uint8_t tx_size_ = 0;
  uint16_t rx_size_ = 0;
  uint16_t payload_offset_ = 0;
  uint16_t payload_size_ = 0;
  AsciiDecoder ascii_;
  uint8_t tx_[kMaxRequestBytes];
  uint8_t rx_[kMaxTcpBytes];
};

}  // namespace modbus
