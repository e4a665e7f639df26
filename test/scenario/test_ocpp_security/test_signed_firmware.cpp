// Purpose:       SignedUpdateFirmware from the order to the last status.
// Given:         A gateway with the security extension, a file server, signatures that are words.
// Steps:         See each case.
// Pass criteria: Nothing unsigned runs; each status is told once, in order, with the number of the request.
// Spec:          OCPP 1.6 security whitepaper ed. 3, L01.
#include "common/crc32.hpp"
#include "fixture.hpp"

#include <cstdio>

namespace {

struct SignedFirmware : Fixture {
  static constexpr char kUrl[] = "http://files.example/firmware.bin";

  SignedFirmware() {
    serve("9.9.9");
    world.credentials.roots[1].push_back("maker");
  }

  void serve(const std::string& version, size_t size = 20000, int security = 0) {
    const std::string content(size, 'f');
    char crc[9];
    std::snprintf(crc, sizeof crc, "%08x",
                  static_cast<unsigned>(common::crc32(
                      common::as_bytes(common::TextSpan(content.data(), content.size())))));
    world.file_server.files[kUrl] =
        "VEVGW-FIRMWARE 1\nversion " + version + "\nsize " + std::to_string(size) + "\ncrc32 " +
        crc + "\nstarts yes\nsecurity " + std::to_string(security) + "\n\n" + content;
  }
  /// Puts certificates and signature behind the image.
  void carry(const std::string& certificate, const std::string& signature) {
    std::string foot = "VEVGWSIG";
    for (const size_t size : {signature.size(), certificate.size()}) {
      for (unsigned shift = 32; shift-- > 0;) {
        if (shift % 8 == 0) foot.insert(foot.begin(), static_cast<char>(size >> shift));
      }
    }
    world.file_server.files[kUrl] += certificate + signature + foot;
  }
  /// What the console does.
  common::Status fetch() {
    const common::Status begun = world.security->begin_local_update();
    if (begun != common::Status::kOk) return begun;
    return world.charge_point->update_firmware(common::text(kUrl), world.now());
  }
  /// What the security log says of images that were outdated; a line for each.
  std::string replays() const {
    std::string all;
    ocpp::SecurityLog::Reader reader;
    for (ocpp::SecurityEntry entry;
         world.security->log().read(reader, entry) == common::Status::kOk;) {
      if (entry.event == ocpp::SecurityEvent::AttemptedReplayAttacks)
        all += std::string(entry.info.c_str()) + "\n";
    }
    return all;
  }
  std::string version() const { return world.firmware->version().c_str(); }
  std::string time(int64_t after_ms) const {
    const int64_t s = (world.charge_point->utc(world.now()).ms + after_ms) / 1000 - 1'800'000'000;
    char text[32];
    std::snprintf(text, sizeof text, "2027-01-15T%02d:%02d:%02dZ", static_cast<int>(8 + s / 3600),
                  static_cast<int>(s / 60 % 60), static_cast<int>(s % 60));
    return text;
  }
  std::string update(int id, const std::string& certificate = "good: signer",
                     const std::string& signature = "good: signature", const std::string& more = "",
                     int64_t from_ms = 0) {
    return world.call("SignedUpdateFirmware",
                      R"({"requestId":)" + std::to_string(id) + R"(,"firmware":{"location":")" +
                          kUrl + R"(","retrieveDateTime":")" + time(from_ms) +
                          R"(","signingCertificate":")" + certificate + R"(","signature":")" +
                          signature + "\"" + more + "}}");
  }
  std::string told_states() const { return statuses("SignedFirmwareStatusNotification"); }
  std::string trigger() {
    CHECK(world.call("ExtendedTriggerMessage",
                     R"({"requestedMessage":"FirmwareStatusNotification"})") == "Accepted");
    world.run_for(1000);
    return calls_of("SignedFirmwareStatusNotification").back();
  }
  bool install(int64_t timeout_ms = 120'000) {
    const bool is_restarted = world.restart_on_request(timeout_ms);
    world.run_for(30000);
    return is_restarted;
  }
};

constexpr char kGood[] =
    "Downloading Downloaded SignatureVerified Installing InstallRebooting Installed ";

}  // namespace

