#include "doctest_main/doctest_main.hpp"
#include "ocpp/configuration.hpp"
#include "ocpp/connector_state.hpp"
#include "ocpp/event_queue.hpp"
#include "ocpp/measured_values.hpp"
#include "ocpp/message_id.hpp"
#include "ocpp/meter_values.hpp"
#include "ocpp/outbox.hpp"
#include "ocpp/status_reports.hpp"
#include "platform_sim/sim_entropy.hpp"
#include "platform_sim/sim_key_value_store.hpp"

#include <set>
#include <string>

using namespace ocpp;  // NOLINT: the subject of every line
using common::Instant;

namespace {

std::string str(common::TextSpan text) { return std::string(text.data(), text.size()); }

ChargePointStatus status_of(UsePhase phase, bool plugged, Power power = Power::kWithheld,
                            bool operative = true, bool faulted = false) {
  StatusInputs in;
  in.phase = phase;
  in.is_plugged = plugged;
  in.power = power;
  in.is_operative = operative;
  in.is_faulted = faulted;
  return connector_status(in);
}

}  // namespace

// Rules: R-4.9-1 R-7.7-3
TEST_CASE("the status follows from use, plug and power") {
  CHECK(status_of(UsePhase::kNone, false) == ChargePointStatus::Available);
  CHECK(status_of(UsePhase::kNone, true) == ChargePointStatus::Preparing);
  CHECK(status_of(UsePhase::kPreparing, false) == ChargePointStatus::Preparing);
  CHECK(status_of(UsePhase::kTransaction, true, Power::kFlowing) == ChargePointStatus::Charging);
  CHECK(status_of(UsePhase::kTransaction, true, Power::kNotTaken) ==
        ChargePointStatus::SuspendedEV);
  CHECK(status_of(UsePhase::kTransaction, true, Power::kWithheld) ==
        ChargePointStatus::SuspendedEVSE);
  CHECK(status_of(UsePhase::kTransaction, false, Power::kFlowing) ==
        ChargePointStatus::SuspendedEV);
  CHECK(status_of(UsePhase::kFinished, true) == ChargePointStatus::Finishing);
  CHECK(status_of(UsePhase::kFinished, false) == ChargePointStatus::Available);
}

TEST_CASE("a fault hides everything, unavailability everything but a transaction") {
  for (const UsePhase phase :
       {UsePhase::kNone, UsePhase::kPreparing, UsePhase::kTransaction, UsePhase::kFinished}) {
    for (const bool plugged : {false, true}) {
      for (const Power power : {Power::kWithheld, Power::kNotTaken, Power::kFlowing}) {
        for (const bool operative : {false, true}) {
          CHECK(status_of(phase, plugged, power, operative, true) == ChargePointStatus::Faulted);
        }
        if (phase == UsePhase::kTransaction) {
          CHECK(status_of(phase, plugged, power, false) == status_of(phase, plugged, power, true));
        } else {
          CHECK(status_of(phase, plugged, power, false) == ChargePointStatus::Unavailable);
        }
      }
    }
  }
}

// Rules: J-4.1.4-1 PD-15
TEST_CASE("message ids are random version 4 UUIDs") {
  platform_sim::SimEntropy entropy(3);
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const MessageId id = make_message_id(entropy);
    CHECK(id.size() == 36);
    CHECK(id.c_str()[14] == '4');
    CHECK(std::string("89ab").find(id.c_str()[19]) != std::string::npos);
    seen.insert(id.c_str());
  }
  CHECK(seen.size() == 1000);
}

TEST_CASE("the outbox gives frames back in order and keeps what is behind them") {
  Outbox outbox;
  for (int i = 0; i < 100; ++i) {
    for (int j = 0; j < 3; ++j) {
      const std::string frame(static_cast<size_t>(10 + i + j), static_cast<char>('a' + j));
      std::copy(frame.begin(), frame.end(), outbox.space().data());
      outbox.commit(frame.size());
    }
    for (int j = 0; j < 3; ++j) {
      CHECK(str(outbox.front()) ==
            std::string(static_cast<size_t>(10 + i + j), static_cast<char>('a' + j)));
      outbox.pop();
    }
    CHECK(outbox.empty());
  }
  for (size_t i = 0; i < limits::kMaxOutboxFrames; ++i) {
    CHECK(outbox.can_take_answer());
    outbox.commit(1);
  }
  CHECK(!outbox.can_take_answer());
  CHECK(outbox.space().empty());
}

