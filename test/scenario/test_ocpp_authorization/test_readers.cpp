// Who is meant by a tag, and what a tag does while something else is going on (OCPP 1.6 ed. 2, 3.4, 3.5.1, 4.1, 5.11).
#include "ocpp_world/online.hpp"

using ocpp_world::contains;
using ocpp_world::Online;
using ocpp_world::World;

namespace {

/// Two connectors, one reader for both, a CSMS that takes its time.
struct TwoConnectors : Online {
  TwoConnectors() : Online(uint8_t{2}) {}
  explicit TwoConnectors(const World::Setup& setup) : Online(setup) {}

  void slow(int64_t delay_ms = 3000) { world.csms.faults.delay_ms = delay_ms; }
  size_t events(ocpp::EventType type) const {
    size_t count = 0;
    for (const ocpp::Event& event : world.events) count += event.type == type ? 1 : 0;
    return count;
  }
  int64_t last_register() const {
    ocpp::TransactionView transaction;
    return world.charge_point->open_transaction(1, transaction) ? transaction.meter_last_wh : -1;
  }
  size_t rejected() const { return events(ocpp::EventType::kIdTagRejected); }
  size_t accepted() const { return events(ocpp::EventType::kIdTagAccepted); }
  std::string remote_start(const char* id_tag) {
    return world.call("RemoteStartTransaction", std::string(R"({"idTag":")") + id_tag + "\"}");
  }
};

/// The second connector has a reader of its own.
struct ReaderOfTheFirst : TwoConnectors {
  static World::Setup with_reader() {
    World::Setup setup;
    setup.connectors = 2;
    setup.reader_connectors = 1U << 1U;
    return setup;
  }
  ReaderOfTheFirst() : TwoConnectors(with_reader()) {}
};

}  // namespace

// Rules: R-5.11-1 R-5.11-5
TEST_CASE_FIXTURE(
    TwoConnectors,
    "a remote start without a connector takes the one with a car, else any free one") {
  SUBCASE("the second has a car") {
    plug(2);
    CHECK(remote_start("ALICE") == "Accepted");
    CHECK(wait("Charging", 20000, 2));
  }
  SUBCASE("none has one") {
    CHECK(remote_start("ALICE") == "Accepted");
    CHECK(wait("Preparing", 5000, 1));
    CHECK(remote_start("BOB") == "Accepted");
    CHECK(wait("Preparing", 5000, 2));
    CHECK(remote_start("CAROL") == "Rejected");
  }
  SUBCASE("both have one") {
    plug(1);
    plug(2);
    CHECK(remote_start("ALICE") == "Accepted");
    CHECK(wait("Charging", 20000, 1));
    CHECK(status(2) == "Preparing");
  }
  SUBCASE("one is kept for the tag") {
    plug(1);
    CHECK(world.call("ReserveNow", R"({"connectorId":2,"idTag":"ALICE","reservationId":5,)"
                                   R"("expiryDate":"2027-01-16T09:00:00Z"})") == "Accepted");
    CHECK(remote_start("ALICE") == "Accepted");
    CHECK(wait("Preparing", 5000, 2));
  }
  SUBCASE("one is kept for a group that the CSMS has to be asked for") {
    CHECK(world.call("ReserveNow",
                     R"({"connectorId":1,"idTag":"BOB","parentIdTag":"G","reservationId":5,)"
                     R"("expiryDate":"2027-01-16T09:00:00Z"})") == "Accepted");
    plug(2);
    CHECK(remote_start("ALICE") == "Accepted");
    CHECK(wait("Charging", 20000, 2));
  }
  CHECK(world.problems() == "");
}

TEST_CASE_FIXTURE(TwoConnectors, "one reader: the tag of an authorization takes it back") {
  world.tag("ALICE");
  world.run_for(2000);
  world.tag("BOB");
  world.run_for(2000);
  CHECK(status(1) == "Preparing");
  CHECK(status(2) == "Preparing");
  world.tag("BOB");
  world.run_for(2000);
  CHECK(status(1) == "Preparing");
  CHECK(status(2) == "Available");
  CHECK(world.problems() == "");
}

