#include "platform_esp32/esp32_clock.hpp"

#include <esp_sntp.h>
#include <esp_timer.h>
#include <sys/time.h>

namespace platform_esp32 {
namespace {

constexpr int64_t kYear2024_s = 1704067200;  // Any earlier time was never set.

}  // namespace

common::Instant Esp32Clock::now() const { return common::Instant{esp_timer_get_time() / 1000}; }

int64_t Esp32Clock::now_us() const { return esp_timer_get_time(); }

common::UtcTime Esp32Clock::utc() const {
  timeval time{};
  gettimeofday(&time, nullptr);
  if (time.tv_sec < kYear2024_s) return common::UtcTime{};
  return common::UtcTime{static_cast<int64_t>(time.tv_sec) * 1000 + time.tv_usec / 1000};
}

void Esp32Clock::set_utc(common::UtcTime utc) {
  if (!utc.is_known() || sntp_get_sync_status() == SNTP_SYNC_STATUS_COMPLETED) return;
  timeval time{};
  time.tv_sec = static_cast<time_t>(utc.ms / 1000);
  time.tv_usec = static_cast<suseconds_t>(utc.ms % 1000 * 1000);
  settimeofday(&time, nullptr);
}

}  // namespace platform_esp32
