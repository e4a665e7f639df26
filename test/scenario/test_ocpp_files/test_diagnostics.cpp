// Purpose:       GetDiagnostics from the order to the last status.
// Given:         A gateway in virtual time, a model CSMS, a file server that fails on purpose.
// Steps:         See each case.
// Pass criteria: One file arrives whole; each step is told once and in order.
// Spec:          OCPP 1.6 ed. 2, 4.4, 5.9, 5.17, 6.25, 7.24; errata 3.31, 3.50.
#include "doctest_main/doctest_main.hpp"
#include "ocpp_world/world.hpp"

using ocpp_world::World;
using Fault = platform_sim::SimFileServer::Fault;

namespace {

struct Fixture {
  World world;

  Fixture() { world.start(); }

  std::string get(const std::string& location, const std::string& more = "") {
    return world.call_frame("GetDiagnostics", R"({"location":")" + location + "\"" + more + "}");
  }
  static std::string file_name(const std::string& frame) {
    const std::string mark = "\"fileName\":\"";
    const size_t at = frame.find(mark);
    if (at == std::string::npos) return "";
    return frame.substr(at + mark.size(), frame.find('"', at + mark.size()) - at - mark.size());
  }
  std::string told() const {
    std::string all;
    const std::string mark = "DiagnosticsStatusNotification {\"status\":\"";
    for (const std::string& call : world.csms.calls) {
      if (call.compare(0, mark.size(), mark) != 0) continue;
      all += (all.empty() ? "" : " ") + call.substr(mark.size(), call.size() - mark.size() - 2);
    }
    return all;
  }
  bool wait(const std::string& statuses, int64_t timeout_ms = 60000) {
    return world.run_until([&] { return told() == statuses; }, timeout_ms);
  }
  size_t lines_at(const std::string& url) const {
    const auto file = world.file_server.uploads.find(url);
    if (file == world.file_server.uploads.end()) return 0;
    size_t lines = 0;
    for (const char c : file->second) lines += c == '\n' ? 1 : 0;
    return lines;
  }
};

}  // namespace

// Rules: R-5.9-1 R-5.9-2 R-5.9-4 R-4.4-1
TEST_CASE_FIXTURE(Fixture,
                  "diagnostics are uploaded as one file, under the name that was answered") {
  for (const char* location : {"ftp://u:p@files.example/in", "http://files.example/in/"}) {
    world.csms.calls.clear();
    const std::string name = file_name(get(location));
    CHECK(name.compare(0, 17, "diagnostics-0001-") == 0);
    CHECK(wait("Uploading Uploaded"));
    const std::string folder = location;
    CHECK(lines_at(folder + (folder.back() == '/' ? "" : "/") + name) == world.diagnostics.kLines);
  }
  CHECK(world.file_server.uploads.size() == 2);
  CHECK(!world.settings.exists("diagnostics"));
  CHECK(world.problems() == "");
}

TEST_CASE_FIXTURE(Fixture, "a location that names a file, or is signed, is taken as it is") {
  for (const char* location :
       {"https://files.example/in/cp1.log", "https://files.example/in/cp1?signature=ab/cd"}) {
    const std::string name = file_name(get(location));
    CHECK((name == "cp1.log" || name == "cp1"));
    CHECK(world.run_until([&] { return lines_at(location) > 0; }, 60000));
  }
  CHECK(world.problems() == "");
}

// Rules: R-5.9-3
TEST_CASE_FIXTURE(Fixture,
                  "without anything to send the answer has no file name and nothing is uploaded") {
  const std::string frame =
      get("ftp://files.example/",
          R"(,"startTime":"2027-01-15T08:00:00Z","stopTime":"2027-01-14T08:00:00Z")");
  CHECK(frame.find(",{}]") != std::string::npos);
  world.run_for(60000);
  CHECK(told() == "");
  CHECK(world.file_server.uploads.empty());
  CHECK(world.problems() == "");
}

// Rules: R-5.9-5 R-4.4-1
TEST_CASE_FIXTURE(Fixture, "an upload that fails is begun anew as often as ordered") {
  world.file_server.faults = {{Fault::Kind::kCut, 1000}, {Fault::Kind::kRefuse, 0}};
  SUBCASE("often enough") {
    const std::string name = file_name(get("ftp://h/", R"(,"retries":2,"retryInterval":20)"));
    CHECK(wait("Uploading Uploaded", 120'000));
    CHECK(lines_at("ftp://h/" + name) == world.diagnostics.kLines);
  }
  SUBCASE("not often enough") {
    (void)get("ftp://h/", R"(,"retries":1,"retryInterval":20)");
    CHECK(wait("Uploading UploadFailed", 120'000));
    world.run_for(60000);
    CHECK(world.file_server.uploads.empty());
  }
  CHECK(world.problems() == "");
}

// Rules: R-4.4-2
TEST_CASE_FIXTURE(Fixture, "TriggerMessage gives Idle without an upload and Uploading during one") {
  const std::string trigger = R"({"requestedMessage":"DiagnosticsStatusNotification"})";
  CHECK(world.call("TriggerMessage", trigger) == "Accepted");
  CHECK(wait("Idle", 5000));
  world.file_server.bytes_per_s = 100;
  (void)get("ftp://h/");
  CHECK(wait("Idle Uploading", 5000));
  CHECK(world.call("TriggerMessage", trigger) == "Accepted");
  CHECK(wait("Idle Uploading Uploading", 5000));
  CHECK(world.problems() == "");
}

TEST_CASE_FIXTURE(Fixture, "an upload that a restart cut off is begun anew, and told once") {
  world.file_server.bytes_per_s = 100;
  const std::string name = file_name(get("ftp://h/"));
  CHECK(wait("Uploading", 5000));
  (void)world.restart(platform::ResetCause::kPowerOn);
  world.file_server.bytes_per_s = 100'000;
  world.connect();
  CHECK(wait("Uploading Uploaded"));
  CHECK(lines_at("ftp://h/" + name) == world.diagnostics.kLines);
  CHECK(world.problems() == "");
}

TEST_CASE_FIXTURE(Fixture, "an upload waits for a download that is under way") {
  world.file_server.files["http://h/f"] = std::string(100'000, 'x');
  world.file_server.bytes_per_s = 10'000;
  CHECK(world
            .call_frame("UpdateFirmware",
                        R"({"location":"http://h/f","retrieveDate":"2020-01-01T00:00:00Z"})")
            .find(",{}]") != std::string::npos);
  world.run_for(1000);
  (void)get("ftp://h/");
  world.run_for(5000);
  CHECK(told() == "");
  CHECK(wait("Uploading Uploaded"));
  CHECK(world.problems() == "");
}

// Rules: R-8-1 R-3.3-2
TEST_CASE_FIXTURE(Fixture,
                  "the keys say that firmware management is there, and by which protocols") {
  CHECK(world.configuration("SupportedFileTransferProtocols") == "FTP,FTPS,HTTP,HTTPS");
  CHECK(world.configuration("SupportedFeatureProfiles").find("FirmwareManagement") !=
        std::string::npos);
  CHECK(world.call("ChangeConfiguration",
                   R"({"key":"SupportedFileTransferProtocols","value":"FTP"})") == "Rejected");
}
