#include "doctest_main/doctest_main.hpp"
#include "gateway/console_lock.hpp"
#include "platform_sim/sim_entropy.hpp"
#include "platform_sim/sim_key_value_store.hpp"

#include <string>

using common::Instant;
using common::Status;
using common::TextSpan;
using gateway::ConsoleLock;
using security::PasswordHash;
using Outcome = ConsoleLock::Outcome;

namespace {

TextSpan text(const std::string& value) { return TextSpan(value.data(), value.size()); }

struct World {
  platform_sim::SimPower power;
  platform_sim::SimKeyValueStore store{power};
  platform_sim::SimEntropy entropy{1};
  ConsoleLock lock{store, entropy};
  Instant now{1000};
  ConsoleLock::Error error;

  World() { lock.begin(now); }

  Outcome finish(ConsoleLock& on) {
    for (int i = 0; i < 1000; ++i) {
      const Outcome outcome = on.step(now);
      if (outcome != Outcome::kNone) return outcome;
    }
    return Outcome::kNone;
  }
  Outcome set(const std::string& password) {
    return lock.change(text(password), error) ? finish(lock) : Outcome::kNone;
  }
  Outcome login(const std::string& password) {
    return lock.login(text(password), now, error) ? finish(lock) : Outcome::kNone;
  }
};

}  // namespace

TEST_CASE("PBKDF2 gives what other implementations give") {
  uint8_t salt[PasswordHash::kSaltBytes];
  for (size_t i = 0; i < sizeof salt; ++i) salt[i] = static_cast<uint8_t>(i);
  const std::string password = "correct horse";
  const common::ByteSpan bytes(reinterpret_cast<const uint8_t*>(password.data()), password.size());
  // python3 -c "import hashlib; print(hashlib.pbkdf2_hmac('sha256', b'correct horse', bytes(range(16)), N).hex())"
  for (const auto& [iterations, expected] :
       {std::pair<uint32_t, std::string>{
            1, "c5199f52d095f03bb27ace7b385711999c67ec4aacd0f298a6da36ce47520daf"},
        {1000, "c914cc4f06cc6e8f46d157e3a1b5aa7abceebb17bb0444cd4c4ac16ca2ae9864"}}) {
    PasswordHash hash;
    hash.begin(bytes, salt, iterations);
    while (!hash.step(7)) {
    }
    std::string hex;
    char digits[3];
    for (const uint8_t byte : hash.hash()) {
      std::snprintf(digits, sizeof digits, "%02x", byte);
      hex += digits;
    }
    CHECK(hex == expected);
  }
}

TEST_CASE("a password locks from the next start on, and opens it again") {
  World w;
  CHECK_FALSE(w.lock.is_locked());
  REQUIRE(w.set("correct horse") == Outcome::kChanged);
  CHECK_FALSE(w.lock.is_locked());

  ConsoleLock next(w.store, w.entropy);
  CHECK(next.is_locked());  // before begin(), too
  next.begin(w.now);
  CHECK(next.is_locked());
  REQUIRE(next.login(text("correct horse"), w.now, w.error));
  CHECK(next.is_locked());  // while it is looked at
  CHECK(w.finish(next) == Outcome::kUnlocked);
  CHECK_FALSE(next.is_locked());
  CHECK(next.remove());
  ConsoleLock last(w.store, w.entropy);
  last.begin(w.now);
  CHECK_FALSE(last.is_locked());
}

TEST_CASE("wrong passwords cost longer and longer waits") {
  World w;
  REQUIRE(w.set("correct horse") == Outcome::kChanged);
  w.lock.lock();
  for (int i = 0; i < ConsoleLock::kFreeAttempts; ++i)
    CHECK(w.login("wrong password") == Outcome::kWrong);
  CHECK(w.login("correct horse") == Outcome::kNone);
  CHECK(std::string(w.error.c_str()) == "too many wrong passwords: wait 10 s");
  w.now = w.now + ConsoleLock::kFirstWaitMs;
  CHECK(w.login("wrong password") == Outcome::kWrong);
  w.now = w.now + ConsoleLock::kFirstWaitMs;
  CHECK(w.login("correct horse") == Outcome::kNone);
  for (int i = 0; i < 20; ++i) {
    w.now = w.now + ConsoleLock::kLongestWaitMs;
    CHECK(w.login("wrong password") == Outcome::kWrong);
  }
  w.now = w.now + ConsoleLock::kLongestWaitMs;
  CHECK(w.login("correct horse") == Outcome::kUnlocked);
  w.lock.lock();
  CHECK(w.login("wrong password") == Outcome::kWrong);
  CHECK(w.login("correct horse") == Outcome::kUnlocked);  // the count begins anew
}

