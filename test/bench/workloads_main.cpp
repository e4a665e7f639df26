#include "driver.hpp"
#include "platform_sim/malloc_trap.hpp"

#include <cstdio>
#include <cstring>
#include <vector>

// The workloads of the benchmark: (a) boot, (b) transactions, (c) CALLs of the CSMS, (d) idle, (e) idle while charging.
// Prints what it did as one JSON object; callgrind dumps its counts at each Driver::mark(). `vevgw bench` builds and
// runs it and puts both together.

namespace {

constexpr uint32_t kTransactions = 20;
constexpr uint32_t kMeterValuesEach = 4;
constexpr uint32_t kRounds = 4;
constexpr uint32_t kIdleIterations = 100;
constexpr size_t kPeriods = 24;
constexpr size_t kListEntries = 50;

/// What a figure is made of: the counts of these parts, divided by the units.
struct Figure {
  std::string id;
  uint32_t units;
  std::vector<std::string> parts;
};

struct Flash {
  uint64_t bytes = 0;
  uint64_t most_bytes = 0;  ///< In one transaction.
  uint64_t appends = 0;
  uint64_t other_operations = 0;  ///< Renames, removals, settings.
};

void begin_charging(Driver& driver) {
  const uint32_t starts = driver.sent("StartTransaction");
  driver.present_tag();
  driver.plug(true);
  driver.settle();
  if (driver.sent("StartTransaction") != starts + 1 ||
      driver.charge_point().status(1) != ocpp::ChargePointStatus::Charging) {
    fail("the transaction did not start");
  }
}

void end_charging(Driver& driver, const char* part_of_stop, const char* part_of_rest) {
  const uint32_t stops = driver.sent("StopTransaction");
  driver.present_tag();
  for (int i = 0; driver.sent("StopTransaction") == stops; ++i) {
    if (i == 100) fail("the transaction did not stop");
    driver.mark(part_of_rest);
    driver.iterate();
  }
  driver.mark(part_of_stop);
  driver.settle();
  driver.plug(false);
  driver.settle();
  driver.mark(part_of_rest);
  if (driver.charge_point().status(1) != ocpp::ChargePointStatus::Available)
    fail("the connector did not become available");
  if (driver.charge_point().pending_messages() != 0 || driver.charge_point().dead_letters() != 0)
    fail("messages of the transaction were left");
}

void transaction(Driver& driver, bool is_counted = true) {
  const auto part = [&](const char* name) { return is_counted ? name : "warm_up"; };
  begin_charging(driver);
  driver.mark(part("transaction.start"));
  for (uint32_t i = 1; i <= kMeterValuesEach; ++i) {
    const uint32_t before = driver.sent("MeterValues");
    driver.charge(60000, 184);
    driver.settle();
    if (driver.sent("MeterValues") != before + 1) fail("MeterValues was not sent once a minute");
    driver.mark(part("transaction.meter_values"));
  }
  end_charging(driver, part("transaction.stop"), part("transaction.rest"));
}

Flash transactions(Driver& driver) {
  driver.configure("MeterValuesSampledData",
                   "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage,SoC,"
                   "Temperature");
  driver.configure("MeterValueSampleInterval", "60");
  // The first one opens files; the others are alike.
  transaction(driver, false);
  Flash flash;
  const uint64_t appends = driver.files.appends();
  const uint64_t operations = driver.power.operations();
  for (uint32_t i = 0; i < kTransactions; ++i) {
    const uint64_t before = driver.power.bytes_written();
    transaction(driver);
    const uint64_t bytes = driver.power.bytes_written() - before;
    flash.bytes += bytes;
    if (bytes > flash.most_bytes) flash.most_bytes = bytes;
  }
  flash.appends = driver.files.appends() - appends;
  flash.other_operations = driver.power.operations() - operations - flash.appends;
  return flash;
}

std::string daily_profile() {
  std::string periods;
  for (size_t i = 0; i < kPeriods; ++i) {
    // The shape of a busy CSMS: every field, one period per hour.
    periods += (i == 0 ? "" : ",") + std::string(R"({"startPeriod":)") + std::to_string(i * 3600) +
               R"(,"limit":)" + std::to_string(6 + i % 10) + R"(.5,"numberPhases":3})";
  }
  return R"({"connectorId":1,"csChargingProfiles":{"chargingProfileId":7,"stackLevel":1,)"
         R"("chargingProfilePurpose":"TxDefaultProfile","chargingProfileKind":"Recurring",)"
         R"("recurrencyKind":"Daily","validFrom":"2026-01-01T00:00:00Z",)"
         R"("validTo":"2036-01-01T00:00:00Z","chargingSchedule":{"duration":86400,)"
         R"("startSchedule":"2026-01-01T00:00:00Z","chargingRateUnit":"A",)"
         R"("chargingSchedulePeriod":[)" +
         periods + "]}}}";
}

std::string local_list(uint32_t version) {
  std::string entries;
  for (size_t i = 0; i < kListEntries; ++i) {
    entries += (i == 0 ? "" : ",") + std::string(R"({"idTag":"04A1B2C3D4)") +
               std::to_string(1000 + i) + R"(","idTagInfo":{"status":"Accepted"}})";
  }
  return R"({"listVersion":)" + std::to_string(version) +
         R"(,"updateType":"Full","localAuthorizationList":[)" + entries + "]}";
}

