#include "doctest_main/doctest_main.hpp"
#include "gateway/diagnostics_report.hpp"
#include "gateway_fakes/gateway_fakes.hpp"
#include "ocpp/records.hpp"
#include "platform/record_log.hpp"
#include "platform_sim/malloc_trap.hpp"
#include "platform_sim/sim_clock.hpp"
#include "platform_sim/sim_device.hpp"
#include "platform_sim/sim_file_store.hpp"
#include "platform_sim/sim_key_value_store.hpp"

#include <algorithm>
#include <string>
#include <vector>

using common::Status;
using common::UtcTime;

namespace {

constexpr UtcTime kNoon{1'800'000'000'000};

/// Swallows what the console prints.
class Nowhere final : public platform::SerialLink {
 public:
  Status configure(const platform::SerialSettings&) override { return Status::kOk; }
  common::Result<size_t> write(common::ByteSpan data) override { return data.size(); }
  common::Result<size_t> read(common::MutableByteSpan) override { return Status::kAgain; }
  bool is_drained() override { return true; }
};

struct Fixture {
  platform_sim::SimPower power;
  platform_sim::SimClock clock;
  platform_sim::SimDevice device;
  platform_sim::SimKeyValueStore store{power};
  platform_sim::SimFileStore files{power};
  Nowhere terminal;
  gateway::ConsoleOutput output{terminal};
  gateway::ConsoleLog log{output, clock};
  gateway::Settings settings{store};
  gateway_fakes::FakeEngine engine;
  gateway::DiagnosticsReport report{
      gateway::DiagnosticsParts{engine, settings, device, clock, log, files, "1.2.3", "CP1"}};

  Fixture() { report.begin(2); }

  void set(const char* name, const char* value) {
    common::FixedString<95> error;
    REQUIRE(settings.set(common::text(name), common::text(value), error) == Status::kOk);
  }
  /// All that is left, without line feeds; each piece is one line.
  std::vector<std::string> lines() {
    std::vector<std::string> all;
    for (;;) {
      const platform_sim::MallocTrap trap;
      const common::TextSpan piece = report.piece();
      allocations += trap.count();
      if (piece.empty()) return all;
      REQUIRE(piece[piece.size() - 1] == '\n');
      all.emplace_back(piece.data(), piece.size() - 1);
      REQUIRE(all.back().find('\n') == std::string::npos);
      report.next();
    }
  }
  std::vector<std::string> all_lines() {
    REQUIRE(report.rewind(UtcTime{}, UtcTime{}) == Status::kOk);
    return lines();
  }

  size_t allocations = 0;  ///< Of the report.
};

/// Lines that begin with this.
std::vector<std::string> of(const std::vector<std::string>& lines, const std::string& begin) {
  std::vector<std::string> out;
  std::copy_if(
      lines.begin(), lines.end(), std::back_inserter(out),
      [&begin](const std::string& line) { return line.compare(0, begin.size(), begin) == 0; });
  return out;
}

bool holds(const std::vector<std::string>& lines, const std::string& line) {
  return std::find(lines.begin(), lines.end(), line) != lines.end();
}

}  // namespace

