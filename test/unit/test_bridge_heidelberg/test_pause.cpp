// Pauses by a limit below the lowest current, with the times that hold unless somebody sets others.
#include "world.hpp"

namespace {

struct Charging : World {
  Charging() {
    bridge::ConnectorConfig timed = config();
    timed.timings = bridge::Timings();
    start({timed});
    box().plug();
    offer(16000);
    REQUIRE(run_until(20000, [&] { return box().current_ma() == 16000; }));
    run(5000);
  }
};

}  // namespace

// Rules: FP-17
TEST_CASE("a pause begins at once, is told, and ends after a minute when the limit stays enough") {
  Charging world;
  world.offer(5900);
  REQUIRE(world.run_until(3000, [&] { return world.box().current_ma() == 0; }));
  CHECK(world.limit_writes().back().value == 0);
  world.run(5000);
  const common::Instant enough = world.clock.now();
  world.offer(10000);
  world.run(48000);
  CHECK(world.limit_writes().back().value == 0);
  REQUIRE(world.run_until(10000, [&] { return world.box().current_ma() == 10000; }));
  CHECK(world.clock.now() - enough < 58000);
  CHECK(world.allocations == 0);
}

TEST_CASE("whoever begins a new transaction does not wait for the pause of the last") {
  Charging world;
  world.offer(0);
  world.run(5000);
  world.withdraw();
  world.run(5000);
  world.offer(16000);
  REQUIRE(world.run_until(20000, [&] { return world.box().current_ma() == 16000; }));
}

TEST_CASE("an EV is paused four times within an hour, the fourth time for the rest of it") {
  Charging world;
  const common::Instant first = world.clock.now();
  for (int pause = 1; pause <= 4; ++pause) {
    world.offer(0);
    REQUIRE(world.run_until(5000, [&] { return world.box().current_ma() == 0; }));
    world.offer(16000);
    if (pause == 4) break;
    REQUIRE(world.run_until(90000, [&] { return world.box().current_ma() == 16000; }));
  }
  world.run(3590000 - (world.clock.now() - first));
  CHECK(world.box().current_ma() == 0);
  REQUIRE(world.run_until(30000, [&] { return world.box().current_ma() == 16000; }));
  CHECK(world.log.contains("bridge", "paused too often"));
}

TEST_CASE("power without a wish of the EV is a warning after a minute") {
  Charging world;
  world.box().ev_wants = false;
  world.box().stray_ma = 2000;
  world.run(50000);
  CHECK(world.state().error == charger::Error::kNone);
  world.run(20000);
  CHECK(world.state().error == charger::Error::kOtherError);
  CHECK(world.state().vendor_error_code == common::FixedString<50>("METER_CONTRADICTS"));
  CHECK_FALSE(world.state().is_faulted);
  world.box().stray_ma = 0;
  world.run(10000);
  CHECK(world.state().error == charger::Error::kNone);
}
