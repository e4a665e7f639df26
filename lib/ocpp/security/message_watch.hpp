#pragma once

#include "common/fixed_string.hpp"
#include "common/time.hpp"
#include "ocpp/security/security_log.hpp"

namespace ocpp {

/// Frames of the CSMS that are not OCPP 1.6J, for the event InvalidMessages (security whitepaper ed. 3, 8): such that cannot be
/// read, CALLs that our CALLERROR calls malformed or against the schema, and answers that are no JSON.
///
/// The first is worth an entry of the log at once; what follows is counted and told after an hour, then after twice as long
/// each time, up to a day. After such a time without any it begins anew. So a flood neither wears the flash nor fills the log.
class MessageWatch {
 public:
  /// Such as "3 FormationViolation, 1 unreadable".
  using Text = common::FixedString<SecurityEntry::kMaxInfoBytes>;
  static constexpr int64_t kFirstMs = 3'600'000;
  static constexpr int64_t kLongestMs = 24 * kFirstMs;

  /// @return Whether the frame is worth an entry now.
  bool on_received(common::TextSpan frame, bool is_truncated);
  bool on_sent(common::TextSpan frame);
  /// @return Whether there is something to note; then it has been counted.
  bool take(common::Instant now, Text& out);
  /// When take() is due.
  common::Instant next() const { return due_; }

 private:
  static constexpr size_t kKinds = 7;
  static const char* const kNames[kKinds];

  bool add(size_t kind);

  uint16_t counts_[kKinds] = {};
  common::Instant due_ = common::Instant::never();
  int64_t wait_ms_ = 0;  ///< Since the last entry; 0 = quiet.
};

}  // namespace ocpp
