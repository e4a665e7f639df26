// Purpose:       Registration with the CSMS, heartbeat, clock and status after boot and reconnect.
// Given:         A gateway with two connectors in virtual time and a model CSMS.
// Steps:         See each case.
// Pass criteria: Only what the specification allows is sent, at the time it allows; no schema
// violation. Spec:          OCPP 1.6 ed. 2, 4.2, 4.6, 4.9; errata 3.22, 3.35; OCPP-J 1.6, 5.4.
#include "doctest_main/doctest_main.hpp"
#include "ocpp_world/world.hpp"

using ocpp::RegistrationState;
using ocpp_world::World;

namespace {

World::Setup two_connectors() {
  World::Setup setup;
  setup.connectors = 2;
  return setup;
}

}  // namespace

// Rules: R-4.2-1 R-4.2-2 R-4.2-4 R-4.2-14 R-3.8-1 R-3.8-3 R-6.3-1 R-6.47-1 FP-4
TEST_CASE("boot comes first, then the status of the charge point and of every connector") {
  World world(two_connectors());
  world.start();
  REQUIRE(world.csms.calls.size() >= 4);
  CHECK(world.csms.calls[0].find("BootNotification") == 0);
  REQUIRE(world.csms.statuses.size() == 3);
  for (int32_t id = 0; id <= 2; ++id) {
    CHECK(world.csms.statuses[static_cast<size_t>(id)].connector_id == id);
    CHECK(world.csms.statuses[static_cast<size_t>(id)].status == "Available");
  }
  CHECK(world.has_event(ocpp::EventType::kRegistrationChanged));
  CHECK(world.has_event(ocpp::EventType::kClockSet));
  CHECK(world.problems() == "");
}

// Rules: FP-15
TEST_CASE("the time of a CSMS whose clock was never set is not taken") {
  World world(two_connectors());
  world.csms.utc_at_zero = common::UtcTime{1000};  // 1970
  world.start();
  CHECK(world.charge_point->registration() == RegistrationState::kAccepted);
  CHECK_FALSE(world.has_event(ocpp::EventType::kClockSet));
  CHECK(world.charge_point->utc(world.clock.now()).ms != 1000 + world.clock.now().ms);
}

// Rules: R-4.2-5 R-4.2-8 R-4.2-9
TEST_CASE("while rejected nothing is sent and nothing answered until the interval is over") {
  World world(two_connectors());
  world.csms.registration = "Rejected";
  world.csms.interval_s = 40;
  world.start();
  CHECK(world.charge_point->registration() == RegistrationState::kRejected);
  CHECK(world.call("GetConfiguration", "{}") == "no answer");
  world.tag("AA");
  world.run_for(20000);
  CHECK(world.csms.calls.size() == 1);
  world.csms.registration = "Accepted";
  world.run_for(12000);
  CHECK(world.csms.received["BootNotification"] == 2);
  CHECK(world.csms.last_status(2) == "Available");
  CHECK(world.problems() == "");
}

// Rules: R-4.2-7 R-4.2-8
TEST_CASE("a rejected charge point does not try earlier because the link came back") {
  World world;
  world.csms.registration = "Rejected";
  world.csms.interval_s = 600;
  world.start();
  world.disconnect();
  world.run_for(5000);
  world.connect();
  world.run_for(60000);
  CHECK(world.csms.calls.size() == 1);
  world.run_for(600000);
  CHECK(world.csms.received["BootNotification"] == 2);
}

// Rules: R-4.2-5 R-4.2-11 R-4.2-12 R-4.2-13 R-4.2-7
TEST_CASE("while pending the CSMS is answered, but nothing is sent unless it is triggered") {
  World world(two_connectors());
  world.csms.registration = "Pending";
  world.csms.interval_s = 120;
  world.start();
  CHECK(world.call("ChangeConfiguration", R"({"key":"MeterValueSampleInterval","value":"7"})") ==
        "Accepted");
  CHECK(world.call("RemoteStartTransaction", R"({"idTag":"AA","connectorId":1})") == "Rejected");
  CHECK(world.call("RemoteStopTransaction", R"({"transactionId":1})") == "Rejected");
  world.run_for(30000);
  CHECK(world.csms.calls.size() == 1);
  CHECK(world.call("TriggerMessage",
                   R"({"requestedMessage":"StatusNotification","connectorId":1})") == "Accepted");
  CHECK(world.call("TriggerMessage", R"({"requestedMessage":"Heartbeat"})") == "Accepted");
  world.run_for(2000);
  CHECK(world.csms.received["StatusNotification"] == 1);
  CHECK(world.csms.received["Heartbeat"] == 1);
  world.csms.registration = "Accepted";
  CHECK(world.call("TriggerMessage", R"({"requestedMessage":"BootNotification"})") == "Accepted");
  world.run_for(2000);
  CHECK(world.csms.received["BootNotification"] == 2);
  CHECK(world.charge_point->registration() == RegistrationState::kAccepted);
  CHECK(world.configuration("MeterValueSampleInterval") == "7");
  CHECK(world.problems() == "");
}

