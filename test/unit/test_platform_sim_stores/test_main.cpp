#include "doctest_main/doctest_main.hpp"
#include "platform_sim/malloc_trap.hpp"
#include "platform_sim/recording_log_sink.hpp"
#include "platform_sim/sim_device.hpp"
#include "platform_sim/sim_file_store.hpp"
#include "platform_sim/sim_key_value_store.hpp"

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

using common::ByteSpan;
using common::MutableByteSpan;
using common::Status;
using platform_sim::MallocTrap;
using platform_sim::SimFileStore;
using platform_sim::SimKeyValueStore;
using platform_sim::SimPower;

namespace {

ByteSpan bytes(const char* text) { return common::as_bytes(common::text(text)); }

std::string content(SimFileStore& files, const char* name) {
  uint8_t buffer[64];
  const auto count = files.read(name, 0, MutableByteSpan(buffer));
  return count.ok() ? std::string(buffer, buffer + count.value()) : "";
}

std::string value_of(SimKeyValueStore& store, const char* key) {
  uint8_t buffer[64];
  const auto count = store.get(key, MutableByteSpan(buffer));
  return count.ok() ? std::string(buffer, buffer + count.value())
                    : common::to_string(count.status());
}

LOG_MODULE("test");

}  // namespace

TEST_CASE("files can be appended, read in parts, renamed and removed") {
  SimPower power;
  SimFileStore files(power);
  CHECK(files.size("a").status() == Status::kNotFound);
  uint8_t buffer[4];
  CHECK(files.read("a", 0, MutableByteSpan(buffer)).status() == Status::kNotFound);
  CHECK(files.append("a", bytes("hello ")) == Status::kOk);
  CHECK(files.append("a", bytes("world")) == Status::kOk);
  CHECK(files.size("a").value() == 11);
  CHECK(files.read("a", 9, MutableByteSpan(buffer)).value() == 2);
  CHECK(buffer[0] == 'l');
  CHECK(files.read("a", 11, MutableByteSpan(buffer)).value() == 0);
  CHECK(files.rename("missing", "a") == Status::kNotFound);
  CHECK(files.append("b", bytes("new")) == Status::kOk);
  CHECK(files.rename("b", "a") == Status::kOk);
  CHECK(content(files, "a") == "new");
  CHECK_FALSE(files.exists("b"));
  CHECK(files.remove("a") == Status::kOk);
  CHECK(files.remove("a") == Status::kOk);
  CHECK_FALSE(files.exists("a"));
}

TEST_CASE("a full medium stores what fits and says so") {
  SimPower power;
  SimFileStore files(power);
  files.set_capacity(10);
  CHECK(files.append("a", bytes("12345678")) == Status::kOk);
  CHECK(files.free_bytes() == 2);
  CHECK(files.append("b", bytes("abc")) == Status::kNoSpace);
  CHECK(content(files, "b") == "ab");
  CHECK(files.remove("a") == Status::kOk);
  CHECK(files.free_bytes() == 8);
}

TEST_CASE("power fails at the byte that was asked for, and everything fails until it is back") {
  SimPower power;
  SimFileStore files(power);
  CHECK(files.append("a", bytes("1234")) == Status::kOk);
  power.cut_after_bytes(6);
  CHECK(files.append("a", bytes("5678")) == Status::kIo);
  CHECK_FALSE(power.is_on());
  CHECK(files.append("a", bytes("x")) == Status::kIo);
  CHECK(files.size("a").status() == Status::kIo);
  uint8_t buffer[1];
  CHECK(files.read("a", 0, MutableByteSpan(buffer)).status() == Status::kIo);
  CHECK(files.rename("a", "b") == Status::kIo);
  CHECK(files.remove("a") == Status::kIo);
  power.restore();
  CHECK(content(files, "a") == "123456");
  CHECK(power.bytes_written() == 6);
  CHECK(files.append("a", bytes("7")) == Status::kOk);
}

