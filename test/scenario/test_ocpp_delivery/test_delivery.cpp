// Purpose:       Transaction messages reach the CSMS once, in order and whole, whatever the link
// and the CSMS do. Given:         A gateway in virtual time and a model CSMS that loses answers,
// errs, or is away. Steps:         See each case. Pass criteria: No transaction is lost or doubled
// in the CSMS's books; only CALLERRORs count as attempts. Spec:          OCPP 1.6 ed. 2, 3.7,
// 3.7.1, 9.1.31, 9.1.32; errata 3.18; OCPP-J 1.6, 4.1; OCPP-J errata 3.1, 3.3.
#include "doctest_main/doctest_main.hpp"
#include "ocpp_world/world.hpp"

using ocpp_world::World;

namespace {

/// A gateway whose tags work offline too.
struct Fixture {
  World world;

  Fixture() {
    world.start();
    set("AllowOfflineTxForUnknownId", "true");
  }
  void set(const char* key, const char* value) {
    REQUIRE(world.charge_point->set_configuration(common::text(key), common::text(value),
                                                  world.now()) ==
            ocpp::ConfigurationStatus::Accepted);
  }
  void session(const char* id_tag, int64_t charging_ms) {
    world.charger.plug(1);
    world.run_for(3000);
    world.tag(id_tag);
    world.run_for(charging_ms);
    world.tag(id_tag);
    world.run_for(12000);
    world.charger.unplug(1);
    world.run_for(3000);
  }
  std::vector<std::string> calls_of(const std::string& action) const {
    std::vector<std::string> found;
    for (const std::string& call : world.csms.calls) {
      if (call.compare(0, action.size() + 1, action + " ") == 0) found.push_back(call);
    }
    return found;
  }
};

}  // namespace

// Rules: R-3.7-1 R-3.7-2 R-3.5.4-4 R-7.31-1 FP-10 FP-11 FP-15
TEST_CASE_FIXTURE(Fixture, "sessions of a day offline are replayed in order with their own times") {
  world.disconnect();
  session("ALICE", 3 * 3600 * 1000);
  session("BOB", 2 * 3600 * 1000);
  session("CAROL", 60 * 1000);
  CHECK(world.charge_point->pending_messages() > 300);
  world.connect();
  REQUIRE(world.run_until([&] { return world.charge_point->pending_messages() == 0; }, 60000));
  REQUIRE(world.csms.transactions.size() == 3);
  int64_t register_wh = 0;
  for (const auto& transaction : world.csms.transactions) {
    CHECK(transaction.starts == 1);
    CHECK(transaction.stops == 1);
    CHECK(transaction.meter_start == register_wh);
    register_wh = transaction.meter_stop;
  }
  CHECK(register_wh == world.charger.energy_wh(1));
  CHECK(world.csms.transactions[0].meter_values == 180);
  CHECK(world.csms.transactions[0].id_tag == "ALICE");
  CHECK(world.csms.transactions[0].stopped < world.csms.transactions[1].started);
  CHECK(world.problems() == "");
}

// Rules: R-3.7-2 R-3.7-1 R-4.10-1
TEST_CASE_FIXTURE(Fixture, "a transaction that began online and ended offline is finished later") {
  world.charger.plug(1);
  world.run_for(3000);
  world.tag("ALICE");
  world.run_for(90000);
  world.disconnect();
  world.run_for(10 * 60000);
  world.tag("ALICE");
  world.run_for(20000);
  CHECK(world.charger.current_ma(1) == 0);
  world.connect();
  world.run_for(10000);
  REQUIRE(world.csms.transactions.size() == 1);
  CHECK(world.csms.transactions[0].stops == 1);
  CHECK(world.csms.transactions[0].meter_values == 11);
  CHECK(world.csms.transactions[0].meter_stop == world.charger.energy_wh(1));
  CHECK(world.problems() == "");
}

