#include "simulation/auditor.hpp"

#include "common/span.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace simulation {
namespace {

constexpr int64_t kAnswerMs = 60000;  ///< A CALL of the CSMS is answered by then.

constexpr size_t npos = std::string::npos;

/// Place of `what` in `text`, not before `from`; npos when it is not there. Faster than
/// std::string::find() in JSON.
size_t find(const std::string& text, common::TextSpan what, size_t from = 0) {
  const void* found = memmem(text.data() + from, text.size() - from, what.data(), what.size());
  return found == nullptr ? npos
                          : static_cast<size_t>(static_cast<const char*>(found) - text.data());
}

std::string shortened(const std::string& text) {
  return text.size() <= 300 ? text : text.substr(0, 300) + "...";
}

}  // namespace

bool split(const std::string& text, Frame& out) {
  // Both the engine and the model CSMS write frames without blanks.
  if (text.size() < 6 || text[0] != '[' || text[1] < '2' || text[1] > '4' || text[2] != ',' ||
      text[3] != '"')
    return false;
  out.type = text[1];
  const size_t id_end = text.find('"', 4);
  if (id_end == npos || id_end + 2 >= text.size() || text.back() != ']') return false;
  out.id = text.substr(4, id_end - 4);
  size_t at = id_end + 2;
  out.action.clear();
  if (out.type == '2') {
    const size_t end = text.find('"', at + 1);
    if (end == npos || end + 2 >= text.size()) return false;
    out.action = text.substr(at + 1, end - at - 1);
    at = end + 2;
  }
  out.payload = text.substr(at, text.size() - 1 - at);
  return true;
}

std::string text_field(const std::string& payload, const char* name) {
  const std::string mark = std::string("\"") + name + "\":\"";
  const size_t at = payload.find(mark);
  if (at == npos) return "";
  const size_t begin = at + mark.size();
  return payload.substr(begin, payload.find('"', begin) - begin);
}

int64_t number_field(const std::string& payload, const char* name, int64_t fallback) {
  const std::string mark = std::string("\"") + name + "\":";
  const size_t at = payload.find(mark);
  return at == npos ? fallback : std::strtoll(payload.c_str() + at + mark.size(), nullptr, 10);
}

void Auditor::fail(const std::string& sentence, int64_t now_ms) {
  if (violation_.sentence.empty()) violation_ = Violation{sentence, now_ms};
}

bool Auditor::is_queue_message(const Frame& frame) {
  if (frame.action == "StartTransaction" || frame.action == "StopTransaction") return true;
  return frame.action == "MeterValues" && find(frame.payload, common::text("\"Trigger\"")) == npos;
}

void Auditor::on_boot() {
  refusals_ = 0;
  on_connection_lost(0);
}

void Auditor::on_power_lost(int64_t now_ms) {
  if (fate_ == Fate::kAnswered && now_ms <= settled_ms_) fate_ = Fate::kUnsure;
  on_connection_lost(now_ms);
}

void Auditor::on_connection_lost(int64_t) {
  is_status_lost_ = false;  // all are reported again
  is_call_open_ = false;
  ids_.clear();
  waiting_.clear();
  loose_answers_ = 0;
}

void Auditor::on_queue_empty() {
  if (fate_ != Fate::kUnsure || !may_be_given_up_) return;
  given_up_.push_back(last_);
  fate_ = Fate::kNone;
}

void Auditor::check_times(const Frame& frame, int64_t now_ms) {
  const common::TextSpan mark = common::text("\"timestamp\":\"");
  for (size_t at = find(frame.payload, mark); at != npos; at = find(frame.payload, mark, at + 1)) {
    const long year = std::strtol(frame.payload.c_str() + at + mark.size(), nullptr, 10);
    if (year < 2026 || year > 2030)
      fail(frame.action + " carries a time that never was: " + shortened(frame.payload), now_ms);
  }
}

/// The answer of the last queue message counts as stored.
void Auditor::settle() {
  if (last_.compare(0, 11, "MeterValues") != 0) confirmed_.insert(last_);
  fate_ = Fate::kNone;
}

