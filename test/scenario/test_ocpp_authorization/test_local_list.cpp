#include "fixture.hpp"

// The local authorization list (OCPP 1.6 ed. 2, 3.5.2, 5.10, 5.15).

// Rules: R-3.5.2-1 R-3.5.2-2 R-3.5.2-3 R-5.10-1 R-5.15-1 R-5.15-2
TEST_CASE_FIXTURE(Fixture, "a list survives a power cut and lets its tags charge offline") {
  CHECK(world.configuration("SupportedFeatureProfiles").find("LocalAuthListManagement") !=
        std::string::npos);
  CHECK(world.configuration("LocalAuthListMaxLength") == "500");
  CHECK(world.configuration("SendLocalListMaxLength") == "39");
  CHECK(list_version() == 0);
  CHECK(send_list(17, "Full", entry("ALICE") + "," + entry("BOB", "Blocked")) == "Accepted");
  CHECK(list_version() == 17);
  world.disconnect();
  power_cut();
  CHECK(may_charge("ALICE"));
  CHECK_FALSE(may_charge("BOB"));
  CHECK_FALSE(may_charge("CAROL"));
  world.connect();
  world.run_for(5000);
  CHECK(list_version() == 17);
  CHECK(world.problems() == "");
}

// Rules: R-5.15-1 R-5.15-3 R-5.15-4 R-5.15-5 R-5.15-7
TEST_CASE_FIXTURE(Fixture, "a difference adds, replaces and removes; an old one changes nothing") {
  CHECK(send_list(5, "Full", entry("A") + "," + entry("B") + "," + entry("C")) == "Accepted");
  CHECK(send_list(6, "Differential",
                  removal("A") + "," + entry("B", "Blocked") + "," + entry("D") + "," +
                      removal("NEVER THERE")) == "Accepted");
  CHECK(list_version() == 6);
  CHECK(send_list(6, "Differential", removal("C")) == "VersionMismatch");
  CHECK(send_list(2, "Differential", removal("C")) == "VersionMismatch");
  CHECK(send_list(9, "Differential", "-") == "Accepted");
  CHECK(list_version() == 9);
  CHECK(send_list(10, "Differential", "") == "Accepted");
  CHECK(list_version() == 10);
  world.disconnect();
  CHECK_FALSE(may_charge("A"));
  CHECK_FALSE(may_charge("B"));
  CHECK(may_charge("C"));
  CHECK(may_charge("D"));
  world.connect();
  world.run_for(5000);
  // A full list of an older version is a list all the same.
  CHECK(send_list(3, "Full", entry("E")) == "Accepted");
  CHECK(list_version() == 3);
}

// Rules: R-5.15-4 R-5.10-1
TEST_CASE_FIXTURE(Fixture,
                  "a full list without entries empties it, and an empty list has version 0") {
  for (const char* nothing : {"-", ""}) {
    CHECK(send_list(5, "Full", entry("A")) == "Accepted");
    CHECK(send_list(6, "Full", nothing) == "Accepted");
    CHECK(list_version() == 0);
  }
  CHECK(send_list(1, "Differential", entry("A")) == "Accepted");
  CHECK(list_version() == 1);
  CHECK(send_list(2, "Differential", removal("A")) == "Accepted");
  CHECK(list_version() == 0);
}

// Rules: R-5.15-6 R-5.15-8 R-5.15-2
TEST_CASE_FIXTURE(Fixture, "a list that is wrong in any part is refused whole") {
  CHECK(send_list(5, "Full", entry("A")) == "Accepted");
  CHECK(send_list(6, "Full", entry("B") + "," + entry("C") + "," + entry("b")) == "Failed");
  CHECK(send_list(6, "Differential", entry("B") + "," + removal("B")) == "Failed");
  CHECK(send_list(6, "Full", entry("B") + "," + removal("C")) == "Failed");
  CHECK(send_list(6, "Full", entry("")) == "Failed");
  CHECK(send_list(0, "Full", entry("B")) == "Failed");
  CHECK(send_list(-1, "Full", entry("B")) == "Failed");
  CHECK(send_list(0, "Differential", entry("B")) == "VersionMismatch");
  CHECK(send_list(-1, "Differential", entry("B")) == "VersionMismatch");
  std::string many;
  for (int i = 0; i < 65; ++i) many += (i == 0 ? "" : ",") + removal("T" + std::to_string(i));
  CHECK(send_list(6, "Differential", many) == "Failed");
  CHECK(world
            .call_frame("SendLocalList",
                        R"({"listVersion":6,"updateType":"Full","localAuthorizationList":)"
                        R"([{"idTag":"B","idTagInfo":{"status":"Great"}}]})")
            .find("PropertyConstraintViolation") != std::string::npos);
  CHECK(list_version() == 5);
  world.disconnect();
  CHECK(may_charge("A"));
  CHECK_FALSE(may_charge("B"));
}

