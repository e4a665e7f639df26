#include "modbus/bus.hpp"

namespace modbus {

namespace {

/// Bits of one character on the wire: start, 8 data, parity, stop.
uint32_t character_bits(const platform::SerialSettings& serial) {
  return 9U + (serial.parity != platform::Parity::kNone ? 1U : 0U) + serial.stop_bits;
}

int64_t wire_time_ms(const platform::SerialSettings& serial, size_t characters) {
  return static_cast<int64_t>((characters * character_bits(serial) * 1000U + serial.baud - 1) /
                              serial.baud);
}

/// 3.5 characters; 1.75 ms above 19200 bit/s (Modbus over serial line V1.02, 2.5.1.1), in whole ms.
int64_t frame_gap_ms(const platform::SerialSettings& serial) {
  if (serial.baud > 19200) return 2;
  return static_cast<int64_t>((character_bits(serial) * 3500U + serial.baud - 1) / serial.baud);
}

size_t reply_bytes(const Request& request) {
  if (is_write(request.function)) return 8;
  return 5 + (is_bit_read(request.function) ? (request.count + 7U) / 8U : 2U * request.count);
}

/// After a failed try a late answer may still come: the unit is left alone for this long.
constexpr int64_t kLateAnswerMs = 50;
/// When a partial write or an undrained line is looked at again.
constexpr int64_t kPollLineMs = 1;
constexpr int kMaxReads = 8;

}  // namespace

void Bus::begin(platform::SerialLink& link) { link_ = &link; }

common::Result<uint8_t> Bus::add_unit(const UnitConfig& config) {
  const platform::SerialSettings& serial = config.serial;
  if (config.unit_id < 1 || config.unit_id > 247 || config.timeout_ms < 50 ||
      config.timeout_ms > 5000 || config.retries > 5 || serial.baud < 1200 ||
      serial.baud > 921600 || serial.stop_bits < 1 || serial.stop_bits > 2) {
    return common::Status::kInvalidArgument;
  }
  for (const Unit& unit : units_) {
    if (unit.config.unit_id == config.unit_id) return common::Status::kInvalidArgument;
  }
  if (units_.full()) return common::Status::kNoSpace;
  Unit unit;
  unit.config = config;
  RETURN_IF_ERROR(units_.push_back(unit));
  return static_cast<uint8_t>(units_.size() - 1);
}

common::Status Bus::submit(uint8_t unit_index, uint8_t tag, Priority priority,
                           const Request& request) {
  if (unit_index >= units_.size()) return common::Status::kInvalidArgument;
  RETURN_IF_ERROR(validate(request));
  Unit& unit = units_[unit_index];
  Entry* slot = nullptr;
  for (Entry& entry : unit.queue) {
    if (entry.used && entry.tag == tag) slot = &entry;
  }
  for (Entry& entry : unit.queue) {
    if (slot == nullptr && !entry.used) slot = &entry;
  }
  if (slot == nullptr) return common::Status::kNoSpace;
  const bool keeps_place = slot->used;
  slot->used = true;
  slot->tag = tag;
  slot->priority = priority;
  slot->tries = 0;
  slot->request = request;
  slot->request.unit = unit.config.unit_id;
  if (!keeps_place) slot->order = order_++;
  return common::Status::kOk;
}

void Bus::cancel(uint8_t unit_index) {
  if (unit_index >= units_.size()) return;
  for (Entry& entry : units_[unit_index].queue) entry.used = false;
}

bool Bus::is_pending(uint8_t unit_index, uint8_t tag) const {
  if (unit_index >= units_.size()) return false;
  for (const Entry& entry : units_[unit_index].queue) {
    if (entry.used && entry.tag == tag) return true;
  }
  return active_.used && active_unit_ == unit_index && active_.tag == tag;
}

common::Instant Bus::ready_at(const Unit& unit) const {
  const int64_t frame_gap = frame_gap_ms(unit.config.serial);
  const common::Instant quiet =
      quiet_since_ + (unit.config.gap_ms > frame_gap ? unit.config.gap_ms : frame_gap);
  return quiet < unit.not_before ? unit.not_before : quiet;
}

/// Lower goes first.
uint8_t Bus::rank(const Entry& entry) const {
  switch (entry.priority) {
    case Priority::kWrite:
      return 0;
    case Priority::kRead:
      return 2;
    case Priority::kBackground:
      return patience_ >= kPatience ? 1 : 3;
  }
  return 3;
}

/// The most urgent request that may be sent now; of equal ones that of the unit that has waited longest, then the
/// oldest. Otherwise next is when one becomes ready.
Bus::Entry* Bus::pick(common::Instant now, uint8_t& unit_index, common::Instant& next) {
  Entry* best = nullptr;
  for (uint8_t index = 0; index < units_.size(); ++index) {
    Unit& unit = units_[index];
    const common::Instant ready = ready_at(unit);
    for (Entry& entry : unit.queue) {
      if (!entry.used) continue;
      if (ready > now) {
        next = common::earlier(next, ready);
        continue;
      }
      const bool is_better = [&] {
        if (best == nullptr) return true;
        if (rank(entry) != rank(*best)) return rank(entry) < rank(*best);
        if (entry.priority == Priority::kBackground) return entry.order < best->order;
        if (unit_index != index) return unit.last_turn < units_[unit_index].last_turn;
        return entry.order < best->order;
      }();
      if (!is_better) continue;
      best = &entry;
      unit_index = index;
    }
  }
  return best;
}

void Bus::discard_input(common::Instant now) {
  // Bounded: a line that never stops talking must not keep the loop.
  for (int round = 0; round < kMaxReads; ++round) {
    const common::Result<size_t> got = link_->read(common::MutableByteSpan(rx_, sizeof(rx_)));
    if (got.ok()) continue;
    // Before it is configured a device may well have nothing to say.
    if (got.status() != common::Status::kAgain && settings_known_) lose_link(now);
    return;
  }
}

void Bus::start(uint8_t unit_index, Entry& entry, common::Instant now) {
  Unit& unit = units_[unit_index];
  if (entry.priority == Priority::kBackground) {
    patience_ = 0;
  } else {
    unit.last_turn = ++turn_;
    if (patience_ < kPatience) ++patience_;
  }
  active_unit_ = unit_index;
  active_ = entry;
  entry.used = false;
  if (!settings_known_ || !(settings_ == unit.config.serial)) {
    if (link_->configure(unit.config.serial) != common::Status::kOk) {
      lose_link(now);
      return;
    }
    settings_ = unit.config.serial;
    settings_known_ = true;
  }
  phase_ = Phase::kSending;
  rx_size_ = 0;
  sent_ = 0;
  tx_size_ = encode_rtu(active_.request, common::MutableByteSpan(tx_, sizeof(tx_)));
  ++active_.tries;
  ++unit.statistics.requests;
  // A line that takes no bytes is as bad as a unit that does not answer.
  deadline_ = now + wire_time_ms(settings_, tx_size_) + unit.config.timeout_ms;
}

common::Instant Bus::send(common::Instant now) {
  if (sent_ < tx_size_) {
    const common::Result<size_t> written =
        link_->write(common::ByteSpan(tx_ + sent_, tx_size_ - sent_));
    if (written.ok()) {
      sent_ += written.value();
    } else if (written.status() != common::Status::kAgain) {
      lose_link(now);
      return now;
    }
  }
  if (sent_ < tx_size_) {
    if (now >= deadline_) {
      finish_try(Outcome::kTimeout, now);
      return now;
    }
    return now + kPollLineMs;
  }
  phase_ = Phase::kReceiving;
  deadline_ = now + wire_time_ms(settings_, tx_size_ + reply_bytes(active_.request)) +
              units_[active_unit_].config.timeout_ms;
  return now;
}

common::Instant Bus::receive(common::Instant now) {
  UnitStatistics& statistics = units_[active_unit_].statistics;
  for (int round = 0;; ++round) {
    // A line that never stops talking must not keep the loop.
    if (round == kMaxReads) {
      if (now < deadline_) return now + kPollLineMs;
      break;
    }
    if (rx_size_ == sizeof(rx_)) {
      // Over-long: only the last bytes can be the beginning of an answer.
      rx_size_ = sizeof(rx_) / 2;
      std::memmove(rx_, rx_ + sizeof(rx_) - rx_size_, rx_size_);
    }
    const common::Result<size_t> got =
        link_->read(common::MutableByteSpan(rx_ + rx_size_, sizeof(rx_) - rx_size_));
    if (!got.ok()) {
      if (got.status() == common::Status::kAgain) break;
      lose_link(now);
      return now;
    }
    rx_size_ += got.value();
    const ReplyView view = find_rtu_reply(common::ByteSpan(rx_, rx_size_), active_.request);
    if (view.verdict == ReplyVerdict::kComplete) {
      ++statistics.replies;
      payload_offset_ = view.payload.empty() ? 0 : static_cast<size_t>(view.payload.data() - rx_);
      payload_size_ = view.payload.size();
      finish_try(Outcome::kOk, now);
      return now;
    }
    if (view.verdict == ReplyVerdict::kException) {
      ++statistics.replies;
      ++statistics.exceptions;
      exception_code_ = view.exception_code;
      finish_try(Outcome::kException, now);
      return now;
    }
    if (now >= deadline_) break;
  }
  if (now < deadline_) return deadline_;
  if (rx_size_ == 0) {
    ++statistics.timeouts;
    finish_try(Outcome::kTimeout, now);
    return now;
  }
  const ReplyView view = find_rtu_reply(common::ByteSpan(rx_, rx_size_), active_.request);
  if (view.verdict == ReplyVerdict::kBadCrc) {
    ++statistics.crc_errors;
  } else {
    ++statistics.garbage;
  }
  finish_try(Outcome::kBadReply, now);
  return now;
}

void Bus::finish_try(Outcome outcome, common::Instant now) {
  Unit& unit = units_[active_unit_];
  quiet_since_ = now;
  if (outcome == Outcome::kOk || outcome == Outcome::kException) {
    unit.failures = 0;
    unit.backoff_ms = 0;
    unit.not_before = now;
    complete(outcome);
    return;
  }
  if (unit.failures < UINT8_MAX) ++unit.failures;
  const bool is_silent = unit.failures >= kSilentAfter;
  if (is_silent) {
    unit.backoff_ms = unit.backoff_ms == 0 ? kFirstBackoffMs : unit.backoff_ms * 2;
    if (unit.backoff_ms > kMaxBackoffMs) unit.backoff_ms = kMaxBackoffMs;
    unit.not_before = now + unit.backoff_ms;
  } else {
    unit.not_before = now + kLateAnswerMs;
  }
  Entry* slot = nullptr;
  for (Entry& entry : unit.queue) {
    if (entry.used && entry.tag == active_.tag) {
      // A newer request has taken this one's place.
      active_.used = false;
      phase_ = Phase::kIdle;
      return;
    }
    if (!entry.used) slot = &entry;
  }
  if (!is_silent && active_.tries <= unit.config.retries && slot != nullptr) {
    *slot = active_;
    active_.used = false;
    phase_ = Phase::kIdle;
    return;
  }
  complete(outcome);
}

void Bus::complete(Outcome outcome) {
  outcome_ = outcome;
  if (outcome != Outcome::kOk) payload_size_ = 0;
  if (outcome != Outcome::kException) exception_code_ = 0;
  phase_ = Phase::kDone;
}

/// The serial device is gone: nothing can be asked until it can be configured again.
void Bus::lose_link(common::Instant now) {
  settings_known_ = false;
  phase_ = Phase::kLinkDown;
  deadline_ = now + kLinkRetryMs;
}

common::Instant Bus::step(common::Instant now) {
  if (link_ == nullptr) return common::Instant::never();
  for (;;) {
    switch (phase_) {
      case Phase::kDone:
        return now;
      case Phase::kIdle: {
        // Whatever comes unasked must not stay in the line's buffer and wake the loop again and again.
        discard_input(now);
        if (phase_ == Phase::kLinkDown) break;
        common::Instant next = common::Instant::never();
        uint8_t unit_index = 0;
        Entry* entry = pick(now, unit_index, next);
        if (entry == nullptr) return next;
        start(unit_index, *entry, now);
        break;
      }
      case Phase::kSending: {
        const common::Instant next = send(now);
        if (next > now) return next;
        break;
      }
      case Phase::kReceiving: {
        const common::Instant next = receive(now);
        if (next > now) return next;
        break;
      }
      case Phase::kLinkDown:
        if (active_.used) {
          complete(Outcome::kLinkDown);
          // Stay away from the line until the retry time; the phase after the completion says so.
          link_down_ = true;
          return now;
        }
        if (now < deadline_) return deadline_;
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
  out.payload = common::ByteSpan(rx_ + payload_offset_, payload_size_);
  active_.used = false;
  phase_ = link_down_ ? Phase::kLinkDown : Phase::kIdle;
  link_down_ = false;
  return true;
}

}  // namespace modbus
