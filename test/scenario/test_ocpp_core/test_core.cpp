// Purpose:       Rules of the Core profile that belong to no single session: status reports, reset,
//                availability.
// Given:         A gateway in virtual time with its wallboxes, its flash and its CSMS.
// Steps:         See each case.
// Pass criteria: Only the transitions of the specification are told; what is refused is tried again, but not for ever;
//                what was promised outlives a restart.
// Spec:          OCPP 1.6 ed. 2, 4.9, 5.2, 5.12, 5.14, 9.1.20, 9.1.22.
#include "doctest_main/doctest_main.hpp"
#include "ocpp/connector_state.hpp"
#include "ocpp_world/online.hpp"

using ocpp::ChargePointStatus;
using ocpp_world::World;

namespace {

struct Fixture : ocpp_world::Online {
  /// What the CSMS was told of connector 1 since `from`.
  std::string told(size_t from) const {
    std::string text;
    for (size_t i = from; i < world.csms.statuses.size(); ++i) {
      if (world.csms.statuses[i].connector_id != 1) continue;
      if (!text.empty()) text += ' ';
      text += world.csms.statuses[i].status;
    }
    return text;
  }
  int resets() const {
    int count = 0;
    for (const ocpp::Event& event : world.events)
      count += event.type == ocpp::EventType::kResetRequested ? 1 : 0;
    return count;
  }
};

}  // namespace

// ------------------------------------------------------------------------------------ status

// Rules: R-4.9-15
TEST_CASE("between any two statuses at most one more has to be told, and every step is allowed") {
  const auto allowed = [](ChargePointStatus from, ChargePointStatus to) {
    return (ocpp::kAllowedTransitions[static_cast<size_t>(from)] >> static_cast<unsigned>(to) &
            1U) != 0;
  };
  for (unsigned a = 0; a < 9; ++a) {
    for (unsigned b = 0; b < 9; ++b) {
      if (a == b) continue;
      const auto from = static_cast<ChargePointStatus>(a);
      const auto to = static_cast<ChargePointStatus>(b);
      const ChargePointStatus between = ocpp::status_between(from, to);
      CAPTURE(to_string(from));
      CAPTURE(to_string(to));
      CHECK((between == to) == allowed(from, to));
      CHECK(allowed(from, between));
      if (between != to) CHECK(allowed(between, to));
    }
  }
  CHECK_FALSE(allowed(ChargePointStatus::Available, ChargePointStatus::Finishing));
  CHECK_FALSE(allowed(ChargePointStatus::Preparing, ChargePointStatus::Reserved));
  CHECK_FALSE(allowed(ChargePointStatus::Finishing, ChargePointStatus::Charging));
  CHECK_FALSE(allowed(ChargePointStatus::Reserved, ChargePointStatus::Charging));
}

// Rules: R-4.9-1 R-4.9-5 R-4.9-15 R-9.1.20-1
TEST_CASE_FIXTURE(Fixture, "a status too short to be told does not make a transition impossible") {
  charge();
  CHECK(change("MinimumStatusDuration", "20") == "Accepted");
  world.tag("04A1B2C3");
  world.run_for(40000);
  REQUIRE(world.csms.last_status(1) == "Finishing");
  const size_t before = world.csms.statuses.size();
  world.tag("04A1B2C3");  // Preparing for a few seconds, then Charging
  world.run_for(60000);
  CHECK(told(before) == "Preparing Charging");
  CHECK(world.problems() == "");
}

