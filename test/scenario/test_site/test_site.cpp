// Purpose:       Eight wallboxes on one gateway, on two lines and behind a network converter, share what the site bears.
// Given:         The real bridge and SiteLimit in virtual time; wallboxes as their manual describes them.
// Steps:         See each case.
// Pass criteria: What all of them really deliver is never above the site's limit for longer than 5 s, and is used.
// Spec:          OCPP 1.6 ed. 2, 3.13.3; IEC 61851-1 (5 s to follow).
#include "bridge/bridge.hpp"
#include "doctest_main/doctest_main.hpp"
#include "gateway/site_limit.hpp"
#include "modbus_line/heidelberg.hpp"
#include "modbus_line/modbus_server.hpp"
#include "platform_sim/malloc_trap.hpp"
#include "platform_sim/sim_clock.hpp"
#include "platform_sim/sim_key_value_store.hpp"

#include <algorithm>
#include <memory>
#include <vector>

using common::Instant;

namespace {

constexpr uint8_t kConnectors = 8;
constexpr uint32_t kSiteMa = 64000;

struct Reports final : charger::ChargerObserver {
  void on_charger_state(uint8_t connector, const charger::ChargerState& state, Instant) override {
    states[connector - 1U] = state;
  }
  void on_meter_sample(uint8_t, const charger::MeterSample&, Instant) override {}
  charger::ChargerState states[kConnectors];
};

/// Connectors 1 to 3 on the first line, 4 to 6 on the second, 7 and 8 behind the converter.
struct Site {
  Site() : lines{modbus_line::ModbusLine(clock), modbus_line::ModbusLine(clock)} {
    server.set_rtu();
    for (uint8_t id = 1; id <= kConnectors; ++id) units(id).attach(unit(id), boxes[id - 1U]);
  }

  static uint8_t unit(uint8_t id) { return static_cast<uint8_t>((id - 1) % 3 + 1); }
  modbus_line::Units& units(uint8_t id) {
    if (id > 6) return server;
    return lines[(id - 1) / 3];
  }
  void silence(uint8_t id, bool is_silent = true) {
    units(id).faults(unit(id)).is_silent = is_silent;
  }

  /// The gateway starts (again).
  void start() {
    site.reset();
    bridge = std::make_unique<bridge::Bridge>(store, log);
    site = std::make_unique<gateway::SiteLimit>(reports, *bridge, log);
    REQUIRE(bridge->add_bus(lines[0]).ok());
    REQUIRE(bridge->add_bus(lines[1]).ok());
    modbus::TcpTarget target;
    target.host = common::FixedString<63>("192.0.2.7");
    target.is_converter = true;
    REQUIRE(bridge->add_tcp_bus(socket, target).ok());
    for (uint8_t id = 1; id <= kConnectors; ++id) {
      bridge::ConnectorConfig config;
      config.connector_id = id;
      config.profile = "heidelberg-energy-control";
      config.bus = static_cast<uint8_t>((id - 1) / 3);
      config.unit_id = unit(id);
      config.failsafe_ma = id == 4 ? 6000 : 0;
      REQUIRE(bridge->add_connector(config) == common::Status::kOk);
    }
    gateway::SiteSettings settings;
    settings.connectors = kConnectors;
    settings.limit_ma = kSiteMa;
    site->begin(settings, clock.now());
    REQUIRE(bridge->begin(*site, clock.now()) == common::Status::kOk);
  }

  void permit_all() {
    for (uint8_t id = 1; id <= kConnectors; ++id)
      site->set_offer(id, charger::Offer(true, 16000, 3), clock.now());
  }

  void run(int64_t ms) {
    const Instant end = clock.now() + ms;
    while (clock.now() < end) {
      Instant next = end;
      {
        platform_sim::MallocTrap trap;
        next = common::earlier(next, site->step(clock.now()));
        next = common::earlier(next, bridge->step(clock.now()));
        allocations += trap.count();
      }
      server.step();
      for (const modbus_line::ModbusLine& line : lines)
        next = common::earlier(next, line.next_event());
      next = common::earlier(next, server.next_event());
      next = common::earlier(next, socket.next_event());
      clock.advance_to(std::max(next, clock.now() + 1));
      for (modbus_line::Heidelberg& box : boxes) box.advance(clock.now());
      check_sum();
    }
  }

