// Purpose:       The simulation itself: it repeats exactly, and it finds bugs that are planted around the engine.
// Given:         Scripts drawn from seeds.
// Steps:         Run them, some with a planted bug, some interleaved in one process.
// Pass criteria: Same seed, same frames; the sound engine keeps every promise on the seeds that convict the bugs.
// Spec:          -
#include "doctest_main/doctest_main.hpp"
#include "simulation/world.hpp"

#include <algorithm>

using simulation::Mutant;
using simulation::Outcome;
using simulation::RunOptions;
using simulation::Script;

namespace {

constexpr int64_t kDays = 5;
constexpr uint64_t kSeeds = 12;

/// A hard life for the flash: many power cuts while it writes, and bits that were half written.
Script script_of(uint64_t seed) {
  Script script = simulation::make_script(seed, kDays);
  script.torn = static_cast<uint8_t>(platform_sim::SimFileStore::Torn::kHalfProgrammed);
  for (int64_t hour = 1; hour < kDays * 24; hour += 2) {
    simulation::Event cut;
    cut.at_ms = hour * 3600000 + static_cast<int64_t>(seed) * 1000;
    cut.kind = simulation::EventKind::kCutAtByte;
    cut.a = 5000;
    cut.b = 30 + hour * 7 % 60;
    script.events.push_back(cut);
  }
  std::stable_sort(script.events.begin(), script.events.end(),
                   [](const auto& a, const auto& b) { return a.at_ms < b.at_ms; });
  return script;
}

/// @return What the first seed that finds the bug says; empty when none does.
std::string conviction(Mutant mutant) {
  RunOptions options;
  options.mutant = mutant;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const Outcome outcome = simulation::run(script_of(seed), options);
    if (!outcome.is_good()) return outcome.violation.sentence;
  }
  return "";
}

bool contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("the sound engine keeps every promise on the seeds that convict the planted bugs") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    const Outcome outcome = simulation::run(script_of(seed));
    CHECK(outcome.violation.sentence == "");
    CHECK(outcome.transactions > 0);
    CHECK(outcome.power_cuts > 5);
  }
}

TEST_CASE("every planted bug is found") {
  for (const simulation::MutantName& row : simulation::kMutants) {
    CAPTURE(row.name);
    CHECK(conviction(row.mutant) != "");
  }
}

TEST_CASE("what is said about a planted bug names the promise it broke") {
  CHECK(contains(conviction(Mutant::kStopTwice), "was sent again although it had been confirmed"));
  CHECK(contains(conviction(Mutant::kTimeoutIsAttempt), "was not confirmed, something else came"));
  CHECK(contains(conviction(Mutant::kForgetAnswer), "of the CSMS was not answered"));
  CHECK(contains(conviction(Mutant::kPermitForEver), "without a transaction"));
  CHECK(contains(conviction(Mutant::kForgetSetting), "after the restart"));
  CHECK(contains(conviction(Mutant::kTwoCalls), "had neither answer nor timeout"));
  CHECK(contains(conviction(Mutant::kAllocate), "heap allocations"));
}

TEST_CASE("the same seed gives the same frames, another seed others") {
  const Outcome first = simulation::run(simulation::make_script(5, kDays));
  const Outcome second = simulation::run(simulation::make_script(5, kDays));
  const Outcome other = simulation::run(simulation::make_script(6, kDays));
  CHECK(first.frames > 100);
  CHECK(first.hash == second.hash);
  CHECK(first.steps == second.steps);
  CHECK(first.hash != other.hash);
}

TEST_CASE("charge points that live interleaved in one process live as if they were alone") {
  const Script scripts[2] = {simulation::make_script(21, kDays),
                             simulation::make_script(22, kDays)};
  simulation::World first(scripts[0], RunOptions());
  simulation::World second(scripts[1], RunOptions());
  for (int64_t hour = 1; hour < kDays * 24; ++hour) {
    CHECK(first.run_until(hour * 3600000));
    CHECK(second.run_until(hour * 3600000));
  }
  CHECK(first.finish().hash == simulation::run(scripts[0]).hash);
  CHECK(second.finish().hash == simulation::run(scripts[1]).hash);
}

TEST_CASE("a failing script shrinks to the few events that matter") {
  RunOptions options;
  options.mutant = Mutant::kPermitForEver;
  const Script script = simulation::make_script(1, kDays);
  REQUIRE(!simulation::run(script, options).is_good());
  const Script small = simulation::shrink(script, options, 120);
  CHECK(small.events.size() <= 6);
  const Outcome outcome = simulation::run(small, options);
  CHECK(contains(outcome.violation.sentence, "without a transaction"));
}
