#include "bridge/normaliser.hpp"
#include "doctest_main/doctest_main.hpp"

using bridge::Normaliser;
using bridge::Pilot;
using bridge::StateRow;
using charger::Error;
using charger::Plug;
using common::Instant;

namespace {

struct World {
  void see(Pilot pilot, int64_t ms, Error error = Error::kNone, uint8_t flags = 0) {
    row = StateRow{static_cast<uint16_t>(pilot), pilot, error, flags, "info"};
    normaliser.update(row, is_offering, timings, Instant{ms});
  }
  const Normaliser::Output& out() const { return normaliser.output(); }

  bridge::Timings timings;
  Normaliser normaliser;
  StateRow row = {};
  bool is_offering = false;
};

}  // namespace

TEST_CASE("the first reading decides about the plug at once") {
  World world;
  CHECK(world.out().plug == Plug::kUnknown);
  world.see(Pilot::kB1, 0);
  CHECK(world.out().plug == Plug::kPlugged);
}

TEST_CASE("a plug counts after half a second, an unplug after two seconds") {
  World world;
  world.see(Pilot::kA, 0);
  world.see(Pilot::kB1, 1000);
  CHECK(world.out().plug == Plug::kUnplugged);
  CHECK(world.normaliser.wants_reading_at() == Instant{1500});
  world.see(Pilot::kB1, 1500);
  CHECK(world.out().plug == Plug::kPlugged);
  CHECK(world.normaliser.wants_reading_at().is_never());

  world.see(Pilot::kA, 10000);
  world.see(Pilot::kA, 11900);
  CHECK(world.out().plug == Plug::kPlugged);
  world.see(Pilot::kA, 12000);
  CHECK(world.out().plug == Plug::kUnplugged);
}

TEST_CASE("a bounce starts the debounce again") {
  World world;
  world.see(Pilot::kB2, 0);
  world.see(Pilot::kA, 1000);
  world.see(Pilot::kB2, 2500);
  world.see(Pilot::kA, 3000);
  world.see(Pilot::kA, 4500);
  CHECK(world.out().plug == Plug::kPlugged);
}

TEST_CASE("the EV's wish is debounced, the charger's offer is not") {
  World world;
  world.see(Pilot::kB2, 0);
  CHECK(world.out().energy_offered);
  world.see(Pilot::kC2, 1000);
  CHECK_FALSE(world.out().ev_requests_energy);
  world.see(Pilot::kC2, 1500);
  CHECK(world.out().ev_requests_energy);
  world.see(Pilot::kC1, 2000);
  CHECK_FALSE(world.out().energy_offered);
  CHECK(world.out().ev_requests_energy);
  world.see(Pilot::kB2, 3000);
  world.see(Pilot::kB2, 4000);
  CHECK(world.out().ev_requests_energy);
  world.see(Pilot::kB2, 5000);
  CHECK_FALSE(world.out().ev_requests_energy);
}

TEST_CASE("where the pilot does not tell, our own offer stands in") {
  World world;
  world.see(Pilot::kC, 0);
  CHECK_FALSE(world.out().energy_offered);
  world.is_offering = true;
  world.see(Pilot::kC, 1000);
  CHECK(world.out().energy_offered);
}

TEST_CASE("a fault shows at once, keeps the plug, and goes after five seconds") {
  World world;
  world.see(Pilot::kC2, 0);
  world.see(Pilot::kE, 1000, Error::kEvCommunicationError);
  CHECK(world.out().is_faulted);
  CHECK(world.out().error == Error::kEvCommunicationError);
  CHECK(world.out().plug == Plug::kPlugged);
  CHECK_FALSE(world.out().energy_offered);
  world.see(Pilot::kA, 2000);
  world.see(Pilot::kA, 6900);
  CHECK(world.out().is_faulted);
  world.see(Pilot::kA, 7000);
  CHECK_FALSE(world.out().is_faulted);
  CHECK(world.out().error == Error::kNone);
}

TEST_CASE("another fault takes the place of the first") {
  World world;
  world.see(Pilot::kE, 0, Error::kEvCommunicationError);
  world.see(Pilot::kX, 1000, Error::kOtherError);
  CHECK(world.out().error == Error::kOtherError);
}

TEST_CASE("a warning is no fault") {
  World world;
  world.see(Pilot::kC2, 0, Error::kHighTemperature, bridge::kStateWarning);
  CHECK_FALSE(world.out().is_faulted);
  CHECK(world.out().error == Error::kHighTemperature);
  CHECK(world.out().energy_offered);
}

TEST_CASE("state F keeps the plug and becomes a fault only after five seconds") {
  World world;
  world.see(Pilot::kB2, 0);
  world.see(Pilot::kF, 1000, Error::kOtherError);
  world.see(Pilot::kF, 5900, Error::kOtherError);
  CHECK_FALSE(world.out().is_faulted);
  CHECK(world.out().plug == Plug::kPlugged);
  world.see(Pilot::kF, 6000, Error::kOtherError);
  CHECK(world.out().is_faulted);
}

TEST_CASE("a charger that starts keeps everything as it was, for a minute") {
  World world;
  world.see(Pilot::kC2, 0);
  world.see(Pilot::kC2, 1000);
  world.see(Pilot::kHold, 2000);
  CHECK(world.out().plug == Plug::kPlugged);
  CHECK(world.out().ev_requests_energy);
  CHECK_FALSE(world.normaliser.is_hidden_too_long(world.timings, Instant{61999}));
  CHECK(world.normaliser.is_hidden_too_long(world.timings, Instant{62000}));
  world.see(Pilot::kC2, 63000);
  CHECK_FALSE(world.normaliser.is_hidden_too_long(world.timings, Instant{63000}));
}

TEST_CASE("a change that the silence interrupted starts afresh") {
  World world;
  world.see(Pilot::kB2, 0);
  world.see(Pilot::kA, 1000);
  world.normaliser.restart();
  world.see(Pilot::kA, 60000);
  CHECK(world.out().plug == Plug::kPlugged);
  world.see(Pilot::kA, 62000);
  CHECK(world.out().plug == Plug::kUnplugged);
}

TEST_CASE("a contactor that failed stays a fault until the charger has restarted") {
  World world;
  world.see(Pilot::kB2, 0);
  world.see(Pilot::kX, 1000, Error::kPowerSwitchFailure);
  CHECK(world.out().is_faulted);
  for (int64_t ms = 2000; ms <= 100000; ms += 1000) world.see(Pilot::kB2, ms);
  CHECK(world.out().error == Error::kPowerSwitchFailure);
  CHECK(world.out().is_faulted);
  CHECK(world.out().plug == Plug::kPlugged);

  SUBCASE("silence: it may have been switched off and on") { world.normaliser.restart(); }
  SUBCASE("it tells that it has started") { world.normaliser.trust_contactor(); }
  world.see(Pilot::kB2, 101000);
  world.see(Pilot::kB2, 106000);
  CHECK(world.out().error == Error::kNone);
}

TEST_CASE("a warning about the contactor goes as it came") {
  World world;
  world.see(Pilot::kB2, 0, Error::kPowerSwitchFailure, bridge::kStateWarning);
  CHECK_FALSE(world.out().is_faulted);
  world.see(Pilot::kB2, 1000);
  world.see(Pilot::kB2, 6000);
  CHECK(world.out().error == Error::kNone);
}
