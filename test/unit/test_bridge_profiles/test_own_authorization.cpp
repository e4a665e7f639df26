// Chargers that decide by themselves, and what comes back after a silence.
#include "world.hpp"

using charger::OwnAuthorization;
using charger::Plug;
using Said = std::vector<OwnAuthorization>;

namespace {

bridge::ConnectorConfig on_unit_1() {
  bridge::ConnectorConfig config;
  config.unit_id = 1;
  return config;
}

void prepare_hcc3(Box& box) {
  box.fill(box.input, 0x0300, 0x11);
  box.fill(box.holding, 0x0400, 2);
  box.input[0x0302] = 1;
  box.input[0x0309] = 16;
}

void prepare_keba(Box& box) {
  for (const uint16_t from : {1000, 1036, 1100, 1110, 1500, 1600})
    box.fill(box.holding, from, from == 1000 ? 22 : from == 1036 ? 12 : 4);
  box.fill(box.holding, 5004, 18);
  box.holding[1001] = 1;
  box.holding[1005] = 3;
  Box::set32(box.holding, 1016, 317201);
  Box::set32(box.holding, 1110, 16000);
}

void keba_state(Box& box, uint16_t state, bool is_plugged) {
  box.holding[1001] = state;
  box.holding[1005] = is_plugged ? 7 : 3;
}

}  // namespace

TEST_CASE("a charger with a list tells when it waits, lets charge and has ended") {
  World world;
  prepare_hcc3(world.box);
  world.start("mennekes-amtron-hcc3", 1, on_unit_1());
  world.withdraw();
  REQUIRE(world.run_until(5000, [&] { return world.state.plug == Plug::kUnplugged; }));
  CHECK(world.own.empty());
  world.box.input[0x0302] = 3;
  world.box.input[0x0305] = 1;
  world.run(3000);
  CHECK(world.own == Said{OwnAuthorization::kWaiting});
  CHECK(world.box.writes_to(0x0401) == 0);  // nobody starts it for the card's owner
  world.box.input[0x0305] = 4;              // let in, no current yet
  world.run(3000);
  CHECK(world.own == Said{OwnAuthorization::kWaiting, OwnAuthorization::kGranted});
  CHECK(world.box.holding[0x0400] == 0);
  world.offer(16000);
  world.box.input[0x0305] = 3;
  world.box.input[0x0302] = 6;
  world.run(10000);
  CHECK(world.box.holding[0x0400] == 16);
  CHECK(world.box.writes_to(0x0401) == 0);
  CHECK(world.own.size() == 2);
  world.box.input[0x0305] = 5;
  world.box.input[0x0302] = 3;
  world.run(3000);
  CHECK(world.own.back() == OwnAuthorization::kEnded);
  world.box.input[0x0305] = 0;
  world.box.input[0x0302] = 1;
  world.run(4000);
  CHECK(world.own.back() == OwnAuthorization::kNone);
  CHECK(world.own.size() == 4);
}

TEST_CASE("a charger that hides its authorization in a pause has not taken it back") {
  World world;
  prepare_keba(world.box);
  world.start("keba-p30", 1, on_unit_1());
  world.withdraw();
  world.run(3000);
  keba_state(world.box, 5, true);
  world.offer(6000);  // so that it can authorize
  world.run(5000);
  CHECK(world.own.empty());
  keba_state(world.box, 3, true);
  world.run(3000);
  CHECK(world.own == Said{OwnAuthorization::kGranted});
  world.offer(0);
  world.run(5000);
  keba_state(world.box, 5, true);
  world.run(10000);
  CHECK(world.own.size() == 1);
  // It may charge again and does not: now it means something.
  world.offer(16000);
  world.run(5000);
  CHECK(world.own == Said{OwnAuthorization::kGranted, OwnAuthorization::kNone});
}

TEST_CASE("what comes back after a silence must be of the same model") {
  World world;
  prepare_keba(world.box);
  Box::set32(world.box.holding, 1100, 16000);
  world.start("keba-p30", 1, on_unit_1());
  world.offer(16000);
  REQUIRE(world.run_until(15000, [&] { return world.box.holding[5014] == 1; }));
  CHECK(world.box.holding[5004] == 16000);
  world.line.faults(1).is_silent = true;
  world.run(30000);
  world.box.writes.clear();
  world.box.holding[5004] = 6000;
  world.box.holding[5014] = 0;
  SUBCASE("the same: settings and limit again") {
    world.line.faults(1).is_silent = false;
    REQUIRE(world.run_until(10000, [&] { return world.box.holding[5014] == 1; }));
    CHECK(world.box.holding[5004] == 16000);
    world.run(3000);
    CHECK(world.state.error == charger::Error::kNone);
  }
  SUBCASE("another: nothing is written to it") {
    Box::set32(world.box.holding, 1016, 200000);
    world.line.faults(1).is_silent = false;
    REQUIRE(world.run_until(10000, [&] {
      return world.state.is_faulted && world.state.health == charger::Health::kOk;
    }));
    CHECK(std::string(world.state.vendor_error_code.c_str()) == "WRONG_MODEL");
    world.run(30000);
    CHECK(world.box.writes_to(5004) == 0);
    CHECK(world.box.writes_to(5014) == 0);
  }
}

TEST_CASE("energy that flowed while the charger was silent is booked when it is back") {
  World world;
  prepare_keba(world.box);
  Box::set32(world.box.holding, 1036, 50000);
  keba_state(world.box, 3, true);
  world.start("keba-p30", 1, on_unit_1());
  world.offer(16000);
  world.run(10000);
  const int64_t before_wh = world.sample.energy_import_wh;
  CHECK(before_wh == 5000);
  world.line.faults(1).is_silent = true;
  world.run(600000);
  CHECK(world.state.is_faulted);
  CHECK(world.sample.energy_import_wh == before_wh);
  Box::set32(world.box.holding, 1036, 60000);
  world.line.faults(1).is_silent = false;
  REQUIRE(
      world.run_until(10000, [&] { return world.sample.energy_import_wh == before_wh + 1000; }));
  CHECK(world.state.plug == Plug::kPlugged);
  CHECK_FALSE(world.state.is_faulted);
}