// Rules: R-4.9-13
TEST_CASE_FIXTURE(Fixture, "a status that the CSMS refuses is told again, at most three times") {
  const int before = world.csms.received["StatusNotification"];
  world.csms.faults.call_error["StatusNotification"] = 2;
  world.charger.plug(1);
  world.run_for(5000);
  CHECK(world.csms.last_status(1) == "Available");
  world.run_for(60000);
  CHECK(world.csms.last_status(1) == "Preparing");
  CHECK(world.csms.received["StatusNotification"] - before == 3);
  // For ever refused: some attempts, then silence until something changes.
  world.csms.faults.call_error["StatusNotification"] = 1000;
  world.charger.unplug(1);
  world.run_for(3600000);
  CHECK(world.csms.received["StatusNotification"] - before == 3 + 4);
  world.csms.faults.call_error.clear();
  world.charger.plug(1);
  world.run_for(5000);
  CHECK(world.csms.received["StatusNotification"] - before == 3 + 4 + 1);
  CHECK(world.csms.last_status(1) == "Preparing");
  CHECK(world.problems() == "");
}

TEST_CASE_FIXTURE(Fixture, "a status that is not answered while the link stays up is told again") {
  world.csms.faults.ignore["StatusNotification"] = 1;
  const int before = world.csms.received["StatusNotification"];
  world.charger.plug(1);
  world.run_for(90000);
  CHECK(world.csms.received["StatusNotification"] - before == 2);
  CHECK(world.csms.last_status(1) == "Preparing");
}

// Rules: R-4.9-15
TEST_CASE_FIXTURE(Fixture,
                  "a car plugged while the last transaction is being stopped is Preparing") {
  charge();
  world.charger.unplug(1);
  REQUIRE(world.run_until([&] { return world.csms.last_status(1) == "Finishing"; }, 5000));
  world.charger.plug(1);
  world.run_for(20000);
  CHECK(world.csms.last_status(1) == "Preparing");
  CHECK(world.csms.transactions[0].stops == 1);
  world.tag("04B2");
  world.run_for(20000);
  CHECK(world.csms.last_status(1) == "Charging");
  CHECK(world.problems() == "");
}

// Rules: R-4.9-8
TEST_CASE_FIXTURE(Fixture, "a car's communication error is told only where a car is expected") {
  world.charger.set_error(1, charger::Error::kEvCommunicationError, false);
  world.run_for(3000);
  CHECK(world.csms.statuses.back().error == "NoError");
  world.charger.plug(1);
  world.run_for(3000);
  CHECK(world.csms.statuses.back().status == "Preparing");
  CHECK(world.csms.statuses.back().error == "EVCommunicationError");
  world.charger.set_error(1, charger::Error::kEvCommunicationError, true);
  world.run_for(3000);
  CHECK(world.csms.statuses.back().status == "Faulted");
  CHECK(world.csms.statuses.back().error == "OtherError");
}

// ------------------------------------------------------------------------------------- reset

// Rules: R-5.14-1 R-5.14-6
TEST_CASE_FIXTURE(Fixture, "a reset that does not happen is tried ResetRetries times, then told") {
  CHECK(change("ResetRetries", "2") == "Accepted");
  CHECK(world.call("Reset", R"({"type":"Soft"})") == "Accepted");
  world.run_for(1000);
  CHECK(resets() == 1);
  world.run_for(70000);
  CHECK(resets() == 3);
  // While a restart is expected nothing new begins.
  world.charger.plug(1);
  world.run_for(3000);
  world.tag("04A1");
  world.run_for(3000);
  CHECK(world.csms.received["Authorize"] == 0);
  CHECK(world.call("RemoteStartTransaction", R"({"idTag":"R","connectorId":1})") == "Rejected");
  world.run_for(60000);
  CHECK(resets() == 3);
  CHECK(world.csms.statuses.back().connector_id == 0);
  CHECK(world.csms.statuses.back().status == "Available");
  CHECK(world.csms.statuses.back().error == "ResetFailure");
  world.tag("04A1");
  world.run_for(20000);
  CHECK(world.csms.last_status(1) == "Charging");
  CHECK(world.problems() == "");
}

// Rules: R-5.14-1 R-5.14-2 R-5.14-4
TEST_CASE_FIXTURE(Fixture,
                  "between the request to restart and the restart no tag starts a session") {
  CHECK(world.call("Reset", R"({"type":"Hard"})") == "Accepted");
  world.charger.plug(1);
  REQUIRE(world.run_until([&] { return resets() == 1; }, 5000));
  world.tag("04A1");
  world.run_for(500);
  CHECK(world.csms.received["Authorize"] == 0);
  CHECK(world.csms.received["StartTransaction"] == 0);
  CHECK_FALSE(world.charger.offer(1).permit);
}

