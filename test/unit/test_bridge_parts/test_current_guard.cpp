#include "bridge/current_guard.hpp"
#include "doctest_main/doctest_main.hpp"

using bridge::CurrentGuard;
using common::Instant;
using Fault = CurrentGuard::Fault;

namespace {

struct World {
  /// One measurement each second, from `from_s` to `to_s` inclusive. @return Rewrites asked for.
  int measure(int32_t current_ma, bool is_permitted, uint32_t limit_ma, int from_s, int to_s) {
    int rewrites = 0;
    for (int s = from_s; s <= to_s; ++s) {
      guard.update(current_ma, is_permitted, limit_ma, timings, Instant{s * 1000});
      rewrites += guard.take_rewrite() ? 1 : 0;
    }
    return rewrites;
  }
  bridge::Timings timings;
  CurrentGuard guard;
};

}  // namespace

TEST_CASE("what is offered may flow, with a margin of 1 A or 10 percent") {
  World world;
  CHECK(world.measure(16999, true, 16000, 0, 100) == 0);
  CHECK(world.measure(35000, true, 32000, 101, 200) == 0);
  CHECK_FALSE(world.guard.must_stop());
}

TEST_CASE("more than offered: written again after 10 s, stopped after 30 s") {
  World world;
  CHECK(world.measure(18000, true, 16000, 0, 9) == 0);
  CHECK(world.measure(18000, true, 16000, 10, 29) == 1);
  CHECK_FALSE(world.guard.must_stop());
  world.measure(18000, true, 16000, 30, 30);
  CHECK(world.guard.must_stop());
  CHECK(world.guard.fault() == Fault::kOverCurrent);
  // Stays until the permission is withdrawn and nothing has flowed for 5 s.
  world.measure(0, true, 0, 31, 100);
  CHECK(world.guard.must_stop());
  world.measure(0, false, 0, 101, 104);
  CHECK_FALSE(world.guard.must_stop());
  CHECK(world.guard.fault() == Fault::kOverCurrent);
  world.measure(0, false, 0, 105, 107);
  CHECK(world.guard.fault() == Fault::kNone);
}

TEST_CASE("a short excess is forgotten") {
  World world;
  world.measure(18000, true, 16000, 0, 9);
  world.measure(16000, true, 16000, 10, 10);
  CHECK(world.measure(18000, true, 16000, 11, 20) == 0);
}

TEST_CASE("current without permission: disabled three times, then a fault") {
  World world;
  CHECK(world.measure(6000, false, 0, 0, 9) == 0);
  CHECK(world.measure(6000, false, 0, 10, 10) == 1);
  CHECK(world.measure(6000, false, 0, 11, 15) == 1);
  CHECK(world.measure(6000, false, 0, 16, 24) == 1);
  CHECK(world.guard.fault() == Fault::kNone);
  CHECK(world.measure(6000, false, 0, 25, 60) == 0);
  CHECK(world.guard.fault() == Fault::kUnauthorisedEnergy);
  world.measure(0, false, 0, 61, 66);
  CHECK(world.guard.fault() == Fault::kNone);
}

TEST_CASE("a trickle below 1 A is nobody's fault") {
  World world;
  CHECK(world.measure(1000, false, 0, 0, 100) == 0);
  CHECK(world.guard.fault() == Fault::kNone);
}

TEST_CASE("the time without measurements does not count") {
  World world;
  world.measure(6000, false, 0, 0, 8);
  world.guard.pause();
  CHECK(world.measure(6000, false, 0, 20, 29) == 0);
  CHECK(world.measure(6000, false, 0, 30, 30) == 1);
}

TEST_CASE("power for a minute although the EV asks for none is a contradiction, until it ends") {
  World world;
  const auto see = [&world](int32_t power_w, bool is_charging, int64_t s) {
    world.guard.check_power(power_w, is_charging, world.timings, Instant{s * 1000});
    return world.guard.is_in_doubt();
  };
  CHECK_FALSE(see(3000, true, 0));
  CHECK_FALSE(see(3000, false, 10));
  CHECK_FALSE(see(3000, false, 69));
  CHECK(see(3000, false, 70));
  CHECK_FALSE(see(300, false, 71));
  CHECK_FALSE(see(3000, false, 72));
  world.guard.pause();  // Nothing measured for a while.
  CHECK_FALSE(see(3000, false, 140));
  CHECK(see(3000, false, 200));
  CHECK_FALSE(see(3000, true, 201));
}
