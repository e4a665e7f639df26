#pragma once

#include "common/status.hpp"

namespace platform {

/// Work that takes too long for the loop: generating a key, checking a signature.
class Job {
 public:
  virtual ~Job() = default;
  /// @par Context  A thread of the worker. Touches nothing that the loop uses meanwhile.
  virtual void run() = 0;
};

/// Carries out one job at a time beside the loop: a thread on Linux, a task on the ESP32.
/// @par Context  Loop thread only; no call blocks.
class Worker {
 public:
  virtual ~Worker() = default;
  /// @param job  Outlives its run.
  /// @retval kAgain    The job before has not ended.
  /// @retval kNoSpace  No thread or stack is to be had now.
  virtual common::Status start(Job& job) = 0;
  /// Nothing runs; what the last job wrote can be read.
  virtual bool is_idle() = 0;
};

/// Carries out each job at once: tests, and processes that can wait.
class InlineWorker final : public Worker {
 public:
  common::Status start(Job& job) override {
    job.run();
    return common::Status::kOk;
  }
  bool is_idle() override { return true; }
};

}  // namespace platform
