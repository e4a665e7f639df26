#include "fixture.hpp"

// What becomes of a transaction whose id tag is refused after the start, of one that the CSMS does
// not want to know, and of free vend.

namespace {

/// Accepted offline, refused when the CSMS hears of it.
struct RefusedLater : Fixture {
  RefusedLater() { prepare(); }
  explicit RefusedLater(const ocpp_world::World::Setup& setup) : Fixture(setup) { prepare(); }

  void prepare() {
    REQUIRE(send_list(1, "Full",
                      entry("ALICE", "Accepted", "FAMILY") + "," +
                          entry("BOB", "Accepted", "FAMILY") + "," + entry("CAROL")) == "Accepted");
    world.csms.id_tags["ALICE"] = "Blocked";
    world.disconnect();
  }
  void charge_and_connect() {
    tag("ALICE");
    REQUIRE(charges());
    world.connect();
    energy_wh_ = world.charger.energy_wh(1);
    world.run_for(5000);
  }
  /// Since the CSMS could be asked.
  int64_t drawn_wh() const { return world.charger.energy_wh(1) - energy_wh_; }

  int64_t energy_wh_ = 0;
};

ocpp_world::World::Setup with_lock() {
  ocpp_world::World::Setup setup;
  setup.wallbox.capabilities.has_lock = true;
  return setup;
}

}  // namespace

// Rules: R-3.5.4-4 R-3.5.4-5 R-9.1.24-1 R-7.36-1
TEST_CASE_FIXTURE(RefusedLater, "with StopTransactionOnInvalidId a refused transaction ends") {
  charge_and_connect();
  world.run_for(20000);
  CHECK_FALSE(charges());
  REQUIRE(world.csms.transactions.size() == 1);
  CHECK(world.csms.transactions[0].stops == 1);
  CHECK(world.csms.transactions[0].reason == "DeAuthorized");
  CHECK(world.csms.last_status(1) == "Finishing");
  CHECK(conflicts() == 1);
  CHECK(world.problems() == "");
}

// Rules: R-3.5.4-7 R-9.1.24-1
TEST_CASE_FIXTURE(RefusedLater,
                  "without it only the power ends: SuspendedEVSE until somebody stops") {
  set("StopTransactionOnInvalidId", "false");
  charge_and_connect();
  world.run_for(20000);
  CHECK_FALSE(charges());
  CHECK(world.csms.last_status(1) == "SuspendedEVSE");
  REQUIRE(world.csms.transactions.size() == 1);
  CHECK(world.csms.transactions[0].stops == 0);
  power_cut();
  world.connect();
  world.run_for(60000);
  CHECK_FALSE(charges());
  CHECK(world.csms.transactions[0].stops == 0);
  tag("ALICE");
  CHECK(world.csms.transactions[0].stops == 1);
  CHECK(world.csms.transactions[0].reason == "Local");
  CHECK(world.problems() == "");
}

// Rules: R-3.5.4-8
TEST_CASE_FIXTURE(RefusedLater, "MaxEnergyOnInvalidId is given before the transaction ends") {
  set("MaxEnergyOnInvalidId", "1000");
  charge_and_connect();
  CHECK(charges());
  CHECK(world.csms.transactions[0].stops == 0);
  world.run_for(3'600'000);
  CHECK_FALSE(charges());
  CHECK(world.csms.transactions[0].reason == "DeAuthorized");
  CHECK(drawn_wh() >= 990);
  CHECK(drawn_wh() <= 1030);
}

// Rules: R-3.5.4-8
TEST_CASE_FIXTURE(RefusedLater, "MaxEnergyOnInvalidId is given once, also over a restart") {
  set("MaxEnergyOnInvalidId", "1000");
  set("StopTransactionOnInvalidId", "false");
  charge_and_connect();
  world.run_for(60000);
  CHECK(charges());
  power_cut();
  world.connect();
  world.run_for(3'600'000);
  CHECK_FALSE(charges());
  CHECK(drawn_wh() <= 1030);
  CHECK(world.csms.transactions[0].stops == 0);
  CHECK(world.csms.last_status(1) == "SuspendedEVSE");
}

// Rules: R-3.5.4-6
TEST_CASE("after DeAuthorized the cable stays locked until the tag or its group is presented") {
  for (const char* who : {"ALICE", "BOB"}) {
    RefusedLater fixture(with_lock());
    fixture.charge_and_connect();
    fixture.world.run_for(20000);
    REQUIRE(fixture.world.csms.transactions[0].reason == "DeAuthorized");
    CHECK(fixture.world.charger.unlocks(1) == 0);
    fixture.tag("CAROL");
    CHECK_FALSE(fixture.charges());
    CHECK(fixture.world.charger.unlocks(1) == 0);
    fixture.world.csms.parents["BOB"] = "FAMILY";
    fixture.tag(who);
    CHECK(fixture.world.charger.unlocks(1) == 1);
    CHECK_FALSE(fixture.charges());
    fixture.next_car();
    fixture.tag("CAROL");
    CHECK(fixture.charges());
    CHECK(fixture.world.problems() == "");
  }
}

// Rules: R-4.10-3
TEST_CASE("a normal end unlocks the cable") {
  Fixture fixture(with_lock());
  fixture.tag("ALICE");
  CHECK(fixture.world.charger.unlocks(1) == 0);
  fixture.tag("ALICE");
  CHECK(fixture.world.charger.unlocks(1) == 1);
}