  int32_t sum_ma() const {
    int32_t sum = 0;
    for (const modbus_line::Heidelberg& box : boxes) sum += box.current_ma();
    return sum;
  }
  void check_sum() {
    if (sum_ma() <= static_cast<int32_t>(kSiteMa)) {
      over_since = Instant::never();
      return;
    }
    if (over_since.is_never()) over_since = clock.now();
    longest_over_ms = std::max(longest_over_ms, clock.now() - over_since);
  }
  /// All but those in the list have this current, 0.1 A.
  bool have(int deci_a, std::initializer_list<uint8_t> but = {}) const {
    for (uint8_t id = 1; id <= kConnectors; ++id) {
      if (std::find(but.begin(), but.end(), id) != but.end()) continue;
      if (boxes[id - 1U].current_ma() != deci_a * 100) return false;
    }
    return true;
  }

  platform_sim::SimClock clock;
  platform_sim::SimPower power;
  platform_sim::SimKeyValueStore store{power};
  common::NullLogSink log;
  modbus_line::ModbusLine lines[2];
  platform_sim::SimTcpLink socket{clock};
  modbus_line::ModbusServer server{clock, socket};
  modbus_line::Heidelberg boxes[kConnectors];
  Reports reports;
  std::unique_ptr<bridge::Bridge> bridge;
  std::unique_ptr<gateway::SiteLimit> site;
  Instant over_since = Instant::never();
  int64_t longest_over_ms = 0;
  size_t allocations = 0;
};

}  // namespace

TEST_CASE("eight wallboxes on three buses share the site, one of them dead from the start") {
  Site site;
  site.silence(8);
  for (modbus_line::Heidelberg& box : site.boxes) box.plug();
  site.start();
  site.permit_all();
  site.run(9000);
  // Not all have been heard: nothing is given yet.
  CHECK(site.sum_ma() == 0);
  site.run(111000);
  // Whether the dead one has a watchdog nobody could ask: it counts with its 16 A. The step is 0.1 A.
  CHECK(site.have(68, {8}));
  site.silence(8, false);
  site.run(60000);
  CHECK(site.have(80));
  CHECK(site.longest_over_ms <= 5000);
  CHECK(site.allocations == 0);
}

TEST_CASE(
    "a whole line falls silent: the others take what its wallboxes give up, and give it back") {
  Site site;
  for (modbus_line::Heidelberg& box : site.boxes) box.plug();
  site.start();
  site.permit_all();
  site.run(60000);
  CHECK(site.have(80));
  for (const uint8_t id : {4, 5, 6}) site.silence(id);
  site.run(120000);
  CHECK(site.boxes[3].current_ma() == 6000);
  CHECK(site.boxes[4].current_ma() == 0);
  CHECK(site.boxes[5].current_ma() == 0);
  CHECK(site.have(116, {4, 5, 6}));
  for (const uint8_t id : {4, 5, 6}) site.silence(id, false);
  site.run(120000);
  CHECK(site.have(80));
  CHECK(site.longest_over_ms <= 5000);
}

TEST_CASE("the gateway restarts while all charge: nothing rises before all have answered") {
  Site site;
  for (modbus_line::Heidelberg& box : site.boxes) box.plug();
  site.start();
  site.permit_all();
  site.run(60000);
  CHECK(site.have(80));
  for (const uint8_t id : {1, 2}) site.boxes[id - 1U].unplug();
  site.silence(7);
  site.start();
  site.permit_all();
  site.run(8000);
  for (const modbus_line::Heidelberg& box : site.boxes) CHECK(box.current_ma() <= 8000);
  site.silence(7, false);
  site.run(120000);
  // Two cars have left: they keep the lowest current until the engine withdraws it.
  CHECK(site.have(86, {1, 2}));
  CHECK(site.longest_over_ms <= 5000);
}