// Rules: R-4.2-2 FP-5
TEST_CASE("a boot that nobody answers is tried for ever, ever less often") {
  World world;
  world.csms.faults.is_mute = true;
  world.start();
  world.run_for(3600 * 1000);
  const int boots = world.csms.received["BootNotification"];
  CHECK(boots >= 9);
  CHECK(boots <= 20);
  CHECK(world.csms.calls.size() == static_cast<size_t>(boots));
  world.csms.faults.is_mute = false;
  world.run_for(400 * 1000);
  CHECK(world.charge_point->registration() == RegistrationState::kAccepted);
}

TEST_CASE("an answer to boot without status or time counts as none") {
  World world;
  (void)world.boot();
  world.connect();
  world.charge_point->step(world.now());
  const common::TextSpan frame = world.charge_point->next_to_send();
  const std::string boot(frame.data(), frame.size());
  const std::string id = boot.substr(4, 36);
  world.charge_point->on_sent(world.now());
  const std::string answer = "[3,\"" + id + "\",{\"status\":\"Perhaps\",\"interval\":5}]";
  world.charge_point->receive(common::TextSpan(answer.data(), answer.size()), false, world.now());
  CHECK(world.charge_point->registration() == RegistrationState::kUnregistered);
  world.run_for(30000);
  CHECK(world.charge_point->registration() == RegistrationState::kAccepted);
}

// Rules: R-4.2-6
TEST_CASE("interval 0 while not accepted leaves a pause that does not flood") {
  World world;
  world.csms.registration = "Pending";
  world.csms.interval_s = 0;
  world.start();
  world.run_for(10 * 60000);
  CHECK(world.csms.received["BootNotification"] >= 5);
  CHECK(world.csms.received["BootNotification"] <= 12);
}

// Rules: J-5.4-1 R-4.9-11 R-4.9-2 FP-4
TEST_CASE("a reconnect tells every status again and does not boot") {
  World world(two_connectors());
  world.start();
  world.charger.plug(2);
  world.run_for(3000);
  world.disconnect();
  world.run_for(30000);
  const size_t before = world.csms.statuses.size();
  world.connect();
  world.run_for(3000);
  CHECK(world.csms.received["BootNotification"] == 1);
  REQUIRE(world.csms.statuses.size() == before + 3);
  CHECK(world.csms.last_status(0) == "Available");
  CHECK(world.csms.last_status(1) == "Available");
  CHECK(world.csms.last_status(2) == "Preparing");
}

// Rules: R-4.9-12 FP-4
TEST_CASE("statuses of the time offline are history and never told") {
  World world;
  world.start();
  world.disconnect();
  world.charger.plug(1);
  world.run_for(10000);
  world.charger.unplug(1);
  world.run_for(10000);
  const size_t before = world.csms.statuses.size();
  world.connect();
  world.run_for(5000);
  CHECK(world.csms.statuses.size() == before + 2);
  CHECK(world.csms.last_status(1) == "Available");
}

// Rules: R-4.2-3 R-4.6-1
TEST_CASE("heartbeats come at the interval of the boot answer, and at a new one at once") {
  World world;
  world.csms.interval_s = 60;
  world.start();
  CHECK(world.configuration("HeartbeatInterval") == "60");
  world.run_for(10 * 60000);
  CHECK(world.csms.received["Heartbeat"] == 10);
  CHECK(world.call("ChangeConfiguration", R"({"key":"HeartbeatInterval","value":"10"})") ==
        "Accepted");
  world.run_for(60000);
  CHECK(world.csms.received["Heartbeat"] >= 15);
  CHECK(world.csms.received["Heartbeat"] <= 17);
}