TEST_CASE_FIXTURE(Fixture,
                  "a transaction whose start the CSMS refuses for good draws no more energy") {
  set("TransactionMessageAttempts", "2");
  set("TransactionMessageRetryInterval", "60");
  world.csms.faults.call_error["StartTransaction"] = 2;
  tag("ALICE");
  CHECK(charges());  // it may still work out
  world.run_for(90000);
  CHECK_FALSE(charges());
  CHECK(world.charge_point->dead_letters() == 1);
  CHECK(world.charge_point->pending_messages() == 0);
  CHECK(world.csms.received["StopTransaction"] == 1);
  CHECK(world.problems() == "");
  next_car();
  tag("ALICE");
  CHECK(charges());
}

TEST_CASE_FIXTURE(Fixture, "... also after a restart, and when only the power is to end") {
  set("TransactionMessageAttempts", "1");
  set("StopTransactionOnInvalidId", "false");
  world.csms.faults.call_error["StartTransaction"] = 1;
  tag("ALICE");
  CHECK_FALSE(charges());
  CHECK(world.csms.received["StopTransaction"] == 0);
  power_cut();
  world.connect();
  world.run_for(60000);
  CHECK_FALSE(charges());
  CHECK(world.csms.last_status(1) == "SuspendedEVSE");
}

// ----------------------------------------------------------------------------------- free vend

TEST_CASE_FIXTURE(Fixture, "free vend starts with the plug, online and offline, once per plug-in") {
  next_car();
  CHECK_FALSE(charges());
  set("FreeVendIdTag", "GUEST");
  set("FreeVendEnabled", "true");
  world.run_for(15000);  // a car that waits is served
  CHECK(charges());
  CHECK(asked() == 0);
  REQUIRE(world.csms.transactions.size() == 1);
  CHECK(world.csms.transactions[0].id_tag == "GUEST");
  CHECK(world.call("RemoteStopTransaction",
                   R"({"transactionId":)" + std::to_string(world.csms.transactions[0].id) + "}") ==
        "Accepted");
  world.run_for(60000);
  CHECK_FALSE(charges());
  CHECK(world.csms.last_status(1) == "Finishing");
  world.disconnect();
  next_car();
  world.run_for(15000);
  CHECK(charges());
  power_cut();
  world.run_for(15000);
  CHECK(charges());
  world.charger.unplug(1);
  world.connect();
  world.run_for(10000);
  CHECK(world.csms.transactions.size() == 2);
  CHECK(world.csms.transactions[1].stops == 1);
  CHECK(world.problems() == "");
}

TEST_CASE_FIXTURE(Fixture,
                  "with free vend a remote start and a tag still work, with their own tags") {
  set("FreeVendEnabled", "true");
  world.charger.unplug(1);
  world.run_for(5000);
  CHECK(world.configuration("FreeVendIdTag") == "FREEVEND");
  const size_t before = world.csms.transactions.size();
  CHECK(world.call("RemoteStartTransaction", R"({"connectorId":1,"idTag":"REMOTE"})") ==
        "Accepted");
  world.run_for(2000);
  world.charger.plug(1);
  world.run_for(15000);
  REQUIRE(world.csms.transactions.size() == before + 1);
  CHECK(world.csms.transactions.back().id_tag == "REMOTE");
  world.charger.unplug(1);
  world.run_for(5000);
  tag("ALICE");
  world.charger.plug(1);
  world.run_for(15000);
  REQUIRE(world.csms.transactions.size() == before + 2);
  CHECK(world.csms.transactions.back().id_tag == "ALICE");
  CHECK(world.problems() == "");
}

TEST_CASE_FIXTURE(Fixture, "a CSMS that refuses the free-vend tag is obeyed") {
  world.csms.id_tags["FREEVEND"] = "Invalid";
  set("FreeVendEnabled", "true");
  world.run_for(60000);
  CHECK_FALSE(charges());
  CHECK(world.csms.transactions.size() == 1);
  CHECK(world.csms.transactions[0].reason == "DeAuthorized");
}

TEST_CASE_FIXTURE(Fixture, "free vend leaves an inoperative or reserved connector alone") {
  world.charger.unplug(1);
  world.run_for(5000);
  set("FreeVendEnabled", "true");
  CHECK(world.call("ReserveNow", R"({"connectorId":1,"idTag":"ALICE","reservationId":7,)"
                                 R"("expiryDate":"2036-01-01T00:00:00Z"})") == "Accepted");
  world.charger.plug(1);
  world.run_for(15000);
  CHECK_FALSE(charges());
  CHECK(world.call("CancelReservation", R"({"reservationId":7})") == "Accepted");
  world.run_for(15000);
  CHECK(charges());
  world.charger.unplug(1);
  world.run_for(5000);
  CHECK(world.call("ChangeAvailability", R"({"connectorId":1,"type":"Inoperative"})") ==
        "Accepted");
  world.charger.plug(1);
  world.run_for(15000);
  CHECK_FALSE(charges());
  CHECK(world.call("ChangeConfiguration", R"({"key":"FreeVendIdTag","value":""})") == "Rejected");
  CHECK(world.call("ChangeConfiguration",
                   R"({"key":"FreeVendIdTag","value":"123456789012345678901"})") == "Rejected");
}
