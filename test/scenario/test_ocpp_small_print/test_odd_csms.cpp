// Purpose:       A CSMS whose answers are odd: another time than it is, acceptance taken back, unreadable answers to
//                messages that matter little.
// Given:         A gateway in virtual time and a model CSMS.
// Steps:         See each case.
// Pass criteria: Nothing is lost, nothing is told with an impossible time, the gateway works on.
// Spec:          OCPP 1.6 ed. 2, 4.2, 4.3, 4.10, 5.17.
#include "ocpp_world/online.hpp"

using ocpp_world::contains;
using ocpp_world::Online;
using ocpp_world::World;
using Mangle = ocpp_world::ModelCsms::Mangle;

// Rules: FP-15
TEST_CASE(
    "transactions wait while the CSMS tells an impossible time, and go out with the right one") {
  World world;
  world.csms.utc_at_zero = common::UtcTime{1'000'000'000'000};  // 2001
  world.csms.interval_s = 60;
  world.start();
  CHECK_FALSE(world.charge_point->utc(world.now()).is_known());
  CHECK(world.csms.last_status(1) == "Available");
  CHECK(world.call("ChangeConfiguration", R"({"key":"ClockAlignedDataInterval","value":"60"})") ==
        "Accepted");
  world.charger.plug(1);
  world.run_for(3000);
  world.tag("ALICE");
  CHECK(world.run_until([&] { return world.csms.last_status(1) == "Charging"; }, 20000));
  CHECK(world.call("TriggerMessage", R"({"requestedMessage":"MeterValues","connectorId":1})") ==
        "Accepted");
  // Neither reservations nor a composite schedule make sense without the time.
  CHECK(world.call("ReserveNow", R"({"connectorId":1,"idTag":"ALICE","reservationId":5,)"
                                 R"("expiryDate":"2030-01-01T00:00:00Z"})") == "Rejected");
  CHECK(world.call("GetCompositeSchedule", R"({"connectorId":1,"duration":60})") == "Rejected");
  world.run_for(130000);
  CHECK(world.csms.received["StartTransaction"] == 0);
  CHECK(world.csms.received["MeterValues"] == 0);
  for (const auto& status : world.csms.calls) CHECK(!contains(status, "1970-"));
  const int64_t started_ago_ms = 130000;
  world.csms.utc_at_zero = common::UtcTime{1'800'000'000'000};
  REQUIRE(world.run_until([&] { return world.charge_point->pending_messages() == 0; }, 120000));
  REQUIRE(world.csms.transactions.size() == 1);
  const common::UtcTime now = world.charge_point->utc(world.now());
  CHECK(now - world.csms.transactions[0].started >= started_ago_ms);
  CHECK(world.problems() == "");
}

// Rules: R-4.2-8 R-4.2-12
TEST_CASE(
    "a CSMS that takes its acceptance back hears nothing but BootNotification until it accepts") {
  World unconnected;
  (void)unconnected.boot();
  CHECK(to_string(unconnected.charge_point->registration()) == std::string("unregistered"));
  Online gateway;
  World& world = gateway.world;
  for (const std::string state : {"Rejected", "Pending"}) {
    CAPTURE(state);
    CHECK(to_string(world.charge_point->registration()) == std::string("accepted"));
    world.csms.registration = state;
    world.csms.interval_s = 20;
    CHECK(world.call("TriggerMessage", R"({"requestedMessage":"BootNotification"})") == "Accepted");
    world.run_for(2000);
    CHECK(to_string(world.charge_point->registration()) ==
          std::string(state == "Pending" ? "pending" : "rejected"));
    const size_t before = world.csms.calls.size();
    world.charger.plug(1);
    world.run_for(60000);
    for (size_t i = before; i < world.csms.calls.size(); ++i)
      CHECK(contains(world.csms.calls[i], "BootNotification"));
    CHECK(world.csms.calls.size() > before);
    world.csms.registration = "Accepted";
    world.run_for(30000);
    CHECK(gateway.status() == "Preparing");
    world.charger.unplug(1);
    CHECK(gateway.wait("Available"));
  }
  CHECK(world.problems() == "");
}

