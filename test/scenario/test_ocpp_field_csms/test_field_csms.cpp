// Purpose:       Start-up and daily use as evcc, Home Assistant and SteVe do it.
// Given:         A gateway in virtual time; a model CSMS that sends what those programs send.
// Steps:         Their sequences after a connection, then a session under their control.
// Pass criteria: Every CALL is answered within a second with what the program needs to go on; no
// write asks for a restart; the car follows. Spec: OCPP 1.6 ed. 2, 5; errata 3.35, 3.46.
#include "doctest_main/doctest_main.hpp"
#include "ocpp_world/world.hpp"

using ocpp_world::World;

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

struct Fixture {
  World world;

  /// The whole answer, which must come within a second.
  std::string ask_frame(const std::string& action, const std::string& payload) {
    const common::Instant asked = world.now();
    const std::string frame = world.call_frame(action, payload);
    CAPTURE(frame);
    CHECK(frame.compare(0, 3, "[3,") == 0);
    CHECK(world.now() - asked < 1000);
    return frame;
  }
  std::string ask(const std::string& action, const std::string& payload) {
    const std::string frame = ask_frame(action, payload);
    const size_t at = frame.find("\"status\":\"");
    if (at == std::string::npos) return frame;
    return frame.substr(at + 10, frame.find('"', at + 10) - at - 10);
  }
  std::string change(const std::string& key, const std::string& value) {
    return ask("ChangeConfiguration", R"({"key":")" + key + R"(","value":")" + value + "\"}");
  }
  /// The value of a key in an answer to GetConfiguration, "?" when it is not there.
  static std::string value_in(const std::string& frame, const std::string& key) {
    const size_t at = frame.find("{\"key\":\"" + key + "\"");
    if (at == std::string::npos) return "?";
    const size_t begin = frame.find("\"value\":\"", at) + 9;
    return frame.substr(begin, frame.find('"', begin) - begin);
  }
  uint32_t limit() const {
    return world.charger.offer(1).permit ? world.charger.offer(1).limit_ma : 0;
  }
  /// The measurands of the last MeterValues that came.
  std::string last_meter_values() const {
    for (auto call = world.csms.calls.rbegin(); call != world.csms.calls.rend(); ++call) {
      if (call->compare(0, 11, "MeterValues") == 0) return *call;
    }
    return "";
  }
};

}  // namespace

