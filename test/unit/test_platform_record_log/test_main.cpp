#include "doctest_main/doctest_main.hpp"
#include "platform/record_log.hpp"
#include "platform_sim/malloc_trap.hpp"
#include "platform_sim/sim_file_store.hpp"

#include <string>
#include <vector>

using common::ByteSpan;
using common::MutableByteSpan;
using common::Status;
using platform::RecordLog;
using platform_sim::SimFileStore;
using platform_sim::SimPower;

namespace {

constexpr const char* kName = "test.log";

struct Item {
  uint8_t type;
  uint32_t sequence;
  std::string payload;
};
bool operator==(const Item& a, const Item& b) {
  return a.type == b.type && a.sequence == b.sequence && a.payload == b.payload;
}
using Items = std::vector<Item>;

std::string describe(const Items& items) {
  std::string text;
  for (const Item& item : items) {
    text += std::to_string(item.type) + '/' + std::to_string(item.sequence) + '/' +
            std::to_string(item.payload.size()) + ' ';
  }
  return text;
}

Item item_of(const RecordLog::Record& record) {
  // load() and read() tell another one of a checkpoint.
  return Item{record.type, record.type == RecordLog::kCheckpointType ? 0 : record.sequence,
              std::string(record.payload.begin(), record.payload.end())};
}

class Collector final : public RecordLog::Visitor {
 public:
  void on_record(const RecordLog::Record& record) override { items.push_back(item_of(record)); }
  Items items;
};

class KeepAll final : public RecordLog::Filter {
 public:
  bool may_keep(uint8_t, uint32_t) override { return true; }
  bool keep(const RecordLog::Record&) override { return true; }
};

/// Keeps the records whose sequence number is not a multiple of `divisor`.
class KeepSome final : public RecordLog::Filter {
 public:
  explicit KeepSome(uint32_t divisor) : divisor_(divisor) {}
  /// Every other record that is not wanted is refused at the first question.
  bool may_keep(uint8_t, uint32_t sequence) override {
    return sequence % divisor_ != 0 || sequence % 2 == 0;
  }
  bool keep(const RecordLog::Record& record) override {
    ++asked[record.sequence];
    return record.sequence % divisor_ != 0;
  }
  std::map<uint32_t, int> asked;

 private:
  uint32_t divisor_;
};

ByteSpan bytes(const std::string& text) {
  return ByteSpan(reinterpret_cast<const uint8_t*>(text.data()), text.size());
}

/// A medium, and what a program on it sees after start-up.
struct Bench {
  SimPower power;
  SimFileStore files{power};
  uint32_t max_bytes = 64 * 1024;

  Items load(RecordLog& log) {
    Collector collector;
    REQUIRE(log.load(collector) == Status::kOk);
    return collector.items;
  }
  Items reload() {
    RecordLog log(files, kName, max_bytes);
    return load(log);
  }
};

Items read_all(const RecordLog& log) {
  Items items;
  uint8_t buffer[RecordLog::kBufferBytes];
  RecordLog::Cursor cursor;
  RecordLog::Record record;
  while (log.read(cursor, MutableByteSpan(buffer), record) == Status::kOk) {
    items.push_back(item_of(record));
  }
  return items;
}

/// Payloads that are awkward for a framing: empty, zeros, every byte value, the longest.
std::vector<std::string> awkward_payloads() {
  std::string every;
  for (int value = 0; value < 240; ++value) every += static_cast<char>(value);
  std::string descending;
  for (int value = 255; value > 15; --value) descending += static_cast<char>(value);
  return {"",
          std::string(1, '\0'),
          "a",
          std::string("\0a\0", 3),
          std::string(RecordLog::kMaxPayloadBytes, '\0'),
          std::string(RecordLog::kMaxPayloadBytes, '\x01'),
          std::string(RecordLog::kMaxPayloadBytes, '\xFF'),
          every,
          descending};
}

/// Appends the payloads with types 1, 2, ... @return What the log must hold.
Items fill(RecordLog& log, const std::vector<std::string>& payloads) {
  Items items;
  for (const std::string& payload : payloads) {
    const uint8_t type = static_cast<uint8_t>(items.size() % 255 + 1);
    const auto sequence = log.append(type, bytes(payload));
    REQUIRE(sequence.ok());
    items.push_back(Item{type, sequence.value(), payload});
  }
  return items;
}

}  // namespace

