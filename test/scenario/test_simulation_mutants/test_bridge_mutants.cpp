// Purpose:       The simulation with the real bridge repeats exactly, and finds bugs planted around bridge and site limit.
// Given:         Scripts drawn from seeds: chargers of seven kinds on serial lines and sockets, with faults of all.
// Steps:         Run them as they are, and with a planted bug.
// Pass criteria: Same seed, same frames; the sound bridge keeps every promise on the seeds that convict the bugs.
// Spec:          -
#include "doctest_main/doctest_main.hpp"
#include "simulation/world.hpp"

#include <set>

using simulation::Mutant;
using simulation::Outcome;
using simulation::RunOptions;
using simulation::Script;

namespace {

constexpr int64_t kHours = 2;
constexpr uint64_t kSeeds = 12;

/// A charger whose car was never permitted falls silent and takes its failsafe current, while the other one has all that
/// the site can give.
Script silent_site() {
  using simulation::EventKind;
  Script script;
  script.is_bridge = true;
  script.end_ms = 15 * 60000;
  script.connectors = 2;
  script.flash_bytes = 1024 * 1024;
  script.site_ma = 16000;
  script.failsafe_ma = 6000;
  script.watchdog_ms = 20000;
  script.events = {
      {60000, EventKind::kPlug, 2, 16000, 3, 0},
      {65000, EventKind::kTag, 2, 0, 0, 0},
      {120000, EventKind::kPlug, 1, 16000, 3, 0},
      {300000, EventKind::kSilence, 1, 300000, 0, 0},
  };
  return script;
}

/// Two cars want more than the site can give.
Script shared_site() {
  using simulation::EventKind;
  Script script = silent_site();
  script.site_ma = 20000;
  script.events = {
      {60000, EventKind::kPlug, 1, 16000, 3, 0},
      {65000, EventKind::kTag, 1, 0, 0, 0},
      {70000, EventKind::kPlug, 2, 16000, 3, 0},
      {75000, EventKind::kTag, 2, 1, 0, 0},
  };
  return script;
}

/// @return What the first script that finds the bug says; empty when none does.
std::string conviction(Mutant mutant) {
  RunOptions options;
  options.mutant = mutant;
  if (mutant == Mutant::kForgetSetAside)
    return simulation::run(silent_site(), options).violation.sentence;
  if (mutant == Mutant::kExceedShare)
    return simulation::run(shared_site(), options).violation.sentence;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const Outcome outcome = simulation::run(simulation::make_bridge_script(seed, kHours), options);
    if (!outcome.is_good()) return outcome.violation.sentence;
  }
  return "";
}

bool says(Mutant mutant, const char* part) {
  const std::string sentence = conviction(mutant);
  CAPTURE(sentence);
  const bool is_said = sentence.find(part) != std::string::npos;
  CHECK(is_said);
  return is_said;
}

}  // namespace

TEST_CASE("the sound bridge keeps every promise on the seeds that convict the bugs around it") {
  for (const Script& script : {silent_site(), shared_site()})
    CHECK(simulation::run(script).violation.sentence == "");
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    const Outcome outcome = simulation::run(simulation::make_bridge_script(seed, kHours));
    CHECK(outcome.violation.sentence == "");
    CHECK(outcome.transactions > 0);
  }
}

TEST_CASE("every bug planted around the bridge is found, and named by the promise it broke") {
  std::set<Mutant> tried;
  const auto finds = [&tried](Mutant mutant, const char* part) {
    tried.insert(mutant);
    return says(mutant, part);
  };
  CHECK(finds(Mutant::kIgnoreReadBack, "does not keep its limit"));
  CHECK(finds(Mutant::kSilenceIsUnplug, "is told to be unplugged, and is not"));
  CHECK(finds(Mutant::kForgetRewrite, "has a watchdog of"));
  CHECK(finds(Mutant::kNoFailsafe, "has a watchdog of"));
  CHECK(finds(Mutant::kRoundUp, "mA, it is offered"));
  CHECK(finds(Mutant::kRepeatTag, "was read although nobody held one"));
  CHECK(finds(Mutant::kSkipDisable, "does not keep its limit of 0 mA"));
  CHECK(finds(Mutant::kStaleSample, "is said to draw"));
  CHECK(finds(Mutant::kEnergyBackwards, "the energy register falls"));
  CHECK(finds(Mutant::kEnergyLost, "in the energy register than flowed"));
  CHECK(finds(Mutant::kForgetSetAside, "the site bears"));
  CHECK(finds(Mutant::kExceedShare, "the site bears"));
  for (const simulation::MutantName& row : simulation::kBridgeMutants) {
    CAPTURE(row.name);
    CHECK(tried.count(row.mutant) == 1);
  }
}

TEST_CASE("with the bridge, too, the same seed gives the same frames, another seed others") {
  const Outcome first = simulation::run(simulation::make_bridge_script(3, kHours));
  const Outcome second = simulation::run(simulation::make_bridge_script(3, kHours));
  const Outcome other = simulation::run(simulation::make_bridge_script(4, kHours));
  CHECK(first.frames > 20);
  CHECK(first.hash == second.hash);
  CHECK(first.hash != other.hash);
}
