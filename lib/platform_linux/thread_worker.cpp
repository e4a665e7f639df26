#include "platform_linux/thread_worker.hpp"

namespace platform_linux {

ThreadWorker::~ThreadWorker() {
  if (thread_.joinable()) thread_.join();
}

common::Status ThreadWorker::start(platform::Job& job) {
  if (!is_idle()) return common::Status::kAgain;
  if (thread_.joinable()) thread_.join();
  is_running_.store(true, std::memory_order_relaxed);
  thread_ = std::thread([this, &job] {
    job.run();
    is_running_.store(false, std::memory_order_release);
  });
  return common::Status::kOk;
}

}  // namespace platform_linux
