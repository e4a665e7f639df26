// Purpose:       The security log on flash, whatever the power and the flash do.
// Given:         A security log alone on a small medium, so that its ring turns often; then a whole gateway.
// Steps:         Power is cut at every byte and at every operation; accesses fail with the power on.
// Pass criteria: The log holds each entry whole or not at all, its chain holds, it takes the next entry, and the gateway comes
//                back online; the CSMS hears of each event that was stored.
// Spec:          OCPP 1.6 security whitepaper ed. 3, A04.
#include "common/log.hpp"
#include "fixture.hpp"
#include "log_file.hpp"

#include <fstream>

using common::Instant;
using common::Status;
using common::UtcTime;
using ocpp::SecurityEntry;
using ocpp::SecurityEvent;
using platform_sim::SimFileStore;
using platform_sim::SimPower;

namespace {

std::ifstream open_vectors(const std::string& name) {
  std::ifstream file("test/vectors/records/" + name);
  if (file) return file;
  std::string here = __FILE__;
  here.resize(here.rfind('/'));
  return std::ifstream(here + "/../../vectors/records/" + name);
}

/// A log on flash through its restarts, and the books of what must and may be in it.
struct Bench {
  SimPower power;
  SimFileStore files{power};
  platform_sim::SimKeyValueStore settings{power};
  ocpp_world::FakeDigest digest;
  common::NullLogSink sink;
  std::unique_ptr<ocpp::SecurityLog> log;
  std::vector<std::string> stored;  ///< Infos of the entries that add() took.
  std::string uncertain;            ///< The one that add() did not take.
  std::vector<std::string> told;
  std::string problems;
  uint32_t compactions = 0;

