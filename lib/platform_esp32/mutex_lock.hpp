#pragma once

#include <freertos/FreeRTOS.h>
#include <freertos/semphr.h>

namespace platform_esp32 {

/// Holds a FreeRTOS mutex for as long as it lives.
class Lock {
 public:
  explicit Lock(SemaphoreHandle_t mutex) : mutex_(mutex) { xSemaphoreTake(mutex_, portMAX_DELAY); }
  ~Lock() { xSemaphoreGive(mutex_); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  SemaphoreHandle_t mutex_;
};

}  // namespace platform_esp32
