// Purpose:       What the CSMS may ask of a charge point: configuration, charging profiles,
// triggers, everything else. Given:         A gateway in virtual time and a model CSMS. Steps:
// See each case. Pass criteria: Every CALL gets exactly one answer as specified; a refused one
// changes nothing; limits reach the wallbox. Spec:          OCPP 1.6 ed. 2, 3.13, 5; errata 3.23 to
// 3.45, 3.57, 3.87; OCPP-J 1.6, 4.2.
#include "ocpp_world/online.hpp"

using ocpp_world::contains;
using ocpp_world::World;

namespace {

using Fixture = ocpp_world::Online;

const std::string kTenAmpere =
    R"("chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":10}])";
const std::string kSixAmpere =
    R"("chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":6}])";

}  // namespace

// ------------------------------------------------------------------- configuration

// Rules: R-5.8-1 R-3.3-2 R-3.13.5-1
TEST_CASE_FIXTURE(Fixture, "GetConfiguration without keys lists every key") {
  for (const char* payload : {"{}", R"({"key":[]})"}) {
    const std::string frame = world.call_frame("GetConfiguration", payload);
    for (size_t i = 0; i < world.charge_point->configuration_count(); ++i) {
      ocpp::ConfigurationEntry entry;
      world.charge_point->configuration_at(i, entry);
      CHECK(contains(frame, std::string("\"key\":\"") + entry.key + "\""));
    }
    CHECK(!contains(frame, "unknownKey"));
    CHECK(contains(
        frame,
        R"("key":"SupportedFeatureProfiles","readonly":true,"value":"Core,FirmwareManagement,LocalAuthListManagement,Reservation,SmartCharging,RemoteTrigger")"));
  }
  CHECK(world.problems() == "");
}

// Rules: R-5.8-2 R-5.8-3 R-7.29-1
TEST_CASE_FIXTURE(
    Fixture,
    "GetConfiguration ignores case, reports canonical names, and lists what it does not know") {
  const std::string frame = world.call_frame(
      "GetConfiguration",
      R"({"key":["connectiontimeout","Nonsense","NUMBEROFCONNECTORS","AlsoNot"]})");
  CHECK(contains(frame, R"({"key":"ConnectionTimeOut","readonly":false,"value":"60"})"));
  CHECK(contains(frame, R"({"key":"NumberOfConnectors","readonly":true,"value":"1"})"));
  CHECK(contains(frame, R"("unknownKey":["Nonsense","AlsoNot"])"));
  const std::string unknown_only = world.call_frame("GetConfiguration", R"({"key":["Nope"]})");
  CHECK(contains(unknown_only, R"("unknownKey":["Nope"])"));
  CHECK(!contains(unknown_only, "configurationKey"));
  CHECK(world.problems() == "");
}

