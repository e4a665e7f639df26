#include "gateway/console_lock.hpp"

#include <cstdio>
#include <cstring>

namespace gateway {

using common::ByteSpan;
using common::Instant;
using common::MutableByteSpan;
using common::Result;
using common::Status;
using common::TextSpan;
using security::PasswordHash;

namespace {

constexpr uint8_t kVersion = 1;
constexpr uint8_t kMostCounted = 16;
constexpr size_t kSaltAt = 5;
constexpr size_t kHashAt = kSaltAt + PasswordHash::kSaltBytes;

ByteSpan bytes_of(TextSpan text) {
  return ByteSpan(reinterpret_cast<const uint8_t*>(text.data()), text.size());
}

}  // namespace

void ConsoleLock::begin(Instant now) {
  const Result<size_t> size = store_.get(kKey, MutableByteSpan(record_, sizeof record_));
  has_password_ = size.status() != Status::kNotFound;
  is_readable_ = size.ok() && size.value() == kRecordBytes && record_[0] == kVersion;
  is_locked_ = has_password_;
  uint8_t wrong = 0;
  if (store_.get(kWrongKey, MutableByteSpan(&wrong, 1)).ok()) wrong_ = wrong;
  begin_wait(now);
}

void ConsoleLock::begin_wait(Instant now) {
  if (wrong_ < kFreeAttempts) return;
  int64_t wait = kFirstWaitMs;
  for (uint8_t i = kFreeAttempts; i < wrong_ && wait < kLongestWaitMs; ++i) wait *= 2;
  next_login_ = now + (wait < kLongestWaitMs ? wait : kLongestWaitMs);
}

/// Where the flash does not take it, the count lasts until the next start.
void ConsoleLock::count_wrong(uint8_t count) {
  wrong_ = count;
  if (count == 0) {
    (void)store_.erase(kWrongKey);
  } else {
    (void)store_.set(kWrongKey, ByteSpan(&count, 1));
  }
}

void ConsoleLock::start(TextSpan password, uint32_t iterations, Job job) {
  hash_.begin(bytes_of(password), salt_, iterations);
  job_ = job;
}

bool ConsoleLock::login(TextSpan password, Instant now, Error& error) {
  if (is_busy()) {
    error = Error("the last password is still being looked at");
    return false;
  }
  if (!has_password_) {
    error = Error("no password is set");
    return false;
  }
  if (!is_readable_) {
    error = Error("the stored password cannot be read: a factory reset by the button removes it");
    return false;
  }
  if (now < next_login_) {
    char text[64];
    std::snprintf(text, sizeof text, "too many wrong passwords: wait %ld s",
                  static_cast<long>((next_login_ - now + 999) / 1000));
    error = Error(text);
    return false;
  }
  if (password.size() > kMaxPasswordBytes) password = TextSpan();
  const uint32_t iterations =
      static_cast<uint32_t>(record_[1]) | static_cast<uint32_t>(record_[2]) << 8U |
      static_cast<uint32_t>(record_[3]) << 16U | static_cast<uint32_t>(record_[4]) << 24U;
  std::memcpy(salt_, record_ + kSaltAt, sizeof salt_);
  start(password, iterations == 0 ? 1 : iterations, Job::kCheck);
  return true;
}

bool ConsoleLock::change(TextSpan password, Error& error) {
  if (is_busy() || is_locked_) {
    error = Error("the console is locked: login PASSWORD");
    return false;
  }
  if (password.size() < kMinPasswordBytes || password.size() > kMaxPasswordBytes) {
    error = Error("a password has 10 to 64 bytes");
    return false;
  }
  entropy_.fill(MutableByteSpan(salt_, sizeof salt_));
  start(password, kIterations, Job::kChange);
  return true;
}

bool ConsoleLock::remove() {
  if (is_busy() || is_locked_ || store_.erase(kKey) != Status::kOk) return false;
  has_password_ = false;
  return true;
}

ConsoleLock::Outcome ConsoleLock::step(Instant now) {
  if (has_password_ && !is_locked_ && now - last_command_ >= kIdleMs) lock();
  if (!is_busy() || !hash_.step(kRoundsPerStep)) return Outcome::kNone;
  const Outcome outcome = job_ == Job::kCheck ? finish_check(now) : finish_change();
  hash_.end();
  job_ = Job::kNone;
  return outcome;
}

ConsoleLock::Outcome ConsoleLock::finish_check(Instant now) {
  const ByteSpan stored(record_ + kHashAt, PasswordHash::kBytes);
  if (security::is_equal_in_constant_time(hash_.hash(), stored)) {
    is_locked_ = false;
    if (wrong_ > 0) count_wrong(0);
    last_command_ = now;
    return Outcome::kUnlocked;
  }
  // Beyond the longest wait counting on would only wear the flash.
  if (wrong_ < kMostCounted) count_wrong(static_cast<uint8_t>(wrong_ + 1));
  begin_wait(now);
  return Outcome::kWrong;
}

ConsoleLock::Outcome ConsoleLock::finish_change() {
  uint8_t record[kRecordBytes] = {kVersion};
  for (size_t i = 0; i < 4; ++i) record[1 + i] = static_cast<uint8_t>(kIterations >> (8 * i));
  std::memcpy(record + kSaltAt, salt_, sizeof salt_);
  std::memcpy(record + kHashAt, hash_.hash(), PasswordHash::kBytes);
  if (store_.set(kKey, ByteSpan(record, sizeof record)) != Status::kOk) return Outcome::kNotStored;
  std::memcpy(record_, record, sizeof record_);
  has_password_ = true;
  is_readable_ = true;
  return Outcome::kChanged;
}

}  // namespace gateway