// Rules: R-5.9-1
TEST_CASE("a report tells who the gateway is, what it is set to and ends with its length") {
  Fixture fixture;
  fixture.device.set_serial_number("A1B2C3");
  fixture.device.set_heap({40000, 20000, 10000});
  fixture.clock.advance_to(common::Instant{4500});
  fixture.engine.pending_messages = 3;
  fixture.set("c2.unit", "7");
  const auto lines = fixture.all_lines();
  CHECK(
      lines.front() ==
      R"({"version":"1.2.3","identity":"CP1","serial_number":"A1B2C3","reset_cause":"power on",)"
      R"("uptime_ms":4500,"utc_ms":0,"registration":"accepted","pending_messages":3,)"
      R"("dead_letters":0,"heap_free":40000,"heap_minimum_free":20000,"heap_largest_block":10000})");
  // Rows of connectors once for each of them.
  CHECK(holds(lines, R"({"setting":"c2.unit","value":"7"})"));
  CHECK(of(lines, R"({"setting":"c1.unit")").size() == 1);
  CHECK(of(lines, R"({"setting":"c3.)").empty());
  CHECK(of(lines, R"({"key":)") == std::vector<std::string>{
                                       R"({"key":"HeartbeatInterval","value":"300"})",
                                       R"({"key":"AuthorizationKey"})",
                                   });
  CHECK(lines.back() == "{\"lines\":" + std::to_string(lines.size() - 1) + "}");
  CHECK(fixture.lines().empty());
  CHECK(fixture.allocations == 0);
}

TEST_CASE("of secrets a report tells only whether they are set") {
  Fixture fixture;
  fixture.set("password", "geheim");
  const auto lines = fixture.all_lines();
  CHECK(holds(lines, R"+({"setting":"password","value":"(set)"})+"));
  CHECK(holds(lines, R"({"setting":"wifi_password","value":""})"));
  for (const std::string& line : lines) CHECK(line.find("geheim") == std::string::npos);
}

TEST_CASE("every cause of a start has a name") {
  using platform::ResetCause;
  const std::pair<ResetCause, const char*> names[] = {
      {ResetCause::kPowerOn, "power on"},  {ResetCause::kBrownOut, "brown-out"},
      {ResetCause::kWatchdog, "watchdog"}, {ResetCause::kSoftware, "software"},
      {ResetCause::kUnknown, "unknown"},
  };
  Fixture fixture;
  for (const auto& name : names) {
    fixture.device.set_reset_cause(name.first);
    CHECK(fixture.all_lines().front().find(std::string(R"("reset_cause":")") + name.second + '"') !=
          std::string::npos);
  }
}

TEST_CASE("connectors come with their open transactions, actions with their counters") {
  Fixture fixture;
  fixture.engine.transaction.status = "Charging";
  CHECK(of(fixture.all_lines(), R"({"connector":)") == std::vector<std::string>{
                                                           R"({"connector":0,"status":"Charging"})",
                                                           R"({"connector":1,"status":"Charging"})",
                                                           R"({"connector":2,"status":"Charging"})",
                                                       });
  gateway::ConnectorSummary& transaction = fixture.engine.transaction;
  transaction.has_transaction = true;
  transaction.local_transaction = 4;
  transaction.id_tag = gateway::MaskedIdTag("AB****90");
  transaction.meter_start_wh = 100;
  transaction.meter_last_wh = 900;
  CHECK(of(fixture.all_lines(), R"({"connector":)").at(1) ==
        R"({"connector":1,"status":"Charging","transaction":4,"tag":"AB****90",)"
        R"("meter_start_wh":100,"meter_last_wh":900})");
  transaction.has_transaction_id = true;
  transaction.transaction_id = 77;
  fixture.engine.actions = {{"Heartbeat", 6, 1, 2, 3, 4, 5}};
  const auto lines = fixture.all_lines();
  CHECK(of(lines, R"({"connector":)").at(1).find(R"("transaction":4,"transaction_id":77,)") !=
        std::string::npos);
  CHECK(holds(lines, R"({"action":"Heartbeat","sent":6,"answered":1,"failed":2,"timed_out":3,)"
                     R"("received":4,"refused":5})"));
}

// Rules: R-5.9-3
TEST_CASE("the period limits the log, and one that is over or not begun has nothing") {
  Fixture fixture;
  for (int second = 1; second <= 5; ++second) {
    fixture.clock.advance_to(common::Instant{second * 1000});
    fixture.log.write(common::LogLevel::kInfo, "test", "line %d", second);
  }
  // Without a clock nobody knows when a line was written: all of them come, without a time.
  REQUIRE(fixture.report.rewind(kNoon + 3000, kNoon + 4000) == Status::kOk);
  CHECK(of(fixture.lines(), R"({"log":)").size() == 5);
  fixture.engine.utc = kNoon + 5000;
  CHECK(of(fixture.all_lines(), R"({"log":)").size() == 5);
  REQUIRE(fixture.report.rewind(kNoon + 3000, kNoon + 4000) == Status::kOk);
  CHECK(of(fixture.lines(), R"({"log":)") ==
        std::vector<std::string>{
            R"({"log":"I (3000) test: line 3","utc_ms":1800000003000})",
            R"({"log":"I (4000) test: line 4","utc_ms":1800000004000})",
        });
  REQUIRE(fixture.report.rewind(UtcTime{}, kNoon + 1500) == Status::kOk);
  CHECK(of(fixture.lines(), R"({"log":)").size() == 1);
  REQUIRE(fixture.report.rewind(kNoon + 4500, UtcTime{}) == Status::kOk);
  // A refused period leaves the report that is being sent alone.
  CHECK(fixture.report.rewind(kNoon + 2000, kNoon + 1000) == Status::kNotFound);
  CHECK(fixture.report.rewind(kNoon + 5001, UtcTime{}) == Status::kNotFound);
  CHECK(of(fixture.lines(), R"({"log":)").size() == 1);
}

TEST_CASE("log lines that are overwritten while a report is sent are left out") {
  Fixture fixture;
  const std::string text(200, 'x');
  for (int i = 0; i < 10; ++i) fixture.log.write(common::LogLevel::kInfo, "t", "%s", text.c_str());
  REQUIRE(fixture.report.rewind(UtcTime{}, UtcTime{}) == Status::kOk);
  std::string line;
  while (line.compare(0, 7, R"({"log":)") != 0) {
    const common::TextSpan piece = fixture.report.piece();
    line.assign(piece.data(), piece.size());
    fixture.report.next();
  }
  for (int i = 0; i < 60; ++i) fixture.log.write(common::LogLevel::kInfo, "t", "%s", text.c_str());
  const auto& history = fixture.log.history();
  CHECK(history.oldest() > 10);
  CHECK(of(fixture.lines(), R"({"log":)").size() == history.end() - history.oldest());
}

TEST_CASE("records are told in hex, and flash that cannot be read leaves the rest of the report") {
  Fixture fixture;
  auto& raw = fixture.files.raw("transactions.log");
  for (int i = 0; i < 130; ++i) raw.push_back(static_cast<uint8_t>(i));
  const auto records = of(fixture.all_lines(), R"({"records_at":)");
  REQUIRE(records.size() == 2);
  CHECK(records[0].compare(0, 37, R"({"records_at":0,"hex":"00010203040506)") == 0);
  CHECK(records[0].size() == 25 + 256);
  CHECK(records[1] == R"({"records_at":128,"hex":"8081"})");
  fixture.files.set_reads_fail(true);
  const auto lines = fixture.all_lines();
  CHECK(of(lines, R"({"records_at":)").empty());
  CHECK(lines.back() == "{\"lines\":" + std::to_string(lines.size() - 1) + "}");
}

TEST_CASE("id tags in the records keep their ends alone") {
  Fixture fixture;
  struct Ignored final : platform::RecordLog::Visitor {
    void on_record(const platform::RecordLog::Record&) override {}
  } ignored;
  platform::RecordLog log(fixture.files, "transactions.log", 65536);
  REQUIRE(log.load(ignored) == Status::kOk);
  const auto append = [&](ocpp::RecordType type, const auto& record) {
    uint8_t image[ocpp::kMaxDeadLetterBytes];
    const auto bytes = ocpp::encode(record, common::MutableByteSpan(image));
    REQUIRE(log.append(static_cast<uint8_t>(type), bytes).ok());
  };
  ocpp::StartRecord start;
  start.local_transaction = 256;  // zeros before the tag, and none
  start.id_tag = ocpp::IdTag("04A1B2C3D4E5F6071819");
  append(ocpp::RecordType::kStart, start);
  start.local_transaction = 0x01010101;
  start.connector_id = 1;
  start.id_tag = ocpp::IdTag("shortly");
  append(ocpp::RecordType::kStart, start);
  ocpp::StopRecord stop;
  stop.has_id_tag = true;
  stop.id_tag = ocpp::IdTag("four");
  append(ocpp::RecordType::kStop, stop);
  ocpp::TransactionAssignedRecord assigned;
  assigned.parent_id_tag = ocpp::IdTag("PARENT-OF-ALL");
  append(ocpp::RecordType::kTransactionAssigned, assigned);
  uint8_t image[ocpp::kMaxRecordBytes];
  start.id_tag = ocpp::IdTag("GIVEN-UP-START");
  ocpp::DeadLetterRecord letter;
  letter.image = ocpp::encode(start, common::MutableByteSpan(image));
  append(ocpp::RecordType::kDeadLetter, letter);

  std::string all;
  for (const std::string& line : of(fixture.all_lines(), R"({"records_at":)")) {
    const std::string hex = line.substr(line.find("hex\":\"") + 6);
    for (size_t i = 0; i + 1 < hex.size() && hex[i] != '"'; i += 2)
      all += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  CHECK(all.size() == log.size_bytes());
  for (const char* shown :
       {"04****************19", "sh***ly", "****", "PA*********LL", "GI**********RT"}) {
    CAPTURE(shown);
    CHECK(all.find(shown) != std::string::npos);
  }
  for (const char* hidden : {"A1B2", "ort", "four", "OF-ALL", "UP-ST"}) {
    CAPTURE(hidden);
    CHECK(all.find(hidden) == std::string::npos);
  }
}

TEST_CASE("a line that would not fit is left out, those behind it are not") {
  Fixture fixture;
  fixture.engine.heartbeat_interval = std::string(500, '"');  // each takes two bytes
  const auto lines = fixture.all_lines();
  CHECK(of(lines, R"({"key":)") == std::vector<std::string>{R"({"key":"AuthorizationKey"})"});
  CHECK(lines.back() == "{\"lines\":" + std::to_string(lines.size() - 1) + "}");
}

TEST_CASE("a piece stays until the next is asked for, and a rewound report begins anew") {
  Fixture fixture;
  const auto whole = fixture.all_lines();
  REQUIRE(fixture.report.rewind(UtcTime{}, UtcTime{}) == Status::kOk);
  const common::TextSpan first = fixture.report.piece();
  const common::TextSpan again = fixture.report.piece();
  CHECK((again.data() == first.data() && again.size() == first.size()));
  fixture.report.next();
  (void)fixture.report.piece();
  CHECK(fixture.all_lines() == whole);
}
