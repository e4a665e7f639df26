// Purpose:       The security log: what it holds, what shows when it was changed, and its upload by GetLog.
// Given:         A gateway with the security extension in virtual time, a model CSMS, a file server that fails on purpose.
// Steps:         See each case.
// Pass criteria: One file for each request; each status is told once, with the number of the request.
// Spec:          OCPP 1.6 security whitepaper ed. 3, A04, N01, 5.3.
#include "fixture.hpp"

using ocpp::SecurityEvent;
using Fault = platform_sim::SimFileServer::Fault;

namespace {

size_t lines(const std::string& text) {
  size_t found = 0;
  for (const char c : text) found += c == '\n' ? 1 : 0;
  return found;
}

}  // namespace

// Rules: WP-N01.FR.01 WP-N01.FR.03 WP-N01.FR.07 WP-N01.FR.08 WP-A04.FR.04
TEST_CASE_FIXTURE(Fixture,
                  "the security log is uploaded as one file, under the name that was answered") {
  world.security->report(SecurityEvent::ReconfigurationOfSecurityParameters, "AuthorizationKey");
  const std::string answer = get_log(7);
  CHECK(contains(answer, R"("status":"Accepted")"));
  CHECK(contains(answer, R"("filename":"security-0001-)"));
  world.run_for(20000);
  CHECK(statuses("LogStatusNotification") == "Uploading Uploaded ");
  for (const std::string& payload : calls_of("LogStatusNotification"))
    CHECK(contains(payload, R"("requestId":7)"));
  CHECK(world.file_server.uploads.size() == 1);
  const std::string file = upload();
  CHECK(contains(file, R"({"log":"security","version":2,"anchor":")"));
  CHECK(contains(file, R"("event":"StartupOfTheDevice","info":"power on")"));
  // Not told to the CSMS, but noted.
  CHECK(
      contains(file, R"("event":"ReconfigurationOfSecurityParameters","info":"AuthorizationKey")"));
  CHECK(count("ReconfigurationOfSecurityParameters") == 0);
  CHECK(world.problems() == "");
}

// Rules: WP-N01.FR.03
TEST_CASE_FIXTURE(Fixture, "the diagnostics log is that of GetDiagnostics") {
  CHECK(contains(get_log(8, "DiagnosticsLog"), R"("filename":"diagnostics-0001-)"));
  world.run_for(20000);
  CHECK(lines(upload()) == static_cast<size_t>(world.diagnostics.kLines));
  CHECK(contains(world.call_frame("GetDiagnostics", R"({"location":"http://files.example/"})"),
                 "fileName"));
  world.run_for(20000);
  CHECK(world.file_server.uploads.size() == 2);
}

// Rules: WP-N01.FR.11
TEST_CASE_FIXTURE(Fixture, "a new request for a log takes the place of the one under way") {
  world.file_server.bytes_per_s = 100;
  CHECK(contains(get_log(1, "DiagnosticsLog", "http://files.example/first.txt"), "Accepted"));
  world.run_for(2000);
  CHECK(contains(get_log(2, "SecurityLog", "http://files.example/second.txt"), "AcceptedCanceled"));
  world.run_for(60000);
  CHECK(world.file_server.uploads.count("http://files.example/first.txt") == 0);
  CHECK(world.file_server.uploads.count("http://files.example/second.txt") == 1);
  const auto told = calls_of("LogStatusNotification");
  CHECK(contains(told.back(), R"("requestId":2)"));
  CHECK(contains(told.back(), "Uploaded"));
}

TEST_CASE_FIXTURE(Fixture, "GetLog and GetDiagnostics of the same text do not mix") {
  world.file_server.bytes_per_s = 1000;
  (void)get_log(1, "DiagnosticsLog", "http://files.example/log.txt");
  world.run_for(1000);
  (void)world.call_frame("GetDiagnostics",
                         R"({"location":"http://files.example/diagnostics.txt"})");
  world.run_for(60000);
  for (const char* url : {"http://files.example/log.txt", "http://files.example/diagnostics.txt"})
    CHECK(lines(world.file_server.uploads[url]) == static_cast<size_t>(world.diagnostics.kLines));
}

// Rules: WP-N01.FR.08
TEST_CASE_FIXTURE(Fixture, "an upload that fails for good is told") {
  world.file_server.faults.assign(9, Fault{Fault::Kind::kRefuse, 0});
  CHECK(contains(world.call_frame("GetLog", R"({"logType":"SecurityLog","requestId":3,"retries":1,)"
                                            R"("retryInterval":10,"log":{"remoteLocation":)"
                                            R"("http://files.example/a.txt"}})"),
                 "Accepted"));
  world.run_for(120'000);
  CHECK(statuses("LogStatusNotification") == "Uploading BadMessage ");
}

// Rules: WP-N01.FR.08
TEST_CASE_FIXTURE(Fixture, "a scheme that no transfer knows is told as such") {
  CHECK(contains(get_log(4, "SecurityLog", "gopher://files.example/a.txt"), "Accepted"));
  world.run_for(120'000);
  CHECK(statuses("LogStatusNotification") == "Uploading NotSupportedOperation ");
}

TEST_CASE_FIXTURE(Fixture, "an upload goes on after a restart, under its number") {
  world.file_server.bytes_per_s = 100;
  (void)get_log(5);
  world.run_for(2000);
  world.file_server.bytes_per_s = 100'000;
  restart();
  world.run_for(30000);
  CHECK(contains(calls_of("LogStatusNotification").back(), R"("requestId":5)"));
  CHECK(statuses("LogStatusNotification") == "Uploading Uploaded ");
}

// Rules: WP-N01.FR.07
TEST_CASE_FIXTURE(Fixture,
                  "a triggered status of a log says Idle without a number, or the present one") {
  const auto trigger = [this] {
    const std::string status =
        world.call("ExtendedTriggerMessage", R"({"requestedMessage":"LogStatusNotification"})");
    world.run_for(1000);
    return status;
  };
  CHECK(trigger() == "Accepted");
  CHECK(calls_of("LogStatusNotification").back() == R"({"status":"Idle"})");
  world.file_server.bytes_per_s = 100;
  (void)get_log(6);
  world.run_for(2000);
  CHECK(trigger() == "Accepted");
  CHECK(calls_of("LogStatusNotification").back() == R"({"status":"Uploading","requestId":6})");
}

TEST_CASE_FIXTURE(Fixture, "ExtendedTriggerMessage sends what TriggerMessage sends") {
  for (const char* message :
       {"Heartbeat", "BootNotification", "StatusNotification", "MeterValues"}) {
    world.csms.calls.clear();
    CHECK(world.call("ExtendedTriggerMessage", std::string(R"({"requestedMessage":")") + message +
                                                   R"(","connectorId":1})") == "Accepted");
    world.run_for(3000);
    CHECK(calls_of(message).size() >= 1);
  }
  CHECK(world.call("ExtendedTriggerMessage",
                   R"({"requestedMessage":"StatusNotification","connectorId":9})") == "Rejected");
  CHECK(world.call("ExtendedTriggerMessage", R"({"requestedMessage":"Nonsense"})") ==
        "NotImplemented");
}

TEST_CASE("without the extension its messages are not supported") {
  ocpp_world::Online plain;
  CHECK(contains(plain.world.call_frame("GetLog", R"({"logType":"SecurityLog","requestId":1,)"
                                                  R"("log":{"remoteLocation":"http://f/a.txt"}})"),
                 "NotSupported"));
}

// Rules: WP-8-1
TEST_CASE_FIXTURE(Fixture, "a log that was deleted, cut off or changed is told") {
  SUBCASE("deleted") { (void)world.files.remove("security.log"); }
  SUBCASE("cut off") {
    world.security->report(SecurityEvent::MemoryExhaustion, "");
    world.run_for(1000);
    std::vector<uint8_t>& file = world.files.raw("security.log");
    file.resize(file.size() / 2);
  }
  SUBCASE("changed") {
    for (int i = 0; i < 3; ++i) {
      world.security->report(SecurityEvent::MemoryExhaustion, i == 1 ? "hide me" : "keep");
      world.run_for(3'700'000);
    }
    std::vector<uint8_t>& file = world.files.raw("security.log");
    const std::string text(file.begin(), file.end());
    const size_t at = text.find("hide me");
    REQUIRE(at != std::string::npos);
    file[at] ^= 1U;
  }
  restart();
  CHECK(count("SecurityLogWasCleared") == 1);
  restart();
  CHECK(count("SecurityLogWasCleared") == 1);
}

TEST_CASE_FIXTURE(Fixture, "a log that is broken in several places is told of once") {
  for (int i = 0; i < 5; ++i)
    world.security->report(SecurityEvent::ReconfigurationOfSecurityParameters, "change me");
  world.run_for(1000);
  // As somebody does it who knows the format, but not how entries are chained.
  world.files.raw("security.log").clear();
  {
    platform::RecordLog forged(world.files, "security.log", ocpp::SecurityLog::kMaxBytes);
    struct Nothing final : platform::RecordLog::Visitor {
      void on_record(const platform::RecordLog::Record&) override {}
    } nothing;
    REQUIRE(forged.load(nothing) == common::Status::kOk);
    uint8_t entry[52] = {7};
    for (int i = 0; i < 12; ++i) REQUIRE(forged.append(1, common::ByteSpan(entry)).ok());
    // ... and that the CSMS knows whatever will come.
    const uint8_t through[] = {255, 255, 255, 255};
    REQUIRE(forged.append(2, common::ByteSpan(through)).ok());
  }
  for (int i = 0; i < 3; ++i) {
    restart();
    CHECK(count("SecurityLogWasCleared") == 1);
  }
  CHECK(contains(calls_of("SecurityEventNotification").at(1), "StartupOfTheDevice"));
}

// Rules: WP-A04.FR.04
TEST_CASE_FIXTURE(Fixture,
                  "the log keeps the last entries and its chain, however many there were") {
  for (int i = 0; i < 600; ++i) {
    world.security->report(SecurityEvent::ReconfigurationOfSecurityParameters,
                           ("entry " + std::to_string(i)).c_str());
    world.run_for(50);
  }
  CHECK(world.security->log().size_bytes() <= ocpp::SecurityLog::kMaxBytes);
  (void)get_log(1);
  world.run_for(20000);
  CHECK(contains(upload(), "entry 599"));
  CHECK(lines(upload()) > 50);
  restart();
  CHECK(count("SecurityLogWasCleared") == 0);
}

// Rules: WP-A04.FR.02
TEST_CASE_FIXTURE(Fixture, "what was not told stays while what was told makes room") {
  world.disconnect();
  world.security->report(SecurityEvent::TamperDetectionActivated, "stay");
  for (int i = 0; i < 80; ++i) {
    world.security->report(SecurityEvent::ReconfigurationOfSecurityParameters,
                           ("entry " + std::to_string(i)).c_str());
    world.run_for(50);
  }
  world.connect();
  world.run_for(20000);
  CHECK(count("TamperDetectionActivated") == 1);
}
