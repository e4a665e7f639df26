// Purpose:       What the application, the wallbox or the flash may hand to the engine that is not as usual.
// Given:         A gateway in virtual time with its wallboxes, its flash and its CSMS.
// Steps:         See each case.
// Pass criteria: What is out of range is refused or changes nothing; every error and reason has its name on the wire.
// Spec:          OCPP 1.6 ed. 2, 4.8, 4.9, 5.2, 7.6, 7.36.
#include "doctest_main/doctest_main.hpp"
#include "ocpp_world/world.hpp"

#include <string>
#include <vector>

using common::Status;
using ocpp_world::World;

namespace {

Status begin_with(void (*change)(ocpp::Options&)) {
  World world;
  ocpp::ChargePoint charge_point(ocpp::Ports{world.files, world.settings, world.entropy,
                                             world.charger, world.log, nullptr, nullptr, nullptr});
  ocpp::Options options;
  options.identity.vendor = common::FixedString<20>("VEV");
  options.identity.model = common::FixedString<20>("Gateway");
  options.connectors = 1;
  change(options);
  return charge_point.begin(options, common::Instant{}, common::UtcTime{});
}

const char* const kErrors[] = {
    "NoError",         "ConnectorLockFailure", "EVCommunicationError", "GroundFailure",
    "HighTemperature", "InternalError",        "OtherError",           "OverCurrentFailure",
    "OverVoltage",     "PowerMeterFailure",    "PowerSwitchFailure",   "ReaderFailure",
    "ResetFailure",    "UnderVoltage",         "WeakSignal",
};
const char* const kReasons[] = {
    "Local",  "EmergencyStop", "EVDisconnected", "HardReset",     "Other",        "PowerLoss",
    "Reboot", "Remote",        "SoftReset",      "UnlockCommand", "DeAuthorized",
};

}  // namespace

TEST_CASE("options that mean nothing are refused at the start") {
  CHECK(begin_with([](ocpp::Options&) {}) == Status::kOk);
  CHECK(begin_with([](ocpp::Options& o) { o.connectors = 0; }) == Status::kInvalidArgument);
  CHECK(begin_with([](ocpp::Options& o) { o.connectors = limits::kMaxConnectors + 1; }) ==
        Status::kInvalidArgument);
  CHECK(begin_with([](ocpp::Options& o) { o.identity.vendor.clear(); }) ==
        Status::kInvalidArgument);
  CHECK(begin_with([](ocpp::Options& o) { o.identity.model.clear(); }) == Status::kInvalidArgument);
  CHECK(begin_with([](ocpp::Options& o) { o.nominal_voltage_mv = 999; }) ==
        Status::kInvalidArgument);
}

TEST_CASE("every error of a wallbox is told by its name, with the wallbox's own code") {
  World world;
  world.start();
  for (size_t i = 1; i < sizeof kErrors / sizeof *kErrors; ++i) {
    const auto error = static_cast<charger::Error>(i);
    if (error == charger::Error::kEvCommunicationError) continue;  // only where a car is expected
    CAPTURE(kErrors[i]);
    world.charger.set_error(1, error, true, "E42");
    world.run_for(3000);
    CHECK(world.csms.statuses.back().status == "Faulted");
    CHECK(world.csms.statuses.back().error == kErrors[i]);
  }
  world.charger.set_error(1, charger::Error::kNone, false);
  world.run_for(3000);
  CHECK(world.csms.statuses.back().status == "Available");
  CHECK(world.csms.statuses.back().error == "NoError");
  CHECK(world.problems() == "");
}

