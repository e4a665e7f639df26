// Purpose:       What a GetLog asks for beyond one upload: a period, retries, another log in its place.
// Given:         A gateway with the security extension in virtual time, a file server that is slow or fails on purpose.
// Steps:         See each case.
// Pass criteria: The file holds the entries of the period, and its chain holds all the same; each request ends with one status.
// Spec:          OCPP 1.6 security whitepaper ed. 3, N01.
#include "fixture.hpp"
#include "log_file.hpp"

using ocpp::SecurityEvent;
using Fault = platform_sim::SimFileServer::Fault;

namespace {

struct Upload : Fixture {
  /// @param more  Members of the request. @param period  Members of its log.
  std::string order(int request_id, const std::string& type, const std::string& url,
                    const std::string& more = "", const std::string& period = "") {
    return world.call("GetLog", R"({"logType":")" + type + R"(","requestId":)" +
                                    std::to_string(request_id) + more +
                                    R"(,"log":{"remoteLocation":")" + url + "\"" + period + "}}");
  }
  /// Entries an hour apart, the first at 9:00; it is 8:00.
  void note_hourly(int count) {
    for (int i = 0; i < count; ++i) {
      world.run_until(common::Instant{(i + 1) * 3'600'000});
      world.security->report(SecurityEvent::ReconfigurationOfSecurityParameters,
                             ("key" + std::to_string(i)).c_str());
    }
    world.run_for(1000);
  }
  std::string at(const std::string& url) { return world.file_server.uploads[url]; }
  /// Statuses that were told, each with its request, each followed by a blank.
  std::string told_of(int request_id) const {
    std::string all;
    for (const std::string& payload : calls_of("LogStatusNotification")) {
      if (!contains(payload, "\"requestId\":" + std::to_string(request_id) + "}")) continue;
      const size_t begin = payload.find("\"status\":\"") + 10;
      all += payload.substr(begin, payload.find('"', begin) - begin) + " ";
    }
    return all;
  }
};

constexpr char kUrl[] = "http://files.example/log.txt";

}  // namespace

// Rules: WP-N01.FR.03
TEST_CASE_FIXTURE(Upload,
                  "of a security log the entries of the period are given, and the chain holds") {
  note_hourly(6);
  std::string period;
  std::string expected;
  size_t left_out = 0;
  SUBCASE("all") { expected = "power on  key0 key1 key2 key3 key4 key5 "; }
  SUBCASE("from one on") {
    period = R"(,"oldestTimestamp":"2027-01-15T11:30:00Z")";
    expected = "key3 key4 key5 ";
    left_out = 1;
  }
  SUBCASE("up to one") {
    period = R"(,"latestTimestamp":"2027-01-15T10:30:00Z")";
    expected = "power on  key0 key1 ";
    left_out = 1;
  }
  SUBCASE("from one to another") {
    period =
        R"(,"oldestTimestamp":"2027-01-15T10:30:00Z","latestTimestamp":"2027-01-15T12:30:00Z")";
    expected = "key2 key3 ";
    left_out = 2;
  }
  SUBCASE("none") {
    period =
        R"(,"oldestTimestamp":"2027-01-15T10:30:00Z","latestTimestamp":"2027-01-15T10:40:00Z")";
    left_out = 1;
  }
  CHECK(order(1, "SecurityLog", kUrl, "", period) == "Accepted");
  world.run_for(20000);
  const LogFile file(at(kUrl));
  CHECK(file.problem() == "");
  CHECK(file.entries() == expected);
  CHECK(file.count("left_out") == left_out);
  CHECK(file.count("from") + file.count("to") ==
        (contains(period, "old") ? 1 : 0) + (contains(period, "lat") ? 1 : 0));
}

