// Purpose:       Rules that stand between the lines, and answers of a CSMS that make no sense.
// Given:         A gateway in virtual time and a model CSMS.
// Steps:         See each case.
// Pass criteria: See each case; no schema violation. Spec: OCPP 1.6 ed. 2, 3.7, 3.16, 4.1, 4.2,
// 4.7, 4.9, 5.2, 5.3, 5.8, 7.6; OCPP-J 1.6, 4.2.
#include "common/limits.hpp"
#include "doctest_main/doctest_main.hpp"
#include "ocpp_world/online.hpp"

using ocpp_world::contains;
using ocpp_world::World;

namespace {

struct Fixture : ocpp_world::Online {
  /// The id of the CALL of this action that went out last, "" when there is none.
  std::string id_of_last(const std::string& action) const {
    for (auto message = world.messages.rbegin(); message != world.messages.rend(); ++message) {
      const size_t at = message->find(" > [2,\"");
      if (at == std::string::npos || !contains(*message, "\"" + action + "\"")) continue;
      return message->substr(at + 7, 36);
    }
    return "";
  }
  /// Answers the open CALL of an action with this instead of what the CSMS would say.
  void answer(const std::string& action, const std::string& type, const std::string& rest) {
    const std::string id = id_of_last(action);
    REQUIRE(id != "");
    world.csms.send("[" + type + ",\"" + id + "\"," + rest + "]", world.now());
    world.run_for(500);
  }
};

}  // namespace

// ---------------------------------------------------------------------- messages and order

// Rules: R-3.7-3
TEST_CASE_FIXTURE(Fixture, "while a start waits to be tried again the CSMS hears everything else") {
  CHECK(change("TransactionMessageRetryInterval", "600") == "Accepted");
  CHECK(change("HeartbeatInterval", "30") == "Accepted");
  world.csms.faults.call_error["StartTransaction"] = 1;
  world.charger.plug(1);
  world.run_for(3000);
  world.tag("04A1B2C3");
  world.run_for(120000);
  CHECK(world.csms.received["StartTransaction"] == 1);
  CHECK(world.csms.received["MeterValues"] == 0);
  CHECK(world.charge_point->pending_messages() >= 2);
  CHECK(world.csms.last_status(1) == "Charging");
  CHECK(world.csms.received["Heartbeat"] >= 3);
  world.run_for(600000);
  CHECK(world.csms.received["StartTransaction"] == 2);
  CHECK(world.charge_point->pending_messages() == 0);
}

// Rules: R-4.9-3
TEST_CASE_FIXTURE(Fixture, "suspended by the EV and by a limit is SuspendedEVSE") {
  charge();
  world.charger.set_ev_wants_energy(1, false);
  world.run_for(10000);
  REQUIRE(world.csms.last_status(1) == "SuspendedEV");
  CHECK(
      world.call("SetChargingProfile",
                 R"({"connectorId":1,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":0,)"
                 R"("chargingProfilePurpose":"TxDefaultProfile","chargingProfileKind":"Absolute",)"
                 R"("chargingSchedule":{"chargingRateUnit":"A","chargingSchedulePeriod":)"
                 R"([{"startPeriod":0,"limit":0}]}}})") == "Accepted");
  world.run_for(30000);
  CHECK(world.csms.last_status(1) == "SuspendedEVSE");
  CHECK(world.call("ClearChargingProfile", R"({"id":1})") == "Accepted");
  world.run_for(60000);
  CHECK(world.csms.last_status(1) == "SuspendedEV");
}

// Rules: R-5.14-5 R-4.9-4
TEST_CASE_FIXTURE(Fixture,
                  "a reset, soft or hard, does not make an unavailable connector available") {
  CHECK(world.call("ChangeAvailability", R"({"connectorId":1,"type":"Inoperative"})") ==
        "Accepted");
  for (const char* type : {"Soft", "Hard"}) {
    world.events.clear();
    CHECK(world.call("Reset", R"({"type":")" + std::string(type) + "\"}") == "Accepted");
    REQUIRE(
        world.run_until([&] { return world.has_event(ocpp::EventType::kResetRequested); }, 30000));
    (void)world.restart(platform::ResetCause::kSoftware, 3000);
    world.connect();
    world.run_for(5000);
    CHECK(world.csms.statuses.back().status == "Unavailable");
    CHECK(world.csms.last_status(1) == "Unavailable");
  }
  CHECK(world.call("ChangeAvailability", R"({"connectorId":1,"type":"Operative"})") == "Accepted");
  world.run_for(1000);
  CHECK(world.csms.last_status(1) == "Available");
}

