// Purpose:       UpdateFirmware from the order to the restart into the new version.
// Given:         A gateway in virtual time, a model CSMS, a file server that fails on purpose, simulated slots.
// Steps:         See each case.
// Pass criteria: Each step is told once and in order, whatever breaks in between.
// Spec:          OCPP 1.6 ed. 2, 4.5, 5.17, 5.19, 7.25, 8; errata 3.47 to 3.49, 3.63, 3.90.
#include "common/crc32.hpp"
#include "doctest_main/doctest_main.hpp"
#include "ocpp_messages/runtime/time_text.hpp"
#include "ocpp_world/world.hpp"

#include <algorithm>

using ocpp_world::World;
using Fault = platform_sim::SimFileServer::Fault;

namespace {

const std::string kUrl = "http://user:secret@files.example/firmware-1.2.3.bin";

std::string image(const std::string& version, size_t size, const std::string& starts = "yes") {
  std::string body;
  for (size_t i = 0; i < size; ++i) body += static_cast<char>(i * 31 + i / 251);
  char crc[9];
  std::snprintf(crc, sizeof crc, "%08x",
                static_cast<unsigned>(
                    common::crc32(common::as_bytes(common::TextSpan(body.data(), body.size())))));
  return "VEVGW-FIRMWARE 1\nversion " + version + "\nsize " + std::to_string(size) + "\ncrc32 " +
         crc + "\nstarts " + starts + "\n\n" + body;
}

struct Fixture {
  World world;

  explicit Fixture(uint8_t connectors = 1) : world(setup(connectors)) {
    world.file_server.files[kUrl] = image("1.2.3", 200'000);
    world.start();
  }

  static World::Setup setup(uint8_t connectors) {
    World::Setup setup;
    setup.connectors = connectors;
    setup.counts_allocations = true;
    return setup;
  }

  std::string time_in(int64_t seconds) {
    const common::UtcTime utc = world.charge_point->utc(world.now());
    return ocpp_messages::format_time(utc + seconds * 1000).c_str();
  }
  /// @param more  Members of the request, with a comma before.
  std::string update(const std::string& more = "", int64_t in_s = -10,
                     const std::string& url = kUrl) {
    return world.call_frame("UpdateFirmware", R"({"location":")" + url + R"(","retrieveDate":")" +
                                                  time_in(in_s) + "\"" + more + "}");
  }
  static bool is_accepted(const std::string& frame) {
    return frame.compare(0, 3, "[3,") == 0 && frame.find(",{}]") != std::string::npos;
  }
  /// Statuses that the CSMS heard, in order.
  std::string told() const {
    std::string all;
    const std::string mark = "FirmwareStatusNotification {\"status\":\"";
    for (const std::string& call : world.csms.calls) {
      if (call.compare(0, mark.size(), mark) != 0) continue;
      all += (all.empty() ? "" : " ") + call.substr(mark.size(), call.size() - mark.size() - 2);
    }
    return all;
  }
  bool wait(const std::string& statuses, int64_t timeout_ms = 60000) {
    return world.run_until([&] { return told() == statuses; }, timeout_ms);
  }
  std::string version() const { return world.firmware->version().c_str(); }
  void charge(uint8_t connector = 1) {
    world.charger.plug(connector);
    world.run_for(3000);
    world.tag("04A1B2C3", connector);
    REQUIRE(
        world.run_until([&] { return world.csms.last_status(connector) == "Charging"; }, 20000));
  }
  void end(bool is_allocation_free = true) {
    CHECK(world.problems() == "");
    if (is_allocation_free) CHECK(world.allocations == 0);
  }
};

struct TwoConnectors : Fixture {
  TwoConnectors() : Fixture(2) {}
};

}  // namespace

// Rules: R-5.19-1 R-5.19-3 R-5.19-4 R-4.5-1 R-3.4-2 R-4.2.1-1
TEST_CASE_FIXTURE(Fixture, "an update is downloaded, installed and reported step by step") {
  CHECK(is_accepted(update()));
  CHECK(wait("Downloading Downloaded Installing"));
  CHECK(version() == "0.1.0");
  REQUIRE(world.restart_on_request(60000));
  CHECK(wait("Downloading Downloaded Installing Installed"));
  CHECK(version() == "1.2.3");
  // The new version is told before its installation is.
  const auto& calls = world.csms.calls;
  const auto boot = std::find_if(calls.begin(), calls.end(), [](const std::string& call) {
    return call.find("\"firmwareVersion\":\"1.2.3\"") != std::string::npos;
  });
  const auto installed = std::find_if(calls.begin(), calls.end(), [](const std::string& call) {
    return call.find("Installed") != std::string::npos;
  });
  CHECK(boot < installed);
  CHECK(world.firmware->boot() == platform::Firmware::Boot::kNormal);
  CHECK(world.csms.last_status(1) == "Available");
  // Nothing of it is left, and nothing is told twice.
  (void)world.restart(platform::ResetCause::kPowerOn);
  world.connect();
  world.run_for(60000);
  CHECK(told() == "Downloading Downloaded Installing Installed");
  CHECK(!world.settings.exists("firmware"));
  CHECK(!world.settings.exists("firmware_url"));
  end();
}