TEST_CASE_FIXTURE(Fixture, "an id tag with a quote does not spoil GetConfiguration") {
  REQUIRE(change("FreeVendIdTag", R"(A\"B)") == "Accepted");
  CHECK(world.configuration("FreeVendIdTag") == "A\"B");
  CHECK(contains(world.call_frame("GetConfiguration", R"({"key":["FreeVendIdTag"]})"),
                 R"("value":"A\"B")"));
}

// Rules: R-5.3-1 R-5.3-3 R-5.3-4 R-9-3 R-9.1.34-1
TEST_CASE_FIXTURE(Fixture, "ChangeConfiguration answers by key, rights and range") {
  CHECK(change("ConnectionTimeOut", "45") == "Accepted");
  CHECK(change("CONNECTIONTIMEOUT", "46") == "Accepted");
  CHECK(world.configuration("ConnectionTimeOut") == "46");
  CHECK(change("NoSuchKey", "1") == "NotSupported");
  CHECK(change("NumberOfConnectors", "2") == "Rejected");
  CHECK(change("MeterValueSampleInterval", "-1") == "Rejected");
  CHECK(change("MeterValueSampleInterval", "ten") == "Rejected");
  CHECK(change("MeterValueSampleInterval", "") == "Rejected");
  CHECK(change("MeterValueSampleInterval", "99999999999") == "Rejected");
  CHECK(change("WebSocketPingInterval", "-5") == "Rejected");
  CHECK(change("LocalAuthorizeOffline", "TRUE") == "Accepted");
  CHECK(world.configuration("LocalAuthorizeOffline") == "true");
  CHECK(change("LocalAuthorizeOffline", "maybe") == "Rejected");
  CHECK(change("ConnectorPhaseRotation", "0.RST,1.STR") == "Accepted");
  CHECK(world.configuration("ConnectorPhaseRotation") == "0.RST,1.STR");
  CHECK(change("ConnectorPhaseRotation", "2.RST") == "Rejected");
}

// Rules: R-3.16.4-1 FP-23
TEST_CASE_FIXTURE(Fixture, "measurands are probed one by one, as evcc and Home Assistant do") {
  CHECK(change("MeterValuesSampledData", "Current.Offered") == "Accepted");
  CHECK(change("MeterValuesSampledData", "Energy.Reactive.Import.Register") == "Rejected");
  CHECK(change("MeterValuesSampledData", "SoC") == "Rejected");  // this wallbox cannot tell
  CHECK(world.configuration("MeterValuesSampledData") == "Current.Offered");
  CHECK(change("MeterValuesSampledData", "Voltage.L1, Energy.Active.Import.Register ,Voltage.L1") ==
        "Accepted");
  CHECK(world.configuration("MeterValuesSampledData") ==
        "Voltage.L1,Energy.Active.Import.Register");
  CHECK(change("MeterValuesSampledData", "Energy.Active.Import.Register,Nonsense") == "Rejected");
  CHECK(world.configuration("MeterValuesSampledData") ==
        "Voltage.L1,Energy.Active.Import.Register");
}

// Rules: R-5.3-1 FP-24
TEST_CASE_FIXTURE(Fixture,
                  "configuration survives a restart and costs flash only when it changes") {
  const uint64_t before = world.settings.writes();
  CHECK(change("MeterValueSampleInterval", "11") == "Accepted");
  CHECK(change("MeterValueSampleInterval", "11") == "Accepted");
  CHECK(world.settings.writes() == before + 1);
  CHECK(change("MeterValuesSampledData", "") == "Accepted");
  (void)world.restart(platform::ResetCause::kPowerOn);
  CHECK(world.configuration("MeterValueSampleInterval") == "11");
  CHECK(world.configuration("MeterValuesSampledData") == "");
  CHECK(world.configuration("ConnectionTimeOut") == "60");
}

// -------------------------------------------------------------------- meter values

// Rules: R-3.16.1-2 R-3.16.3-1 R-4.7-2 R-4.7-3 R-4.7-5 R-6.31-1 R-7.43-1 R-7.35-1 FP-23
TEST_CASE_FIXTURE(Fixture,
                  "meter values have the units, phases and contexts that backends expect") {
  CHECK(change("MeterValuesSampledData",
               "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage,Current."
               "Offered") == "Accepted");
  CHECK(change("MeterValueSampleInterval", "10") == "Accepted");
  charge();
  world.run_for(20000);
  std::string last;
  for (const std::string& call : world.csms.calls) {
    if (call.compare(0, 11, "MeterValues") == 0) last = call;
  }
  CHECK(contains(last, R"("measurand":"Energy.Active.Import.Register","unit":"Wh")"));
  CHECK(contains(
      last, R"({"value":"11040","context":"Sample.Periodic","measurand":"Power.Active.Import")"));
  CHECK(contains(
      last,
      R"({"value":"16.00","context":"Sample.Periodic","measurand":"Current.Import","phase":"L1")"));
  CHECK(contains(
      last,
      R"({"value":"230.0","context":"Sample.Periodic","measurand":"Voltage","phase":"L3-N")"));
  CHECK(contains(last,
                 R"({"value":"16.0","context":"Sample.Periodic","measurand":"Current.Offered")"));
  CHECK(contains(last, R"("transactionId":1000)"));
  CHECK(world.problems() == "");
}

// Rules: R-3.16.1-1 R-4.7-1
TEST_CASE_FIXTURE(Fixture,
                  "the sample interval may change and be switched off during a transaction") {
  charge();
  CHECK(change("MeterValueSampleInterval", "10") == "Accepted");
  const int before = world.csms.received["MeterValues"];
  world.run_for(60500);
  CHECK(world.csms.received["MeterValues"] - before == 6);
  CHECK(change("MeterValueSampleInterval", "0") == "Accepted");
  const int off = world.csms.received["MeterValues"];
  world.run_for(600000);
  CHECK(world.csms.received["MeterValues"] == off);
}

// Rules: R-3.16.2-1 R-4.7-1 R-7.35-1
TEST_CASE_FIXTURE(Fixture,
                  "clock aligned values carry the aligned second, also without a transaction") {
  CHECK(change("ClockAlignedDataInterval", "900") == "Accepted");
  world.run_for(3600 * 1000 + 5000);
  int aligned = 0;
  for (const std::string& call : world.csms.calls) {
    if (call.compare(0, 11, "MeterValues") != 0) continue;
    ++aligned;
    CHECK(contains(call, "Sample.Clock"));
    CHECK(contains(call, ":00.000Z"));
    CHECK(!contains(call, "transactionId"));
  }
  CHECK(aligned == 4);
  CHECK(world.problems() == "");
}

// Rules: R-5.17-1 R-5.17-2 R-5.17-3 R-5.17-4 PD-3 FP-24
TEST_CASE_FIXTURE(Fixture, "TriggerMessage sends what it names, after its answer") {
  const auto received = [&](const char* action) { return world.csms.received[action]; };
  const auto trigger = [&](const std::string& what) {
    const std::string status =
        world.call("TriggerMessage", R"({"requestedMessage":")" + what + "\"}");
    world.run_for(4000);
    return status;
  };
  CHECK(trigger("Heartbeat") == "Accepted");
  CHECK(received("Heartbeat") == 1);
  CHECK(trigger("StatusNotification") == "Accepted");
  CHECK(received("StatusNotification") == 4);
  CHECK(trigger("MeterValues") == "Accepted");
  CHECK(received("MeterValues") == 1);
  CHECK(contains(world.csms.calls.back(), "\"context\":\"Trigger\""));
  CHECK(!contains(world.csms.calls.back(), "transactionId"));
  CHECK(trigger("BootNotification") == "Accepted");
  CHECK(received("BootNotification") == 2);
  CHECK(trigger("StopTransaction") == "NotImplemented");
  CHECK(trigger("") == "NotImplemented");
  CHECK(world.call("TriggerMessage",
                   R"({"requestedMessage":"StatusNotification","connectorId":2})") == "Rejected");
  CHECK(world.call("TriggerMessage", R"({"requestedMessage":"MeterValues","connectorId":-1})") ==
        "Rejected");
  // The answer stands before the triggered message in the log.
  size_t answer = 0;
  size_t heartbeat = 0;
  for (size_t i = 0; i < world.messages.size(); ++i) {
    if (answer == 0 && contains(world.messages[i], "> [3,\"csms-1\"")) answer = i;
    if (heartbeat == 0 && contains(world.messages[i], "\"Heartbeat\",{}")) heartbeat = i;
  }
  CHECK(answer < heartbeat);
  CHECK(world.problems() == "");
}