TEST_CASE_FIXTURE(Fixture, "a soft reset after a hard one neither softens it nor puts it off") {
  charge();
  world.csms.faults.is_mute = true;
  (void)world.csms.call("Reset", R"({"type":"Hard"})", world.now());
  world.run_for(1000);
  (void)world.csms.call("Reset", R"({"type":"Soft"})", world.now());
  REQUIRE(world.run_until([&] { return resets() == 1; }, 15000));
  for (const ocpp::Event& event : world.events) {
    if (event.type == ocpp::EventType::kResetRequested) CHECK(event.reset_is_hard);
  }
}

// ------------------------------------------------------------------------------ availability

// Rules: R-5.2-1 R-5.2-3 R-5.2-4 R-5.2-6
TEST_CASE_FIXTURE(Fixture, "an availability that cannot be stored is refused and changes nothing") {
  world.settings.fail_next_set(common::Status::kIo);
  CHECK(world.call("ChangeAvailability", R"({"connectorId":1,"type":"Inoperative"})") ==
        "Rejected");
  world.run_for(2000);
  CHECK(world.csms.last_status(1) == "Available");
  CHECK(world.call("ChangeAvailability", R"({"connectorId":1,"type":"Inoperative"})") ==
        "Accepted");
  world.run_for(2000);
  CHECK(world.csms.last_status(1) == "Unavailable");
  const uint64_t writes = world.settings.writes();
  CHECK(world.call("ChangeAvailability", R"({"connectorId":1,"type":"Inoperative"})") ==
        "Accepted");
  CHECK(world.settings.writes() == writes);
  (void)world.restart(platform::ResetCause::kPowerOn);
  world.connect();
  world.run_for(2000);
  CHECK(world.csms.last_status(1) == "Unavailable");
  CHECK(world.problems() == "");
}

// Rules: R-5.2-2 R-5.2-3 R-7.7-2
TEST_CASE_FIXTURE(Fixture, "a scheduled change can be taken back before it takes effect") {
  charge();
  CHECK(world.call("ChangeAvailability", R"({"connectorId":0,"type":"Inoperative"})") ==
        "Scheduled");
  CHECK(world.call("ChangeAvailability", R"({"connectorId":0,"type":"Operative"})") == "Accepted");
  world.tag("04A1B2C3");
  world.run_for(20000);
  CHECK(world.csms.last_status(1) == "Finishing");
  CHECK(world.call("ChangeAvailability", R"({"connectorId":3,"type":"Operative"})") == "Rejected");
}

// ------------------------------------------------------------------------------- remote stop

// Rules: R-5.12-1 R-5.12-2
TEST_CASE_FIXTURE(Fixture,
                  "a remote stop that is repeated while the transaction stops is accepted") {
  charge();
  CHECK(world.call("RemoteStopTransaction", R"({"transactionId":1000})") == "Accepted");
  CHECK(world.call("RemoteStopTransaction", R"({"transactionId":1000})") == "Accepted");
  world.run_for(20000);
  CHECK(world.csms.transactions[0].reason == "Remote");
  CHECK(world.csms.transactions[0].stops == 1);
  CHECK(world.call("RemoteStopTransaction", R"({"transactionId":1000})") == "Rejected");
}

// ------------------------------------------------------------------------------------- locks

namespace {

World::Setup with_lock() {
  World::Setup setup;
  setup.wallbox.capabilities.has_lock = true;
  return setup;
}

void charge_on(World& world, const char* id_tag) {
  world.charger.plug(1);
  world.run_for(3000);
  world.tag(id_tag);
  REQUIRE(world.run_until([&] { return world.csms.last_status(1) == "Charging"; }, 20000));
}

std::string set_key(World& world, const std::string& key, const std::string& value) {
  return world.call("ChangeConfiguration", R"({"key":")" + key + R"(","value":")" + value + "\"}");
}

}  // namespace

