#pragma once

#include "bridge/bridge.hpp"
#include "doctest_main/doctest_main.hpp"
#include "platform_sim/malloc_trap.hpp"
#include "platform_sim/recording_log_sink.hpp"
#include "platform_sim/sim_clock.hpp"
#include "platform_sim/sim_gpio_box.hpp"
#include "platform_sim/sim_key_value_store.hpp"

#include <memory>
#include <vector>

using charger::Error;
using charger::Plug;
using platform_sim::SimGpioBox;

struct Observer final : charger::ChargerObserver {
  void on_charger_state(uint8_t, const charger::ChargerState& state, common::Instant) override {
    platform_sim::MallocTrap::Exempt exempt;
    states.push_back(state);
  }
  void on_meter_sample(uint8_t, const charger::MeterSample& sample, common::Instant) override {
    last_sample = sample;
    ++samples;
  }
  std::vector<charger::ChargerState> states;
  charger::MeterSample last_sample;
  size_t samples = 0;
};

constexpr const char* kFixedCable = "pilot=25 pilot_in=36 contactor=27 feedback=34 s0=35";
constexpr const char* kSocket =
    "pilot=25 pilot_in=36 contactor=27 feedback=34 s0=35 proximity=39 lock=32 pilot_off=33 "
    "fault=14 max_ma=32000";

/// A bridge with one box on the board's pins, in virtual time.
struct World {
  explicit World(const char* wiring = kFixedCable) : pins(wiring) { start(); }

  void start() {
    bridge.reset();
    observer = Observer();
    bridge = std::make_unique<bridge::Bridge>(store, log);
    bridge::GpioConfig wiring;
    common::FixedString<159> error;
    const common::Status parsed = parse_gpio_config(common::text(pins), box, wiring, error);
    INFO(error.c_str());
    REQUIRE(parsed == common::Status::kOk);
    REQUIRE(bridge->add_gpio(config, wiring, {&box, &box, &box, &box}) == common::Status::kOk);
    REQUIRE(bridge->begin(observer, clock.now()) == common::Status::kOk);
  }
  void restart() {
    box.on_board_restart();
    start();
  }

  void run(int64_t ms) {
    const common::Instant end = clock.now() + ms;
    while (clock.now() < end) {
      common::Instant next;
      {
        platform_sim::MallocTrap trap;
        next = bridge->step(clock.now());
        allocations += trap.count();
      }
      if (may_spin && next <= clock.now()) next = clock.now() + 1;
      REQUIRE(next > clock.now());
      next = common::earlier(next, common::earlier(clock.now() + 20, end));
      clock.advance_to(next);
      box.advance();
      highest_ma = box.current_ma() > highest_ma ? box.current_ma() : highest_ma;
    }
    platform_sim::MallocTrap trap;
    bridge->step(clock.now());
    allocations += trap.count();
  }
  template <typename Condition>
  bool run_until(int64_t ms, Condition condition) {
    const common::Instant end = clock.now() + ms;
    while (clock.now() < end) {
      if (condition()) return true;
      run(20);
    }
    return condition();
  }
  void offer(uint32_t limit_ma) {
    charger::Offer value;
    value.permit = true;
    value.limit_ma = limit_ma;
    bridge->set_offer(1, value, clock.now());
  }
  void withdraw() { bridge->set_offer(1, charger::Offer(), clock.now()); }
  /// A session that draws current.
  void charge(const SimGpioBox::Ev& ev = SimGpioBox::Ev(), uint32_t limit_ma = 16000) {
    run(500);
    box.plug(ev);
    run(1500);
    offer(limit_ma);
    REQUIRE(run_until(8000, [&] { return box.current_ma() > 0; }));
  }
  /// Pauses have tests of their own.
  static bridge::ConnectorConfig quick() {
    bridge::ConnectorConfig result;
    result.timings.pause_least_ms = result.timings.pause_end_ms = 0;
    return result;
  }
  const charger::ChargerState& state() const { return observer.states.back(); }

  platform_sim::SimClock clock;
  platform_sim::SimPower power;
  SimGpioBox box{clock};
  platform_sim::SimKeyValueStore store{power};
  platform_sim::RecordingLogSink log;
  Observer observer;
  bridge::ConnectorConfig config = quick();
  const char* pins;
  std::unique_ptr<bridge::Bridge> bridge;
  size_t allocations = 0;
  uint32_t highest_ma = 0;
  bool may_spin = false;
};
