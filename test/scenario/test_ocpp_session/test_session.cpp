// Purpose:       Sessions: who may start and stop, in which order, and what the CSMS is told.
// Given:         A gateway in virtual time with simulated wallboxes and cars, and a model CSMS that
// keeps books. Steps:         See each case. Pass criteria: The books match the wallbox; power
// flows only in a transaction; no schema violation. Spec:          OCPP 1.6 ed. 2, 3.4, 3.5.4, 4.1,
// 4.8 to 4.10, 5.11, 5.12; errata 3.17, 3.20, 3.77.
#include "doctest_main/doctest_main.hpp"
#include "ocpp_world/world.hpp"

using ocpp_world::World;

namespace {

World::Setup connectors(uint8_t count) {
  World::Setup setup;
  setup.connectors = count;
  setup.wallbox.initial_energy_wh = 12345;
  return setup;
}

/// Tag, plug, some minutes of charging. @return The transaction in the CSMS's books.
const ocpp_world::ModelCsms::Transaction& charge(World& world, const char* id_tag = "04A1B2C3") {
  world.charger.plug(1);
  world.run_for(3000);
  world.tag(id_tag);
  REQUIRE(world.run_until([&] { return world.csms.last_status(1) == "Charging"; }, 20000));
  world.run_for(5 * 60000);
  REQUIRE(world.csms.transactions.size() >= 1);
  return world.csms.transactions.back();
}

}  // namespace

// Rules: R-3.4-1 R-4.1-2 R-4.8-1 R-4.10-1 R-4.10-2 R-7.28-1 R-4.9-1 R-3.16-2 R-7.31-2
// Rules: R-6.45-1 R-6.49-1 R-3.16.1-1 FP-13 FP-14
TEST_CASE("a session from plug and tag to tag and unplug is reported whole") {
  World world(connectors(1));
  world.start();
  charge(world);
  world.tag("04a1b2c3");  // id tags ignore case
  world.run_for(20000);
  CHECK(world.csms.last_status(1) == "Finishing");
  world.charger.unplug(1);
  world.run_for(5000);
  CHECK(world.csms.last_status(1) == "Available");

  REQUIRE(world.csms.transactions.size() == 1);
  const auto& transaction = world.csms.transactions[0];
  CHECK(transaction.meter_start == 12345);
  CHECK(transaction.meter_stop == world.charger.energy_wh(1));
  CHECK(transaction.meter_values == 5);
  CHECK(transaction.stops == 1);
  CHECK(transaction.reason == "Local");
  CHECK(world.csms.received["Authorize"] == 1);  // not for the stop
  CHECK(world.charge_point->pending_messages() == 0);
  CHECK(world.has_event(ocpp::EventType::kTransactionStarted));
  CHECK(world.has_event(ocpp::EventType::kTransactionStopped));
  CHECK(world.problems() == "");
}

// Rules: R-4.9-1 FP-14
TEST_CASE("the tag may come before the plug") {
  World world(connectors(1));
  world.start();
  world.tag("04A1B2C3");
  world.run_for(5000);
  CHECK(world.csms.last_status(1) == "Preparing");
  CHECK(world.csms.transactions.empty());
  world.charger.plug(1);
  world.run_for(10000);
  CHECK(world.csms.transactions.size() == 1);
  CHECK(world.csms.last_status(1) == "Charging");
}

// Rules: R-9.1.6-1 R-4.9-14 R-4.1-1
TEST_CASE("an authorization without a plug ends with ConnectionTimeOut") {
  World world(connectors(1));
  world.start();
  CHECK(world.call("ChangeConfiguration", R"({"key":"ConnectionTimeOut","value":"20"})") ==
        "Accepted");
  world.tag("04A1B2C3");
  world.run_for(10000);
  CHECK(world.csms.last_status(1) == "Preparing");
  world.run_for(15000);
  CHECK(world.csms.last_status(1) == "Available");
  world.charger.plug(1);
  world.run_for(20000);
  CHECK(world.csms.transactions.empty());
  CHECK(world.charger.energy_wh(1) == 12345);
}

