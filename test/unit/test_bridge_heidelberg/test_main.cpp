#include "world.hpp"

using bridge::Pilot;
using charger::Error;
using charger::Health;
using charger::Plug;

TEST_CASE("a plugged EV is reported, charges within the offer and is metered") {
  World world;
  world.start();
  world.run(3000);
  CHECK(world.state().health == Health::kOk);
  CHECK(world.state().plug == Plug::kUnplugged);
  CHECK(world.box().standby == 4);
  CHECK(world.box().failsafe_deci_a == 0);
  CHECK(world.limit_writes().empty());

  world.box().plug();
  world.run(3000);
  CHECK(world.state().plug == Plug::kPlugged);
  CHECK(world.state().ev_requests_energy);
  CHECK_FALSE(world.state().energy_offered);

  world.offer(16000);
  world.run(3000);
  CHECK(world.box().limit_deci_a == 160);
  CHECK(world.state().energy_offered);
  CHECK(world.state().limit_known);
  CHECK(world.state().limit_ma == 16000);

  world.run(3600 * 1000);
  const charger::MeterSample& sample = world.sample();
  CHECK(sample.has(charger::kMeterEnergyImport));
  CHECK(std::abs(sample.energy_import_wh - static_cast<int64_t>(world.box().energy_total_vah)) <=
        20);
  CHECK(sample.current_ma[2] == 16000);
  CHECK(sample.voltage_mv[1] == 231000);
  CHECK(sample.power_w == 11040);
  CHECK(sample.temperature_deci_c == -35);
  CHECK(world.box().expiries == 0);
  CHECK(world.allocations == 0);
}