// Rules: R-4.10-3
TEST_CASE("the normal end of a transaction unlocks the cable once") {
  World world(with_lock());
  world.start();
  charge_on(world, "AAAA");
  CHECK(world.charger.unlocks(1) == 0);
  world.tag("AAAA");
  world.run_for(20000);
  CHECK(world.charger.unlocks(1) == 1);
}

// Rules: R-4.10-8 R-9.1.33-1
TEST_CASE("an unplug at the car unlocks the cable if both keys say so") {
  World world(with_lock());
  world.start();
  CHECK(world.configuration("UnlockConnectorOnEVSideDisconnect") == "true");
  charge_on(world, "AAAA");
  world.charger.unplug(1);
  world.run_for(20000);
  CHECK(world.csms.transactions[0].reason == "EVDisconnected");
  CHECK(world.charger.unlocks(1) == 1);
}

// Rules: R-9.1.33-1
TEST_CASE("without UnlockConnectorOnEVSideDisconnect the cable is kept until its tag is shown") {
  World world(with_lock());
  world.csms.parents["AAAA"] = "FLEET";
  world.csms.parents["MATE"] = "FLEET";
  world.start();
  CHECK(set_key(world, "UnlockConnectorOnEVSideDisconnect", "false") == "Accepted");
  for (const char* owner : {"AAAA", "MATE"}) {
    charge_on(world, "AAAA");
    const uint32_t before = world.charger.unlocks(1);
    world.charger.unplug(1);
    world.run_for(20000);
    CHECK(world.charger.unlocks(1) == before);
    const size_t transactions = world.csms.transactions.size();
    world.tag(owner);
    world.run_for(3000);
    CHECK(world.charger.unlocks(1) == before + 1);
    CHECK(world.csms.last_status(1) == "Available");
    CHECK(world.csms.transactions.size() == transactions);
  }
  CHECK(world.problems() == "");
}

// Rules: R-4.10-5 R-4.10-6 R-4.10-9
TEST_CASE(
    "with StopTransactionOnEVSideDisconnect false the cable stays locked until the tag is shown") {
  World world(with_lock());
  world.start();
  CHECK(set_key(world, "StopTransactionOnEVSideDisconnect", "false") == "Accepted");
  for (const char* unlocks : {"true", "false"}) {
    CHECK(set_key(world, "UnlockConnectorOnEVSideDisconnect", unlocks) == "Accepted");
    charge_on(world, "AAAA");
    const uint32_t before = world.charger.unlocks(1);
    world.charger.unplug(1);
    world.run_for(60000);
    CHECK(world.charger.unlocks(1) == before);
    CHECK(world.csms.transactions.back().stops == 0);
    world.tag("AAAA");
    world.run_for(20000);
    CHECK(world.csms.transactions.back().stops == 1);
    CHECK(world.charger.unlocks(1) == before + 1);
  }
  CHECK(world.problems() == "");
}

// Rules: R-3.5.4-6
TEST_CASE("the cable of a transaction that the CSMS ended is kept until its tag is shown") {
  World world(with_lock());
  world.csms.id_tags["LATE"] = "Blocked";
  world.start();
  world.charger.plug(1);
  world.run_for(3000);
  CHECK(world.call("RemoteStartTransaction", R"({"idTag":"LATE","connectorId":1})") == "Accepted");
  REQUIRE(world.run_until(
      [&] { return !world.csms.transactions.empty() && world.csms.transactions[0].stops == 1; },
      30000));
  CHECK(world.csms.transactions[0].reason == "DeAuthorized");
  CHECK(world.charger.unlocks(1) == 0);
  world.tag("OTHER");
  world.run_for(20000);
  CHECK(world.charger.unlocks(1) == 0);
  world.charger.unplug(1);
  world.run_for(20000);
}