  Bench() { files.set_capacity(12'800); }

  void start() {
    log = std::make_unique<ocpp::SecurityLog>(files, settings, digest, sink);
    if (log->begin() != Status::kOk && power.is_on()) problems += "does not begin; ";
    common::FixedString<SecurityEntry::kMaxInfoBytes> why;
    if (log->is_ready() && log->take_alarm(why)) problems += std::string(why.c_str()) + "; ";
  }
  void add(const std::string& name, SecurityEvent event) {
    if (!power.is_on()) return;
    const std::string info = name + std::string(60, '.');
    if (log->add(event, common::text(info.c_str()), Instant{1000}, UtcTime{2000}) == Status::kOk) {
      stored.push_back(info);
    } else {
      uncertain = info;
    }
  }
  /// The CSMS hears of the oldest event that it was not told.
  void tell() {
    SecurityEntry entry;
    if (!power.is_on() || log->next_untold(entry) != Status::kOk) return;
    if (told.empty() || told.back() != entry.info.c_str()) told.emplace_back(entry.info.c_str());
    (void)log->on_told(entry.number);
  }
  void maintain(int steps) {
    const uint32_t size = log->size_bytes();
    for (int i = 0; i < steps && power.is_on(); ++i) (void)log->maintain();
    if (log->size_bytes() < size) ++compactions;
  }

  /// The log holds a stretch of what was stored, to its end.
  void compare() {
    std::vector<std::string> found;
    ocpp::SecurityLog::Reader reader;
    SecurityEntry entry;
    while (log->read(reader, entry) == Status::kOk) found.emplace_back(entry.info.c_str());
    if (!uncertain.empty() && !found.empty() && found.back() == uncertain)
      stored.push_back(uncertain);
    uncertain.clear();
    if (found.size() > stored.size() || (found.empty() && !stored.empty())) {
      problems += "another number of entries; ";
      return;
    }
    if (!std::equal(found.rbegin(), found.rend(), stored.rbegin())) problems += "other entries; ";
    // More stay when the ring turns.
    if (found.size() < std::min<size_t>(stored.size(), 4)) problems += "entries are gone; ";
  }
};

/// Entries that are told, some later, and some that are not.
void note(Bench& bench, int from, int to, int steps) {
  for (int i = from; i < to && bench.power.is_on(); ++i) {
    bench.add(std::to_string(i), i % 3 == 0 ? SecurityEvent::ReconfigurationOfSecurityParameters
                                            : SecurityEvent::MemoryExhaustion);
    if (i % 4 != 0) bench.tell();
    bench.maintain(i % steps);
  }
}

/// Two turns of the ring.
void live(Bench& bench) {
  bench.start();
  note(bench, 0, 26, 5);
  bench.maintain(20);
}

/// A log whose ring is about to turn, as it lies on flash.
struct Full {
  Full() {
    bench.start();
    note(bench, 0, 9, 1);
  }
  void put_into(Bench& other) {
    other.files.raw("security.log") = bench.files.raw("security.log");
    uint8_t state[8];
    (void)bench.settings.get("seclog", common::MutableByteSpan(state));
    (void)other.settings.set("seclog", common::ByteSpan(state));
    other.stored = bench.stored;
    other.told = bench.told;
  }
  Bench bench;
};

/// The turn of a full ring, with entries before it, meanwhile and after it.
void live_turn(Bench& bench) {
  bench.start();
  note(bench, 9, 13, 3);
  bench.maintain(20);
}

/// After a cut: once more, with an entry of its own, and everything is told.
void finish(Bench& bench) {
  bench.power.restore();
  bench.start();
  bench.compare();
  bench.add("next", SecurityEvent::MemoryExhaustion);
  bench.maintain(20);
  for (int i = 0; i < 40; ++i) bench.tell();
  bench.start();
  bench.compare();
  if (bench.stored.empty() || bench.stored.back().compare(0, 4, "next") != 0)
    bench.problems += "the next entry is not there; ";
  if (bench.log->has_untold()) bench.problems += "not all is told; ";
  if (bench.told.empty() || bench.told.back().compare(0, 4, "next") != 0)
    bench.problems += "the next entry is not told; ";
}

/// @param full  nullptr = a new log.
template <typename Plan>
std::string life_with(Full* full, SimFileStore::Torn torn, const Plan& plan) {
  Bench bench;
  if (full != nullptr) full->put_into(bench);
  bench.files.set_torn(torn);
  plan(bench.power);
  full != nullptr ? live_turn(bench) : live(bench);
  finish(bench);
  return bench.problems;
}

}  // namespace

TEST_CASE("without a cut the ring turns more than once and all events are told in order") {
  Bench bench;
  live(bench);
  CHECK(bench.compactions >= 2);
  finish(bench);
  CHECK(bench.problems == "");
  // None is told twice, and none out of order.
  CHECK(bench.told.size() == 18);
}

// Rules: WP-A04.FR.02
TEST_CASE("a full log makes room a few records in a turn, and counts what is told meanwhile") {
  for (const bool is_told : {false, true}) {
    CAPTURE(is_told);
    Bench bench;
    bench.files.set_capacity(100'000);
    bench.start();
    uint64_t most = 0;
    const auto maintain = [&] {
      const uint64_t before = bench.power.accesses();
      const bool has_more = bench.log->maintain();
      most = std::max(most, bench.power.accesses() - before);
      return has_more;
    };
    for (int i = 0; !maintain(); ++i) {
      REQUIRE(i < 200);
      bench.add(std::to_string(i), SecurityEvent::MemoryExhaustion);
      if (is_told) bench.tell();
    }
    bench.tell();  // one of those that go
    while (maintain()) {
    }
    // Of 180 records; the most are of a step of the copying, which skips 4 KiB at a time.
    CHECK(most <= 60);
    uint32_t left = 0;
    SecurityEntry entry;
    for (ocpp::SecurityLog::Reader reader; bench.log->read(reader, entry) == Status::kOk;) ++left;
    CHECK(left > 30);
    // What was told is not counted among what was lost.
    CHECK(bench.log->untold() == (is_told ? 0 : left));
    bench.compare();
    CHECK(bench.problems == "");
  }
}

// Rules: WP-A04.FR.02 WP-A04.FR.04
TEST_CASE("a cut at any byte leaves a log whose chain holds and that goes on") {
  Full full;
  Bench reference;
  full.put_into(reference);
  const uint64_t first = reference.power.bytes_written();
  live_turn(reference);
  CHECK(reference.compactions >= 1);
  const uint64_t bytes = reference.power.bytes_written();
  REQUIRE(bytes > 1500);
  for (const auto torn : {SimFileStore::Torn::kPrefix, SimFileStore::Torn::kGarbage,
                          SimFileStore::Torn::kZeros, SimFileStore::Torn::kErased}) {
    // Every byte for the contract; every ninth, at another phase each, for what is worse than the contract.
    const bool is_contract = torn == SimFileStore::Torn::kPrefix;
    std::string failures;
    for (uint64_t byte = first + static_cast<uint64_t>(torn); byte < bytes;
         byte += is_contract ? 1 : 9) {
      const std::string problems =
          life_with(&full, torn, [&](SimPower& power) { power.cut_after_bytes(byte); });
      if (!problems.empty()) failures += std::to_string(byte) + ": " + problems + "\n";
    }
    CAPTURE(static_cast<int>(torn));
    CHECK(failures == "");
  }
}

TEST_CASE("a cut before or after any operation leaves a log whose chain holds and that goes on") {
  Bench reference;
  live(reference);
  std::string failures;
  for (uint64_t operation = 0; operation < reference.power.operations(); ++operation) {
    for (const bool is_done : {false, true}) {
      const std::string problems =
          life_with(nullptr, SimFileStore::Torn::kPrefix,
                    [&](SimPower& power) { power.cut_at_operation(operation, is_done); });
      if (!problems.empty()) failures += std::to_string(operation) + ": " + problems + "\n";
    }
  }
  CHECK(failures == "");
}

TEST_CASE("flash that fails for a while breaks no chain") {
  Bench reference;
  live(reference);
  std::string failures;
  for (uint64_t access = 0; access < reference.power.accesses(); ++access) {
    Bench bench;
    bench.power.fail_accesses(access, access % 2 == 0 ? 1 : 4);
    live(bench);
    // Which entries were lost is known: chain and end are what counts.
    bench.problems.clear();
    bench.power.fail_accesses(0, 0);
    bench.start();
    bench.start();
    if (!bench.problems.empty()) failures += std::to_string(access) + ": " + bench.problems + "\n";
  }
  CHECK(failures == "");
}

// Rules: PD-4
TEST_CASE("a security log written by earlier firmware is read, its chain holds") {
  std::ifstream file = open_vectors("security-log.hex");
  std::vector<uint8_t> image;
  for (std::string line; std::getline(file, line);) {
    for (size_t i = 0; i + 1 < line.size() && line[0] != '#'; i += 2)
      image.push_back(static_cast<uint8_t>(std::strtoul(line.substr(i, 2).c_str(), nullptr, 16)));
  }
  REQUIRE(image.size() > 100);
  Bench bench;
  bench.files.raw("security.log") = image;
  const uint8_t state[] = {7, 0, 0, 0, 0, 0, 0, 0};
  (void)bench.settings.set("seclog", common::ByteSpan(state));
  bench.start();
  CHECK(bench.problems == "");
  CHECK(bench.log->untold() == 3);
  ocpp::SecurityLog::Reader reader;
  SecurityEntry entry;
  std::string found;
  while (bench.log->read(reader, entry) == Status::kOk)
    found += std::to_string(entry.number) + " " + entry.info.c_str() + ", ";
  CHECK(found == "2 entry 1, 3 entry 2, 5 entry 3, 6 entry 4, 7 CpoName, ");
  CHECK(entry.event == SecurityEvent::ReconfigurationOfSecurityParameters);
  CHECK_FALSE(entry.is_told);
  CHECK(entry.uptime == Instant{5000});
  CHECK(entry.utc == UtcTime{1'800'000'005'000});
}

// Rules: WP-A04.FR.02
TEST_CASE("whenever the power goes while the ring of a gateway turns it comes back and tells all") {
  std::vector<uint8_t> image;
  uint8_t state[8];
  {
    Fixture full;
    for (int i = 0; i < 62; ++i) {
      const std::string info = std::to_string(i) + std::string(110, '.');
      full.world.security->report(SecurityEvent::ReconfigurationOfSecurityParameters, info.c_str());
    }
    image = full.world.files.raw("security.log");
    REQUIRE(full.world.settings.get("seclog", common::MutableByteSpan(state)).ok());
  }
  uint64_t first = 0;
  uint64_t bytes = 0;
  for (uint64_t cut = 0; cut == 0 || first + cut < bytes; cut += 101) {
    World world(Fixture::setup());
    world.files.raw("security.log") = image;
    (void)world.settings.set("seclog", common::ByteSpan(state));
    (void)world.boot();
    world.run_for(1000);
    if (first == 0) {
      first = world.power.bytes_written();
    } else {
      world.power.cut_after_bytes(first + cut);
    }
    world.connect();
    for (int i = 0; i < 6; ++i) {
      world.security->report(SecurityEvent::TamperDetectionActivated, std::to_string(i).c_str());
      world.run_for(300);
    }
    world.run_for(1000);
    if (bytes == 0) {
      bytes = world.power.bytes_written();
      REQUIRE(world.security->log().size_bytes() < image.size() / 3 * 2);
      cut = 1;
    }
    (void)world.restart(platform::ResetCause::kPowerOn);
    world.connect();
    world.run_for(5000);
    CAPTURE(cut);
    CHECK(world.charge_point->registration() == ocpp::RegistrationState::kAccepted);
    CHECK_FALSE(world.security->log().has_untold());
    for (const std::string& call : world.csms.calls) CHECK_FALSE(contains(call, "WasCleared"));
  }
}
