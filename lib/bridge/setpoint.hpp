#pragma once

#include "common/time.hpp"

namespace bridge {

/// One value that the gateway sets and the charger must confirm, in any unit in which 0 is "stop": written on change, read back, written again on
/// a mismatch, and given up on - but tried again now and then - after three refusals.
///
///   wanted -> write -> read back until equal (confirmed) or confirm_ms is over (failure, write again)
///   3 failures -> rejected: one try every reject_retry_ms until one is confirmed
class Setpoint {
 public:
  static constexpr uint8_t kMaxFailures = 3;
  static constexpr int64_t kRereadMs = 500;    ///< Between two read-backs of one write.
  static constexpr int64_t kRewriteMs = 1000;  ///< Between a refused write and the next.

  struct Settings {
    uint32_t confirm_ms = 5000;
    uint32_t reject_retry_ms = 30000;
    /// Least time at one value before a higher one; lower ones are written at once. 0 = none.
    uint32_t hold_ms = 0;
    /// Least time from one increase to the next. 0 = none.
    uint32_t increase_ms = 0;
    /// Least time between two writes of which neither stops (0). 0 = none.
    uint32_t write_ms = 0;
    uint32_t tolerance = 0;  ///< A read-back this far away still confirms.
    bool is_readable = true;
    /// What is read is what the charger makes of it: less, but more than 0, confirms too.
    bool may_be_less = false;
  };

  enum class ReadEvent : uint8_t {
    kNone,
    kConfirmed,
    kLost
  };  ///< kLost: a confirmed value has changed by itself.

  void configure(const Settings& settings) { settings_ = settings; }
  void set_unreadable() { settings_.is_readable = false; }

  void want(uint32_t raw);
  bool has_wish() const { return has_wish_; }
  uint32_t wanted() const { return wanted_; }
  /// Writes the wish again even if nothing seems to have changed.
  void rewrite();

  /// When wanted() should be written; never when it is not needed.
  common::Instant write_at() const;
  /// When the register should be read back for a write; never when it is not needed.
  common::Instant read_at() const;
  /// Whether wanted() is lower than what the charger holds or was last told.
  bool is_decrease() const;

  void on_written(uint32_t raw, common::Instant now);
  void on_refused(common::Instant now);
  /// The write got no answer from a unit that is silent: tried again later, not a refusal.
  void on_unanswered(common::Instant now);
  ReadEvent on_read(uint32_t raw, common::Instant now);
  /// Confirmation that did not come in time. @return When to call again.
  common::Instant step(common::Instant now);

  bool is_rejected() const { return is_rejected_; }
  bool is_confirmed() const { return is_confirmed_; }
  /// The wish has reached the charger's register (confirmed, or accepted by a register that cannot be read).
  bool is_settled() const;
  bool is_device_known() const { return has_device_; }
  uint32_t device() const { return device_; }
  /// The value in the charger is unknown again (silence, restart).
  void forget_device();

 private:
  bool needs_write() const;
  void fail(common::Instant tried_at, common::Instant retry_at);
  bool matches(uint32_t raw, uint32_t target) const;

  Settings settings_;
  bool has_wish_ = false;
  bool must_write_ = false;
  bool has_written_ = false;
  bool has_device_ = false;
  bool has_changed_ = false;
  bool awaits_confirmation_ = false;
  bool is_confirmed_ = false;
  bool is_rejected_ = false;
  uint8_t failures_ = 0;
  uint32_t wanted_ = 0;
  uint32_t written_ = 0;
  uint32_t device_ = 0;
  bool has_increased_ = false;
  common::Instant written_at_;
  common::Instant changed_at_;
  common::Instant increased_at_;
  common::Instant not_before_;
  common::Instant confirm_by_;
  common::Instant read_next_;
};

}  // namespace bridge
