// Purpose:       The form of what is said: frames of any size, any cut, texts, ids, keys, actions.
// Given:         A gateway in virtual time and a model CSMS that checks every frame.
// Steps:         See each case.
// Pass criteria: A CALL whose id can be read gets one answer, a refused one changes nothing; what
// is sent is plain, complete and of the schema. Spec: OCPP 1.6 ed. 2, 2.2, 3.3, 7.7, 9; OCPP-J 1.6,
// 4 and its errata.
#include "common/limits.hpp"
#include "doctest_main/doctest_main.hpp"
#include "json/reader.hpp"
#include "ocpp_messages/action.hpp"
#include "ocpp_world/world.hpp"

#include <set>

using ocpp_world::World;

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

struct Fixture {
  World world;

  Fixture() { world.start(); }

  /// Gives the engine a frame as a link does that keeps `limit` bytes of it. @return Its answers.
  std::vector<std::string> answers_to(const std::string& frame, bool truncated = false) {
    const size_t before = world.messages.size();
    world.csms.answers.clear();
    world.charge_point->receive(common::TextSpan(frame.data(), frame.size()), truncated,
                                world.now());
    world.run_for(50);
    std::vector<std::string> answers;
    for (size_t i = before; i < world.messages.size(); ++i) {
      const std::string& message = world.messages[i];
      const size_t at = message.find(" > [");
      if (at == std::string::npos || message[at + 4] == '2') continue;
      answers.push_back(message.substr(at + 3));
    }
    return answers;
  }

  /// All that a CALL may change.
  std::string state() const {
    std::string text;
    ocpp::ConfigurationEntry entry;
    for (size_t i = 0; i < world.charge_point->configuration_count(); ++i) {
      world.charge_point->configuration_at(i, entry);
      text += std::string(entry.value.c_str()) + ';';
    }
    ocpp::TransactionView view;
    if (world.charge_point->open_transaction(1, view)) text += view.is_stopping ? "stops" : "runs";
    text += to_string(world.charge_point->status(0));
    text += to_string(world.charge_point->status(1));
    text += std::to_string(world.charge_point->offer(1).limit_ma) + ',' +
            std::to_string(world.settings.writes()) + ',' + std::to_string(world.events.size());
    return text;
  }

  std::set<std::string> feature_profiles() const {
    std::set<std::string> found;
    std::string rest = world.configuration("SupportedFeatureProfiles") + ",";
    for (size_t at = rest.find(','); at != std::string::npos; at = rest.find(',')) {
      found.insert(rest.substr(0, at));
      rest.erase(0, at + 1);
    }
    return found;
  }
};

}  // namespace

// --------------------------------------------------------------------- sizes and cuts

// Rules: FP-7 J-4.1.4-2
TEST_CASE_FIXTURE(Fixture,
                  "frames of 1 byte to 64 kB are answered or refused by their id, never ignored") {
  const std::string head = R"([2,"of-a-size","DataTransfer",{"vendorId":"com.example","data":")";
  const std::string tail = R"("}])";
  std::vector<size_t> sizes;
  for (size_t size = 1; size <= 300; ++size) sizes.push_back(size);
  for (size_t size = 512; size <= 65536; size *= 2) {
    for (const size_t near : {size - 1, size, size + 1}) sizes.push_back(near);
  }
  for (const size_t size : sizes) {
    CAPTURE(size);
    const bool is_whole = size >= head.size() + tail.size();
    std::string frame =
        head + (is_whole ? std::string(size - head.size() - tail.size(), 'x') : "") + tail;
    frame.resize(size);
    const bool is_too_long = size > limits::kMaxFrameBytes;
    if (is_too_long) frame.resize(limits::kMaxFrameBytes);
    const std::string before = state();
    const std::vector<std::string> answers = answers_to(frame, is_too_long);
    CHECK(state() == before);
    // The id ends with byte 14.
    REQUIRE(answers.size() == (size >= 14 ? 1 : 0));
    if (answers.empty()) continue;
    if (is_whole && !is_too_long) {
      CHECK(answers[0] == R"([3,"of-a-size",{"status":"UnknownVendorId"}])");
    } else {
      CHECK(contains(answers[0], R"([4,"of-a-size","FormationViolation",")"));
    }
  }
  CHECK(world.problems() == "");
}

