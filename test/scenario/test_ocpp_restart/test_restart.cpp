// Purpose:       What becomes of a transaction when the gateway loses power, is killed or is reset.
// Given:         A gateway in virtual time whose flash can lose power at any byte; wallbox and car
// go on by themselves. Steps:         See each case. Pass criteria: Every transaction is started
// and stopped exactly once in the CSMS's books, its energy is the wallbox's. Spec:          OCPP
// 1.6 ed. 2, 3.7, 4.8, 4.10, 5.14; errata 3.36.
#include "doctest_main/doctest_main.hpp"
#include "ocpp_world/world.hpp"

using ocpp_world::World;
using platform::ResetCause;

namespace {

void charge(World& world) {
  world.charger.plug(1);
  world.run_for(3000);
  world.tag("04A1B2C3");
  REQUIRE(world.run_until([&] { return world.csms.last_status(1) == "Charging"; }, 20000));
  world.run_for(5 * 60000);
}

void set(World& world, const char* key, const char* value) {
  REQUIRE(
      world.charge_point->set_configuration(common::text(key), common::text(value), world.now()) ==
      ocpp::ConfigurationStatus::Accepted);
}

}  // namespace

// Rules: R-4.2.1-1 FP-11
TEST_CASE("a killed gateway goes on with the same transaction and stops it once") {
  World world;
  world.start();
  charge(world);
  (void)world.restart(ResetCause::kSoftware, 20000);
  CHECK(world.charger.offer(1).permit);  // the wallbox went on, and is not interrupted
  world.connect();
  world.run_for(60000);
  CHECK(world.charger.current_ma(1) == 16000);
  CHECK(world.csms.last_status(1) == "Charging");
  world.run_for(5 * 60000);
  world.tag("04A1B2C3");
  world.run_for(20000);
  REQUIRE(world.csms.transactions.size() == 1);
  CHECK(world.csms.transactions[0].starts == 1);
  CHECK(world.csms.transactions[0].stops == 1);
  CHECK(world.csms.transactions[0].reason == "Local");
  CHECK(world.csms.transactions[0].meter_stop == world.charger.energy_wh(1));
  CHECK(world.problems() == "");
}

// Rules: R-7.36-1 FP-11
TEST_CASE(
    "a car that left during the outage ends the transaction as PowerLoss or Reboot by the cause") {
  for (const ResetCause cause : {ResetCause::kPowerOn, ResetCause::kBrownOut, ResetCause::kWatchdog,
                                 ResetCause::kSoftware}) {
    World world;
    world.start();
    charge(world);
    world.charger.unplug(1);
    (void)world.restart(cause, 600000);
    world.connect();
    world.run_for(40000);
    REQUIRE(world.csms.transactions.size() == 1);
    const bool is_power_loss = cause == ResetCause::kPowerOn || cause == ResetCause::kBrownOut;
    CHECK(world.csms.transactions[0].reason == (is_power_loss ? "PowerLoss" : "Reboot"));
    CHECK(world.csms.transactions[0].meter_stop == world.charger.energy_wh(1));
    CHECK(world.csms.transactions[0].stops == 1);
    CHECK(world.csms.last_status(1) == "Available");
    CHECK(world.problems() == "");
  }
}

TEST_CASE("another car at the cable is another session: no energy on the old transaction") {
  World world;
  world.start();
  charge(world);
  world.charger.unplug(1);
  world.charger.plug(1);
  (void)world.restart(ResetCause::kPowerOn, 60000);
  world.connect();
  world.run_for(60000);
  CHECK(world.csms.transactions[0].reason == "PowerLoss");
  CHECK(!world.charger.offer(1).permit);
  CHECK(world.charger.current_ma(1) == 0);
}

