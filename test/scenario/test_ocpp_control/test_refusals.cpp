// Purpose:       CALLs that are valid by the schema and cannot be carried out as they are.
// Given:         A gateway in virtual time and a model CSMS.
// Steps:         See each case.
// Pass criteria: The answer that the specification has for it; nothing has changed.
// Spec:          OCPP 1.6 ed. 2, 4.3, 5.3, 5.5, 5.7, 5.8, 5.11, 5.17.
#include "ocpp_world/online.hpp"

using common::Status;
using ocpp_world::contains;
using ocpp_world::Online;
using ocpp_world::World;

// Rules: R-5.11-1
TEST_CASE_FIXTURE(Online, "a remote start that cannot lead to a transaction is refused") {
  const auto start = [this](const std::string& rest) {
    return world.call("RemoteStartTransaction", "{" + rest + "}");
  };
  const std::string periods = R"("chargingSchedulePeriod":[{"startPeriod":0,"limit":8}])";
  const auto with_profile = [&](const std::string& purpose, const std::string& more,
                                const std::string& schedule) {
    return start(R"("idTag":"ALICE","connectorId":1,"chargingProfile":{"chargingProfileId":1,)"
                 R"("stackLevel":0,"chargingProfileKind":"Relative","chargingProfilePurpose":")" +
                 purpose + "\"" + more + R"(,"chargingSchedule":{"chargingRateUnit":"A",)" +
                 schedule + "}}");
  };
  CHECK(start(R"("idTag":"")") == "Rejected");
  CHECK(start(R"("idTag":"ALICE","connectorId":7)") == "Rejected");
  CHECK(with_profile("TxDefaultProfile", "", periods) == "Rejected");
  CHECK(with_profile("TxProfile", R"(,"transactionId":5)", periods) == "Rejected");
  CHECK(with_profile("TxProfile", "", R"("duration":-1,)" + periods) == "Rejected");
  CHECK(with_profile("TxProfile", "",
                     R"("chargingSchedulePeriod":[{"startPeriod":5,"limit":8}])") == "Rejected");
  // No room for one more profile.
  const int most = std::stoi(world.configuration("MaxChargingProfilesInstalled"));
  for (int i = 0; i < most; ++i)
    CHECK(set_profile(i % 2, 10 + i, i / 2, "TxDefaultProfile", "Relative",
                      R"("chargingRateUnit":"A",)" + periods) == "Accepted");
  CHECK(with_profile("TxProfile", "", periods) == "Rejected");
  CHECK(world.call("ClearChargingProfile", "{}") == "Accepted");
  CHECK(world.call("ReserveNow", R"({"connectorId":1,"idTag":"BOB","reservationId":5,)"
                                 R"("expiryDate":"2027-01-16T09:00:00Z"})") == "Accepted");
  CHECK(start(R"("idTag":"ALICE","connectorId":1)") == "Rejected");
  CHECK(start(R"("idTag":"ALICE")") == "Rejected");
  world.run_for(3000);
  CHECK(status() == "Reserved");
  CHECK(with_profile("TxProfile", "", periods) == "Rejected");
  CHECK(world.call("CancelReservation", R"({"reservationId":5})") == "Accepted");
  CHECK(with_profile("TxProfile", "", periods) == "Accepted");
  plug();
  CHECK(wait("Charging"));
  CHECK(limit() == 8000);
  CHECK(world.problems() == "");
}

TEST_CASE_FIXTURE(Online, "profiles of a connector that is not there are unknown") {
  for (const char* rest :
       {R"("connectorId":9)", R"("connectorId":-1)", R"("id":3)",
        R"("connectorId":1,"stackLevel":1)", R"("chargingProfilePurpose":"TxProfile")"}) {
    CAPTURE(rest);
    CHECK(world.call("ClearChargingProfile", std::string("{") + rest + "}") == "Unknown");
  }
}

TEST_CASE_FIXTURE(Online, "a composite schedule of no time or no connector is refused") {
  for (const char* rest :
       {R"("connectorId":1,"duration":0)", R"("connectorId":1,"duration":-5)",
        R"("connectorId":9,"duration":60)", R"("connectorId":-1,"duration":60)"}) {
    CAPTURE(rest);
    CHECK(world.call("GetCompositeSchedule", std::string("{") + rest + "}") == "Rejected");
  }
}