// Rules: FP-7 J-4.1.4-2 J-4.2.3-1 FP-9
TEST_CASE_FIXTURE(Fixture,
                  "a CALL that is cut at any byte is refused by its id and changes nothing") {
  world.charger.plug(1);
  world.run_for(3000);
  world.tag("ALICE");
  REQUIRE(world.run_until([&] { return world.csms.last_status(1) == "Charging"; }, 20000));
  world.run_for(20000);
  const char* const calls[] = {
      R"([2,"cut","Reset",{"type":"Hard"}])",
      R"([2,"cut","RemoteStopTransaction",{"transactionId":1000}])",
      R"([2,"cut","ChangeConfiguration",{"key":"ConnectionTimeOut","value":"55"}])",
      R"([2,"cut","ChangeAvailability",{"connectorId":0,"type":"Inoperative"}])",
      R"([2,"cut","UnlockConnector",{"connectorId":1}])",
      R"([2,"cut","SetChargingProfile",{"connectorId":1,"csChargingProfiles":{"chargingProfileId":1,)"
      R"("stackLevel":0,"chargingProfilePurpose":"TxDefaultProfile","chargingProfileKind":"Absolute",)"
      R"("chargingSchedule":{"chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":6}]}}}])",
  };
  const std::string before = state();
  for (const std::string whole : calls) {
    for (const bool is_flagged : {false, true}) {
      for (size_t size = 0; size < whole.size(); ++size) {
        const std::vector<std::string> answers = answers_to(whole.substr(0, size), is_flagged);
        CAPTURE(whole.substr(0, size));
        REQUIRE(answers.size() == (size >= 8 ? 1 : 0));
        if (!answers.empty()) CHECK(contains(answers[0], R"([4,"cut","FormationViolation",")"));
        REQUIRE(state() == before);
      }
    }
    // A link that keeps less than the whole says so even if what it kept looks whole.
    const std::vector<std::string> answers = answers_to(whole, true);
    REQUIRE(answers.size() == 1);
    CHECK(contains(answers[0], R"([4,"cut","FormationViolation",")"));
    REQUIRE(state() == before);
  }
  CHECK(world.csms.transactions[0].stops == 0);
}

// Rules: J-4.1.3-2 J-4.1.3-1
TEST_CASE_FIXTURE(Fixture, "messages of other types and answers to nothing get no answer") {
  const std::string before = state();
  for (const char* frame :
       {R"([0,"x","Reset",{"type":"Hard"}])", R"([1,"x","Reset",{"type":"Hard"}])",
        R"([5,"x","Reset",{"type":"Hard"}])", R"([22,"x","Reset",{"type":"Hard"}])",
        R"([-2,"x","Reset",{"type":"Hard"}])", R"(["2","x","Reset",{"type":"Hard"}])",
        R"([3,"x",{}])", R"([4,"x","GenericError","",{}])", R"([3,"x"])", R"([4,"x"])"}) {
    CAPTURE(frame);
    CHECK(answers_to(frame).empty());
    CHECK(state() == before);
  }
}

// ------------------------------------------------------------------------------ texts

// Rules: R-2.2-1 J-4.1.2-1 J-4.2.1-1 J-4.2.4-1 R-3.3-1
TEST_CASE_FIXTURE(Fixture,
                  "a whole day of messages is plain ASCII in JSON, without a field of our own") {
  // The model CSMS reads every frame by the schema, which allows nothing besides its fields.
  world.csms.interval_s = 600;
  world.charger.plug(1);
  world.run_for(3000);
  world.tag("ALICE");
  world.run_for(3600 * 1000);
  world.call("GetConfiguration", "{}");
  world.call("Reset", R"({"type":"\u00fc"})");
  world.tag("ALICE");
  world.run_for(20000);
  world.charger.set_error(1, charger::Error::kOtherError, true, "F 0x17");
  world.run_for(5000);
  size_t sent = 0;
  for (const std::string& message : world.messages) {
    const size_t at = message.find(" > ");
    if (at == std::string::npos) continue;
    ++sent;
    const std::string frame = message.substr(at + 3);
    CAPTURE(frame);
    CHECK(json::is_valid(common::TextSpan(frame.data(), frame.size())));
    bool is_plain = true;
    for (const char c : frame) is_plain = is_plain && c >= ' ' && c <= '~';
    CHECK(is_plain);
  }
  CHECK(sent > 60);
  for (const char* action : {"Authorize", "BootNotification", "Heartbeat", "MeterValues",
                             "StartTransaction", "StatusNotification", "StopTransaction"}) {
    CAPTURE(action);
    CHECK(world.csms.received[action] >= 1);
  }
  CHECK(world.problems() == "");
}

// Rules: R-3.9-1 R-5.11-4 R-7.28-1
TEST_CASE_FIXTURE(Fixture, "an id tag is any text, and is sent as it came") {
  int remote = 0;
  for (const char* id_tag : {"a", " ", "{}[],:", "0123456789abcdefGHIJ", "null", "-0", "%s%n",
                             "\\\"", "sp ace/sl+ash"}) {
    CAPTURE(id_tag);
    world.charger.plug(1);
    world.run_for(3000);
    std::string escaped;
    for (const char* c = id_tag; *c != '\0'; ++c) {
      if (*c == '"' || *c == '\\') escaped += '\\';
      escaped += *c;
    }
    CHECK(world.call("RemoteStartTransaction", R"({"idTag":")" + escaped + "\"}") == "Accepted");
    world.run_for(20000);
    REQUIRE(world.csms.transactions.size() == static_cast<size_t>(++remote));
    CHECK(world.csms.transactions.back().id_tag == id_tag);
    std::string other_case = id_tag;
    for (char& c : other_case) {
      c = static_cast<char>(std::islower(c) != 0 ? std::toupper(c) : std::tolower(c));
    }
    world.tag(other_case.c_str());
    world.run_for(20000);
    CHECK(world.csms.transactions.back().stops == 1);
    world.charger.unplug(1);
    world.run_for(5000);
  }
  // One character more than fits is refused, not cut.
  CHECK(contains(world.call("RemoteStartTransaction", R"({"idTag":"0123456789abcdefGHIJK"})"),
                 "PropertyConstraintViolation"));
  CHECK(world.problems() == "");
}

// Rules: R-2.2-1 R-2.2-2 J-4.2.1-1
TEST_CASE_FIXTURE(Fixture, "case counts in actions, fields and enumerators, not in names of keys") {
  CHECK(contains(world.call("clearcache", "{}"), R"("NotImplemented")"));
  CHECK(contains(world.call("ChangeAvailability", R"({"connectorId":1,"type":"inoperative"})"),
                 R"("PropertyConstraintViolation")"));
  CHECK(contains(world.call("ChangeAvailability", R"({"connectorid":1,"type":"Inoperative"})"),
                 R"("OccurenceConstraintViolation")"));
  CHECK(world.charge_point->status(1) == ocpp::ChargePointStatus::Available);
  CHECK(world.call("ChangeConfiguration", R"({"key":"connectiontimeout","value":"61"})") ==
        "Accepted");
  CHECK(world.configuration("ConnectionTimeOut") == "61");
}

// ------------------------------------------------------------- what is there and what not

// Rules: R-3.3-3 R-3.3-1 R-3.3-2 J-4.2.3-2 FP-25
TEST_CASE_FIXTURE(Fixture, "an action is there exactly if its feature profile is") {
  const struct {
    const char* action;
    const char* profile;
  } kActions[] = {
      {"ChangeAvailability", "Core"},
      {"ChangeConfiguration", "Core"},
      {"ClearCache", "Core"},
      {"DataTransfer", "Core"},
      {"GetConfiguration", "Core"},
      {"RemoteStartTransaction", "Core"},
      {"RemoteStopTransaction", "Core"},
      {"Reset", "Core"},
      {"UnlockConnector", "Core"},
      {"GetDiagnostics", "FirmwareManagement"},
      {"UpdateFirmware", "FirmwareManagement"},
      {"GetLocalListVersion", "LocalAuthListManagement"},
      {"SendLocalList", "LocalAuthListManagement"},
      {"CancelReservation", "Reservation"},
      {"ReserveNow", "Reservation"},
      {"ClearChargingProfile", "SmartCharging"},
      {"GetCompositeSchedule", "SmartCharging"},
      {"SetChargingProfile", "SmartCharging"},
      {"TriggerMessage", "RemoteTrigger"},
  };
  const std::set<std::string> profiles = feature_profiles();
  CHECK(profiles.count("Core") == 1);
  for (const auto& row : kActions) {
    CAPTURE(row.action);
    // A field that no schema has: an action that is there refuses or ignores it, and does nothing
    // before it has looked for its own fields.
    const std::string answer = world.call_frame(row.action, R"({"nonsense":1})");
    const bool is_there = !contains(answer, "\"NotSupported\"") || answer[1] == '3';
    CHECK(is_there == (profiles.count(row.profile) == 1));
    CHECK(!contains(answer, "\"NotImplemented\""));
  }
}

// Rules: R-7.7-1
TEST_CASE_FIXTURE(Fixture, "a connector can be used in every status but Unavailable and Faulted") {
  const auto start = [&] {
    return world.call("RemoteStartTransaction", R"({"connectorId":1,"idTag":"A"})");
  };
  CHECK(world.call("ChangeAvailability", R"({"connectorId":1,"type":"Inoperative"})") ==
        "Accepted");
  world.run_for(1000);
  REQUIRE(world.csms.last_status(1) == "Unavailable");
  CHECK(start() == "Rejected");
  CHECK(world.call("ChangeAvailability", R"({"connectorId":1,"type":"Operative"})") == "Accepted");
  world.charger.set_error(1, charger::Error::kGroundFailure, true, "RCD");
  world.run_for(2000);
  REQUIRE(world.csms.last_status(1) == "Faulted");
  CHECK(start() == "Rejected");
  world.charger.set_error(1, charger::Error::kNone, false);
  world.run_for(15000);
  REQUIRE(world.csms.last_status(1) == "Available");
  CHECK(start() == "Accepted");
  world.run_for(1000);
  REQUIRE(world.csms.last_status(1) == "Preparing");
  world.charger.plug(1);
  world.run_for(20000);
  REQUIRE(world.csms.transactions.size() == 1);
  CHECK(world.call("RemoteStopTransaction", R"({"transactionId":1000})") == "Accepted");
  world.run_for(15000);
  REQUIRE(world.csms.last_status(1) == "Finishing");
  CHECK(start() == "Accepted");
  world.run_for(20000);
  CHECK(world.csms.transactions.size() == 2);
  CHECK(world.problems() == "");
}

// Rules: R-9-1 R-9-3
TEST_CASE_FIXTURE(Fixture,
                  "every required key of every feature profile is there, with its rights") {
  const struct {
    const char* key;
    const char* profile;
    bool is_readonly;
  } kRequired[] = {
      {"AuthorizeRemoteTxRequests", "Core", false},
      {"ClockAlignedDataInterval", "Core", false},
      {"ConnectionTimeOut", "Core", false},
      {"ConnectorPhaseRotation", "Core", false},
      {"GetConfigurationMaxKeys", "Core", true},
      {"HeartbeatInterval", "Core", false},
      {"LocalAuthorizeOffline", "Core", false},
      {"LocalPreAuthorize", "Core", false},
      {"MeterValuesAlignedData", "Core", false},
      {"MeterValuesSampledData", "Core", false},
      {"MeterValueSampleInterval", "Core", false},
      {"NumberOfConnectors", "Core", true},
      {"ResetRetries", "Core", false},
      {"StopTransactionOnInvalidId", "Core", false},
      {"StopTxnAlignedData", "Core", false},
      {"StopTxnSampledData", "Core", false},
      {"SupportedFeatureProfiles", "Core", true},
      {"TransactionMessageAttempts", "Core", false},
      {"TransactionMessageRetryInterval", "Core", false},
      {"UnlockConnectorOnEVSideDisconnect", "Core", true},  // the cable of this wallbox is fixed
      {"LocalAuthListEnabled", "LocalAuthListManagement", false},
      {"LocalAuthListMaxLength", "LocalAuthListManagement", true},
      {"SendLocalListMaxLength", "LocalAuthListManagement", true},
      {"ChargeProfileMaxStackLevel", "SmartCharging", true},
      {"ChargingScheduleAllowedChargingRateUnit", "SmartCharging", true},
      {"ChargingScheduleMaxPeriods", "SmartCharging", true},
      {"MaxChargingProfilesInstalled", "SmartCharging", true},
  };
  const std::set<std::string> profiles = feature_profiles();
  for (const auto& row : kRequired) {
    CAPTURE(row.key);
    const std::string answer =
        world.call_frame("GetConfiguration", R"({"key":[")" + std::string(row.key) + "\"]}");
    const std::string entry = "{\"key\":\"" + std::string(row.key) +
                              "\",\"readonly\":" + (row.is_readonly ? "true" : "false") +
                              ",\"value\":\"";
    CHECK(contains(answer, entry) == (profiles.count(row.profile) == 1));
    if (!row.is_readonly || profiles.count(row.profile) == 0) continue;
    CHECK(world.call("ChangeConfiguration",
                     R"({"key":")" + std::string(row.key) + R"(","value":"1"})") == "Rejected");
  }
}

