#pragma once

#include <cstddef>
#include <cstdint>

namespace gateway {

/// Least, greatest and 99th percentile of durations, without keeping them: counters on a logarithmic scale, four for each
/// doubling, so that the percentile is at most a quarter too high.
class DurationFigures {
 public:
  /// @param duration_us  Below 0 counts as 0.
  void add(int64_t duration_us) {
    const auto us = static_cast<uint32_t>(duration_us < 0          ? 0
                                          : duration_us > kMost_us ? kMost_us
                                                                   : duration_us);
    if (count_ == 0 || us < min_us_) min_us_ = us;
    if (us > max_us_) max_us_ = us;
    if (count_ == UINT32_MAX) halve();
    ++count_;
    ++counters_[index_of(us)];
  }
  uint32_t count() const { return count_; }
  /// All 0 before the first add().
  uint32_t min_us() const { return min_us_; }
  uint32_t max_us() const { return max_us_; }
  /// 99 of 100 are not longer.
  uint32_t p99_us() const {
    const uint32_t beyond = count_ / 100;  // as many may be longer
    uint32_t seen = 0;
    for (size_t i = kCounters; i-- > 0;) {
      seen += counters_[i];
      if (seen > beyond) return top_of(i) < max_us_ ? top_of(i) : max_us_;
    }
    return 0;
  }

 private:
  static constexpr int64_t kMost_us = UINT32_C(1) << 30U;  // 18 minutes
  static constexpr size_t kCounters = 4 * 30;

  /// 0..3 are exact; from 4 us on, the two bits below the highest choose among four.
  static size_t index_of(uint32_t us) {
    if (us < 4) return us;
    size_t high = 2;
    while (us >> high > 1) ++high;
    const size_t index = (high - 1) * 4 + (us >> (high - 2U) & 3U);
    return index < kCounters ? index : kCounters - 1;
  }
  /// Greatest duration of a counter, us.
  static uint32_t top_of(size_t index) {
    if (index < 4) return static_cast<uint32_t>(index);
    const size_t high = index / 4 + 1;
    return static_cast<uint32_t>(((4 + index % 4 + 1) << (high - 2U)) - 1);
  }
  void halve() {
    count_ = 0;
    for (uint32_t& counter : counters_) count_ += counter /= 2;
  }

  uint32_t count_ = 0;
  uint32_t min_us_ = 0;
  uint32_t max_us_ = 0;
  uint32_t counters_[kCounters] = {};
};

/// How regularly the control loop turns. A loop that sleeps until something is due has long periods by design: what must
/// stay short is how long a turn takes, and how late one begins.
class LoopMeter {
 public:
  /// A turn begins. @param now_us  Monotonic time.
  void on_turn(int64_t now_us) {
    if (began_us_ >= 0) period_.add(now_us - began_us_);
    // A wait that ends before its deadline ended for an input: nothing was late.
    if (due_us_ >= 0 && now_us >= due_us_) late_.add(now_us - due_us_);
    began_us_ = now_us;
  }
  /// The turn has done its work. @param due_us  When the next must begin at the latest; -1 = whenever.
  void on_wait(int64_t now_us, int64_t due_us) {
    busy_.add(now_us - began_us_);
    due_us_ = due_us;
  }

  const DurationFigures& period() const { return period_; }  ///< From turn to turn.
  const DurationFigures& busy() const { return busy_; }      ///< Work of a turn.
  /// From the deadline to the turn; a turn that took too long makes the next one late.
  const DurationFigures& late() const { return late_; }

 private:
  int64_t began_us_ = -1;
  int64_t due_us_ = -1;
  DurationFigures period_;
  DurationFigures busy_;
  DurationFigures late_;
};

}  // namespace gateway