TEST_CASE("records come back in order, byte for byte, before and after a restart") {
  Bench bench;
  RecordLog log(bench.files, kName, bench.max_bytes);
  CHECK(bench.load(log).empty());
  const Items items = fill(log, awkward_payloads());
  CHECK(items.front().sequence == 1);
  CHECK(items.back().sequence == items.size());
  CHECK(describe(read_all(log)) == describe(items));
  CHECK(read_all(log) == items);
  CHECK(bench.reload() == items);
  CHECK(log.counters().damaged_frames == 0);
}

TEST_CASE("a record costs its payload and the stated overhead") {
  Bench bench;
  RecordLog log(bench.files, kName, bench.max_bytes);
  bench.load(log);
  for (const std::string& payload : awkward_payloads()) {
    const uint32_t before = log.size_bytes();
    REQUIRE(log.append(1, bytes(payload)).ok());
    CHECK(log.size_bytes() - before == RecordLog::frame_bytes(payload.size()));
    CHECK(bench.files.raw(kName).size() == log.size_bytes());
  }
}

TEST_CASE("files that hand out few bytes at a time read the same") {
  Bench bench;
  RecordLog log(bench.files, kName, bench.max_bytes);
  bench.load(log);
  const Items items = fill(log, awkward_payloads());
  bench.files.set_max_read(7);
  CHECK(bench.reload() == items);
}

// Rules: FP-8
TEST_CASE("an append cut at any byte is there whole or not at all, and the log goes on") {
  for (const auto torn : {SimFileStore::Torn::kPrefix, SimFileStore::Torn::kGarbage,
                          SimFileStore::Torn::kZeros, SimFileStore::Torn::kErased}) {
    CAPTURE(static_cast<int>(torn));
    std::string failures;
    for (const std::string& payload : awkward_payloads()) {
      const uint32_t frame = RecordLog::frame_bytes(payload.size());
      for (uint32_t kept = 0; kept <= frame; ++kept) {
        Bench bench;
        bench.files.set_torn(torn);
        RecordLog log(bench.files, kName, bench.max_bytes);
        bench.load(log);
        Items expected = fill(log, {"first", "second"});
        bench.power.cut_after_bytes(bench.power.bytes_written() + kept);
        const auto cut = log.append(3, bytes(payload));
        if (kept < frame && cut.ok()) failures += "cut append reported as stored\n";
        if (cut.ok() || kept == frame) expected.push_back(Item{3, 3, payload});
        bench.power.restore();

        RecordLog after(bench.files, kName, bench.max_bytes);
        const Items found = bench.load(after);
        // All bytes in place of a torn write can by chance be the record itself (erased flash, zeros).
        const bool is_whole = found.size() == 3;
        if (is_whole && expected.size() == 2) expected.push_back(Item{3, 3, payload});
        if (!(found == expected)) failures += "cut at " + std::to_string(kept) + "\n";
        if (is_whole && torn == SimFileStore::Torn::kPrefix && kept < frame) failures += "ghost\n";

        const auto next = after.append(9, bytes("next"));
        expected.push_back(Item{9, static_cast<uint32_t>(expected.size() + 1), "next"});
        if (!next.ok() || !(read_all(after) == expected) || !(bench.reload() == expected)) {
          failures += "after a cut at " + std::to_string(kept) + "\n";
        }
      }
    }
    CHECK(failures == "");
  }
}

TEST_CASE("several torn appends in a row do not disturb each other") {
  Bench bench;
  Items expected;
  for (uint32_t kept = 0; kept < 18; ++kept) {
    RecordLog log(bench.files, kName, bench.max_bytes);
    CHECK(bench.load(log) == expected);
    bench.power.cut_after_bytes(bench.power.bytes_written() + kept);
    CHECK_FALSE(log.append(1, bytes("torn!")).ok());
    bench.power.restore();
    if (kept % 5 != 0) continue;
    RecordLog again(bench.files, kName, bench.max_bytes);
    CHECK(bench.load(again) == expected);
    const auto sequence = again.append(2, bytes("whole"));
    REQUIRE(sequence.ok());
    expected.push_back(Item{2, sequence.value(), "whole"});
  }
  CHECK(bench.reload() == expected);
}