TEST_CASE_FIXTURE(Fixture, "500 tags in several updates, and not one more") {
  constexpr int kEach = 20;
  for (int i = 0; i < 500; i += kEach) {
    std::string some;
    for (int k = i; k < i + kEach; ++k)
      some += (k == i ? "" : ",") + entry("TAG" + std::to_string(k), "Accepted",
                                          "PARENT OF MANY TAGS", "2036-01-01T00:00:00.000Z");
    REQUIRE(send_list(i + 1, i == 0 ? "Full" : "Differential", some) == "Accepted");
  }
  CHECK(list_version() == 481);
  CHECK(send_list(482, "Differential", entry("ONE MORE")) == "Failed");
  CHECK(send_list(482, "Differential", entry("ONE MORE") + "," + removal("TAG77")) == "Accepted");
  world.disconnect();
  power_cut();
  CHECK(may_charge("TAG0"));
  CHECK(may_charge("TAG499"));
  CHECK(may_charge("ONE MORE"));
  CHECK_FALSE(may_charge("TAG77"));
  CHECK(world.problems() == "");
}

TEST_CASE_FIXTURE(Fixture, "the longest entries as many as announced are taken") {
  const int most = std::stoi(world.configuration("SendLocalListMaxLength"));
  std::string longest;
  for (int i = 0; i < most; ++i) {
    const std::string number = std::to_string(1000 + i);
    longest += (i == 0 ? "" : ",") + entry("ABCDEFGHIJKLMNOP" + number, "ConcurrentTx",
                                           "abcdefghijklmnop" + number, "2036-01-01T00:00:00.000Z");
  }
  CHECK(send_list(2147483647, "Differential", longest) == "Accepted");
  CHECK(list_version() == 2147483647);
}

// Rules: R-5.10-1 R-3.5.2-3 R-5.15-2
TEST_CASE_FIXTURE(Fixture, "a list that is switched off is neither used nor changed") {
  CHECK(send_list(5, "Full", entry("A")) == "Accepted");
  CHECK(world.call("ChangeConfiguration", R"({"key":"LocalAuthListEnabled","value":"false"})") ==
        "Accepted");
  CHECK(list_version() == -1);
  CHECK(send_list(6, "Full", entry("B")) == "NotSupported");
  world.disconnect();
  CHECK_FALSE(may_charge("A"));
  set("LocalAuthListEnabled", "true");
  CHECK(may_charge("A"));
  world.connect();
  world.run_for(5000);
  CHECK(list_version() == 5);
}

// Rules: R-3.5.4-2 R-3.5.4-3
TEST_CASE_FIXTURE(Fixture, "offline the list refuses who is not accepted or has expired") {
  CHECK(send_list(1, "Full",
                  entry("BLOCKED", "Blocked") + "," +
                      entry("OLD", "Accepted", "", "2026-01-01T00:00:00Z") + "," +
                      entry("GOOD", "Accepted", "", "2036-01-01T00:00:00Z")) == "Accepted");
  world.disconnect();
  set("AllowOfflineTxForUnknownId", "true");
  CHECK_FALSE(may_charge("BLOCKED"));
  CHECK_FALSE(may_charge("OLD"));
  CHECK(may_charge("GOOD"));
}

// Rules: R-3.5.3-1 R-3.5.3-2 R-3.5.2-4 R-4.1-5
TEST_CASE_FIXTURE(Fixture, "the list has priority over the cache, and its tags never get into it") {
  CHECK(may_charge("ALICE"));
  CHECK(send_list(1, "Full", entry("ALICE", "Blocked") + "," + entry("BOB")) == "Accepted");
  CHECK(may_charge("BOB"));
  world.disconnect();
  CHECK_FALSE(may_charge("ALICE"));
  world.connect();
  world.run_for(20000);
  CHECK(list_version() == 1);
  CHECK(send_list(2, "Full", "") == "Accepted");
  world.disconnect();
  CHECK_FALSE(may_charge("BOB"));
  CHECK_FALSE(may_charge("ALICE"));
}

