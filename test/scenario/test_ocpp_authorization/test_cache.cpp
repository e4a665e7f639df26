#include "fixture.hpp"

// The authorization cache, and what may be decided without the CSMS (OCPP 1.6 ed. 2, 3.5).

// Rules: R-3.5.1-2 R-3.5.1-6 R-3.5-1 R-3.5.4-4 R-4.1-4 R-4.1-5
TEST_CASE_FIXTURE(Fixture, "who was accepted once may charge offline, also after a power cut") {
  CHECK(may_charge("ALICE"));
  CHECK(asked() == 1);
  world.disconnect();
  CHECK(may_charge("alice"));
  CHECK_FALSE(may_charge("MALLORY"));
  power_cut();
  CHECK(may_charge("ALICE"));
  world.connect();
  world.run_for(20000);
  CHECK(world.csms.transactions.size() == 3);
  CHECK(asked() == 1);
  CHECK(world.problems() == "");
}

// Rules: R-3.5-1 R-3.5.4-1
TEST_CASE_FIXTURE(Fixture, "without LocalAuthorizeOffline nobody charges offline, known or not") {
  CHECK(may_charge("ALICE"));
  set("LocalAuthorizeOffline", "false");
  world.disconnect();
  CHECK_FALSE(may_charge("ALICE"));
  // Who lets in strangers lets in those it knows, but not those it knows to be refused.
  set("AllowOfflineTxForUnknownId", "true");
  CHECK(may_charge("ALICE"));
  CHECK(may_charge("STRANGER"));
}

// Rules: R-3.5.1-1 R-3.5.1-4 R-3.5.1-7
TEST_CASE_FIXTURE(Fixture, "who was refused last is refused offline, and asked for online") {
  CHECK(may_charge("ALICE"));
  world.csms.id_tags["ALICE"] = "Blocked";
  CHECK_FALSE(may_charge("ALICE"));
  world.disconnect();
  set("AllowOfflineTxForUnknownId", "true");
  CHECK_FALSE(may_charge("ALICE"));
  world.connect();
  world.run_for(5000);
  world.csms.id_tags.erase("ALICE");
  set("LocalPreAuthorize", "true");
  const int before = asked();
  CHECK(may_charge("ALICE"));
  CHECK(asked() == before + 1);
}

// Rules: R-4.8-3 R-3.5.1-2
TEST_CASE_FIXTURE(Fixture, "the answer to StartTransaction goes into the cache") {
  CHECK(world.call("RemoteStartTransaction", R"({"connectorId":1,"idTag":"REMOTE"})") ==
        "Accepted");
  world.run_for(15000);
  CHECK(charges());
  CHECK(asked() == 0);
  next_car();
  world.disconnect();
  CHECK(may_charge("REMOTE"));
}

// Rules: R-4.10-10 R-3.5.1-2
TEST_CASE_FIXTURE(Fixture, "the answer to StopTransaction goes into the cache") {
  world.csms.tells_validity_at_stop = true;
  tag("ALICE");
  world.csms.id_tags["ALICE"] = "Expired";
  tag("ALICE");
  next_car();
  world.disconnect();
  CHECK_FALSE(may_charge("ALICE"));
}

// Rules: R-3.5-2
TEST_CASE_FIXTURE(Fixture, "with LocalPreAuthorize a known tag starts at once") {
  set("LocalPreAuthorize", "true");
  CHECK(may_charge("ALICE"));
  CHECK(asked() == 1);
  world.csms.faults.ignore["Authorize"] = 100;
  CHECK(may_charge("ALICE"));
  CHECK(asked() == 1);
  set("LocalPreAuthorize", "false");
  world.tag("ALICE");
  world.run_for(5000);
  CHECK(asked() == 2);
  CHECK_FALSE(charges());
}

