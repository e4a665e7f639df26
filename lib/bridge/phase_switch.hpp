#pragma once

#include "common/time.hpp"

namespace bridge {

/// Changes between one and three phases while an EV is plugged. Never under load: that can destroy an EV.
///
///   idle --other phases wanted, phase_switch_ms since the last time--> pausing --less than 1 A--> dead time --> switching
///     --> dead time --> idle
///   pausing --current still flows after kPauseMs--> idle, tried again after phase_switch_ms
class PhaseSwitch {
 public:
  /// After the stop the current must have gone within this.
  static constexpr int64_t kPauseMs = 10000;

  enum class Order : uint8_t {
    kNone,
    kPause,
    kSwitch,  ///< Do it now; View::is_done tells the end.
    kFailed,  ///< Current still flows.
    kResume,
  };
  struct Settings {
    bool pauses = true;  ///< false: the charger stops and waits by itself.
    uint32_t dead_ms = 5000;
    uint32_t least_ms = 300000;  ///< From one switch to the next.
  };
  /// A fresh look at the charger.
  struct View {
    bool may_begin = false;  ///< It can switch, and a session is permitted.
    uint8_t wanted = 3;      ///< 1 or 3
    uint8_t actual = 3;
    bool is_stopped = false;  ///< Nothing is offered, less than 1 A flows.
    bool is_blind = false;    ///< Nothing is offered, and nobody measures what flows.
    bool is_done = true;      ///< The order to switch has been carried out.
  };

  Order step(const View& view, const Settings& settings, common::Instant now);
  /// When to call again at the latest.
  common::Instant next() const;
  /// Nothing may be offered.
  bool is_pausing() const { return state_ != State::kIdle && pauses_; }
  /// What it changes to. 1 or 3
  uint8_t target() const { return target_; }

 private:
  enum class State : uint8_t { kIdle, kPausing, kDeadBefore, kSwitching, kDeadAfter };

  void wait(State state, const Settings& settings, common::Instant now);

  State state_ = State::kIdle;
  bool pauses_ = true;
  bool is_due_ = false;  ///< Idle, but a switch waits for next_at_.
  uint8_t target_ = 3;
  common::Instant until_;
  common::Instant next_at_;
};

}  // namespace bridge
