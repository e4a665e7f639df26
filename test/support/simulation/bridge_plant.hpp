#pragma once

#include "bridge/bridge_config.hpp"
#include "modbus_line/field_chargers.hpp"
#include "modbus_line/heidelberg.hpp"
#include "modbus_line/modbus_server.hpp"
#include "platform_sim/sim_entropy.hpp"
#include "simulation/ports.hpp"
#include "simulation/script.hpp"

#include <array>
#include <map>
#include <memory>
#include <vector>

namespace simulation {

/// A charger on its bus with its car and what is wrong with both. Bugs planted below the bridge sit here: it is deceived
/// about what it has written and read.
class Box final : public modbus_line::Device {
 public:
  Box(const Script& script, uint8_t id, Mutant mutant);

  bool is_listening(common::Instant now) override { return charger->is_listening(now); }
  void on_request(common::Instant now) override { charger->on_request(now); }
  uint8_t read(uint8_t function, uint16_t address, uint16_t count, uint16_t* out,
               common::Instant now) override;
  uint8_t write(uint16_t address, uint16_t value, common::Instant now) override;
  void reboot(common::Instant now, int64_t silent_ms, int64_t boot_ms);

  bool has_meter() const { return meter != nullptr; }
  bool is_on_tcp() const {
    return kind == ChargerKind::kDaheimLaden || kind == ChargerKind::kKeba ||
           kind == ChargerKind::kAlfen;
  }
  /// Smallest step of the counter that the bridge reads, Wh.
  double resolution_wh() const;

  ChargerKind kind;
  std::unique_ptr<modbus_line::ChargerModel> charger;
  std::unique_ptr<modbus_line::Sdm630> meter;
  bridge::ConnectorConfig config;  ///< Without bus and meter.
  // What the installer or the configuration asks for.
  uint32_t watchdog_ms = 0;  ///< 0 = none.
  int32_t failsafe_ma = 0;
  uint32_t baud = 0;
  common::Instant limit_written_at;  ///< Last attempt.
  uint32_t glitch_per_mille = 0;
  uint32_t glitches = 0;

 private:
  using Role = modbus_line::ChargerModel::Role;

  Mutant mutant_;
  platform_sim::SimEntropy entropy_;
  std::map<uint16_t, uint16_t> written_;
  bool is_deaf_;  ///< To settings.
  uint32_t tag_reads_ = 0;
};

/// The chargers and meters of a script with their lines and sockets.
class Plant {
 public:
  struct Socket {
    explicit Socket(platform_sim::SimClock& clock) : link(clock), server(clock, link) {}
    platform_sim::SimTcpLink link;
    modbus_line::ModbusServer server;
  };

  Plant(const Script& script, Mutant mutant, platform_sim::SimClock& clock);

  Box& box(uint8_t id) { return *boxes_[id - 1U]; }
  const Box& box(uint8_t id) const { return *boxes_[id - 1U]; }
  modbus_line::Faults& faults(uint8_t id);
  /// Of the meter beside the charger. @pre  It has one.
  modbus_line::Faults& meter_faults(uint8_t id);
  modbus_line::ModbusLine& line_of(uint8_t id) { return lines_[script_.chargers[id - 1].line]; }
  modbus_line::ModbusLine& line(uint8_t index) { return lines_[index]; }
  Socket& socket(uint8_t id) { return *sockets_[id - 1U]; }
  /// The cable of a charger is cut, with all that is on it, or mended.
  void set_bus_down(uint8_t id, bool is_down);
  bool shares_bus(uint8_t id, uint8_t other) const;

  /// Chargers, cars and servers up to now.
  void advance(common::Instant now);
  common::Instant next_event() const;
  void forget();

  static uint8_t meter_unit(uint8_t id) { return static_cast<uint8_t>(100 + id); }

 private:
  const Script& script_;
  modbus_line::ModbusLine lines_[2];
  std::vector<std::unique_ptr<Box>> boxes_;
  std::vector<std::unique_ptr<Socket>> sockets_;  ///< nullptr for those on a line.
};

}  // namespace simulation