// ------------------------------------------------------------------ smart charging

// Rules: R-3.13.1-8
TEST_CASE_FIXTURE(Fixture, "a limit reaches the wallbox within a second and the current follows") {
  charge();
  CHECK(limit() == 16000);
  CHECK(set_profile(0, 1, 0, "TxDefaultProfile", "Absolute", kTenAmpere) == "Accepted");
  CHECK(limit() == 10000);
  CHECK(world.charger.current_ma(1) == 10000);
  CHECK(set_profile(1, 2, 0, "TxProfile", "Relative", kSixAmpere) == "Accepted");
  CHECK(limit() == 6000);
  CHECK(set_profile(
            1, 2, 0, "TxProfile", "Relative",
            R"("chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":20}])") ==
        "Accepted");
  CHECK(limit() == 16000);  // never more than the wallbox can
  CHECK(
      set_profile(
          0, 3, 0, "ChargePointMaxProfile", "Absolute",
          R"("chargingRateUnit":"W","chargingSchedulePeriod":[{"startPeriod":0,"limit":6900.0}])") ==
      "Accepted");
  CHECK(limit() == 10000);
  CHECK(world.call("ClearChargingProfile", R"({"id":3})") == "Accepted");
  world.run_for(1000);
  CHECK(limit() == 16000);
  CHECK(world.call("ClearChargingProfile", "{}") == "Accepted");
  CHECK(world.call("ClearChargingProfile", "{}") == "Unknown");
  world.run_for(1000);
  CHECK(limit() == 16000);
  CHECK(world.problems() == "");
}