// Rules: R-4.9-14
TEST_CASE("the second presentation of a tag takes the authorization back") {
  World world(connectors(1));
  world.start();
  world.tag("04A1B2C3");
  world.run_for(5000);
  world.tag("04A1B2C3");
  world.run_for(2000);
  CHECK(world.csms.last_status(1) == "Available");
}

// Rules: R-4.1-1 R-7.2-1 R-4.1-4 FP-14
TEST_CASE("an id tag that the CSMS does not accept gets no energy") {
  World world(connectors(1));
  world.csms.id_tags["BAD"] = "Blocked";
  world.start();
  world.charger.plug(1);
  world.run_for(3000);
  world.tag("BAD");
  world.run_for(60000);
  CHECK(world.csms.transactions.empty());
  CHECK(world.charger.energy_wh(1) == 12345);
  CHECK(world.csms.last_status(1) == "Preparing");
  CHECK(world.has_event(ocpp::EventType::kIdTagRejected));
}

// Rules: R-3.10-1 R-4.1-2 R-4.10-4
TEST_CASE("a stranger's tag does not stop a transaction, one of the same group does") {
  World world(connectors(1));
  world.csms.parents["04A1B2C3"] = "FLEET";
  world.csms.parents["COLLEAGUE"] = "FLEET";
  world.csms.parents["STRANGER"] = "OTHER";
  world.start();
  charge(world);
  world.tag("STRANGER");
  world.run_for(10000);
  CHECK(world.csms.transactions[0].stops == 0);
  CHECK(world.csms.last_status(1) == "Charging");
  world.tag("COLLEAGUE");
  world.run_for(20000);
  CHECK(world.csms.transactions[0].stops == 1);
  CHECK(world.csms.transactions[0].stop_payload.find("COLLEAGUE") != std::string::npos);
  CHECK(world.csms.transactions[0].reason == "Local");
}

// Rules: R-4.1-3
TEST_CASE("without a group no other tag is even asked about") {
  World world(connectors(1));
  world.start();
  charge(world);
  world.tag("SOMEONE");
  world.run_for(10000);
  CHECK(world.csms.received["Authorize"] == 1);
  CHECK(world.csms.transactions[0].stops == 0);
}

// Rules: R-4.10-7 R-9.1.23-1 R-4.9-10 R-7.36-1 FP-14
TEST_CASE("unplugging at the car stops the transaction") {
  World world(connectors(1));
  world.start();
  charge(world);
  world.charger.unplug(1);
  world.run_for(20000);
  CHECK(world.csms.transactions[0].reason == "EVDisconnected");
  CHECK(world.csms.transactions[0].meter_stop == world.charger.energy_wh(1));
  CHECK(world.csms.last_status(1) == "Available");
  bool is_noted = false;
  for (const auto& status : world.csms.statuses) {
    is_noted = is_noted || (status.status == "Finishing" && status.info == "EV side disconnected");
  }
  CHECK(is_noted);
  // The next car gets nothing from this authorization.
  world.charger.plug(1);
  world.run_for(30000);
  CHECK(world.csms.transactions.size() == 1);
}

// Rules: R-4.10-5 R-4.9-9
TEST_CASE("with StopTransactionOnEVSideDisconnect false the transaction waits for the cable") {
  World world(connectors(1));
  world.start();
  CHECK(world.call("ChangeConfiguration",
                   R"({"key":"StopTransactionOnEVSideDisconnect","value":"false"})") == "Accepted");
  charge(world);
  world.charger.unplug(1);
  world.run_for(10000);
  CHECK(world.csms.last_status(1) == "SuspendedEV");
  CHECK(world.csms.statuses.back().info == "EV side disconnected");
  CHECK(world.csms.transactions[0].stops == 0);
  world.charger.plug(1);
  world.run_for(10000);
  CHECK(world.csms.last_status(1) == "Charging");
  world.tag("04A1B2C3");
  world.run_for(20000);
  CHECK(world.csms.transactions[0].reason == "Local");
  CHECK(world.csms.transactions[0].meter_stop == world.charger.energy_wh(1));
}

