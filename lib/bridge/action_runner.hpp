#pragma once

#include "bridge/register_set.hpp"
#include "common/time.hpp"

namespace bridge {

/// Carries out one action of a profile step by step. It says what to read and write; its owner does that.
class ActionRunner {
 public:
  enum class Need : uint8_t { kNothing, kRead, kWrite };
  static constexpr uint8_t kTries = 3;  ///< Of one write.

  void start(Action action, const Profile& profile);
  void abandon() { is_running_ = false; }
  bool is_running() const { return is_running_; }
  Action action() const { return action_; }
  /// Whether the last action went wrong.
  bool has_failed() const { return has_failed_; }

  /// What to do now. @param is_idle  Whether less than 1 A flows. @param next  Made earlier when time alone goes on.
  Need step(const RegisterSet& registers, bool is_idle, common::Instant now, common::Instant& next);
  /// Row to read (before only some of its bits are changed) or to write.
  uint8_t row() const { return row_; }
  uint64_t bits() const { return bits_; }
  /// The row's raw bits.
  void on_read(uint64_t bits);
  /// @param is_final  The device refused: another try is no use.
  void on_written(bool is_done, bool is_final);

 private:
  void advance();

  const Profile* profile_ = nullptr;
  bool is_running_ = false;
  bool has_failed_ = false;
  bool is_waiting_ = false;  ///< For until_.
  bool has_read_ = false;
  Action action_ = Action::kWake;
  uint8_t index_ = 0;
  uint8_t tries_ = 0;
  uint8_t row_ = kNoRegister;
  uint64_t bits_ = 0;
  common::Instant until_;
};

}  // namespace bridge
