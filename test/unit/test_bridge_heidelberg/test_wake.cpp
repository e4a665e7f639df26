// An EV that sleeps through a pause, at a charger that can interrupt the pilot.
#include "world.hpp"

using charger::Health;
using charger::Plug;

namespace {

/// Charges, then pauses by a limit of 0 for a while.
void charge_and_pause(World& world, int64_t pause_ms) {
  world.start();
  world.box().plug();
  world.offer(16000);
  REQUIRE(world.run_until(20000, [&] { return world.box().current_ma() == 16000; }));
  world.run(5000);
  world.offer(0);
  REQUIRE(world.run_until(5000, [&] { return world.box().current_ma() == 0; }));
  world.box().ev_sleeps = true;
  world.run(pause_ms);
}

}  // namespace

TEST_CASE("an EV that slept through a pause is woken by the pilot, and its plug is held") {
  World world;
  charge_and_pause(world, 60000);
  const size_t states = world.observer.states.size();
  world.offer(16000);
  world.run(30000);
  CHECK(world.line.writes_to(1, 259).empty());
  REQUIRE(world.run_until(30000, [&] { return world.box().remote_lock == 0; }));
  CHECK(world.limit_writes().back().value == 160);
  REQUIRE(world.run_until(10000, [&] { return world.box().remote_lock == 1; }));
  REQUIRE(world.run_until(20000, [&] { return world.box().current_ma() == 16000; }));
  world.run(30000);
  for (size_t i = states; i < world.observer.states.size(); ++i) {
    CHECK(world.observer.states[i].state.plug == Plug::kPlugged);
    CAPTURE(std::string(world.observer.states[i].state.info.c_str()));
    CHECK(world.observer.states[i].state.error == charger::Error::kNone);
    CHECK(world.observer.states[i].state.health != Health::kLost);
  }
  CHECK(world.diagnostics().restarts_seen == 0);
  CHECK(world.line.writes_to(1, 259).size() == 2);
  CHECK(world.allocations == 0);
}

TEST_CASE("a full EV is not woken, whatever the limit does") {
  World world;
  world.start();
  world.box().plug();
  world.offer(16000);
  REQUIRE(world.run_until(20000, [&] { return world.box().current_ma() == 16000; }));
  world.run(5000);
  world.box().ev_wants = false;
  world.run(10000);
  world.offer(0);
  world.run(60000);
  world.offer(16000);
  world.run(600000);
  CHECK(world.line.writes_to(1, 259).empty());
}

TEST_CASE("an EV that the interrupt does not wake gets a pause of 5 s, twice, then half an hour") {
  World world;
  charge_and_pause(world, 60000);
  world.box().ev_sleeps = false;
  world.box().ev_wants = false;
  const size_t before = world.limit_writes().size();
  world.offer(16000);
  world.run(400000);
  size_t zeros = 0;
  for (size_t i = before; i < world.limit_writes().size(); ++i)
    zeros += world.limit_writes()[i].value == 0 ? 1 : 0;
  CHECK(zeros == 2);
  CHECK(world.line.writes_to(1, 259).size() == 4);
  CHECK(world.box().limit_deci_a == 160);
  const size_t settled = world.limit_writes().size();
  world.run(1200000);
  CHECK(world.limit_writes().size() == settled);
  world.run(600000);
  CHECK(world.limit_writes().size() > settled);
}

TEST_CASE("a charger that restarts while its pilot is interrupted is not left so") {
  World world;
  charge_and_pause(world, 60000);
  world.offer(16000);
  REQUIRE(world.run_until(60000, [&] { return world.box().remote_lock == 0; }));
  SUBCASE("the charger") { world.box().reboot(world.clock.now()); }
  SUBCASE("the gateway") {
    world.start();
    world.offer(16000);
  }
  REQUIRE(world.run_until(60000, [&] { return world.box().current_ma() == 16000; }));
  world.run(3000);
  CHECK(world.state().plug == Plug::kPlugged);
}
