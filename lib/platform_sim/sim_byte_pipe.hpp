#pragma once

#include "common/span.hpp"
#include "common/time.hpp"
#include "platform_sim/malloc_trap.hpp"

#include <algorithm>
#include <deque>

namespace platform_sim {

/// Bytes on their way in one direction, each with the instant at which it arrives.
class SimBytePipe {
 public:
  /// @param per_byte_us  Time on the wire per byte; bytes queue behind those already on their way.
  void push(common::ByteSpan data, common::Instant now, int64_t latency_ms, int64_t per_byte_us) {
    const MallocTrap::Exempt exempt;
    busy_until_us_ = std::max(busy_until_us_, now.ms * 1000);
    for (const uint8_t byte : data) {
      busy_until_us_ += per_byte_us;
      bytes_.push_back(Byte{common::Instant{(busy_until_us_ + 999) / 1000 + latency_ms}, byte});
    }
  }
  /// @return Bytes that have arrived and fit.
  size_t pull(common::MutableByteSpan buffer, common::Instant now) {
    const MallocTrap::Exempt exempt;
    size_t count = 0;
    while (count < buffer.size() && !bytes_.empty() && bytes_.front().arrives <= now) {
      buffer[count++] = bytes_.front().value;
      bytes_.pop_front();
    }
    return count;
  }
  common::Instant next_arrival() const {
    return bytes_.empty() ? common::Instant::never() : bytes_.front().arrives;
  }
  /// Arrival of the last byte: everything is through then.
  common::Instant last_arrival() const {
    return bytes_.empty() ? common::Instant::never() : bytes_.back().arrives;
  }
  /// When the last byte pushed has left the sender.
  common::Instant drained_at() const { return common::Instant{(busy_until_us_ + 999) / 1000}; }
  void clear() { bytes_.clear(); }
  size_t size() const { return bytes_.size(); }

 private:
  struct Byte {
    common::Instant arrives;
    uint8_t value;
  };
  std::deque<Byte> bytes_;
  int64_t busy_until_us_ = 0;
};

}  // namespace platform_sim