namespace {

struct Config {
  platform_sim::SimPower power;
  platform_sim::SimKeyValueStore settings{power};
  common::NullLogSink log;
  Configuration configuration{settings, log};

  Config() { configuration.begin(2, UINT16_MAX); }
  ConfigurationStatus write(const char* key, const std::string& value) {
    Key found{};
    bool changed = false;
    return configuration.write(common::text(key), common::TextSpan(value.data(), value.size()),
                               found, changed);
  }
  std::string read(Key key) const {
    ConfigurationEntry entry;
    configuration.read(key, entry);
    return entry.value.c_str();
  }
};

}  // namespace

// Rules: R-9-3 R-7.29-1
TEST_CASE_FIXTURE(
    Config, "every key is found by its name in any case, and its own value can be written back") {
  for (size_t i = 0; i < kKeyCount; ++i) {
    const auto key = static_cast<Key>(i);
    std::string name = Configuration::name(key);
    for (char& c : name) c = static_cast<char>(std::toupper(c));
    Key found{};
    REQUIRE(Configuration::find(common::TextSpan(name.data(), name.size()), found));
    CHECK(found == key);
    ConfigurationEntry entry;
    configuration.read(key, entry);
    const ConfigurationStatus written = write(name.c_str(), entry.value.c_str());
    CHECK(written ==
          (entry.is_readonly ? ConfigurationStatus::Rejected : ConfigurationStatus::Accepted));
  }
  CHECK(settings.writes() == 0);
}

// Rules: R-5.3-1 R-4.7-6
TEST_CASE_FIXTURE(Config, "every writable key survives a restart") {
  CHECK(write("ConnectorPhaseRotation", "1.RTS,2.TSR,0.SRT") == ConfigurationStatus::Accepted);
  CHECK(write("StopTransactionOnInvalidId", "0") == ConfigurationStatus::Accepted);
  CHECK(write("MeterValuesAlignedData", "SoC,Current.Import.L2") == ConfigurationStatus::Accepted);
  CHECK(write("MessageTimeout", "600") == ConfigurationStatus::Accepted);
  Configuration again(settings, log);
  again.begin(2, UINT16_MAX);
  ConfigurationEntry entry;
  again.read(Key::ConnectorPhaseRotation, entry);
  CHECK(std::string(entry.value.c_str()) == "0.SRT,1.RTS,2.TSR");
  CHECK(!again.flag(Key::StopTransactionOnInvalidId));
  CHECK(again.measurands(Key::MeterValuesAlignedData).size() == 2);
  CHECK(again.number(Key::MessageTimeout) == 600);
}

TEST_CASE_FIXTURE(Config, "a stored value that is not legal any more falls back to the default") {
  const std::string nonsense = "-7";
  REQUIRE(settings.set("MvInterval",
                       common::as_bytes(common::TextSpan(nonsense.data(), nonsense.size()))) ==
          common::Status::kOk);
  configuration.begin(2, UINT16_MAX);
  CHECK(configuration.number(Key::MeterValueSampleInterval) == 60);
}

