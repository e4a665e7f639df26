#include "doctest_main/doctest_main.hpp"
#include "platform_sim/malloc_trap.hpp"
#include "tag_bench.hpp"

#include <fstream>
#include <optional>

using common::Status;
using ocpp::IdTag;
using ocpp::IdTagStatus;
using ocpp::TagEntry;
using ocpp::TagTable;
using tag_bench::Buffer;
using tag_bench::Changes;
using tag_bench::entry;

namespace {

constexpr char kName[] = "list.bin";

struct Bench {
  platform_sim::SimPower power;
  platform_sim::SimFileStore files{power};
  std::optional<TagTable> table;
  Buffer buffer;

  Bench() { table.emplace(files, kName); }

  bool has(const std::string& tag) const {
    TagEntry found;
    return table->find(IdTag(tag.c_str()), found) == Status::kOk;
  }
};

std::string numbered(int number) { return "TAG" + std::to_string(number); }

/// The image of three tags as this firmware's ancestors wrote it.
std::string golden() {
  std::string here = __FILE__;
  here.resize(here.rfind('/'));
  for (const std::string& path :
       {std::string("test/vectors/records/"), here + "/../../vectors/records/"}) {
    std::ifstream file(path + "tag-table.hex");
    std::string line;
    while (std::getline(file, line)) {
      if (!line.empty() && line[0] != '#') return line;
    }
  }
  return "";
}

}  // namespace

TEST_CASE("what is stored about a tag is found again, in any spelling, also after a restart") {
  Bench bench;
  Changes changes;
  changes.put(entry("04A1b2C3", IdTagStatus::kAccepted, "GROUP", 1'800'000'000'123));
  changes.put(entry("12345678901234567890", IdTagStatus::kBlocked, "09876543210987654321"));
  changes.put(entry("\xC3\xA4", IdTagStatus::kConcurrentTx));
  REQUIRE(bench.table->replace(changes.get(), 7, 10, bench.buffer) == Status::kOk);
  for (int boot = 0; boot < 2; ++boot) {
    CHECK(bench.table->size() == 3);
    CHECK(bench.table->version() == 7);
    TagEntry found;
    REQUIRE(bench.table->find(IdTag("04a1B2c3"), found) == Status::kOk);
    CHECK(found.id_tag == IdTag("04A1b2C3"));
    CHECK(found.parent_id_tag == IdTag("GROUP"));
    CHECK(found.expiry.ms == 1'800'000'000'123);
    CHECK(found.status == IdTagStatus::kAccepted);
    REQUIRE(bench.table->find(IdTag("12345678901234567890"), found) == Status::kOk);
    CHECK(found.parent_id_tag == IdTag("09876543210987654321"));
    CHECK(found.status == IdTagStatus::kBlocked);
    CHECK(bench.has("\xC3\xA4"));
    CHECK_FALSE(bench.has("GROUP"));
    CHECK_FALSE(bench.has("04A1B2C"));
    bench.table.emplace(bench.files, kName);
    REQUIRE(bench.table->load(bench.buffer) == Status::kOk);
  }
}

