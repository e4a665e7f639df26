#include "platform_esp32/task_worker.hpp"

#include <freertos/FreeRTOS.h>
#include <freertos/task.h>

namespace platform_esp32 {

common::Status TaskWorker::start(platform::Job& job) {
  if (!is_idle()) return common::Status::kAgain;
  job_.store(&job, std::memory_order_release);
  if (xTaskCreatePinnedToCore(run, "worker", kStackBytes, this, tskIDLE_PRIORITY, nullptr,
                              PRO_CPU_NUM) == pdPASS) {
    return common::Status::kOk;
  }
  job_.store(nullptr, std::memory_order_relaxed);
  return common::Status::kNoSpace;
}

void TaskWorker::run(void* self) {
  auto* const worker = static_cast<TaskWorker*>(self);
  worker->job_.load(std::memory_order_acquire)->run();
  worker->job_.store(nullptr, std::memory_order_release);
  vTaskDelete(nullptr);
}

}  // namespace platform_esp32