// Rules: R-4.9-1 R-4.9-7 R-6.47-1
TEST_CASE_FIXTURE(Fixture, "every error of a charger is told under its own code") {
  const struct {
    charger::Error error;
    const char* code;
  } kErrors[] = {
      {charger::Error::kConnectorLockFailure, "ConnectorLockFailure"},
      {charger::Error::kGroundFailure, "GroundFailure"},
      {charger::Error::kHighTemperature, "HighTemperature"},
      {charger::Error::kInternalError, "InternalError"},
      {charger::Error::kOtherError, "OtherError"},
      {charger::Error::kOverCurrentFailure, "OverCurrentFailure"},
      {charger::Error::kOverVoltage, "OverVoltage"},
      {charger::Error::kPowerMeterFailure, "PowerMeterFailure"},
      {charger::Error::kPowerSwitchFailure, "PowerSwitchFailure"},
      {charger::Error::kReaderFailure, "ReaderFailure"},
      {charger::Error::kResetFailure, "ResetFailure"},
      {charger::Error::kUnderVoltage, "UnderVoltage"},
      {charger::Error::kWeakSignal, "WeakSignal"},
  };
  for (const auto& row : kErrors) {
    for (const bool is_faulted : {false, true}) {
      CAPTURE(row.code);
      CAPTURE(is_faulted);
      world.charger.set_error(1, row.error, is_faulted, "E1");
      world.run_for(3000);
      CHECK(world.csms.statuses.back().error == row.code);
      CHECK(world.csms.last_status(1) == (is_faulted ? "Faulted" : "Available"));
    }
    world.charger.set_error(1, charger::Error::kNone, false);
    world.run_for(15000);
    CHECK(world.csms.statuses.back().error == "NoError");
  }
  CHECK(world.problems() == "");
}

// --------------------------------------------------------------------------- meter values

// Rules: R-3.16.2-2
TEST_CASE_FIXTURE(Fixture, "MeterValuesAlignedData selects what clock-aligned values hold") {
  CHECK(change("MeterValuesSampledData", "Voltage") == "Accepted");
  CHECK(change("MeterValuesAlignedData", "Power.Active.Import") == "Accepted");
  CHECK(change("ClockAlignedDataInterval", "900") == "Accepted");
  CHECK(change("MeterValueSampleInterval", "400") == "Accepted");
  charge();
  world.run_for(3600 * 1000);
  int aligned = 0;
  int sampled = 0;
  for (const std::string& call : world.csms.calls) {
    if (call.compare(0, 11, "MeterValues") != 0) continue;
    const bool is_aligned = contains(call, "Sample.Clock");
    aligned += is_aligned ? 1 : 0;
    sampled += is_aligned ? 0 : 1;
    CHECK(contains(call, "Power.Active.Import") == is_aligned);
    CHECK(contains(call, "\"Voltage\"") == !is_aligned);
  }
  CHECK(aligned == 4);
  CHECK(sampled >= 8);
  CHECK(world.problems() == "");
}

// Rules: R-4.7-7 R-7.43-1
TEST_CASE_FIXTURE(Fixture,
                  "a meter value leaves to the defaults only that it is raw and of the outlet") {
  charge();
  world.run_for(120000);
  int values = 0;
  for (const std::string& call : world.csms.calls) {
    if (call.compare(0, 11, "MeterValues") != 0) continue;
    CHECK(!contains(call, "\"format\""));
    for (size_t at = call.find("{\"value\":\""); at != std::string::npos;
         at = call.find("{\"value\":\"", at + 1)) {
      const std::string value = call.substr(at, call.find('}', at) - at);
      CAPTURE(value);
      ++values;
      for (const char* field : {"\"context\":", "\"measurand\":", "\"unit\":"}) {
        CHECK(contains(value, field));
      }
    }
  }
  CHECK(values >= 8);
}

// -------------------------------------------------------------------------- configuration

// Rules: R-5.8-4
TEST_CASE_FIXTURE(Fixture,
                  "as many keys as GetConfigurationMaxKeys can be asked for, and no more") {
  const int most = std::stoi(world.configuration("GetConfigurationMaxKeys"));
  const auto ask = [&](int count) {
    std::string keys;
    for (int i = 0; i < count; ++i) {
      keys += std::string(i == 0 ? "" : ",") + (i % 2 == 0 ? "\"ResetRetries\"" : "\"Nonsense\"");
    }
    return world.call_frame("GetConfiguration", R"({"key":[)" + keys + "]}");
  };
  CHECK(contains(ask(most), "\"configurationKey\":["));
  CHECK(contains(ask(most + 1), "\"OccurenceConstraintViolation\""));
  CHECK(world.problems() == "");
}

