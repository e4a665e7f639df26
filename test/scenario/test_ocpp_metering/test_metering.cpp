// Purpose:       Meter values arrive when and as configured, and are repeated without change.
// Given:         A gateway in virtual time, a wallbox with a meter for three phases, a model CSMS.
// Steps:         See each case.
// Pass criteria: Times, contexts, measurands and transaction ids as the specification wants them.
// Spec:          OCPP 1.6 ed. 2, 3.16, 4.7, 4.10, 7.31, 7.43; errata 3.9, 3.14-3.16, 3.86, 3.91.
#include "bridge/energy_register.hpp"
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

// Rules: R-3.16.2-2 R-3.16.2-1 R-4.7-4 R-4.7-7
TEST_CASE_FIXTURE(Fixture,
                  "aligned values hold what is configured for them, for each connector alone") {
  set("MeterValueSampleInterval", "0");
  set("ClockAlignedDataInterval", "60");
  set("MeterValuesAlignedData", " Voltage.L2 , Energy.Active.Import.Register,Voltage.L2-N ");
  CHECK(world.configuration("MeterValuesAlignedData") ==
        "Voltage.L2,Energy.Active.Import.Register");
  world.run_for(3 * 60000);
  const std::vector<std::string> sent = calls_of("MeterValues");
  REQUIRE(sent.size() == 3);
  for (const std::string& call : sent) {
    // Connector 0 has no meter of its own: nothing is told of it.
    CHECK(call.find("{\"connectorId\":1,\"meterValue\":[{\"timestamp\":") != std::string::npos);
    CHECK(
        call.find(":00.000Z\",\"sampledValue\":[{\"value\":\"230.0\",\"context\":\"Sample.Clock\","
                  "\"measurand\":\"Voltage\",\"phase\":\"L2-N\",\"unit\":"
                  "\"V\"},{\"value\":\"0\",\"context\":\"Sample.Clock\",\"measurand\":"
                  "\"Energy.Active.Import.Register\",\"unit\":\"Wh\"}]}]}") != std::string::npos);
  }
  CHECK(world.problems() == "");
}

// Rules: R-3.7-3 R-3.7-4
TEST_CASE_FIXTURE(Fixture,
                  "a status overtakes messages of transactions that wait, they keep their order") {
  world.csms.faults.call_error["StartTransaction"] = 1;
  begin_charging();
  const int statuses = world.csms.received["StatusNotification"];
  world.charger.set_ev_wants_energy(1, false);
  world.run_for(20000);
  CHECK(world.csms.received["StatusNotification"] == statuses + 1);
  CHECK(world.csms.transactions.empty());
  world.run_for(120000);
  REQUIRE(world.csms.transactions.size() == 1);
  CHECK(world.csms.transactions[0].meter_values >= 1);
  CHECK(world.problems() == "");
}

namespace {

/// A wallbox whose counter has a range, is reset or is exchanged, behind the bridge's register.
class CounterMeter final : public charger::ChargerObserver {
 public:
  explicit CounterMeter(World& world, const bridge::EnergyRegister::Settings& settings,
                        int64_t counter_wh, int64_t wraps_at_wh)
      : world_(world), settings_(settings), offset_wh_(counter_wh), wraps_at_wh_(wraps_at_wh) {
    attach();
  }
  void attach() {
    energy_.configure(settings_);
    world_.charger.set_observer(*this);
  }
  void restart(int64_t off_ms) {
    uint8_t record[bridge::EnergyRegister::kRecordBytes];
    REQUIRE(energy_.save(record) == sizeof record);
    REQUIRE(world_.restart(platform::ResetCause::kPowerOn, off_ms) == common::Status::kOk);
    energy_ = bridge::EnergyRegister();
    attach();
    REQUIRE(energy_.restore(record) == common::Status::kOk);
    world_.connect();
  }
  /// The counter shows this from now on.
  void set_counter(int64_t counter_wh) { offset_wh_ = counter_wh - world_.charger.energy_wh(1); }

