// What the flash may do without a power cut: refuse, once or for a while, at any access of a session.
#include "doctest_main/doctest_main.hpp"
#include "ocpp_world/world.hpp"

#include <string>

using ocpp_world::World;

namespace {

constexpr const char* kProfile =
    R"({"connectorId":1,"csChargingProfiles":{"chargingProfileId":7,"stackLevel":1,)"
    R"("chargingProfilePurpose":"TxDefaultProfile","chargingProfileKind":"Relative",)"
    R"("chargingSchedule":{"chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":10}]}}})";

/// A session with an outage of the link, a restart and settings changed on the way.
/// @return Accesses to the flash.
uint64_t run_with_faults(uint64_t first, uint64_t count, std::string& problems) {
  World::Setup setup;
  setup.seed = 7;
  World world(setup);
  world.power.fail_accesses(first, count);
  std::string found;
  const auto expect = [&found](bool holds, const std::string& what) {
    if (!holds) found += what + "\n";
  };
  world.start();
  world.run_for(15000);
  (void)world.call("ChangeConfiguration", R"({"key":"MeterValueSampleInterval","value":"20"})");
  (void)world.call(
      "ChangeConfiguration",
      R"({"key":"StopTxnSampledData","value":"Energy.Active.Import.Register,Voltage"})");
  (void)world.call("SetChargingProfile", kProfile);
  (void)world.call("ReserveNow", R"({"connectorId":1,"idTag":"ALICE","reservationId":5,)"
                                 R"("expiryDate":"2027-01-15T09:00:00Z"})");
  world.charger.plug(1);
  world.run_for(3000);
  // Presents the tag until a transaction runs, as a person would.
  ocpp::TransactionView view;
  for (int i = 0; i < 70 && !world.charge_point->open_transaction(1, view); ++i) {
    world.tag("ALICE");
    world.run_for(10000);
  }
  world.run_for(45000);
  world.disconnect();
  world.run_for(45000);
  (void)world.restart(platform::ResetCause::kPowerOn, 2000);
  world.run_for(15000);
  world.connect();
  world.run_for(45000);
  for (int i = 0; i < 70 && world.charge_point->open_transaction(1, view); ++i) {
    world.tag("ALICE");
    world.run_for(15000);
  }
  world.charger.unplug(1);
  world.run_for(90000);

  found += world.problems();
  expect(world.charge_point->pending_messages() == 0, "the queue did not drain");
  expect(world.charge_point->dead_letters() == 0, "a message was given up");
  int64_t energy = 0;
  for (const auto& transaction : world.csms.transactions) {
    expect(transaction.stops >= 1, "a transaction was never stopped");
    energy += transaction.meter_stop - transaction.meter_start;
  }
  expect(!world.csms.transactions.empty(), "the transaction was lost");
  expect(energy == world.charger.energy_wh(1), "energy was charged that no transaction reports");
  expect(world.csms.last_status(1) == "Available",
         "the connector ends " + world.csms.last_status(1));
  if (!found.empty()) {
    problems +=
        std::to_string(count) + " accesses fail from " + std::to_string(first) + ":\n" + found;
    if (problems.size() < 1000) {
      for (const std::string& message : world.messages) problems += message + "\n";
      problems += world.log.text();
    }
  }
  return world.power.accesses();
}

/// Status and error code that connector 0 was last reported with.
std::string own_status(const World& world) {
  std::string found;
  for (const auto& status : world.csms.statuses) {
    if (status.connector_id == 0) found = status.status + "/" + status.error;
  }
  return found;
}

/// @return Whether a transaction was started, charged and delivered.
bool can_charge(World& world) {
  const size_t before = world.csms.transactions.size();
  world.charger.plug(1);
  world.run_for(3000);
  world.tag("ALICE");
  world.run_for(60000);
  world.tag("ALICE");
  world.run_for(10000);
  world.charger.unplug(1);
  world.run_for(10000);
  return world.csms.transactions.size() == before + 1 &&
         world.charge_point->pending_messages() == 0;
}

}  // namespace

// Rules: FP-8
TEST_CASE("any access to the flash may fail: nothing is lost and nothing doubled") {
  std::string problems;
  const uint64_t accesses = run_with_faults(0, 0, problems);
  CHECK(problems == "");
  CHECK(accesses > 100);
  for (uint64_t first = 0; first < accesses && problems.size() < 3000; ++first) {
    run_with_faults(first, 1, problems);
    if (first % 4 == 0) run_with_faults(first, 6, problems);
    if (first % 16 == 0) run_with_faults(first, 60, problems);
  }
  CHECK(problems == "");
}

// Rules: FP-8
TEST_CASE("records that cannot be read are a fault of the charge point until they can") {
  World world;
  world.files.set_reads_fail(true);
  CHECK(world.boot() == common::Status::kIo);
  world.connect();
  world.run_for(120000);
  CHECK(own_status(world) == "Faulted/InternalError");
  CHECK(world.csms.last_status(1) == "Available");
  CHECK_FALSE(can_charge(world));
  CHECK(world.charger.energy_wh(1) == 0);

  world.files.set_reads_fail(false);
  world.run_for(120000);
  CHECK(own_status(world) == "Available/NoError");
  CHECK(can_charge(world));
  CHECK(world.problems() == "");
}

// Rules: FP-8
TEST_CASE("a record file of garbage is told to the CSMS, and charging goes on") {
  World world;
  std::vector<uint8_t>& file = world.files.raw("transactions.log");
  for (uint32_t i = 0; i < 3000; ++i) file.push_back(static_cast<uint8_t>(i * 2654435761U >> 13U));
  world.start();
  world.run_for(10000);
  CHECK(own_status(world) == "Available/InternalError");
  CHECK(can_charge(world));
  (void)world.restart(platform::ResetCause::kPowerOn);
  world.connect();
  world.run_for(20000);
  CHECK(own_status(world) == "Available/NoError");
  CHECK(world.problems() == "");
}

// Rules: FP-8
TEST_CASE("records that were lost by formatting are told once, and charging goes on") {
  World::Setup setup;
  setup.own_error = charger::Error::kInternalError;
  World world(setup);
  world.start();
  world.run_for(10000);
  CHECK(own_status(world) == "Available/InternalError");
  CHECK(can_charge(world));
  CHECK(world.call("ChangeAvailability", R"({"connectorId":0,"type":"Inoperative"})") ==
        "Accepted");
  world.run_for(10000);
  CHECK(own_status(world) == "Unavailable/InternalError");
  CHECK(world.problems() == "");
}
