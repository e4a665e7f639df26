#include "modbus/bus.hpp"

namespace modbus {

using common::ByteSpan;
using common::Instant;
using common::MutableByteSpan;
using common::Status;

namespace {

/// Bits of one character on the wire: start, 8 data, parity, stop.
uint32_t character_bits(const platform::SerialSettings& serial) {
  return 9U + (serial.parity != platform::Parity::kNone ? 1U : 0U) + serial.stop_bits;
}

/// 3.5 characters; 1.75 ms above 19200 bit/s (Modbus over serial line V1.02, 2.5.1.1), in whole ms.
int64_t frame_gap_ms(const platform::SerialSettings& serial) {
  if (serial.baud > 19200) return 2;
  return static_cast<int64_t>((character_bits(serial) * 3500U + serial.baud - 1) / serial.baud);
}

/// What a sleeping unit gets to answer the first of two requests.
constexpr int64_t kWakeUpMs = 200;
/// Longest pause within an ASCII frame (Modbus over serial line V1.02, 2.5.2.1): an answer that has begun may end
/// later by this.
constexpr int64_t kAsciiPauseMs = 1000;
/// A unit that has failed is asked again so much later, while others wait: it gets no second time-out in one turn of
/// a full bus.
constexpr int64_t kYieldMs = 1500;
/// When a partial write or an undrained line is looked at again.
constexpr int64_t kPollLineMs = 1;
/// Reads in a row: a line that never stops talking must not keep the loop.
constexpr int kMaxReads = 8;

}  // namespace

void Bus::begin(platform::SerialLink& link, UnitPool& pool) {
  transport_.begin(link);
  pool_ = &pool;
}

void Bus::begin(platform::TcpLink& link, const TcpTarget& target, UnitPool& pool,
                common::LogSink& log) {
  transport_.begin(link, target, log);
  pool_ = &pool;
}

common::Result<uint8_t> Bus::add_unit(const UnitConfig& config) {
  const platform::SerialSettings& serial = config.serial;
  const bool is_mbap = config.framing == Framing::kTcp;
  if (is_mbap != transport_.is_mbap() || (!is_mbap && config.unit_id < 1) ||
      config.timeout_ms < 50 || config.timeout_ms > 5000 || config.retries > 5 ||
      serial.baud < 1200 || serial.baud > 921600 || serial.stop_bits < 1 || serial.stop_bits > 2) {
    return Status::kInvalidArgument;
  }
  for (const Unit& unit : *pool_) {
    const bool is_same = is_own(unit) && unit.config.unit_id == config.unit_id;
    if (is_same && !(unit.config.has_outlets && config.has_outlets))
      return Status::kInvalidArgument;
  }
  if (pool_->full()) return Status::kNoSpace;
  Unit unit;
  unit.config = config;
  unit.bus = this;
  RETURN_IF_ERROR(pool_->push_back(unit));
  return static_cast<uint8_t>(pool_->size() - 1);
}

Unit* Bus::own_unit(uint8_t unit_index) {
  if (pool_ == nullptr || unit_index >= pool_->size()) return nullptr;
  Unit& unit = (*pool_)[unit_index];
  return is_own(unit) ? &unit : nullptr;
}

Status Bus::submit(uint8_t unit_index, uint8_t tag, Priority priority, const Request& request) {
  Unit* unit = own_unit(unit_index);
  if (unit == nullptr) return Status::kInvalidArgument;
  RETURN_IF_ERROR(validate(request));
  Entry* slot = nullptr;
  for (Entry& entry : unit->queue) {
    if (entry.used && entry.tag == tag) slot = &entry;
  }
  for (Entry& entry : unit->queue) {
    if (slot == nullptr && !entry.used) slot = &entry;
  }
  if (slot == nullptr) return Status::kNoSpace;
  const bool keeps_place = slot->used;
  slot->used = true;
  slot->tag = tag;
  slot->priority = priority;
  slot->tries = 0;
  slot->request = request;
  slot->request.unit = unit->config.unit_id;
  if (!keeps_place) slot->order = order_++;
  return Status::kOk;
}

void Bus::cancel(uint8_t unit_index) {
  Unit* unit = own_unit(unit_index);
  if (unit == nullptr) return;
  for (Entry& entry : unit->queue) entry.used = false;
}

bool Bus::is_pending(uint8_t unit_index, uint8_t tag) const {
  const Unit* unit = const_cast<Bus*>(this)->own_unit(unit_index);
  if (unit == nullptr) return false;
  for (const Entry& entry : unit->queue) {
    if (entry.used && entry.tag == tag) return true;
  }
  return active_.used && active_unit_ == unit_index && active_.tag == tag;
}

// --- whose turn it is

Instant Bus::ready_at(const Unit& unit) const {
  int64_t gap_ms = unit.config.gap_ms;
  if (unit.config.framing != Framing::kTcp) {
    // Units that still listen at the other speed must see the end of the frame, too.
    const int64_t own_ms = frame_gap_ms(unit.config.serial);
    const int64_t other_ms = frame_gap_ms(transport_.settings());
    const int64_t line_ms = own_ms > other_ms ? own_ms : other_ms;
    if (gap_ms < line_ms) gap_ms = line_ms;
  }
  const Instant quiet = quiet_since_ + gap_ms;
  return quiet < unit.not_before ? unit.not_before : quiet;
}

/// Lower goes first.
uint8_t Bus::rank(const Entry& entry) const {
  switch (entry.priority) {
    case Priority::kUrgent:
      return 0;
    case Priority::kWrite:
      return 1;
    case Priority::kRead:
      return 3;
    case Priority::kBackground:
      return patience_ >= kPatience ? 2 : 4;
  }
  return 4;
}

bool Bus::is_healthy_unit_waiting() const {
  for (const Unit& unit : *pool_) {
    if (!is_own(unit) || unit.failures > 0) continue;
    for (const Entry& entry : unit.queue) {
      if (entry.used) return true;
    }
  }
  return false;
}

/// The most urgent request that may be sent now; of equal ones that of the unit that has waited longest, then the
/// oldest. Otherwise next is when one becomes ready.
Bus::Entry* Bus::pick(Instant now, uint8_t& unit_index, Instant& next) {
  Entry* best = nullptr;
  const bool is_contended = is_healthy_unit_waiting();
  for (uint8_t index = 0; index < pool_->size(); ++index) {
    Unit& unit = (*pool_)[index];
    if (!is_own(unit)) continue;
    const Instant unit_ready = ready_at(unit);
    for (Entry& entry : unit.queue) {
      if (!entry.used) continue;
      Instant ready = unit_ready;
      if (is_contended && unit.failures > 0 && entry.priority != Priority::kUrgent &&
          ready < unit.asked_at + kYieldMs) {
        ready = unit.asked_at + kYieldMs;
      }
      if (ready > now) {
        next = common::earlier(next, ready);
        continue;
      }
      const bool is_better = [&] {
        if (best == nullptr) return true;
        if (rank(entry) != rank(*best)) return rank(entry) < rank(*best);
        if (entry.priority == Priority::kBackground) return entry.order < best->order;
        if (unit_index != index) return unit.last_turn < (*pool_)[unit_index].last_turn;
        return entry.order < best->order;
      }();
      if (!is_better) continue;
      best = &entry;
      unit_index = index;
    }
  }
  return best;
}

// --- sending

int64_t Bus::wire_time_ms(size_t bytes) const {
  if (framing_ == Framing::kTcp) return 0;
  const platform::SerialSettings& serial = transport_.settings();
  const size_t characters = wire_characters(framing_, bytes);
  return static_cast<int64_t>((characters * character_bits(serial) * 1000U + serial.baud - 1) /
                              serial.baud);
}

/// Time on the wire of the request and of its answer.
int64_t Bus::exchange_ms() const {
  return wire_time_ms(framing_ == Framing::kAscii ? (tx_size_ - 3U) / 2U : tx_size_) +
         wire_time_ms(reply_bytes(framing_, active_.request));
}

/// What the first of two requests gets.
int64_t Bus::wake_up_ms() const {
  const int64_t timeout_ms = (*pool_)[active_unit_].config.timeout_ms;
  return exchange_ms() + (timeout_ms < kWakeUpMs ? timeout_ms : kWakeUpMs);
}

/// @return true when the phase has changed; otherwise next is when to look again.
bool Bus::start_next(Instant now, Instant& next) {
  uint8_t unit_index = 0;
  Entry* entry = pick(now, unit_index, next);
  if (entry == nullptr) return false;
  const Status status = transport_.prepare((*pool_)[unit_index].config.serial, now);
  if (status == Status::kAgain) {
    // Until the connection stands a newer wish can still take the place of this one.
    next = transport_.give_up_at();
    return false;
  }
  start(unit_index, *entry, now);
  if (status != Status::kOk) {
    --(*pool_)[unit_index].statistics.requests;  // it was not sent
    lose_link(Transport::Loss::kLink, now);
  }
  return true;
}

void Bus::start(uint8_t unit_index, Entry& entry, Instant now) {
  Unit& unit = (*pool_)[unit_index];
  if (entry.priority == Priority::kBackground) {
    patience_ = 0;
  } else {
    unit.last_turn = ++turn_;
    if (patience_ < kPatience) ++patience_;
  }
  active_unit_ = unit_index;
  active_ = entry;
  entry.used = false;
  ++active_.tries;
  ++unit.statistics.requests;
  framing_ = unit.config.framing;
  exception_code_ = 0;
  const uint16_t wake_after_ms = unit.config.wake_after_ms;
  is_wake_up_ =
      wake_after_ms != 0 && (!unit.was_asked || now - unit.asked_at >= int64_t{wake_after_ms});
  was_wake_up_ = is_wake_up_;
  unit.was_asked = true;
  unit.asked_at = now;
  resend(now);
}

void Bus::resend(Instant now) {
  phase_ = Phase::kSending;
  ++transaction_id_;
  if (framing_ != Framing::kTcp) rx_size_ = 0;
  ascii_.reset(MutableByteSpan(rx_, sizeof(rx_)));
  has_heard_ = false;
  sent_ = 0;
  tx_size_ = static_cast<uint8_t>(
      encode(framing_, active_.request, transaction_id_, MutableByteSpan(tx_, sizeof(tx_))));
  // A line that takes no bytes is as bad as a unit that does not answer.
  deadline_ = now + wire_time_ms(tx_size_) + (*pool_)[active_unit_].config.timeout_ms;
}

Instant Bus::send(Instant now) {
  if (sent_ < tx_size_) {
    const common::Result<size_t> written =
        transport_.write(ByteSpan(tx_ + sent_, size_t{tx_size_} - sent_));
    if (written.ok()) {
      sent_ = static_cast<uint8_t>(sent_ + written.value());
    } else if (written.status() != Status::kAgain) {
      lose_link(Transport::Loss::kLink, now);
      return now;
    }
  }
  if (sent_ < tx_size_) {
    if (now >= deadline_) {
      ++(*pool_)[active_unit_].statistics.timeouts;
      finish_failure(Outcome::kTimeout, now);
      return now;
    }
    return now + kPollLineMs;
  }
  const UnitConfig& config = (*pool_)[active_unit_].config;
  phase_ = Phase::kReceiving;
  deadline_ = now + (is_wake_up_ ? wake_up_ms() : exchange_ms() + config.timeout_ms);
  latest_ = framing_ == Framing::kAscii ? deadline_ + kAsciiPauseMs : deadline_;
  return now;
}

// --- the loop

/// Whatever comes unasked must not stay in the line's buffer and wake the loop again and again.
void Bus::drain(Instant now) {
  const bool was_open = transport_.is_open();
  if (transport_.is_tcp() && !was_open) return;
  for (int round = 0; round < kMaxReads; ++round) {
    if (!transport_.is_mbap()) {
      rx_size_ = 0;
    } else {
      const common::Result<size_t> whole = whole_tcp_frames(ByteSpan(rx_, rx_size_));
      if (!whole.ok()) {
        lose_link(Transport::Loss::kGarbage, now);
        return;
      }
      drop_input(whole.value());
    }
    const common::Result<size_t> got =
        transport_.read(MutableByteSpan(rx_ + rx_size_, sizeof(rx_) - rx_size_));
    if (!got.ok()) {
      // Before it is configured a device may well have nothing to say.
      if (got.status() != Status::kAgain && was_open) lose_link(Transport::Loss::kLink, now);
      return;
    }
    rx_size_ = static_cast<uint16_t>(rx_size_ + got.value());
    // The end of an answer that came too late, most likely.
    if (!transport_.is_mbap() && now < hold_until_) quiet_since_ = now;
  }
}

Instant Bus::step(Instant now) {
  if (pool_ == nullptr) return Instant::never();
  for (;;) {
    switch (phase_) {
      case Phase::kClosed:
        return Instant::never();
      case Phase::kDone:
        return now;
      case Phase::kIdle: {
        drain(now);
        if (phase_ != Phase::kIdle) break;
        Instant next = Instant::never();
        if (!start_next(now, next)) return next;
        break;
      }
      case Phase::kSending: {
        const Instant next = send(now);
        if (next > now) return next;
        break;
      }
      case Phase::kReceiving: {
        const Instant next = receive(now);
        if (next > now) return next;
        break;
      }
      case Phase::kLinkDown:
        if (now < retry_at_) return retry_at_;
        phase_ = Phase::kIdle;
        break;
    }
  }
}

bool Bus::take_completion(Completion& out) {
  if (phase_ != Phase::kDone) return false;
  out.unit_index = active_unit_;
  out.tag = active_.tag;
  out.outcome = outcome_;
  out.exception_code = exception_code_;
  out.request = active_.request;
  out.payload = ByteSpan(rx_ + payload_offset_, payload_size_);
  active_.used = false;
  phase_ = link_down_ ? Phase::kLinkDown : Phase::kIdle;
  link_down_ = false;
  return true;
}

void Bus::close() {
  phase_ = Phase::kClosed;
  transport_.close();
}

}  // namespace modbus