TEST_CASE("a kept cable goes to its own tag, also when the CSMS has blocked it") {
  World world(with_lock());
  world.csms.id_tags["LATE"] = "Blocked";
  world.start();
  world.charger.plug(1);
  world.run_for(3000);
  CHECK(world.call("RemoteStartTransaction", R"({"idTag":"LATE","connectorId":1})") == "Accepted");
  world.run_for(30000);
  CHECK(world.charger.unlocks(1) == 0);
  const int asked = world.csms.received["Authorize"];
  world.tag("LATE");
  world.run_for(5000);
  CHECK(world.charger.unlocks(1) == 1);
  CHECK(world.csms.received["Authorize"] == asked);
  CHECK(world.problems() == "");
}

// Rules: R-5.18-1 R-5.18-2 R-5.18-3
TEST_CASE("UnlockConnector stops the transaction first and tells what became of the lock") {
  World world(with_lock());
  world.start();
  charge_on(world, "AAAA");
  CHECK(world.call("UnlockConnector", R"({"connectorId":1})") == "Unlocked");
  CHECK_FALSE(world.charge_point->offer(1).permit);
  world.run_for(20000);
  CHECK(world.csms.transactions[0].reason == "UnlockCommand");
  CHECK(world.charger.unlocks(1) == 1);
  CHECK(world.call("UnlockConnector", R"({"connectorId":1})") == "Unlocked");
  CHECK(world.call("UnlockConnector", R"({"connectorId":2})") == "NotSupported");
  CHECK(world.call("UnlockConnector", R"({"connectorId":0})") == "NotSupported");
  CHECK(world.problems() == "");
}

// ------------------------------------------------------------------------------ vendor messages

namespace {

struct Vendor {
  std::string heard;
  std::string reply;

  static ocpp::DataTransferStatus on_request(void* self, const ocpp::Text& message_id,
                                             const ocpp::Text& data, common::Span<char> answer,
                                             size_t& answer_size) {
    auto& vendor = *static_cast<Vendor*>(self);
    char text[300];
    const auto copy = [&](const ocpp::Text& from) {
      const common::Result<size_t> size = from.copy_to(common::Span<char>(text, sizeof text));
      return std::string(text, size.ok() ? size.value() : 0);
    };
    vendor.heard = copy(message_id) + ":" + copy(data);
    answer_size = std::min(vendor.reply.size(), answer.size());
    for (size_t i = 0; i < answer_size; ++i) answer[i] = vendor.reply[i];
    return ocpp::DataTransferStatus::Accepted;
  }
};

}  // namespace

// Rules: R-4.3-1 R-4.3-3 R-4.3-4
TEST_CASE_FIXTURE(Fixture, "a vendor's message reaches who registered for it, and nobody else") {
  Vendor vendor;
  vendor.reply = "21 \"C\"";
  ocpp::DataTransferHandler handler;
  handler.vendor_id = "com.example";
  handler.message_id = "Temperature";
  handler.on_request = &Vendor::on_request;
  handler.context = &vendor;
  CHECK(world.charge_point->add_data_transfer_handler(handler) == common::Status::kOk);
  const auto ask = [&](const char* payload) { return world.call_frame("DataTransfer", payload); };
  CHECK(ask(R"({"vendorId":"com.example","messageId":"Temperature","data":"in\u00dfide"})")
            .find(R"({"status":"Accepted","data":"21 \"C\""}])") != std::string::npos);
  CHECK(vendor.heard == "Temperature:in\xC3\x9Fide");
  vendor.reply.clear();
  CHECK(ask(R"({"vendorId":"com.example","messageId":"Temperature"})")
            .find(R"({"status":"Accepted"}])") != std::string::npos);
  vendor.heard.clear();
  CHECK(ask(R"({"vendorId":"com.example","messageId":"Colour","data":"x"})")
            .find(R"({"status":"UnknownMessageId"}])") != std::string::npos);
  CHECK(ask(R"({"vendorId":"com.example"})").find(R"({"status":"UnknownMessageId"}])") !=
        std::string::npos);
  CHECK(ask(R"({"vendorId":"com.else","messageId":"Temperature"})")
            .find(R"({"status":"UnknownVendorId"}])") != std::string::npos);
  CHECK(vendor.heard.empty());
  for (size_t i = 1; i < limits::kMaxDataTransferHandlers; ++i)
    CHECK(world.charge_point->add_data_transfer_handler(handler) == common::Status::kOk);
  CHECK(world.charge_point->add_data_transfer_handler(handler) == common::Status::kNoSpace);
  CHECK(world.problems() == "");
}

