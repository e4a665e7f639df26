#include "gateway/known_time.hpp"

namespace gateway {

namespace {

constexpr const char* kKey = "last_utc";
constexpr size_t kBytes = 8;
constexpr int64_t kBackMs = 3600 * 1000;
/// Of a clock that has gone mad: the year 2200.
constexpr int64_t kLatestMs = 7258118400000;

}  // namespace

void KnownTime::begin(common::UtcTime build_utc) {
  build_ = build_utc;
  earliest_ = build_utc;
  uint8_t raw[kBytes];
  const common::Result<size_t> size = store_.get(kKey, raw);
  if (!size.ok() || size.value() != kBytes) return;
  uint64_t ms = 0;
  for (size_t i = 0; i < kBytes; ++i) ms |= static_cast<uint64_t>(raw[i]) << 8U * i;
  if (ms == 0 || ms >= static_cast<uint64_t>(kLatestMs)) return;
  stored_.ms = static_cast<int64_t>(ms);
  if (stored_ > earliest_) earliest_ = stored_;
}

void KnownTime::step(common::UtcTime utc, bool is_network_up, common::Instant now) {
  if (is_network_up && !was_up_) up_since_ = now;
  was_up_ = is_network_up;
  if (utc.is_known()) is_ready_ = true;
  if (is_network_up && now - up_since_ >= kWaitMs) is_ready_ = true;
  if (!utc.is_known() || utc.ms >= kLatestMs) return;
  earliest_ = utc > build_ ? utc : build_;
  // A clock that was wrong and is right now takes back what was stored.
  const int64_t since_ms = utc - stored_;
  if (since_ms < kStoreMs && since_ms > -kBackMs) return;
  stored_ = utc;
  uint8_t raw[kBytes];
  for (size_t i = 0; i < kBytes; ++i)
    raw[i] = static_cast<uint8_t>(static_cast<uint64_t>(utc.ms) >> 8U * i);
  (void)store_.set(kKey, raw);
}

}  // namespace gateway
