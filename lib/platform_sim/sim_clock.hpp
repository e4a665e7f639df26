#pragma once

#include "platform/clock.hpp"

#include <functional>
#include <vector>

namespace platform_sim {

/// Virtual time: stands still until the test, or SimWaiter, moves it.
class SimClock final : public platform::Clock {
 public:
  common::Instant now() const override { return now_; }
  common::UtcTime utc() const override {
    return is_utc_known_ ? common::UtcTime{utc_at_zero_ms_ + now_.ms} : common::UtcTime{};
  }
  void set_utc(common::UtcTime utc) override {
    if (!ignores_set_utc_) jump_utc_to(utc);
  }

  void advance(int64_t duration_ms) { now_.ms += duration_ms; }
  /// @param instant  Not before now().
  void advance_to(common::Instant instant) {
    if (instant > now_) now_ = instant;
  }
  /// The wall clock is set or jumps, whatever the source; 0 makes it unknown.
  void jump_utc_to(common::UtcTime utc) {
    is_utc_known_ = utc.is_known();
    utc_at_zero_ms_ = utc.ms - now_.ms;
  }
  /// A clock with a source of its own (SNTP) that ignores what the CSMS says.
  void set_ignores_set_utc(bool ignores) { ignores_set_utc_ = ignores; }
  /// The device restarts: monotonic time begins at 0.
  /// @param keeps_utc     The wall clock goes on (battery clock).
  /// @param off_ms        How long the device was without power.
  void restart(bool keeps_utc, int64_t off_ms = 0) {
    const common::UtcTime utc_before = utc();
    now_ = common::Instant{};
    jump_utc_to(keeps_utc && utc_before.is_known() ? utc_before + off_ms : common::UtcTime{});
  }

 private:
  common::Instant now_;
  int64_t utc_at_zero_ms_ = 0;
  bool is_utc_known_ = false;
  bool ignores_set_utc_ = false;
};

/// Jumps the clock to the next thing that happens: the deadline, or the earliest event of a registered source.
class SimWaiter final : public platform::Waiter {
 public:
  /// Tells when a source has something next; Instant::never() for nothing.
  using Source = std::function<common::Instant()>;

  explicit SimWaiter(SimClock& clock) : clock_(clock) {}
  void add_source(Source source) { sources_.push_back(std::move(source)); }

  void wait_until(common::Instant deadline) override {
    common::Instant next = deadline;
    for (const Source& source : sources_) next = common::earlier(next, source());
    is_idle_for_ever_ = next.is_never();
    if (!is_idle_for_ever_) clock_.advance_to(next);
    ++waits_;
  }
  /// The last wait had neither a deadline nor a coming event: nothing would ever happen again.
  bool is_idle_for_ever() const { return is_idle_for_ever_; }
  uint64_t waits() const { return waits_; }

 private:
  SimClock& clock_;
  std::vector<Source> sources_;
  bool is_idle_for_ever_ = false;
  uint64_t waits_ = 0;
};

}  // namespace platform_sim