TEST_CASE("with TxResumeAfterPowerLoss false the transaction ends with the restart") {
  World world;
  world.start();
  set(world, "TxResumeAfterPowerLoss", "false");
  charge(world);
  (void)world.restart(ResetCause::kPowerOn, 10000);
  world.connect();
  world.run_for(60000);
  REQUIRE(world.csms.transactions.size() == 1);
  CHECK(world.csms.transactions[0].stops == 1);
  CHECK(world.csms.transactions[0].reason == "PowerLoss");
  CHECK(world.csms.transactions[0].meter_stop == world.charger.energy_wh(1));
  CHECK(world.charger.current_ma(1) == 0);
  CHECK(world.csms.last_status(1) == "Finishing");
}

TEST_CASE("a wallbox that stays silent after the restart keeps its transaction open") {
  World world;
  world.start();
  charge(world);
  world.charger.set_silent(1, true);
  (void)world.restart(ResetCause::kSoftware, 5000);
  world.connect();
  world.run_for(10 * 60000);
  CHECK(world.csms.transactions[0].stops == 0);
  CHECK(world.csms.last_status(1) == "Faulted");
  world.charger.set_silent(1, false);
  world.run_for(20000);
  CHECK(world.csms.last_status(1) == "Charging");
  world.tag("04A1B2C3");
  world.run_for(20000);
  CHECK(world.csms.transactions[0].stops == 1);
  CHECK(world.csms.transactions[0].meter_stop == world.charger.energy_wh(1));
}

// Rules: FP-8
TEST_CASE("records that cannot be read at first do not interrupt the transaction") {
  World world;
  world.start();
  charge(world);
  world.files.set_reads_fail(true);
  CHECK(world.restart(ResetCause::kPowerOn, 5000) == common::Status::kIo);
  world.connect();
  world.run_for(10000);
  CHECK(world.charger.current_ma(1) == 16000);
  CHECK(world.call("RemoteStartTransaction", R"({"idTag":"A"})") == "Rejected");
  world.files.set_reads_fail(false);
  world.run_for(20000);
  CHECK(world.charger.current_ma(1) == 16000);
  world.tag("04A1B2C3");
  world.run_for(20000);
  CHECK(world.csms.transactions[0].stops == 1);
  CHECK(world.csms.transactions[0].meter_stop == world.charger.energy_wh(1));
}

// Rules: FP-8
TEST_CASE("records that can never be read mean no power and no transactions") {
  World world;
  world.files.set_reads_fail(true);
  world.start();
  world.charger.plug(1);
  world.run_for(90000);
  world.tag("A");
  world.run_for(20000);
  CHECK(world.charger.current_ma(1) == 0);
  CHECK(!world.charger.offer(1).permit);
  CHECK(world.csms.transactions.empty());
}

// Rules: FP-10 FP-11
TEST_CASE("a stop that was under way when the power failed is not forgotten") {
  World world;
  world.start();
  charge(world);
  CHECK(world.call("RemoteStopTransaction", R"({"transactionId":1000})") == "Accepted");
  ocpp::TransactionView view;
  REQUIRE(world.charge_point->open_transaction(1, view));
  REQUIRE(view.is_stopping);
  (void)world.restart(ResetCause::kPowerOn, 5000);
  world.connect();
  world.run_for(60000);
  CHECK(world.csms.transactions[0].stops == 1);
  CHECK(world.csms.transactions[0].reason == "Remote");
  CHECK(world.charger.current_ma(1) == 0);
}

// Rules: R-5.14-1 R-5.14-2 R-5.14-3 R-4.2.1-1 R-7.36-1
TEST_CASE("a soft reset stops transactions, delivers them, and then asks for the restart") {
  World world;
  world.start();
  charge(world);
  CHECK(world.call("Reset", R"({"type":"Soft"})") == "Accepted");
  REQUIRE(
      world.run_until([&] { return world.has_event(ocpp::EventType::kResetRequested); }, 30000));
  CHECK(!world.events.back().reset_is_hard);
  CHECK(world.csms.transactions[0].reason == "SoftReset");
  CHECK(world.charge_point->pending_messages() == 0);
  (void)world.restart(ResetCause::kSoftware, 3000);
  world.connect();
  world.run_for(10000);
  CHECK(world.csms.received["BootNotification"] == 2);
  CHECK(world.csms.transactions[0].stops == 1);
}