TEST_CASE("an answer to a vendor message that makes no sense is told as none") {
  Online gateway;
  World& world = gateway.world;
  world.csms.faults.mangle["DataTransfer"] = {1, Mangle::kNoFields};
  REQUIRE(world.charge_point->send_data_transfer(common::text("com.example"), common::text(""),
                                                 common::text("x"),
                                                 world.now()) == common::Status::kOk);
  world.run_for(1000);
  bool is_told = false;
  for (const ocpp::Event& event : world.events) {
    if (event.type != ocpp::EventType::kDataTransferAnswered) continue;
    is_told = true;
    CHECK(event.key == nullptr);
  }
  CHECK(is_told);
  // And the next one works.
  CHECK(world.charge_point->send_data_transfer(common::text("com.example"), common::text(""),
                                               common::text("x"),
                                               world.now()) == common::Status::kOk);
  world.run_for(1000);
  CHECK(world.csms.received["DataTransfer"] == 2);
}

TEST_CASE("an answer to a stop that makes no sense is an answer all the same") {
  Online gateway;
  World& world = gateway.world;
  world.csms.tells_validity_at_stop = true;
  world.csms.faults.mangle["StopTransaction"] = {1, Mangle::kWrongTypes};
  gateway.charge();
  world.tag("04A1B2C3");
  world.run_for(30000);
  CHECK(world.csms.received["StopTransaction"] == 1);
  CHECK(world.charge_point->pending_messages() == 0);
  CHECK(world.problems() == "");
}

TEST_CASE("an answer that is no object counts as one that lacks everything") {
  Online gateway;
  World& world = gateway.world;
  world.csms.faults.mangle["StartTransaction"] = {1, Mangle::kArray};
  world.csms.faults.mangle["Heartbeat"] = {1, Mangle::kArray};
  CHECK(gateway.change("TransactionMessageRetryInterval", "5") == "Accepted");
  CHECK(world.call("TriggerMessage", R"({"requestedMessage":"Heartbeat"})") == "Accepted");
  gateway.charge();
  world.run_for(10000);
  CHECK(world.csms.received["StartTransaction"] == 2);
  CHECK(world.charge_point->pending_messages() == 0);
}

TEST_CASE("frames that come without a link, or faster than answers leave, do no harm") {
  Online gateway;
  World& world = gateway.world;
  const std::string frame =
      R"([2,"x","ChangeConfiguration",{"key":"ConnectionTimeOut","value":"77"}])";
  const auto receive = [&] {
    world.charge_point->receive(common::TextSpan(frame.data(), frame.size()), false, world.now());
  };
  for (int i = 0; i < 20; ++i) receive();
  CHECK_FALSE(world.charge_point->can_receive());
  size_t answers = 0;
  for (; !world.charge_point->next_to_send().empty(); ++answers)
    world.charge_point->on_sent(world.now());
  CHECK(answers == limits::kMaxOutboxFrames);
  CHECK(gateway.change("ConnectionTimeOut", "30") == "Accepted");
  world.disconnect();
  receive();
  world.run_for(1000);
  CHECK(world.configuration("ConnectionTimeOut") == "30");
  CHECK(world.charge_point->next_to_send().empty());
}

// Rules: R-5.3-3 R-5.3-4
TEST_CASE("values longer than any key takes are refused by what the key is") {
  Online gateway;
  std::string letters;  // 500 characters of two bytes each
  for (int i = 0; i < 500; ++i) letters += "\xC3\xA4";
  CHECK(gateway.change("ConnectionTimeOut", letters) == "Rejected");
  CHECK(gateway.change("NoSuchKey", letters) == "NotSupported");
  CHECK(gateway.world.configuration("ConnectionTimeOut") != letters);
  CHECK(gateway.world.problems() == "");
}
