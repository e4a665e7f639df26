// Restarts of chargers that charge by themselves, and of the gateway before them.
#include "world.hpp"

#include <algorithm>

using charger::Error;
using charger::Plug;

namespace {

constexpr uint16_t kLimit = 91;

/// A DaheimLaden with an EV: 0 in its limit register means that it charges by itself.
void prepare(Box& box, uint16_t limit) {
  box.fill(box.holding, 0, 120);
  box.holding[0] = limit == 1 ? 5 : 4;
  box.holding[13] = limit == 1 ? 0 : 11000;
  box.holding[32] = 320;
  box.holding[kLimit] = limit;
}

bridge::ConnectorConfig on_unit_1() {
  bridge::ConnectorConfig config;
  config.unit_id = 1;
  return config;
}

}  // namespace

TEST_CASE("a charger that charges by itself is stopped before anything else is asked") {
  World world;
  prepare(world.box, 0);
  world.start("daheimladen-smart", 1, on_unit_1());
  world.withdraw();
  REQUIRE(world.run_until(200, [&] { return world.box.holding[kLimit] == 1; }));
  world.run(20000);
  CHECK(world.box.writes[0].address == kLimit);
  for (const Box::Write& write : world.box.writes)
    CHECK((write.address != kLimit || write.value == 1));
}

TEST_CASE("a charger that charges in a transaction when the gateway starts is left alone") {
  World world;
  prepare(world.box, 160);
  world.start("daheimladen-smart", 1, on_unit_1());
  world.run(10000);  // The engine waits for the charger.
  CHECK(world.state.plug == Plug::kPlugged);
  CHECK(world.box.writes_to(kLimit) == 0);
  world.offer(16000);
  world.run(20000);
  for (const Box::Write& write : world.box.writes)
    CHECK((write.address != kLimit || write.value == 160));
  CHECK(world.state.limit_ma == 16000);
}

TEST_CASE("a restart of the charger between two sessions is noticed when it charges") {
  World world;
  prepare(world.box, 0);
  world.start("daheimladen-smart", 1, on_unit_1());
  world.withdraw();
  world.run(20000);
  prepare(world.box, 0);
  REQUIRE(world.run_until(4000, [&] { return world.box.holding[kLimit] == 1; }));
}

TEST_CASE("a restart in a transaction is a suspension, then the limit is there before all else") {
  World world;
  prepare(world.box, 1);
  world.start("daheimladen-smart", 1, on_unit_1());
  world.withdraw();
  world.run(10000);
  world.offer(10000);
  REQUIRE(world.run_until(20000, [&] { return world.box.holding[kLimit] == 100; }));
  world.box.holding[0] = 4;
  world.box.holding[13] = 6900;
  world.run(5000);
  REQUIRE(world.state.energy_offered);
  world.box.is_silent = true;
  world.run(2000);
  prepare(world.box, 0);
  world.box.holding[87] = 60;
  world.box.writes.clear();
  world.box.is_silent = false;
  REQUIRE(world.run_until(10000, [&] { return !world.state.energy_offered; }));
  CHECK(world.state.plug == Plug::kPlugged);
  REQUIRE(world.run_until(3000, [&] { return world.box.writes_to(kLimit) != 0; }));
  CHECK(world.box.writes[0].address == kLimit);
  CHECK(world.box.holding[kLimit] == 100);
  REQUIRE(world.run_until(10000, [&] { return world.state.energy_offered; }));
  CHECK(world.box.holding[87] == 0);  // Its failsafe current, from the factory again.
  CHECK(world.state.plug == Plug::kPlugged);
  CHECK(world.state.error == Error::kNone);
}