TEST_CASE("an append that fails half-way is not there, whatever it left, and the log goes on") {
  for (const Status failure : {Status::kNoSpace, Status::kIo}) {
    const std::string payload = std::string("pay\0load", 8);
    const uint32_t frame = RecordLog::frame_bytes(payload.size());
    for (uint32_t stored = 0; stored <= frame; ++stored) {
      CAPTURE(stored);
      Bench bench;
      RecordLog log(bench.files, kName, bench.max_bytes);
      bench.load(log);
      Items expected = fill(log, {"first", "second"});
      bench.files.fail_next_append(failure, stored);
      REQUIRE(log.append(3, bytes(payload)).status() == failure);
      REQUIRE(read_all(log) == expected);
      REQUIRE(log.append(4, bytes("next")).value_or(0) == 3);
      expected.push_back(Item{4, 3, "next"});
      REQUIRE(read_all(log) == expected);
      REQUIRE(bench.reload() == expected);
    }
  }
}

TEST_CASE("while the file system stays broken nothing is accepted, and nothing is lost") {
  Bench bench;
  RecordLog log(bench.files, kName, bench.max_bytes);
  bench.load(log);
  Items expected = fill(log, {"first"});
  bench.files.fail_next_append(Status::kIo, 3);
  CHECK(log.append(2, bytes("lost")).status() == Status::kIo);
  bench.files.set_reads_fail(true);
  CHECK(log.append(2, bytes("lost")).status() == Status::kIo);
  CHECK(log.append(2, bytes("lost")).status() == Status::kIo);
  bench.files.set_reads_fail(false);
  REQUIRE(log.append(2, bytes("kept")).ok());
  expected.push_back(Item{2, 2, "kept"});
  CHECK(bench.reload() == expected);
}

TEST_CASE("a failed append that is whole on the medium is removed even across a compaction") {
  Bench bench;
  RecordLog log(bench.files, kName, bench.max_bytes);
  bench.load(log);
  const Items expected = fill(log, {"first", "second", "third"});
  REQUIRE(log.begin_compaction(bytes("c")) == Status::kOk);
  bench.files.fail_next_append(Status::kIo, SIZE_MAX);
  CHECK(log.append(2, bytes("ghost")).status() == Status::kIo);
  KeepAll keep_all;
  Status status = Status::kAgain;
  while (status == Status::kAgain) status = log.compaction_step(keep_all);
  CHECK(status == Status::kOk);
  Items found = bench.reload();
  REQUIRE(found.size() == 4);
  CHECK(found[0].payload == "c");
  found.erase(found.begin());
  CHECK(found == expected);
  CHECK(log.append(2, bytes("fourth")).value_or(0) == 4);
}

TEST_CASE("payloads that imitate frames are never taken for records") {
  // The bytes of a real frame, as an attacker could put them on a card, inside another record's payload.
  Bench bench;
  RecordLog source(bench.files, "source.log", bench.max_bytes);
  bench.load(source);
  for (int i = 0; i < 8; ++i) REQUIRE(source.append(7, bytes("FORGED")).ok());
  const std::vector<uint8_t>& raw = bench.files.raw("source.log");
  const std::string forged(raw.begin(), raw.end());
  for (uint32_t kept = 0; kept <= RecordLog::frame_bytes(forged.size()); ++kept) {
    Bench victim;
    RecordLog log(victim.files, kName, victim.max_bytes);
    victim.load(log);
    victim.power.cut_after_bytes(kept);
    static_cast<void>(log.append(1, bytes(forged)));
    victim.power.restore();
    const Items found = victim.reload();
    REQUIRE(found.size() == (kept == RecordLog::frame_bytes(forged.size()) ? 1 : 0));
    if (!found.empty()) REQUIRE(found[0].payload == forged);
  }
}

TEST_CASE("any flipped bit is detected: no record is altered, at most two are lost") {
  Bench bench;
  RecordLog log(bench.files, kName, bench.max_bytes);
  bench.load(log);
  const Items items = fill(log, {"first", std::string("\0\0x\0", 4), "third", "", "fifth"});
  std::string failures;
  for (size_t offset = 0; offset < log.size_bytes(); ++offset) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      bench.files.flip_bit(kName, offset, bit);
      RecordLog damaged(bench.files, kName, bench.max_bytes);
      const Items found = bench.load(damaged);
      size_t matched = 0;
      for (const Item& item : items) {
        if (matched < found.size() && found[matched] == item) ++matched;
      }
      const std::string place = std::to_string(offset) + "." + std::to_string(bit) + "\n";
      if (matched != found.size()) failures += "altered at " + place;
      if (found.size() + 2 < items.size()) failures += "lost too much at " + place;
      if (found.size() != items.size() && damaged.counters().damaged_frames == 0) {
        failures += "unnoticed at " + place;
      }
      bench.files.flip_bit(kName, offset, bit);
    }
  }
  CHECK(failures == "");
}

