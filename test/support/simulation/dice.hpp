#pragma once

#include "platform_sim/sim_entropy.hpp"

#include <algorithm>

namespace simulation {

constexpr int64_t kSecondMs = 1000;
constexpr int64_t kMinuteMs = 60 * kSecondMs;
constexpr int64_t kHourMs = 60 * kMinuteMs;
constexpr int64_t kDayMs = 24 * kHourMs;

/// Numbers for a script.
class Dice {
 public:
  explicit Dice(uint64_t seed) : entropy_(seed) {}

  bool chance(uint32_t per_mille) { return entropy_.chance(per_mille); }
  /// minimum..maximum, even.
  int64_t between(int64_t minimum, int64_t maximum) {
    return minimum + static_cast<int64_t>(entropy_.next_u64() >> 1U) % (maximum - minimum + 1);
  }
  /// minimum..maximum, as many short as long ones.
  int64_t spread(int64_t minimum, int64_t maximum) {
    int doublings = 0;
    for (int64_t bound = minimum; bound < maximum; bound *= 2) ++doublings;
    int64_t low = minimum;
    for (int64_t i = between(0, std::max(0, doublings - 1)); i > 0; --i) low *= 2;
    return between(low, std::min(low * 2, maximum));
  }
  template <typename T, size_t N>
  T one_of(const T (&choice)[N]) {
    return choice[static_cast<size_t>(between(0, N - 1))];
  }

 private:
  platform_sim::SimEntropy entropy_;
};

}  // namespace simulation