// Rules: R-3.7.1-1 J-4.1.4-1 FP-5 FP-11
TEST_CASE_FIXTURE(Fixture,
                  "an answer that is lost makes the same message go out again, with a new id") {
  world.csms.faults.ignore["StartTransaction"] = 2;
  world.csms.faults.ignore["StopTransaction"] = 1;
  session("ALICE", 5 * 60000);
  REQUIRE(world.run_until([&] { return world.charge_point->pending_messages() == 0; }, 300000));
  REQUIRE(world.csms.transactions.size() == 1);
  CHECK(world.csms.transactions[0].starts == 3);
  CHECK(world.csms.transactions[0].stops == 2);
  for (const char* action : {"StartTransaction", "StopTransaction"}) {
    const std::vector<std::string> sent = calls_of(action);
    for (const std::string& call : sent) CHECK(call == sent[0]);
  }
  CHECK(world.problems() == "");
}

// Rules: R-3.7-4 R-4.7-3 FP-12
TEST_CASE_FIXTURE(Fixture,
                  "meter values wait until the start is answered and carry its transaction id") {
  world.csms.faults.ignore["StartTransaction"] = 3;  // 3 x MessageTimeout
  world.charger.plug(1);
  world.run_for(3000);
  world.tag("ALICE");
  world.run_for(85000);
  CHECK(world.csms.received["StartTransaction"] == 3);
  CHECK(world.csms.received["MeterValues"] == 0);
  world.run_for(30000);
  CHECK(world.csms.received["MeterValues"] >= 1);
  CHECK(world.csms.transactions[0].meter_values >= 1);
  CHECK(world.problems() == "");
}

TEST_CASE_FIXTURE(Fixture,
                  "meter values are repeated as they were although the measurands have changed") {
  world.charger.plug(1);
  world.run_for(3000);
  world.tag("ALICE");
  world.run_for(3000);
  world.csms.faults.ignore["MeterValues"] = 1;
  world.run_for(61000);
  REQUIRE(world.csms.received["MeterValues"] == 1);
  set("MeterValuesSampledData", "Energy.Active.Import.Register");
  world.run_for(40000);
  const std::vector<std::string> sent = calls_of("MeterValues");
  REQUIRE(sent.size() >= 2);
  CHECK(sent[1] == sent[0]);
  CHECK(sent[0].find("Voltage") != std::string::npos);
}

// Rules: R-3.7.1-1 FP-10
TEST_CASE_FIXTURE(Fixture,
                  "timeouts never count as attempts: after a day without answers nothing is lost") {
  world.csms.faults.is_mute = true;
  world.disconnect();
  session("ALICE", 60000);
  world.connect();
  world.run_for(86400LL * 1000);
  CHECK(world.csms.received["StartTransaction"] > 1000);
  CHECK(world.charge_point->dead_letters() == 0);
  world.csms.faults.is_mute = false;
  world.run_for(120000);
  CHECK(world.charge_point->pending_messages() == 0);
  REQUIRE(world.csms.transactions.size() == 1);
  CHECK(world.csms.transactions[0].stops == 1);
}

// Rules: R-9.1.83-1 J-4.1.1-3 J-4.1.1-1
TEST_CASE_FIXTURE(Fixture,
                  "one message that is never answered does not keep the others from going out") {
  world.csms.faults.ignore["StatusNotification"] = 1;
  world.charger.plug(1);
  world.run_for(3000);
  world.tag("ALICE");
  world.run_for(31000);  // MessageTimeout
  world.run_for(60000);
  CHECK(world.csms.received["Authorize"] == 1);
  CHECK(world.csms.transactions.size() == 1);
}

// Rules: R-3.7.1-1 R-3.7.1-2 R-3.7.1-3 R-3.7.1-4 J-4.2.3-3 FP-10
TEST_CASE_FIXTURE(
    Fixture, "a CALLERROR is tried again after interval x attempts, then kept as dead letter") {
  set("TransactionMessageAttempts", "3");
  set("TransactionMessageRetryInterval", "10");
  world.charger.plug(1);
  world.run_for(3000);
  world.tag("ALICE");
  world.run_for(30000);
  world.csms.faults.call_error["StopTransaction"] = 100;
  world.tag("ALICE");
  world.run_for(5000);
  CHECK(world.csms.received["StopTransaction"] == 1);
  world.run_for(8000);  // after 10 s
  CHECK(world.csms.received["StopTransaction"] == 2);
  world.run_for(15000);
  CHECK(world.csms.received["StopTransaction"] == 2);
  world.run_for(8000);  // after another 20 s
  CHECK(world.csms.received["StopTransaction"] == 3);
  world.run_for(120000);
  CHECK(world.csms.received["StopTransaction"] == 3);
  CHECK(world.charge_point->pending_messages() == 0);
  CHECK(world.charge_point->dead_letters() == 1);
  // The next session is not held up.
  world.csms.faults.call_error.clear();
  world.charger.unplug(1);
  world.run_for(3000);
  session("BOB", 60000);
  CHECK(world.csms.transactions.size() == 2);
  CHECK(world.csms.transactions[1].stops == 1);
}