// Rules: R-5.11-1 R-5.11-3 R-5.11-4 R-5.11-5 R-5.12-1 R-5.12-2 R-4.10-4 R-7.36-1 FP-14
TEST_CASE("a remote start charges without asking, and a remote stop ends it") {
  World world(connectors(1));
  world.start();
  world.charger.plug(1);
  world.run_for(3000);
  CHECK(world.call("RemoteStartTransaction", R"({"idTag":"REMOTE01"})") == "Accepted");
  world.run_for(60000);
  REQUIRE(world.csms.transactions.size() == 1);
  CHECK(world.csms.transactions[0].id_tag == "REMOTE01");
  CHECK(world.csms.received["Authorize"] == 0);
  CHECK(world.call("RemoteStopTransaction", R"({"transactionId":77})") == "Rejected");
  CHECK(world.call("RemoteStopTransaction", R"({"transactionId":1000})") == "Accepted");
  world.run_for(20000);
  CHECK(world.csms.transactions[0].reason == "Remote");
  CHECK(world.csms.transactions[0].stop_payload.find("REMOTE01") != std::string::npos);
  CHECK(world.charger.current_ma(1) == 0);
  // Without unplugging, the next remote start begins a new transaction.
  CHECK(world.call("RemoteStartTransaction", R"({"idTag":"REMOTE02","connectorId":1})") ==
        "Accepted");
  world.run_for(30000);
  CHECK(world.csms.transactions.size() == 2);
}

// Rules: R-5.11-2 R-7.2-1
TEST_CASE("with AuthorizeRemoteTxRequests the CSMS is asked first") {
  World world(connectors(1));
  world.csms.id_tags["BAD"] = "Expired";
  world.start();
  CHECK(world.call("ChangeConfiguration",
                   R"({"key":"AuthorizeRemoteTxRequests","value":"true"})") == "Accepted");
  world.charger.plug(1);
  world.run_for(3000);
  CHECK(world.call("RemoteStartTransaction", R"({"idTag":"BAD","connectorId":1})") == "Accepted");
  world.run_for(20000);
  CHECK(world.csms.received["Authorize"] == 1);
  CHECK(world.csms.transactions.empty());
  CHECK(world.call("RemoteStartTransaction", R"({"idTag":"GOOD","connectorId":1})") == "Accepted");
  world.run_for(20000);
  CHECK(world.csms.transactions.size() == 1);
}

// Rules: R-5.11-1 R-5.11-6 R-3.8-2
TEST_CASE("a remote start is refused where it cannot lead to a transaction") {
  World world(connectors(1));
  world.start();
  CHECK(world.call("RemoteStartTransaction", R"({"idTag":"A","connectorId":0})") == "Rejected");
  CHECK(world.call("RemoteStartTransaction", R"({"idTag":"A","connectorId":2})") == "Rejected");
  charge(world);
  CHECK(world.call("RemoteStartTransaction", R"({"idTag":"A","connectorId":1})") == "Rejected");
  CHECK(world.call("RemoteStartTransaction", R"({"idTag":"A"})") == "Rejected");
}

// Rules: R-3.5.4-5 R-9.1.24-1 R-7.2-1 R-7.36-1
TEST_CASE("a start that the CSMS does not accept is stopped as DeAuthorized") {
  World world(connectors(1));
  world.csms.id_tags["LATE"] = "ConcurrentTx";
  world.start();
  world.charger.plug(1);
  world.run_for(3000);
  CHECK(world.call("RemoteStartTransaction", R"({"idTag":"LATE","connectorId":1})") == "Accepted");
  world.run_for(60000);
  REQUIRE(world.csms.transactions.size() == 1);
  CHECK(world.csms.transactions[0].stops == 1);
  CHECK(world.csms.transactions[0].reason == "DeAuthorized");
  CHECK(world.charger.current_ma(1) == 0);
}

// Rules: R-3.5.4-7 R-9.1.24-1
TEST_CASE("with StopTransactionOnInvalidId false only the energy stops") {
  World world(connectors(1));
  world.csms.id_tags["LATE"] = "Invalid";
  world.start();
  CHECK(world.call("ChangeConfiguration",
                   R"({"key":"StopTransactionOnInvalidId","value":"false"})") == "Accepted");
  world.charger.plug(1);
  world.run_for(3000);
  CHECK(world.call("RemoteStartTransaction", R"({"idTag":"LATE","connectorId":1})") == "Accepted");
  world.run_for(60000);
  CHECK(world.csms.transactions[0].stops == 0);
  CHECK(world.charger.current_ma(1) == 0);
  CHECK(world.csms.last_status(1) == "SuspendedEVSE");
}