// Rules: FP-17
TEST_CASE_FIXTURE(Fixture,
                  "zero and less than the minimum mean pause, and the transaction goes on") {
  charge();
  for (const char* limit_text : {"0", "0.0", "5.9"}) {
    CHECK(set_profile(
              1, 1, 0, "TxDefaultProfile", "Absolute",
              std::string(
                  R"("chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":)") +
                  limit_text + "}]") == "Accepted");
    world.run_for(10000);
    CHECK(world.charger.current_ma(1) == 0);
    CHECK(world.csms.last_status(1) == "SuspendedEVSE");
    CHECK(set_profile(1, 1, 0, "TxDefaultProfile", "Absolute", kSixAmpere) == "Accepted");
    world.run_for(10000);
    CHECK(world.charger.current_ma(1) == 6000);
    CHECK(world.csms.last_status(1) == "Charging");
  }
  CHECK(world.csms.transactions.size() == 1);
  CHECK(world.csms.transactions[0].stops == 0);
}

// Rules: R-3.13.2-1 R-5.16.4-3
TEST_CASE_FIXTURE(Fixture,
                  "a schedule moves from period to period, then falls back to the lower level") {
  charge();
  CHECK(set_profile(0, 1, 0, "TxDefaultProfile", "Absolute", kTenAmpere) == "Accepted");
  CHECK(
      set_profile(
          1, 2, 1, "TxDefaultProfile", "Absolute",
          R"("duration":120,"startSchedule":")" + std::string("2027-01-15T08:02:00Z") +
              R"(","chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":8},{"startPeriod":60,"limit":13}])") ==
      "Accepted");
  CHECK(limit() == 10000);
  world.run_until(common::Instant{121000});
  CHECK(limit() == 8000);
  world.run_for(60000);
  CHECK(limit() == 13000);
  world.run_for(60000);
  CHECK(limit() == 10000);
}