// Rules: R-4.6-4
TEST_CASE("with heartbeats switched off one a day keeps the clock right") {
  World world;
  world.start();
  CHECK(world.call("ChangeConfiguration", R"({"key":"HeartbeatInterval","value":"0"})") ==
        "Accepted");
  world.run_for(3LL * 86400 * 1000 + 1000);
  CHECK(world.csms.received["Heartbeat"] == 3);
}

// Rules: R-4.6-3
TEST_CASE("a heartbeat corrects a clock that went wrong") {
  World world;
  world.csms.interval_s = 60;
  world.start();
  world.csms.utc_at_zero.ms += 3600 * 1000;
  world.run_for(61000);
  const common::UtcTime expected{world.csms.utc_at_zero.ms + world.now().ms};
  const int64_t error_ms = world.charge_point->utc(world.now()) - expected;
  CHECK(error_ms <= 1000);
  CHECK(error_ms >= -1000);
}

// Rules: R-9.1.20-1 R-4.9-5 R-4.9-16
TEST_CASE("a status shorter than MinimumStatusDuration is not told, a fault at once") {
  World world;
  world.start();
  CHECK(world.call("ChangeConfiguration", R"({"key":"MinimumStatusDuration","value":"10"})") ==
        "Accepted");
  const size_t before = world.csms.statuses.size();
  world.charger.plug(1);
  world.run_for(5000);
  world.charger.unplug(1);
  world.run_for(20000);
  CHECK(world.csms.statuses.size() == before);
  world.charger.plug(1);
  world.run_for(12000);
  CHECK(world.csms.last_status(1) == "Preparing");
  world.charger.set_error(1, charger::Error::kGroundFailure, true, "0x17");
  world.run_for(2000);
  CHECK(world.csms.last_status(1) == "Faulted");
  CHECK(world.csms.statuses.back().error == "GroundFailure");
  world.charger.set_error(1, charger::Error::kNone, false);
  world.run_for(12000);
  CHECK(world.csms.last_status(1) == "Preparing");
}

// Rules: R-4.9-4 R-5.2-5 R-5.2-6 R-5.2-4 R-3.8-2 R-4.9-2
TEST_CASE("availability is kept over a restart, for one connector and for all") {
  World world(two_connectors());
  world.start();
  CHECK(world.call("ChangeAvailability", R"({"connectorId":2,"type":"Inoperative"})") ==
        "Accepted");
  CHECK(world.call("ChangeAvailability", R"({"connectorId":3,"type":"Inoperative"})") ==
        "Rejected");
  world.run_for(1000);
  CHECK(world.csms.last_status(2) == "Unavailable");
  (void)world.restart(platform::ResetCause::kSoftware);
  world.connect();
  world.run_for(3000);
  CHECK(world.csms.last_status(1) == "Available");
  CHECK(world.csms.last_status(2) == "Unavailable");
  CHECK(world.call("RemoteStartTransaction", R"({"idTag":"AA","connectorId":2})") == "Rejected");
  CHECK(world.call("ChangeAvailability", R"({"connectorId":0,"type":"Inoperative"})") ==
        "Accepted");
  world.run_for(1000);
  CHECK(world.csms.last_status(0) == "Unavailable");
  CHECK(world.csms.last_status(1) == "Unavailable");
  CHECK(world.call("ChangeAvailability", R"({"connectorId":0,"type":"Operative"})") == "Accepted");
  world.run_for(1000);
  for (int32_t id = 0; id <= 2; ++id) CHECK(world.csms.last_status(id) == "Available");
}

// Rules: R-5.2-6
TEST_CASE("a connector that was made operative again on its own stays so over a restart") {
  World world(two_connectors());
  world.start();
  CHECK(world.call("ChangeAvailability", R"({"connectorId":0,"type":"Inoperative"})") ==
        "Accepted");
  CHECK(world.call("ChangeAvailability", R"({"connectorId":1,"type":"Operative"})") == "Accepted");
  world.run_for(1000);
  CHECK(world.csms.last_status(1) == "Available");
  (void)world.restart(platform::ResetCause::kSoftware);
  world.connect();
  world.run_for(3000);
  CHECK(world.csms.last_status(0) == "Unavailable");
  CHECK(world.csms.last_status(1) == "Available");
  CHECK(world.csms.last_status(2) == "Unavailable");
}
