#pragma once

#include "platform/clock.hpp"

#include <freertos/FreeRTOS.h>
#include <freertos/task.h>

namespace platform_esp32 {

/// Sleeps on the notification of the loop task. The UARTs are polled every kPollMs, since their driver notifies
/// queues, not tasks; the network task wakes the loop at once.
class Esp32Waiter final : public platform::Waiter {
 public:
  static constexpr int64_t kPollMs = 5;

  /// Keeps a reference to the clock. Call begin() from the loop task before wake() can be called.
  explicit Esp32Waiter(const platform::Clock& clock) : clock_(clock) {}
  void begin() { task_ = xTaskGetCurrentTaskHandle(); }

  void wait_until(common::Instant deadline) override {
    const int64_t left_ms = deadline.is_never() ? kPollMs : deadline - clock_.now();
    if (left_ms <= 0) {
      taskYIELD();
      return;
    }
    ulTaskNotifyTake(pdTRUE, pdMS_TO_TICKS(left_ms < kPollMs ? left_ms : kPollMs));
  }
  /// Ends the wait. Any task.
  void wake() {
    if (task_ != nullptr) xTaskNotifyGive(task_);
  }

 private:
  const platform::Clock& clock_;
  TaskHandle_t task_ = nullptr;
};

}  // namespace platform_esp32