// Rules: FP-24 FP-23 FP-17 FP-4 R-5.8-1 R-5.2-3 R-5.17-2 R-3.16.4-1 R-5.3-1 R-9-3
TEST_CASE_FIXTURE(Fixture, "evcc sets a charge point up, charges, pauses and follows the sun") {
  world.start();
  world.charger.plug(1);
  world.run_for(5000);
  // It has seen the boot; a gateway that only reconnected is asked for it.
  world.disconnect();
  world.run_for(3000);
  world.connect();
  world.run_for(5000);
  CHECK(ask("TriggerMessage", R"({"requestedMessage":"BootNotification"})") == "Accepted");
  world.run_for(1000);
  CHECK(world.csms.received["BootNotification"] == 2);
  CHECK(world.csms.last_status(1) == "Preparing");

  CHECK(ask("ChangeAvailability", R"({"connectorId":0,"type":"Operative"})") == "Accepted");
  const std::string all = ask_frame("GetConfiguration", R"({"key":[]})");
  CHECK(contains(value_in(all, "SupportedFeatureProfiles"), "Core"));
  CHECK(contains(value_in(all, "SupportedFeatureProfiles"), "SmartCharging"));
  CHECK(contains(value_in(all, "SupportedFeatureProfiles"), "RemoteTrigger"));
  CHECK(value_in(all, "NumberOfConnectors") == "1");
  // "Power" alone would make it control watts.
  CHECK(contains(value_in(all, "ChargingScheduleAllowedChargingRateUnit"), "Current"));
  const std::string level = value_in(all, "ChargeProfileMaxStackLevel");
  const std::string id = value_in(all, "MaxChargingProfilesInstalled");
  // Names that it gives a meaning of its own.
  for (const char* key :
       {"PlugAndChargeIdentifier", "ACPhaseSwitchingSupported", "evb_SupportedMeasurands"}) {
    CHECK(value_in(all, key) == "?");
  }

  std::string supported;
  for (const char* measurand :
       {"Power.Active.Import", "Energy.Active.Import.Register", "Current.Import", "Voltage",
        "Current.Offered", "Power.Offered", "SoC"}) {
    const std::string status = change("MeterValuesSampledData", measurand);
    CHECK((status == "Accepted" || status == "Rejected"));
    if (status == "Accepted") supported += (supported.empty() ? "" : ",") + std::string(measurand);
  }
  CHECK(supported ==
        "Power.Active.Import,Energy.Active.Import.Register,Current.Import,Voltage,"
        "Current.Offered,Power.Offered");
  CHECK(change("MeterValuesSampledData", supported) == "Accepted");
  CHECK(ask("TriggerMessage", R"({"requestedMessage":"MeterValues"})") == "Accepted");
  world.run_for(3000);
  CHECK(contains(last_meter_values(), "\"context\":\"Trigger\""));
  CHECK(contains(last_meter_values(), "\"connectorId\":1"));
  CHECK(change("MeterValueSampleInterval", "10") == "Accepted");
  CHECK(change("WebSocketPingInterval", "30") == "Accepted");

  // Its profiles: the highest level, an id as large as the number of profiles.
  const auto set_limit = [&](const std::string& ampere) {
    const std::string status = ask(
        "SetChargingProfile",
        R"({"connectorId":1,"csChargingProfiles":{"chargingProfileId":)" + id +
            R"(,"stackLevel":)" + level +
            R"(,"chargingProfilePurpose":"TxDefaultProfile","chargingProfileKind":"Absolute",)"
            R"("chargingSchedule":{"startSchedule":"2027-01-15T08:00:00Z","chargingRateUnit":"A",)"
            R"("chargingSchedulePeriod":[{"startPeriod":0,"limit":)" +
            ampere + "}]}}}");
    world.run_for(5000);
    return status;
  };
  CHECK(set_limit("0") == "Accepted");
  CHECK(ask("RemoteStartTransaction", R"({"connectorId":1,"idTag":"evcc"})") == "Accepted");
  world.run_for(15000);
  REQUIRE(world.csms.transactions.size() == 1);
  CHECK(world.csms.last_status(1) == "SuspendedEVSE");
  CHECK(limit() == 0);
  CHECK(set_limit("6") == "Accepted");
  CHECK(limit() == 6000);
  world.run_for(20000);
  CHECK(world.csms.last_status(1) == "Charging");
  CHECK(set_limit("11.5") == "Accepted");
  CHECK(limit() == 11500);
  world.run_for(30000);
  CHECK(world.charger.current_ma(1) == 11500);
  CHECK(contains(
      last_meter_values(),
      R"("value":"11.50","context":"Sample.Periodic","measurand":"Current.Import","phase":"L1")"));
  CHECK(contains(last_meter_values(),
                 R"({"value":"11.5","context":"Sample.Periodic","measurand":"Current.Offered")"));
  CHECK(set_limit("0") == "Accepted");
  world.run_for(20000);
  CHECK(world.charger.current_ma(1) == 0);
  CHECK(world.csms.last_status(1) == "SuspendedEVSE");
  CHECK(set_limit("16") == "Accepted");
  world.run_for(20000);
  CHECK(world.csms.last_status(1) == "Charging");  // without a new authorization
  CHECK(world.csms.transactions.size() == 1);
  CHECK(world.problems() == "");
}

