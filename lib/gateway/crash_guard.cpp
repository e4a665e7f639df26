#include "gateway/crash_guard.hpp"

#include <algorithm>

namespace gateway {

LOG_MODULE("gateway.crashes");

using common::Instant;
using common::Status;

namespace {

constexpr const char* kKey = "crashes";
/// { version, mode, total u32, count, age of each in seconds u16 }, little-endian; fields are only appended.
constexpr uint8_t kVersion = 1;
constexpr size_t kHeadBytes = 7;
constexpr size_t kImageBytes = kHeadBytes + 2 * CrashGuard::kCrashes;
constexpr size_t kMaxImageBytes = 64;

bool is_crash(platform::ResetCause cause) {
  return cause == platform::ResetCause::kWatchdog || cause == platform::ResetCause::kBrownOut;
}

}  // namespace

const char* to_string(CrashGuard::Mode mode) {
  switch (mode) {
    case CrashGuard::Mode::kNormal:
      return "normal";
    case CrashGuard::Mode::kSafe:
      return "safe";
    case CrashGuard::Mode::kConsoleOnly:
      return "console only";
  }
  return "?";
}

void CrashGuard::begin(platform::ResetCause cause, Instant now) {
  was_crash_ = is_crash(cause);
  aged_at_ = now;
  healthy_since_ = now;
  if (store_ == nullptr) return;
  due_at_ = now;
  (void)step(now);
  started_in_ = mode_;
}

/// @return False when the store failed. A value that is damaged or of a newer kind counts as none.
bool CrashGuard::read() {
  uint8_t image[kMaxImageBytes];
  const common::Result<size_t> size = store_->get(kKey, image);
  if (!size.ok() && size.status() == Status::kIo) return false;
  if (!size.ok() || size.value() < kImageBytes || image[0] != kVersion ||
      image[1] > static_cast<uint8_t>(Mode::kConsoleOnly) || image[6] > kCrashes)
    return true;
  mode_ = static_cast<Mode>(image[1]);
  for (unsigned i = 0; i < 4; ++i) total_ |= static_cast<uint32_t>(image[2 + i]) << (8U * i);
  count_ = image[6];
  for (size_t i = 0; i < count_; ++i) {
    ages_ms_[i] = int64_t{image[kHeadBytes + 2 * i] | image[kHeadBytes + 2 * i + 1] << 8} * 1000;
  }
  return true;
}

Status CrashGuard::store(Instant now) {
  uint8_t image[kImageBytes] = {kVersion, static_cast<uint8_t>(mode_)};
  for (unsigned i = 0; i < 4; ++i) image[2 + i] = static_cast<uint8_t>(total_ >> (8U * i));
  image[6] = static_cast<uint8_t>(count_);
  for (size_t i = 0; i < count_; ++i) {
    const auto seconds = static_cast<unsigned>(ages_ms_[i] / 1000);
    image[kHeadBytes + 2 * i] = static_cast<uint8_t>(seconds);
    image[kHeadBytes + 2 * i + 1] = static_cast<uint8_t>(seconds >> 8U);
  }
  const Status status = store_->set(kKey, common::ByteSpan(image));
  is_dirty_ = status != Status::kOk;
  due_at_ = is_dirty_ ? now + kRetryMs : count_ > 0 ? now + kNoteMs : Instant::never();
  return status;
}

void CrashGuard::count_crash() {
  was_crash_ = false;
  is_dirty_ = true;
  if (total_ != UINT32_MAX) ++total_;
  if (count_ == kCrashes) {  // More than that stay only where no mode is left to enter.
    std::copy(ages_ms_ + 1, ages_ms_ + kCrashes, ages_ms_);
    --count_;
  }
  ages_ms_[count_++] = 0;
  LOG_WARN(log_, "the last run ended in a crash: %u within ten minutes, %lu in all",
           static_cast<unsigned>(count_), static_cast<unsigned long>(total_));
  if (count_ < kCrashes || mode_ == Mode::kConsoleOnly) return;
  mode_ = mode_ == Mode::kNormal ? Mode::kSafe : Mode::kConsoleOnly;
  count_ = 0;
  LOG_ERROR(log_, "crashes do not end: mode %s", to_string(mode_));
}

void CrashGuard::age(Instant now) {
  const int64_t elapsed_ms = std::max<int64_t>(now - aged_at_, 0);
  aged_at_ = now;
  size_t kept = 0;
  for (size_t i = 0; i < count_; ++i) {
    const int64_t age_ms = ages_ms_[i] + elapsed_ms;
    if (age_ms < kWindowMs) ages_ms_[kept++] = age_ms;
  }
  count_ = kept;
}

Instant CrashGuard::step(Instant now) {
  if (store_ == nullptr) return Instant::never();
  if (!is_read_ && now < due_at_) return due_at_;
  if (!is_read_) {
    is_read_ = read();
    if (!is_read_) return due_at_ = now + kRetryMs;
    if (was_crash_) count_crash();
  }
  if (mode_ != Mode::kNormal && remaining_ms(now) == 0) {
    mode_ = mode_ == Mode::kConsoleOnly ? Mode::kSafe : Mode::kNormal;
    healthy_since_ = now;
    is_dirty_ = true;
    due_at_ = now;
    LOG_WARN(log_, "no crash for half an hour: mode %s", to_string(mode_));
  }
  if (due_at_ <= now) {
    const bool is_worth_storing = is_dirty_ || count_ > 0;
    age(now);
    due_at_ = Instant::never();
    if (is_worth_storing && store(now) != Status::kOk)
      LOG_ERROR(log_, "the count of crashes could not be stored");
  }
  const Instant end = mode_ == Mode::kNormal ? Instant::never() : healthy_since_ + kHealthyMs;
  return common::earlier(due_at_, end);
}

Status CrashGuard::leave(Instant now) {
  if (store_ == nullptr) return Status::kOk;
  if (!is_read_ && !read()) return Status::kIo;
  is_read_ = true;
  was_crash_ = false;
  if (mode_ != Mode::kNormal) LOG_WARN(log_, "mode normal, by command");
  mode_ = Mode::kNormal;
  count_ = 0;
  return store(now);
}

int64_t CrashGuard::remaining_ms(Instant now) const {
  if (mode_ == Mode::kNormal) return 0;
  const int64_t left_ms = healthy_since_ + kHealthyMs - now;
  return std::min(std::max<int64_t>(left_ms, 0), kHealthyMs);
}

}  // namespace gateway