// Rules: R-3.5-2 R-3.5.4-5
TEST_CASE_FIXTURE(Fixture, "what the CSMS says to the start overrules LocalPreAuthorize") {
  set("LocalPreAuthorize", "true");
  CHECK(may_charge("ALICE"));
  world.csms.id_tags["ALICE"] = "Blocked";
  tag("ALICE");
  world.run_for(15000);
  CHECK_FALSE(charges());
  REQUIRE(world.csms.transactions.size() == 2);
  CHECK(world.csms.transactions[1].reason == "DeAuthorized");
  next_car();
  world.disconnect();
  CHECK_FALSE(may_charge("ALICE"));
  CHECK(world.problems() == "");
}

// Rules: R-3.5.1-3 R-3.5.4-3
TEST_CASE_FIXTURE(Fixture, "offline a tag is refused once its date has passed") {
  world.csms.expiries_ms["ALICE"] = utc_ms() + 3'600'000;
  CHECK(may_charge("ALICE"));
  world.disconnect();
  CHECK(may_charge("ALICE"));
  world.run_for(3'600'000);
  set("AllowOfflineTxForUnknownId", "true");
  CHECK_FALSE(may_charge("ALICE"));
}

// Rules: R-3.5.4-3
TEST_CASE_FIXTURE(Fixture,
                  "a gateway that does not know the time trusts no tag that may have expired") {
  world.csms.expiries_ms["ALICE"] = utc_ms() + 3'600'000;
  CHECK(may_charge("ALICE"));
  CHECK(may_charge("BOB"));
  world.run_for(20000);
  world.disconnect();
  power_cut(false);
  CHECK_FALSE(may_charge("ALICE"));
  CHECK(may_charge("BOB"));
}

// Rules: R-3.5.1-8 R-5.4-1
TEST_CASE_FIXTURE(Fixture, "the cache can be switched off and cleared") {
  CHECK(world.configuration("AuthorizationCacheEnabled") == "true");
  CHECK(may_charge("ALICE"));
  CHECK(world.call("ChangeConfiguration",
                   R"({"key":"AuthorizationCacheEnabled","value":"false"})") == "Accepted");
  CHECK(may_charge("BOB"));
  world.disconnect();
  CHECK_FALSE(may_charge("ALICE"));
  set("AuthorizationCacheEnabled", "true");
  CHECK(may_charge("ALICE"));
  CHECK_FALSE(may_charge("BOB"));
  world.connect();
  world.run_for(5000);
  CHECK(world.call("ClearCache", "{}") == "Accepted");
  world.disconnect();
  CHECK_FALSE(may_charge("ALICE"));
  power_cut();
  CHECK_FALSE(may_charge("ALICE"));
}

TEST_CASE_FIXTURE(Fixture, "clearing the cache leaves transactions alone") {
  tag("ALICE");
  CHECK(world.call("ClearCache", "{}") == "Accepted");
  world.run_for(5000);
  CHECK(charges());
  tag("ALICE");
  REQUIRE(world.csms.transactions.size() == 1);
  CHECK(world.csms.transactions[0].stops == 1);
}

TEST_CASE_FIXTURE(Fixture, "a daily customer costs no write to the cache") {
  CHECK(may_charge("ALICE"));
  world.run_for(20000);
  const std::vector<uint8_t> before = world.files.raw("auth_cache.bin");
  REQUIRE(!before.empty());
  world.files.raw("auth_cache.bin").push_back(0);  // a rewrite would drop it
  for (int i = 0; i < 5; ++i) {
    CHECK(may_charge("ALICE"));
    world.run_for(3'600'000);
  }
  CHECK(world.files.raw("auth_cache.bin").size() == before.size() + 1);
}

// Rules: R-4.1-1 R-4.1-2 R-4.1-3 R-3.4-1
TEST_CASE_FIXTURE(Fixture, "no energy before authorization, and no question to stop one's own") {
  world.run_for(20000);
  CHECK_FALSE(charges());
  world.csms.faults.delay_ms = 3000;
  world.tag("ALICE");
  world.run_for(2000);
  CHECK_FALSE(charges());
  world.run_for(20000);
  CHECK(charges());
  CHECK(asked() == 1);
  tag("ALICE");
  CHECK_FALSE(charges());
  CHECK(asked() == 1);
}