// Rules: R-3.5.2-4 R-3.5.2-5
TEST_CASE_FIXTURE(Fixture, "a CSMS that contradicts its own list is told so, and the list stays") {
  CHECK(send_list(1, "Full", entry("ALICE") + "," + entry("BOB", "Blocked")) == "Accepted");
  CHECK(may_charge("ALICE"));
  CHECK(conflicts() == 0);
  world.csms.id_tags["ALICE"] = "Invalid";
  CHECK_FALSE(may_charge("ALICE"));
  CHECK(conflicts() == 1);
  CHECK(may_charge("BOB"));  // online the CSMS decides
  CHECK(conflicts() >= 2);
  CHECK(world.csms.last_status(0) == "Available");
  world.disconnect();
  CHECK(may_charge("ALICE"));
  const size_t before = conflicts();
  world.connect();
  world.run_for(10000);
  // The start that was accepted offline is contradicted by StartTransaction.conf.
  CHECK(conflicts() == before + 1);
  CHECK(list_version() == 1);
  CHECK(world.problems() == "");
}

TEST_CASE_FIXTURE(Fixture, "a tag that charges elsewhere is no conflict with the list") {
  CHECK(send_list(1, "Full", entry("ALICE")) == "Accepted");
  world.csms.id_tags["ALICE"] = "ConcurrentTx";
  CHECK_FALSE(may_charge("ALICE"));
  CHECK(conflicts() == 0);
}

// Rules: R-3.10-1 R-3.10-2
TEST_CASE_FIXTURE(Fixture, "offline the list says who is of a group and may stop for another") {
  CHECK(send_list(1, "Full",
                  entry("ALICE", "Accepted", "FAMILY") + "," + entry("BOB", "Accepted", "family") +
                      "," + entry("CAROL", "Accepted", "OTHERS") + "," +
                      entry("DAVE", "Blocked", "FAMILY") + "," + entry("FAMILY")) == "Accepted");
  world.disconnect();
  tag("ALICE");
  REQUIRE(charges());
  for (const char* other : {"CAROL", "DAVE", "FAMILY", "STRANGER"}) {
    tag(other);
    CHECK(charges());
  }
  tag("BOB");
  CHECK_FALSE(charges());
  world.connect();
  world.run_for(10000);
  REQUIRE(world.csms.transactions.size() == 1);
  CHECK(world.csms.transactions[0].reason == "Local");
  CHECK(world.csms.transactions[0].stop_payload.find("BOB") != std::string::npos);
}

// Rules: R-3.10-1
TEST_CASE_FIXTURE(Fixture,
                  "the list knows the group of a transaction that went through a restart") {
  CHECK(send_list(1, "Full",
                  entry("ALICE", "Accepted", "FAMILY") + "," +
                      entry("BOB", "Accepted", "FAMILY")) == "Accepted");
  world.disconnect();
  tag("ALICE");
  REQUIRE(charges());
  power_cut();
  world.run_for(10000);
  REQUIRE(charges());
  tag("BOB");
  CHECK_FALSE(charges());
}

// Rules: R-3.10-1 R-4.1-2
TEST_CASE_FIXTURE(Fixture, "with LocalPreAuthorize a tag of the group stops without a question") {
  CHECK(send_list(1, "Full",
                  entry("ALICE", "Accepted", "FAMILY") + "," +
                      entry("BOB", "Accepted", "FAMILY")) == "Accepted");
  world.csms.parents["ALICE"] = "FAMILY";
  set("LocalPreAuthorize", "true");
  tag("ALICE");
  CHECK(asked() == 0);
  tag("STRANGER");
  CHECK(asked() == 1);
  CHECK(charges());
  tag("BOB");
  CHECK(asked() == 1);
  CHECK_FALSE(charges());
}

TEST_CASE("lists, caches and groups allocate nothing") {
  ocpp_world::World::Setup setup;
  setup.counts_allocations = true;
  Fixture fixture(setup);
  std::string fifty;
  for (int i = 0; i < 50; ++i)
    fifty += (i == 0 ? "" : ",") + Fixture::entry("04A1B2C3D4E5" + std::to_string(10 + i));
  CHECK(fixture.send_list(1, "Full", fifty) == "Accepted");
  CHECK(fixture.send_list(2, "Differential", Fixture::removal("04A1B2C3D4E511")) == "Accepted");
  for (const char* id_tag : {"A", "B", "C", "D", "E", "F", "G", "04A1B2C3D4E510"})
    CHECK(fixture.may_charge(id_tag));
  fixture.world.disconnect();
  CHECK(fixture.may_charge("04A1B2C3D4E520"));
  CHECK(fixture.may_charge("C"));
  CHECK(fixture.world.allocations == 0);
}