TEST_CASE("a restart does not shorten the wait after wrong passwords") {
  World w;
  REQUIRE(w.set("correct horse") == Outcome::kChanged);
  w.lock.lock();
  for (int i = 0; i < ConsoleLock::kFreeAttempts; ++i)
    CHECK(w.login("wrong password") == Outcome::kWrong);
  w.now = Instant{0};
  ConsoleLock next(w.store, w.entropy);
  next.begin(w.now);
  CHECK_FALSE(next.login(text("correct horse"), w.now, w.error));
  CHECK(std::string(w.error.c_str()) == "too many wrong passwords: wait 10 s");
  w.now = w.now + ConsoleLock::kFirstWaitMs;
  REQUIRE(next.login(text("wrong password"), w.now, w.error));
  CHECK(w.finish(next) == Outcome::kWrong);

  w.now = Instant{0};
  ConsoleLock last(w.store, w.entropy);
  last.begin(w.now);
  w.now = w.now + ConsoleLock::kFirstWaitMs;
  CHECK_FALSE(last.login(text("correct horse"), w.now, w.error));
  w.now = w.now + ConsoleLock::kFirstWaitMs;
  REQUIRE(last.login(text("correct horse"), w.now, w.error));
  CHECK(w.finish(last) == Outcome::kUnlocked);
  const uint64_t writes = w.store.writes();
  for (int i = 0; i < 40; ++i) {
    w.now = w.now + ConsoleLock::kLongestWaitMs;
    last.lock();
    REQUIRE(last.login(text("wrong password"), w.now, w.error));
    CHECK(w.finish(last) == Outcome::kWrong);
  }
  CHECK(w.store.writes() - writes <= 16);  // guessing does not wear the flash out
}

TEST_CASE("nobody at the console for a while locks it") {
  World w;
  REQUIRE(w.set("correct horse") == Outcome::kChanged);
  w.lock.note_command(w.now);
  (void)w.lock.step(w.now + (ConsoleLock::kIdleMs - 1));
  CHECK_FALSE(w.lock.is_locked());
  (void)w.lock.step(w.now + ConsoleLock::kIdleMs);
  CHECK(w.lock.is_locked());
}

TEST_CASE("a password that is too short, too long or not stored changes nothing") {
  World w;
  REQUIRE(w.set("correct horse") == Outcome::kChanged);
  CHECK(w.set("too short") == Outcome::kNone);
  CHECK(w.set(std::string(65, 'x')) == Outcome::kNone);
  CHECK(std::string(w.error.c_str()) == "a password has 10 to 64 bytes");
  w.store.fail_next_set(Status::kNoSpace);
  CHECK(w.set("another password") == Outcome::kNotStored);
  w.lock.lock();
  CHECK(w.login("another password") == Outcome::kWrong);
  CHECK(w.login("correct horse") == Outcome::kUnlocked);
  w.lock.lock();
  CHECK(w.login(std::string(65, 'x')) == Outcome::kWrong);
}

TEST_CASE("a stored password that cannot be read keeps the console locked") {
  World w;
  REQUIRE(w.set("correct horse") == Outcome::kChanged);
  const uint8_t garbage[] = {1, 2, 3};
  REQUIRE(w.store.set("console_lock", common::ByteSpan(garbage, sizeof garbage)) == Status::kOk);
  ConsoleLock next(w.store, w.entropy);
  next.begin(w.now);
  CHECK(next.is_locked());
  CHECK_FALSE(next.login(text("correct horse"), w.now, w.error));
  CHECK_FALSE(next.remove());
}

TEST_CASE("the password does not stand in the store, and two equal ones do not look alike") {
  World one;
  World two;
  two.entropy.next_u64();
  REQUIRE(one.set("correct horse") == Outcome::kChanged);
  REQUIRE(two.set("correct horse") == Outcome::kChanged);
  uint8_t a[128] = {};
  uint8_t b[128] = {};
  const size_t size = one.store.get("console_lock", common::MutableByteSpan(a, sizeof a)).value();
  REQUIRE(two.store.get("console_lock", common::MutableByteSpan(b, sizeof b)).ok());
  const std::string first(reinterpret_cast<const char*>(a), size);
  CHECK(first.find("horse") == std::string::npos);
  CHECK(first != std::string(reinterpret_cast<const char*>(b), size));
}
