#include "bridge/bridge.hpp"
#include "doctest_main/doctest_main.hpp"
#include "keba.hpp"
#include "platform_sim/malloc_trap.hpp"
#include "platform_sim/recording_log_sink.hpp"
#include "platform_sim/sim_key_value_store.hpp"

#include <memory>

using charger::Error;
using charger::Health;
using charger::Plug;

namespace {

struct Observer final : charger::ChargerObserver, charger::IdReaderObserver {
  void on_charger_state(uint8_t, const charger::ChargerState& state, common::Instant) override {
    last = state;
    saw_unplugged = saw_unplugged || state.plug == Plug::kUnplugged;
  }
  void on_meter_sample(uint8_t, const charger::MeterSample& sample, common::Instant) override {
    last_sample = sample;
    ++samples;
  }
  void on_id_tag(uint8_t connector_id, const charger::IdTag& tag, common::Instant) override {
    platform_sim::MallocTrap::Exempt exempt;
    tags.push_back(std::to_string(connector_id) + ":" + tag.c_str());
  }
  charger::ChargerState last;
  charger::MeterSample last_sample;
  std::vector<std::string> tags;
  size_t samples = 0;
  bool saw_unplugged = false;
};

struct World {
  World() { net.set_name("wallbox.local", Keba::kAddress); }
  void start() {
    bridge = std::make_unique<bridge::Bridge>(store, log);
    REQUIRE(bridge->add_keba(config, net, "wallbox.local", &observer) == common::Status::kOk);
    REQUIRE(bridge->begin(observer, clock.now()) == common::Status::kOk);
  }
  void run(int64_t ms) {
    if (!bridge) start();
    const common::Instant end = clock.now() + ms;
    int idle_steps = 0;
    while (clock.now() < end) {
      common::Instant next;
      {
        platform_sim::MallocTrap trap;
        next = bridge->step(clock.now());
        allocations += trap.count();
      }
      idle_steps = next <= clock.now() ? idle_steps + 1 : 0;
      REQUIRE(idle_steps < 50);
      next = common::earlier(next, net.next_event());
      if (next <= clock.now()) next = clock.now() + 1;
      clock.advance_to(common::earlier(common::earlier(next, clock.now() + 20), end));
      keba.advance();
    }
    bridge->step(clock.now());
  }
  template <typename Condition>
  bool run_until(int64_t ms, Condition condition) {
    for (int64_t left = ms; left > 0 && !condition(); left -= 20) run(20);
    return condition();
  }
  void offer(uint32_t limit_ma) {
    charger::Offer value;
    value.permit = true;
    value.limit_ma = limit_ma;
    bridge->set_offer(1, value, clock.now());
  }
  void withdraw() { bridge->set_offer(1, charger::Offer(), clock.now()); }
  void charge(uint32_t limit_ma = 16000) {
    run(3000);
    withdraw();
    run(4000);
    keba.plug();
    run(3000);
    offer(limit_ma);
    REQUIRE(run_until(6000, [&] { return keba.current_ma == static_cast<int>(limit_ma); }));
  }
  /// Pauses have tests of their own.
  static bridge::ConnectorConfig quick() {
    bridge::ConnectorConfig result;
    result.timings.pause_least_ms = result.timings.pause_end_ms = 0;
    return result;
  }
  const charger::ChargerState& state() const { return observer.last; }

  platform_sim::SimClock clock;
  platform_sim::SimPower power;
  platform_sim::SimKeyValueStore store{power};
  platform_sim::RecordingLogSink log;
  platform_sim::SimUdpLink net{clock, 7};
  Keba keba{clock, net};
  Observer observer;
  bridge::ConnectorConfig config = quick();
  std::unique_ptr<bridge::Bridge> bridge;
  size_t allocations = 0;
};

}  // namespace