void Auditor::on_queue_message(const Frame& frame, int64_t now_ms) {
  const std::string message = frame.action + " " + frame.payload;
  const bool is_same = message == last_;
  // The same aligned time comes twice when a clock is set back: the same message, but another record.
  // So do two restarts in a row, each with the last register before it.
  const bool may_recur =
      frame.action == "MeterValues" &&
      (was_clock_set_back_ || find(frame.payload, common::text("\"Interruption.")) != npos);
  switch (fate_) {
    case Fate::kNone:
      break;
    case Fate::kOpen:
      if (is_same) {
        ++retries;
        break;
      }
      if (may_thin_ && last_.compare(0, 11, "MeterValues") == 0) break;
      fail("after " + shortened(last_) +
               " was not confirmed, something else came: " + shortened(message),
           now_ms);
      break;
    case Fate::kAnswered:
      // The engine goes on only when the answer is on flash.
      if (!is_same) settle();
      break;
    case Fate::kUnsure:
      if (is_same && may_be_given_up_ && may_recur) ++recurrences_;
      if (!is_same && may_be_given_up_) given_up_.push_back(last_);
      if (!is_same && !may_be_given_up_) settle();
      break;
  }
  if (is_same && fate_ == Fate::kAnswered && !may_recur)
    fail(shortened(message) + " was sent again although it had been confirmed", now_ms);
  if (confirmed_.count(message) != 0)
    fail(shortened(message) + " was sent again although it had been confirmed before", now_ms);
  if (!is_same) {
    refusals_ = 0;
    may_be_given_up_ = false;
  }
  last_ = message;
  fate_ = may_be_given_up_ ? Fate::kUnsure : Fate::kOpen;
}

void Auditor::on_frame_out(const std::string& text, int64_t timeout_ms, int64_t now_ms) {
  Frame frame;
  if (!split(text, frame)) {
    if (loose_answers_ == 0) fail("not a frame: " + shortened(text), now_ms);
    if (loose_answers_ > 0) --loose_answers_;
    return;
  }
  if (frame.type != '2') {
    const auto waiting = waiting_.find(frame.id);
    if (waiting != waiting_.end()) {
      if (--waiting->second.deliveries == 0) waiting_.erase(waiting);
    } else if (loose_answers_ > 0) {
      --loose_answers_;
    } else {
      fail("an answer that nobody waits for: " + shortened(text), now_ms);
    }
    return;
  }
  ++calls_out;
  if (is_call_open_ && now_ms < open_until_ms_) {
    fail(frame.action + " was sent while " + open_call_.action + " had neither answer nor timeout",
         now_ms);
  }
  if (is_call_open_ && open_call_.action == "StatusNotification") is_status_lost_ = true;
  if (!ids_.insert(frame.id).second) fail("message id used twice: " + frame.id, now_ms);
  check_times(frame, now_ms);
  const bool is_queue = is_queue_message(frame);
  if (is_queue) on_queue_message(frame, now_ms);
  is_call_open_ = true;
  open_call_ = frame;
  is_queue_message_open_ = is_queue;
  open_until_ms_ = now_ms + timeout_ms;
}

void Auditor::on_frame_in(const std::string& text, int64_t attempts, bool is_answered,
                          int64_t now_ms) {
  Frame frame;
  if (!split(text, frame)) {
    // The id says whose answer it was to be.
    const std::string begin = "[3,\"" + open_call_.id + "\"";
    if (!is_call_open_ || text.compare(0, begin.size(), begin) != 0) {
      on_garbage_delivered();
      return;
    }
    frame.type = '3';
    frame.id = open_call_.id;
  }
  if (frame.type == '2') {
    if (!is_answered) return;
    ++calls_in;
    Waiting& waiting = waiting_[frame.id];
    if (++waiting.deliveries == 1) waiting.until_ms = now_ms + kAnswerMs;
    return;
  }
  if (!is_call_open_ || frame.id != open_call_.id || now_ms > open_until_ms_) return;
  is_call_open_ = false;
  if (frame.type == '4' && open_call_.action == "StatusNotification") is_status_lost_ = true;
  if (!is_queue_message_open_) return;
  // Without a transaction id a start is no success. Nothing is read of the other answers.
  const bool is_success =
      frame.type == '3' &&
      (open_call_.action != "StartTransaction" ||
       (frame.payload.compare(0, 17, "{\"transactionId\":") == 0 && frame.payload[17] != '"'));
  if (is_success) {
    fate_ = Fate::kAnswered;
    settled_ms_ = std::max(now_ms, flash_full_until_ms_) + kSettleMs;
    may_be_given_up_ = false;
  } else if (++refusals_ >= std::max<int64_t>(1, attempts)) {
    fate_ = Fate::kUnsure;
    may_be_given_up_ = true;
    if (refusals_ > 2 * std::max<int64_t>(1, attempts) + 2 && now_ms >= settled_ms_)
      fail(shortened(last_) + " is not given up, however often it is refused", now_ms);
  }
}

int64_t Auditor::next_ms() const {
  int64_t next_ms = INT64_MAX;
  for (const auto& waiting : waiting_) next_ms = std::min(next_ms, waiting.second.until_ms);
  return next_ms;
}

void Auditor::on_time(int64_t now_ms) {
  for (const auto& waiting : waiting_) {
    if (now_ms >= waiting.second.until_ms)
      fail("CALL " + waiting.first + " of the CSMS was not answered", now_ms);
  }
}

}  // namespace simulation
