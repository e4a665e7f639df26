#include "doctest_main/doctest_main.hpp"
#include "platform_sim/sim_charger.hpp"

#include <vector>

using charger::ChargerState;
using charger::Health;
using charger::MeterSample;
using charger::Offer;
using charger::Plug;
using common::Instant;
using common::Status;
using platform_sim::SimCharger;
using platform_sim::SimClock;
using platform_sim::SimWaiter;

namespace {

class Recorder final : public charger::ChargerObserver {
 public:
  void on_charger_state(uint8_t connector_id, const ChargerState& state, Instant) override {
    states.emplace_back(connector_id, state);
  }
  void on_meter_sample(uint8_t connector_id, const MeterSample& sample, Instant) override {
    samples.emplace_back(connector_id, sample);
  }
  const ChargerState& last_state() const { return states.back().second; }
  const MeterSample& last_sample() const { return samples.back().second; }

  std::vector<std::pair<uint8_t, ChargerState>> states;
  std::vector<std::pair<uint8_t, MeterSample>> samples;
};

struct Bench {
  SimClock clock;
  Recorder recorder;
  SimCharger charger;
  SimWaiter waiter{clock};

  explicit Bench(const SimCharger::Wallbox& wallbox = SimCharger::Wallbox(), uint8_t connectors = 1)
      : charger(clock, connectors, wallbox) {
    charger.set_observer(recorder);
    waiter.add_source([this] { return charger.next_event(); });
    charger.step();
  }
  void run_for(int64_t duration_ms) {
    const Instant end = clock.now() + duration_ms;
    while (clock.now() < end) {
      waiter.wait_until(end);
      charger.step();
    }
  }
  void offer(uint32_t limit_ma, bool permit = true) {
    Offer offer;
    offer.permit = permit;
    offer.limit_ma = limit_ma;
    charger.set_offer(1, offer, clock.now());
  }
};

}  // namespace

TEST_CASE("a charger reports its first state and samples at its interval") {
  Bench bench;
  REQUIRE(bench.recorder.states.size() == 1);
  CHECK(bench.recorder.last_state().plug == Plug::kUnplugged);
  CHECK(bench.recorder.last_state().health == Health::kOk);
  bench.run_for(10000);
  CHECK(bench.recorder.states.size() == 1);
  CHECK(bench.recorder.samples.size() == 11);
  CHECK(bench.recorder.last_sample().has(charger::kMeterEnergyImport));
  CHECK_FALSE(bench.recorder.last_sample().has(charger::kMeterSoc));
}

TEST_CASE(
    "current follows the offer up to what EV and wallbox take, energy integrates it exactly") {
  Bench bench;
  SimCharger::Ev ev;
  ev.max_ma = 20000;
  bench.charger.plug(1, ev);
  bench.run_for(1000);
  CHECK(bench.recorder.last_state().plug == Plug::kPlugged);
  CHECK_FALSE(bench.recorder.last_state().ev_requests_energy);
  CHECK(bench.recorder.last_state().session_marker == 1);
  bench.offer(10000);
  bench.run_for(2200);  // 200 ms for the command, 2 s until the EV starts
  CHECK(bench.recorder.last_state().ev_requests_energy);
  CHECK(bench.recorder.last_state().energy_offered);
  CHECK(bench.recorder.last_state().limit_ma == 10000);
  CHECK(bench.charger.current_ma(1) == 10000);
  bench.run_for(3600000);
  CHECK(bench.charger.energy_wh(1) == 6900);  // 3 x 230 V x 10 A for an hour
  CHECK(bench.recorder.last_sample().power_w == 6900);
  CHECK(bench.recorder.last_sample().current_ma[2] == 10000);
  CHECK(bench.recorder.last_sample().voltage_mv[0] == 230000);
  bench.offer(32000);
  bench.run_for(200);
  CHECK(bench.charger.current_ma(1) == 16000);  // the wallbox's maximum
  bench.offer(32000, false);
  bench.run_for(200);
  CHECK(bench.charger.current_ma(1) == 0);
  CHECK(bench.recorder.last_state().limit_ma == 0);
}

TEST_CASE("the result does not depend on how often step runs") {
  const auto run = [](int64_t step_ms) {
    Bench bench;
    SimCharger::Ev ev;
    ev.wanted_wh = 1234;
    bench.charger.plug(1, ev);
    bench.offer(13000);
    for (int64_t t = 0; t < 1000000; t += step_ms) {
      bench.clock.advance(step_ms);
      bench.charger.step();
    }
    return bench.charger.energy_wh(1);
  };
  CHECK(run(10) == 1234);
  CHECK(run(1000000) == 1234);
  CHECK(run(100) == run(333));
}