// Rules: R-9-2 R-5.3-3 FP-25
TEST_CASE_FIXTURE(Fixture, "keys of functions that this gateway has not are unknown") {
  // No lamp, no brightness.
  for (const char* key : {"BlinkRepeat", "LightIntensity"}) {
    CAPTURE(key);
    CHECK(contains(world.call_frame("GetConfiguration", R"({"key":[")" + std::string(key) + "\"]}"),
                   R"("unknownKey":[")"));
    CHECK(world.call("ChangeConfiguration",
                     R"({"key":")" + std::string(key) + R"(","value":"1"})") == "NotSupported");
  }
}

// Rules: R-9.1.33-1
TEST_CASE_FIXTURE(Fixture, "with a fixed cable nothing is unlocked when the EV is unplugged") {
  CHECK(world.configuration("UnlockConnectorOnEVSideDisconnect") == "false");
  CHECK(world.call("ChangeConfiguration",
                   R"({"key":"UnlockConnectorOnEVSideDisconnect","value":"true"})") == "Rejected");
  CHECK(world.configuration("UnlockConnectorOnEVSideDisconnect") == "false");
}

// Rules: R-9.4.2-1
TEST_CASE_FIXTURE(Fixture, "a profile may have the units that the key names: Current A, Power W") {
  const std::string named = world.configuration("ChargingScheduleAllowedChargingRateUnit");
  const auto set = [&](const std::string& unit) {
    return world.call(
        "SetChargingProfile",
        R"({"connectorId":1,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":0,)"
        R"("chargingProfilePurpose":"TxDefaultProfile","chargingProfileKind":"Absolute",)"
        R"("chargingSchedule":{"chargingRateUnit":")" +
            unit + R"(","chargingSchedulePeriod":[{"startPeriod":0,"limit":6}]}}})");
  };
  CHECK(set("A") == (contains(named, "Current") ? "Accepted" : "Rejected"));
  CHECK(set("W") == (contains(named, "Power") ? "Accepted" : "Rejected"));
  CHECK(contains(set("Current"), "PropertyConstraintViolation"));
}