// Rules: R-3.13.1-1 R-3.13.1-6 R-3.13.1-7 R-5.16.4-1 R-5.16.4-5 R-5.16-3 R-5.16-4 R-5.16.4-2
TEST_CASE_FIXTURE(Fixture,
                  "profiles that contradict the specification are refused and change nothing") {
  charge();
  CHECK(set_profile(1, 1, 0, "TxDefaultProfile", "Absolute", kTenAmpere) == "Accepted");
  const std::string periods_late =
      R"("chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":5,"limit":6}])";
  const std::string periods_back =
      R"("chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":6},{"startPeriod":0,"limit":7}])";
  CHECK(set_profile(1, 1, 0, "TxDefaultProfile", "Absolute", periods_late) == "Rejected");
  CHECK(set_profile(1, 1, 0, "TxDefaultProfile", "Absolute", periods_back) == "Rejected");
  CHECK(set_profile(1, 1, 9, "TxDefaultProfile", "Absolute", kSixAmpere) == "Rejected");
  CHECK(set_profile(1, 1, 0, "TxDefaultProfile", "Recurring", kSixAmpere) ==
        "Rejected");  // recurrencyKind missing
  CHECK(set_profile(1, 1, 0, "ChargePointMaxProfile", "Absolute", kSixAmpere) == "Rejected");
  CHECK(set_profile(0, 1, 0, "TxProfile", "Absolute", kSixAmpere) == "Rejected");
  CHECK(set_profile(1, 1, 0, "TxProfile", "Absolute", kSixAmpere, R"(,"transactionId":4711)") ==
        "Rejected");
  CHECK(contains(set_profile(7, 1, 0, "TxDefaultProfile", "Absolute", kSixAmpere),
                 "PropertyConstraintViolation"));
  CHECK(contains(set_profile(1, 1, 0, "TxDefaultProfile", "Sometimes", kSixAmpere),
                 "PropertyConstraintViolation"));
  CHECK(limit() == 10000);
  world.tag("04A1B2C3");
  world.run_for(15000);
  CHECK(set_profile(1, 1, 0, "TxProfile", "Absolute", kSixAmpere) == "Rejected");  // no transaction
}

// Rules: R-3.13.5-1 R-3.13.2-2 R-5.16.3-1 PD-7 PD-13
TEST_CASE_FIXTURE(Fixture,
                  "as many profiles as promised can be installed, and a replacement always fits") {
  const int room = std::stoi(world.configuration("MaxChargingProfilesInstalled"));
  REQUIRE(room >= 3);
  int installed = 0;
  for (int level = 0; level <= 8; ++level, ++installed) {
    CHECK(set_profile(1, 100 + level, level, "TxDefaultProfile", "Absolute", kTenAmpere) ==
          "Accepted");
  }
  for (int level = 0; installed < room; ++level, ++installed) {
    CHECK(set_profile(0, 200 + level, level, "TxDefaultProfile", "Absolute", kTenAmpere) ==
          "Accepted");
  }
  CHECK(set_profile(0, 300, 8, "ChargePointMaxProfile", "Absolute", kTenAmpere) == "Rejected");
  CHECK(set_profile(1, 999, 8, "TxDefaultProfile", "Absolute", kSixAmpere) ==
        "Accepted");  // same place
  CHECK(set_profile(0, 100, 7, "ChargePointMaxProfile", "Absolute", kSixAmpere) ==
        "Accepted");  // same id
}

// Rules: R-5.11-7 R-5.16.2-2 R-3.13.1-5
TEST_CASE_FIXTURE(Fixture, "a remote start brings its profile, and it ends with the transaction") {
  world.charger.plug(1);
  world.run_for(3000);
  const std::string with_profile =
      R"({"idTag":"REMOTE","connectorId":1,"chargingProfile":{"chargingProfileId":5,"stackLevel":0,)"
      R"("chargingProfilePurpose":"PURPOSE","chargingProfileKind":"Relative","chargingSchedule":{)" +
      kSixAmpere + "}}}";
  const auto with_purpose = [&](const std::string& purpose) {
    std::string payload = with_profile;
    return payload.replace(payload.find("PURPOSE"), 7, purpose);
  };
  CHECK(world.call("RemoteStartTransaction", with_purpose("TxDefaultProfile")) == "Rejected");
  CHECK(world.call("RemoteStartTransaction", with_purpose("TxProfile")) == "Accepted");
  world.run_for(15000);
  CHECK(limit() == 6000);
  CHECK(world.call("RemoteStopTransaction", R"({"transactionId":1000})") == "Accepted");
  world.run_for(15000);
  CHECK(world.call("RemoteStartTransaction", R"({"idTag":"REMOTE"})") == "Accepted");
  world.run_for(15000);
  CHECK(limit() == 16000);
}