TEST_CASE("a KEBA charges a session within its pauses, and its EEPROM is never written") {
  World w;
  w.run(3000);
  CHECK(w.net.local_port() == 7090);
  CHECK(w.state().plug == Plug::kUnplugged);
  CHECK(w.state().health == Health::kOk);
  CHECK(w.keba.count("ena 0") == 0);
  w.withdraw();
  w.run(3000);
  CHECK(w.keba.enable_user == 0);
  w.keba.plug();
  w.run(2000);
  CHECK(w.state().plug == Plug::kPlugged);
  CHECK_FALSE(w.state().energy_offered);
  CHECK(w.keba.current_ma == 0);

  w.offer(16000);
  REQUIRE(w.run_until(6000, [&] { return w.keba.current_ma == 16000; }));
  w.run(5000);
  CHECK(w.state().energy_offered);
  CHECK(w.state().ev_requests_energy);
  CHECK(w.state().limit_ma == 16000);
  CHECK(w.bridge->diagnostics(1)->limit_confirmed);
  w.run(60000);
  CHECK(w.observer.last_sample.current_ma[2] == 16000);
  CHECK(w.observer.last_sample.voltage_mv[1] == 231000);
  CHECK(w.observer.last_sample.power_w == 11040);
  CHECK(w.observer.last_sample.energy_import_wh ==
        doctest::Approx(w.keba.energy_tenths_wh / 10).epsilon(0.001));
  w.offer(10050);
  REQUIRE(w.run_until(3000, [&] { return w.keba.current_ma == 10000; }));
  CHECK(w.keba.count("ena 1") == 1);
  w.offer(5000);
  REQUIRE(w.run_until(3000, [&] { return w.keba.current_ma == 0; }));
  w.offer(6000);
  REQUIRE(w.run_until(8000, [&] { return w.keba.current_ma == 6000; }));
  w.withdraw();
  REQUIRE(w.run_until(3000, [&] { return w.keba.current_ma == 0; }));
  w.keba.unplug();
  w.run(5000);
  CHECK(w.state().plug == Plug::kUnplugged);
  CHECK(w.keba.too_early == 0);
  CHECK(w.keba.eeprom_writes == 0);
  CHECK(w.keba.count("failsafe 30 0 0") >= 4);
  CHECK(w.allocations == 0);
  CHECK(sizeof(bridge::KebaDriver) <= 2048);
}

TEST_CASE("what the charger tells by itself is taken before the next poll") {
  World w;
  w.config.timings.status_poll_ms = 1400;
  w.charge();
  w.run(3000);
  w.keba.ev_wants = false;
  w.run(100);
  CHECK(w.bridge->diagnostics(1)->pilot == bridge::Pilot::kB2);
}

TEST_CASE(
    "a gateway that goes away trips the failsafe; back, it gives current and permission again") {
  World w;
  w.config.watchdog_ms = 10000;
  w.config.failsafe_ma = 8000;
  w.charge();
  for (int i = 0; i < 150; ++i) {
    w.clock.advance(100);
    w.keba.advance();
  }
  CHECK(w.keba.has_tripped);
  CHECK(w.keba.current_ma == 8000);
  w.run(6000);
  CHECK_FALSE(w.keba.has_tripped);
  CHECK(w.keba.current_ma == 16000);
}

TEST_CASE("a charger that restarts gets failsafe, current and permission again") {
  World w;
  w.charge(10000);
  w.run(12000);
  w.keba.reboot();
  w.run(8000);
  CHECK(w.keba.failsafe_s == 30);
  CHECK(w.keba.current_ma == 10000);
  CHECK(w.bridge->diagnostics(1)->restarts_seen == 1);
  w.withdraw();
  w.run(5000);
  w.keba.reboot();  // enabled out of the box
  w.run(8000);
  CHECK(w.keba.current_ma == 0);
}

TEST_CASE("a starting charger hides its plug and keeps it") {
  World w;
  w.charge();
  w.run(8000);
  w.keba.boot_ms = 20000;
  w.observer.saw_unplugged = false;
  w.keba.reboot();
  w.run(10000);
  CHECK(w.state().health == Health::kStale);
  CHECK(w.state().plug == Plug::kPlugged);
  w.run(20000);
  CHECK(w.state().health == Health::kOk);
  CHECK(w.keba.current_ma == 16000);
  CHECK_FALSE(w.observer.saw_unplugged);
}

TEST_CASE(
    "tags held to the charger's reader are told once each, the one from before the start never") {
  World w;
  w.keba.tag = "e3f76b8d00000000";
  w.run(5000);
  CHECK(w.observer.tags.empty());
  w.keba.plug();
  w.run(3000);
  CHECK(w.observer.tags.empty());
  w.keba.hold_tag("e3f76b8d00000000");
  w.run(10000);
  REQUIRE(w.observer.tags.size() == 1);
  CHECK(w.observer.tags[0] == "1:E3F76B8D00000000");
  w.keba.unplug();
  w.run(3000);
  w.keba.plug();
  w.keba.hold_tag("e3f76b8d00000000");
  w.run(3000);
  CHECK(w.observer.tags.size() == 2);
}

TEST_CASE("a charger that asks for authorisation is started") {
  World w;
  w.keba.needs_authorisation = true;
  w.run(3000);
  w.keba.plug();
  w.keba.hold_tag("e3f76b8d00000000");
  w.run(3000);
  w.offer(16000);
  w.run(20000);
  CHECK(w.keba.count("start E3F76B8D00000000") == 1);
  CHECK(w.keba.current_ma == 16000);
}

