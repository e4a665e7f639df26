#pragma once

#include "bridge/bridge.hpp"
#include "doctest_main/doctest_main.hpp"
#include "modbus_line/modbus_line.hpp"
#include "platform_sim/recording_log_sink.hpp"
#include "platform_sim/sim_clock.hpp"
#include "platform_sim/sim_key_value_store.hpp"

#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <vector>

/// A device that is tables of words and bits, as the facts about a charger describe it.
struct Box final : modbus_line::Device {
  std::map<uint16_t, uint16_t> input;
  std::map<uint16_t, uint16_t> holding;
  struct Write {
    common::Instant at;
    uint16_t address;
    uint16_t value;
  };
  std::vector<Write> writes;
  uint16_t refused = 0;  ///< Writes to this address are answered with "device failure".
  int refusals = 0;
  bool is_silent = false;

  bool is_listening(common::Instant) override { return !is_silent; }
  uint8_t read(uint8_t function, uint16_t address, uint16_t count, uint16_t* out,
               common::Instant) override {
    const std::map<uint16_t, uint16_t>& table = function == 4 ? input : holding;
    for (uint16_t i = 0; i < count; ++i) {
      const auto found = table.find(static_cast<uint16_t>(address + i));
      if (found == table.end()) return 2;
      out[i] = found->second;
    }
    return 0;
  }
  uint8_t write(uint16_t address, uint16_t value, common::Instant now) override {
    if (refused != 0 && address == refused) {
      ++refusals;
      return 4;
    }
    writes.push_back({now, address, value});
    holding[address] = value;
    return 0;
  }

  void fill(std::map<uint16_t, uint16_t>& table, uint16_t from, uint16_t count) {
    for (uint16_t i = 0; i < count; ++i) table.emplace(static_cast<uint16_t>(from + i), 0);
  }
  static uint32_t bits(float value) {
    uint32_t result = 0;
    std::memcpy(&result, &value, sizeof(result));
    return result;
  }
  static void set32(std::map<uint16_t, uint16_t>& table, uint16_t address, uint32_t value) {
    table[address] = static_cast<uint16_t>(value >> 16U);
    table[static_cast<uint16_t>(address + 1)] = static_cast<uint16_t>(value);
  }
  static uint32_t get32(const std::map<uint16_t, uint16_t>& table, uint16_t address) {
    return static_cast<uint32_t>(table.at(address)) << 16U |
           table.at(static_cast<uint16_t>(address + 1));
  }
  size_t writes_to(uint16_t address) const {
    size_t result = 0;
    for (const Write& write : writes) result += write.address == address ? 1U : 0U;
    return result;
  }
};

/// A bridge with one such device on a line, in virtual time.
struct World final : charger::ChargerObserver, charger::IdReaderObserver {
  World() : line(clock), store(power), bridge(store, log) {}

  void start(const char* profile, uint8_t unit, bridge::ConnectorConfig config = {},
             bool is_ascii = false) {
    if (is_ascii) line.set_ascii();
    line.attach(unit, box);
    REQUIRE(bridge.add_bus(line).ok());
    if (meter != nullptr) {
      bridge::MeterConfig meter_config;
      meter_config.profile = meter;
      meter_config.loaded_profile = loaded_meter;
      meter_config.unit_id = 100;
      meter_config.poll_ms = meter_poll_ms;
      line.attach(100, meter_box);
      const common::Result<uint8_t> added = bridge.add_meter(meter_config);
      CAPTURE(bridge.error_text());
      REQUIRE(added.ok());
      config.meter = added.value();
    }
    // Pauses have tests of their own.
    config.timings.pause_least_ms = config.timings.pause_end_ms = 0;
    // What is reached over TCP is put on a line: the framing does not matter here.
    table = *bridge::find_charger_profile(profile);
    table.transports = bridge::kOverRtu;
    table.serial.baud = 38400;
    if (is_ascii) {
      config.override_serial = true;
      config.serial = table.serial;
      config.serial_framing = modbus::Framing::kAscii;
    }
    if (change) change(table);
    config.loaded_profile = &table;
    const common::Status status = bridge.add_connector(config, this);
    CAPTURE(bridge.error_text());
    REQUIRE(status == common::Status::kOk);
    REQUIRE(bridge.begin(*this, clock.now()) == common::Status::kOk);
  }

  void run(int64_t ms) {
    const common::Instant end = clock.now() + ms;
    for (;;) {
      common::Instant next = bridge.step(clock.now());
      next = common::earlier(next, line.next_event());
      if (next > end) next = end;
      if (clock.now() >= end) return;
      clock.advance_to(next > clock.now() ? next : clock.now() + 1);
    }
  }
  template <typename Condition>
  bool run_until(int64_t ms, Condition condition) {
    const common::Instant end = clock.now() + ms;
    while (clock.now() < end) {
      if (condition()) return true;
      run(50);
    }
    return condition();
  }
  void offer(uint32_t limit_ma, uint8_t phases = 3) {
    charger::Offer value;
    value.permit = true;
    value.limit_ma = limit_ma;
    value.phases = phases;
    bridge.set_offer(1, value, clock.now());
  }
  void withdraw() { bridge.set_offer(1, charger::Offer(), clock.now()); }

  void on_charger_state(uint8_t, const charger::ChargerState& value, common::Instant) override {
    state = value;
  }
  void on_meter_sample(uint8_t, const charger::MeterSample& value, common::Instant) override {
    sample = value;
  }
  void on_id_tag(uint8_t, const charger::IdTag& tag, common::Instant) override {
    tags.push_back(tag.c_str());
  }
  void on_own_authorization(uint8_t, charger::OwnAuthorization value, common::Instant) override {
    own.push_back(value);
  }

  /// Called before the start: makes another charger of the profile.
  std::function<void(bridge::Profile&)> change;
  bridge::Profile table = *bridge::charger_profiles()[0];

  const char* meter = nullptr;                    ///< Profile of a meter at unit 100.
  const bridge::Profile* loaded_meter = nullptr;  ///< In its place.
  uint32_t meter_poll_ms = 5000;
  Box meter_box;

  platform_sim::SimClock clock;
  platform_sim::SimPower power;
  modbus_line::ModbusLine line;
  platform_sim::SimKeyValueStore store;
  platform_sim::RecordingLogSink log;
  Box box;
  charger::ChargerState state;
  charger::MeterSample sample;
  std::vector<std::string> tags;
  std::vector<charger::OwnAuthorization> own;
  bridge::Bridge bridge;
};