TEST_CASE("an image of an earlier firmware is understood") {
  const std::string hex = golden();
  REQUIRE(!hex.empty());
  Bench bench;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    bench.files.raw(kName).push_back(
        static_cast<uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
  REQUIRE(bench.table->load(bench.buffer) == Status::kOk);
  CHECK(bench.table->version() == 42);
  CHECK(bench.table->newest_stamp() == 9);
  TagEntry found;
  REQUIRE(bench.table->find(IdTag("04A1B2C3D4E5F6"), found) == Status::kOk);
  CHECK(found.parent_id_tag == IdTag("FAMILY"));
  CHECK(found.expiry.ms == 1'900'000'000'000);
  REQUIRE(bench.table->find(IdTag("BLOCKED"), found) == Status::kOk);
  CHECK(found.status == IdTagStatus::kBlocked);
  CHECK(found.stamp == 9);
}

TEST_CASE("the table behaves like a map through thousands of random changes") {
  Bench bench;
  platform_sim::SimEntropy entropy(7);
  std::map<std::string, TagEntry> model;
  constexpr size_t kMost = 300;
  int32_t version = 0;
  for (int round = 0; round < 200; ++round) {
    std::map<std::string, bool> batch;
    Changes changes;
    std::map<std::string, TagEntry> next = model;
    const bool keeps_others = entropy.below(20) != 0;
    if (!keeps_others) next.clear();
    for (uint64_t i = entropy.below(60); i > 0; --i) {
      const std::string tag = numbered(static_cast<int>(entropy.below(450)));
      if (!batch.emplace(tag, true).second) continue;
      if (keeps_others && entropy.below(3) == 0) {
        changes.remove(tag);
        next.erase(tag);
        continue;
      }
      TagEntry made = entry(tag, static_cast<IdTagStatus>(entropy.below(5)),
                            entropy.below(2) == 0 ? "" : numbered(round));
      made.stamp = static_cast<uint32_t>(round);
      changes.put(made);
      next[tag] = made;
    }
    bench.files.set_max_read(1 + entropy.below(400));
    Buffer buffer(TagTable::kMinimumBufferBytes + entropy.below(3000));
    const Status status = bench.table->replace(changes.get(keeps_others), ++version, kMost, buffer);
    CHECK(status == (next.size() > kMost ? Status::kNoSpace : Status::kOk));
    if (status == Status::kOk) model = next;
    if (entropy.below(4) == 0) {
      bench.table.emplace(bench.files, kName);
      REQUIRE(bench.table->load(buffer) == Status::kOk);
    }
    REQUIRE(bench.table->size() == model.size());
    for (int probe = 0; probe < 20; ++probe) {
      const std::string tag = numbered(static_cast<int>(entropy.below(450)));
      const auto expected = model.find(tag);
      TagEntry found;
      const Status result = bench.table->find(IdTag(tag.c_str()), found);
      REQUIRE(result == (expected == model.end() ? Status::kNotFound : Status::kOk));
      if (expected == model.end()) continue;
      CHECK(found.id_tag == expected->second.id_tag);
      CHECK(found.parent_id_tag == expected->second.parent_id_tag);
      CHECK(found.status == expected->second.status);
      CHECK(found.stamp == expected->second.stamp);
    }
    CHECK_FALSE(bench.files.exists("list.bin.new"));
  }
}

// Rules: R-3.5.2-1
TEST_CASE("after a power cut at any byte the old or the new table is there, whole") {
  using Torn = platform_sim::SimFileStore::Torn;
  for (const Torn torn : {Torn::kPrefix, Torn::kGarbage, Torn::kZeros, Torn::kErased}) {
    bool is_complete = false;
    int cuts = 0;
    for (uint64_t cut = 0; !is_complete; ++cut) {
      Bench bench;
      bench.files.set_torn(torn);
      Changes old;
      for (int i = 0; i < 9; ++i) old.put(entry(numbered(i)));
      REQUIRE(bench.table->replace(old.get(), 1, 20, bench.buffer) == Status::kOk);
      // First at every byte, then at every operation, done or not.
      Changes changes;
      for (int i = 6; i < 12; ++i) changes.put(entry(numbered(i), IdTagStatus::kBlocked));
      const uint64_t total = 12 * TagTable::kSlotBytes + TagTable::kTrailerBytes;
      if (cut < total) {
        bench.power.cut_after_bytes(bench.power.bytes_written() + cut);
      } else {
        bench.power.cut_at_operation(bench.power.operations() + (cut - total) / 2, cut % 2 == 0);
      }
      Buffer buffer(4 * TagTable::kSlotBytes);
      is_complete = bench.table->replace(changes.get(), 2, 20, buffer) == Status::kOk;
      ++cuts;
      bench.power.restore();
      TagTable after(bench.files, kName);
      REQUIRE(after.load(bench.buffer) == Status::kOk);
      const bool is_new = after.version() == 2;
      REQUIRE(after.version() == (is_new ? 2 : 1));
      REQUIRE(after.size() == (is_new ? 12 : 9));
      for (int i = 0; i < 12; ++i) {
        TagEntry found;
        const Status status = after.find(IdTag(numbered(i).c_str()), found);
        REQUIRE(status == (is_new || i < 9 ? Status::kOk : Status::kNotFound));
        if (status == Status::kOk)
          REQUIRE(found.status ==
                  (is_new && i >= 6 ? IdTagStatus::kBlocked : IdTagStatus::kAccepted));
      }
      REQUIRE((is_new || !is_complete));
    }
    CHECK(cuts > 700);
  }
}

TEST_CASE("one flipped bit anywhere that matters is noticed at start-up and empties the table") {
  Bench bench;
  Changes changes;
  changes.put(entry("04A1B2C3D4E5F6", IdTagStatus::kBlocked, "FAMILY", 1'900'000'000'000));
  changes.put(entry("TAG"));
  REQUIRE(bench.table->replace(changes.get(), 3, 10, bench.buffer) == Status::kOk);
  const std::vector<uint8_t> good = bench.files.raw(kName);
  for (size_t at = 0; at < good.size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      bench.files.raw(kName) = good;
      bench.files.flip_bit(kName, at, bit);
      const Status status = bench.table->load(bench.buffer);
      if (status == Status::kOk) {
        // Unused bytes of a slot carry nothing.
        CHECK(bench.table->size() == 2);
        CHECK(bench.has("04A1B2C3D4E5F6"));
        CHECK(bench.has("TAG"));
      } else {
        CHECK(status == Status::kCorrupt);
        CHECK(bench.table->size() == 0);
        CHECK(bench.table->version() == 0);
      }
    }
  }
  for (size_t size = 0; size < good.size(); ++size) {
    bench.files.raw(kName).assign(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
    CHECK(bench.table->load(bench.buffer) == Status::kCorrupt);
  }
  // And a new table takes its place.
  REQUIRE(bench.table->replace(changes.get(), 4, 10, bench.buffer) == Status::kOk);
  CHECK(bench.table->load(bench.buffer) == Status::kOk);
  CHECK(bench.table->version() == 4);
}

TEST_CASE("a table that does not fit, or cannot be written or read, stays as it was") {
  Bench bench;
  Changes first;
  for (int i = 0; i < 10; ++i) first.put(entry(numbered(i)));
  REQUIRE(bench.table->replace(first.get(), 1, 10, bench.buffer) == Status::kOk);
  Changes more;
  more.put(entry("ONE TOO MANY"));
  CHECK(bench.table->replace(more.get(), 2, 10, bench.buffer) == Status::kNoSpace);
  bench.files.fail_next_append(Status::kIo, 100);
  CHECK(bench.table->replace(more.get(), 2, 20, bench.buffer) == Status::kIo);
  bench.files.set_reads_fail(true);
  CHECK(bench.table->replace(more.get(), 2, 20, bench.buffer) == Status::kIo);
  TagEntry found;
  CHECK(bench.table->find(IdTag("TAG1"), found) == Status::kIo);
  bench.files.set_reads_fail(false);
  // The records of transactions need the last bytes of the flash.
  bench.files.set_capacity(16 * 1024);
  CHECK(bench.table->replace(more.get(), 2, 20, bench.buffer) == Status::kNoSpace);
  bench.files.set_capacity(1024 * 1024);
  CHECK_FALSE(bench.files.exists("list.bin.new"));
  CHECK(bench.table->version() == 1);
  CHECK(bench.has("TAG9"));
  CHECK_FALSE(bench.has("ONE TOO MANY"));
  CHECK(bench.table->replace(more.get(), 2, 20, bench.buffer) == Status::kOk);
  CHECK(bench.has("ONE TOO MANY"));
}

TEST_CASE("thousands of tags are found with few reads and without heap") {
  Bench bench;
  int32_t version = 0;
  for (int i = 0; i < 3000; i += 100) {
    Changes changes;
    for (int k = i; k < i + 100; ++k) changes.put(entry(numbered(k)));
    REQUIRE(bench.table->replace(changes.get(), ++version, 3000, bench.buffer) == Status::kOk);
  }
  CHECK(bench.table->size() == 3000);
  for (int i = 0; i < 3000; i += 37) {
    TagEntry found;
    const IdTag tag(numbered(i).c_str());
    const uint64_t reads = bench.files.reads();
    platform_sim::MallocTrap trap;
    const Status status = bench.table->find(tag, found);
    const size_t allocations = trap.count();
    REQUIRE(status == Status::kOk);
    CHECK(allocations == 0);
    CHECK(bench.files.reads() - reads <= 20);
  }
}