// Rules: R-4.3-1
TEST_CASE_FIXTURE(Fixture, "a vendor message of ours is sent once and its answer told") {
  const auto send = [&](const char* vendor, const char* message, const std::string& data) {
    return world.charge_point->send_data_transfer(common::text(vendor), common::text(message),
                                                  common::TextSpan(data.data(), data.size()),
                                                  world.now());
  };
  const auto answers = [&] {
    std::string text;
    for (const ocpp::Event& event : world.events) {
      if (event.type != ocpp::EventType::kDataTransferAnswered) continue;
      text += event.key != nullptr ? event.key : "no answer";
      text += ' ';
    }
    return text;
  };
  CHECK(send("", "m", "") == common::Status::kNoSpace);
  CHECK(send("com.example", "m", std::string(300, 'x')) == common::Status::kNoSpace);
  CHECK(send("com.example", "Greeting", "hello") == common::Status::kOk);
  CHECK(send("com.example", "Greeting", "again") == common::Status::kAgain);
  world.run_for(1000);
  CHECK(world.csms.calls.back() ==
        R"(DataTransfer {"vendorId":"com.example","messageId":"Greeting","data":"hello"})");
  CHECK(answers() == "UnknownVendorId ");
  world.csms.faults.call_error["DataTransfer"] = 1;
  CHECK(send("com.example", "", "") == common::Status::kOk);
  world.run_for(1000);
  CHECK(world.csms.calls.back() == R"(DataTransfer {"vendorId":"com.example"})");
  CHECK(answers() == "UnknownVendorId no answer ");
  CHECK(send("com.example", "", "") == common::Status::kOk);
  world.disconnect();
  world.run_for(1000);
  CHECK(answers() == "UnknownVendorId no answer no answer ");
  CHECK(send("com.example", "", "") == common::Status::kInvalidState);
  world.connect();
  world.run_for(3000);
  CHECK(world.csms.received["DataTransfer"] == 2);
  CHECK(world.problems() == "");
}

// -------------------------------------------------------------------------------- triggers

// Rules: R-5.17-2 R-5.17-3 R-5.17-4 R-5.17-5
TEST_CASE_FIXTURE(Fixture, "triggered meter values are fresh, of the sampled list, per connector") {
  charge();
  CHECK(change("MeterValuesSampledData", "Energy.Active.Import.Register,Voltage.L2") == "Accepted");
  CHECK(world.call("TriggerMessage", R"({"requestedMessage":"MeterValues","connectorId":1})") ==
        "Accepted");
  world.run_for(3000);
  const std::string values = world.csms.calls.back();
  REQUIRE(values.find("MeterValues") == 0);
  CHECK(values.find("\"context\":\"Trigger\"") != std::string::npos);
  CHECK(values.find("\"measurand\":\"Energy.Active.Import.Register\"") != std::string::npos);
  CHECK(values.find("\"measurand\":\"Voltage\",\"phase\":\"L2-N\"") != std::string::npos);
  CHECK(values.find("Power.Active.Import") == std::string::npos);
  CHECK(values.find("\"transactionId\":1000") != std::string::npos);
  CHECK(world.call("TriggerMessage", R"({"requestedMessage":"Heartbeat","connectorId":9})") ==
        "Accepted");
}