// Rules: R-5.14-1 R-5.14-2 R-5.14-4 R-7.36-1 FP-11
TEST_CASE("a hard reset does not wait for the CSMS: the stop is delivered after the restart") {
  World world;
  world.start();
  charge(world);
  world.csms.faults.ignore["StopTransaction"] = 1;
  CHECK(world.call("Reset", R"({"type":"Hard"})") == "Accepted");
  REQUIRE(
      world.run_until([&] { return world.has_event(ocpp::EventType::kResetRequested); }, 20000));
  CHECK(world.events.back().reset_is_hard);
  (void)world.restart(ResetCause::kSoftware, 3000);
  world.connect();
  world.run_for(10000);
  CHECK(world.csms.transactions[0].reason == "HardReset");
  CHECK(world.csms.transactions[0].meter_stop == world.charger.energy_wh(1));
  CHECK(world.charge_point->pending_messages() == 0);
  CHECK(world.problems() == "");
}

// Rules: R-5.16-2 R-3.13.1-5
TEST_CASE("limits and profiles of a transaction survive the restart") {
  World world;
  world.start();
  charge(world);
  CHECK(
      world.call(
          "SetChargingProfile",
          R"({"connectorId":1,"csChargingProfiles":{"chargingProfileId":7,"stackLevel":1,"transactionId":1000,)"
          R"("chargingProfilePurpose":"TxProfile","chargingProfileKind":"Relative","chargingSchedule":{)"
          R"("chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":8.5}]}}})") ==
      "Accepted");
  world.run_for(5000);
  CHECK(world.charger.offer(1).limit_ma == 8500);
  (void)world.restart(ResetCause::kPowerOn, 5000);
  world.connect();
  world.run_for(20000);
  CHECK(world.charger.offer(1).limit_ma == 8500);
  world.tag("04A1B2C3");
  world.run_for(20000);
  world.tag("04A1B2C3");  // the next transaction is not bound by it
  world.run_for(20000);
  CHECK(world.charger.offer(1).limit_ma == 16000);
}

namespace {

/// One short session with the power failing at a given byte written to flash; then power stays on.
/// @return Bytes written by the session.
uint64_t run_with_cut(uint64_t cut_at, platform_sim::SimFileStore::Torn torn,
                      std::string& problems) {
  World::Setup setup;
  setup.seed = 7;
  World world(setup);
  world.files.set_torn(torn);
  if (cut_at > 0) world.power.cut_after_bytes(cut_at - 1);
  world.start();
  const auto revive = [&world] {
    if (world.power.is_on()) return;
    (void)world.restart(ResetCause::kPowerOn, 2000);
    world.connect();
    world.run_for(20000);
  };
  revive();
  world.charger.plug(1);
  world.run_for(3000);
  revive();
  // Presents the tag until a transaction runs, as a person would.
  ocpp::TransactionView view;
  for (int i = 0; i < 5 && !world.charge_point->open_transaction(1, view); ++i) {
    world.tag("ALICE");
    world.run_for(10000);
    revive();
  }
  world.run_for(130000);
  revive();
  for (int i = 0; i < 5 && world.charge_point->open_transaction(1, view); ++i) {
    world.tag("ALICE");
    world.run_for(15000);
    revive();
  }
  world.charger.unplug(1);
  world.run_for(15000);
  revive();
  world.run_for(60000);

  std::string found = world.problems();
  const auto expect = [&found](bool holds, const char* what) {
    if (!holds) found += std::string(what) + "\n";
  };
  expect(world.power.is_on() && world.charge_point->pending_messages() == 0,
         "the queue did not drain");
  expect(world.charge_point->dead_letters() == 0, "a message was given up");
  int64_t energy = 0;
  for (const auto& transaction : world.csms.transactions) {
    expect(transaction.stops >= 1, "a transaction was never stopped");
    energy += transaction.meter_stop - transaction.meter_start;
  }
  expect(!world.csms.transactions.empty(), "the transaction was lost");
  expect(energy == world.charger.energy_wh(1), "energy was charged that no transaction reports");
  if (!found.empty()) {
    problems += "cut at byte " + std::to_string(cut_at) + ":\n" + found;
    if (problems.size() < 3000) {
      for (const std::string& message : world.messages) problems += message + "\n";
      problems += world.log.text();
    }
  }
  return world.power.bytes_written();
}

}  // namespace