// Rules: R-3.16.4-1 R-2.2-2 FP-23
TEST_CASE_FIXTURE(Config, "a measurand list is taken whole or not at all") {
  CHECK(write("MeterValuesSampledData", "Voltage,Nonsense") == ConfigurationStatus::Rejected);
  CHECK(write("MeterValuesSampledData", "Voltage,") == ConfigurationStatus::Rejected);
  CHECK(write("MeterValuesSampledData", "Voltage.L4") == ConfigurationStatus::Rejected);
  CHECK(write("MeterValuesSampledData", "SoC.L1") == ConfigurationStatus::Rejected);
  CHECK(write("MeterValuesSampledData", "voltage") == ConfigurationStatus::Rejected);
  CHECK(read(Key::MeterValuesSampledData) ==
        "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage");
  CHECK(write("MeterValuesSampledData", " Voltage.L1-N ,Voltage.L2,Voltage.L1") ==
        ConfigurationStatus::Accepted);
  CHECK(read(Key::MeterValuesSampledData) == "Voltage.L1,Voltage.L2");
  // As many as MaxLength says, and not one more.
  const int room = std::stoi(read(Key::MeterValuesSampledDataMaxLength));
  const char* const all[] = {"Energy.Active.Import.Register",
                             "Power.Active.Import",
                             "Current.Import",
                             "Voltage",
                             "Current.Offered",
                             "Power.Offered",
                             "SoC",
                             "Temperature",
                             "Frequency",
                             "Current.Import.L1",
                             "Current.Import.L2",
                             "Current.Import.L3",
                             "Voltage.L1"};
  std::string list;
  for (int i = 0; i < room; ++i) list += std::string(i == 0 ? "" : ",") + all[i];
  CHECK(write("MeterValuesSampledData", list) == ConfigurationStatus::Accepted);
  CHECK(read(Key::MeterValuesSampledData) == list);
  CHECK(write("MeterValuesSampledData", list + "," + all[room]) == ConfigurationStatus::Rejected);
}

// Rules: R-7.43-1 R-7.45-1 R-7.31-3 FP-23
TEST_CASE(
    "meter values are decimal texts with unit, phase and location, and leave out what is unknown") {
  charger::MeterSample sample;
  sample.valid = charger::kMeterEnergyImport | charger::kMeterCurrent | charger::kMeterTemperature |
                 charger::kMeterSoc | charger::kMeterFrequency;
  sample.energy_import_wh = 4'294'967'296;
  sample.current_ma[0] = 5;
  sample.current_ma[1] = 15995;
  sample.current_ma[2] = -1240;
  sample.temperature_deci_c = -5;
  sample.soc_percent = 7;
  sample.frequency_mhz = 49998;
  MeasurandList list;
  REQUIRE(parse_measurands(common::text("Temperature,Energy.Active.Import.Register,Voltage,Current."
                                        "Import,SoC,Frequency,Current.Offered"),
                           UINT16_MAX, list));
  Reading reading{sample};
  reading.offered_ma = 6050;
  const MeasuredValues measured = measure(reading, list);
  SampledValues values(measured, SampleContext::kSamplePeriodic);
  std::string text;
  for (const ocpp_messages::SampledValue& value : values.view()) {
    common::FixedString<24> number;
    REQUIRE(value.value.copy_to(number) == common::Status::kOk);
    text += number.c_str();
    if (value.phase.has_value()) text += std::string(" ") + to_string(*value.phase);
    if (value.unit.has_value()) text += std::string(" ") + to_string(*value.unit);
    if (value.location.has_value()) text += std::string(" ") + to_string(*value.location);
    text += ";";
  }
  CHECK(
      text ==
      "-0.5 Celcius Body;4294967296 Wh;0.01 L1 A;16.00 L2 A;-1.24 L3 A;7 Percent EV;50.00;6.1 A;");
}

