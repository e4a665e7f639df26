#pragma once

#include "common/limits.hpp"
#include "common/span.hpp"
#include "common/time.hpp"

namespace gateway {

/// The last log lines, for diagnostics. Bounded in bytes; the oldest lines make room.
/// @par Context  Loop thread.
class LogHistory {
 public:
  static constexpr size_t kMaxLineBytes = 240;

  struct Line {
    common::Instant at;
    char text[kMaxLineBytes] = {};
    size_t size = 0;
  };

  void add(common::TextSpan text, common::Instant at) {
    text = text.first(kMaxLineBytes);
    const size_t needed = kHeadBytes + text.size();
    while (used_ + needed > limits::kLogHistoryBytes) drop_oldest();
    put(static_cast<uint8_t>(text.size()));
    for (unsigned i = 0; i < 8; ++i)
      put(static_cast<uint8_t>(static_cast<uint64_t>(at.ms) >> 8U * i));
    for (const char c : text) put(static_cast<uint8_t>(c));
    ++next_;
  }
  /// Lines are numbered from 0; those before are forgotten.
  uint32_t oldest() const { return oldest_; }
  uint32_t end() const { return next_; }
  /// @param number  oldest() <= number < end()
  void read(uint32_t number, Line& out) const {
    size_t at = begin_;
    for (uint32_t i = oldest_; i < number; ++i) at += kHeadBytes + byte(at);
    out.size = byte(at);
    uint64_t ms = 0;
    for (unsigned i = 0; i < 8; ++i) ms |= uint64_t{byte(at + 1 + i)} << 8U * i;
    out.at.ms = static_cast<int64_t>(ms);
    for (size_t i = 0; i < out.size; ++i)
      out.text[i] = static_cast<char>(byte(at + kHeadBytes + i));
  }

 private:
  static constexpr size_t kHeadBytes = 9;  ///< Length, instant.

  uint8_t byte(size_t at) const { return bytes_[at % limits::kLogHistoryBytes]; }
  void put(uint8_t value) { bytes_[(begin_ + used_++) % limits::kLogHistoryBytes] = value; }
  void drop_oldest() {
    const size_t size = kHeadBytes + byte(begin_);
    begin_ = (begin_ + size) % limits::kLogHistoryBytes;
    used_ -= size;
    ++oldest_;
  }

  size_t begin_ = 0;
  size_t used_ = 0;
  uint32_t oldest_ = 0;
  uint32_t next_ = 0;
  uint8_t bytes_[limits::kLogHistoryBytes] = {};
};

}  // namespace gateway