TEST_CASE("a cut exactly at the end of a write comes with the next one") {
  SimPower power;
  SimFileStore files(power);
  power.cut_after_bytes(4);
  CHECK(files.append("a", bytes("1234")) == Status::kOk);
  CHECK(files.append("a", bytes("5")) == Status::kIo);
  power.restore();
  CHECK(content(files, "a") == "1234");
}

TEST_CASE("operations are cut before or after they took effect") {
  for (const bool is_done : {false, true}) {
    SimPower power;
    SimFileStore files(power);
    CHECK(files.append("a", bytes("old")) == Status::kOk);
    CHECK(files.append("b", bytes("new")) == Status::kOk);
    CHECK(power.operations() == 2);
    power.cut_at_operation(2, is_done);
    CHECK(files.rename("b", "a") == Status::kIo);
    power.restore();
    CHECK(content(files, "a") == (is_done ? "new" : "old"));
    CHECK(files.exists("b") == !is_done);
    power.cut_at_operation(3, is_done);
    CHECK(files.remove("a") == Status::kIo);
    power.restore();
    CHECK(files.exists("a") == !is_done);
  }
}

TEST_CASE("torn writes leave what the test asks for") {
  const auto torn_content = [](SimFileStore::Torn torn) {
    SimPower power;
    SimFileStore files(power);
    files.set_torn(torn);
    power.cut_after_bytes(2);
    CHECK(files.append("a", bytes("abcd")) == Status::kIo);
    power.restore();
    return content(files, "a");
  };
  CHECK(torn_content(SimFileStore::Torn::kPrefix) == "ab");
  CHECK(torn_content(SimFileStore::Torn::kZeros) == std::string("ab\0\0", 4));
  CHECK(torn_content(SimFileStore::Torn::kErased) == "ab\xFF\xFF");
  const std::string garbage = torn_content(SimFileStore::Torn::kGarbage);
  CHECK(garbage.size() == 4);
  CHECK(garbage.substr(0, 2) == "ab");
  CHECK(garbage != "abcd");
}

TEST_CASE("appends fail half-way on request, reads too") {
  SimPower power;
  SimFileStore files(power);
  files.fail_next_append(Status::kIo, 2);
  CHECK(files.append("a", bytes("abcd")) == Status::kIo);
  CHECK(content(files, "a") == "ab");
  CHECK(files.append("a", bytes("cd")) == Status::kOk);
  files.set_reads_fail(true);
  CHECK(files.size("a").status() == Status::kIo);
  files.set_reads_fail(false);
  files.flip_bit("a", 0, 0);
  CHECK(content(files, "a") == "`bcd");
}

TEST_CASE("settings are whole before or after a cut, and unchanged values cost nothing") {
  SimPower power;
  SimKeyValueStore store(power);
  CHECK(value_of(store, "k") == "not_found");
  CHECK(store.set("k", bytes("one")) == Status::kOk);
  CHECK(store.set("k", bytes("one")) == Status::kOk);
  CHECK(store.writes() == 1);
  for (uint64_t cut = 0; cut < 3; ++cut) {
    power.cut_after_bytes(power.bytes_written() + cut);
    CHECK(store.set("k", bytes("two")) == Status::kIo);
    CHECK(value_of(store, "k") == "io");
    power.restore();
    CHECK(value_of(store, "k") == "one");
  }
  power.cut_at_operation(power.operations(), true);
  CHECK(store.set("k", bytes("two")) == Status::kIo);
  power.restore();
  CHECK(value_of(store, "k") == "two");
  uint8_t small[2];
  CHECK(store.get("k", MutableByteSpan(small)).status() == Status::kNoSpace);
  CHECK(store.set("a-key-that-is-too-long", bytes("x")) == Status::kInvalidArgument);
  CHECK(store.set("", bytes("x")) == Status::kInvalidArgument);
  CHECK(store.set("empty", ByteSpan()) == Status::kOk);
  CHECK(value_of(store, "empty") == "");
  store.fail_next_set(Status::kNoSpace);
  CHECK(store.set("k", bytes("three")) == Status::kNoSpace);
  CHECK(store.set("k", bytes("three")) == Status::kOk);
  CHECK(store.erase("k") == Status::kOk);
  CHECK(store.erase("k") == Status::kOk);
  CHECK(store.erase_all() == Status::kOk);
  CHECK(store.count() == 0);
}