// Rules: R-5.7-1 R-5.7-2 R-5.7-3 R-5.7-4 R-5.7-5 R-3.13.3-1 R-5.5-2 R-5.5-1 PD-7 FP-19
TEST_CASE_FIXTURE(Fixture,
                  "the composite schedule merges all purposes, with and without a transaction") {
  CHECK(
      set_profile(
          0, 1, 0, "TxDefaultProfile", "Relative",
          R"("chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":8},{"startPeriod":60,"limit":13}])") ==
      "Accepted");
  CHECK(set_profile(0, 2, 0, "ChargePointMaxProfile", "Absolute", kTenAmpere) == "Accepted");
  const std::string idle =
      world.call_frame("GetCompositeSchedule", R"({"connectorId":1,"duration":300})");
  CHECK(contains(idle, R"("status":"Accepted","connectorId":1)"));
  CHECK(contains(
      idle,
      R"({"startPeriod":0,"limit":8.0,"numberPhases":3},{"startPeriod":60,"limit":10.0,"numberPhases":3}])"));
  CHECK(contains(idle, R"("duration":300)"));
  CHECK(!contains(idle, "startSchedule"));
  const std::string watts = world.call_frame(
      "GetCompositeSchedule", R"({"connectorId":0,"duration":300,"chargingRateUnit":"W"})");
  CHECK(contains(watts, R"({"startPeriod":0,"limit":5520.0)"));
  CHECK(contains(watts, R"({"startPeriod":60,"limit":6900.0)"));
  CHECK(contains(world.call_frame("GetCompositeSchedule", R"({"connectorId":3,"duration":300})"),
                 "Rejected"));
  CHECK(contains(world.call_frame("GetCompositeSchedule",
                                  R"({"connectorId":1,"duration":300,"chargingRateUnit":"V"})"),
                 "PropertyConstraintViolation"));
  CHECK(world.call("ClearChargingProfile", "{}") == "Accepted");
  CHECK(contains(world.call_frame("GetCompositeSchedule", R"({"connectorId":1,"duration":300})"),
                 R"([{"startPeriod":0,"limit":16.0,"numberPhases":3}])"));
  CHECK(world.problems() == "");
}

TEST_CASE_FIXTURE(Fixture, "a CSMS that changes a profile every minute does not wear the flash") {
  charge();
  const uint64_t before = world.settings.writes();
  for (int minute = 0; minute < 240; ++minute) {
    for (int i = 0; i < 4; ++i) {
      CHECK(set_profile(
                0, 1, 0, "TxDefaultProfile", "Absolute",
                R"("chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":)" +
                    std::to_string(6 + (minute + i) % 10) + "}]") == "Accepted");
      world.run_for(13000);
    }
  }
  CHECK(world.settings.writes() - before <= 260);
}

// Rules: R-3.13.3-2
TEST_CASE("two connectors never draw more than ChargePointMaxProfile together") {
  World::Setup setup;
  setup.connectors = 2;
  World world(setup);
  world.start();
  CHECK(
      world.call(
          "SetChargingProfile",
          R"({"connectorId":0,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":0,"chargingProfilePurpose":)"
          R"("ChargePointMaxProfile","chargingProfileKind":"Absolute","chargingSchedule":{)" +
              std::string(
                  R"("chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":20}])") +
              "}}}") == "Accepted");
  world.charger.plug(1);
  world.charger.plug(2);
  world.run_for(3000);
  CHECK(world.call("RemoteStartTransaction", R"({"idTag":"A","connectorId":1})") == "Accepted");
  world.run_for(20000);
  CHECK(world.charger.current_ma(1) == 16000);
  CHECK(world.call("RemoteStartTransaction", R"({"idTag":"B","connectorId":2})") == "Accepted");
  world.run_for(20000);
  CHECK(world.charger.current_ma(1) == 10000);
  CHECK(world.charger.current_ma(2) == 10000);
}