// Rules: FP-24 FP-23 FP-14 R-5.8-2 R-5.8-3 R-5.2-3 R-5.17-2 R-5.11-4
// Rules: J-6.2.2-3
TEST_CASE_FIXTURE(Fixture,
                  "Home Assistant asks key by key, probes, and starts with a tag of its own") {
  world.setup.has_security = true;
  world.start();
  const auto get = [&](const std::string& key) {
    const std::string frame = ask_frame("GetConfiguration", R"({"key":[")" + key + "\"]}");
    return contains(frame, "unknownKey") ? "unknown" : value_in(frame, key);
  };
  CHECK(get("NumberOfConnectors") == "1");
  CHECK(get("HeartbeatInterval") == "300");
  CHECK(contains(get("SupportedFeatureProfiles"), "SmartCharging"));
  CHECK(contains(ask_frame("GetConfiguration", R"({"key":["AuthorizationKey"]})"),
                 R"({"key":"AuthorizationKey","readonly":false})"));
  CHECK(change("HeartbeatInterval", "3600") == "Accepted");
  CHECK(change("WebSocketPingInterval", "60") == "Accepted");
  CHECK(get("WebSocketPingInterval") == "60");
  std::string supported;
  for (const char* measurand :
       {"Current.Export", "Current.Import", "Current.Offered", "Energy.Active.Export.Register",
        "Energy.Active.Import.Register", "Energy.Reactive.Import.Register", "Frequency",
        "Power.Active.Import", "Power.Factor", "Power.Offered", "RPM", "SoC", "Temperature",
        "Voltage"}) {
    if (change("MeterValuesSampledData", measurand) == "Accepted")
      supported += (supported.empty() ? "" : ",") + std::string(measurand);
  }
  for (const char* measurand :
       {"Current.Import", "Energy.Active.Import.Register", "Power.Active.Import", "Voltage"}) {
    CHECK(contains(supported, measurand));
  }
  CHECK(!contains(supported, "RPM"));
  CHECK(change("MeterValuesSampledData", supported) == "Accepted");
  CHECK(get("MeterValuesSampledData") == supported);
  CHECK(change("MeterValueSampleInterval", "60") == "Accepted");
  CHECK(change("ClockAlignedDataInterval", "900") == "Accepted");
  CHECK(ask("ChangeAvailability", R"({"connectorId":0,"type":"Operative"})") == "Accepted");
  CHECK(ask("TriggerMessage", R"({"requestedMessage":"BootNotification"})") == "Accepted");
  world.run_for(1000);
  CHECK(world.csms.received["BootNotification"] == 2);
  const int statuses = world.csms.received["StatusNotification"];
  CHECK(ask("TriggerMessage", R"({"requestedMessage":"StatusNotification"})") == "Accepted");
  world.run_for(1000);
  CHECK(world.csms.received["StatusNotification"] == statuses + 2);

  world.charger.plug(1);
  world.run_for(3000);
  CHECK(ask("RemoteStartTransaction", R"({"connectorId":1,"idTag":"Xk29sLqP0aZbYcRdWeVf"})") ==
        "Accepted");
  world.run_for(20000);
  REQUIRE(world.csms.transactions.size() == 1);
  CHECK(world.csms.transactions[0].id_tag == "Xk29sLqP0aZbYcRdWeVf");
  // It clears first, then caps the whole charge point, relative and at the highest level.
  CHECK(ask("ClearChargingProfile",
            R"({"connectorId":1,"chargingProfilePurpose":"ChargePointMaxProfile"})") == "Unknown");
  CHECK(
      ask("SetChargingProfile",
          R"({"connectorId":0,"csChargingProfiles":{"chargingProfileId":8,"stackLevel":)" +
              get("ChargeProfileMaxStackLevel") +
              R"(,"chargingProfileKind":"Relative","chargingProfilePurpose":"ChargePointMaxProfile",)"
              R"("chargingSchedule":{"chargingRateUnit":"A","chargingSchedulePeriod":)"
              R"([{"startPeriod":0,"limit":8}]}}})") == "Accepted");
  world.run_for(20000);
  CHECK(world.charger.current_ma(1) == 8000);
  CHECK(ask("ClearChargingProfile", "{}") == "Accepted");
  world.run_for(30000);
  CHECK(world.charger.current_ma(1) == 16000);
  CHECK(ask("ChangeAvailability", R"({"connectorId":1,"type":"Inoperative"})") == "Scheduled");
  CHECK(ask("ChangeAvailability", R"({"connectorId":1,"type":"Operative"})") == "Accepted");
  CHECK(ask("RemoteStopTransaction",
            R"({"transactionId":)" + std::to_string(world.csms.transactions[0].id) + "}") ==
        "Accepted");
  world.run_for(20000);
  CHECK(world.csms.transactions[0].reason == "Remote");
  CHECK(world.csms.last_status(1) == "Finishing");
  CHECK(world.problems() == "");
}