TEST_CASE("less than the minimum is a pause, and a full EV stops asking") {
  Bench bench;
  SimCharger::Ev ev;
  ev.wanted_wh = 500;
  bench.charger.plug(1, ev);
  bench.offer(5900);
  bench.run_for(60000);
  CHECK(bench.charger.energy_wh(1) == 0);
  CHECK_FALSE(bench.recorder.last_state().energy_offered);
  bench.offer(6000);
  bench.run_for(3600000);
  CHECK(bench.charger.energy_wh(1) == 500);
  CHECK(bench.charger.current_ma(1) == 0);
  CHECK_FALSE(bench.recorder.last_state().ev_requests_energy);
  CHECK(bench.recorder.last_state().energy_offered);
  bench.charger.unplug(1);
  bench.charger.plug(1);
  bench.run_for(10000);
  CHECK(bench.charger.current_ma(1) == 6000);
  CHECK(bench.recorder.last_state().session_marker == 2);
}

TEST_CASE("one phase draws a third") {
  Bench bench;
  SimCharger::Ev ev;
  ev.phases = 1;
  ev.start_delay_ms = 0;
  bench.charger.plug(1, ev);
  bench.offer(10000);
  bench.run_for(200 + 3600000);
  CHECK(bench.charger.energy_wh(1) == 2300);
  CHECK(bench.recorder.last_sample().current_ma[0] == 10000);
  CHECK(bench.recorder.last_sample().current_ma[1] == 0);
}

TEST_CASE("a fault stops charging until it clears, a warning does not") {
  Bench bench;
  bench.charger.plug(1);
  bench.offer(16000);
  bench.run_for(5000);
  bench.charger.set_error(1, charger::Error::kHighTemperature, false, "T1");
  bench.run_for(1000);
  CHECK(bench.charger.current_ma(1) == 16000);
  CHECK(bench.recorder.last_state().error == charger::Error::kHighTemperature);
  CHECK_FALSE(bench.recorder.last_state().is_faulted);
  bench.charger.set_error(1, charger::Error::kGroundFailure, true);
  bench.run_for(1000);
  CHECK(bench.charger.current_ma(1) == 0);
  CHECK(bench.recorder.last_state().is_faulted);
  bench.charger.set_error(1, charger::Error::kNone, false);
  bench.run_for(5000);
  CHECK(bench.charger.current_ma(1) == 16000);
}

TEST_CASE("a silent charger becomes stale, then lost, takes no commands and goes on charging") {
  Bench bench;
  bench.charger.plug(1);
  bench.offer(16000);
  bench.run_for(5000);
  const int64_t energy_before = bench.charger.energy_wh(1);
  bench.charger.set_silent(1, true);
  const size_t samples = bench.recorder.samples.size();
  bench.run_for(4999);
  CHECK(bench.recorder.last_state().health == Health::kOk);
  bench.run_for(1);
  CHECK(bench.recorder.last_state().health == Health::kStale);
  CHECK(bench.recorder.last_state().plug == Plug::kPlugged);
  bench.run_for(55000);
  CHECK(bench.recorder.last_state().health == Health::kLost);
  CHECK(bench.recorder.last_state().plug == Plug::kUnknown);
  bench.offer(6000, false);
  bench.run_for(1000);
  CHECK(bench.charger.current_ma(1) == 16000);
  CHECK(bench.recorder.samples.size() == samples);
  bench.charger.set_silent(1, false);
  bench.run_for(1000);
  CHECK(bench.recorder.last_state().health == Health::kOk);
  CHECK(bench.recorder.last_state().plug == Plug::kPlugged);
  CHECK(bench.charger.energy_wh(1) > energy_before + 150);
}

TEST_CASE("a sample can be asked for, a lock opened where there is one") {
  SimCharger::Wallbox wallbox;
  wallbox.sample_interval_ms = 60000;
  wallbox.capabilities.has_lock = true;
  wallbox.initial_energy_wh = 12345;
  Bench bench(wallbox, 2);
  CHECK(bench.recorder.states.size() == 2);
  CHECK(bench.recorder.last_sample().energy_import_wh == 12345);
  bench.run_for(1000);
  CHECK(bench.recorder.samples.size() == 2);
  bench.charger.request_sample(2, bench.clock.now());
  bench.run_for(1000);
  REQUIRE(bench.recorder.samples.size() == 3);
  CHECK(bench.recorder.samples.back().first == 2);
  CHECK(bench.charger.unlock(2, bench.clock.now()) == Status::kOk);
  CHECK(bench.charger.unlocks(2) == 1);
  bench.charger.set_silent(2, true);
  CHECK(bench.charger.unlock(2, bench.clock.now()) == Status::kIo);
  Bench without_lock;
  CHECK(without_lock.charger.unlock(1, Instant{}) == Status::kUnsupported);
}

TEST_CASE("wallbox and car go on while the gateway restarts") {
  Bench bench;
  bench.charger.plug(1);
  bench.offer(10000);
  bench.run_for(10000);
  const int64_t before = bench.charger.energy_wh(1);
  bench.clock.restart(false, 3600000);
  bench.charger.on_gateway_restart(3600000);
  bench.recorder.states.clear();
  bench.charger.step();
  REQUIRE(bench.recorder.states.size() == 1);
  CHECK(bench.recorder.last_state().plug == Plug::kPlugged);
  CHECK(bench.recorder.last_state().session_marker == 1);
  CHECK(bench.charger.energy_wh(1) == before + 6900);
  CHECK(bench.charger.current_ma(1) == 10000);
}