// Rules: R-3.16.3-1 R-7.31-3 R-7.43-1
TEST_CASE("every measurand of the contract goes out with its unit, phases only when asked for") {
  charger::MeterSample sample;
  sample.valid = UINT16_MAX;
  sample.energy_import_wh = INT64_MAX;
  sample.power_w = -7200;
  sample.power_phase_w[1] = -2400;
  sample.energy_export_wh = 12345;
  sample.power_var = -310;
  sample.reactive_import_varh = 99;
  sample.power_factor_milli = -985;
  Reading reading{sample};
  reading.phases = 3;
  reading.offered_ma = 16000;
  reading.nominal_voltage_mv = 230000;
  reading.interval_wh = 184;
  MeasurandList list;
  REQUIRE(parse_measurands(
      common::text(
          "Energy.Active.Import.Register,Energy.Active.Import.Interval,Power.Active.Export,"
          "Power.Active.Import,Power.Active.Import.L2,Energy.Active.Export.Register,"
          "Power.Reactive.Import,Energy.Reactive.Import.Register,Power.Factor,"
          "Power.Offered"),
      UINT16_MAX, list));
  const MeasuredValues measured = measure(reading, list);
  SampledValues values(measured, SampleContext::kSampleClock);
  std::string text;
  for (const ocpp_messages::SampledValue& value : values.view()) {
    common::FixedString<24> number;
    REQUIRE(value.value.copy_to(number) == common::Status::kOk);
    text += number.c_str();
    if (value.phase.has_value()) text += std::string(" ") + to_string(*value.phase);
    if (value.unit.has_value()) text += std::string(" ") + to_string(*value.unit);
    text += ";";
  }
  CHECK(text ==
        "1000000000000000 Wh;184 Wh;7200 W;0 W;0 L2 W;12345 Wh;-310 var;99 varh;-0.985;11040 W;");
}

// Rules: R-3.16.4-1
TEST_CASE("a measurand or a phase that the meter does not have is refused") {
  MeasurandList list;
  const uint16_t plain =
      charger::kMeterEnergyImport | charger::kMeterPower | charger::kMeterCurrent;
  for (const char* text :
       {"Power.Active.Import.L1", "Power.Active.Export", "Power.Factor", "Voltage",
        "Current.Import.L4", "Current.Import.N", "Energy.Active.Import.Register.L1",
        "Current.Import.L1-L2", "Current.ImportL1", "SoC", "current.import"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_measurands(common::text(text), plain, list));
  }
  CHECK(parse_measurands(common::text("Current.Import.L1, Current.Import.L1-N,Current.Import"),
                         plain, list));
  CHECK(list.size() == 2);
}

namespace {

struct Reports {
  EventQueue events;
  common::NullLogSink log;
  ClockSync clock;
  StatusReports reports{events, clock, log};

  Reports() {
    reports.begin(2);
    for (uint8_t id = 1; id <= 2; ++id) {
      reports.set(id, ChargePointStatus::Available, charger::Error::kNone, StatusNote::kNone, 0,
                  "test");
      reports.release(id);
    }
    reports.report_all();
    (void)reports.step(0);
    while (reports.front() != nullptr) reports.pop();
  }
  void set(uint8_t id, ChargePointStatus status, int64_t ms) {
    clock.set_now(Instant{ms});
    reports.set(id, status, charger::Error::kNone, StatusNote::kNone, 0, "test");
  }
  Instant step(int64_t minimum_ms, int64_t ms) {
    clock.set_now(Instant{ms});
    return reports.step(minimum_ms);
  }
};

}  // namespace

// Rules: R-4.9-13
TEST_CASE_FIXTURE(Reports, "statuses are told in the order of their events") {
  set(2, ChargePointStatus::Preparing, 10);
  (void)step(0, 10);
  set(1, ChargePointStatus::Preparing, 20);
  (void)step(0, 20);
  set(2, ChargePointStatus::Charging, 30);
  (void)step(0, 30);
  std::string order;
  for (; reports.front() != nullptr; reports.pop()) {
    order +=
        std::to_string(reports.front()->connector_id) + to_string(reports.front()->status) + " ";
  }
  CHECK(order == "2Preparing 1Preparing 2Charging ");
}

// Rules: R-9.1.20-1 R-4.9-5
TEST_CASE_FIXTURE(Reports, "a status that comes back within the minimum was never there") {
  set(1, ChargePointStatus::Preparing, 100);
  CHECK(step(5000, 100) == Instant{5100});
  set(1, ChargePointStatus::Available, 3000);
  (void)step(5000, 3000);
  CHECK(step(5000, 10000).is_never());
  CHECK(reports.front() == nullptr);
}