// Rules: R-5.3-5
TEST_CASE_FIXTURE(Fixture, "every list that can be set tells how long it may be") {
  for (const char* key : {"ConnectorPhaseRotation", "MeterValuesAlignedData",
                          "MeterValuesSampledData", "StopTxnAlignedData", "StopTxnSampledData"}) {
    CAPTURE(key);
    CHECK(std::stoi(world.configuration((std::string(key) + "MaxLength").c_str())) >= 1);
  }
}

// Rules: R-4.7-6 R-5.3-4
TEST_CASE_FIXTURE(Fixture,
                  "the rotation of phases is kept per connector, and nonsense is refused") {
  CHECK(change("ConnectorPhaseRotation", "0.RST, 1.TRS") == "Accepted");
  CHECK(world.configuration("ConnectorPhaseRotation") == "0.RST,1.TRS");
  for (const char* value : {"1", "1.", "1,RST", "1.RS", "1.rst", ".RST", "/.RST", "2.RST", "9.RST",
                            "1.RST,", "1.RST,x", "  ", "1.RST;0.RST"}) {
    CAPTURE(value);
    CHECK(change("ConnectorPhaseRotation", value) == "Rejected");
    CHECK(world.configuration("ConnectorPhaseRotation") == "0.RST,1.TRS");
  }
  (void)world.restart(platform::ResetCause::kPowerOn);
  CHECK(world.configuration("ConnectorPhaseRotation") == "0.RST,1.TRS");
}

// Rules: R-5.3-4 R-5.3-1
TEST_CASE_FIXTURE(Fixture, "values are refused whole if they are too long or not of their kind") {
  CHECK(change("LocalPreAuthorize", "1") == "Accepted");
  CHECK(world.configuration("LocalPreAuthorize") == "true");
  CHECK(change("LocalPreAuthorize", "0") == "Accepted");
  CHECK(world.configuration("LocalPreAuthorize") == "false");
  for (const char* value : {"2", "yes", "", " true", "truely"}) {
    CHECK(change("LocalPreAuthorize", value) == "Rejected");
  }
  CHECK(change("ConnectionTimeOut", "604801") == "Rejected");
  CHECK(change("ConnectionTimeOut", "1e2") == "Rejected");
  CHECK(change("ConnectionTimeOut", "0") == "Accepted");
  // 500 characters are the most that a value may have.
  CHECK(change("MeterValuesSampledData", std::string(500, 'V')) == "Rejected");
  CHECK(contains(change("MeterValuesSampledData", std::string(501, 'V')),
                 "PropertyConstraintViolation"));
  CHECK(contains(change(std::string(51, 'K'), "1"), "PropertyConstraintViolation"));
  CHECK(world.configuration("LocalPreAuthorize") == "false");
}

// ------------------------------------------------------------- answers that make no sense

// Rules: J-4.2.3-3 R-4.1-1 FP-9
TEST_CASE_FIXTURE(Fixture,
                  "an Authorize that is refused or answered with nonsense permits nothing") {
  world.charger.plug(1);
  world.run_for(3000);
  const char* const kAnswers[][2] = {
      {"3", "{}"},
      {"3", R"({"idTagInfo":{}})"},
      {"3", R"({"idTagInfo":{"status":"Perhaps"}})"},
      {"3", "[]"},
      {"3", "null"},
      {"4", R"("InternalError","",{})"},
      {"4", R"("GenericError")"},
  };
  for (const auto& row : kAnswers) {
    CAPTURE(row[1]);
    world.csms.faults.ignore["Authorize"] = 1;
    world.events.clear();
    world.tag("04A1B2C3");
    world.run_for(1000);
    answer("Authorize", row[0], row[1]);
    world.run_for(5000);
    CHECK(world.has_event(ocpp::EventType::kIdTagRejected));
    CHECK(world.csms.transactions.empty());
    CHECK(world.charger.current_ma(1) == 0);
  }
  world.tag("04A1B2C3");
  world.run_for(20000);
  CHECK(world.csms.transactions.size() == 1);
  CHECK(world.problems() == "");
}

