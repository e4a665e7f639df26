#include "bridge/bridge.hpp"
#include "doctest_main/doctest_main.hpp"
#include "open_evse.hpp"
#include "platform_sim/recording_log_sink.hpp"
#include "platform_sim/sim_key_value_store.hpp"

#include <memory>

using charger::Error;
using charger::Health;
using charger::Plug;

namespace {

struct Observer final : charger::ChargerObserver {
  void on_charger_state(uint8_t, const charger::ChargerState& state, common::Instant) override {
    last = state;
    saw_unplugged = saw_unplugged || state.plug == Plug::kUnplugged;
  }
  void on_meter_sample(uint8_t, const charger::MeterSample& sample, common::Instant) override {
    last_sample = sample;
    ++samples;
  }
  charger::ChargerState last;
  charger::MeterSample last_sample;
  size_t samples = 0;
  bool saw_unplugged = false;
};

struct World {
  World() { start(); }
  void start() {
    bridge = std::make_unique<bridge::Bridge>(store, log);
    REQUIRE(bridge->add_openevse(config, evse) == common::Status::kOk);
    REQUIRE(bridge->begin(observer, clock.now()) == common::Status::kOk);
  }
  void run(int64_t ms) {
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
      clock.advance_to(common::earlier(common::earlier(next, clock.now() + 10), end));
      evse.advance();
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
    run(2000);
    withdraw();
    evse.plug();
    run(3000);
    offer(limit_ma);
    REQUIRE(run_until(5000, [&] { return evse.current_ma == static_cast<int>(limit_ma); }));
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
  OpenEvse evse{clock};
  Observer observer;
  bridge::ConnectorConfig config = quick();
  std::unique_ptr<bridge::Bridge> bridge;
  size_t allocations = 0;
};

}  // namespace

TEST_CASE("an OpenEVSE charges a session, and its EEPROM is never written") {
  World w;
  CHECK(w.evse.settings.baud == 115200);
  w.run(3000);
  CHECK(w.state().plug == Plug::kUnplugged);
  CHECK(w.state().health == Health::kOk);
  CHECK(w.evse.count("FS") == 0);  // not touched before the first offer
  w.withdraw();
  w.evse.plug();
  w.run(3000);
  CHECK(w.state().plug == Plug::kPlugged);
  CHECK_FALSE(w.state().energy_offered);
  CHECK(w.evse.state() == 0xFE);
  CHECK(w.evse.current_ma == 0);

  w.offer(16500);
  REQUIRE(w.run_until(5000, [&] { return w.evse.current_ma == 16000; }));
  w.run(3000);
  CHECK(w.state().energy_offered);
  CHECK(w.state().ev_requests_energy);
  CHECK(w.state().limit_ma == 16000);
  CHECK(w.bridge->diagnostics(1)->limit_confirmed);

  w.run(600000);
  CHECK(w.observer.last_sample.current_ma[0] == 16000);
  CHECK(w.observer.last_sample.power_w == 3840);
  CHECK(w.observer.last_sample.temperature_deci_c == 301);
  const double flowed = w.evse.session_ws / 3600;
  CHECK(w.observer.last_sample.energy_import_wh == doctest::Approx(flowed).epsilon(0.02));

  w.offer(9900);
  REQUIRE(w.run_until(2000, [&] { return w.evse.current_ma == 9000; }));
  w.offer(5000);
  REQUIRE(w.run_until(2000, [&] { return w.evse.current_ma == 0; }));
  w.run(3000);
  CHECK(w.state().plug == Plug::kPlugged);
  CHECK(w.state().limit_ma == 0);
  w.offer(6000);
  REQUIRE(w.run_until(3000, [&] { return w.evse.current_ma == 6000; }));
  w.withdraw();
  REQUIRE(w.run_until(2000, [&] { return w.evse.current_ma == 0; }));
  const int64_t before_wh = w.observer.last_sample.energy_import_wh;
  w.evse.unplug();
  w.run(5000);
  CHECK(w.state().plug == Plug::kUnplugged);
  w.evse.plug();
  w.run(10000);
  CHECK(w.observer.last_sample.energy_import_wh >= before_wh);
  CHECK(w.evse.eeprom_writes == 0);
  CHECK(w.evse.count("FD") == 0);
  CHECK(w.allocations == 0);
  CHECK(sizeof(bridge::RapiDriver) <= 2048);
}

TEST_CASE("a state change that the charger announces is seen before the next poll") {
  World w;
  w.charge();
  w.run(2500);
  w.evse.ev_wants = false;
  w.run(200);
  CHECK(w.bridge->diagnostics(1)->pilot == bridge::Pilot::kB2);
}

TEST_CASE(
    "a gateway that goes away leaves the charger at its failsafe current, a new one acknowledges") {
  World w;
  w.config.watchdog_ms = 10000;
  w.config.failsafe_ma = 8000;
  w.start();
  w.charge();
  CHECK(w.evse.supervision_s == 10);
  w.run(60000);
  CHECK_FALSE(w.evse.has_tripped);
  // Nobody asks for 15 s.
  for (int i = 0; i < 1500; ++i) {
    w.clock.advance(10);
    w.evse.advance();
  }
  CHECK(w.evse.has_tripped);
  CHECK(w.evse.current_ma == 8000);
  w.run(3000);
  CHECK_FALSE(w.evse.is_unacknowledged);
  CHECK(w.evse.current_ma == 16000);
  CHECK(w.state().plug == Plug::kPlugged);
}

TEST_CASE("a charger that restarts gets supervision, limit and permission again") {
  World w;
  w.charge(10000);
  w.evse.reboot();
  w.evse.current_ma = 0;
  w.run(3000);
  CHECK(w.evse.supervision_s == 30);
  CHECK(w.evse.capacity_a == 10);
  CHECK(w.evse.current_ma == 10000);
  CHECK(w.bridge->diagnostics(1)->restarts_seen == 1);
  CHECK(w.state().plug == Plug::kPlugged);
}

TEST_CASE("a charger that restarts without permission is put to sleep again") {
  World w;
  w.run(1000);
  w.withdraw();
  w.evse.plug();
  w.run(2000);
  w.evse.reboot();
  w.run(2000);
  CHECK(w.evse.state() == 0xFE);
}

TEST_CASE("each fault has its error code") {
  World w;
  w.charge();
  Error expected = Error::kNone;
  SUBCASE("diode") { w.evse.error = 5, expected = Error::kEvCommunicationError; }
  SUBCASE("ground fault") { w.evse.error = 6, expected = Error::kGroundFailure; }
  SUBCASE("no ground") { w.evse.error = 7, expected = Error::kGroundFailure; }
  SUBCASE("stuck relay") { w.evse.error = 8, expected = Error::kPowerSwitchFailure; }
  SUBCASE("self-test") { w.evse.error = 9, expected = Error::kGroundFailure; }
  SUBCASE("temperature") { w.evse.error = 10, expected = Error::kHighTemperature; }
  SUBCASE("over-current") { w.evse.error = 11, expected = Error::kOverCurrentFailure; }
  SUBCASE("relay closure") { w.evse.error = 14, expected = Error::kPowerSwitchFailure; }
  SUBCASE("unknown") { w.evse.error = 13, expected = Error::kOtherError; }
  w.run(1500);
  CHECK(w.state().error == expected);
  CHECK(w.state().is_faulted);
  CHECK(w.state().plug == Plug::kPlugged);
  w.evse.error = 0;
  w.run(8000);
  // A contactor that failed is not trusted again before the charger was switched off and on.
  CHECK(w.state().is_faulted == (expected == Error::kPowerSwitchFailure));
  w.evse.reboot();
  w.run(8000);
  CHECK_FALSE(w.state().is_faulted);
}

TEST_CASE("a silent charger is stale, lost, faulted, and never unplugged") {
  World w;
  w.charge();
  SUBCASE("cut") { w.evse.is_silent = true; }
  SUBCASE("adapter gone") { w.evse.is_unplugged_from_gateway = true; }
  SUBCASE("wrong checksums") { w.evse.breaks_checksums = true; }
  SUBCASE("too slow") { w.evse.answer_ms = 2000; }
  w.observer.saw_unplugged = false;
  w.run(4500);
  CHECK(w.state().health == Health::kStale);
  w.run(7000);
  CHECK(w.state().health == Health::kLost);
  CHECK(w.state().error == Error::kOtherError);
  CHECK_FALSE(w.state().is_faulted);
  const size_t samples = w.observer.samples;
  w.run(50000);
  CHECK(w.state().is_faulted);
  CHECK(w.observer.samples == samples);
  w.evse.is_silent = w.evse.is_unplugged_from_gateway = w.evse.breaks_checksums = false;
  w.evse.answer_ms = 10;
  w.run(6000);
  CHECK(w.state().health == Health::kOk);
  CHECK(w.state().error == Error::kNone);
  CHECK(w.evse.current_ma == 16000);
  CHECK_FALSE(w.observer.saw_unplugged);
}

TEST_CASE("an EV that slept through a pause is woken by -12 V at the pilot, and stays plugged") {
  World w;
  w.charge();
  w.run(3000);
  w.offer(0);
  w.run(60000);
  REQUIRE(w.evse.is_sleeping);
  w.evse.ev_wants = false;  // It sleeps.
  w.observer.saw_unplugged = false;
  w.offer(16000);
  w.run(30000);
  CHECK(w.evse.count("FD") == 0);
  REQUIRE(w.run_until(10000, [&] { return w.evse.is_disabled; }));
  w.evse.ev_wants = true;
  w.run(4000);
  CHECK(w.evse.is_disabled);
  REQUIRE(w.run_until(6000, [&] { return w.evse.current_ma == 16000; }));
  CHECK(w.evse.count("FD") == 1);
  w.run(10000);
  CHECK_FALSE(w.observer.saw_unplugged);
  CHECK(w.state().ev_requests_energy);
  CHECK(w.state().error == Error::kNone);
}

TEST_CASE("an EV that is full is left alone") {
  World w;
  w.charge();
  w.run(3000);
  w.evse.ev_wants = false;
  w.run(10000);
  w.offer(0);
  w.run(60000);
  w.offer(16000);
  const size_t enabled = w.evse.count("FE");
  w.run(600000);
  CHECK(w.evse.count("FD") == 0);
  CHECK(w.evse.count("FE") <= enabled + 1);
}

TEST_CASE("noise between the lines is passed over") {
  World w;
  w.charge();
  for (int i = 0; i < 200; ++i) {
    w.evse.garble(i % 3 == 0   ? std::string("\xff\x00$OK 01 1", 9)
                  : i % 3 == 1 ? std::string(90, 'x')
                               : "$AT 01^00\r$$$");
    w.run(100);
  }
  CHECK(w.state().plug == Plug::kPlugged);
  CHECK(w.evse.current_ma == 16000);
  w.run(3000);
  CHECK(w.state().health == Health::kOk);
}

TEST_CASE("commands that are not obeyed are told, and tried again") {
  World w;
  w.charge();
  w.evse.ignores_commands = true;
  w.offer(8000);
  w.run(10000);
  CHECK(w.state().error == Error::kOtherError);
  CHECK(w.state().vendor_error_code == common::FixedString<50>("CMD_REJECTED"));
  w.evse.ignores_commands = false;
  w.run(35000);
  CHECK(w.evse.current_ma == 8000);
  CHECK(w.state().error == Error::kNone);
}

TEST_CASE("a charger of old firmware, or locked until authorised, charges too") {
  World w;
  w.evse.has_supervision = false;
  w.evse.is_auth_locked = true;
  w.evse.is_old = true;
  w.charge();
  w.run(5000);
  CHECK_FALSE(w.evse.is_auth_locked);
  CHECK(w.evse.current_ma == 16000);
}

TEST_CASE("a charger that somebody disabled shows no plug, and sleeps once an offer says so") {
  World w;
  w.run(1000);
  w.evse.is_disabled = true;
  w.run(3000);
  CHECK(w.state().health == Health::kStale);
  w.withdraw();
  w.run(3000);
  CHECK(w.evse.state() == 0xFE);
  CHECK(w.state().health == Health::kOk);
}

TEST_CASE("settings that the charger cannot take are one sentence") {
  World w;
  bridge::Bridge other(w.store, w.log);
  w.config.failsafe_ma = 3000;
  CHECK(other.add_openevse(w.config, w.evse) == common::Status::kInvalidArgument);
  CHECK(std::string(other.error_text()) ==
        "connector 1: the failsafe current, 3000 mA, is not 0 or 6000 to 80000 mA");
  w.config.failsafe_ma = 0;
  w.config.watchdog_ms = 1000;
  CHECK(other.add_openevse(w.config, w.evse) == common::Status::kInvalidArgument);
}