TEST_CASE_FIXTURE(Reports, "a CSMS that takes nothing loses old statuses, never the present one") {
  for (int i = 0; i < 100; ++i) {
    set(1, i % 2 == 0 ? ChargePointStatus::Preparing : ChargePointStatus::Available, i);
    (void)step(0, i);
  }
  set(1, ChargePointStatus::Charging, 200);
  (void)step(0, 200);
  ChargePointStatus last = ChargePointStatus::Available;
  size_t count = 0;
  for (; reports.front() != nullptr; reports.pop(), ++count) last = reports.front()->status;
  CHECK(last == ChargePointStatus::Charging);
  CHECK(count <= limits::kMaxStatusReports);
}

TEST_CASE("events forget old statuses first and never a reset") {
  EventQueue events;
  Event reset;
  reset.type = EventType::kResetRequested;
  events.push(reset);
  for (size_t i = 0; i < 3 * limits::kMaxEvents; ++i) {
    Event event;
    event.type = i % 2 == 0 ? EventType::kConnectorStatusChanged : EventType::kIdTagAccepted;
    events.push(event);
  }
  Event out;
  size_t count = 0;
  bool has_reset = false;
  for (; events.pop(out); ++count) has_reset = has_reset || out.type == EventType::kResetRequested;
  CHECK(count == limits::kMaxEvents);
  CHECK(has_reset);
}

TEST_CASE("a masked id tag does not give the tag away") {
  CHECK(std::string(mask(charger::IdTag("04A1B2C3D4E5F6")).c_str()) == "04****F6");
  CHECK(std::string(mask(charger::IdTag("1234")).c_str()) == "****");
  CHECK(std::string(mask(charger::IdTag("")).c_str()) == "****");
}

TEST_CASE("a full event queue forgets statuses first, and a restart that is asked for never") {
  ocpp::EventQueue events;
  const auto push = [&events](ocpp::EventType type, uint8_t connector) {
    ocpp::Event event;
    event.type = type;
    event.connector_id = connector;
    events.push(event);
  };
  push(ocpp::EventType::kResetRequested, 0);
  push(ocpp::EventType::kTransactionStarted, 1);
  push(ocpp::EventType::kConnectorStatusChanged, 2);
  for (size_t i = 3; i < limits::kMaxEvents; ++i) push(ocpp::EventType::kClockSet, 3);
  push(ocpp::EventType::kTransactionStopped, 4);  // instead of the status
  push(ocpp::EventType::kTransactionStopped, 5);  // instead of the oldest but the restart
  ocpp::Event event;
  std::string seen;
  while (events.pop(event)) seen += std::to_string(event.connector_id);
  CHECK(seen == "0" + std::string(limits::kMaxEvents - 3, '3') + "45");
  for (size_t i = 0; i < limits::kMaxEvents; ++i) push(ocpp::EventType::kResetRequested, 1);
  push(ocpp::EventType::kResetRequested, 2);
  size_t count = 0;
  for (; events.pop(event); ++count) CHECK(event.connector_id == 1);
  CHECK(count == limits::kMaxEvents);
}

TEST_CASE("values that do not fit into a record are refused whole") {
  ocpp::MeasuredValues values;
  size_t count = 0;
  while (values.add(ocpp::MeasurandChoice(), INT64_MAX)) ++count;
  CHECK(count > 3);
  const size_t size = values.bytes().size();
  while (values.add(ocpp::MeasurandChoice(), 1)) ++count;  // fills the rest
  CHECK(values.bytes().size() >= size);
  CHECK(values.bytes().size() <= ocpp::MeasuredValues::kMaxBytes);
  CHECK_FALSE(values.add(ocpp::MeasurandChoice(), 1));
  size_t read = 0;
  size_t offset = 0;
  for (ocpp::MeasuredValues::Value value; values.next(offset, value);) ++read;
  CHECK(read == count);
  const std::vector<uint8_t> long_image(ocpp::MeasuredValues::kMaxBytes + 1, 0);
  CHECK_FALSE(values.assign(common::ByteSpan(long_image.data(), long_image.size())));
}
