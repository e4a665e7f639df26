#include "doctest_main/doctest_main.hpp"
#include "ocpp/authorization_cache.hpp"
#include "platform_sim/recording_log_sink.hpp"
#include "tag_bench.hpp"

#include <optional>

using common::Instant;
using common::Status;
using common::UtcTime;
using ocpp::AuthorizationCache;
using ocpp::IdTag;
using ocpp::IdTagStatus;
using ocpp::TagEntry;
using ocpp::TagTable;
using tag_bench::Buffer;
using tag_bench::entry;

namespace {

constexpr size_t kCapacity = limits::kAuthorizationCacheEntries;

struct Bench {
  platform_sim::SimPower power;
  platform_sim::SimFileStore files{power};
  platform_sim::RecordingLogSink log{common::LogLevel::kInfo};
  TagTable list{files, "list.bin"};
  std::optional<AuthorizationCache> cache;
  Buffer buffer{4096};
  Instant now;
  UtcTime utc;

  Bench() { restart(); }
  void learn(const TagEntry& said) {
    cache->learn(said, now);
    run_for(0);
  }
  /// What the engine does.
  void run_for(int64_t duration_ms) {
    now = now + duration_ms;
    if (now >= cache->deadline()) cache->write(list, utc, now, buffer);
  }
  void write() {
    if (!cache->deadline().is_never()) cache->write(list, utc, now, buffer);
  }
  void restart() {
    cache.emplace(files, log);
    cache->begin(buffer);
  }
  bool has(const std::string& tag) const {
    TagEntry found;
    return cache->find(IdTag(tag.c_str()), found);
  }
  IdTagStatus status(const std::string& tag) const {
    TagEntry found;
    REQUIRE(cache->find(IdTag(tag.c_str()), found));
    return found.status;
  }
};

std::string numbered(int number) { return "TAG" + std::to_string(number); }

}  // namespace

// Rules: R-3.5.1-1 R-3.5.1-4 R-3.5.1-6
TEST_CASE("what the CSMS said last about a tag, good or bad, survives a restart") {
  Bench bench;
  bench.learn(entry("A", IdTagStatus::kAccepted, "G"));
  bench.learn(entry("B", IdTagStatus::kInvalid));
  bench.learn(entry("A", IdTagStatus::kBlocked, "G"));
  CHECK(bench.status("a") == IdTagStatus::kBlocked);
  bench.run_for(AuthorizationCache::kSoonMs);
  bench.restart();
  CHECK(bench.status("A") == IdTagStatus::kBlocked);
  CHECK(bench.status("B") == IdTagStatus::kInvalid);
}