TEST_CASE("stores of one device share its power") {
  SimPower power;
  SimFileStore files(power);
  SimKeyValueStore store(power);
  power.cut_after_bytes(3);
  CHECK(store.set("k", bytes("ab")) == Status::kOk);
  CHECK(files.append("a", bytes("cd")) == Status::kIo);
  CHECK(store.set("k", bytes("x")) == Status::kIo);
}

TEST_CASE("the malloc trap counts new, malloc, calloc and realloc of its scope") {
  // volatile: the compiler may otherwise remove pairs of allocation and release.
  void* volatile block = nullptr;
  const MallocTrap trap;
  CHECK(trap.count() == trap.count());
  const size_t before = trap.count();
  block = std::malloc(10);
  block = std::realloc(block, 100);
  std::free(block);
  block = std::calloc(2, 5);
  std::free(block);
  const std::unique_ptr<std::vector<int>> vector(new std::vector<int>(1000));
  const size_t counted = trap.count() - before;
  CHECK(counted >= 5);
  size_t exempted = 0;
  {
    const MallocTrap::Exempt exempt;
    const size_t at_start = trap.count();
    block = std::malloc(10);
    std::free(block);
    exempted = trap.count() - at_start;
  }
  CHECK(exempted == 0);
}

TEST_CASE("without a trap nothing is counted, and simulated ports do not trigger one") {
  SimPower power;
  SimFileStore files(power);
  SimKeyValueStore store(power);
  platform_sim::RecordingLogSink log;
  const MallocTrap trap;
  const bool is_ok = files.append("a", bytes("data")) == Status::kOk &&
                     store.set("key", bytes("value")) == Status::kOk &&
                     files.rename("a", "b") == Status::kOk;
  LOG_WARN(log, "a line that is longer than any small string %d", 1);
  const size_t allocations = trap.count();
  CHECK(is_ok);
  CHECK(allocations == 0);
}

TEST_CASE("the log sink records, filters and cuts at 200 bytes") {
  platform_sim::RecordingLogSink log(common::LogLevel::kInfo);
  LOG_INFO(log, "connector %u plugged", 1U);
  LOG_DEBUG(log, "not recorded");
  const std::string long_text(300, 'x');
  LOG_ERROR(log, "%s", long_text.c_str());
  REQUIRE(log.lines().size() == 2);
  CHECK(log.contains("test", "connector 1 plugged"));
  CHECK_FALSE(log.contains("other", "connector 1 plugged"));
  CHECK(log.lines()[1].text.size() == 200);
  CHECK(log.count(common::LogLevel::kError) == 1);
  CHECK(log.text().substr(0, 28) == "I test: connector 1 plugged\n");
}

TEST_CASE("the same seed gives the same bytes, another seed others") {
  platform_sim::SimEntropy first(1);
  platform_sim::SimEntropy same(1);
  platform_sim::SimEntropy other(2);
  const uint32_t value = first.next_u32();
  CHECK(same.next_u32() == value);
  CHECK(other.next_u32() != value);
  uint32_t seen = 0;
  for (int i = 0; i < 1000; ++i) {
    const uint32_t below = first.below(7);
    REQUIRE(below < 7);
    seen |= 1U << below;
  }
  CHECK(seen == 0x7F);
  CHECK_FALSE(first.chance(0));
  CHECK(first.chance(1000));
}

TEST_CASE("the device reports what the test sets and what was asked of it") {
  platform_sim::SimDevice device;
  device.set_reset_cause(platform::ResetCause::kBrownOut);
  device.set_serial_number("AABBCCDDEEFF");
  CHECK(device.reset_cause() == platform::ResetCause::kBrownOut);
  CHECK(device.serial_number() == common::FixedString<25>("AABBCCDDEEFF"));
  device.reboot();
  device.feed_watchdog();
  CHECK(device.reboots() == 1);
  CHECK(device.watchdog_feeds() == 1);
}