TEST_CASE_FIXTURE(Online, "a key whose name is longer than any is unknown") {
  std::string name;  // 50 characters of two bytes each
  for (int i = 0; i < 50; ++i) name += "\xC3\xA4";
  const std::string answer =
      world.call_frame("GetConfiguration", R"({"key":["HeartbeatInterval",")" + name + "\"]}");
  CHECK(contains(answer, "\"unknownKey\":[\"" + name + "\"]"));
  CHECK(contains(answer, "HeartbeatInterval"));
}

// Rules: R-5.3-4
TEST_CASE_FIXTURE(Online, "a list longer than its MaxLength key says is refused") {
  const char* measurands[] = {"Energy.Active.Import.Register",
                              "Energy.Active.Import.Interval",
                              "Power.Active.Import",
                              "Power.Offered",
                              "Current.Import",
                              "Current.Import.L1",
                              "Current.Import.L2",
                              "Current.Import.L3",
                              "Current.Offered",
                              "Voltage",
                              "Voltage.L1-N",
                              "Voltage.L2-N",
                              "Voltage.L3-N"};
  for (const std::string key : {"StopTxnSampledData", "StopTxnAlignedData"}) {
    const auto most =
        static_cast<size_t>(std::stoi(world.configuration((key + "MaxLength").c_str())));
    REQUIRE(most < sizeof measurands / sizeof measurands[0]);
    std::string list;
    for (size_t i = 0; i < most; ++i) list += (i == 0 ? "" : ",") + std::string(measurands[i]);
    CHECK(change(key, list) == "Accepted");
    CHECK(change(key, list + "," + measurands[most]) == "Rejected");
    CHECK(world.configuration(key.c_str()) == list);
  }
}

TEST_CASE("a trigger is for the connector that it names, and refused where there is none") {
  Online gateway(uint8_t{2});
  World& world = gateway.world;
  const auto trigger = [&world](const std::string& rest) {
    return world.call_frame("TriggerMessage", "{" + rest + "}");
  };
  CHECK(contains(trigger(R"("requestedMessage":"MeterValues","connectorId":2)"), "Accepted"));
  world.run_for(5000);
  REQUIRE(gateway.calls_of("MeterValues").size() == 1);
  CHECK(contains(gateway.calls_of("MeterValues")[0], "\"connectorId\":2"));
  CHECK(contains(trigger(R"("requestedMessage":"MeterValues","connectorId":3)"), "Rejected"));
  CHECK(contains(trigger(R"("requestedMessage":"Weather")"), "NotImplemented"));
  CHECK(contains(trigger(R"("requestedMessage":"Heartbeat","connectorId":"one")"),
                 "TypeConstraintViolation"));
  CHECK(world.problems() == "");
}

TEST_CASE_FIXTURE(Online, "a vendor message that is too long is refused, the longest is sent") {
  const auto send = [this](const std::string& vendor, const std::string& message,
                           const std::string& data) {
    return world.charge_point->send_data_transfer(common::TextSpan(vendor.data(), vendor.size()),
                                                  common::TextSpan(message.data(), message.size()),
                                                  common::TextSpan(data.data(), data.size()),
                                                  world.now());
  };
  CHECK(send("", "", "") == Status::kNoSpace);
  CHECK(send(std::string(256, 'v'), "", "") == Status::kNoSpace);
  CHECK(send("v", std::string(51, 'm'), "") == Status::kNoSpace);
  CHECK(send("v", "", std::string(limits::kDataTransferBytes, 'd')) == Status::kNoSpace);
  // Characters that need six each.
  CHECK(send("v", "", std::string(limits::kDataTransferBytes - 1, '\x01')) == Status::kOk);
  world.run_for(1000);
  REQUIRE(calls_of("DataTransfer").size() == 1);
  CHECK(calls_of("DataTransfer")[0].size() > 6 * (limits::kDataTransferBytes - 1));
  CHECK(world.problems() == "");
}

TEST_CASE("the composite schedule counts the phases that a wallbox may use") {
  World::Setup setup;
  setup.wallbox.capabilities.can_switch_phases = true;
  Online gateway(setup);
  CHECK(gateway.set_profile(1, 1, 0, "TxDefaultProfile", "Relative",
                            R"("chargingRateUnit":"W","chargingSchedulePeriod":)"
                            R"([{"startPeriod":0,"limit":2300,"numberPhases":1}])") == "Accepted");
  gateway.charge();
  const std::string frame = gateway.world.call_frame(
      "GetCompositeSchedule", R"({"connectorId":1,"duration":60,"chargingRateUnit":"A"})");
  CHECK(contains(frame, "\"limit\":10"));
  CHECK(contains(frame, "\"numberPhases\":1"));
  CHECK(gateway.world.problems() == "");
}