// Rules: WP-L01.FR.01 WP-L01.FR.04 WP-L01.FR.05 WP-L01.FR.10 WP-L01.FR.12 WP-L01.FR.23 WP-8-1
TEST_CASE_FIXTURE(SignedFirmware,
                  "signed firmware is downloaded, verified, installed, and each state told") {
  CHECK(update(11) == "Accepted");
  CHECK(install());
  CHECK(told_states() == kGood);
  for (const std::string& payload : calls_of("SignedFirmwareStatusNotification"))
    CHECK(contains(payload, R"("requestId":11)"));
  CHECK(calls_of("FirmwareStatusNotification").empty());
  CHECK(world.firmware->version() == common::FixedString<50>("9.9.9"));
  CHECK(world.credentials.digest_of == world.file_server.files[kUrl]);
  CHECK(world.credentials.signature == "good: signature");
  CHECK(count("FirmwareUpdated") == 1);
  CHECK(world.problems() == "");
}

// Rules: WP-L01.FR.28
TEST_CASE_FIXTURE(SignedFirmware, "a triggered status is Idle after Installed, else the last") {
  CHECK(trigger() == R"({"status":"Idle"})");
  CHECK(update(1, "good: signer", "wrong") == "Accepted");
  world.run_for(60000);
  CHECK(trigger() == R"({"status":"InvalidSignature","requestId":1})");
  CHECK(update(2) == "Accepted");
  CHECK(install());
  CHECK(trigger() == R"({"status":"Idle"})");
}

// Rules: WP-L01.FR.02 WP-L01.FR.23
TEST_CASE_FIXTURE(SignedFirmware,
                  "a signing certificate that is not valid is told, and nothing is fetched") {
  CHECK(update(3, "expired") == "InvalidCertificate");
  world.run_for(60000);
  CHECK(count("InvalidFirmwareSigningCertificate") == 1);
  CHECK(told_states() == "");
  CHECK(world.file_server.offsets.empty());
}

// Rules: WP-L01.FR.02 WP-L01.FR.23
TEST_CASE_FIXTURE(SignedFirmware,
                  "the event of a signing certificate names what is wrong with it") {
  for (const char* fault : {"expired", "not_yet_valid", "untrusted", "missing_issuer", "weak_key",
                            "wrong_usage", "bad_signature", "malformed"}) {
    INFO(fault);
    CHECK(update(4, std::string("bad: ") + fault) == "InvalidCertificate");
    world.run_for(5000);
    const std::string event = calls_of("SecurityEventNotification").back();
    CHECK(contains(event, "\"InvalidFirmwareSigningCertificate\""));
    CHECK(contains(event, std::string("\"techInfo\":\"") + fault + "\""));
  }
  CHECK(world.file_server.offsets.empty());
}