// Rules: R-4.2-2 J-4.2.3-3 FP-5
TEST_CASE("a boot that is refused by CALLERROR or answered with nonsense is tried again") {
  const char* const kAnswers[][2] = {
      {"4", R"("InternalError","no",{})"},
      {"3", "{}"},
      {"3", R"({"status":"Accepted","currentTime":"yesterday","interval":10})"},
      {"3", R"({"status":"Accepted","currentTime":"2027-01-15T08:00:00Z"})"},
  };
  for (const auto& row : kAnswers) {
    CAPTURE(row[1]);
    Fixture fixture;
    World& world = fixture.world;
    (void)world.restart(platform::ResetCause::kPowerOn);
    world.csms.faults.ignore["BootNotification"] = 1;
    world.connect();
    world.run_for(1000);
    const int boots = world.csms.received["BootNotification"];
    fixture.answer("BootNotification", row[0], row[1]);
    CHECK(world.charge_point->registration() == ocpp::RegistrationState::kUnregistered);
    world.run_for(120000);
    CHECK(world.csms.received["BootNotification"] == boots + 1);
    CHECK(world.charge_point->registration() == ocpp::RegistrationState::kAccepted);
    CHECK(world.problems() == "");
  }
}

// Rules: R-4.2-3
TEST_CASE("an interval of 0 with Accepted leaves the heartbeat interval as it was") {
  World world;
  world.csms.interval_s = 0;
  world.start();
  CHECK(world.charge_point->registration() == ocpp::RegistrationState::kAccepted);
  CHECK(world.configuration("HeartbeatInterval") == "300");
  world.run_for(3600 * 1000 + 1000);
  CHECK(world.csms.received["Heartbeat"] == 12);
}

// Rules: R-3.7.1-2 FP-10
TEST_CASE_FIXTURE(Fixture, "a start answered without a transaction id counts as refused") {
  CHECK(change("TransactionMessageRetryInterval", "5") == "Accepted");
  world.csms.faults.ignore["StartTransaction"] = 1;
  world.charger.plug(1);
  world.run_for(3000);
  world.tag("04A1B2C3");
  REQUIRE(world.run_until([&] { return world.csms.received["StartTransaction"] == 1; }, 20000));
  answer("StartTransaction", "3", R"({"idTagInfo":{"status":"Accepted"}})");
  world.run_for(20000);
  CHECK(world.csms.received["StartTransaction"] == 2);
  ocpp::TransactionView view;
  REQUIRE(world.charge_point->open_transaction(1, view));
  CHECK(view.transaction_id == world.csms.transactions[0].id);
  CHECK(world.charge_point->dead_letters() == 0);
}

// Rules: J-4.2.3-3 FP-9
TEST_CASE_FIXTURE(Fixture, "refused heartbeats and triggered values are let go, nothing else is") {
  world.csms.faults.call_error["Heartbeat"] = 1;
  world.csms.faults.call_error["MeterValues"] = 1;
  CHECK(world.call("TriggerMessage", R"({"requestedMessage":"Heartbeat"})") == "Accepted");
  CHECK(world.call("TriggerMessage", R"({"requestedMessage":"MeterValues","connectorId":1})") ==
        "Accepted");
  world.run_for(5000);
  world.csms.faults.ignore["Heartbeat"] = 1;
  CHECK(world.call("TriggerMessage", R"({"requestedMessage":"Heartbeat"})") == "Accepted");
  world.run_for(1000);
  answer("Heartbeat", "3", R"({"currentTime":"noon"})");
  CHECK(world.csms.received["MeterValues"] == 1);
  CHECK(world.charge_point->pending_messages() == 0);
  CHECK(world.charge_point->dead_letters() == 0);
  charge();
  CHECK(world.csms.transactions.size() == 1);
  CHECK(world.problems() == "");
}

// Rules: FP-12
TEST_CASE_FIXTURE(Fixture, "any 32-bit transaction id is taken as it is, 0 and negative ones too") {
  for (const char* id : {"0", "-1", "-2147483648", "2147483647"}) {
    CAPTURE(id);
    world.csms.faults.ignore["StartTransaction"] = 1;
    const int starts = world.csms.received["StartTransaction"];
    world.charger.plug(1);
    world.run_for(3000);
    world.tag("04A1B2C3");
    REQUIRE(
        world.run_until([&] { return world.csms.received["StartTransaction"] > starts; }, 20000));
    answer("StartTransaction", "3",
           R"({"transactionId":)" + std::string(id) + R"(,"idTagInfo":{"status":"Accepted"}})");
    world.run_for(20000);
    CHECK(world.call("RemoteStopTransaction", R"({"transactionId":)" + std::string(id) + "}") ==
          "Accepted");
    world.run_for(15000);
    CHECK(contains(world.csms.calls.back() + world.csms.calls[world.csms.calls.size() - 2],
                   "\"transactionId\":" + std::string(id)));
    world.charger.unplug(1);
    world.run_for(5000);
  }
}