TEST_CASE("a file of random bytes is an empty log that works") {
  platform_sim::SimEntropy entropy(7);
  for (int round = 0; round < 50; ++round) {
    Bench bench;
    std::vector<uint8_t>& raw = bench.files.raw(kName);
    raw.resize(entropy.below(3000));
    entropy.fill(MutableByteSpan(raw.data(), raw.size()));
    RecordLog log(bench.files, kName, bench.max_bytes);
    REQUIRE(bench.load(log).empty());
    REQUIRE(log.append(1, bytes("x")).ok());
    REQUIRE(bench.reload() == Items{Item{1, 1, "x"}});
  }
}

TEST_CASE("compaction keeps what the filter says, asks once, and numbers go on") {
  Bench bench;
  RecordLog log(bench.files, kName, bench.max_bytes);
  bench.load(log);
  std::vector<std::string> payloads;
  for (int i = 0; i < 100; ++i) payloads.push_back("payload " + std::to_string(i));
  Items expected = fill(log, payloads);
  const uint32_t size_before = log.size_bytes();
  REQUIRE(log.begin_compaction(bytes("checkpoint")) == Status::kOk);
  CHECK(log.begin_compaction(bytes("again")) == Status::kInvalidState);
  KeepSome filter(3);
  int steps = 0;
  Status status = Status::kAgain;
  while (status == Status::kAgain) {
    // Life goes on between the steps.
    CHECK(read_all(log) == expected);
    if (steps++ % 2 == 0) {
      const auto sequence = log.append(5, bytes("meanwhile"));
      REQUIRE(sequence.ok());
      expected.push_back(Item{5, sequence.value(), "meanwhile"});
    }
    status = log.compaction_step(filter);
  }
  CHECK(status == Status::kOk);
  CHECK(steps > 3);
  CHECK(filter.asked.size() == 100 - 17);  // without the odd multiples of 3
  for (const auto& asked : filter.asked) REQUIRE(asked.second == 1);
  CHECK(log.size_bytes() < size_before);
  CHECK(log.counters().compactions == 1);

  Items kept{Item{RecordLog::kCheckpointType, 0, "checkpoint"}};
  for (const Item& item : expected) {
    if (item.sequence > 100 || item.sequence % 3 != 0) kept.push_back(item);
  }
  CHECK(read_all(log) == kept);
  CHECK(bench.reload() == kept);
  struct Checkpoint final : RecordLog::Visitor {
    uint32_t next = 0;
    void on_record(const RecordLog::Record& record) override {
      if (record.type == RecordLog::kCheckpointType) next = record.sequence;
    }
  } checkpoint;
  RecordLog again(bench.files, kName, bench.max_bytes);
  REQUIRE(again.load(checkpoint) == Status::kOk);
  CHECK(checkpoint.next == 101);
  CHECK_FALSE(bench.files.exists("test.log.new"));

  RecordLog after(bench.files, kName, bench.max_bytes);
  bench.load(after);
  CHECK(after.next_sequence() == expected.back().sequence + 1);
}

TEST_CASE("numbers are not used again after a compaction that keeps nothing") {
  Bench bench;
  RecordLog log(bench.files, kName, bench.max_bytes);
  bench.load(log);
  fill(log, {"a", "b", "c"});
  KeepSome nothing(1);
  REQUIRE(log.begin_compaction(ByteSpan()) == Status::kOk);
  REQUIRE(log.compaction_step(nothing) == Status::kOk);
  RecordLog after(bench.files, kName, bench.max_bytes);
  CHECK(bench.load(after).size() == 1);
  CHECK(after.append(1, bytes("d")).value_or(0) == 4);
}