// Rules: WP-L01.FR.03 WP-L01.FR.12
TEST_CASE_FIXTURE(SignedFirmware, "firmware with a wrong signature is told and never installed") {
  CHECK(update(4, "good: signer", "wrong") == "Accepted");
  world.run_for(120'000);
  CHECK(told_states() == "Downloading Downloaded InvalidSignature ");
  CHECK(count("InvalidFirmwareSignature") == 1);
  CHECK(world.firmware->size() == 0);
  CHECK(status() == "Available");
  CHECK_FALSE(world.has_event(ocpp::EventType::kResetRequested));
}

// Rules: WP-L01.FR.20
TEST_CASE_FIXTURE(SignedFirmware,
                  "plain UpdateFirmware is not supported, unless a local setting allows it") {
  const std::string order =
      std::string(R"({"location":")") + kUrl + R"(","retrieveDate":"2027-01-15T08:00:00Z"})";
  CHECK(contains(world.call_frame("UpdateFirmware", order), "NotSupported"));
  world.run_for(60000);
  CHECK(world.file_server.offsets.empty());
  SUBCASE("with a root of the manufacturer") {}
  SUBCASE("without one") {
    world.credentials.roots[1].clear();
    CHECK(contains(world.call_frame("UpdateFirmware", order), "NotSupported"));
  }
  world.security_options.allows_unsigned_firmware = true;
  restart();
  CHECK(contains(world.call_frame("UpdateFirmware", order), "[3,"));
  CHECK(install());
  CHECK(statuses("FirmwareStatusNotification") == "Downloading Downloaded Installing Installed ");
  CHECK(told_states() == "");
}

// Rules: WP-L01.FR.20
TEST_CASE_FIXTURE(SignedFirmware, "what the device itself fetches needs a signature as well") {
  const std::string image = world.file_server.files[kUrl];
  SUBCASE("and is installed with a good one that it carries") {
    carry("good: signer", "good: signature");
    CHECK(fetch() == common::Status::kOk);
    SUBCASE("at once") {}
    SUBCASE("after a power cut") {
      world.run_for(1500);
      restart();
    }
    CHECK(install());
    CHECK(version() == "9.9.9");
    CHECK(world.credentials.digest_of == image);
    CHECK(world.credentials.signature == "good: signature");
    CHECK(contains(statuses("FirmwareStatusNotification"), "Downloading Downloaded Installing "));
    CHECK(count("FirmwareUpdated") == 1);
  }
  SUBCASE("and is refused with the reason") {
    const char* event = "InvalidFirmwareSignature";
    SUBCASE("without one") {}
    SUBCASE("with a wrong one") { carry("good: signer", "wrong"); }
    SUBCASE("with one of nobody known") {
      carry("bad: untrusted", "good: signature");
      event = "InvalidFirmwareSigningCertificate";
    }
    SUBCASE("with a foot that lies") {
      world.file_server.files[kUrl] +=
          std::string("\xff\xff\xff\xff\xff\xff\xff\xff", 8) + "VEVGWSIG";
    }
    CHECK(fetch() == common::Status::kOk);
    world.run_for(60000);
    CHECK(version() == "0.1.0");
    CHECK(world.firmware->size() == 0);
    CHECK(count(event) == 1);
    CHECK(statuses("FirmwareStatusNotification") == "Downloading Downloaded InstallationFailed ");
    CHECK(status() == "Available");
  }
  CHECK(told_states() == "");
  CHECK(trigger() == R"({"status":"Idle"})");
  CHECK(world.problems() == "");
}

TEST_CASE_FIXTURE(SignedFirmware,
                  "what the device itself fetches obeys the setting for unsigned images") {
  SUBCASE("with a root of the manufacturer") {}
  SUBCASE("without one") {
    world.credentials.roots[1].clear();
    CHECK(fetch() == common::Status::kUnsupported);
  }
  world.security_options.allows_unsigned_firmware = true;
  restart();
  CHECK(fetch() == common::Status::kOk);
  CHECK(install());
  CHECK(version() == "9.9.9");
}

TEST_CASE_FIXTURE(
    SignedFirmware,
    "an order of the CSMS takes the place of one of the device, and the other way round") {
  world.file_server.bytes_per_s = 5000;
  SUBCASE("the CSMS is later") {
    CHECK(fetch() == common::Status::kOk);
    world.run_for(1000);
    CHECK(update(5, "good: signer", "good: signature", "", 1000) == "AcceptedCanceled");
    CHECK(install());
    CHECK(version() == "9.9.9");
    CHECK(told_states() ==
          "Downloading Downloaded SignatureVerified Installing InstallRebooting Installed ");
  }
  SUBCASE("the device is later, and has no signature") {
    CHECK(update(5) == "Accepted");
    world.run_for(1000);
    CHECK(fetch() == common::Status::kOk);
    world.run_for(60000);
    CHECK(version() == "0.1.0");
    CHECK(count("InvalidFirmwareSignature") == 1);
  }
  CHECK(world.problems() == "");
}

TEST_CASE_FIXTURE(SignedFirmware,
                  "an image with a lower security version is not installed, signed or not") {
  serve("3.0.0", 5000, 2);
  CHECK(update(1) == "Accepted");
  CHECK(install());
  CHECK(world.firmware->security_version() == 2);

  serve("2.0.0", 5000, 1);
  CHECK(update(2) == "Accepted");
  world.run_for(60000);
  CHECK(version() == "3.0.0");
  CHECK(contains(calls_of("SignedFirmwareStatusNotification").back(), "InstallVerificationFailed"));
  CHECK(replays() == "firmware: security version 1 is below 2\n");
  CHECK(world.firmware->outdated().value() == 1);

  world.security_options.allows_unsigned_firmware = true;
  restart();
  CHECK(fetch() == common::Status::kOk);
  world.run_for(60000);
  CHECK(version() == "3.0.0");
  CHECK(replays().size() == 80);  // once more

  // Back among equals; and the program alone would have 0.
  serve("2.9.0", 5000, 2);
  CHECK(fetch() == common::Status::kOk);
  CHECK(install());
  CHECK(version() == "2.9.0");
  restart();
  CHECK(world.firmware->security_version() == 2);
  CHECK(world.problems() == "");
}

TEST_CASE_FIXTURE(SignedFirmware, "an image that was given up on trial raises nothing") {
  serve("3.0.0", 5000, 7);
  CHECK(update(1) == "Accepted");
  REQUIRE(
      world.run_until([&] { return world.has_event(ocpp::EventType::kResetRequested); }, 60000));
  (void)world.restart(platform::ResetCause::kSoftware);
  CHECK(world.firmware->boot() == platform::Firmware::Boot::kTrial);
  restart(platform::ResetCause::kWatchdog);
  CHECK(version() == "0.1.0");
  CHECK(world.firmware->security_version() == 0);
}

// Rules: WP-L01.FR.13 WP-L01.FR.05
TEST_CASE_FIXTURE(SignedFirmware, "download and installation wait for their times, and say so") {
  CHECK(update(5, "good: signer", "good: signature",
               R"(,"installDateTime":")" + time(3'600'000) + "\"", 1'800'000) == "Accepted");
  world.run_for(600'000);
  CHECK(told_states() == "DownloadScheduled ");
  world.run_for(1'800'000);
  CHECK(told_states() ==
        "DownloadScheduled Downloading Downloaded SignatureVerified InstallScheduled ");
  CHECK(status() == "Available");
  CHECK(install(1'800'000));
  CHECK(told_states() ==
        "DownloadScheduled Downloading Downloaded SignatureVerified InstallScheduled "
        "Installing InstallRebooting Installed ");
}

// Rules: WP-L01.FR.13
TEST_CASE_FIXTURE(SignedFirmware, "a download that breaks off pauses and goes on") {
  using Fault = platform_sim::SimFileServer::Fault;
  world.file_server.faults = {Fault{Fault::Kind::kCut, 5000}};
  CHECK(update(6) == "Accepted");
  CHECK(install());
  CHECK(told_states() ==
        "Downloading DownloadPaused Downloading Downloaded SignatureVerified Installing "
        "InstallRebooting Installed ");
}

TEST_CASE_FIXTURE(SignedFirmware, "a download that fails for good is told") {
  using Fault = platform_sim::SimFileServer::Fault;
  world.file_server.faults.assign(20, Fault{Fault::Kind::kRefuse, 0});
  CHECK(update(7) == "Accepted");
  world.run_for(600'000);
  const std::string all = told_states();
  CHECK(contains(all, "DownloadFailed "));
  CHECK(all.substr(all.size() - 15) == "DownloadFailed ");
}

// Rules: WP-L01.FR.06
TEST_CASE_FIXTURE(SignedFirmware, "installation waits for the end of charging") {
  charge();
  CHECK(update(8) == "Accepted");
  world.run_for(120'000);
  CHECK(told_states() == "Downloading Downloaded SignatureVerified ");
  world.tag("04A1B2C3");
  world.run_for(5000);
  world.charger.unplug(1);
  CHECK(install());
  CHECK(told_states() == kGood);
}

// Rules: WP-L01.FR.26
TEST_CASE_FIXTURE(SignedFirmware, "a new order takes the place of one that is not installed yet") {
  world.file_server.bytes_per_s = 1000;
  CHECK(update(1, "good: signer", "wrong") == "Accepted");
  world.run_for(3000);
  serve("8.8.8");
  CHECK(update(2, "good: signer", "good: signature", "", 1000) == "AcceptedCanceled");
  world.file_server.bytes_per_s = 100'000;
  CHECK(install());
  CHECK(world.firmware->version() == common::FixedString<50>("8.8.8"));
  CHECK(contains(calls_of("SignedFirmwareStatusNotification").back(), R"("requestId":2)"));
}

TEST_CASE_FIXTURE(SignedFirmware,
                  "an order whose certificate is bad leaves the one under way alone") {
  world.file_server.bytes_per_s = 5000;
  CHECK(update(1) == "Accepted");
  world.run_for(2000);
  CHECK(update(2, "expired", "wrong") == "InvalidCertificate");
  CHECK(install());
  CHECK(told_states() == kGood);
  CHECK(world.credentials.signature == "good: signature");
}

namespace {

/// A signed update that loses power once, and everything after it.
struct CutUpdate : SignedFirmware {
  static constexpr size_t kImageBytes = 700;

  CutUpdate() {
    serve("9.9.9", kImageBytes);
    world.file_server.bytes_per_s = 2000;
  }
  void order(bool is_good) {
    (void)world.csms.call(
        "SignedUpdateFirmware",
        std::string(R"({"requestId":1,"firmware":{"location":")") + kUrl +
            R"(","retrieveDateTime":"2027-01-15T08:00:00Z","signingCertificate":"good: signer",)" +
            R"("signature":")" + (is_good ? "good: signature" : "wrong") + "\"}}",
        world.now());
  }
  /// Until nothing is left to happen.
  void live() {
    for (int i = 0; i < 3; ++i) {
      world.run_for(15000);
      if (!world.power.is_on()) restart();
      if (world.has_event(ocpp::EventType::kResetRequested)) {
        world.events.clear();
        (void)world.restart(platform::ResetCause::kSoftware, 2000);
        world.connect();
      }
    }
  }
  /// Whether the old firmware runs, or the new one by a good signature of all of it, and the CSMS knows the gateway.
  void check(bool is_good) {
    CHECK((version() == "0.1.0" || is_good));
    if (version() != "0.1.0") CHECK(world.credentials.digest_of == world.file_server.files[kUrl]);
    CHECK(world.charge_point->registration() == ocpp::RegistrationState::kAccepted);
    CHECK(status() == "Available");
    CHECK(world.problems() == "");
  }
};

}  // namespace

// Rules: WP-L01.FR.04 WP-L01.FR.12
TEST_CASE(
    "whenever the power goes during a signed update the old or the new firmware runs, never an "
    "unchecked one") {
  uint64_t operations = 0;
  {
    CutUpdate fixture;
    const uint64_t before = fixture.world.power.operations();
    fixture.order(true);
    fixture.live();
    REQUIRE(fixture.version() == "9.9.9");
    operations = fixture.world.power.operations() - before;
  }
  for (uint64_t cut = 0; cut < operations; ++cut) {
    INFO("cut at operation " << cut);
    // Either signature meets a cut before and after an operation.
    const bool is_good = cut % 4 < 2;
    CutUpdate fixture;
    fixture.world.power.cut_at_operation(fixture.world.power.operations() + cut, cut % 2 == 0);
    fixture.order(is_good);
    fixture.live();
    fixture.check(is_good);
  }
}

// Rules: WP-L01.FR.04 WP-L01.FR.12
TEST_CASE(
    "at whatever byte the power goes a signed update goes on from there, and is still checked") {
  uint64_t bytes = 0;
  {
    CutUpdate fixture;
    const uint64_t before = fixture.world.power.bytes_written();
    fixture.order(true);
    fixture.live();
    bytes = fixture.world.power.bytes_written() - before;
  }
  size_t resumed = 0;
  size_t lost = 0;
  for (uint64_t cut = 0; cut < bytes; ++cut) {
    INFO("cut at byte " << cut);
    const bool is_good = cut % 8 != 7;
    CutUpdate fixture;
    fixture.world.power.cut_after_bytes(fixture.world.power.bytes_written() + cut);
    fixture.order(is_good);
    fixture.live();
    fixture.check(is_good);
    const std::vector<uint32_t>& offsets = fixture.world.file_server.offsets;
    // An order that was not stored yet is lost, and so is nothing else.
    lost += offsets.empty() ? 1 : 0;
    if (is_good && !offsets.empty()) CHECK(fixture.version() == "9.9.9");
    resumed += !offsets.empty() && offsets.back() > 0 ? 1 : 0;
  }
  CHECK(resumed > CutUpdate::kImageBytes);
  CHECK(lost < 300);
}