// Rules: R-5.19-2
TEST_CASE_FIXTURE(Fixture, "the file is fetched soon after retrieveDate and never before it") {
  CHECK(is_accepted(update("", 3600)));
  world.run_for(3590 * 1000);
  CHECK(world.file_server.offsets.empty());
  CHECK(told() == "");
  world.run_for(12 * 1000);
  CHECK(world.file_server.offsets.size() == 1);
  end();
}

// Rules: R-5.19-2
TEST_CASE_FIXTURE(Fixture, "a gateway that lost the time over a restart waits until it is told") {
  CHECK(is_accepted(update("", 600)));
  (void)world.restart(platform::ResetCause::kPowerOn, 700 * 1000);
  world.run_for(60000);
  CHECK(world.file_server.offsets.empty());
  world.connect();
  CHECK(wait("Downloading Downloaded Installing"));
  end();
}

// Rules: R-4.5-1 R-5.19-3
TEST_CASE_FIXTURE(Fixture,
                  "a file that is not there is asked for as often as ordered, then given up") {
  CHECK(is_accepted(update(R"(,"retries":2,"retryInterval":30)", -10, "ftp://files.example/none")));
  CHECK(wait("Downloading DownloadFailed", 120'000));
  CHECK(world.file_server.offsets.size() == 3);
  CHECK(world.csms.last_status(1) == "Available");
  end();
}

TEST_CASE_FIXTURE(Fixture, "a URL that cannot be used is not tried again") {
  CHECK(is_accepted(update(R"(,"retries":5)", -10, "gopher://files.example/x")));
  CHECK(wait("Downloading DownloadFailed", 5000));
  CHECK(world.file_server.offsets.size() == 1);
  end();
}

TEST_CASE_FIXTURE(Fixture, "a location that is empty or too long is refused") {
  CHECK(update("", -10, "").find("PropertyConstraintViolation") != std::string::npos);
  CHECK(update("", -10, "http://" + std::string(700, 'x')).find("PropertyConstraintViolation") !=
        std::string::npos);
  world.run_for(5000);
  CHECK(told() == "");
  end();
}

// Rules: R-8-2
TEST_CASE_FIXTURE(Fixture, "an interrupted download goes on where it broke") {
  world.file_server.faults = {{Fault::Kind::kCut, 90'000}, {Fault::Kind::kStall, 40'000}};
  CHECK(is_accepted(update(R"(,"retries":2,"retryInterval":10)")));
  REQUIRE(wait("Downloading Downloaded Installing", 120'000));
  CHECK(world.file_server.offsets == std::vector<uint32_t>{0, 81920, 81920 + 40960 - 8192});
  REQUIRE(world.restart_on_request(60000));
  CHECK(wait("Downloading Downloaded Installing Installed"));
  end();
}

// Rules: R-8-2
TEST_CASE_FIXTURE(Fixture, "a download goes on after a restart with the bytes that are on flash") {
  CHECK(is_accepted(update()));
  REQUIRE(world.run_until([&] { return !world.file_server.offsets.empty(); }, 20'000));
  world.run_for(1000);
  REQUIRE(world.restart(platform::ResetCause::kPowerOn) == common::Status::kOk);
  world.connect();
  REQUIRE(wait("Downloading Downloaded Installing", 120'000));
  REQUIRE(world.file_server.offsets.size() == 2);
  CHECK(world.file_server.offsets[1] >= 65'536);
  REQUIRE(world.restart_on_request(60000));
  CHECK(wait("Downloading Downloaded Installing Installed"));
  CHECK(version() == "1.2.3");
  end(false);
}

TEST_CASE_FIXTURE(Fixture, "a server that cannot begin in the middle is served from the start") {
  world.file_server.can_resume = false;
  world.file_server.faults = {{Fault::Kind::kCut, 90'000}};
  CHECK(is_accepted(update(R"(,"retryInterval":10)")));
  CHECK(wait("Downloading Downloaded Installing", 120'000));
  REQUIRE(world.restart_on_request(60000));
  CHECK(wait("Downloading Downloaded Installing Installed"));
  end();
}

TEST_CASE_FIXTURE(Fixture,
                  "a line that breaks often but carries bytes does not use up the retries") {
  world.file_server.files[kUrl] = image("1.2.3", 600'000);
  for (int i = 0; i < 6; ++i) world.file_server.faults.push_back({Fault::Kind::kCut, 100'000});
  CHECK(is_accepted(update(R"(,"retries":1,"retryInterval":10)")));
  CHECK(wait("Downloading Downloaded Installing", 300'000));
  end();
}

// Rules: R-4.5-1 R-5.19-3
TEST_CASE_FIXTURE(Fixture, "a damaged image and one for another device are not installed") {
  SUBCASE("damaged") { world.file_server.faults = {{Fault::Kind::kCorrupt, 5000}}; }
  SUBCASE("cut short") { world.file_server.files[kUrl].resize(100'000); }
  SUBCASE("of another device") { world.file_server.files[kUrl] = std::string(5000, 'x'); }
  CHECK(is_accepted(update()));
  CHECK(wait("Downloading Downloaded Installing InstallationFailed"));
  CHECK(world.run_until([&] { return world.csms.last_status(1) == "Available"; }, 5000));
  CHECK(!world.restart_on_request(60000));
  CHECK(version() == "0.1.0");
  end();
}

TEST_CASE_FIXTURE(Fixture, "an image that is larger than the slot is not tried again") {
  world.file_server.files[kUrl] = image("1.2.3", 1024 * 1024);
  world.file_server.bytes_per_s = 1'000'000;
  CHECK(is_accepted(update(R"(,"retries":5)")));
  CHECK(wait("Downloading DownloadFailed", 120'000));
  CHECK(world.file_server.offsets.size() == 1);
  end();
}

TEST_CASE_FIXTURE(Fixture, "an order has its image on flash while it is carried out") {
  world.file_server.bytes_per_s = 10'000;
  CHECK(is_accepted(world.call_frame(
      "UpdateFirmware",
      R"({"location":"http://h/f","retries":7,"retryInterval":90,"retrieveDate":"2030-01-02T03:04:05.678Z"})")));
  uint8_t stored[64];
  const auto size = world.settings.get("firmware", common::MutableByteSpan(stored));
  REQUIRE(size.ok());
  // version, phase, happened, told; retries left; interval, s; not before, ms; until (diagnostics only); CRC of the URL
  const std::vector<uint8_t> golden = {1, 1,    0,    0,    7,    0,    0,    0,    90,   0,   0,
                                       0, 0x2E, 0x9B, 0x94, 0xE0, 0xB8, 0x01, 0,    0,    0,   0,
                                       0, 0,    0,    0,    0,    0,    0x84, 0xB4, 0xAF, 0xA6};
  CHECK(std::vector<uint8_t>(stored, stored + size.value()) == golden);
  CHECK(std::string(reinterpret_cast<char*>(stored),
                    world.settings.get("firmware_url", common::MutableByteSpan(stored)).value()) ==
        "http://h/f");
  end();
}

// Rules: R-5.19-5 PD-11
TEST_CASE_FIXTURE(
    TwoConnectors,
    "while someone charges the image is fetched, and installed when the session has ended") {
  charge(1);
  CHECK(is_accepted(update()));
  CHECK(wait("Downloading Downloaded"));
  CHECK(world.run_until([&] { return world.csms.last_status(2) == "Unavailable"; }, 5000));
  CHECK(world.csms.last_status(1) == "Charging");
  world.run_for(3600 * 1000);
  CHECK(told() == "Downloading Downloaded");
  // Nobody can begin meanwhile.
  world.charger.plug(2);
  world.run_for(3000);
  world.tag("0BADCAFE", 2);
  world.run_for(10000);
  CHECK(world.csms.transactions.size() == 1);
  world.tag("04A1B2C3", 1);
  CHECK(wait("Downloading Downloaded Installing"));
  REQUIRE(world.restart_on_request(60000));
  CHECK(wait("Downloading Downloaded Installing Installed"));
  CHECK(world.csms.transactions.at(0).stops == 1);
  CHECK(world.csms.transactions.at(0).reason == "Local");
  CHECK(world.run_until(
      [&] {
        return world.csms.last_status(1) == "Finishing" || world.csms.last_status(1) == "Preparing";
      },
      20000));
  end();
}

// Rules: R-4.5-1
TEST_CASE_FIXTURE(Fixture, "what happens without a link is told in order when it is back") {
  CHECK(is_accepted(update("", 5)));
  world.disconnect();
  REQUIRE(
      world.run_until([&] { return world.has_event(ocpp::EventType::kResetRequested); }, 120'000));
  CHECK(told() == "");
  (void)world.restart(platform::ResetCause::kSoftware, 2000);
  world.run_for(60000);
  world.connect();
  CHECK(wait("Downloading Downloaded Installing Installed"));
  end();
}

TEST_CASE_FIXTURE(Fixture, "a status whose answer is lost is told again, a refused one is not") {
  world.csms.faults.ignore["FirmwareStatusNotification"] = 1;
  CHECK(is_accepted(update()));
  CHECK(wait("Downloading Downloading Downloaded Installing", 120'000));
  REQUIRE(world.restart_on_request(60000));
  world.csms.faults.call_error["FirmwareStatusNotification"] = 9;
  CHECK(wait("Downloading Downloading Downloaded Installing Installed"));
  world.run_for(120'000);
  CHECK(told() == "Downloading Downloading Downloaded Installing Installed");
  end();
}

TEST_CASE_FIXTURE(Fixture, "a CSMS that never answers does not hold the installation up for ever") {
  CHECK(is_accepted(update()));
  world.csms.faults.is_mute = true;
  CHECK(world.restart_on_request(300'000));
  CHECK(version() == "1.2.3");
}

// Rules: R-4.5-2
TEST_CASE_FIXTURE(Fixture,
                  "TriggerMessage gives Idle without an update and the last status during one") {
  const std::string trigger = R"({"requestedMessage":"FirmwareStatusNotification"})";
  CHECK(world.call("TriggerMessage", trigger) == "Accepted");
  CHECK(wait("Idle", 5000));
  world.file_server.bytes_per_s = 10'000;
  CHECK(is_accepted(update("", 60)));
  CHECK(world.call("TriggerMessage", trigger) == "Accepted");
  CHECK(wait("Idle Idle", 5000));
  CHECK(wait("Idle Idle Downloading", 70000));
  CHECK(world.call("TriggerMessage", trigger) == "Accepted");
  CHECK(wait("Idle Idle Downloading Downloading", 5000));
  end();
}

TEST_CASE_FIXTURE(Fixture, "a new order takes the place of one that is not being installed yet") {
  const std::string other = "https://files.example/2.0.0";
  world.file_server.files[other] = image("2.0.0", 50'000);
  world.file_server.bytes_per_s = 10'000;
  CHECK(is_accepted(update()));
  REQUIRE(wait("Downloading", 10000));
  world.run_for(5000);
  CHECK(is_accepted(update("", -10, other)));
  REQUIRE(wait("Downloading Downloading Downloaded Installing"));
  CHECK(update("", -10, kUrl).find("GenericError") != std::string::npos);
  REQUIRE(world.restart_on_request(60000));
  CHECK(wait("Downloading Downloading Downloaded Installing Installed"));
  CHECK(version() == "2.0.0");
  end();
}

TEST_CASE_FIXTURE(Fixture, "the same order once more changes nothing") {
  world.file_server.bytes_per_s = 10'000;
  const std::string payload =
      R"({"location":")" + kUrl + R"(","retrieveDate":")" + time_in(-5) + "\"}";
  CHECK(is_accepted(world.call_frame("UpdateFirmware", payload)));
  world.run_for(5000);
  CHECK(is_accepted(world.call_frame("UpdateFirmware", payload)));
  CHECK(wait("Downloading Downloaded Installing"));
  CHECK(world.file_server.offsets.size() == 1);
  end();
}

// Rules: R-4.5-1
TEST_CASE_FIXTURE(Fixture,
                  "a new version that does not start or stay gives way to the one before") {
  SUBCASE("it does not start") {
    world.file_server.files[kUrl] = image("1.2.3", 20'000, "no");
    CHECK(is_accepted(update()));
    REQUIRE(world.restart_on_request(60000));
  }
  SUBCASE("it crashes before the CSMS has answered it") {
    CHECK(is_accepted(update()));
    REQUIRE(world.restart_on_request(60000));
    CHECK(version() == "1.2.3");
    (void)world.restart(platform::ResetCause::kWatchdog);
    world.connect();
  }
  SUBCASE("the power fails before the CSMS has answered it") {
    CHECK(is_accepted(update()));
    REQUIRE(world.restart_on_request(60000));
    CHECK(version() == "1.2.3");
    (void)world.restart(platform::ResetCause::kPowerOn);
    world.connect();
  }
  SUBCASE("it does not reach the CSMS in time") {
    CHECK(is_accepted(update()));
    REQUIRE(
        world.run_until([&] { return world.has_event(ocpp::EventType::kResetRequested); }, 60000));
    world.events.clear();
    (void)world.restart(platform::ResetCause::kSoftware);
    CHECK(world.restart_on_request(20 * 60 * 1000));
  }
  CHECK(version() == "0.1.0");
  CHECK(wait("Downloading Downloaded Installing InstallationFailed"));
  CHECK(world.run_until([&] { return world.csms.last_status(1) == "Available"; }, 5000));
  // And the next update is not taken for that one.
  world.file_server.files[kUrl] = image("1.2.4", 20'000);
  CHECK(is_accepted(update()));
  REQUIRE(world.restart_on_request(60000));
  CHECK(world.run_until([&] { return told().find(" Installed") != std::string::npos; }, 30000));
  CHECK(version() == "1.2.4");
  end();
}

TEST_CASE_FIXTURE(Fixture,
                  "a technician keeps a version on trial without the CSMS, over restarts") {
  CHECK(world.charge_point->confirm_firmware(world.now()) == common::Status::kInvalidState);
  CHECK(is_accepted(update()));
  REQUIRE(
      world.run_until([&] { return world.has_event(ocpp::EventType::kResetRequested); }, 60000));
  world.events.clear();
  (void)world.restart(platform::ResetCause::kSoftware);
  CHECK(world.firmware->boot() == platform::Firmware::Boot::kTrial);
  CHECK(world.charge_point->confirm_firmware(world.now()) == common::Status::kOk);
  CHECK(world.charge_point->confirm_firmware(world.now()) == common::Status::kInvalidState);
  world.run_for(16 * 60 * 1000);
  CHECK_FALSE(world.has_event(ocpp::EventType::kResetRequested));
  (void)world.restart(platform::ResetCause::kPowerOn);
  CHECK(version() == "1.2.3");
  CHECK(world.firmware->boot() == platform::Firmware::Boot::kNormal);
  world.connect();
  world.run_for(5000);
  CHECK(version() == "1.2.3");
  CHECK(told() == "Downloading Downloaded Installing Installed");
}

// Rules: R-4.5-1 R-8-2
TEST_CASE("a power cut at any write of an update neither loses nor repeats what was decided") {
  size_t cuts = 0;
  for (const bool is_done : {false, true}) {
    for (uint64_t operation = 0;; ++operation) {
      Fixture fixture;
      World& world = fixture.world;
      world.setup.counts_allocations = false;
      world.file_server.files[kUrl] = image("1.2.3", 30'000);
      world.power.cut_at_operation(world.power.operations() + operation, is_done);
      const std::string answer = fixture.update();
      (void)world.restart_on_request(60000);
      (void)fixture.wait("Downloading Downloaded Installing Installed", 60000);
      const bool was_cut = !world.power.is_on();
      if (was_cut) {
        ++cuts;
        world.events.clear();
        (void)world.restart(platform::ResetCause::kPowerOn);
        world.connect();
        world.run_for(2000);
        // An order that was not confirmed may have been stored or not.
        if (answer == "no answer" && fixture.told().empty())
          CHECK(Fixture::is_accepted(fixture.update()));
        if (world.restart_on_request(90000)) (void)world.run_for(1000);
        world.run_for(60000);
      }
      INFO("cut at operation ", operation, std::string(is_done ? ", done" : ", not done"));
      CHECK(world.problems() == "");
      // A cut between the restart and the confirmation is a crash of the new image.
      const std::string last = fixture.told().substr(fixture.told().rfind(' ') + 1);
      if (last == "InstallationFailed") {
        CHECK(fixture.version() == "0.1.0");
      } else {
        CHECK(last == "Installed");
        CHECK(fixture.version() == "1.2.3");
      }
      std::string seen = fixture.told();
      // The answer to a status that was cut off: the same status once more, and no other.
      std::string expected;
      size_t from = 0;
      while (from <= seen.size()) {
        const size_t to = std::min(seen.find(' ', from), seen.size());
        const std::string status = seen.substr(from, to - from);
        const size_t before = expected.rfind(' ');
        if (expected.substr(before == std::string::npos ? 0 : before + 1) != status)
          expected += (expected.empty() ? "" : " ") + status;
        from = to + 1;
      }
      CHECK(expected == "Downloading Downloaded Installing " + last);
      if (!was_cut) break;
      REQUIRE(operation < 100);
    }
  }
  CHECK(cuts > 20);
}
