// Purpose:       Security events: noted, told to the CSMS however long that takes, once.
// Given:         A gateway with the security extension in virtual time, a model CSMS.
// Steps:         See each case.
// Pass criteria: Every critical event arrives, with the time when it happened.
// Spec:          OCPP 1.6 security whitepaper ed. 3, A04 and 8.
#include "fixture.hpp"

using ocpp::SecurityEvent;

// Rules: WP-A04.FR.01 WP-8-1
TEST_CASE_FIXTURE(Fixture, "a start is told to the CSMS once it has accepted the charge point") {
  CHECK(told() == "StartupOfTheDevice ");
  const std::string payload = calls_of("SecurityEventNotification").at(0);
  CHECK(contains(payload, R"("techInfo":"power on; log 1:)"));            // what ties the log to it
  CHECK(contains(payload, R"("timestamp":"2027-01-15T07:59:59.990Z")"));  // not when it was sent
  world.run_for(3'600'000);
  CHECK(told() == "StartupOfTheDevice ");
  CHECK(world.problems() == "");
}

// Rules: WP-A04.FR.01 WP-8-1
TEST_CASE_FIXTURE(Fixture, "a reset is noted before it happens and told after it") {
  CHECK(world.call("Reset", R"({"type":"Soft"})") == "Accepted");
  REQUIRE(world.restart_on_request(60000));
  world.run_for(5000);
  CHECK(told() == "StartupOfTheDevice ResetOrReboot StartupOfTheDevice ");
  CHECK(world.problems() == "");
}

// Rules: WP-8-1 WP-A04.FR.01
TEST_CASE_FIXTURE(Fixture,
                  "after a factory reset the new log begins with it, and the CSMS is told") {
  (void)world.files.erase_all();
  (void)world.settings.erase("seclog");
  world.security_options.was_reset = true;
  restart();
  world.security_options.was_reset = false;
  CHECK(told() == "StartupOfTheDevice SecurityLogWasCleared StartupOfTheDevice ");
  ocpp::SecurityLog::Reader reader;
  ocpp::SecurityEntry entry;
  REQUIRE(world.security->log().read(reader, entry) == common::Status::kOk);
  CHECK(entry.number == 1);
  CHECK(entry.event == SecurityEvent::SecurityLogWasCleared);
  CHECK(std::string(entry.info.c_str()) == "factory reset");
}

// Rules: WP-8-1
TEST_CASE_FIXTURE(Fixture, "a restart by the watchdog is one that nobody asked for") {
  restart(platform::ResetCause::kWatchdog);
  CHECK(count("ResetOrReboot") == 1);
}

// Rules: WP-8-1
TEST_CASE_FIXTURE(Fixture, "a changed clock is told, a corrected one is not") {
  const common::UtcTime utc = world.charge_point->utc(world.now());
  world.charge_point->on_utc(utc + 3000, world.now());
  world.run_for(5000);
  CHECK(count("SettingSystemTime") == 0);
  world.charge_point->on_utc(utc + 3'600'000, world.now());
  world.run_for(5000);
  CHECK(count("SettingSystemTime") == 1);
}

// Rules: WP-8-1
TEST_CASE_FIXTURE(Fixture, "what the application notices is told") {
  for (const SecurityEvent event :
       {SecurityEvent::MemoryExhaustion, SecurityEvent::TamperDetectionActivated}) {
    world.security->report(event, "why");
    world.run_for(1000);
    CHECK(count(to_string(event)) == 1);
  }
}

// Rules: WP-A04.FR.02
TEST_CASE_FIXTURE(Fixture,
                  "events wait for the CSMS over restarts and are told in order, once each") {
  world.disconnect();
  world.security->report(SecurityEvent::MemoryExhaustion, "first");
  world.run_for(60000);
  (void)world.restart(platform::ResetCause::kPowerOn);
  world.run_for(60000);
  world.security->report(SecurityEvent::TamperDetectionActivated, "second");
  (void)world.restart(platform::ResetCause::kPowerOn);
  world.run_for(3'600'000);
  world.csms.calls.clear();
  world.connect();
  world.run_for(20000);
  CHECK(told() ==
        "MemoryExhaustion StartupOfTheDevice TamperDetectionActivated StartupOfTheDevice ");
  const auto calls = calls_of("SecurityEventNotification");
  CHECK(contains(calls.at(0), R"("timestamp":"2027-01-15T08:00:01.990Z)"));
  restart();
  CHECK(count("MemoryExhaustion") == 1);
  CHECK(world.problems() == "");
}

// Rules: WP-A04.FR.02
TEST_CASE_FIXTURE(Fixture, "an event that is not answered is told again") {
  world.csms.faults.ignore["SecurityEventNotification"] = 2;
  world.security->report(SecurityEvent::MemoryExhaustion, "");
  world.run_for(200'000);
  CHECK(count("MemoryExhaustion") == 3);
}

TEST_CASE_FIXTURE(Fixture, "a CSMS without the message is asked once for each event") {
  world.csms.faults.error_code = "NotImplemented";
  world.csms.faults.call_error["SecurityEventNotification"] = 100;
  world.security->report(SecurityEvent::MemoryExhaustion, "");
  world.security->report(SecurityEvent::TamperDetectionActivated, "");
  world.run_for(600'000);
  CHECK(told() == "StartupOfTheDevice MemoryExhaustion TamperDetectionActivated ");
}

TEST_CASE_FIXTURE(Fixture, "an event that the CSMS fails on three times lets the next one pass") {
  world.csms.faults.call_error["SecurityEventNotification"] = 3;
  world.security->report(SecurityEvent::MemoryExhaustion, "");
  world.security->report(SecurityEvent::TamperDetectionActivated, "");
  world.run_for(600'000);
  CHECK(told() ==
        "StartupOfTheDevice MemoryExhaustion MemoryExhaustion MemoryExhaustion "
        "TamperDetectionActivated ");
}

TEST_CASE_FIXTURE(Fixture, "the same event is noted once an hour") {
  for (int i = 0; i < 50; ++i) {
    world.security->report_recurring(SecurityEvent::InvalidCentralSystemCertificate, "expired");
    world.run_for(60000);
  }
  CHECK(count("InvalidCentralSystemCertificate") == 1);
  world.run_for(3'600'000);
  world.security->report_recurring(SecurityEvent::InvalidCentralSystemCertificate, "expired");
  world.run_for(1000);
  CHECK(count("InvalidCentralSystemCertificate") == 2);
}

// Rules: WP-A04.FR.02
TEST_CASE("whenever the power goes while an event is noted it is told whole, or was not noted") {
  uint64_t bytes = 1;
  bool is_noted = false;
  for (uint64_t cut = 0; cut <= bytes; ++cut) {
    Fixture fixture;
    World& world = fixture.world;
    world.disconnect();
    world.run_for(1000);
    const uint64_t before = world.power.bytes_written();
    world.power.cut_after_bytes(before + cut);
    world.security->report(SecurityEvent::TamperDetectionActivated, "the cover is open");
    const bool was_cut = !world.power.is_on();
    if (!was_cut) bytes = 0;
    fixture.restart();
    CHECK(fixture.told().find("SecurityLogWasCleared") == std::string::npos);
    const size_t count = fixture.count("TamperDetectionActivated");
    CHECK(count <= 1);
    CHECK((count == 1 || !is_noted));  // never lost again once more bytes were written
    is_noted = count == 1;
    if (count == 1)
      CHECK(contains(fixture.calls_of("SecurityEventNotification").at(1), "the cover is open"));
    if (was_cut) bytes = cut + 1;
  }
  CHECK(is_noted);
}