// Rules: J-7-1
TEST_CASE_FIXTURE(Fixture,
                  "as delivered, pings come more often than the retries of a message last") {
  const int ping_s = std::stoi(world.configuration("WebSocketPingInterval"));
  const int attempts = std::stoi(world.configuration("TransactionMessageAttempts"));
  const int interval_s = std::stoi(world.configuration("TransactionMessageRetryInterval"));
  CHECK(ping_s > 0);
  CHECK(ping_s < attempts * interval_s);
}

// Rules: PD-14
TEST_CASE_FIXTURE(Fixture,
                  "asking for a schedule of many periods again and again does not change it") {
  std::string periods;
  for (int i = 0; i < 24; ++i) {
    periods += std::string(i == 0 ? "" : ",") + R"({"startPeriod":)" + std::to_string(i * 60) +
               R"(,"limit":)" + std::to_string(6 + i % 10) + "}";
  }
  CHECK(world.call(
            "SetChargingProfile",
            R"({"connectorId":1,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":0,)"
            R"("chargingProfilePurpose":"TxDefaultProfile","chargingProfileKind":"Absolute",)"
            R"("chargingSchedule":{"startSchedule":"2027-01-15T09:00:00Z","chargingRateUnit":"A",)"
            R"("chargingSchedulePeriod":[)" +
                periods + "]}}}") == "Accepted");
  // Half an hour before it begins, the whole of it lies ahead each time.
  const auto ahead = [&] {
    const std::string frame = world.call_frame(
        "GetCompositeSchedule", R"({"connectorId":1,"duration":7200,"chargingRateUnit":"A"})");
    std::string limits;
    for (size_t at = frame.find("\"limit\":"); at != std::string::npos;
         at = frame.find("\"limit\":", at + 1)) {
      limits += frame.substr(at + 8, frame.find_first_of(",}", at + 8) - at - 8) + " ";
    }
    return limits;
  };
  world.run_for(1800 * 1000);
  const std::string first = ahead();
  CHECK(contains(first, "6.0 7.0 8.0 9.0 10.0 11.0 12.0 13.0 14.0 15.0 6.0 7.0 "));
  for (int i = 0; i < 20; ++i) {
    world.run_for(10000);
    CHECK(ahead() == first);
  }
}