// Rules: FP-8 FP-11
TEST_CASE(
    "power may fail at every byte written in a session: nothing is lost and nothing doubled") {
  std::string problems;
  const uint64_t bytes = run_with_cut(0, platform_sim::SimFileStore::Torn::kPrefix, problems);
  CHECK(problems == "");
  CHECK(bytes > 200);
  for (uint64_t cut = 1; cut <= bytes && problems.size() < 3000; ++cut) {
    run_with_cut(cut, platform_sim::SimFileStore::Torn::kPrefix, problems);
    if (cut % 3 == 0) run_with_cut(cut, platform_sim::SimFileStore::Torn::kErased, problems);
  }
  CHECK(problems == "");
}

TEST_CASE("the limit that came with a remote start survives a restart soon after the plug") {
  World world;
  world.start();
  CHECK(
      world.call(
          "RemoteStartTransaction",
          R"({"connectorId":1,"idTag":"04A1B2C3","chargingProfile":{"chargingProfileId":1,"stackLevel":0,)"
          R"("chargingProfilePurpose":"TxProfile","chargingProfileKind":"Relative","chargingSchedule":)"
          R"({"chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":10}]}}})") ==
      "Accepted");
  world.run_for(10000);
  world.charger.plug(1);
  world.run_for(10000);
  CHECK(world.charger.offer(1).limit_ma == 10000);
  (void)world.restart(ResetCause::kPowerOn, 5000);
  world.connect();
  world.run_for(20000);
  CHECK(world.charger.offer(1).permit);
  CHECK(world.charger.offer(1).limit_ma == 10000);
}

// Rules: R-5.16-2
TEST_CASE("a limit set right before an orderly end holds after it") {
  World world;
  world.start();
  charge(world);
  for (const char* limit : {"13", "10"}) {
    CHECK(
        world.call(
            "SetChargingProfile",
            R"({"connectorId":1,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":0,)"
            R"("chargingProfilePurpose":"TxDefaultProfile","chargingProfileKind":"Relative","chargingSchedule":)"
            R"({"chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":)" +
                std::string(limit) + "}]}}}") == "Accepted");
    world.run_for(5000);
  }
  CHECK(world.charger.offer(1).limit_ma == 10000);
  world.charge_point->flush(world.now());
  (void)world.restart(ResetCause::kSoftware, 5000);
  world.connect();
  world.run_for(20000);
  CHECK(world.charger.offer(1).limit_ma == 10000);
}

// Rules: R-3.5.4-5 FP-11
TEST_CASE(
    "a power cut right after the CSMS refused the id tag does not leave the transaction open") {
  World world;
  world.csms.id_tags["LATE"] = "Blocked";
  world.start();
  world.charger.plug(1);
  world.run_for(3000);
  world.csms.faults.delay_ms = 2000;
  CHECK(world.call("RemoteStartTransaction", R"({"idTag":"LATE","connectorId":1})") == "Accepted");
  REQUIRE(world.run_until([&] { return world.csms.received["StartTransaction"] == 1; }, 10000));
  // The answer is stored, the decision to stop is not.
  world.power.cut_at_operation(world.power.operations() + 1, false);
  world.run_for(10000);
  REQUIRE(!world.power.is_on());
  (void)world.restart(ResetCause::kPowerOn, 5000);
  world.connect();
  world.run_for(60000);
  REQUIRE(world.csms.transactions.size() == 1);
  CHECK(world.csms.transactions[0].stops == 1);
  CHECK(world.csms.transactions[0].reason == "DeAuthorized");
  CHECK(world.charger.current_ma(1) == 0);
}