// Rules: R-7.36-1
TEST_CASE("every reason on flash is told by its name") {
  World world;
  constexpr size_t kCount = sizeof kReasons / sizeof *kReasons;
  {
    ocpp::TransactionStore store(world.files, world.log);
    REQUIRE(store.load() == Status::kOk);
    for (size_t i = 0; i < kCount; ++i) {
      const common::UtcTime utc{world.csms.utc_at_zero.ms - 3600000 +
                                static_cast<int64_t>(i) * 60000};
      ocpp::StartRecord start;
      start.connector_id = 1;
      start.id_tag = ocpp::IdTag("ALICE");
      start.time = store.stamp(common::Instant{}, utc);
      const auto local = store.begin_transaction(start);
      REQUIRE(local.ok());
      ocpp::StopRecord stop;
      stop.local_transaction = local.value();
      // As an older or a damaged record may have it: the wire knows 32 bits and no sign.
      stop.meter_stop_wh = i == 0 ? INT64_C(5000000000) : 10;
      stop.reason = static_cast<ocpp::StopReason>(i);
      stop.time = store.stamp(common::Instant{}, common::UtcTime{utc.ms + 1000});
      REQUIRE(store.end_transaction(stop) == Status::kOk);
    }
  }
  world.start();
  world.run_for(60000);
  REQUIRE(world.csms.transactions.size() == kCount);
  for (size_t i = 0; i < kCount; ++i) CHECK(world.csms.transactions[i].reason == kReasons[i]);
  CHECK(world.csms.transactions[0].meter_stop == INT32_MAX);
  CHECK(world.charge_point->pending_messages() == 0);
  CHECK(world.problems() == "");
}

// Rules: FP-8
TEST_CASE("a transaction of a connector that this gateway does not have any more is ended") {
  World::Setup setup;
  setup.connectors = 2;
  World world(setup);
  world.start();
  world.charger.plug(2);
  world.run_for(3000);
  world.tag("ALICE", 2);
  REQUIRE(world.run_until([&] { return world.csms.last_status(2) == "Charging"; }, 20000));
  world.run_for(90000);
  SUBCASE("at once") {}
  SUBCASE("and again if the flash refuses") { world.files.fail_next_append(Status::kIo, 0); }
  world.setup.connectors = 1;
  (void)world.restart(platform::ResetCause::kPowerOn);
  world.connect();
  world.run_for(30000);
  if (world.csms.transactions[0].stops == 0) {  // no later than with the next start-up
    (void)world.restart(platform::ResetCause::kSoftware);
    world.connect();
    world.run_for(30000);
  }
  REQUIRE(world.csms.transactions.size() == 1);
  CHECK(world.csms.transactions[0].stops == 1);
  CHECK(world.csms.transactions[0].id_tag == "ALICE");
  CHECK(world.csms.transactions[0].meter_stop > 0);
}

TEST_CASE("what names a connector that does not exist changes nothing") {
  World world;
  world.start();
  ocpp::TransactionView view;
  for (const uint8_t id : {0, 2, 200}) {
    CAPTURE(id);
    CHECK(world.charge_point->stop_transaction(id, world.now()) == Status::kInvalidState);
    CHECK_FALSE(world.charge_point->open_transaction(id, view));
    CHECK_FALSE(world.charge_point->offer(id).permit);
    world.charge_point->on_charger_state(id, charger::ChargerState(), world.now());
    world.charge_point->on_meter_sample(id, charger::MeterSample(), world.now());
  }
  world.tag("ALICE", 2);
  world.tag("");
  world.run_for(5000);
  CHECK(world.csms.received["Authorize"] == 0);
  CHECK(world.charge_point->stop_transaction(1, world.now()) == Status::kInvalidState);
  ocpp::ConfigurationEntry entry;
  CHECK(world.charge_point->get_configuration(common::text("NoSuchKey"), entry) ==
        Status::kNotFound);
  // Saying again what is known costs nothing.
  const size_t frames = world.messages.size();
  world.charge_point->on_link(true, world.now());
  world.charge_point->on_sent(world.now());
  world.run_for(1000);
  CHECK(world.messages.size() == frames);
  CHECK(world.problems() == "");
}