// Rules: FP-24 FP-11 FP-12 J-4.1.4-1 R-3.7.1-1
TEST_CASE_FIXTURE(Fixture,
                  "SteVe, which refuses a message id that comes twice, books a session once") {
  // The model CSMS objects to an id that repeats on a connection, and knows a start by its content.
  world.csms.interval_s = 14400;
  world.start();
  CHECK(change("meterValueSampleInterval", "30") == "Accepted");
  CHECK(ask("ClearCache", "{}") != "");
  CHECK(value_in(ask_frame("GetConfiguration", "{}"), "HeartbeatInterval") == "14400");
  world.charger.plug(1);
  world.run_for(3000);
  world.csms.faults.ignore["Authorize"] = 1;
  world.csms.faults.ignore["StartTransaction"] = 2;
  world.csms.faults.ignore["StopTransaction"] = 1;
  world.csms.faults.ignore["MeterValues"] = 1;
  CHECK(ask("RemoteStartTransaction", R"({"idTag":"STEVE"})") == "Accepted");
  world.run_for(10 * 60000);
  // A proxy ends idle connections; what was under way goes out again on the next.
  world.disconnect();
  world.run_for(20000);
  world.connect();
  world.run_for(60000);
  REQUIRE(world.csms.transactions.size() == 1);
  CHECK(ask("RemoteStopTransaction",
            R"({"transactionId":)" + std::to_string(world.csms.transactions[0].id) + "}") ==
        "Accepted");
  world.run_for(120000);
  CHECK(world.csms.received["StartTransaction"] == 3);
  CHECK(world.csms.received["StopTransaction"] == 2);
  REQUIRE(world.csms.transactions.size() == 1);
  CHECK(world.csms.transactions[0].stops >= 1);
  CHECK(world.csms.transactions[0].meter_stop == world.charger.energy_wh(1));
  for (const std::string& call : world.csms.calls) {
    if (call.compare(0, 11, "MeterValues") != 0 && call.compare(0, 15, "StopTransaction") != 0)
      continue;
    // Below 1 SteVe would not book it.
    CHECK(contains(call, "\"transactionId\":" + std::to_string(world.csms.transactions[0].id)));
  }
  CHECK(world.csms.received["Heartbeat"] == 0);
  CHECK(world.problems() == "");
}

// Rules: FP-24
TEST_CASE_FIXTURE(Fixture, "a storm of writes at start-up costs flash once per change") {
  world.start();
  const uint64_t before = world.settings.writes();
  for (int round = 0; round < 5; ++round) {  // five reconnects, each with the whole sequence
    for (const char* row : {"MeterValueSampleInterval=10", "WebSocketPingInterval=30",
                            "HeartbeatInterval=60", "ClockAlignedDataInterval=0"}) {
      const std::string text = row;
      const size_t at = text.find('=');
      CHECK(change(text.substr(0, at), text.substr(at + 1)) == "Accepted");
    }
    CHECK(ask("ChangeAvailability", R"({"connectorId":0,"type":"Operative"})") == "Accepted");
  }
  CHECK(world.settings.writes() - before <= 3);
}

// Rules: FP-24
TEST_CASE_FIXTURE(Fixture,
                  "a schedule that begins a minute ahead by a fast clock of the CSMS begins now") {
  world.start();
  world.charger.plug(1);
  world.run_for(3000);
  world.tag("ALICE");
  world.run_for(27000);
  CHECK(ask("SetChargingProfile",
            R"({"connectorId":1,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":0,)"
            R"("chargingProfilePurpose":"TxDefaultProfile","chargingProfileKind":"Absolute",)"
            R"("chargingSchedule":{"startSchedule":"2027-01-15T08:01:25Z","chargingRateUnit":"A",)"
            R"("chargingSchedulePeriod":[{"startPeriod":0,"limit":7}]}}})") == "Accepted");
  world.run_for(1000);
  CHECK(limit() == 7000);
}
