#pragma once

#include "platform/worker.hpp"

#include <atomic>

namespace platform_esp32 {

/// Worker with a task for each job, which is gone afterwards: jobs are rare, and a stack is 10 KiB of heap.
///
/// It runs on the core of the network at the priority of the idle task, which is given its turns and feeds the watchdog:
/// a job may take 20 s and delays nothing. An entropy port that it uses gives true random numbers while Wi-Fi is on.
class TaskWorker final : public platform::Worker {
 public:
  common::Status start(platform::Job& job) override;
  bool is_idle() override { return job_.load(std::memory_order_acquire) == nullptr; }

 private:
  static constexpr uint32_t kStackBytes = 10240;

  static void run(void* self);

  std::atomic<platform::Job*> job_{nullptr};
};

}  // namespace platform_esp32