TEST_CASE("no time and a time long past are not taken") {
  World world;
  world.start();
  const common::UtcTime before = world.charge_point->utc(world.now());
  REQUIRE(before.is_known());
  world.charge_point->on_utc(common::UtcTime{}, world.now());
  world.charge_point->on_utc(common::UtcTime{1000000000000}, world.now());
  CHECK(world.charge_point->utc(world.now()) == before);
  world.charge_point->on_utc(common::UtcTime{before.ms + 60000}, world.now());
  CHECK(world.charge_point->utc(world.now()).ms == before.ms + 60000);
}

TEST_CASE("a start that the flash refuses gives no power, and the next attempt works") {
  World world;
  world.start();
  world.charger.plug(1);
  world.run_for(3000);
  for (const Status failure : {Status::kIo, Status::kNoSpace}) {
    world.files.fail_next_append(failure, 0);
    if (failure == Status::kNoSpace) world.files.set_capacity(0);
    world.tag("ALICE");
    world.run_for(15000);
    CHECK_FALSE(world.charger.offer(1).permit);
    CHECK(world.csms.received["StartTransaction"] == 0);
    CHECK(world.csms.last_status(1) == "Finishing");
    world.files.set_capacity(4 * 1024 * 1024);
  }
  world.tag("ALICE");
  CHECK(world.run_until([&] { return world.csms.last_status(1) == "Charging"; }, 20000));
  CHECK(world.problems() == "");
}

TEST_CASE("an answer to a vendor message is kept up to its size, cut between characters") {
  World world;
  world.start();
  const auto answer = [&world](const std::string& data) {
    world.csms.faults.ignore["DataTransfer"] = 1;
    REQUIRE(world.charge_point->send_data_transfer(common::text("com.example"), common::text(""),
                                                   common::text(""), world.now()) == Status::kOk);
    world.run_for(500);
    const std::string& call = world.messages.back();
    const std::string id = call.substr(call.find(",\"") + 2, 36);
    world.csms.send("[3,\"" + id + R"(",{"status":"Accepted","data":")" + data + "\"}]",
                    world.now());
    world.run_for(500);
    const common::TextSpan kept = world.charge_point->data_transfer_answer();
    return std::string(kept.data(), kept.size());
  };
  CHECK(answer("short") == "short");
  CHECK(answer("") == "");
  CHECK(answer(R"(a\"b\\c)") == "a\"b\\c");
  const std::string full(limits::kDataTransferBytes, 'x');
  CHECK(answer(full) == full);
  CHECK(answer(full + "y") == full);
  std::string letters;  // two bytes each, the last one would be split
  for (size_t i = 0; i < limits::kDataTransferBytes / 2; ++i) letters += "\xC3\xA9";
  CHECK(answer("x" + letters) == "x" + letters.substr(0, letters.size() - 2));
}

TEST_CASE("an order that cannot be carried out is refused, from the CSMS as from the application") {
  World world;
  world.start();
  const auto update = [&world](const std::string& url) {
    return world.charge_point->update_firmware(common::TextSpan(url.data(), url.size()),
                                               world.now());
  };
  const std::string too_long = "ftp://h/" + std::string(limits::kMaxLocationBytes, 'x');
  CHECK(update("") == Status::kInvalidArgument);
  CHECK(update(too_long) == Status::kInvalidArgument);
  CHECK(world.call_frame("GetDiagnostics", R"({"location":")" + too_long + "/\"}").substr(0, 3) ==
        "[4,");
  CHECK(world.call_frame("GetDiagnostics", R"({"location":""})").substr(0, 3) == "[4,");
  CHECK(world.call("ChangeConfiguration", R"({"key":"HeartbeatInterval","value":")" +
                                              std::string(501, '1') + "\"}") != "Accepted");
  CHECK(world.configuration("HeartbeatInterval") == "300");
  CHECK(std::string(world.charge_point->firmware_status()) == "Idle");
  CHECK(std::string(world.charge_point->diagnostics_status()) == "Idle");

  ocpp::ChargePoint without(ocpp::Ports{world.files, world.settings, world.entropy, world.charger,
                                        world.log, nullptr, nullptr, nullptr});
  CHECK(without.update_firmware(common::text("ftp://h/f"), world.now()) == Status::kUnsupported);
}