struct Call {
  const char* id;
  const char* action;
  std::string payload;
  const char* expected;  ///< Part of a good answer.
};

class Mix {
 public:
  explicit Mix(Driver& driver) : driver_(driver) {}

  /// @param mode  "available" or "charging"; part of the names of the parts.
  void run(const std::string& mode) {
    for (uint32_t round = 0; round < kRounds; ++round) {
      for (const Call& call : rotation()) send(mode, call);
      // What the calls left for later, such as writing to flash, is part of their cost.
      driver_.charge(60000, 0);
      driver_.settle();
      driver_.mark(add("mix", "mix." + mode + ".later", 0).c_str());
    }
  }
  std::vector<Figure> figures;
  bool is_local_list_built = true;

 private:
  std::vector<Call> rotation() {
    ++round_;
    return {{"get_configuration", "GetConfiguration", "{}", "configurationKey"},
            {"change_configuration", "ChangeConfiguration",
             std::string(R"({"key":"ConnectionTimeOut","value":")") +
                 (round_ % 2 != 0 ? "30" : "31") + R"("})",
             "\"Accepted\""},
            {"trigger_message", "TriggerMessage", R"({"requestedMessage":"Heartbeat"})",
             "\"Accepted\""},
            {"set_charging_profile", "SetChargingProfile", daily_profile(), "\"Accepted\""},
            {"get_composite_schedule", "GetCompositeSchedule",
             R"({"connectorId":1,"duration":86400,"chargingRateUnit":"A"})", "\"duration\":86400"},
            {"send_local_list", "SendLocalList", local_list(round_), "\"Accepted\""}};
  }

  void send(const std::string& mode, const Call& call) {
    const std::string part = "call." + mode + '.' + call.id;
    const std::string answer = driver_.call(call.action, call.payload);
    const bool is_local_list = std::strcmp(call.id, "send_local_list") == 0;
    if (is_local_list && answer.compare(0, 3, "[4,") == 0 &&
        (answer.find("\"NotImplemented\"") != std::string::npos ||
         answer.find("\"NotSupported\"") != std::string::npos)) {
      is_local_list_built = false;
      driver_.mark(part.c_str());
      return;
    }
    if (answer.find(call.expected) == std::string::npos)
      fail(std::string(call.action) + " was answered with " + answer);
    add("mix", part, 1);
    // The peer's figure for this one is of a charge point that charges.
    const bool is_counted =
        std::strcmp(call.id, "get_composite_schedule") != 0 || mode == "charging";
    if (is_counted) add(call.id, part, 1);
    driver_.mark(part.c_str());
  }

  const std::string& add(const std::string& id, const std::string& part, uint32_t units) {
    Figure* figure = nullptr;
    for (Figure& candidate : figures) {
      if (candidate.id == id) figure = &candidate;
    }
    if (figure == nullptr) {
      figures.push_back(Figure{id, 0, {}});
      figure = &figures.back();
    }
    figure->units += units;
    for (const std::string& known : figure->parts) {
      if (known == part) return known;
    }
    figure->parts.push_back(part);
    return figure->parts.back();
  }

  Driver& driver_;
  uint32_t round_ = 0;
};

void idle(Driver& driver, const char* step_part, const char* iteration_part) {
  driver.mark("warm_up");
  const uint32_t span_ms = kIdleIterations * 10;
  if (driver.deadline() <= driver.now() + span_ms) fail("something is due although idle");
  for (uint32_t i = 0; i < kIdleIterations; ++i) driver.step_only();
  driver.mark(step_part);
  const common::Instant deadline = driver.deadline();
  for (uint32_t i = 0; i < kIdleIterations; ++i) driver.iterate();
  driver.mark(iteration_part);
  if (driver.deadline() != deadline) fail("an idle step() found something to do");
}