// Rules: R-5.17-2
TEST_CASE("meter values of a wallbox without a meter cannot be triggered") {
  World world;
  world.start();
  charger::Capabilities capabilities = world.charger.capabilities(1);
  capabilities.meter_fields = 0;
  world.charger.set_capabilities(1, capabilities);
  CHECK(world.call("TriggerMessage", R"({"requestedMessage":"MeterValues"})") == "Rejected");
}

// ------------------------------------------------------------------------------ and the rest

// Rules: R-4.9-3
TEST_CASE_FIXTURE(Fixture, "suspended by the car and by the gateway is SuspendedEVSE") {
  charge();
  world.charger.set_ev_wants_energy(1, false);
  world.run_for(10000);
  CHECK(world.csms.last_status(1) == "SuspendedEV");
  CHECK(
      world.call("SetChargingProfile",
                 R"({"connectorId":1,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":0,)"
                 R"("chargingProfilePurpose":"TxDefaultProfile","chargingProfileKind":"Absolute",)"
                 R"("chargingSchedule":{"chargingRateUnit":"A",)"
                 R"("chargingSchedulePeriod":[{"startPeriod":0,"limit":0}]}}})") == "Accepted");
  world.run_for(10000);
  CHECK(world.csms.last_status(1) == "SuspendedEVSE");
  CHECK(world.call("ClearChargingProfile", "{}") == "Accepted");
  world.run_for(10000);
  CHECK(world.csms.last_status(1) == "SuspendedEV");
  CHECK(world.problems() == "");
}

// Rules: R-3.7-3
TEST_CASE_FIXTURE(Fixture,
                  "a status does not wait for a transaction message that is tried again later") {
  CHECK(change("TransactionMessageRetryInterval", "600") == "Accepted");
  world.csms.faults.call_error["StartTransaction"] = 1;
  charge();
  CHECK(world.csms.transactions.empty());
  CHECK(world.charge_point->pending_messages() > 0);
  world.charger.set_ev_wants_energy(1, false);
  world.run_for(5000);
  CHECK(world.csms.last_status(1) == "SuspendedEV");
  world.run_for(700000);
  CHECK(world.csms.transactions.size() == 1);
  CHECK(world.problems() == "");
}

// Rules: R-5.14-3 R-5.14-5 R-4.9-4
TEST_CASE_FIXTURE(Fixture, "what is Unavailable stays so over a reset") {
  CHECK(world.call("ChangeAvailability", R"({"connectorId":0,"type":"Inoperative"})") ==
        "Accepted");
  CHECK(world.call("Reset", R"({"type":"Soft"})") == "Accepted");
  REQUIRE(world.run_until([&] { return resets() == 1; }, 5000));
  (void)world.restart(platform::ResetCause::kSoftware);
  world.connect();
  world.run_for(3000);
  CHECK(world.csms.last_status(0) == "Unavailable");
  CHECK(world.csms.last_status(1) == "Unavailable");
  CHECK(world.problems() == "");
}

// Rules: R-5.8-4
TEST_CASE_FIXTURE(Fixture,
                  "as many keys as GetConfigurationMaxKeys says may be asked for at once") {
  const int most = std::stoi(world.configuration("GetConfigurationMaxKeys"));
  const auto ask = [&](int count) {
    std::string keys;
    for (int i = 0; i < count; ++i) keys += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\"";
    return world.call_frame("GetConfiguration", "{\"key\":[" + keys + "]}");
  };
  CHECK(ask(most).find("\"" + std::to_string(most - 1) + "\"") != std::string::npos);
  CHECK(ask(most + 1).substr(0, 3) == "[4,");
  CHECK(world.problems() == "");
}

// Rules: R-5.3-5
TEST_CASE_FIXTURE(Fixture, "every list that can be written tells how long it may be") {
  for (const char* key : {"ConnectorPhaseRotation", "MeterValuesAlignedData",
                          "MeterValuesSampledData", "StopTxnAlignedData", "StopTxnSampledData"}) {
    CAPTURE(key);
    CHECK(std::stoi(world.configuration((std::string(key) + "MaxLength").c_str())) > 1);
  }
}