// Rules: WP-N01.FR.03
TEST_CASE_FIXTURE(Upload, "the period of a request reaches the diagnostics, too") {
  CHECK(
      order(
          1, "DiagnosticsLog", kUrl, "",
          R"(,"oldestTimestamp":"2027-01-15T07:00:00Z","latestTimestamp":"2027-01-15T09:00:00Z")") ==
      "Accepted");
  CHECK(world.diagnostics.from == common::UtcTime{1'799'996'400'000});
  CHECK(world.diagnostics.to == common::UtcTime{1'800'003'600'000});
}

// Rules: WP-N01.FR.03
TEST_CASE_FIXTURE(Upload, "a period that ends before it begins has no log") {
  for (const char* type : {"SecurityLog", "DiagnosticsLog"}) {
    CHECK(
        order(
            1, type, kUrl, "",
            R"(,"oldestTimestamp":"2027-01-15T09:00:00Z","latestTimestamp":"2027-01-15T07:00:00Z")") ==
        "Rejected");
  }
  world.run_for(20000);
  CHECK(calls_of("LogStatusNotification").empty());
}

// Rules: WP-N01.FR.08
TEST_CASE_FIXTURE(Upload,
                  "an upload that fails is tried as often as the request says, and when it says") {
  for (const char* type : {"SecurityLog", "DiagnosticsLog"}) {
    world.csms.calls.clear();
    world.file_server.uploads.clear();
    world.file_server.faults = {{Fault::Kind::kCut, 100}, {Fault::Kind::kRefuse, 0}};
    CHECK(order(5, type, kUrl, R"(,"retries":2,"retryInterval":30)") == "Accepted");
    world.run_for(50000);
    CHECK(told_of(5) == "Uploading ");
    world.run_for(30000);
    CHECK(told_of(5) == "Uploading Uploaded ");
    CHECK_FALSE(at(kUrl).empty());
  }
  CHECK(world.problems() == "");
}

// Rules: WP-N01.FR.11
TEST_CASE_FIXTURE(Upload, "whatever log is asked for takes the place of whatever is under way") {
  int request_id = 0;
  for (const char* first : {"SecurityLog", "DiagnosticsLog"}) {
    for (const char* second : {"SecurityLog", "DiagnosticsLog"}) {
      for (const bool is_waiting : {false, true}) {
        world.file_server.uploads.clear();
        world.file_server.faults.clear();
        if (is_waiting) world.file_server.faults.assign(1, Fault{Fault::Kind::kRefuse, 0});
        world.file_server.bytes_per_s = 100;
        const int old = ++request_id;
        CHECK(order(old, first, "http://files.example/old.txt", R"(,"retryInterval":60)") ==
              "Accepted");
        world.run_for(5000);
        world.file_server.bytes_per_s = 100'000;
        CHECK(order(++request_id, second, kUrl) == "AcceptedCanceled");
        world.run_for(120'000);
        CHECK(world.file_server.uploads.size() == 1);
        CHECK(contains(at(kUrl), second[0] == 'S' ? "\"end\":true" : "of diagnostics"));
        CHECK(told_of(old) == "Uploading ");
        CHECK(told_of(request_id) == "Uploading Uploaded ");
      }
    }
  }
}

TEST_CASE_FIXTURE(Upload, "a log whose ring turns while it is sent says what is missing") {
  for (int i = 0; i < 50; ++i) {
    world.security->report(SecurityEvent::ReconfigurationOfSecurityParameters,
                           (std::to_string(i) + std::string(110, '.')).c_str());
  }
  world.file_server.bytes_per_s = 300;
  CHECK(order(1, "SecurityLog", kUrl) == "Accepted");
  for (int i = 50; i < 80; ++i) {
    world.run_for(200);
    world.security->report(SecurityEvent::ReconfigurationOfSecurityParameters,
                           (std::to_string(i) + std::string(110, '.')).c_str());
  }
  world.file_server.bytes_per_s = 100'000;
  world.run_for(60000);
  const LogFile file(at(kUrl));
  CHECK(file.problem() == "");
  CHECK(file.count("left_out") == 1);
  CHECK(contains(at(kUrl), R"({"left_out":"ring","n":)"));
  CHECK(contains(at(kUrl), R"("info":"79...)"));
}
