// ChangeAvailability, Reset and UnlockConnector at chargers that have commands for them.
#include "world.hpp"

using bridge::Action;
using charger::Error;
using charger::Health;
using charger::Plug;
using common::Status;

namespace {

constexpr uint16_t kAvailable = 21210;
constexpr uint16_t kState = 21316;

/// A Sungrow: 21210 takes it out of service, which shows as pilot state F.
void start_sungrow(World& world) {
  world.box.fill(world.box.holding, 21202, 10);
  world.box.fill(world.box.input, 21224, 1);
  world.box.fill(world.box.input, 21262, 10);
  world.box.fill(world.box.input, 21299, 20);
  world.box.input[kState] = 2;
  world.start("sungrow-ac", 248);
}

void show_service(World& world, uint16_t state) {
  world.box.input[kState] = world.box.holding[kAvailable] == 1 ? state : 8;
}

}  // namespace

TEST_CASE("an idle charger is taken out of service and put back, its plug is held meanwhile") {
  World world;
  start_sungrow(world);
  world.withdraw();
  world.bridge.set_in_service(1, true);
  world.run(8000);
  REQUIRE(world.state.plug == Plug::kPlugged);
  REQUIRE(world.box.holding[kAvailable] == 1);

  world.bridge.set_in_service(1, false);
  REQUIRE(world.run_until(2000, [&] { return world.box.holding[kAvailable] == 0; }));
  for (int i = 0; i < 90; ++i) {
    show_service(world, 2);
    world.bridge.set_in_service(1, false);
    world.run(1000);
    CHECK(world.state.plug == Plug::kPlugged);
    CHECK(world.state.error == Error::kNone);
    CHECK(world.state.health != Health::kLost);
  }
  CHECK(world.box.writes_to(kAvailable) == 2);

  world.bridge.set_in_service(1, true);
  REQUIRE(world.run_until(2000, [&] { return world.box.holding[kAvailable] == 1; }));
  world.run(4000);  // It takes its time.
  show_service(world, 2);
  world.run(3000);
  CHECK(world.state.plug == Plug::kPlugged);
  CHECK(world.state.error == Error::kNone);
  CHECK(world.state.health == Health::kOk);
  CHECK(world.box.writes_to(kAvailable) == 3);
}

TEST_CASE("who charges is not interrupted: the charger goes out of service afterwards") {
  World world;
  start_sungrow(world);
  world.offer(16000);
  world.bridge.set_in_service(1, true);
  world.run(8000);
  world.box.input[kState] = 3;
  for (const uint16_t address : {21302, 21304, 21306}) world.box.input[address] = 155;
  world.run(5000);
  world.bridge.set_in_service(1, false);
  world.run(20000);
  CHECK(world.box.writes_to(kAvailable) == 0);
  world.withdraw();
  world.run(3000);
  CHECK(world.box.writes_to(kAvailable) == 0);  // Current still flows.
  for (const uint16_t address : {21302, 21304, 21306}) world.box.input[address] = 0;
  REQUIRE(world.run_until(3000, [&] { return world.box.writes_to(kAvailable) == 1; }));
  CHECK(world.box.holding[kAvailable] == 0);
}

TEST_CASE("a charger that restarts out of service is taken out again") {
  World world;
  start_sungrow(world);
  world.withdraw();
  world.bridge.set_in_service(1, false);
  REQUIRE(world.run_until(10000, [&] { return world.box.writes_to(kAvailable) == 1; }));
  show_service(world, 2);
  world.run(5000);
  // It comes back with its factory settings.
  world.box.is_silent = true;
  world.run(6000);
  world.box.holding[kAvailable] = 1;
  world.box.holding[21202] = 320;
  show_service(world, 1);
  world.box.is_silent = false;
  REQUIRE(world.run_until(20000, [&] { return world.box.holding[kAvailable] == 0; }));
}

TEST_CASE("a refused command is tried again every 30 s") {
  World world;
  start_sungrow(world);
  world.withdraw();
  world.box.refused = kAvailable;
  world.bridge.set_in_service(1, false);
  world.run(60000);
  CHECK(world.box.refusals == 2);
  world.box.refused = 0;
  REQUIRE(world.run_until(31000, [&] { return world.box.writes_to(kAvailable) == 1; }));
}

TEST_CASE("a charger is restarted when nothing flows any more") {
  World world;
  world.box.fill(world.box.holding, 1, 12);
  world.box.fill(world.box.holding, 2999, 300);
  world.box.fill(world.box.holding, 4000, 30);
  world.box.holding[3028] = 0x4366;
  world.box.holding[1] = 8;
  Box::set32(world.box.holding, 2999, 0x41700000);
  std::swap(world.box.holding[2999], world.box.holding[3000]);
  world.start("schneider-evlink-pro-ac", 255);
  world.offer(16000);
  world.run(15000);
  CAPTURE(world.log.text());
  REQUIRE(world.sample.current_ma[0] == 15000);
  CHECK(world.bridge.request(1, Action::kUnlock, world.clock.now()) == Status::kUnsupported);
  REQUIRE(world.bridge.request(1, Action::kRestart, world.clock.now()) == Status::kOk);
  world.withdraw();
  world.run(3000);
  const auto commands = [&] {
    size_t count = 0;
    for (const Box::Write& write : world.box.writes)
      count += write.address == 4001 && write.value == 9 ? 1U : 0U;
    return count;
  };
  CHECK(commands() == 0);
  CHECK(world.bridge.is_restarting());
  world.box.holding[1] = 7;
  world.box.holding[2999] = world.box.holding[3000] = 0;
  REQUIRE(world.run_until(3000, [&] { return commands() == 1; }));
  world.run(100);
  CHECK_FALSE(world.bridge.is_restarting());
}

TEST_CASE("the plug is unlocked when nothing flows any more, or not at all") {
  World world;
  world.box.fill(world.box.holding, 0x4006, 27);
  Box::set32(world.box.holding, 0x4006, 32000);
  Box::set32(world.box.holding, 0x4010, 15000);
  world.box.holding[0x400D] = 4 << 8;
  world.start("abb-terra-ac", 1);
  world.offer(16000);
  world.run(15000);
  REQUIRE(world.sample.current_ma[0] == 15000);
  REQUIRE(world.bridge.unlock(1, world.clock.now()) == Status::kOk);
  world.withdraw();
  SUBCASE("it stops") {
    world.run(3000);
    CHECK(world.box.writes_to(0x4103) == 0);
    Box::set32(world.box.holding, 0x4010, 0);
    world.run(3000);
    CHECK(world.box.writes_to(0x4103) == 1);
  }
  SUBCASE("it goes on") {
    world.run(25000);
    Box::set32(world.box.holding, 0x4010, 0);
    world.run(5000);
    CHECK(world.box.writes_to(0x4103) == 0);
    CHECK(world.log.contains("bridge", "not unlocked"));
  }
}

TEST_CASE("another model than the profile is for gets no commands") {
  World world;
  world.box.fill(world.box.holding, 1, 12);
  world.box.fill(world.box.holding, 2999, 300);
  world.box.fill(world.box.holding, 4000, 30);
  world.box.holding[1] = 2;
  world.start("schneider-evlink-pro-ac", 255);
  world.bridge.set_in_service(1, false);
  world.withdraw();
  world.run(20000);
  CHECK(world.bridge.request(1, Action::kRestart, world.clock.now()) == Status::kUnsupported);
  CHECK(world.box.writes.empty());
}
