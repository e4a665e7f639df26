#include "modbus/bus.hpp"

/// What comes back, and what becomes of the request.
namespace modbus {

using common::ByteSpan;
using common::Instant;
using common::MutableByteSpan;
using common::Status;

namespace {

/// After a failed try a late answer may still come: the unit is left alone for this long. A network is slower than a line.
constexpr int64_t kLateAnswerMs = 50;
constexpr int64_t kLateNetworkAnswerMs = 200;
/// A unit that says it is busy is asked again after this.
constexpr int64_t kBusyMs = 250;
/// After the answer to a request that was sent twice there may come another one, this much later than the first
/// request's time.
constexpr int64_t kSecondAnswerMs = 50;
/// When a line that is still talking is looked at again.
constexpr int64_t kPollLineMs = 1;
/// Reads in a row: a line that never stops talking must not keep the loop.
constexpr int kMaxReads = 8;

}  // namespace

/// Takes what has arrived. An ASCII frame ends a read: what follows it is lost, and there should be nothing.
common::Result<size_t> Bus::read() {
  if (framing_ != Framing::kAscii) {
    if (rx_size_ == sizeof(rx_)) {
      // Over-long: only the last bytes can be the beginning of an answer.
      drop_input(sizeof(rx_) / 2);
    }
    const common::Result<size_t> got =
        transport_.read(MutableByteSpan(rx_ + rx_size_, sizeof(rx_) - rx_size_));
    if (got.ok()) rx_size_ = static_cast<uint16_t>(rx_size_ + got.value());
    return got;
  }
  uint8_t characters[64];
  const common::Result<size_t> got = transport_.read(MutableByteSpan(characters));
  for (size_t i = 0; got.ok() && i < got.value(); ++i) {
    if (ascii_.push(characters[i]) && look(true).is_answer()) break;
  }
  rx_size_ = static_cast<uint16_t>(ascii_.size());
  return got;
}

/// @param is_last  No more bytes of this frame will come.
ReplyView Bus::look(bool is_last) {
  switch (framing_) {
    case Framing::kRtu:
      break;
    case Framing::kAscii:
      return match_ascii_reply(ByteSpan(rx_, ascii_.size()), is_last || !ascii_.is_inside(),
                               active_.request);
    case Framing::kTcp: {
      size_t skipped = 0;
      ReplyView view =
          find_tcp_reply(ByteSpan(rx_, rx_size_), active_.request, transaction_id_, skipped);
      if (view.verdict == ReplyVerdict::kIncomplete) drop_input(skipped);
      return view;
    }
  }
  return find_rtu_reply(ByteSpan(rx_, rx_size_), active_.request);
}

void Bus::drop_input(size_t size) {
  rx_size_ = static_cast<uint16_t>(rx_size_ - size);
  if (rx_size_ != 0) std::memmove(rx_, rx_ + size, rx_size_);
}

Instant Bus::receive(Instant now) {
  UnitStatistics& statistics = (*pool_)[active_unit_].statistics;
  for (int round = 0;; ++round) {
    if (round == kMaxReads) {
      if (now < deadline_) return now + kPollLineMs;
      break;
    }
    const common::Result<size_t> got = read();
    if (!got.ok()) {
      if (got.status() == Status::kAgain) break;
      lose_link(Transport::Loss::kLink, now);
      return now;
    }
    has_heard_ = true;
    const ReplyView view = look(false);
    if (view.verdict == ReplyVerdict::kComplete) {
      payload_offset_ = view.payload.empty() ? 0 : static_cast<uint16_t>(view.payload.data() - rx_);
      payload_size_ = static_cast<uint16_t>(view.payload.size());
      finish_reply(Outcome::kOk, now);
      return now;
    }
    if (view.verdict == ReplyVerdict::kException) {
      on_exception(view.exception_code, now);
      return now;
    }
    if (view.verdict == ReplyVerdict::kGarbage && framing_ == Framing::kTcp) {
      ++statistics.garbage;
      lose_link(Transport::Loss::kGarbage, now);
      return now;
    }
    if (framing_ == Framing::kAscii && ascii_.is_inside()) deadline_ = latest_;
    if (now >= deadline_) break;
  }
  if (now < deadline_) return deadline_;
  if (is_wake_up_) {
    is_wake_up_ = false;
    resend(now);
    return now;
  }
  if (!has_heard_) {
    ++statistics.timeouts;
    finish_failure(Outcome::kTimeout, now);
    return now;
  }
  if (look(true).verdict == ReplyVerdict::kBadCrc) {
    ++statistics.crc_errors;
  } else {
    ++statistics.garbage;
  }
  finish_failure(Outcome::kBadReply, now);
  return now;
}

// --- the end of a try

void Bus::on_exception(uint8_t exception_code, Instant now) {
  Unit& unit = (*pool_)[active_unit_];
  ++unit.statistics.exceptions;
  exception_code_ = exception_code;
  switch (exception_code) {
    case kPathUnavailable:
    case kTargetSilent:
      // A gateway speaks for a unit that says nothing.
      transport_.on_reply();
      unanswered_ = 0;
      finish_failure(Outcome::kTimeout, now);
      return;
    case kAcknowledge:
    case kDeviceBusy:
      if (exception_code == kAcknowledge && is_write(active_.request.function)) {
        payload_size_ = 0;
        finish_reply(Outcome::kOk, now);
        return;
      }
      if (active_.tries <= unit.config.retries && requeue()) {
        transport_.on_reply();
        unanswered_ = 0;
        quiet_since_ = now;
        unit.not_before = now + kBusyMs;
        return;
      }
      break;
    default:
      break;
  }
  finish_reply(Outcome::kException, now);
}

void Bus::finish_reply(Outcome outcome, Instant now) {
  Unit& unit = (*pool_)[active_unit_];
  ++unit.statistics.replies;
  unit.failures = 0;
  unit.backoff_ms = 0;
  const bool was_written = outcome == Outcome::kOk && is_write(active_.request.function);
  unit.not_before = was_written ? now + unit.config.write_gap_ms : now;
  quiet_since_ = was_wake_up_ && !is_wake_up_ ? now + wake_up_ms() + kSecondAnswerMs : now;
  is_wake_up_ = false;
  unanswered_ = 0;
  is_link_lost_ = false;
  transport_.on_reply();
  complete(outcome);
}

void Bus::finish_failure(Outcome outcome, Instant now) {
  Unit& unit = (*pool_)[active_unit_];
  quiet_since_ = now;
  if (unit.failures < UINT8_MAX) ++unit.failures;
  const bool is_silent = unit.failures >= kSilentAfter;
  if (is_silent) {
    unit.backoff_ms =
        unit.backoff_ms == 0 ? kFirstBackoffMs : static_cast<uint16_t>(unit.backoff_ms * 2);
    if (unit.backoff_ms > kMaxBackoffMs) unit.backoff_ms = kMaxBackoffMs;
    unit.not_before = now + unit.backoff_ms;
  } else {
    unit.not_before = now + (transport_.is_tcp() ? kLateNetworkAnswerMs : kLateAnswerMs);
  }
  hold_until_ = now + kLateNetworkAnswerMs;
  if (unanswered_ < UINT8_MAX && exception_code_ == 0) ++unanswered_;
  const bool may_retry = !is_silent && active_.tries <= unit.config.retries;
  if (!may_retry || !requeue()) complete(outcome);
  if (transport_.is_tcp() && unanswered_ > kSilentAfter) lose_link(Transport::Loss::kSilence, now);
}

/// Puts the request back to be tried again. @return false when there is no room.
bool Bus::requeue() {
  Entry* slot = nullptr;
  for (Entry& entry : (*pool_)[active_unit_].queue) {
    if (entry.used && entry.tag == active_.tag) {
      // A newer request has taken this one's place.
      slot = &entry;
      break;
    }
    if (!entry.used) slot = &entry;
  }
  if (slot == nullptr) return false;
  if (!slot->used) *slot = active_;
  active_.used = false;
  phase_ = Phase::kIdle;
  return true;
}

void Bus::complete(Outcome outcome) {
  outcome_ = outcome;
  if (outcome != Outcome::kOk) payload_size_ = 0;
  if (outcome != Outcome::kException) exception_code_ = 0;
  phase_ = Phase::kDone;
}

/// The serial device or the connection is gone: nothing can be asked until it is there again.
void Bus::lose_link(Transport::Loss loss, Instant now) {
  retry_at_ = transport_.lose(loss, !active_.used, now);
  rx_size_ = 0;
  unanswered_ = 0;
  if (!active_.used) {
    phase_ = Phase::kLinkDown;
    return;
  }
  if (phase_ == Phase::kDone) {
    // The completion that waits says what was wrong.
    link_down_ = true;
    is_link_lost_ = true;
    return;
  }
  // Chargers drop a connection now and then: that alone is no failure.
  const bool is_first = transport_.is_tcp() && retry_at_ <= now && active_.tries <= 1;
  if (is_first && requeue()) return;
  is_link_lost_ = true;
  complete(Outcome::kLinkDown);
  link_down_ = true;
}

}  // namespace modbus
