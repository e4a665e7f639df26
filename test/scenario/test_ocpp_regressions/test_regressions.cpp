// Purpose:       What the deterministic simulation has found, one case each.
// Given:         A gateway in virtual time with its wallbox, its flash and its CSMS.
// Steps:         The shortest story that showed the bug.
// Pass criteria: See each case.
// Spec:          OCPP 1.6 ed. 2, 3.16 (clock-aligned values), 4.10, 5.3.
#include "doctest_main/doctest_main.hpp"
#include "ocpp_world/world.hpp"

using ocpp_world::World;
using platform::ResetCause;

TEST_CASE("a key that cannot be stored is refused and keeps its value") {
  World world;
  world.start();
  const struct {
    const char* key;
    const char* before;
    const char* value;
  } kKeys[] = {
      {"TransactionMessageAttempts", "3", "5"},
      {"StopTransactionOnEVSideDisconnect", "true", "false"},
      {"MeterValuesAlignedData", "", "Energy.Active.Import.Register"},
  };
  for (const auto& row : kKeys) {
    CAPTURE(row.key);
    const std::string payload =
        "{\"key\":\"" + std::string(row.key) + "\",\"value\":\"" + row.value + "\"}";
    world.settings.fail_next_set(common::Status::kIo);
    CHECK(world.call("ChangeConfiguration", payload) == "Rejected");
    CHECK(world.configuration(row.key) == row.before);
    CHECK(world.call("ChangeConfiguration", payload) == "Accepted");
    CHECK(world.configuration(row.key) == row.value);
  }
  (void)world.restart(ResetCause::kPowerOn);
  for (const auto& row : kKeys) CHECK(world.configuration(row.key) == row.value);
  CHECK(world.problems() == "");
}

TEST_CASE("the engine sleeps while it waits for the reading of a clock-aligned value") {
  World::Setup setup;
  setup.wallbox.sample_interval_ms = 600000;
  setup.wallbox.command_ms = 1500;
  World world(setup);
  world.start();
  CHECK(world.call("ChangeConfiguration", R"({"key":"ClockAlignedDataInterval","value":"900"})") ==
        "Accepted");
  CHECK(world.call("ChangeConfiguration",
                   R"({"key":"MeterValuesAlignedData","value":"Energy.Active.Import.Register"})") ==
        "Accepted");
  const uint64_t steps_before = world.steps;
  world.run_for(3600000);
  CHECK(world.csms.received["MeterValues"] == 4);
  CHECK(world.steps - steps_before < 400);
  CHECK(world.problems() == "");
}

TEST_CASE("a wallbox that is heard long after the restart still tells what an absent car charged") {
  World world;
  world.start();
  world.charger.plug(1);
  world.run_for(3000);
  world.tag("ALICE");
  world.run_for(10 * 60000);
  world.charger.set_silent(1, true);
  world.run_for(30 * 60000);  // charging on, unheard
  world.charger.unplug(1);
  (void)world.restart(ResetCause::kPowerOn);
  world.connect();
  world.run_for(30 * 60000);
  CHECK(world.csms.transactions[0].stops == 0);
  world.charger.set_silent(1, false);
  world.run_for(60000);
  REQUIRE(world.csms.transactions[0].stops == 1);
  CHECK(world.csms.transactions[0].reason == "PowerLoss");
  CHECK(world.csms.transactions[0].meter_stop == world.charger.energy_wh(1));
  CHECK(world.problems() == "");
}

TEST_CASE("a flash that was full during the start-up is used once it has room again") {
  World world;
  world.start();
  world.files.set_capacity(1000);
  world.files.raw("other").resize(980);
  REQUIRE(world.restart(ResetCause::kPowerOn) == common::Status::kOk);
  world.connect();
  world.charger.plug(1);
  world.run_for(3000);
  world.tag("ALICE");
  world.run_for(5000);
  CHECK(world.csms.transactions.empty());
  CHECK(world.charger.current_ma(1) == 0);
  world.charger.unplug(1);
  world.run_for(5000);

  world.files.set_capacity(1024 * 1024);
  world.charger.plug(1);
  world.run_for(3000);
  world.tag("ALICE");
  world.run_for(60000);
  REQUIRE(world.csms.transactions.size() == 1);
  CHECK(world.charger.current_ma(1) > 0);
  world.charger.unplug(1);
  world.run_for(60000);
  CHECK(world.csms.transactions[0].stops == 1);
  CHECK(world.problems() == "");
}

TEST_CASE("a car that is seen on two phases is paused at once where only one would be allowed") {
  World world;
  world.start();
  CHECK(
      world.call(
          "SetChargingProfile",
          R"({"connectorId":1,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":0,"chargingProfilePurpose":)"
          R"("TxDefaultProfile","chargingProfileKind":"Relative","chargingSchedule":{"chargingRateUnit":"W",)"
          R"("chargingSchedulePeriod":[{"startPeriod":0,"limit":1863}]}}})") == "Accepted");
  platform_sim::SimCharger::Ev ev;
  ev.phases = 2;
  world.charger.plug(1, ev);
  world.run_for(3000);
  world.tag("ALICE");
  int64_t above_ms = 0;
  for (int i = 0; i < 300; ++i) {
    world.run_for(100);
    above_ms += world.charger.current_ma(1) > 0 ? 100 : 0;
  }
  CHECK(above_ms > 0);
  CHECK(above_ms < 5000);
  CHECK(world.problems() == "");
}
