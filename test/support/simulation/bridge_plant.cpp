#include "simulation/bridge_plant.hpp"

#include <algorithm>

namespace simulation {

using common::Instant;

namespace {

struct Facts {
  const char* profile;
  uint32_t baud;  ///< 0 = TCP.
};

constexpr Facts kFacts[kChargerKinds] = {
    {"heidelberg-energy-control", 19200},
    {"daheimladen-smart", 0},
    {"evse-wb-din", 9600},
    {"evse-wb-din", 9600},
    {"keba-p30", 0},
    {"mennekes-amtron-compact-2", 57600},
    {"alfen-eve", 0},
};

const Facts& facts_of(ChargerKind kind) { return kFacts[static_cast<size_t>(kind)]; }

}  // namespace

Box::Box(const Script& script, uint8_t id, Mutant mutant)
    : kind(script.chargers[id - 1].kind),
      baud(facts_of(kind).baud),
      mutant_(mutant),
      entropy_(script.seed ^ (0x6117CU + id)),
      is_deaf_(mutant == Mutant::kNoFailsafe) {
  config.connector_id = id;
  config.profile = facts_of(kind).profile;
  config.phases = script.chargers[id - 1].phases;
  config.max_ma = script.max_ma;
  config.timings.status_poll_ms = script.status_poll_ms;
  config.timings.meter_poll_ms = script.meter_poll_ms;
  if (!is_on_tcp()) config.unit_id = id;
  const bool is_fine = kind == ChargerKind::kEvseWbDinFine;
  // Of those that are told no failsafe current: what the installer has set. A site must bear it.
  const int installed_a = script.site_ma == 0 || script.failsafe_ma != 0 ? 6 : 0;
  switch (kind) {
    case ChargerKind::kHeidelberg:
      charger = std::make_unique<modbus_line::Heidelberg>();
      watchdog_ms = script.watchdog_ms != 0 ? script.watchdog_ms : 15000;
      break;
    case ChargerKind::kDaheimLaden:
      charger = std::make_unique<modbus_line::DaheimLaden>();
      watchdog_ms = script.watchdog_ms != 0 ? script.watchdog_ms : 60000;
      break;
    case ChargerKind::kKeba:
      charger = std::make_unique<modbus_line::KebaP30>();
      watchdog_ms = script.watchdog_ms != 0 ? script.watchdog_ms : 30000;
      break;
    case ChargerKind::kEvseWbDin:
    case ChargerKind::kEvseWbDinFine:
      charger = std::make_unique<modbus_line::EvseWbDin>(is_fine);
      meter = std::make_unique<modbus_line::Sdm630>(*charger);
      break;
    case ChargerKind::kMennekes:
      charger = std::make_unique<modbus_line::MennekesCompact>(installed_a == 0 ? 1 : installed_a);
      watchdog_ms = 10000;
      failsafe_ma = installed_a * 1000;
      config.failsafe_ma = static_cast<uint32_t>(failsafe_ma);
      return;
    case ChargerKind::kAlfen:
      charger = std::make_unique<modbus_line::AlfenEve>(installed_a);
      watchdog_ms = 300000;
      failsafe_ma = installed_a * 1000;
      config.failsafe_ma = static_cast<uint32_t>(failsafe_ma);
      return;
  }
  failsafe_ma = static_cast<int32_t>(script.failsafe_ma);
  config.failsafe_ma = script.failsafe_ma;
  if (!has_meter()) config.watchdog_ms = script.watchdog_ms;
}

double Box::resolution_wh() const {
  switch (kind) {
    case ChargerKind::kDaheimLaden:
      return 100;
    case ChargerKind::kEvseWbDin:
    case ChargerKind::kEvseWbDinFine:
    case ChargerKind::kMennekes:
      return 1 + charger->energy_total_vah / (1 << 23);  // 24 bits of a float
    case ChargerKind::kHeidelberg:
    case ChargerKind::kKeba:
    case ChargerKind::kAlfen:
      return 1;
  }
  return 1;
}

uint8_t Box::read(uint8_t function, uint16_t address, uint16_t count, uint16_t* out, Instant now) {
  const uint8_t exception = charger->read(function, address, count, out, now);
  if (exception != 0) return exception;
  bool has_tag = false;
  for (uint16_t i = 0; i < count; ++i) {
    const auto at = static_cast<uint16_t>(address + i);
    const Role role = charger->role(at);
    has_tag = has_tag || role == Role::kTag;
    const auto written = written_.find(at);
    if (function != 3 || written == written_.end()) continue;
    if (mutant_ == Mutant::kIgnoreReadBack && role == Role::kLimit) out[i] = written->second;
    if (is_deaf_ && role == Role::kSetting) out[i] = written->second;
  }
  if (has_tag && mutant_ == Mutant::kRepeatTag && ++tag_reads_ % 8 == 0)
    std::fill(out, out + count, uint16_t{0});
  // No glitch makes up a card.
  if (!has_tag && entropy_.chance(glitch_per_mille)) {
    ++glitches;
    const uint16_t wild[] = {0, 0xFFFF, static_cast<uint16_t>(entropy_.next_u64())};
    out[entropy_.below(count)] = wild[entropy_.below(3)];
  }
  return 0;
}

uint8_t Box::write(uint16_t address, uint16_t value, Instant now) {
  const Role role = charger->role(address);
  if (role == Role::kLimit) limit_written_at = now;
  if (is_deaf_ && role == Role::kSetting) {
    written_[address] = value;
    return 0;
  }
  const bool is_rounded_up =
      mutant_ == Mutant::kRoundUp && role == Role::kLimit && kind == ChargerKind::kHeidelberg;
  const uint8_t exception = charger->write(
      address, static_cast<uint16_t>(value + (is_rounded_up && value >= 60 && value < 160 ? 1 : 0)),
      now);
  written_[address] = value;
  return mutant_ == Mutant::kIgnoreReadBack && role == Role::kLimit ? 0 : exception;
}

void Box::reboot(Instant now, int64_t silent_ms, int64_t boot_ms) {
  charger->reboot(now, silent_ms, boot_ms);
  // What the limit reads is the last that was written only until then: whoever ignores it does not see that either.
  if (mutant_ != Mutant::kIgnoreReadBack) is_deaf_ = is_deaf_ || mutant_ == Mutant::kForgetRewrite;
}

// ---------------------------------------------------------------------------------------------------------- plant

Plant::Plant(const Script& script, Mutant mutant, platform_sim::SimClock& clock)
    : script_(script), lines_{modbus_line::ModbusLine(clock), modbus_line::ModbusLine(clock)} {
  for (uint8_t id = 1; id <= script.connectors; ++id) {
    boxes_.push_back(std::make_unique<Box>(script, id, mutant));
    sockets_.push_back(nullptr);
    Box& made = *boxes_.back();
    if (made.is_on_tcp()) {
      sockets_.back() = std::make_unique<Socket>(clock);
      sockets_.back()->server.attach(made.kind == ChargerKind::kAlfen ? 1 : 255, made);
      continue;
    }
    line_of(id).attach(id, made);
    line_of(id).set_baud(id, made.baud);
    if (!made.has_meter()) continue;
    line_of(id).attach(meter_unit(id), *made.meter);
    line_of(id).set_baud(meter_unit(id), 9600);
  }
}

modbus_line::Faults& Plant::faults(uint8_t id) {
  const Box& made = box(id);
  if (!made.is_on_tcp()) return line_of(id).faults(id);
  return socket(id).server.faults(made.kind == ChargerKind::kAlfen ? 1 : 255);
}

modbus_line::Faults& Plant::meter_faults(uint8_t id) { return line_of(id).faults(meter_unit(id)); }

bool Plant::shares_bus(uint8_t id, uint8_t other) const {
  if (id == other) return true;
  return !box(id).is_on_tcp() && !box(other).is_on_tcp() &&
         script_.chargers[id - 1].line == script_.chargers[other - 1].line;
}

void Plant::set_bus_down(uint8_t id, bool is_down) {
  if (!box(id).is_on_tcp()) {
    line_of(id).set_cut(is_down);
    return;
  }
  Socket& own = socket(id);
  own.link.set_server_up(!is_down);
  if (is_down) own.link.server_disconnect();
}

void Plant::advance(Instant now) {
  for (const std::unique_ptr<Box>& each : boxes_) each->charger->advance(now);
  for (const std::unique_ptr<Socket>& each : sockets_)
    if (each != nullptr) each->server.step();
}

Instant Plant::next_event() const {
  Instant next = Instant::never();
  for (const modbus_line::ModbusLine& each : lines_) {
    if (each.quiet_at().is_never()) continue;
    next = common::earlier(next, each.quiet_at());
  }
  for (const std::unique_ptr<Socket>& each : sockets_) {
    if (each == nullptr) continue;
    next = common::earlier(next, each->link.next_event());
    next = common::earlier(next, each->server.next_event());
  }
  return next;
}

void Plant::forget() {
  const auto clear = [](modbus_line::Units& units) {
    if (units.seen().size() > 1000) units.forget();
  };
  for (modbus_line::ModbusLine& each : lines_) clear(each);
  for (const std::unique_ptr<Socket>& each : sockets_)
    if (each != nullptr) clear(each->server);
}

}  // namespace simulation