  void on_charger_state(uint8_t id, const charger::ChargerState& state,
                        common::Instant now) override {
    world_.charge_point->on_charger_state(id, state, now);
  }
  void on_meter_sample(uint8_t id, const charger::MeterSample& sample,
                       common::Instant now) override {
    charger::MeterSample registered = sample;
    int64_t counter_wh = sample.energy_import_wh + offset_wh_;
    counter_wh %= wraps_at_wh_;
    (void)energy_.update(counter_wh, now);
    registered.energy_import_wh = energy_.value_wh();
    world_.charge_point->on_meter_sample(id, registered, now);
  }

 private:
  World& world_;
  bridge::EnergyRegister::Settings settings_;
  bridge::EnergyRegister energy_;
  int64_t offset_wh_;
  int64_t wraps_at_wh_;
};

bridge::EnergyRegister::Settings counter(int64_t range_wh, bool may_restart) {
  bridge::EnergyRegister::Settings settings;
  settings.source = 1;
  settings.range_wh = range_wh;
  settings.may_restart = may_restart;
  settings.max_power_w = 12720;
  return settings;
}

/// Charges for a minute before and some minutes after what happens to the meter.
/// @return Energy that flowed less what the CSMS booked, Wh.
template <typename Event>
int64_t charge_through(int64_t counter_wh, int64_t range_wh, bool may_restart, Event event,
                       int64_t wraps_at_wh = int64_t{1} << 40U) {
  World world;
  REQUIRE(world.boot() == common::Status::kOk);
  CounterMeter meter(world, counter(range_wh, may_restart), counter_wh, wraps_at_wh);
  world.connect();
  world.run_for(2000);
  world.charger.plug(1);
  world.run_for(3000);
  world.tag("ALICE");
  world.run_for(63000);
  event(world, meter);
  world.run_for(5 * 60000);
  world.tag("ALICE");
  world.run_for(30000);
  CHECK(world.problems() == "");
  REQUIRE(world.csms.transactions.size() == 1);
  const auto& transaction = world.csms.transactions[0];
  CHECK(transaction.stops == 1);
  CHECK(transaction.meter_stop >= transaction.meter_start);
  CHECK(world.charger.energy_wh(1) > 900);
  return world.charger.energy_wh(1) - (transaction.meter_stop - transaction.meter_start);
}

constexpr int64_t kRange32 = (int64_t{1} << 32U) / 10;  ///< 32 bits of tenths of a Wh.

}  // namespace

// Rules: R-7.31-1 R-7.31-2 R-3.16-2 FP-13
TEST_CASE("energy at the CSMS is energy at the meter, whatever the counter does") {
  const auto nothing = [](World&, CounterMeter&) {};
  const auto off = [](World&, CounterMeter& meter) { meter.restart(600000); };
  CHECK(charge_through(5000, kRange32, false, nothing) == 0);
  // The counter is full during the session, with the gateway on and off.
  CHECK(charge_through(65536 - 300, 65536, false, nothing, 65536) == 0);
  CHECK(charge_through(kRange32 - 300, kRange32, false, nothing, kRange32) == 0);
  CHECK(charge_through(kRange32 - 1000, kRange32, false, off, kRange32) == 0);
  CHECK(charge_through(100000000 - 300, kRange32, false, nothing, 100000000) == 0);
  CHECK(charge_through(100000000 - 1000, kRange32, false, off, 100000000) == 0);
  CHECK(charge_through(5000, kRange32, false, off) == 0);
}

// Rules: R-7.31-1 FP-13
TEST_CASE("a counter that is reset or exchanged costs the energy of a few readings, never more") {
  const auto to = [](int64_t counter_wh) {
    return [counter_wh](World&, CounterMeter& meter) { meter.set_counter(counter_wh); };
  };
  for (const int64_t counter_wh : {0LL, 1000LL, 90000000LL}) {
    const int64_t lost_wh = charge_through(5000000, kRange32, false, to(counter_wh));
    CHECK(lost_wh >= 0);
    CHECK(lost_wh <= 15);
  }
  // A session counter that begins anew while the gateway is off tells what it counted since.
  const int64_t lost_wh = charge_through(100000, kRange32, true, [](World&, CounterMeter& meter) {
    meter.set_counter(0);
    meter.restart(600000);
  });
  CHECK(lost_wh >= 0);
  CHECK(lost_wh <= 15);
}