TEST_CASE("an EV that slept through a pause gets its permission taken and given, twice") {
  World w;
  w.charge();
  w.run(3000);
  w.offer(0);
  w.run(60000);
  w.keba.ev_wants = false;  // It sleeps.
  w.observer.saw_unplugged = false;
  w.offer(16000);
  w.run(30000);
  const size_t stops = w.keba.count("ena 0");
  REQUIRE(w.run_until(20000, [&] { return w.keba.count("ena 0") == stops + 1; }));
  REQUIRE(w.run_until(15000, [&] { return w.keba.enable_user == 1; }));
  w.run(600000);
  CHECK(w.keba.count("ena 0") == stops + 2);
  CHECK(w.keba.enable_user == 1);
  CHECK(w.keba.too_early == 0);
  CHECK_FALSE(w.observer.saw_unplugged);
}

TEST_CASE("a charger with a fixed cable has no plug to unlock") {
  World w;
  w.keba.product = "KC-P30-EC2404B2-M0R";
  w.run(3000);
  CHECK_FALSE(w.bridge->capabilities(1).has_lock);
  CHECK(w.bridge->unlock(1, w.clock.now()) == common::Status::kUnsupported);
  w.run(3000);
  CHECK(w.keba.unlocks == 0);
}

TEST_CASE("the plug is unlocked when no current flows") {
  World w;
  w.charge();
  CHECK(w.bridge->unlock(1, w.clock.now()) == common::Status::kOk);
  w.run(2000);
  CHECK(w.keba.unlocks == 0);
  w.withdraw();
  w.run(6000);
  CHECK(w.keba.unlocks == 1);
}

TEST_CASE("a silent charger is stale, lost, faulted, and never unplugged") {
  World w;
  w.charge();
  platform_sim::SimUdpLink::Behaviour behaviour;
  SUBCASE("switched off") { w.keba.is_silent = true; }
  SUBCASE("no network") {
    behaviour.is_network_down = true;
    w.net.set_behaviour(behaviour);
    w.keba.is_silent = true;
  }
  w.observer.saw_unplugged = false;
  w.run(4500);
  CHECK(w.state().health == Health::kStale);
  w.run(7000);
  CHECK(w.state().health == Health::kLost);
  w.run(50000);
  CHECK(w.state().is_faulted);
  behaviour.is_network_down = false;
  w.net.set_behaviour(behaviour);
  w.keba.is_silent = false;
  w.run(15000);
  CHECK(w.state().health == Health::kOk);
  CHECK(w.state().error == Error::kNone);
  CHECK(w.keba.current_ma == 16000);
  CHECK_FALSE(w.observer.saw_unplugged);
}

TEST_CASE("lost, doubled and foreign datagrams change nothing") {
  World w;
  w.charge();
  platform_sim::SimUdpLink::Behaviour behaviour;
  behaviour.drop_per_mille = 100;
  behaviour.duplicate_per_mille = 200;
  w.net.set_behaviour(behaviour);
  for (int i = 0; i < 100; ++i) {
    w.net.peer_send({0xC0A80163, 7090}, "{\"State\": 4, \"Plug\": 0}");
    w.net.peer_send({Keba::kAddress, 7090},
                    i % 2 == 0 ? "{\"State\": }" : "{\"Pl\xff\"ug: \"State\"");
    w.run(1000);
  }
  CHECK(w.keba.current_ma == 16000);
  CHECK(w.state().plug == Plug::kPlugged);
  CHECK_FALSE(w.state().is_faulted);
}

TEST_CASE("commands that are refused are told, and tried again") {
  World w;
  w.charge();
  w.run(3000);
  w.keba.refuses = true;
  w.offer(20000);
  w.run(40000);
  CHECK(w.state().vendor_error_code == common::FixedString<50>("CMD_REJECTED"));
  w.keba.refuses = false;
  w.run(40000);
  CHECK(w.keba.current_ma == 20000);
  CHECK(w.state().error == Error::kNone);
}

TEST_CASE("an error of the charger is a fault with its number") {
  World w;
  w.charge();
  w.keba.error = 108;
  w.run(2000);
  CHECK(w.state().is_faulted);
  CHECK(w.state().vendor_error_code == common::FixedString<50>("keba-udp:108"));
  CHECK(w.state().plug == Plug::kPlugged);
}

TEST_CASE("without a port, or a name, the bridge tries again") {
  World w;
  platform_sim::SimUdpLink::Behaviour behaviour;
  behaviour.is_port_taken = true;
  behaviour.is_name_server_silent = true;
  w.net.set_behaviour(behaviour);
  w.run(12000);
  CHECK(w.state().health == Health::kLost);
  behaviour.is_port_taken = behaviour.is_name_server_silent = false;
  w.net.set_behaviour(behaviour);
  w.run(15000);
  CHECK(w.state().health == Health::kOk);
}

TEST_CASE("a charger that does not know report 100 charges all the same") {
  World w;
  w.keba.knows_sessions = false;
  w.charge();
  w.run(40000);
  CHECK(w.keba.failsafe_s == 30);
  CHECK(w.keba.current_ma == 16000);
  CHECK(w.state().health == Health::kOk);
}