TEST_CASE_FIXTURE(TwoConnectors, "one reader: a tag of the group stops the first of its sessions") {
  for (const char* tag : {"ALICE", "BOB", "CAROL"}) world.csms.parents[tag] = "FAMILY";
  charge(1, "ALICE");
  charge(2, "BOB");
  world.tag("CAROL");
  world.run_for(20000);
  REQUIRE(world.csms.transactions.size() == 2);
  CHECK(world.csms.transactions[0].stops == 1);
  CHECK(world.csms.transactions[1].stops == 0);
  CHECK(world.problems() == "");
}

TEST_CASE_FIXTURE(TwoConnectors, "while the CSMS is asked about a tag another one is refused") {
  slow();
  plug(1);
  world.tag("ALICE", 1);
  world.run_for(500);
  world.tag("BOB", 1);
  world.run_for(500);
  CHECK(rejected() == 1);
  CHECK(wait("Charging", 30000, 1));
  CHECK(world.csms.transactions.at(0).id_tag == "ALICE");
  CHECK(world.csms.received["Authorize"] == 1);
}

TEST_CASE_FIXTURE(TwoConnectors, "two strangers at a session are not asked about at once") {
  for (const char* tag : {"ALICE", "BOB"}) world.csms.parents[tag] = "FAMILY";
  charge(1, "ALICE");
  slow();
  world.tag("CAROL", 1);
  world.run_for(500);
  world.tag("BOB", 1);
  world.run_for(10000);
  CHECK(rejected() == 2);
  CHECK(world.csms.transactions.at(0).stops == 0);
  world.tag("BOB", 1);
  world.run_for(30000);
  CHECK(world.csms.transactions.at(0).stops == 1);
  CHECK(world.problems() == "");
}

TEST_CASE_FIXTURE(TwoConnectors,
                  "a session that ends while its group is asked is not stopped again") {
  for (const char* tag : {"ALICE", "BOB"}) world.csms.parents[tag] = "FAMILY";
  charge(1, "ALICE");
  slow(15000);
  world.tag("BOB", 1);
  world.run_for(1000);
  world.tag("ALICE", 1);
  world.run_for(60000);
  CHECK(rejected() == 1);
  REQUIRE(world.csms.transactions.size() == 1);
  CHECK(world.csms.transactions[0].stops == 1);
  CHECK(contains(world.csms.transactions[0].stop_payload, "ALICE"));
  CHECK(world.problems() == "");
}

TEST_CASE_FIXTURE(TwoConnectors,
                  "a tag that is shown while its session is being stopped does nothing") {
  charge(1, "ALICE");
  world.charger.set_silent(1, true);  // the last reading is waited for
  world.tag("ALICE", 1);
  world.run_for(1000);
  const size_t before = accepted();
  world.tag("ALICE", 1);
  CHECK(rejected() == 0);
  world.tag("BOB", 1);
  CHECK(world.run_until([&] { return rejected() == 1; }, 1000));
  world.run_for(30000);
  CHECK(accepted() == before);
  CHECK(world.csms.transactions.at(0).stops == 1);
  CHECK(world.problems() == "");
}

TEST_CASE_FIXTURE(TwoConnectors,
                  "two drivers who are being asked about when the link goes are both decided") {
  CHECK(change("AllowOfflineTxForUnknownId", "true") == "Accepted");
  plug(1);
  plug(2);
  slow();
  world.tag("ALICE", 1);
  world.tag("BOB", 2);
  world.run_for(500);
  world.disconnect();
  world.run_for(10000);
  CHECK(accepted() == 2);
  ocpp::TransactionView view;
  CHECK(world.charge_point->open_transaction(1, view));
  CHECK(world.charge_point->open_transaction(2, view));
}

TEST_CASE_FIXTURE(TwoConnectors,
                  "a restart that is ordered while the CSMS is asked about a tag refuses it") {
  plug(1);
  world.csms.faults.ignore["Authorize"] = 1;
  world.tag("ALICE", 1);
  world.run_for(500);
  const std::string asked = world.messages.back();
  REQUIRE(contains(asked, "Authorize"));
  CHECK(world.call("Reset", R"({"type":"Soft"})") == "Accepted");
  world.csms.send("[3,\"" + asked.substr(asked.find(",\"") + 2, 36) +
                      R"(",{"idTagInfo":{"status":"Accepted"}}])",
                  world.now());
  world.run_for(10000);
  CHECK(rejected() == 1);
  CHECK(world.csms.transactions.empty());
  CHECK(world.problems() == "");
}

