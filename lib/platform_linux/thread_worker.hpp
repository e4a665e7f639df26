#pragma once

#include "platform/worker.hpp"

#include <atomic>
#include <thread>

namespace platform_linux {

/// Worker with a thread for each job.
class ThreadWorker final : public platform::Worker {
 public:
  ThreadWorker() = default;
  /// Waits for the job that runs.
  ~ThreadWorker() override;
  ThreadWorker(const ThreadWorker&) = delete;
  ThreadWorker& operator=(const ThreadWorker&) = delete;

  common::Status start(platform::Job& job) override;
  bool is_idle() override { return !is_running_.load(std::memory_order_acquire); }

 private:
  std::thread thread_;
  std::atomic<bool> is_running_{false};
};

}  // namespace platform_linux
