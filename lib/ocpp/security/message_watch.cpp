#include "ocpp/security/message_watch.hpp"

#include "ocpp/rpc_frame.hpp"

#include <algorithm>
#include <cstdio>

namespace ocpp {

namespace {

constexpr size_t kUnreadable = 0;
constexpr size_t kAnswer = 1;

}  // namespace

/// Behind the first two: codes of CALLERROR (OCPP-J 1.6, 4.2.3).
const char* const MessageWatch::kNames[kKinds] = {"unreadable",
                                                  "broken answer",
                                                  "FormationViolation",
                                                  "ProtocolError",
                                                  "TypeConstraintViolation",
                                                  "OccurenceConstraintViolation",
                                                  "PropertyConstraintViolation"};

bool MessageWatch::add(size_t kind) {
  if (counts_[kind] < UINT16_MAX) ++counts_[kind];
  if (wait_ms_ != 0) return false;
  due_ = common::Instant{};
  return true;
}

bool MessageWatch::on_received(common::TextSpan frame, bool is_truncated) {
  const RpcFrame parsed = parse_frame(frame, is_truncated);
  switch (parsed.kind) {
    case RpcFrame::Kind::kUnreadable:
      return add(kUnreadable);
    case RpcFrame::Kind::kCallResult:
      return (parsed.fault != nullptr || !messages::check(parsed.payload).ok()) && add(kAnswer);
    case RpcFrame::Kind::kCallError:
      return parsed.fault != nullptr && add(kAnswer);
    case RpcFrame::Kind::kCall:   // its answer tells
    case RpcFrame::Kind::kOther:  // to be ignored (OCPP-J 1.6, 4.1.3)
      break;
  }
  return false;
}

bool MessageWatch::on_sent(common::TextSpan frame) {
  if (frame.size() < 2 || frame[1] != '4') return false;
  const RpcFrame answer = parse_frame(frame, false);
  for (size_t kind = kAnswer + 1; kind < kKinds; ++kind) {
    if (common::equals(answer.error_code, common::text(kNames[kind]))) return add(kind);
  }
  return false;
}

bool MessageWatch::take(common::Instant now, Text& out) {
  if (now < due_) return false;
  out.clear();
  for (size_t kind = 0; kind < kKinds; ++kind) {
    if (counts_[kind] == 0) continue;
    char part[48];
    std::snprintf(part, sizeof part, "%s%u %s", out.empty() ? "" : ", ", unsigned{counts_[kind]},
                  kNames[kind]);
    (void)out.append(common::text(part));
    counts_[kind] = 0;
  }
  if (out.empty()) {
    wait_ms_ = 0;
    due_ = common::Instant::never();
    return false;
  }
  wait_ms_ = wait_ms_ == 0 ? kFirstMs : std::min(2 * wait_ms_, kLongestMs);
  due_ = now + wait_ms_;
  return true;
}

}  // namespace ocpp
