// Purpose:       Orders for files on a gateway whose flash errs, or that lacks a part.
// Given:         A gateway in virtual time, a model CSMS, a file server.
// Steps:         See each case.
// Pass criteria: An order is carried out or told as failed, whatever access to the flash fails; the next one works.
// Spec:          OCPP 1.6 ed. 2, 4.4, 4.5, 5.9, 5.19.
#include "common/crc32.hpp"
#include "ocpp_world/online.hpp"

using common::Status;
using ocpp_world::contains;
using ocpp_world::Online;
using ocpp_world::World;

namespace {

std::string image(const std::string& version, size_t size) {
  const std::string body(size, 'x');
  char crc[9];
  std::snprintf(crc, sizeof crc, "%08x",
                static_cast<unsigned>(
                    common::crc32(common::as_bytes(common::TextSpan(body.data(), body.size())))));
  return "VEVGW-FIRMWARE 1\nversion " + version + "\nsize " + std::to_string(size) + "\ncrc32 " +
         crc + "\nstarts yes\n\n" + body;
}

struct Files : Online {
  explicit Files(const World::Setup& setup = World::Setup()) : Online(setup) {
    world.file_server.files["http://h/f"] = image("1.2.3", 10'000);
  }

  std::string update(const std::string& more = "", const std::string& url = "http://h/f") {
    return world.call_frame(
        "UpdateFirmware",
        R"({"location":")" + url + R"(","retrieveDate":"2020-01-01T00:00:00Z")" + more + "}");
  }
  std::string get(const std::string& location, const std::string& more = "") {
    return world.call_frame("GetDiagnostics", R"({"location":")" + location + "\"" + more + "}");
  }
  std::string told(const std::string& action) const {
    std::string all;
    for (const std::string& payload : calls_of(action)) {
      const std::string status = payload.substr(11, payload.size() - 13);
      all += (all.empty() ? "" : " ") + status;
    }
    return all;
  }
  std::string updates() const { return told("FirmwareStatusNotification"); }
  std::string uploads() const { return told("DiagnosticsStatusNotification"); }
  std::string version() const { return world.firmware->version().c_str(); }
  bool waits(const std::function<std::string()>& what, const std::string& wanted,
             int64_t timeout_ms = 60000) {
    return world.run_until([&] { return what() == wanted; }, timeout_ms);
  }
};

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

/// @return Accesses to the flash.
uint64_t update_with_faults(uint64_t first, uint64_t count, std::string& problems) {
  Files files;
  World& world = files.world;
  const uint64_t before = world.power.accesses();
  world.power.fail_accesses(before + first, count);
  const std::string answer = files.update(R"(,"retries":1,"retryInterval":5)");
  if (world.restart_on_request(90000)) (void)world.restart_on_request(5000);
  world.run_for(90000);
  const uint64_t accesses = world.power.accesses() - before;
  const std::string told = files.updates();
  const bool is_refused = answer.compare(0, 3, "[4,") == 0;
  const bool is_done = files.version() == "1.2.3";
  std::string found = world.problems();
  if (is_refused ? !told.empty() || is_done : !ends_with(told, is_done ? " Installed" : "Failed"))
    found += answer + " told: " + told + ", version " + files.version() + "\n";
  if (files.status() != "Available") found += "the connector is " + files.status() + "\n";
  // The flash is well again: so is the next order.
  world.power.fail_accesses(UINT64_MAX, 0);
  world.file_server.files["http://h/g"] = image("2.0.0", 10'000);
  if (files.update("", "http://h/g").compare(0, 3, "[3,") != 0) found += "next order refused\n";
  (void)world.restart_on_request(90000);
  world.run_for(30000);
  if (files.version() != "2.0.0" || !ends_with(files.updates(), " Installed"))
    found += "next order: " + files.updates() + ", version " + files.version() + "\n";
  if (!found.empty()) {
    problems +=
        std::to_string(count) + " accesses fail from " + std::to_string(first) + ":\n" + found;
  }
  return accesses;
}

uint64_t upload_with_faults(uint64_t first, uint64_t count, std::string& problems) {
  Files files;
  World& world = files.world;
  const uint64_t before = world.power.accesses();
  world.power.fail_accesses(before + first, count);
  const std::string answer = files.get("ftp://h/", R"(,"retries":1,"retryInterval":5)");
  world.run_for(30000);
  const uint64_t accesses = world.power.accesses() - before;
  const std::string told = files.uploads();
  const bool is_refused = answer.compare(0, 3, "[4,") == 0;
  const bool is_done = !world.file_server.uploads.empty();
  std::string found = world.problems();
  if (told != (is_refused ? "" : is_done ? "Uploading Uploaded" : "Uploading UploadFailed"))
    found += answer + " told: " + told + "\n";
  world.power.fail_accesses(UINT64_MAX, 0);
  if (files.get("ftp://g/").compare(0, 3, "[3,") != 0) found += "next order refused\n";
  world.run_for(30000);
  if (!ends_with(files.uploads(), "Uploading Uploaded")) found += "next: " + files.uploads() + "\n";
  if (!found.empty())
    problems +=
        std::to_string(count) + " accesses fail from " + std::to_string(first) + ":\n" + found;
  return accesses;
}

}  // namespace

// Rules: R-4.5-1 FP-8
TEST_CASE("any access to the flash may fail during an update: it is done or told as failed") {
  std::string problems;
  const uint64_t accesses = update_with_faults(0, 0, problems);
  CHECK(problems == "");
  CHECK(accesses > 20);
  for (uint64_t first = 0; first < accesses && problems.size() < 3000; ++first) {
    update_with_faults(first, 1, problems);
    if (first % 4 == 0) update_with_faults(first, 6, problems);
  }
  CHECK(problems == "");
}

// Rules: R-4.4-1 FP-8
TEST_CASE("any access to the flash may fail during an upload: it is done or told as failed") {
  std::string problems;
  const uint64_t accesses = upload_with_faults(0, 0, problems);
  CHECK(problems == "");
  CHECK(accesses > 5);
  for (uint64_t first = 0; first < accesses && problems.size() < 3000; ++first) {
    for (const uint64_t count : {1, 3, 20}) upload_with_faults(first, count, problems);
  }
  CHECK(problems == "");
}

TEST_CASE_FIXTURE(Files, "an update that a technician orders at the device goes the same way") {
  CHECK(world.charge_point->update_firmware(common::text("http://h/f"), world.now()) ==
        Status::kOk);
  CHECK(waits([this] { return updates(); }, "Downloading Downloaded Installing"));
  CHECK(world.charge_point->firmware_bytes() > 10'000);
  REQUIRE(world.restart_on_request(60000));
  CHECK(waits([this] { return updates(); }, "Downloading Downloaded Installing Installed"));
  CHECK(version() == "1.2.3");
  CHECK(world.problems() == "");
}

TEST_CASE_FIXTURE(Files, "a download waits for an upload that is under way") {
  world.file_server.bytes_per_s = 200;
  (void)get("ftp://h/");
  CHECK(waits([this] { return uploads(); }, "Uploading", 5000));
  (void)update();
  world.run_for(5000);
  CHECK(updates() == "");
  CHECK(waits([this] { return uploads(); }, "Uploading Uploaded"));
  world.file_server.bytes_per_s = 100'000;
  CHECK(waits([this] { return updates(); }, "Downloading Downloaded Installing"));
  CHECK(world.problems() == "");
}

TEST_CASE_FIXTURE(Files, "a new order for diagnostics takes the place of the upload under way") {
  world.file_server.bytes_per_s = 200;
  (void)get("ftp://old/");
  CHECK(waits([this] { return uploads(); }, "Uploading", 5000));
  world.file_server.bytes_per_s = 100'000;
  (void)get("ftp://new/");
  CHECK(waits([this] { return uploads(); }, "Uploading Uploading Uploaded"));
  REQUIRE(world.file_server.uploads.size() == 1);
  CHECK(world.file_server.uploads.begin()->first.compare(0, 10, "ftp://new/") == 0);
  CHECK(world.problems() == "");
}

TEST_CASE_FIXTURE(Files, "an upload to where nobody can send is not tried again") {
  (void)get("gopher://h/", R"(,"retries":5,"retryInterval":1)");
  CHECK(waits([this] { return uploads(); }, "Uploading UploadFailed", 5000));
  world.run_for(20000);
  CHECK(uploads() == "Uploading UploadFailed");
  CHECK(world.problems() == "");
}

TEST_CASE_FIXTURE(Files, "a number of retries below zero means none") {
  const std::string more = R"(,"retries":-3,"retryInterval":-10)";
  world.file_server.faults = {{platform_sim::SimFileServer::Fault::Kind::kRefuse, 0}};
  (void)get("ftp://h/", more);
  CHECK(waits([this] { return uploads(); }, "Uploading UploadFailed", 10000));
  (void)update(more, "http://h/none");
  CHECK(waits([this] { return updates(); }, "Downloading DownloadFailed", 10000));
  CHECK(world.file_server.offsets.size() == 1);
  CHECK(world.problems() == "");
}

TEST_CASE_FIXTURE(Files, "a folder whose name leaves no room for that of the file is refused") {
  const std::string folder = "ftp://h/" + std::string(limits::kMaxLocationBytes - 20, 'd');
  CHECK(get(folder).compare(0, 3, "[4,") == 0);
  CHECK(get(folder + std::string(12, 'd')).compare(0, 3, "[4,") == 0);
  world.run_for(5000);
  CHECK(uploads() == "");
}

// Rules: R-5.9-2
TEST_CASE("the name of a file is made of characters that mean nothing in a URL") {
  World::Setup setup;
  setup.serial_number = "Ab-7/z~{[:9";
  Files files(setup);
  const std::string answer = files.get("ftp://h/in");
  CHECK(contains(answer, R"("fileName":"diagnostics-Ab7z9-2027)"));
}

TEST_CASE("a gateway that cannot transfer files refuses updates and has no diagnostics") {
  World::Setup setup;
  setup.has_transfer = false;
  Files files(setup);
  CHECK(contains(files.update(), "NotSupported"));
  CHECK(ends_with(files.get("ftp://h/"), ",{}]"));
  CHECK(files.world.charge_point->update_firmware(common::text("ftp://h/f"), files.world.now()) ==
        Status::kUnsupported);
  files.world.run_for(5000);
  CHECK(files.updates() == "");
  CHECK(files.uploads() == "");
  CHECK(files.world.problems() == "");
}

TEST_CASE_FIXTURE(Files,
                  "a version on trial whose order is not known any more is kept all the same") {
  (void)update();
  REQUIRE(
      world.run_until([&] { return world.has_event(ocpp::EventType::kResetRequested); }, 60000));
  REQUIRE(world.settings.erase("firmware") == Status::kOk);
  world.events.clear();
  (void)world.restart(platform::ResetCause::kSoftware);
  world.connect();
  world.run_for(5000);
  CHECK(version() == "1.2.3");
  CHECK(world.firmware->boot() == platform::Firmware::Boot::kNormal);
  CHECK(updates() == "Downloading Downloaded Installing");
  CHECK(world.problems() == "");
}

// Rules: R-4.5-1
TEST_CASE_FIXTURE(Files, "an order that later firmware has stored differently is not carried out") {
  world.file_server.bytes_per_s = 1000;
  (void)update();
  uint8_t stored[64];
  const size_t size = world.settings.get("firmware", common::MutableByteSpan(stored)).value();
  size_t kept = size;
  SUBCASE("of another version") { stored[0] = 2; }
  SUBCASE("cut short") { kept = 10; }
  REQUIRE(world.settings.set("firmware", common::ByteSpan(stored, kept)) == Status::kOk);
  const size_t before = calls_of("FirmwareStatusNotification").size();
  (void)world.restart(platform::ResetCause::kPowerOn);
  world.connect();
  world.run_for(30000);
  CHECK(calls_of("FirmwareStatusNotification").size() == before);
  CHECK(status() == "Available");
}