// Rules: R-3.7.1-2 R-3.7.1-3
TEST_CASE_FIXTURE(Fixture, "what cannot be given up for lack of flash is tried again in its time") {
  set("TransactionMessageAttempts", "1");
  set("TransactionMessageRetryInterval", "60");
  world.csms.faults.call_error["StopTransaction"] = 1000;
  session("ALICE", 60000);
  CHECK(world.charge_point->dead_letters() == 1);
  world.charger.plug(1);
  world.run_for(3000);
  world.tag("BOB");
  world.run_for(30000);
  world.csms.received.clear();
  world.csms.faults.delay_ms = 1000;
  world.tag("BOB");
  world.run_for(1200);
  world.files.set_capacity(0);
  world.run_for(600'000);
  CHECK(world.csms.received["StopTransaction"] >= 5);
  CHECK(world.csms.received["StopTransaction"] <= 12);
  world.files.set_capacity(4 * 1024 * 1024);
  world.run_for(70000);
  CHECK(world.charge_point->dead_letters() == 2);
  CHECK(world.charge_point->pending_messages() == 0);
}

// Rules: R-3.7.1-2 J-4.2.3-3 FP-10
TEST_CASE_FIXTURE(Fixture, "a CALLERROR that passes is no loss") {
  set("TransactionMessageRetryInterval", "5");
  world.csms.faults.call_error["StartTransaction"] = 2;
  world.csms.faults.call_error["StopTransaction"] = 2;
  session("ALICE", 60000);
  world.run_for(60000);
  CHECK(world.charge_point->dead_letters() == 0);
  CHECK(world.csms.transactions.size() == 1);
  CHECK(world.csms.transactions[0].stops == 1);
  CHECK(world.problems() == "");
}

// Rules: R-4.8-4 R-3.7.1-4 FP-12
TEST_CASE_FIXTURE(Fixture, "after a start that was given up its messages carry transaction id -1") {
  set("TransactionMessageAttempts", "1");
  set("StopTransactionOnInvalidId", "false");
  world.csms.faults.call_error["StartTransaction"] = 1;
  session("ALICE", 90000);
  world.run_for(10000);
  const std::vector<std::string> stops = calls_of("StopTransaction");
  REQUIRE(stops.size() == 1);
  CHECK(stops[0].find("\"transactionId\":-1") != std::string::npos);
  CHECK(world.charge_point->pending_messages() == 0);
  CHECK(world.charge_point->dead_letters() == 1);
}

// Rules: R-3.7.1-4
TEST_CASE_FIXTURE(Fixture, "what the CSMS refused for good can be sent once more, and only once") {
  set("TransactionMessageAttempts", "1");
  world.csms.faults.call_error["StopTransaction"] = 2;
  session("ALICE", 60000);
  session("BOB", 60000);
  world.run_for(5000);
  REQUIRE(world.charge_point->dead_letters() == 2);
  CHECK(world.csms.transactions[0].stops == 0);
  // Refused again: it stays.
  world.csms.faults.call_error["StopTransaction"] = 1;
  CHECK(world.charge_point->resend_dead_letters() == common::Status::kOk);
  CHECK(world.charge_point->resend_dead_letters() == common::Status::kAgain);
  world.run_for(5000);
  CHECK(world.charge_point->dead_letters() == 1);
  CHECK(world.csms.transactions[0].stops == 0);
  CHECK(world.csms.transactions[1].stops == 1);
  (void)world.restart(platform::ResetCause::kPowerOn);
  CHECK(world.charge_point->dead_letters() == 1);
  CHECK(world.charge_point->resend_dead_letters() == common::Status::kInvalidState);
  world.connect();
  world.run_for(5000);
  CHECK(world.charge_point->resend_dead_letters() == common::Status::kOk);
  world.run_for(5000);
  CHECK(world.charge_point->dead_letters() == 0);
  CHECK(world.csms.transactions[0].stops == 1);
  CHECK(world.csms.transactions[1].stops == 1);
  CHECK(world.charge_point->resend_dead_letters() == common::Status::kNotFound);
  CHECK(world.problems() == "");
}

// Rules: R-4.8-4
TEST_CASE_FIXTURE(Fixture,
                  "a start that was refused for good is not sent again, but can be cleared") {
  set("TransactionMessageAttempts", "1");
  world.csms.faults.call_error["StartTransaction"] = 1;
  session("ALICE", 60000);
  world.run_for(5000);
  REQUIRE(world.charge_point->dead_letters() == 1);
  const int starts = world.csms.received["StartTransaction"];
  CHECK(world.charge_point->resend_dead_letters() == common::Status::kOk);
  world.run_for(5000);
  CHECK(world.csms.received["StartTransaction"] == starts);
  CHECK(world.charge_point->dead_letters() == 1);
  ocpp::DeadLetter letter;
  REQUIRE(world.charge_point->dead_letter(0, letter) == common::Status::kOk);
  CHECK(letter.type == ocpp::RecordType::kStart);
  CHECK(world.charge_point->clear_dead_letters() == common::Status::kOk);
  CHECK(world.charge_point->dead_letters() == 0);
}

// Rules: PD-1 PD-2 FP-5 J-4.1.4-2
TEST_CASE_FIXTURE(Fixture, "an answer with a foreign id changes nothing") {
  world.csms.faults.ignore["StartTransaction"] = 1;
  world.charger.plug(1);
  world.run_for(3000);
  world.tag("ALICE");
  world.run_for(5000);
  world.csms.send(R"([3,"someone-else",{"transactionId":5,"idTagInfo":{"status":"Accepted"}}])",
                  world.now());
  world.csms.send(R"([3,null,{"transactionId":5,"idTagInfo":{"status":"Accepted"}}])", world.now());
  world.csms.send(R"([4,"someone-else","InternalError","",{}])", world.now());
  world.run_for(2000);
  ocpp::TransactionView view;
  REQUIRE(world.charge_point->open_transaction(1, view));
  CHECK(!view.has_transaction_id);
  world.run_for(40000);
  REQUIRE(world.charge_point->open_transaction(1, view));
  CHECK(view.transaction_id == 1000);
}

// Rules: J-4.1.1-2 FP-5
TEST_CASE_FIXTURE(Fixture, "a CALL of the CSMS is answered while one of ours is open") {
  world.csms.faults.ignore["Heartbeat"] = 1;
  CHECK(world.call("TriggerMessage", R"({"requestedMessage":"Heartbeat"})") == "Accepted");
  world.run_for(1000);
  CHECK(world.call("ChangeConfiguration", R"({"key":"ConnectionTimeOut","value":"31"})") ==
        "Accepted");
}

// Rules: J-4.1.4-2 J-4.2.2-1
TEST_CASE_FIXTURE(Fixture, "several CALLs at once are all answered, in order") {
  std::vector<std::string> ids;
  for (int i = 0; i < 12; ++i) {
    ids.push_back(world.csms.call(
        "ChangeConfiguration",
        R"({"key":"ConnectionTimeOut","value":")" + std::to_string(30 + i) + "\"}", world.now()));
  }
  ids.push_back(world.csms.call("GetConfiguration", "{}", world.now()));
  ids.push_back(world.csms.call("GetConfiguration", "{}", world.now()));
  world.run_for(2000);
  for (const std::string& id : ids) {
    CHECK(world.csms.answers.count(id) == 1);
    CHECK(world.csms.answers[id].compare(0, 3, "[3,") == 0);
  }
  CHECK(world.configuration("ConnectionTimeOut") == "41");
  CHECK(world.problems() == "");
}

