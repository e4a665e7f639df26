#pragma once

#include "bridge/bridge.hpp"
#include "doctest_main/doctest_main.hpp"
#include "modbus_line/heidelberg.hpp"
#include "platform_sim/malloc_trap.hpp"
#include "platform_sim/recording_log_sink.hpp"
#include "platform_sim/sim_clock.hpp"
#include "platform_sim/sim_key_value_store.hpp"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

/// A gateway's bridge with Heidelberg wallboxes on one line, in virtual time.
struct Observer final : charger::ChargerObserver {
  struct State {
    common::Instant at;
    uint8_t connector;
    charger::ChargerState state;
  };
  struct Sample {
    common::Instant at;
    uint8_t connector;
    charger::MeterSample sample;
  };
  void on_charger_state(uint8_t connector, const charger::ChargerState& state,
                        common::Instant now) override {
    platform_sim::MallocTrap::Exempt exempt;
    states.push_back({now, connector, state});
  }
  void on_meter_sample(uint8_t connector, const charger::MeterSample& sample,
                       common::Instant now) override {
    platform_sim::MallocTrap::Exempt exempt;
    samples.push_back({now, connector, sample});
  }
  std::vector<State> states;
  std::vector<Sample> samples;
};

struct World {
  explicit World(size_t boxes = 1, uint16_t layout = 0x0108) : line(clock), store(power) {
    for (size_t i = 0; i < boxes; ++i) {
      devices.push_back(std::make_unique<modbus_line::Heidelberg>(layout));
      line.attach(static_cast<uint8_t>(i + 1), *devices.back());
    }
  }

  bridge::ConnectorConfig config(uint8_t connector = 1) const {
    bridge::ConnectorConfig result;
    result.connector_id = connector;
    result.profile = "heidelberg-energy-control";
    result.unit_id = connector;
    // Pauses have tests of their own.
    result.timings.pause_least_ms = result.timings.pause_end_ms = 0;
    return result;
  }

  /// Starts a bridge (again: the gateway was restarted).
  void start(const std::vector<bridge::ConnectorConfig>& configs) {
    bridge.reset();
    observer = Observer();
    bridge = std::make_unique<bridge::Bridge>(store, log);
    REQUIRE(bridge->add_bus(line).ok());
    for (const bridge::ConnectorConfig& config : configs) {
      REQUIRE(bridge->add_connector(config) == common::Status::kOk);
    }
    REQUIRE(bridge->begin(observer, clock.now()) == common::Status::kOk);
  }
  void start() { start({config()}); }

  modbus_line::Heidelberg& box(size_t index = 0) { return *devices[index]; }

  /// Lets time pass; steps the bridge when it asks for it or when bytes arrive. Counts allocations of the bridge.
  void run(int64_t ms) {
    const common::Instant end = clock.now() + ms;
    int idle_steps = 0;
    for (;;) {
      common::Instant next = end;
      {
        platform_sim::MallocTrap trap;
        next = bridge->step(clock.now());
        allocations += trap.count();
      }
      next = common::earlier(next, line.next_event());
      // A bridge that asks to be called again at once, over and over, would spin.
      idle_steps = next <= clock.now() ? idle_steps + 1 : 0;
      if (idle_steps >= 50) FAIL("the bridge spins");
      if (next > end) next = end;
      if (next > clock.now()) clock.advance_to(next);
      for (auto& device : devices) device->advance(clock.now());
      if (clock.now() >= end) {
        bridge->step(clock.now());
        return;
      }
    }
  }
  /// Runs until the condition holds. @return false after the time is over.
  template <typename Condition>
  bool run_until(int64_t ms, Condition condition) {
    const common::Instant end = clock.now() + ms;
    while (clock.now() < end) {
      if (condition()) return true;
      run(50);
    }
    return condition();
  }

  void offer(uint32_t limit_ma, uint8_t connector = 1) {
    charger::Offer value;
    value.permit = true;
    value.limit_ma = limit_ma;
    bridge->set_offer(connector, value, clock.now());
  }
  void withdraw(uint8_t connector = 1) {
    bridge->set_offer(connector, charger::Offer(), clock.now());
  }

  const charger::ChargerState& state() const { return observer.states.back().state; }
  const charger::MeterSample& sample() const { return observer.samples.back().sample; }
  const bridge::ConnectorDiagnostics& diagnostics(uint8_t connector = 1) {
    return *bridge->diagnostics(connector);
  }
  std::vector<modbus_line::Seen> limit_writes(uint8_t unit = 1) const {
    return line.writes_to(unit, 261);
  }

  platform_sim::SimClock clock;
  platform_sim::SimPower power;
  modbus_line::ModbusLine line;
  platform_sim::SimKeyValueStore store;
  platform_sim::RecordingLogSink log;
  Observer observer;
  std::vector<std::unique_ptr<modbus_line::Heidelberg>> devices;
  std::unique_ptr<bridge::Bridge> bridge;
  size_t allocations = 0;
};