TEST_CASE_FIXTURE(TwoConnectors,
                  "a tag that belongs to another group in the cache is asked about") {
  CHECK(change("LocalPreAuthorize", "true") == "Accepted");
  world.csms.parents["ALICE"] = "FAMILY";
  world.csms.parents["BOB"] = "OTHERS";
  charge(2, "BOB");
  world.tag("BOB", 2);
  world.run_for(20000);
  charge(1, "ALICE");
  world.csms.parents["BOB"] = "FAMILY";  // he has moved
  const int asked = world.csms.received["Authorize"];
  world.tag("BOB", 1);
  world.run_for(30000);
  CHECK(world.csms.received["Authorize"] == asked + 1);
  CHECK(world.csms.transactions.back().stops == 1);
  CHECK(world.problems() == "");
}

TEST_CASE("two strangers at a kept cable are not asked about at once") {
  World::Setup setup;
  setup.wallbox.capabilities.has_lock = true;
  Online gateway(setup);
  World& world = gateway.world;
  for (const char* tag : {"ALICE", "BOB", "DAVE"}) world.csms.parents[tag] = "FAMILY";
  CHECK(gateway.change("UnlockConnectorOnEVSideDisconnect", "false") == "Accepted");
  gateway.charge(1, "ALICE");
  world.charger.unplug(1);
  world.run_for(10000);
  REQUIRE(world.charger.unlocks(1) == 0);
  world.csms.faults.delay_ms = 3000;
  world.tag("CAROL");
  world.run_for(500);
  world.tag("BOB");
  world.run_for(10000);
  CHECK(world.charger.unlocks(1) == 0);
  world.tag("BOB");
  world.run_for(10000);
  CHECK(world.charger.unlocks(1) == 1);
  CHECK(world.problems() == "");
}

TEST_CASE_FIXTURE(ReaderOfTheFirst,
                  "a reader for all passes over the connectors that it does not serve") {
  plug(2);
  world.tag("ALICE");
  CHECK(wait("Preparing", 5000, 1));
  CHECK(status(2) == "Preparing");
  world.charger.plug(1);
  CHECK(wait("Charging", 20000, 1));
  world.tag("BOB");
  world.run_for(5000);
  CHECK(rejected() == 1);
  world.tag("BOB", 2);
  CHECK(wait("Charging", 20000, 2));
}

TEST_CASE_FIXTURE(TwoConnectors,
                  "who is let in by others than the CSMS charges without being asked about") {
  const auto authorize = [&](uint8_t connector_id) {
    return world.charge_point->authorize(connector_id, charger::IdTag("HOUSE"), world.now());
  };
  CHECK(authorize(0) == common::Status::kInvalidState);
  CHECK(authorize(3) == common::Status::kInvalidState);
  plug(1);
  REQUIRE(authorize(1) == common::Status::kOk);
  CHECK(authorize(1) == common::Status::kInvalidState);
  REQUIRE(wait("Charging"));
  CHECK(world.csms.received["Authorize"] == 0);
  CHECK(world.csms.transactions.size() == 1);
  CHECK(world.charge_point->stop_transaction(1, world.now(), ocpp::StopReason::kOther) ==
        common::Status::kOk);
  world.run_for(15000);
  CHECK(status() == "Finishing");
  REQUIRE(world.csms.transactions[0].stops == 1);
  CHECK(world.csms.transactions[0].id_tag == "HOUSE");
  CHECK(world.csms.transactions[0].reason == "Other");
}

TEST_CASE_FIXTURE(TwoConnectors,
                  "a transaction stopped while its wallbox is silent ends with the last register") {
  charge(1);
  world.run_for(60000);
  world.charger.set_silent(1, true);
  world.run_for(20000);
  const int64_t last_wh = last_register();
  REQUIRE(last_wh > 0);
  REQUIRE(world.charge_point->stop_transaction(1, world.now(), ocpp::StopReason::kOther) ==
          common::Status::kOk);
  world.run_for(15000);
  REQUIRE(world.csms.transactions[0].stops == 1);
  CHECK(world.csms.transactions[0].meter_stop == last_wh);
  CHECK(world.csms.transactions[0].reason == "Other");
  CHECK_FALSE(world.charge_point->offer(1).permit);  // the bridge writes that when it is back
}