// Rules: FP-15
TEST_CASE_FIXTURE(Fixture, "without a clock transactions wait for the time and never tell 1970") {
  (void)world.restart(platform::ResetCause::kPowerOn);
  set("AllowOfflineTxForUnknownId", "true");
  session("ALICE", 10 * 60000);
  world.run_for(3600 * 1000);
  world.connect();
  world.run_for(30000);
  REQUIRE(world.csms.transactions.size() == 1);
  const auto& transaction = world.csms.transactions[0];
  const common::UtcTime now = world.charge_point->utc(world.now());
  CHECK(now - transaction.started > 70 * 60000);
  CHECK(now - transaction.started < 75 * 60000);
  CHECK(transaction.stopped - transaction.started > 9 * 60000);
  CHECK(world.problems() == "");
}

// Rules: FP-8 FP-14
TEST_CASE_FIXTURE(
    Fixture,
    "a record that cannot be stored means no power, a stop that cannot be stored is kept") {
  world.charger.plug(1);
  world.run_for(3000);
  world.files.fail_next_append(common::Status::kIo, 3);
  world.tag("ALICE");
  world.run_for(10000);
  CHECK(world.charger.current_ma(1) == 0);
  CHECK(world.csms.transactions.empty());
  world.tag("ALICE");
  world.run_for(60000);
  CHECK(world.charger.current_ma(1) == 16000);
  world.files.fail_next_append(common::Status::kIo, 3);
  world.tag("ALICE");
  world.run_for(20000);
  REQUIRE(world.csms.transactions.size() == 1);
  CHECK(world.csms.transactions[0].stops == 1);
  CHECK(world.csms.transactions[0].meter_stop == world.charger.energy_wh(1));
}