TEST_CASE("a tag that is presented again and again costs no write") {
  Bench bench;
  bench.learn(entry("A"));
  bench.run_for(AuthorizationCache::kSoonMs);
  const uint64_t written = bench.power.bytes_written();
  CHECK(written > 0);
  for (int i = 0; i < 100; ++i) {
    bench.learn(entry("A"));
    CHECK(bench.cache->deadline().is_never());
    bench.run_for(60'000);
  }
  CHECK(bench.power.bytes_written() == written);
}

TEST_CASE("an expiry date that moves with every answer is written once an hour") {
  Bench bench;
  bench.learn(entry("A", IdTagStatus::kAccepted, "", 1'800'000'000'000));
  bench.run_for(AuthorizationCache::kSoonMs);
  const uint64_t operations = bench.power.operations();
  for (int i = 0; i < 120; ++i) {
    bench.learn(entry("A", IdTagStatus::kAccepted, "", 1'800'000'000'000 + i * 60'000));
    bench.run_for(60'000);
  }
  // Each write: the old leftover removed, one append, one rename.
  CHECK(bench.power.operations() - operations <= 3 * 3);
}

TEST_CASE("strangers' tags do not wear the flash out: several are written at once") {
  Bench bench;
  for (int i = 0; i < 60; ++i) {
    bench.learn(entry(numbered(i), IdTagStatus::kInvalid));
    bench.run_for(1000);
  }
  CHECK(bench.files.appends() <= 60 / AuthorizationCache::kWaiting * 2);
}

// Rules: R-3.5.1-5
TEST_CASE("a full cache loses who is not valid first, then who was confirmed longest ago") {
  Bench bench;
  bench.utc = UtcTime{2'000'000'000'000};
  const int capacity = static_cast<int>(kCapacity);
  for (int i = 0; i < capacity; ++i) {
    // Every tenth refused, every tenth accepted and expired since.
    bench.learn(entry(numbered(i), i % 10 == 3 ? IdTagStatus::kBlocked : IdTagStatus::kAccepted, "",
                      i % 10 == 7 ? 1'900'000'000'000 : 0));
    bench.write();
  }
  CHECK(bench.cache->size() == kCapacity);
  const int bad = capacity / 10 * 2;
  for (int i = 0; i < bad; ++i) {
    bench.learn(entry("NEW" + std::to_string(i)));
    bench.write();
    CHECK(bench.cache->size() == kCapacity);
  }
  for (int i = 0; i < capacity; ++i) CHECK(bench.has(numbered(i)) == (i % 10 != 3 && i % 10 != 7));
  // TAG0 is confirmed, so TAG1, TAG2, TAG4 are the oldest; several at once.
  bench.learn(entry(numbered(0)));
  for (int i = 0; i < 3; ++i) bench.learn(entry("LATE" + std::to_string(i)));
  bench.write();
  CHECK(bench.cache->size() == kCapacity);
  CHECK(bench.has(numbered(0)));
  CHECK_FALSE(bench.has(numbered(1)));
  CHECK_FALSE(bench.has(numbered(2)));
  CHECK_FALSE(bench.has(numbered(4)));
  CHECK(bench.has(numbered(5)));
  bench.restart();
  CHECK(bench.cache->size() == kCapacity);
  // The order of age survives the restart.
  bench.learn(entry("AFTER"));
  bench.write();
  CHECK_FALSE(bench.has(numbered(5)));
  CHECK(bench.has(numbered(6)));
}

TEST_CASE("the cache behaves like a simple model through random answers, writes and restarts") {
  Bench bench;
  platform_sim::SimEntropy entropy(11);
  std::map<std::string, IdTagStatus> model;  // fewer tags than fit: nothing is evicted
  for (int i = 0; i < 3000; ++i) {
    const std::string tag = numbered(static_cast<int>(entropy.below(kCapacity)));
    switch (entropy.below(8)) {
      case 0:
        bench.write();
        bench.restart();
        break;
      case 1:
        bench.run_for(static_cast<int64_t>(entropy.below(7'200'000)));
        break;
      default: {
        const auto status = static_cast<IdTagStatus>(entropy.below(5));
        bench.learn(entry(tag, status));
        if (bench.now >= bench.cache->deadline()) bench.write();
        model[tag] = status;
      }
    }
    const std::string probe = numbered(static_cast<int>(entropy.below(kCapacity)));
    REQUIRE(bench.has(probe) == (model.count(probe) != 0));
    if (model.count(probe) != 0) REQUIRE(bench.status(probe) == model[probe]);
  }
}

// Rules: R-3.5.1-3
TEST_CASE("a tag whose date has passed is stored as expired with the next write") {
  Bench bench;
  bench.utc = UtcTime{1'800'000'000'000};
  bench.learn(entry("A", IdTagStatus::kAccepted, "", 1'800'000'100'000));
  bench.write();
  CHECK(bench.status("A") == IdTagStatus::kAccepted);
  bench.utc = UtcTime{1'800'000'200'000};
  bench.learn(entry("B"));
  bench.write();
  CHECK(bench.status("A") == IdTagStatus::kExpired);
}

// Rules: R-3.5.3-1
TEST_CASE("tags that came into the local list leave the cache") {
  Bench bench;
  for (int i = 0; i < 30; ++i) bench.learn(entry(numbered(i)));
  bench.write();
  for (int i = 30; i < 32; ++i) bench.learn(entry(numbered(i)));  // still waiting
  tag_bench::Changes listed;
  for (int i = 0; i < 40; i += 3) listed.put(entry(numbered(i)));
  REQUIRE(bench.list.replace(listed.get(), 1, 100, bench.buffer) == Status::kOk);
  bench.cache->purge(bench.now);
  bench.run_for(AuthorizationCache::kSoonMs);
  for (int i = 0; i < 32; ++i) CHECK(bench.has(numbered(i)) == (i % 3 != 0 && i != 0));
}

TEST_CASE("a cache that cannot be written is kept in RAM and tried again") {
  Bench bench;
  bench.learn(entry("A"));
  bench.files.fail_next_append(Status::kIo, 10);
  bench.run_for(AuthorizationCache::kSoonMs);
  CHECK(bench.has("A"));
  CHECK(bench.cache->deadline() == bench.now + AuthorizationCache::kRetryMs);
  bench.run_for(AuthorizationCache::kRetryMs);
  CHECK(bench.cache->deadline().is_never());
  bench.restart();
  CHECK(bench.has("A"));
  // More than can wait while writing fails: the oldest are lost, the newest are known.
  bench.files.set_capacity(0);
  for (int i = 0; i < 20; ++i) {
    bench.learn(entry(numbered(i)));
    bench.write();
  }
  CHECK(bench.has(numbered(19)));
  CHECK_FALSE(bench.has(numbered(0)));
}

// Rules: R-5.4-1
TEST_CASE("a cleared cache is empty, on flash too, or was not cleared") {
  Bench bench;
  bench.learn(entry("A"));
  bench.write();
  bench.learn(entry("B"));
  CHECK(bench.cache->clear() == Status::kOk);
  CHECK_FALSE(bench.has("A"));
  CHECK_FALSE(bench.has("B"));
  bench.restart();
  CHECK(bench.cache->size() == 0);
  bench.learn(entry("A"));
  bench.write();
  bench.power.cut();
  CHECK(bench.cache->clear() == Status::kIo);
}

TEST_CASE("a damaged cache is empty and works on") {
  Bench bench;
  for (int i = 0; i < 5; ++i) bench.learn(entry(numbered(i)));
  bench.write();
  bench.files.flip_bit("auth_cache.bin", 17, 3);
  bench.restart();
  CHECK(bench.cache->size() == 0);
  bench.learn(entry("A"));
  bench.write();
  bench.restart();
  CHECK(bench.has("A"));
  // Damaged while running: given up with the next write.
  bench.files.raw("auth_cache.bin")[3] = 200;
  bench.learn(entry("B"));
  bench.write();
  bench.run_for(AuthorizationCache::kRetryMs);
  bench.restart();
  CHECK(bench.has("B"));
}