// Rules: FP-8
TEST_CASE("a compaction cut anywhere leaves the old or the new file") {
  const auto script = [](RecordLog& log) {
    KeepSome filter(2);
    Status status = log.begin_compaction(bytes("check"));
    if (status == Status::kOk) status = Status::kAgain;
    while (status == Status::kAgain) status = log.compaction_step(filter);
    return status;
  };
  const auto prepare = [](Bench& bench, RecordLog& log) {
    bench.load(log);
    std::vector<std::string> payloads;
    for (int i = 0; i < 40; ++i) payloads.push_back(std::string(static_cast<size_t>(i), 'x'));
    return fill(log, payloads);
  };
  Bench reference;
  RecordLog reference_log(reference.files, kName, reference.max_bytes);
  const Items old_items = prepare(reference, reference_log);
  const uint64_t first_byte = reference.power.bytes_written();
  const uint64_t first_operation = reference.power.operations();
  REQUIRE(script(reference_log) == Status::kOk);
  const Items new_items = reference.reload();
  const uint64_t end_byte = reference.power.bytes_written();
  const uint64_t end_operation = reference.power.operations();
  REQUIRE(new_items.size() == 21);

  std::string failures;
  const auto try_cut = [&](const std::string& name, const auto& plan) {
    for (const auto torn : {SimFileStore::Torn::kPrefix, SimFileStore::Torn::kGarbage}) {
      Bench bench;
      bench.files.set_torn(torn);
      RecordLog log(bench.files, kName, bench.max_bytes);
      prepare(bench, log);
      plan(bench.power);
      static_cast<void>(script(log));
      bench.power.restore();
      const Items found = bench.reload();
      if (!(found == old_items) && !(found == new_items)) failures += name + "\n";
      if (bench.files.exists("test.log.new")) failures += name + ": leftover\n";
    }
  };
  for (uint64_t byte = first_byte; byte <= end_byte; ++byte) {
    try_cut("byte " + std::to_string(byte), [&](SimPower& power) { power.cut_after_bytes(byte); });
  }
  for (uint64_t operation = first_operation; operation < end_operation; ++operation) {
    for (const bool is_done : {false, true}) {
      try_cut("operation " + std::to_string(operation),
              [&](SimPower& power) { power.cut_at_operation(operation, is_done); });
    }
  }
  CHECK(failures == "");
}

// Rules: FP-8
TEST_CASE("a log that does not know which file a failing commit left finds out without a restart") {
  for (const bool is_renamed : {false, true}) {
    CAPTURE(is_renamed);
    Bench bench;
    RecordLog log(bench.files, kName, bench.max_bytes);
    bench.load(log);
    Items items = fill(log, {"a", "b", "c", "d"});
    KeepSome filter(2);
    REQUIRE(log.begin_compaction(bytes("check")) == Status::kOk);
    // Behind the append of what is kept: the rename. Then nothing answers, for a while.
    bench.power.cut_at_operation(bench.power.operations() + 1, is_renamed);
    REQUIRE(log.compaction_step(filter) == Status::kIo);
    CHECK_FALSE(log.is_compacting());
    uint8_t buffer[RecordLog::kBufferBytes];
    RecordLog::Cursor cursor;
    RecordLog::Record record;
    CHECK(log.read(cursor, MutableByteSpan(buffer), record) == Status::kIo);
    CHECK(log.append(1, bytes("e")).status() == Status::kIo);
    CHECK(log.settle() == Status::kIo);
    bench.power.restore();
    REQUIRE(log.settle() == Status::kOk);
    const Items found = read_all(log);
    CHECK(found.size() == (is_renamed ? 3 : 4));
    REQUIRE(log.append(1, bytes("e")).value_or(0) == 5);
    CHECK(read_all(log).size() == found.size() + 1);
    CHECK(bench.reload() == read_all(log));
    REQUIRE(log.begin_compaction(bytes("check")) == Status::kOk);
    KeepAll keep_all;
    CHECK(log.compaction_step(keep_all) == Status::kOk);
    CHECK(bench.reload().size() == (is_renamed ? 4 : 6));
  }
}

TEST_CASE("a compaction that finds no room is abandoned without loss") {
  Bench bench;
  RecordLog log(bench.files, kName, bench.max_bytes);
  bench.load(log);
  const Items items = fill(log, awkward_payloads());
  bench.files.set_capacity(log.size_bytes() + 100);
  KeepAll keep_all;
  REQUIRE(log.begin_compaction(bytes("c")) == Status::kOk);
  Status status = Status::kAgain;
  while (status == Status::kAgain) status = log.compaction_step(keep_all);
  CHECK(status == Status::kNoSpace);
  CHECK_FALSE(log.is_compacting());
  CHECK_FALSE(bench.files.exists("test.log.new"));
  CHECK(read_all(log) == items);
  CHECK(log.append(1, bytes("fits")).ok());
}