// Instruments that see nothing would make every figure good.

void check_malloc_trap() {
  const platform_sim::MallocTrap trap;
  // Through a volatile pointer: the compiler may leave out an allocation that nobody looks at.
  char* volatile block = new char[16];
  delete[] block;
  if (trap.count() != 1) fail("the malloc trap does not see allocations");
}

void check_stack_probe() {
  constexpr size_t kBytes = 1000;
  StackProbe probe;
  probe.enable();
  probe.run([] {
    volatile char room[kBytes];
    for (volatile char& byte : room) byte = 1;
  });
  if (probe.depth() < kBytes || probe.depth() > kBytes + 200)
    fail("the stack probe measures " + std::to_string(probe.depth()) + " bytes, not 1000");
}

void print(const char* separator, const std::string& name) {
  std::printf("%s\"%s\":", separator, name.c_str());
}

void report(Driver& driver, const std::vector<Figure>& figures, const Flash& flash,
            bool is_local_list_built) {
  std::printf("{\"figures\":{");
  const char* separator = "";
  for (const Figure& figure : figures) {
    print(separator, figure.id);
    std::printf("{\"units\":%u,\"parts\":[", figure.units);
    const char* comma = "";
    for (const std::string& part : figure.parts) {
      std::printf("%s\"%s\"", comma, part.c_str());
      comma = ",";
    }
    std::printf("]}");
    separator = ",";
  }
  std::printf("},\"parts\":{");
  separator = "";
  for (const auto& [name, part] : driver.parts()) {
    print(separator, name);
    std::printf("{\"marks\":%u,\"iterations\":%u,\"allocations\":%zu}", part.marks, part.iterations,
                part.allocations);
    separator = ",";
  }
  std::printf("},\"stack\":{");
  separator = "";
  for (const auto& [entry, depth] : driver.stack()) {
    print(separator, entry);
    std::printf("{\"bytes\":%zu,\"part\":\"%s\"}", depth.bytes, depth.part.c_str());
    separator = ",";
  }
  std::printf(
      "},\"flash\":{\"transactions\":%u,\"bytes\":%llu,\"most_bytes\":%llu,\"appends\":%llu,",
      kTransactions, static_cast<unsigned long long>(flash.bytes),
      static_cast<unsigned long long>(flash.most_bytes),
      static_cast<unsigned long long>(flash.appends));
  std::printf("\"other_operations\":%llu},",
              static_cast<unsigned long long>(flash.other_operations));
  std::printf("\"frames\":{\"MeterValues\":%zu,\"StopTransaction\":%zu},\"not_built\":[%s]}\n",
              driver.longest_frame("MeterValues"), driver.longest_frame("StopTransaction"),
              is_local_list_built ? "" : "\"send_local_list\"");
}

}  // namespace

int main(int argc, char** argv) {
  check_malloc_trap();
  Driver driver;
  if (argc == 2 && std::strcmp(argv[1], "--stack") == 0) {
    // Not under valgrind, which takes memory below the stack pointer for unmapped.
    check_stack_probe();
    driver.probe.enable();
  }

  driver.boot();
  driver.mark("boot");
  driver.configure("MinimumStatusDuration", "0");

  const Flash flash = transactions(driver);

  driver.configure("MeterValueSampleInterval", "0");
  driver.settle();
  idle(driver, "idle.step", "idle.iteration");

  Mix mix(driver);
  mix.run("available");
  begin_charging(driver);
  driver.mark("warm_up");
  mix.run("charging");
  idle(driver, "idle_charging.step", "idle_charging.iteration");
  end_charging(driver, "warm_up", "warm_up");

  std::vector<Figure> figures = {
      {"boot", 1, {"boot"}},
      {"transaction",
       kTransactions,
       {"transaction.start", "transaction.meter_values", "transaction.stop", "transaction.rest"}},
      {"meter_values", kTransactions * kMeterValuesEach, {"transaction.meter_values"}},
      {"stop_transaction", kTransactions, {"transaction.stop"}},
      {"idle", kIdleIterations, {"idle.step"}},
      {"idle_charging", kIdleIterations, {"idle_charging.step"}},
      {"idle_iteration", kIdleIterations, {"idle.iteration"}},
  };
  figures.insert(figures.end(), mix.figures.begin(), mix.figures.end());
  report(driver, figures, flash, mix.is_local_list_built);
  return 0;
}
