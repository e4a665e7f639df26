// Purpose:       Meter values arrive when and as configured, and are repeated without change.
// Given:         A gateway in virtual time, a wallbox with a meter for three phases, a model CSMS.
// Steps:         See each case.
// Pass criteria: Times, contexts, measurands and transaction ids as the specification wants them.
// Spec:          OCPP 1.6 ed. 2, 3.16, 4.7, 4.10, 7.31, 7.43; errata 3.9, 3.14-3.16, 3.86, 3.91.
#include "doctest_main/doctest_main.hpp"
#include "ocpp_world/world.hpp"

using ocpp_world::World;

namespace {

struct Fixture {
  World world;

  Fixture() { world.start(); }
  void set(const char* key, const char* value) {
    REQUIRE(world.charge_point->set_configuration(common::text(key), common::text(value),
                                                  world.now()) ==
            ocpp::ConfigurationStatus::Accepted);
  }
  void begin_charging() {
    world.charger.plug(1);
    world.run_for(3000);
    world.tag("ALICE");
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

TEST_CASE_FIXTURE(Fixture, "meter values are the same after a restart and another configuration") {
  begin_charging();
  world.csms.faults.ignore["MeterValues"] = 1;
  REQUIRE(world.run_until([&] { return world.csms.received["MeterValues"] == 1; }, 62000));
  set("MeterValuesSampledData", "Power.Active.Import");
  REQUIRE(world.restart(platform::ResetCause::kSoftware, 2000) == common::Status::kOk);
  world.connect();
  REQUIRE(world.run_until([&] { return world.csms.received["MeterValues"] >= 2; }, 40000));
  const std::vector<std::string> sent = calls_of("MeterValues");
  CHECK(sent[1] == sent[0]);
  CHECK(sent[0].find("Voltage") != std::string::npos);
  CHECK(world.problems() == "");
}

namespace {

/// How often a text occurs.
size_t count_of(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

constexpr char kEnergyAndCurrent[] = "Energy.Active.Import.Register,Current.Import";

}  // namespace

// Rules: R-3.16.1-3 R-3.16.6-1 R-7.35-1 R-3.16-2 R-7.31-1 R-7.31-2
TEST_CASE_FIXTURE(Fixture, "the stop tells begin, samples and end of what is configured for it") {
  set("StopTxnSampledData", kEnergyAndCurrent);
  begin_charging();
  world.run_for(5 * 60000);
  world.tag("ALICE");
  REQUIRE(world.run_until([&] { return world.csms.received["StopTransaction"] == 1; }, 30000));
  const std::string stop = calls_of("StopTransaction")[0];
  CHECK(count_of(stop, "\"timestamp\"") == 1 + 7);
  CHECK(count_of(stop, "Transaction.Begin") == 4);
  CHECK(count_of(stop, "Transaction.End") == 4);
  CHECK(count_of(stop, "Sample.Periodic") == 5 * 4);
  CHECK(stop.find("Transaction.Begin") < stop.find("Sample.Periodic"));
  CHECK(stop.rfind("Sample.Periodic") < stop.find("Transaction.End"));
  CHECK(stop.find("Voltage") == std::string::npos);
  const std::string meter_stop = std::to_string(world.csms.transactions[0].meter_stop);
  CHECK(stop.find("{\"value\":\"" + meter_stop + "\",\"context\":\"Transaction.End\"") !=
        std::string::npos);
  CHECK(world.problems() == "");
}

// Rules: R-3.16.5-1 R-9.1.91-1
TEST_CASE_FIXTURE(Fixture, "without measurands configured for it the stop has no data") {
  begin_charging();
  world.run_for(2 * 60000);
  world.tag("ALICE");
  REQUIRE(world.run_until([&] { return world.csms.received["StopTransaction"] == 1; }, 30000));
  CHECK(calls_of("StopTransaction")[0].find("transactionData") == std::string::npos);
  CHECK(world.problems() == "");
}

// Rules: R-3.16.2-3 R-3.16.2-1 R-3.16.6-1
TEST_CASE_FIXTURE(Fixture,
                  "clock-aligned readings for the stop lie on the clock, beside sampled ones") {
  set("ClockAlignedDataInterval", "300");
  set("StopTxnAlignedData", "Energy.Active.Import.Register");
  set("StopTxnSampledData", "Voltage.L2-N");
  begin_charging();
  world.run_for(11 * 60000);
  world.tag("ALICE");
  REQUIRE(world.run_until([&] { return world.csms.received["StopTransaction"] == 1; }, 30000));
  const std::string stop = calls_of("StopTransaction")[0];
  CHECK(count_of(stop, "Transaction.Begin") == 2);
  CHECK(count_of(stop, "Transaction.End") == 2);
  CHECK(count_of(stop, "Sample.Clock") == 2);
  CHECK(count_of(stop, "Sample.Periodic") == 11);
  CHECK(count_of(stop, ":00.000Z\",\"sampledValue\":[{\"value\":\"") >= 2);
  CHECK(world.problems() == "");
}

// Rules: R-3.16.1-3 R-3.16.6-1 R-7.35-1
TEST_CASE_FIXTURE(Fixture, "what is collected for the stop survives a power cut") {
  set("StopTxnSampledData", kEnergyAndCurrent);
  begin_charging();
  world.run_for(3 * 60000);
  for (int i = 0; i < 2; ++i) {
    REQUIRE(world.restart(platform::ResetCause::kPowerOn, 20000) == common::Status::kOk);
    world.connect();
    world.run_for(61000);
  }
  world.csms.faults.ignore["StopTransaction"] = 2;
  world.tag("ALICE");
  REQUIRE(world.run_until([&] { return world.csms.received["StopTransaction"] == 2; }, 60000));
  REQUIRE(world.restart(platform::ResetCause::kPowerOn, 20000) == common::Status::kOk);
  world.connect();
  REQUIRE(world.run_until([&] { return world.csms.received["StopTransaction"] == 3; }, 60000));
  const std::vector<std::string> stops = calls_of("StopTransaction");
  CHECK(stops[1] == stops[0]);
  CHECK(stops[2] == stops[0]);
  CHECK(count_of(stops[0], "Transaction.Begin") == 4);
  CHECK(count_of(stops[0], "Transaction.End") == 4);
  CHECK(count_of(stops[0], "Sample.Periodic") >= 4 * 4);
  CHECK(count_of(stops[0], "Interruption.End") == 2 * 4);
  CHECK(world.csms.transactions.size() == 1);
  CHECK(world.problems() == "");
}

// Rules: R-9.1.91-1 R-3.16.6-1
TEST_CASE_FIXTURE(Fixture,
                  "a stop with more readings than fit is thinned evenly, begin and end stay") {
  set("StopTxnSampledData",
      "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage");
  set("MeterValueSampleInterval", "10");
  const std::string most = world.configuration("StopTransactionMaxMeterValues");
  MESSAGE("StopTransactionMaxMeterValues " << most);
  begin_charging();
  world.run_for(3600 * 1000);
  world.tag("ALICE");
  REQUIRE(world.run_until([&] { return world.csms.received["StopTransaction"] == 1; }, 60000));
  const std::string stop = calls_of("StopTransaction")[0];
  MESSAGE("bytes " << stop.size());
  CHECK(stop.size() < 6144);
  const size_t readings = count_of(stop, "\"timestamp\"") - 1;
  MESSAGE("readings " << readings);
  CHECK(readings >= static_cast<size_t>(std::stoi(most)));
  CHECK(count_of(stop, "Transaction.Begin") == 8);
  CHECK(count_of(stop, "Transaction.End") == 8);
  CHECK(world.charge_point->dead_letters() == 0);
  CHECK(world.problems() == "");
}

// Rules: R-7.35-1
TEST_CASE_FIXTURE(Fixture, "a transaction that goes on after a restart tells the interruption") {
  begin_charging();
  world.run_for(3 * 60000);
  REQUIRE(world.restart(platform::ResetCause::kPowerOn, 600000) == common::Status::kOk);
  world.connect();
  world.run_for(10000);
  const std::vector<std::string> sent = calls_of("MeterValues");
  REQUIRE(sent.size() >= 5);
  const std::string& begin = sent[sent.size() - 2];
  const std::string& end = sent[sent.size() - 1];
  CHECK(begin.find("Interruption.Begin") != std::string::npos);
  CHECK(end.find("Interruption.End") != std::string::npos);
  CHECK(begin.find("\"transactionId\"") != std::string::npos);
  CHECK(world.problems() == "");
}