TEST_CASE("the log ends at its capacity, and reserved bytes are kept for those who may use them") {
  Bench bench;
  bench.max_bytes = 1000;
  RecordLog log(bench.files, kName, bench.max_bytes);
  bench.load(log);
  CHECK(log.capacity_bytes() == 1000);
  REQUIRE(log.reserve(200) == Status::kOk);
  CHECK(log.reserve(900) == Status::kNoSpace);
  CHECK(log.reserved_bytes() == 200);
  const std::string payload(87, 'p');  // 100 bytes per frame
  for (int i = 0; i < 8; ++i) REQUIRE(log.append(1, bytes(payload)).ok());
  CHECK(log.free_bytes() == 0);
  CHECK(log.append(1, bytes("")).status() == Status::kNoSpace);
  CHECK(log.append(1, bytes(payload), RecordLog::Space::kReserved).ok());
  log.release(200);
  CHECK(log.append(1, bytes(payload)).ok());
  CHECK(log.append(1, bytes(""), RecordLog::Space::kReserved).status() == Status::kNoSpace);
  CHECK(bench.reload().size() == 10);
}

TEST_CASE("capacity leaves the file system room for two copies") {
  Bench bench;
  bench.files.set_capacity(10000);
  RecordLog log(bench.files, kName, 64 * 1024);
  bench.load(log);
  CHECK(log.capacity_bytes() == 5000);
  CHECK(log.reserve(4000) == Status::kOk);
  bench.files.raw("other").resize(9000);
  CHECK(log.reserve(500) == Status::kNoSpace);
}

TEST_CASE("room that other files give back is used without a restart") {
  Bench bench;
  bench.files.set_capacity(10000);
  bench.files.raw("other").resize(10000);
  RecordLog log(bench.files, kName, 64 * 1024);
  bench.load(log);
  CHECK(log.capacity_bytes() == 0);
  CHECK(log.append(1, bytes("early")).status() == Status::kNoSpace);
  bench.files.raw("other").resize(4000);
  CHECK(log.append(1, bytes("late")).ok());
  CHECK(log.capacity_bytes() == 3000);
  // What is in the log already may not lose its room.
  bench.files.raw("other").resize(9000);
  log.measure();
  CHECK(log.capacity_bytes() == 3000);
}

TEST_CASE("a log that is not loaded accepts nothing") {
  Bench bench;
  RecordLog log(bench.files, kName, bench.max_bytes);
  uint8_t buffer[RecordLog::kBufferBytes];
  RecordLog::Cursor cursor;
  RecordLog::Record record;
  CHECK(log.append(1, bytes("x")).status() == Status::kInvalidState);
  CHECK(log.read(cursor, MutableByteSpan(buffer), record) == Status::kInvalidState);
  CHECK(log.begin_compaction(ByteSpan()) == Status::kInvalidState);
  bench.files.set_reads_fail(true);
  Collector collector;
  CHECK(log.load(collector) == Status::kIo);
  CHECK(log.append(1, bytes("x")).status() == Status::kInvalidState);
  bench.files.set_reads_fail(false);
  CHECK(log.load(collector) == Status::kOk);
  CHECK(log.append(1, bytes("x")).ok());
}

TEST_CASE("nothing allocates") {
  Bench bench;
  RecordLog log(bench.files, kName, bench.max_bytes);
  Collector collector;
  collector.items.reserve(10);
  KeepAll keep_all;
  uint8_t buffer[RecordLog::kBufferBytes];
  RecordLog::Cursor cursor;
  RecordLog::Record record;
  const std::string payload(100, 'p');
  const platform_sim::MallocTrap trap;
  bool is_ok = log.load(collector) == Status::kOk;
  for (int i = 0; i < 50; ++i) is_ok = is_ok && log.append(1, bytes(payload)).ok();
  is_ok = is_ok && log.read(cursor, MutableByteSpan(buffer), record) == Status::kOk;
  is_ok = is_ok && log.begin_compaction(bytes(payload)) == Status::kOk;
  Status status = Status::kAgain;
  while (status == Status::kAgain) status = log.compaction_step(keep_all);
  const size_t allocations = trap.count();
  CHECK(is_ok);
  CHECK(status == Status::kOk);
  CHECK(allocations == 0);
}
