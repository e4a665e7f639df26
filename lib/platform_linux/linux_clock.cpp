#include "platform_linux/linux_clock.hpp"

#include <ctime>

namespace platform_linux {
namespace {

constexpr int64_t kStartOf2024Ms = 1704067200000;

int64_t read_clock_ms(clockid_t id) {
  timespec ts{};
  clock_gettime(id, &ts);
  return static_cast<int64_t>(ts.tv_sec) * 1000 + ts.tv_nsec / 1000000;
}

}  // namespace

common::Instant LinuxClock::now() const { return common::Instant{read_clock_ms(CLOCK_MONOTONIC)}; }

int64_t LinuxClock::now_us() const {
  timespec ts{};
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return static_cast<int64_t>(ts.tv_sec) * 1000000 + ts.tv_nsec / 1000;
}

common::UtcTime LinuxClock::utc() const {
  if (source_ == UtcSource::kCsms) {
    const int64_t offset_ms = utc_minus_monotonic_ms_.load();
    return offset_ms == 0 ? common::UtcTime{} : common::UtcTime{now().ms + offset_ms};
  }
  const int64_t utc_ms = read_clock_ms(CLOCK_REALTIME);
  return utc_ms < kStartOf2024Ms ? common::UtcTime{} : common::UtcTime{utc_ms};
}

void LinuxClock::set_utc(common::UtcTime utc) {
  if (source_ == UtcSource::kCsms && utc.is_known())
    utc_minus_monotonic_ms_.store(utc.ms - now().ms);
}

}  // namespace platform_linux
