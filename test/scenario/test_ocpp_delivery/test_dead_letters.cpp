// Purpose:       What the CSMS refused for good: kept, told, sent once more on request, forgotten on request.
// Given:         A gateway in virtual time that gives a message up at the first CALLERROR.
// Steps:         See each case.
// Pass criteria: Nothing goes out that was not asked for, nothing is forgotten that was not delivered or cleared.
// Spec:          OCPP 1.6 ed. 2, 3.7.1, 4.10.
#include "ocpp_world/online.hpp"

using common::Status;
using ocpp_world::contains;

namespace {

struct Refused : ocpp_world::Online {
  Refused() { CHECK(change("TransactionMessageAttempts", "1") == "Accepted"); }

  void session(const char* id_tag, int64_t charging_ms = 65000) {
    charge(1, id_tag);
    world.run_for(charging_ms);
    world.tag(id_tag);
    world.run_for(12000);
    world.charger.unplug(1);
    world.run_for(5000);
  }
  Status resend() { return world.charge_point->resend_dead_letters(); }
  size_t letters() const { return world.charge_point->dead_letters(); }
  int stops() { return world.csms.received["StopTransaction"]; }
};

}  // namespace

TEST_CASE_FIXTURE(Refused, "a dead letter tells what it was, of which transaction and when") {
  world.csms.faults.call_error["StopTransaction"] = 1;
  const common::UtcTime before = world.charge_point->utc(world.now());
  session("ALICE");
  REQUIRE(letters() == 1);
  ocpp::DeadLetter letter;
  REQUIRE(world.charge_point->dead_letter(0, letter) == Status::kOk);
  CHECK(letter.type == ocpp::RecordType::kStop);
  CHECK(letter.reason == ocpp::DeadLetterReason::kCallError);
  CHECK(letter.has_transaction_id);
  CHECK(letter.transaction_id == world.csms.transactions.at(0).id);
  const common::UtcTime at = world.charge_point->utc(letter.stop.time);
  CHECK(at > before);
  CHECK(at < world.charge_point->utc(world.now()));
  CHECK(world.charge_point->dead_letter(1, letter) == Status::kNotFound);
}

TEST_CASE_FIXTURE(Refused, "letters are sent once more only online, and not twice at a time") {
  CHECK(resend() == Status::kNotFound);
  world.csms.faults.call_error["StopTransaction"] = 1;
  session("ALICE");
  world.disconnect();
  CHECK(resend() == Status::kInvalidState);
  world.connect();
  world.run_for(5000);
  world.csms.faults.delay_ms = 3000;
  CHECK(resend() == Status::kOk);
  world.run_for(1000);
  CHECK(resend() == Status::kAgain);
  world.run_for(10000);
  CHECK(letters() == 0);
  CHECK(world.csms.transactions.at(0).stops == 1);
  CHECK(world.problems() == "");
}

TEST_CASE_FIXTURE(Refused, "a letter that is refused again, or not answered, is kept") {
  world.csms.faults.call_error["StopTransaction"] = 2;
  world.csms.faults.call_error["MeterValues"] = 1;
  session("ALICE");
  REQUIRE(letters() == 2);
  CHECK(resend() == Status::kOk);
  world.run_for(5000);
  CHECK(letters() == 1);  // the meter values were taken
  world.csms.faults.ignore["StopTransaction"] = 1;
  CHECK(resend() == Status::kOk);
  world.run_for(60000);
  CHECK(letters() == 1);
  // The link goes before the answer comes.
  world.csms.faults.delay_ms = 5000;
  CHECK(resend() == Status::kOk);
  world.run_for(1000);
  world.disconnect();
  world.run_for(1000);
  world.connect();
  world.csms.faults.delay_ms = 10;
  world.run_for(10000);
  CHECK(letters() == 1);
  CHECK(resend() == Status::kOk);
  world.run_for(5000);
  CHECK(letters() == 0);
}