TEST_CASE("the shares of ChargePointMaxProfile are right from the first offer of a new session") {
  World::Setup setup;
  setup.connectors = 2;
  World world(setup);
  world.start();
  CHECK(
      world.call(
          "SetChargingProfile",
          R"({"connectorId":0,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":0,"chargingProfilePurpose":)"
          R"("ChargePointMaxProfile","chargingProfileKind":"Absolute","chargingSchedule":{)"
          R"("chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":20}]}}})") ==
      "Accepted");
  world.charger.plug(1);
  world.charger.plug(2);
  world.run_for(3000);
  CHECK(world.call("ChangeConfiguration",
                   R"({"key":"AllowOfflineTxForUnknownId","value":"true"})") == "Accepted");
  world.tag("A", 1);
  world.run_for(20000);
  CHECK(world.charge_point->offer(1).limit_ma == 16000);
  // Offline no message follows the start, so nothing makes the engine look again soon.
  world.disconnect();
  world.tag("B", 2);
  charger::MeterSample sample;
  sample.valid = charger::kMeterEnergyImport;
  sample.taken_at = world.now();
  world.charge_point->on_meter_sample(2, sample, world.now());
  (void)world.charge_point->step(world.now());
  CHECK(world.charge_point->offer(1).limit_ma == 10000);
  CHECK(world.charge_point->offer(2).limit_ma == 10000);
}

TEST_CASE("the charger's own highest current, read after the start, bounds what is offered") {
  World world;
  world.start();
  charger::Capabilities capabilities = world.charger.capabilities(1);
  capabilities.max_ma = 10000;
  world.charger.set_capabilities(1, capabilities);
  world.charger.plug(1);
  world.run_for(3000);
  world.tag("A");
  world.run_for(20000);
  CHECK(world.charge_point->offer(1).limit_ma == 10000);
}

TEST_CASE_FIXTURE(Fixture,
                  "a clock-aligned value that a silent wallbox owes is waited for calmly") {
  CHECK(change("ClockAlignedDataInterval", "60") == "Accepted");
  world.charger.set_silent(1, true);
  const uint64_t before = world.steps;
  world.run_for(10 * 60000);
  CHECK(world.problems() == "");
  CHECK(world.steps - before < 1000);
}

// ----------------------------------------------------------------- everything else

TEST_CASE_FIXTURE(Fixture, "a composite schedule of many years ends where it gets long") {
  // Every day two periods with equal limits: they merge, so their number does not end it.
  CHECK(set_profile(
            1, 1, 0, "TxDefaultProfile", "Recurring",
            R"("chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":10},)"
            R"({"startPeriod":43200,"limit":10}])",
            R"(,"recurrencyKind":"Daily")") == "Accepted");
  const std::string answer = world.call_frame(
      "GetCompositeSchedule", R"({"connectorId":1,"duration":2147483647,"chargingRateUnit":"A"})");
  const std::string mark = "\"duration\":";
  REQUIRE(contains(answer, mark));
  const long long duration_s = std::stoll(answer.substr(answer.find(mark) + mark.size()));
  CHECK(duration_s >= 7 * 86400);
  CHECK(duration_s < 2 * 366 * 86400);
  CHECK(world.problems() == "");
}

// Rules: J-4.2.3-2 R-2.2-2 J-4.2.1-1 R-5.18-3
TEST_CASE_FIXTURE(Fixture, "actions that this build does not have are refused by kind") {
  CHECK(contains(world.call_frame("SignedUpdateFirmware", "{}"), "\"NotSupported\""));
  CHECK(contains(world.call_frame("MakeCoffee", "{}"), "\"NotImplemented\""));
  CHECK(contains(world.call_frame("BootNotification", "{}"), "\"NotImplemented\""));
  CHECK(contains(world.call_frame("reset", "{}"), "\"NotImplemented\""));
  CHECK(world.call("DataTransfer", R"({"vendorId":"com.example","data":"x"})") ==
        "UnknownVendorId");
  CHECK(world.call("UnlockConnector", R"({"connectorId":1})") == "NotSupported");
  CHECK(world.call("UnlockConnector", R"({"connectorId":9})") == "NotSupported");
  CHECK(world.problems() == "");
}