// Rules: R-7.7-3 R-4.9-1 R-4.9-7 R-4.9-16
TEST_CASE("a car that pauses is SuspendedEV, and the fault of a wallbox is Faulted with its code") {
  World world(connectors(1));
  world.start();
  charge(world);
  world.charger.set_ev_wants_energy(1, false);
  world.run_for(10000);
  CHECK(world.csms.last_status(1) == "SuspendedEV");
  world.charger.set_ev_wants_energy(1, true);
  world.run_for(10000);
  CHECK(world.csms.last_status(1) == "Charging");
  world.charger.set_error(1, charger::Error::kHighTemperature, false, "W8");
  world.run_for(2000);
  CHECK(world.csms.last_status(1) == "Charging");
  CHECK(world.csms.statuses.back().error == "HighTemperature");
  world.charger.set_error(1, charger::Error::kPowerSwitchFailure, true, "E5");
  world.run_for(2000);
  CHECK(world.csms.last_status(1) == "Faulted");
  world.charger.set_error(1, charger::Error::kNone, false);
  world.run_for(15000);
  CHECK(world.csms.last_status(1) == "Charging");
  CHECK(world.csms.transactions.size() == 1);
  CHECK(world.csms.transactions[0].stops == 0);
}

// Rules: R-4.9-16 FP-14
TEST_CASE(
    "a silent wallbox is Unavailable when idle, in a transaction a warning, then Faulted, and "
    "never "
    "unplugged") {
  World world(connectors(1));
  world.start();
  world.charger.set_silent(1, true);
  world.run_for(70000);
  CHECK(world.csms.last_status(1) == "Unavailable");
  CHECK(world.csms.statuses.back().error == "OtherError");
  CHECK(world.call("RemoteStartTransaction", R"({"idTag":"A","connectorId":1})") == "Rejected");
  world.charger.set_silent(1, false);
  world.run_for(5000);
  CHECK(world.csms.last_status(1) == "Available");
  charge(world);
  world.charger.set_silent(1, true);
  world.run_for(70000);
  CHECK(world.csms.last_status(1) == "Charging");
  CHECK(world.csms.statuses.back().error == "OtherError");
  world.run_for(60000);
  CHECK(world.csms.last_status(1) == "Faulted");
  CHECK(world.csms.transactions[0].stops == 0);
  world.charger.set_silent(1, false);
  world.run_for(10000);
  CHECK(world.csms.last_status(1) == "Charging");
  world.tag("04A1B2C3");
  world.run_for(20000);
  CHECK(world.csms.transactions[0].meter_stop == world.charger.energy_wh(1));
  CHECK(world.problems() == "");
}

// Rules: R-3.8-1
TEST_CASE("one reader for two connectors starts where a car waits, and stops its owner's session") {
  World world(connectors(2));
  world.start();
  world.charger.plug(2);
  world.run_for(3000);
  world.tag("ALICE");
  world.run_for(20000);
  REQUIRE(world.csms.transactions.size() == 1);
  CHECK(world.csms.transactions[0].connector_id == 2);
  world.tag("BOB");
  world.run_for(5000);
  CHECK(world.csms.last_status(1) == "Preparing");
  world.charger.plug(1);
  world.run_for(20000);
  CHECK(world.csms.transactions[1].connector_id == 1);
  world.tag("ALICE");
  world.run_for(20000);
  CHECK(world.csms.transactions[0].stops == 1);
  CHECK(world.csms.transactions[1].stops == 0);
}

// Rules: R-4.9-14
TEST_CASE("a car that nobody authorizes does not catch the next driver's tag") {
  World world(connectors(2));
  world.start();
  CHECK(world.call("ChangeConfiguration", R"({"key":"ConnectionTimeOut","value":"30"})") ==
        "Accepted");
  world.charger.plug(1);
  world.run_for(40000);
  CHECK(world.csms.last_status(1) == "Finishing");
  world.tag("BOB");
  world.run_for(5000);
  world.charger.plug(2);
  world.run_for(20000);
  REQUIRE(world.csms.transactions.size() == 1);
  CHECK(world.csms.transactions[0].connector_id == 2);
}

