#pragma once

#include "common/fixed_string.hpp"
#include "common/time.hpp"
#include "platform/entropy.hpp"
#include "platform/key_value_store.hpp"
#include "security/password_hash.hpp"

namespace gateway {

/// Keeps the console to those who know its password, once one is set: there is none from the factory. It locks at the
/// start and after kIdleMs without a command. The password is stored as PBKDF2-HMAC-SHA-256; a factory reset by the button
/// removes it. Wrong passwords are counted in flash (key "console_wrong"): a restart does not shorten the wait.
/// @par Context  Loop thread; hashes a little per step. Keeps references to store and entropy.
class ConsoleLock {
 public:
  static constexpr size_t kMinPasswordBytes = 10;
  static constexpr size_t kMaxPasswordBytes = security::PasswordHash::kMaxPasswordBytes;
  static constexpr uint32_t kIterations = 20000;   ///< About 1 s on the board.
  static constexpr uint32_t kRoundsPerStep = 200;  ///< About 10 ms on the board.
  static constexpr int64_t kIdleMs = 15 * 60 * 1000;
  static constexpr uint8_t kFreeAttempts = 3;         ///< Then each wrong password costs a wait:
  static constexpr int64_t kFirstWaitMs = 10 * 1000;  ///< this one, doubled each time
  static constexpr int64_t kLongestWaitMs = 5 * 60 * 1000;  ///< up to this.

  using Error = common::FixedString<159>;
  enum class Outcome : uint8_t { kNone, kUnlocked, kWrong, kChanged, kNotStored };

  ConsoleLock(platform::KeyValueStore& store, platform::Entropy& entropy)
      : store_(store), entropy_(entropy) {}

  /// Reads the password's hash. What cannot be read locks: only a factory reset opens it then.
  void begin(common::Instant now);
  bool has_password() const { return has_password_; }
  bool is_locked() const { return is_locked_; }
  /// A password is being checked or stored: step() will tell.
  bool is_busy() const { return job_ != Job::kNone; }

  /// Starts to check a password. @return false, with the sentence, when it is not looked at.
  bool login(common::TextSpan password, common::Instant now, Error& error);
  /// Starts to store a password. @return false, with the sentence, when it may not or cannot be one.
  bool change(common::TextSpan password, Error& error);
  /// Forgets the password. @return false when it is locked, or not stored.
  bool remove();
  void lock() { is_locked_ = has_password_; }
  /// Somebody works at the console.
  void note_command(common::Instant now) { last_command_ = now; }
  /// Works on. @return What became of login() or change(), once.
  Outcome step(common::Instant now);

 private:
  enum class Job : uint8_t { kNone, kCheck, kChange };
  /// As stored: version u8 = 1, iterations u32 little endian, salt, hash.
  static constexpr size_t kRecordBytes =
      1 + 4 + security::PasswordHash::kSaltBytes + security::PasswordHash::kBytes;
  static constexpr const char* kKey = "console_lock";
  static constexpr const char* kWrongKey = "console_wrong";

  void begin_wait(common::Instant now);
  void count_wrong(uint8_t count);
  void start(common::TextSpan password, uint32_t iterations, Job job);
  Outcome finish_check(common::Instant now);
  Outcome finish_change();

  platform::KeyValueStore& store_;
  platform::Entropy& entropy_;
  security::PasswordHash hash_;
  uint8_t salt_[security::PasswordHash::kSaltBytes] = {};  ///< Of the job.
  uint8_t record_[kRecordBytes] = {};
  Job job_ = Job::kNone;
  bool has_password_ = false;
  bool is_locked_ = true;  ///< Until begin().
  bool is_readable_ = false;
  uint8_t wrong_ = 0;
  common::Instant next_login_;
  common::Instant last_command_;
};

}  // namespace gateway