TEST_CASE_FIXTURE(Refused, "what waits goes out before letters do") {
  world.csms.faults.call_error["StopTransaction"] = 1;
  session("ALICE");
  world.charge_point->set_configuration(common::text("AllowOfflineTxForUnknownId"),
                                        common::text("true"), world.now());
  world.disconnect();
  plug();
  world.tag("BOB");
  world.run_for(60000);
  world.connect();
  world.csms.faults.delay_ms = 1000;
  REQUIRE(world.run_until([&] { return world.csms.received["StatusNotification"] > 0; }, 5000));
  while (resend() == Status::kInvalidState) world.run_for(100);
  world.run_for(20000);
  const auto& calls = world.csms.calls;
  size_t start = 0;
  size_t stop = 0;
  for (size_t i = 0; i < calls.size(); ++i) {
    if (contains(calls[i], "StartTransaction {") && contains(calls[i], "BOB")) start = i;
    if (contains(calls[i], "StopTransaction {")) stop = i;
  }
  CHECK(start > 0);
  CHECK(stop > start);
  CHECK(letters() == 0);
  CHECK(world.problems() == "");
}

TEST_CASE_FIXTURE(Refused,
                  "values of no transaction are no use to the CSMS later and stay letters") {
  CHECK(change("MeterValuesAlignedData", "Energy.Active.Import.Register") == "Accepted");
  CHECK(change("ClockAlignedDataInterval", "60") == "Accepted");
  world.csms.faults.call_error["MeterValues"] = 1;
  REQUIRE(world.run_until([&] { return letters() == 1; }, 130000));
  CHECK(change("ClockAlignedDataInterval", "0") == "Accepted");
  world.run_for(1000);
  const int before = world.csms.received["MeterValues"];
  CHECK(resend() == Status::kOk);
  world.run_for(5000);
  CHECK(world.csms.received["MeterValues"] == before);
  CHECK(letters() == 1);
}

TEST_CASE_FIXTURE(Refused, "more letters than fit into one round go out in the next") {
  CHECK(change("MeterValueSampleInterval", "5") == "Accepted");
  world.csms.faults.call_error["MeterValues"] = 40;
  session("ALICE", 220000);
  REQUIRE(letters() == 40);
  CHECK(resend() == Status::kOk);
  world.run_for(10000);
  CHECK(letters() == 8);
  CHECK(world.charge_point->pending_messages() == 0);
  CHECK(resend() == Status::kOk);
  world.run_for(10000);
  CHECK(letters() == 0);
}

// Rules: FP-8
TEST_CASE_FIXTURE(Refused, "letters that the flash does not let go are there for the next time") {
  world.csms.faults.call_error["StopTransaction"] = 2;
  session("ALICE");
  session("BOB");
  REQUIRE(letters() == 2);
  const int before = stops();
  world.csms.faults.call_error["StopTransaction"] = 1;  // one of the two stays
  world.csms.faults.delay_ms = 500;
  CHECK(resend() == Status::kOk);
  REQUIRE(world.run_until([&] { return stops() == before + 2; }, 5000));
  world.power.fail_accesses(world.power.accesses(), UINT64_MAX);
  world.run_for(5000);
  world.power.fail_accesses(UINT64_MAX, 0);
  CHECK(letters() == 2);
  CHECK(resend() == Status::kOk);
  world.run_for(5000);
  CHECK(letters() == 0);
  for (const auto& transaction : world.csms.transactions) CHECK(transaction.stops >= 1);
}

TEST_CASE("without readable records there are no letters to send") {
  ocpp_world::World world;
  world.files.set_reads_fail(true);
  world.start();
  CHECK(world.charge_point->resend_dead_letters() == Status::kInvalidState);
  ocpp::DeadLetter letter;
  CHECK(world.charge_point->dead_letter(0, letter) == Status::kInvalidState);
  CHECK(world.charge_point->clear_dead_letters() == Status::kInvalidState);
}

// Rules: FP-8
TEST_CASE_FIXTURE(Refused,
                  "a message that cannot be given up because of the flash is tried again") {
  plug();
  world.csms.faults.call_error["StartTransaction"] = 1;
  world.csms.faults.delay_ms = 2000;
  world.tag("ALICE");
  REQUIRE(world.run_until([&] { return world.csms.received["StartTransaction"] == 1; }, 30000));
  world.power.fail_accesses(world.power.accesses(), UINT64_MAX);
  world.run_for(3000);
  world.power.fail_accesses(UINT64_MAX, 0);
  world.csms.faults.delay_ms = 10;
  world.run_for(70000);  // after the TransactionMessageRetryInterval, 60 s
  CHECK(letters() == 0);
  CHECK(world.csms.received["StartTransaction"] == 2);
  CHECK(status() == "Charging");
}