// Rules: FP-11
TEST_CASE_FIXTURE(Fixture,
                  "an answer that cannot be stored does not make the message go out twice") {
  world.charger.plug(1);
  world.run_for(3000);
  world.csms.faults.delay_ms = 2000;
  world.tag("ALICE");
  REQUIRE(world.run_until([&] { return world.csms.received["StartTransaction"] == 1; }, 10000));
  world.files.fail_next_append(common::Status::kIo, 0);
  world.run_for(120000);
  CHECK(world.csms.received["StartTransaction"] == 1);
  CHECK(world.csms.transactions[0].meter_values >= 1);
}

// Rules: FP-11
TEST_CASE_FIXTURE(Fixture, "an answer is stored as soon as there is room, connected or not") {
  world.charger.plug(1);
  world.run_for(3000);
  world.csms.faults.delay_ms = 2000;
  world.tag("ALICE");
  REQUIRE(world.run_until([&] { return world.csms.received["StartTransaction"] == 1; }, 10000));
  world.files.set_capacity(0);
  world.run_for(2500);
  world.disconnect();
  world.run_for(30000);
  // Nothing else is due that soon.
  const common::Instant next = world.charge_point->step(world.now());
  CHECK(next > world.now());
  CHECK(next <= world.now() + 1000);
  world.files.set_capacity(4 * 1024 * 1024);
  world.run_for(1500);
  (void)world.restart(platform::ResetCause::kPowerOn);
  world.connect();
  world.run_for(60000);
  CHECK(world.csms.received["StartTransaction"] == 1);
}

// Rules: FP-8
TEST_CASE_FIXTURE(Fixture, "an answer that is stored only later still takes effect") {
  for (const std::string status : {"Blocked", "Accepted"}) {
    CAPTURE(status);
    const size_t before = world.csms.transactions.size();
    const int starts = world.csms.received["StartTransaction"];
    world.csms.id_tags["LATE"] = status;
    world.csms.faults.delay_ms = 2000;
    world.charger.plug(1);
    world.run_for(3000);
    CHECK(world.call("RemoteStartTransaction", R"({"idTag":"LATE","connectorId":1})") ==
          "Accepted");
    REQUIRE(
        world.run_until([&] { return world.csms.received["StartTransaction"] > starts; }, 10000));
    world.files.fail_next_append(common::Status::kIo, 0);
    world.run_for(60000);
    REQUIRE(world.csms.transactions.size() == before + 1);
    if (status == "Accepted") {
      CHECK(world.call("RemoteStopTransaction",
                       R"({"transactionId":)" + std::to_string(world.csms.transactions.back().id) +
                           "}") == "Accepted");
      world.run_for(30000);
      CHECK(world.csms.transactions.back().reason == "Remote");
    } else {
      CHECK(world.csms.transactions.back().reason == "DeAuthorized");
    }
    CHECK(world.charger.current_ma(1) == 0);
    CHECK(world.csms.transactions.back().starts == 1);
    world.charger.unplug(1);
    world.run_for(20000);
  }
}