// ------------------------------------------------------------------------- smart charging

// Rules: R-5.16.4-5 R-5.16-6 FP-19
TEST_CASE_FIXTURE(Fixture, "a profile with an impossible number is refused and changes nothing") {
  const auto set = [&](const std::string& profile, const std::string& schedule,
                       const std::string& periods) {
    return world.call(
        "SetChargingProfile",
        R"({"connectorId":1,"csChargingProfiles":{"chargingProfileId":1,)" + profile +
            R"(,"chargingProfilePurpose":"TxDefaultProfile","chargingProfileKind":"Absolute",)"
            R"("chargingSchedule":{)" +
            schedule + R"("chargingRateUnit":"A","chargingSchedulePeriod":[)" + periods + "]}}}");
  };
  const std::string one = R"({"startPeriod":0,"limit":6})";
  CHECK(set(R"("stackLevel":-1)", "", one) != "Accepted");
  CHECK(set(R"("stackLevel":1000)", "", one) == "Rejected");
  CHECK(set(R"("stackLevel":0)", R"("duration":-1,)", one) != "Accepted");
  CHECK(set(R"("stackLevel":0)", "", "") != "Accepted");
  CHECK(set(R"("stackLevel":0)", "", R"({"startPeriod":-1,"limit":6})") != "Accepted");
  CHECK(set(R"("stackLevel":0)", "", R"({"startPeriod":0,"limit":-6})") != "Accepted");
  CHECK(set(R"("stackLevel":0)", "", R"({"startPeriod":0,"limit":6,"numberPhases":-3})") !=
        "Accepted");
  std::string many;
  for (size_t i = 0; i <= limits::kMaxSchedulePeriods; ++i) {
    many += std::string(i == 0 ? "" : ",") + R"({"startPeriod":)" + std::to_string(i) +
            R"(,"limit":6})";
  }
  CHECK(set(R"("stackLevel":0)", "", many) != "Accepted");
  CHECK(world.call("ClearChargingProfile", "{}") == "Unknown");
  CHECK(set(R"("stackLevel":0)", R"("duration":0,)", one) == "Accepted");
  CHECK(world.problems() == "");
}

// ---------------------------------------------------------------------- the gateway's side

// Rules: FP-25
TEST_CASE("what cannot be is refused by the interface") {
  World world;
  world.start();
  ocpp::ChargePoint& point = *world.charge_point;
  ocpp::TransactionView view;
  for (const uint8_t id : {uint8_t{2}, uint8_t{255}}) {
    CHECK(!point.open_transaction(id, view));
    CHECK(!point.offer(id).permit);
    CHECK(point.stop_transaction(id, world.now()) == common::Status::kInvalidState);
    point.on_charger_state(id, charger::ChargerState(), world.now());
    point.on_meter_sample(id, charger::MeterSample(), world.now());
    point.on_id_tag(id, charger::IdTag("A"), world.now());
  }
  point.on_id_tag(1, charger::IdTag(""), world.now());
  CHECK(point.stop_transaction(1, world.now()) != common::Status::kOk);
  ocpp::ConfigurationEntry entry;
  CHECK(point.get_configuration(common::text("Nonsense"), entry) == common::Status::kNotFound);
  world.run_for(5000);
  CHECK(world.csms.received["Authorize"] == 0);

  const auto begin = [&](uint8_t connectors, const char* vendor, const char* model) {
    ocpp::ChargePoint other(
        ocpp::Ports{world.files, world.settings, world.entropy, world.charger, world.log});
    ocpp::Options options;
    options.connectors = connectors;
    options.identity.vendor = common::FixedString<20>(vendor);
    options.identity.model = common::FixedString<20>(model);
    return other.begin(options, world.now(), common::UtcTime());
  };
  CHECK(begin(0, "V", "M") == common::Status::kInvalidArgument);
  CHECK(begin(200, "V", "M") == common::Status::kInvalidArgument);
  CHECK(begin(1, "", "M") == common::Status::kInvalidArgument);
  CHECK(begin(1, "V", "") == common::Status::kInvalidArgument);
}