// Rules: R-5.18-1 R-5.18-2 R-7.36-1
TEST_CASE("unlocking ends the transaction first") {
  World::Setup setup;
  setup.wallbox.capabilities.has_lock = true;
  World world(setup);
  world.start();
  world.charger.plug(1);
  world.run_for(3000);
  world.tag("A");
  world.run_for(20000);
  CHECK(world.call("UnlockConnector", R"({"connectorId":1})") == "Unlocked");
  world.run_for(15000);
  CHECK(world.charger.unlocks(1) == 1);
  CHECK(world.csms.transactions[0].reason == "UnlockCommand");
}

// Rules: J-4.1.3-1 J-4.1.3-2 J-4.2.3-1 J-4.2.3-2 J-4.1.4-2 PD-16 FP-9
TEST_CASE_FIXTURE(Fixture, "faulty CALLs are answered with the right code and change nothing") {
  const auto code = [&](const std::string& frame) {
    const size_t before = world.messages.size();
    world.csms.send(frame, world.now());
    world.run_for(200);
    std::string answers;
    for (size_t i = before; i < world.messages.size(); ++i) {
      if (contains(world.messages[i], " > [4,")) answers += world.messages[i];
      if (contains(world.messages[i], " > [3,")) answers += "accepted";
    }
    return answers;
  };
  const std::string before = world.configuration("ConnectionTimeOut");
  CHECK(contains(code(R"([2,"a","ChangeConfiguration",{"key":"ConnectionTimeOut"}])"),
                 R"([4,"a","OccurenceConstraintViolation")"));
  CHECK(contains(code(R"([2,"b","ChangeConfiguration",{"key":"ConnectionTimeOut","value":5}])"),
                 "TypeConstraintViolation"));
  CHECK(contains(code(R"([2,"c","ChangeConfiguration",{"key":"ConnectionTimeOut","value":"5")"),
                 R"([4,"c","FormationViolation")"));
  CHECK(contains(code(R"([2,"d","ChangeConfiguration",[]])"), "FormationViolation"));
  CHECK(contains(code(R"([2,"e","ChangeConfiguration"])"), "FormationViolation"));
  CHECK(contains(code(R"([2,"f","Reset",{"type":"Gentle"}])"), "PropertyConstraintViolation"));
  CHECK(contains(code(R"([2,"g","Reset",{"type":"Soft"},"more"])"), "FormationViolation"));
  CHECK(contains(code(R"([2,"h",5,{}])"), "FormationViolation"));
  CHECK(contains(code(R"([2,42,"Nonsense",{}])"), R"([4,42,"NotImplemented")"));
  CHECK(contains(code(R"([2,"","Nonsense",{}])"), R"([4,"","NotImplemented")"));
  CHECK(contains(code(R"([2,"quote\"d","Nonsense",{}])"), R"([4,"quote\"d","NotImplemented")"));
  for (const char* unreadable :
       {"", "[", "[2]", "[2,", "[2,{}", R"([2,null,"Reset",{"type":"Soft"}])", "null", "[]",
        R"([5,"x","y"])", R"({"a":1})", R"([2.0,"i","Reset",{"type":"Soft"}])", "\xff\xfe"}) {
    CHECK(code(unreadable) == "");
  }
  CHECK(world.configuration("ConnectionTimeOut") == before);
  CHECK(!world.has_event(ocpp::EventType::kResetRequested));
  CHECK(world.problems() == "");
}

// Rules: FP-7 J-4.1.4-2
TEST_CASE_FIXTURE(Fixture, "a CALL that is cut off by the frame limit is refused by its id") {
  std::string frame =
      R"([2,"long-one","ChangeConfiguration",{"key":"ConnectionTimeOut","value":"5","x":")";
  frame.append(4096 - frame.size(), 'x');
  world.charge_point->receive(common::TextSpan(frame.data(), frame.size()), true, world.now());
  world.run_for(100);
  CHECK(contains(world.csms.answers["long-one"], "[4,\"long-one\",\"FormationViolation\""));
  CHECK(world.configuration("ConnectionTimeOut") == "60");
}
