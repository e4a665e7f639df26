// What a transaction finds after the gateway was off (OCPP 1.6 ed. 2, 4.10; DESIGN: a transaction is never lost).
#include "ocpp_world/online.hpp"

using ocpp_world::Online;
using ocpp_world::World;

namespace {

World::Setup slow_meter() {
  World::Setup setup;
  setup.wallbox.sample_interval_ms = 600000;
  setup.wallbox.command_ms = 3000;
  return setup;
}

}  // namespace

TEST_CASE("a transaction that must end waits for the reading of a slow wallbox") {
  Online gateway(slow_meter());
  World& world = gateway.world;
  CHECK(gateway.change("TxResumeAfterPowerLoss", "false") == "Accepted");
  gateway.charge();
  world.run_for(60000);
  (void)world.restart(platform::ResetCause::kPowerOn, 1000);
  world.connect();
  world.run_for(1500);
  // Another report in between changes nothing.
  world.charger.set_error(1, charger::Error::kWeakSignal, false);
  world.run_for(500);
  CHECK(world.csms.transactions.at(0).stops == 0);
  world.run_for(15000);
  REQUIRE(world.csms.transactions.at(0).stops == 1);
  CHECK(world.csms.transactions[0].meter_stop > 0);
  CHECK(world.csms.transactions.at(0).reason == "PowerLoss");
  CHECK(world.problems() == "");
}

TEST_CASE("what is stored as the decision to stop and is none does not stop a transaction") {
  Online gateway;
  World& world = gateway.world;
  gateway.charge();
  ocpp::TransactionView view;
  REQUIRE(world.charge_point->open_transaction(1, view));
  const auto local = static_cast<uint8_t>(view.local_number);
  const uint8_t image[] = {local, 0, 0, 0, 200};
  size_t size = sizeof image;
  SUBCASE("a reason that is none") {}
  SUBCASE("cut short") { size = 4; }
  REQUIRE(world.settings.set("stop1", common::ByteSpan(image, size)) == common::Status::kOk);
  (void)world.restart(platform::ResetCause::kPowerOn, 1000);
  world.connect();
  CHECK(gateway.wait("Charging"));
  CHECK(world.csms.transactions.at(0).stops == 0);
  CHECK(world.problems() == "");
}

TEST_CASE("an offline start whose time is known only after a restart resumes with its profile") {
  Online gateway;
  World& world = gateway.world;
  CHECK(gateway.change("AllowOfflineTxForUnknownId", "true") == "Accepted");
  CHECK(gateway.set_profile(
            1, 1, 0, "TxDefaultProfile", "Relative",
            R"("chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":9}])") ==
        "Accepted");
  (void)world.restart(platform::ResetCause::kPowerOn, 1000);  // the time is lost
  world.charger.plug(1);
  world.run_for(3000);
  world.tag("ALICE");
  world.run_for(20000);
  CHECK(gateway.limit() == 9000);
  (void)world.restart(platform::ResetCause::kPowerOn, 1000);
  world.run_for(10000);
  CHECK(gateway.limit() == 9000);
  world.connect();
  world.run_for(10000);
  CHECK(gateway.limit() == 9000);
  REQUIRE(world.csms.transactions.size() == 1);
  CHECK(world.csms.transactions[0].stops == 0);
  CHECK(world.problems() == "");
}

TEST_CASE("without samples an interruption is not told either") {
  Online gateway;
  World& world = gateway.world;
  CHECK(gateway.change("MeterValueSampleInterval", "0") == "Accepted");
  gateway.charge();
  (void)world.restart(platform::ResetCause::kPowerOn, 1000);
  world.connect();
  CHECK(gateway.wait("Charging"));
  world.run_for(60000);
  CHECK(world.csms.received["MeterValues"] == 0);
  CHECK(world.problems() == "");
}

// Rules: FP-8
TEST_CASE(
    "the transaction of a connector that is gone ends at a later start if the flash refuses") {
  World::Setup two;
  two.connectors = 2;
  Online gateway(two);
  World& world = gateway.world;
  gateway.charge(2, "ALICE");
  world.setup.connectors = 1;
  world.files.set_capacity(1);  // nothing can be written
  (void)world.restart(platform::ResetCause::kPowerOn, 1000);
  world.connect();
  world.run_for(10000);
  CHECK(world.csms.transactions.at(0).stops == 0);
  world.files.set_capacity(4 * 1024 * 1024);
  (void)world.restart(platform::ResetCause::kPowerOn, 1000);
  world.connect();
  world.run_for(30000);
  CHECK(world.csms.transactions.at(0).stops == 1);
  CHECK(world.problems() == "");
}

TEST_CASE("a wallbox that does not count plug-ins keeps its transaction over a restart") {
  World::Setup setup;
  setup.wallbox.has_session_marker = false;
  Online gateway(setup);
  World& world = gateway.world;
  gateway.charge();
  (void)world.restart(platform::ResetCause::kPowerOn, 1000);
  world.connect();
  CHECK(gateway.wait("Charging"));
  world.tag("04A1B2C3");
  world.run_for(20000);
  world.charger.unplug(1);
  CHECK(gateway.wait("Available"));
  CHECK(world.csms.transactions.at(0).stops == 1);
  CHECK(world.problems() == "");
}
