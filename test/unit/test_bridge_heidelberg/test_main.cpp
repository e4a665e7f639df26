#include "world.hpp"

using bridge::Pilot;
using charger::Error;
using charger::Health;
using charger::Plug;
using common::Instant;
using common::Status;

namespace {

/// A wallbox that is plugged and charges at 16 A.
void charge(World& world, uint32_t limit_ma = 16000) {
  world.box().plug();
  world.start();
  world.run(3000);
  world.offer(limit_ma);
  REQUIRE(world.run_until(5000, [&] { return world.diagnostics().limit_confirmed; }));
  world.run(3000);
}

}  // namespace

TEST_CASE("a plugged EV is reported, charges within the offer and is metered") {
  World world;
  world.start();
  world.run(3000);
  CHECK(world.state().health == Health::kOk);
  CHECK(world.state().plug == Plug::kUnplugged);
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

TEST_CASE("the charger is read before anything is written") {
  World world;
  world.start();
  world.run(4000);
  bool has_read_state = false;
  for (const modbus_line::Seen& seen : world.line.seen()) {
    if (seen.function == 4 && seen.address == 5) has_read_state = true;
    if (seen.function == 6) {
      CHECK(has_read_state);
      break;
    }
  }
  REQUIRE_FALSE(world.observer.states.empty());
}

TEST_CASE("the settings are made once, and not again when they are right") {
  World world;
  world.box().failsafe_deci_a = 60;
  world.start();
  world.run(10000);
  CHECK(world.box().standby == 4);
  CHECK(world.box().failsafe_deci_a == 0);
  CHECK(world.box().watchdog_ms == 15000);
  CHECK(world.line.writes_to(1, 258).size() == 1);
  CHECK(world.line.writes_to(1, 262).size() == 1);
  CHECK(world.line.writes_to(1, 257).empty());
  CHECK(world.line.writes_to(1, 259).empty());
  world.run(600 * 1000);
  CHECK(world.line.writes_to(1, 258).size() == 1);
  CHECK(world.diagnostics().restarts_seen == 0);
}

TEST_CASE("failsafe current and watchdog time are written as configured") {
  World world;
  bridge::ConnectorConfig config = world.config();
  config.failsafe_ma = 6000;
  config.watchdog_ms = 30000;
  world.start({config});
  world.run(5000);
  CHECK(world.box().failsafe_deci_a == 60);
  CHECK(world.box().watchdog_ms == 30000);
  CHECK(world.diagnostics().watchdog_ms == 30000);
}

TEST_CASE("a watchdog that is off is switched on") {
  World world;
  world.box().watchdog_ms = 0;
  world.start();
  world.run(5000);
  CHECK(world.box().watchdog_ms == 15000);
}

TEST_CASE("a short watchdog is fed in time") {
  World world;
  bridge::ConnectorConfig config = world.config();
  config.watchdog_ms = 2000;
  config.timings.status_poll_ms = 1000;
  world.start({config});
  world.run(5000);
  world.line.forget();
  world.run(60000);
  CHECK(world.line.reads_of(1, 5) >= 110);
  CHECK(world.box().expiries == 0);
}

TEST_CASE("until the first offer the charger's limit is left alone") {
  World world;
  world.box().plug();
  world.box().limit_deci_a = 130;
  world.start();
  world.run(29000);
  CHECK(world.limit_writes().empty());
  CHECK(world.state().energy_offered);
  SUBCASE("the first offer is the first limit written") {
    world.offer(13000);
    world.run(3000);
    REQUIRE(world.limit_writes().size() == 1);
    CHECK(world.limit_writes()[0].value == 130);
  }
  SUBCASE("without an offer the charger is disabled") {
    world.run(5000);
    REQUIRE(world.limit_writes().size() == 1);
    CHECK(world.limit_writes()[0].value == 0);
  }
}

// Rules: FP-17
TEST_CASE("limits are rounded down, capped, and a pause below the minimum") {
  World world;
  charge(world, 10099);
  CHECK(world.box().limit_deci_a == 100);
  SUBCASE("above the hardware") {
    world.offer(63000);
    world.run(25000);
    CHECK(world.box().limit_deci_a == 160);
  }
  SUBCASE("below the minimum") {
    world.offer(5999);
    world.run(3000);
    CHECK(world.box().limit_deci_a == 0);
    CHECK_FALSE(world.state().energy_offered);
    CHECK(world.state().limit_ma == 0);
  }
  SUBCASE("permission withdrawn") {
    world.withdraw();
    world.run(3000);
    CHECK(world.box().limit_deci_a == 0);
  }
}

TEST_CASE("the connector's own limits count") {
  World world;
  bridge::ConnectorConfig config = world.config();
  config.max_ma = 10000;
  config.min_ma = 8000;
  world.box().plug();
  world.start({config});
  world.run(3000);
  CHECK(world.bridge->capabilities(1).max_ma == 10000);
  CHECK(world.bridge->capabilities(1).min_ma == 8000);
  world.offer(16000);
  world.run(3000);
  CHECK(world.box().limit_deci_a == 100);
  world.offer(7900);
  world.run(3000);
  CHECK(world.box().limit_deci_a == 0);
}

TEST_CASE(
    "the hardware's limits are read, and an offer made before they were known is cut to them") {
  World world;
  world.box().hardware_max_a = 10;
  world.box().plug();
  world.start();
  world.offer(16000);
  world.run(10000);
  CHECK(world.bridge->capabilities(1).max_ma == 10000);
  for (const modbus_line::Seen& write : world.limit_writes()) CHECK(write.value <= 100);
  CHECK(world.box().limit_deci_a == 100);
}

TEST_CASE(
    "a lower limit is written at once, a higher one after 5 s and 20 s after the last increase") {
  World world;
  charge(world);
  world.run(30000);
  world.line.forget();
  const Instant lowered = world.clock.now();
  world.offer(10000);
  world.run(1000);
  REQUIRE(world.limit_writes().size() == 1);
  CHECK(world.limit_writes()[0].value == 100);
  CHECK(world.limit_writes()[0].at - lowered < 500);
  world.offer(16000);
  world.run(5500);
  REQUIRE(world.limit_writes().size() == 2);
  const Instant increased = world.limit_writes()[1].at;
  CHECK(increased - world.limit_writes()[0].at >= 5000);
  world.offer(10000);
  world.run(1000);
  REQUIRE(world.limit_writes().size() == 3);
  world.offer(16000);
  world.run(15000);
  CHECK(world.limit_writes().size() == 3);
  world.offer(12000);
  world.run(6000);
  REQUIRE(world.limit_writes().size() == 4);
  CHECK(world.limit_writes()[3].value == 120);
  CHECK(world.limit_writes()[3].at - increased >= 20000);
  CHECK(world.limit_writes()[3].at - increased < 21000);
}

TEST_CASE("an offer that does not change writes nothing") {
  World world;
  charge(world);
  world.line.forget();
  for (int i = 0; i < 100; ++i) {
    world.offer(16000);
    world.run(1000);
  }
  CHECK(world.limit_writes().empty());
}

TEST_CASE("every limit is read back within 5 s") {
  World world;
  charge(world);
  world.run(30000);
  world.line.forget();
  world.offer(10000);
  world.run(2000);
  CHECK(world.line.reads_of(1, 261) >= 1);
  CHECK(world.state().limit_ma == 10000);
}

TEST_CASE(
    "a charger that acknowledges and forgets is told again, then reported, and tried every 30 s") {
  World world;
  world.box().ev_max_ma = 9000;  // Within every limit: nothing to supervise.
  charge(world);
  world.run(30000);
  world.box().ignores_limit = true;
  world.line.forget();
  world.offer(10000);
  world.run(20000);
  CHECK(world.limit_writes().size() == 3);
  CHECK(world.state().error == Error::kOtherError);
  CHECK_FALSE(world.state().is_faulted);
  CHECK(std::string(world.state().vendor_error_code.c_str()) == "CMD_REJECTED");
  world.run(60000);
  CHECK(world.limit_writes().size() == 5);
  world.box().ignores_limit = false;
  world.run(35000);
  CHECK(world.state().error == Error::kNone);
  CHECK(world.box().limit_deci_a == 100);
}

TEST_CASE("a charger that refuses the limit is reported") {
  World world;
  charge(world);
  world.box().refuses_limit = true;
  world.withdraw();
  world.run(10000);
  CHECK(std::string(world.state().vendor_error_code.c_str()) == "CMD_REJECTED");
}

TEST_CASE("C1 is a wish without offer, derating a warning, E and 11 are faults") {
  World world;
  charge(world);
  world.box().forced_state = 8;
  world.run(3000);
  CHECK(world.state().error == Error::kHighTemperature);
  CHECK_FALSE(world.state().is_faulted);
  CHECK(world.state().energy_offered);
  CHECK(std::string(world.state().vendor_error_code.c_str()) == "heidelberg-energy-control:8");
  world.box().forced_state = 9;
  world.run(3000);
  CHECK(world.state().error == Error::kEvCommunicationError);
  CHECK(world.state().is_faulted);
  CHECK(world.state().plug == Plug::kPlugged);
  world.box().forced_state = 11;
  world.run(3000);
  CHECK(world.state().error == Error::kOtherError);
  world.box().forced_state = 6;
  world.run(10000);
  CHECK(world.state().error == Error::kNone);
  CHECK(world.state().ev_requests_energy);
  CHECK_FALSE(world.state().energy_offered);
}

TEST_CASE("a state that the profile does not know holds what was") {
  World world;
  charge(world);
  world.box().forced_state = 77;
  world.run(5000);
  CHECK(world.state().health == Health::kStale);
  CHECK(world.state().plug == Plug::kPlugged);
  world.run(60000);
  CHECK(world.state().health == Health::kLost);
  CHECK_FALSE(world.state().is_faulted);
  world.box().forced_state = 0;
  world.run(5000);
  CHECK(world.state().health == Health::kOk);
}

TEST_CASE("unplugging is reported after two seconds") {
  World world;
  charge(world);
  const Instant unplugged = world.clock.now();
  world.box().unplug();
  REQUIRE(world.run_until(10000, [&] { return world.state().plug == Plug::kUnplugged; }));
  CHECK(world.clock.now() - unplugged >= 2000);
  CHECK(world.clock.now() - unplugged < 5000);
}

TEST_CASE("a silent charger is stale, lost, faulted - never unplugged, never without energy") {
  World world;
  charge(world);
  world.run(60000);
  const size_t samples = world.observer.samples.size();
  const size_t states = world.observer.states.size();
  world.line.faults(1).is_silent = true;
  const Instant silent = world.clock.now();
  REQUIRE(world.run_until(5000, [&] { return world.state().health == Health::kStale; }));
  CHECK(world.clock.now() - silent >= 1900);  // The last answer was up to a second ago.
  CHECK(world.state().plug == Plug::kPlugged);
  REQUIRE(world.run_until(10000, [&] { return world.state().health == Health::kLost; }));
  CHECK(world.clock.now() - silent >= 8900);
  CHECK(world.state().error == Error::kOtherError);
  CHECK_FALSE(world.state().is_faulted);
  CHECK(std::string(world.state().vendor_error_code.c_str()) == "BUS_TIMEOUT");
  CHECK_FALSE(world.state().limit_known);
  REQUIRE(world.run_until(60000, [&] { return world.state().is_faulted; }));
  CHECK(world.clock.now() - silent >= 58000);
  world.run(600 * 1000);
  CHECK(world.observer.samples.size() == samples);
  for (size_t i = states; i < world.observer.states.size(); ++i) {
    CHECK(world.observer.states[i].state.plug != Plug::kUnplugged);
  }
  // What the EV drew meanwhile is booked when the charger is back.
  world.line.faults(1).is_silent = false;
  REQUIRE(world.run_until(20000, [&] { return world.state().health == Health::kOk; }));
  world.run(6000);
  CHECK(world.state().error == Error::kNone);
  CHECK(world.state().plug == Plug::kPlugged);
  CHECK(std::abs(world.sample().energy_import_wh -
                 static_cast<int64_t>(world.box().energy_total_vah)) <= 20);
  CHECK(world.allocations == 0);
}

TEST_CASE("after a silence settings and limit are written before the state is trusted") {
  World world;
  charge(world);
  world.run(30000);
  world.line.faults(1).is_silent = true;
  world.run(30000);
  // The wallbox was switched off and on: everything is back to the factory's settings, the limit is 0.
  world.box().reboot(world.clock.now(), 0, 0);
  world.line.forget();
  world.line.faults(1).is_silent = false;
  world.run(15000);
  Instant limit_at = Instant::never();
  Instant standby_at = Instant::never();
  Instant state_at = Instant::never();
  for (const modbus_line::Seen& seen : world.line.seen()) {
    if (seen.function == 6 && seen.address == 258)
      standby_at = common::earlier(standby_at, seen.at);
    if (seen.function == 6 && seen.address == 261) limit_at = common::earlier(limit_at, seen.at);
    if (seen.function == 4 && seen.address == 5 && !limit_at.is_never())
      state_at = common::earlier(state_at, seen.at);
  }
  CHECK(standby_at < limit_at);
  CHECK(limit_at < state_at);
  CHECK_FALSE(state_at.is_never());
  CHECK(world.box().limit_deci_a == 160);
  CHECK(world.state().energy_offered);
}

TEST_CASE("an EV that was unplugged during the silence is found out afterwards") {
  World world;
  charge(world);
  world.line.faults(1).is_silent = true;
  world.run(30000);
  world.box().unplug();
  world.line.faults(1).is_silent = false;
  REQUIRE(world.run_until(20000, [&] { return world.state().plug == Plug::kUnplugged; }));
  CHECK(world.state().health == Health::kOk);
}

TEST_CASE("a charger that never answers is lost, not unplugged") {
  World world;
  world.line.faults(1).is_silent = true;
  world.start();
  world.run(5000);
  CHECK(world.state().health == Health::kUnknown);
  world.run(6000);
  CHECK(world.state().health == Health::kLost);
  CHECK(world.state().plug == Plug::kUnknown);
  world.run(60000);
  CHECK(world.state().is_faulted);
  world.line.faults(1).is_silent = false;
  REQUIRE(world.run_until(10000, [&] { return world.state().health == Health::kOk; }));
  CHECK(world.state().error == Error::kNone);
}

TEST_CASE("a restart of the charger is noticed, and the limit restored") {
  World world;
  charge(world);
  world.run(30000);
  world.box().reboot(world.clock.now());
  world.run(20000);
  CHECK(world.diagnostics().restarts_seen >= 1);
  CHECK(world.box().limit_deci_a == 160);
  CHECK(world.box().standby == 4);
  CHECK(world.state().health == Health::kOk);
  CHECK(world.state().energy_offered);
  for (const Observer::State& item : world.observer.states)
    CHECK(item.state.plug != Plug::kUnplugged);
}

TEST_CASE("a charger that confirms a limit and drops it again and again is told of") {
  World world;
  charge(world);
  for (int round = 0; round < 4 && world.state().error == Error::kNone; ++round) {
    world.box().limit_deci_a = 120;
    world.run(15000);
  }
  CHECK(std::string(world.state().vendor_error_code.c_str()) == "CMD_REJECTED");
  CHECK_FALSE(world.state().is_faulted);
  world.run(70000);
  CHECK(world.state().error == Error::kNone);
}

TEST_CASE("a restart that only shows in the settings is noticed within the verify time") {
  World world;
  charge(world);
  world.box().standby = 0;
  world.run(65000);
  CHECK(world.diagnostics().restarts_seen == 1);
  CHECK(world.box().standby == 4);
}

TEST_CASE("a limit that somebody else changed is put right within one meter interval") {
  World world;
  charge(world, 10000);
  world.run(30000);
  world.box().limit_deci_a = 160;
  world.run(6500);
  CHECK(world.box().limit_deci_a == 100);
}

TEST_CASE("the charger is unlocked after its watchdog had locked it") {
  World world;
  charge(world);
  world.run(30000);
  // Only the charger notices: the bus was cut for 20 s.
  world.line.faults(1).is_silent = true;
  world.run(20000);
  CHECK(world.box().expiries == 1);
  CHECK(world.box().remote_lock == 0);
  world.line.faults(1).is_silent = false;
  world.run(15000);
  CHECK(world.box().remote_lock == 1);
  CHECK(world.box().limit_deci_a == 160);
  CHECK(world.state().energy_offered);
  CHECK_FALSE(world.state().is_faulted);
}

TEST_CASE("state F without our doing: unlocked and given its limit again") {
  World world;
  charge(world);
  world.box().remote_lock = 0;
  world.run(4000);
  CHECK(world.box().remote_lock == 1);
  CHECK(world.state().plug == Plug::kPlugged);
  CHECK_FALSE(world.state().is_faulted);
}

TEST_CASE("a charger stuck in state F is a fault after 5 s") {
  World world;
  charge(world);
  world.box().forced_state = 10;
  world.run(4000);
  CHECK_FALSE(world.state().is_faulted);
  world.run(6000);
  CHECK(world.state().is_faulted);
  CHECK(world.state().plug == Plug::kPlugged);
}

TEST_CASE("a charger locked from outside cannot be used, but is no fault") {
  World world;
  world.start();
  world.run(3000);
  world.box().externally_locked = true;
  world.run(10000);
  CHECK(world.state().health == Health::kLost);
  CHECK_FALSE(world.state().is_faulted);
  CHECK(world.state().error == Error::kNone);
  CHECK(std::string(world.state().info.c_str()) == "locked at the charger");
  world.box().externally_locked = false;
  world.run(10000);
  CHECK(world.state().health == Health::kOk);
}

TEST_CASE("an EV that takes more than offered is told again, then stopped") {
  World world;
  charge(world);
  world.run(30000);
  world.box().is_disobedient = true;
  world.offer(8000);
  world.run(1000);
  world.line.forget();
  world.run(11000);
  CHECK(world.limit_writes().size() == 1);
  CHECK(world.limit_writes()[0].value == 80);
  world.run(20000);
  CHECK(world.box().limit_deci_a == 0);
  CHECK(world.state().error == Error::kOverCurrentFailure);
  CHECK(world.state().is_faulted);
  world.box().is_disobedient = false;
  world.withdraw();
  world.run(10000);
  CHECK(world.state().error == Error::kNone);
}

TEST_CASE(
    "what an EV takes beyond what its charger may give is in the energy register all the same") {
  World world;
  charge(world);
  world.run(30000);
  world.box().is_disobedient = true;
  world.box().ev_max_ma = 28000;
  const double from_vah = world.box().true_vah;
  const int64_t from_wh = world.observer.samples.back().sample.energy_import_wh;
  world.run(120000);
  const double flowed_wh = world.box().true_vah - from_vah;
  const auto booked_wh =
      static_cast<double>(world.observer.samples.back().sample.energy_import_wh - from_wh);
  CHECK(flowed_wh > 600);
  CHECK(booked_wh >= flowed_wh - 60);
  CHECK(booked_wh <= flowed_wh + 60);
}

TEST_CASE("current without permission is disabled three times, then a fault") {
  World world;
  world.start();
  world.run(1000);
  world.withdraw();
  world.run(5000);
  world.box().plug();
  world.box().is_disobedient = true;
  world.line.forget();
  world.run(24000);
  CHECK(world.limit_writes().size() == 3);
  for (const modbus_line::Seen& write : world.limit_writes()) CHECK(write.value == 0);
  CHECK_FALSE(world.state().is_faulted);
  world.run(8000);
  CHECK(world.state().is_faulted);
  CHECK(std::string(world.state().vendor_error_code.c_str()) == "UNAUTHORISED_ENERGY");
  world.box().is_disobedient = false;
  world.run(10000);
  CHECK_FALSE(world.state().is_faulted);
}

TEST_CASE("a gateway that restarts while charging does not interrupt it") {
  World world;
  charge(world);
  world.run(60000);
  world.line.forget();
  world.start();
  world.run(5000);
  CHECK(world.state().plug == Plug::kPlugged);
  CHECK(world.state().energy_offered);
  world.offer(16000);
  world.run(10000);
  for (const modbus_line::Seen& write : world.limit_writes()) CHECK(write.value == 160);
  CHECK(world.box().current_ma() == 16000);
}

TEST_CASE("energy survives a restart of the gateway, and what flowed meanwhile is booked") {
  World world;
  charge(world);
  world.run(600 * 1000);
  const uint64_t writes = world.store.writes();
  CHECK(writes <= 2);  // The first value; later ones at most every 15 minutes.
  REQUIRE(world.bridge->checkpoint(1) == Status::kOk);
  world.bridge.reset();
  world.clock.advance(10000);
  world.box().energy_total_vah += 500;
  world.start();
  world.run(5000);
  CHECK(std::abs(world.sample().energy_import_wh -
                 static_cast<int64_t>(world.box().energy_total_vah)) <= 20);
}

TEST_CASE("the energy register is stored at most every 15 minutes") {
  World world;
  charge(world);
  const uint64_t before = world.store.writes();
  world.run(3600 * 1000);
  CHECK(world.store.writes() - before >= 3);
  CHECK(world.store.writes() - before <= 4);
  REQUIRE(world.bridge->checkpoint_all() == Status::kOk);
  CHECK(world.store.writes() - before <= 5);
}

TEST_CASE("a damaged energy record is replaced by the charger's counter") {
  World world;
  const uint8_t garbage[24] = {1, 2, 3};
  REQUIRE(world.store.set("energy.1", garbage) == Status::kOk);
  world.start();
  world.run(5000);
  CHECK(world.sample().energy_import_wh == 1000);
  CHECK(world.log.contains("bridge", "damaged"));
}

TEST_CASE("a sample that is asked for comes within 2 s") {
  World world;
  charge(world);
  world.run(5500);
  const size_t before = world.observer.samples.size();
  world.bridge->request_sample(1, world.clock.now());
  REQUIRE(world.run_until(2000, [&] { return world.observer.samples.size() > before; }));
}

TEST_CASE("a broken answer now and then changes nothing") {
  World world;
  charge(world);
  for (int i = 0; i < 60; ++i) {
    world.line.faults(1).is_crc_wrong = i % 4 == 0;
    world.line.faults(1).garbage_before = i % 3 == 0 ? 7 : 0;
    world.run(700);
  }
  world.line.faults(1) = modbus_line::ModbusLine::Faults();
  world.run(3000);
  for (const Observer::State& item : world.observer.states)
    CHECK(item.state.health != Health::kLost);
  CHECK(world.box().limit_deci_a == 160);
  CHECK(world.diagnostics().bus_statistics.crc_errors > 0);
}

TEST_CASE(
    "layout 1.0.7: settings that cannot be read are written once, without failsafe and watchdog") {
  World world(1, 0x0107);
  world.box().plug();
  world.start();
  world.run(3000);
  world.offer(16000);
  world.run(5000);
  CHECK(world.box().standby == 4);
  CHECK(world.line.writes_to(1, 258).size() == 1);
  CHECK(world.line.writes_to(1, 259).size() == 1);
  CHECK(world.line.writes_to(1, 257).empty());
  CHECK(world.line.writes_to(1, 262).empty());
  CHECK(world.box().limit_deci_a == 160);
  CHECK(world.state().health == Health::kOk);
  CHECK(world.sample().has(charger::kMeterEnergyImport));
}

TEST_CASE(
    "layout 1.0.4 cannot be controlled: a fault that says so, metered by the session counter") {
  World world(1, 0x0104);
  world.box().plug();
  world.box().energy_since_power_up_vah = 77;
  world.start();
  world.offer(16000);
  world.run(10000);
  CHECK(world.state().is_faulted);
  CHECK(std::string(world.state().vendor_error_code.c_str()) == "NO_CONTROL");
  CHECK(world.limit_writes().empty());
  CHECK(world.sample().energy_import_wh == 77);
}

namespace {

/// Eight wallboxes on one bus at 9600 baud, all plugged in and charging.
struct FullBus : World {
  FullBus() : World(8) {
    std::vector<bridge::ConnectorConfig> configs;
    for (uint8_t id = 1; id <= 8; ++id) {
      configs.push_back(config(id));
      configs.back().override_serial = true;
      configs.back().serial.baud = 9600;
      box(id - 1U).plug();
    }
    start(configs);
  }
  void offer_all(uint32_t limit_ma) {
    for (uint8_t id = 1; id <= 8; ++id) offer(limit_ma, id);
  }
  /// Longest time between two readings of a wallbox's state, up to now.
  int64_t longest_gap_ms(uint8_t unit) const {
    Instant last = Instant::never();
    int64_t longest_ms = 0;
    for (const modbus_line::Seen& seen : line.seen()) {
      if (seen.unit != unit || seen.address != 5) continue;
      if (!last.is_never()) longest_ms = std::max(longest_ms, seen.at - last);
      last = seen.at;
    }
    return last.is_never() ? INT64_MAX : std::max(longest_ms, clock.now() - last);
  }
  int64_t longest_gap_but_ms(uint8_t unit) const {
    int64_t longest_ms = 0;
    for (uint8_t id = 1; id <= 8; ++id) {
      if (id != unit) longest_ms = std::max(longest_ms, longest_gap_ms(id));
    }
    return longest_ms;
  }
};

}  // namespace

TEST_CASE(
    "eight wallboxes on one bus at 9600 baud, one dead: the others are polled every 2 s and "
    "charge") {
  FullBus world;
  world.line.faults(5).is_silent = true;
  world.run(20000);
  world.offer_all(16000);
  world.run(10000);
  world.line.forget();
  world.run(120000);
  CHECK(world.longest_gap_but_ms(5) <= 2000);
  for (uint8_t id = 1; id <= 8; ++id) {
    if (id != 5) CHECK(world.box(id - 1U).limit_deci_a == 160);
  }
  for (const Observer::State& item : world.observer.states) {
    if (item.connector == 5) CHECK(item.state.plug == Plug::kUnknown);
  }
  CHECK(world.allocations == 0);
}

TEST_CASE("a wallbox that dies on a full bus, and one that babbles, cost the others little") {
  FullBus world;
  world.run(20000);
  world.offer_all(16000);
  world.run(30000);
  world.line.forget();
  SUBCASE("dies, and comes back") {
    world.line.faults(5).is_silent = true;
    world.run(60000);
    world.line.faults(5).is_silent = false;
    world.run(30000);
    CHECK(world.longest_gap_ms(5) > 60000);
  }
  SUBCASE("answers too late") {
    world.line.faults(5).latency_ms = 430;
    world.run(60000);
  }
  SUBCASE("answers with noise") {
    world.line.faults(5).is_crc_wrong = true;
    world.line.faults(5).garbage_after = 40;
    world.run(60000);
  }
  CHECK(world.longest_gap_but_ms(5) <= 2000);
  CHECK(world.allocations == 0);
}

TEST_CASE("stops overtake everything on a full bus, also while all limits are raised") {
  FullBus world;
  world.line.faults(5).is_silent = true;
  world.run(20000);
  world.offer_all(8000);
  world.run(30000);
  world.offer_all(16000);
  const Instant stopped = world.clock.now();
  world.withdraw(7);
  REQUIRE(world.run_until(2000, [&] { return world.box(6).limit_deci_a == 0; }));
  CHECK(world.clock.now() - stopped <= 1000);
  world.run(30000);
  for (uint8_t id = 1; id <= 8; ++id) {
    if (id != 5 && id != 7) CHECK(world.box(id - 1U).limit_deci_a == 160);
  }
}

TEST_CASE("a stop on a bus of eight reaches the charger within a second") {
  World world(8);
  std::vector<bridge::ConnectorConfig> configs;
  for (uint8_t id = 1; id <= 8; ++id) configs.push_back(world.config(id));
  for (size_t i = 0; i < 8; ++i) world.box(i).plug();
  world.start(configs);
  world.run(20000);
  for (uint8_t id = 1; id <= 8; ++id) world.offer(16000, id);
  world.run(30000);
  const Instant stopped = world.clock.now();
  world.withdraw(7);
  REQUIRE(world.run_until(2000, [&] { return world.box(6).limit_deci_a == 0; }));
  CHECK(world.clock.now() - stopped <= 1000);
}

TEST_CASE("mistakes in the configuration are one sentence each") {
  World world;
  bridge::Bridge bridge(world.store, world.log);
  bridge::ConnectorConfig config = world.config();
  const auto refused = [&](Status status, const char* text) {
    CHECK(bridge.add_connector(config) == status);
    CAPTURE(bridge.error_text());
    CHECK(std::string(bridge.error_text()).find(text) != std::string::npos);
    config = world.config();
  };
  CHECK(bridge.begin(world.observer, Instant{}) == Status::kInvalidState);
  refused(Status::kInvalidArgument, "there is no bus 0");
  REQUIRE(bridge.add_bus(world.line).ok());
  config.profile = "heidelberg";
  refused(Status::kNotFound, "no charger profile \"heidelberg\"");
  config.connector_id = 0;
  refused(Status::kInvalidArgument, "ids are 1 to 8");
  config.min_ma = 17000;
  refused(Status::kInvalidArgument, "17000 mA, is above the highest, 16000 mA");
  config.failsafe_ma = 5000;
  refused(Status::kInvalidArgument, "failsafe current, 5000 mA, is not 0 or 6000 to 16000 mA");
  config.watchdog_ms = 100;
  refused(Status::kInvalidArgument, "watchdog time, 100 ms");
  config.phases = 4;
  refused(Status::kInvalidArgument, "4 phases");
  config.override_serial = true;
  config.serial.baud = 100;
  refused(Status::kInvalidArgument, "line settings are out of range");
  config.outlet = 2;
  refused(Status::kInvalidArgument, "has 1 outlet(s), not 2");
  config.timings.lost_ms = 100;
  refused(Status::kInvalidArgument, "timings contradict");
  CHECK(bridge.add_connector(config) == Status::kOk);
  CHECK(std::string(bridge.error_text()).empty());
  refused(Status::kInvalidArgument, "configured twice");
  config.connector_id = 2;
  config.unit_id = 1;
  refused(Status::kInvalidArgument, "unit 1 on its bus is taken");
  REQUIRE(bridge.begin(world.observer, Instant{}) == Status::kOk);
  refused(Status::kInvalidState, "after the start");
}

TEST_CASE("a fallback current that is set at the charger is counted when it is stated") {
  World world;
  bridge::Bridge bridge(world.store, world.log);
  REQUIRE(bridge.add_bus(world.line).ok());
  bridge::ConnectorConfig config = world.config();
  config.profile = "mennekes-amtron-compact-2";
  config.unit_id = 1;
  REQUIRE(bridge.add_connector(config) == Status::kOk);
  CHECK(bridge.capabilities(1).failsafe_after_ms == 0);
  config.connector_id = config.unit_id = 2;
  config.failsafe_ma = 7000;
  REQUIRE(bridge.add_connector(config) == Status::kOk);
  CHECK(bridge.capabilities(2).failsafe_ma == 7000);
  CHECK(bridge.capabilities(2).failsafe_after_ms == 10000);
  // Nothing would ever take it.
  config.profile = "phoenix-ev-cc-ac1-m-ser";
  config.connector_id = config.unit_id = 3;
  CHECK(bridge.add_connector(config) == Status::kInvalidArgument);
  CHECK(std::string(bridge.error_text()).find("has no failsafe current") != std::string::npos);
}

TEST_CASE("connectors that do not exist are ignored or not found") {
  World world;
  world.start();
  world.offer(16000, 7);
  world.bridge->request_sample(7, world.clock.now());
  CHECK(world.bridge->unlock(7, world.clock.now()) == Status::kNotFound);
  CHECK(world.bridge->unlock(1, world.clock.now()) == Status::kUnsupported);
  CHECK(world.bridge->checkpoint(7) == Status::kNotFound);
  CHECK(world.bridge->diagnostics(7) == nullptr);
}