// Rules: R-3.5.4-1 R-3.5.4-4
TEST_CASE("offline an unknown tag is refused unless AllowOfflineTxForUnknownId is set") {
  World world(connectors(1));
  world.start();
  world.disconnect();
  world.charger.plug(1);
  world.run_for(3000);
  world.tag("04A1B2C3");
  world.run_for(20000);
  CHECK(world.charger.current_ma(1) == 0);
  CHECK(world.charge_point->set_configuration(common::text("allowofflinetxforunknownid"),
                                              common::text("TRUE"),
                                              world.now()) == ocpp::ConfigurationStatus::Accepted);
  world.tag("04A1B2C3");
  world.run_for(60000);
  CHECK(world.charger.current_ma(1) == 16000);
  world.connect();
  world.run_for(10000);
  CHECK(world.csms.transactions.size() == 1);
  CHECK(world.problems() == "");
}

TEST_CASE("a request that is cut off by a lost link is decided by the offline rules") {
  World world(connectors(1));
  world.start();
  world.csms.faults.ignore["Authorize"] = 1;
  world.charger.plug(1);
  world.run_for(3000);
  world.tag("04A1B2C3");
  world.run_for(2000);
  world.disconnect();
  world.run_for(1000);
  CHECK(world.has_event(ocpp::EventType::kIdTagRejected));
  CHECK(world.csms.last_status(1) == "Preparing");
}

// Rules: R-5.2-2 R-5.2-4 R-7.7-2
TEST_CASE("inoperative during a transaction is scheduled for its end") {
  World world(connectors(1));
  world.start();
  charge(world);
  CHECK(world.call("ChangeAvailability", R"({"connectorId":1,"type":"Inoperative"})") ==
        "Scheduled");
  world.run_for(5000);
  CHECK(world.csms.last_status(1) == "Charging");
  world.tag("04A1B2C3");
  world.run_for(20000);
  CHECK(world.csms.last_status(1) == "Unavailable");
}

// Rules: R-4.1-4
TEST_CASE(
    "a tag that is shown again while the CSMS is asked about it does not take another cable") {
  World world(connectors(2));
  world.start();
  world.csms.faults.delay_ms = 5000;
  world.charger.plug(2);
  world.run_for(8000);
  world.tag("ALICE");
  world.run_for(2000);
  world.tag("ALICE");
  world.run_for(40000);
  CHECK(world.csms.received["Authorize"] == 1);
  REQUIRE(world.csms.transactions.size() == 1);
  CHECK(world.csms.transactions[0].connector_id == 2);
  CHECK(world.charge_point->status(1) == ocpp::ChargePointStatus::Available);
}

// Rules: R-4.1-1 FP-14
TEST_CASE("no transaction starts on a wallbox that became faulty after the authorization") {
  World world(connectors(1));
  world.start();
  world.tag("ALICE");
  world.run_for(2000);
  world.charger.set_error(1, charger::Error::kGroundFailure, true, "RCD");
  world.charger.plug(1);
  world.run_for(10000);
  CHECK(world.csms.transactions.empty());
  CHECK(!world.charger.offer(1).permit);
  world.charger.set_error(1, charger::Error::kNone, false);
  world.run_for(20000);
  REQUIRE(world.csms.transactions.size() == 1);
  CHECK(world.csms.last_status(1) == "Charging");
}

TEST_CASE("a cable pulled while a transaction is being stopped is no SuspendedEV") {
  World world(connectors(1));
  world.start();
  world.charger.plug(1);
  world.run_for(3000);
  world.tag("ALICE");
  REQUIRE(world.run_until([&] { return world.csms.last_status(1) == "Charging"; }, 20000));
  world.run_for(10000);
  CHECK(world.call("RemoteStopTransaction", R"({"transactionId":1000})") == "Accepted");
  world.charger.unplug(1);
  world.run_for(20000);
  for (const auto& status : world.csms.statuses) CHECK(status.status != "SuspendedEV");
  CHECK(world.csms.transactions[0].reason == "Remote");
  CHECK(world.csms.last_status(1) == "Available");
}
