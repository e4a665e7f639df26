// What profiles ask of the driver, one charger for each kind of thing.
#include "world.hpp"

using charger::Error;
using charger::Plug;

namespace {

void prepare_mennekes(Box& box) {
  box.fill(box.holding, 0x0100, 16);
  box.fill(box.holding, 0x0500, 20);
  box.fill(box.holding, 0x0D00, 26);
  box.fill(box.holding, 0x0E00, 3);
  box.fill(box.holding, 0x0302, 6);
  Box::set32(box.holding, 0x0306, Box::bits(16.0F));
  Box::set32(box.holding, 0x1000, Box::bits(12.5F));
  for (uint16_t i = 0; i < 3; ++i)
    Box::set32(box.holding, static_cast<uint16_t>(0x0506 + 2 * i), Box::bits(230.5F));
  box.holding[0x0100] = 1;
  box.holding[0x0108] = 26;
}

void prepare_evse(Box& box, uint16_t firmware, uint16_t config) {
  box.fill(box.holding, 1000, 10);
  box.fill(box.holding, 2000, 8);
  box.holding[1002] = 1;
  box.holding[1005] = firmware;
  box.holding[1006] = 2;
  box.holding[2000] = 6;
  box.holding[2005] = config;
}

void prepare_abb(Box& box) {
  box.fill(box.holding, 0x4006, 27);
  Box::set32(box.holding, 0x4006, 32000);
  box.holding[0x4020] = 1200;
}

void prepare_daheimladen(Box& box) {
  box.fill(box.holding, 0, 120);
  box.holding[0] = 1;
  box.holding[32] = 320;
  box.holding[91] = 1;
}

bridge::ConnectorConfig on_unit_1() {
  bridge::ConnectorConfig config;
  config.unit_id = 1;
  return config;
}

}  // namespace

TEST_CASE("a charger whose 0 means no limit gets floats, a token and its release, never 0") {
  World world;
  prepare_mennekes(world.box);
  world.start("mennekes-amtron-compact-2", 50);
  REQUIRE(world.run_until(5000, [&] { return world.state.plug == Plug::kUnplugged; }));
  world.box.holding[0x0100] = 3;
  world.box.holding[0x0108] = 27;
  world.withdraw();
  REQUIRE(world.run_until(8000, [&] { return world.state.plug == Plug::kPlugged; }));
  CHECK(world.box.writes_to(0x0D05) >= 1);
  CHECK(world.box.holding[0x0D05] == 0);

  world.offer(13100);
  REQUIRE(world.run_until(12000, [&] { return world.box.holding[0x0D05] == 1; }));
  // What it held is less: charging need not wait for the increase.
  CHECK(Box::get32(world.box.holding, 0x0302) == Box::bits(6.0F));
  REQUIRE(world.run_until(8000, [&] { return world.state.limit_ma == 13100; }));
  CHECK(Box::get32(world.box.holding, 0x0302) == Box::bits(13.1F));
  REQUIRE(world.run_until(6000, [&] { return world.sample.energy_import_wh == 12500; }));
  CHECK(world.sample.voltage_mv[2] == 230500);

  world.withdraw();
  REQUIRE(world.run_until(2000, [&] { return world.box.holding[0x0D05] == 0; }));
  world.run(6000);
  CHECK(Box::get32(world.box.holding, 0x0302) == Box::bits(6.0F));
  for (const Box::Write& write : world.box.writes) {
    if (write.address == 0x0302) CHECK(write.value != 0);
  }

  world.box.writes.clear();
  world.run(30000);
  CHECK(world.box.writes_to(0x0D00) >= 5);
  CHECK(world.box.writes_to(0x0D00) <= 8);
  CHECK(world.box.holding[0x0D00] == 0x55AA);
}

TEST_CASE("two registers tell the state, and the pilot counts before it") {
  World world;
  prepare_mennekes(world.box);
  world.start("mennekes-amtron-compact-2", 50);
  world.withdraw();
  world.box.holding[0x0100] = 5;
  world.box.holding[0x0108] = 12;  // C1
  REQUIRE(world.run_until(5000, [&] { return world.state.ev_requests_energy; }));
  CHECK_FALSE(world.state.energy_offered);
  world.box.holding[0x0108] = 28;
  REQUIRE(world.run_until(5000, [&] { return world.state.energy_offered; }));
  world.box.holding[0x0100] = 6;
  world.box.holding[0x0E00] = 4711;
  REQUIRE(world.run_until(5000, [&] { return world.state.is_faulted; }));
  CHECK(world.state.error == Error::kOtherError);
  CHECK(std::string(world.state.vendor_error_code.c_str()) == "mennekes-amtron-compact-2:4711");
}

TEST_CASE("a duty cycle is a scale, and an off value above all currents is off") {
  World world;
  world.box.fill(world.box.holding, 0x04, 2);
  world.box.fill(world.box.holding, 0x0F, 6);
  world.box.fill(world.box.holding, 0x2E, 5);
  world.box.holding[0x04] = 0x12A1;
  world.box.holding[0x12] = 0x03E8;
  world.start("abl-emh1", 1, {}, true);
  REQUIRE(world.run_until(5000, [&] { return world.state.plug == Plug::kUnplugged; }));
  world.offer(16000);
  REQUIRE(world.run_until(8000, [&] { return world.box.holding[0x14] == 266; }));
  world.box.holding[0x12] = 0x8000 | 266;  // Above the mask: not ours.
  REQUIRE(
      world.run_until(6000, [&] { return world.state.limit_known && world.state.limit_ma > 0; }));
  CHECK(world.state.limit_ma == 15960);
  world.box.holding[0x30] = 101;
  world.box.holding[0x31] = 1;
  world.box.holding[0x32] = 103;
  REQUIRE(world.run_until(6000, [&] { return world.sample.current_ma[0] == 10300; }));
  CHECK(world.sample.current_ma[1] == 0);
  CHECK(world.sample.current_ma[2] == 10100);

  world.withdraw();
  REQUIRE(world.run_until(1500, [&] { return world.box.holding[0x14] == 0x03E8; }));
  world.box.holding[0x12] = 0x03E8;
  REQUIRE(world.run_until(6000, [&] { return world.state.limit_ma == 0; }));
}

TEST_CASE("the scale of a limit is found out by other registers before it is written") {
  struct Row {
    uint16_t firmware;
    uint16_t config;
    uint16_t written;
  };
  for (const Row& row : {Row{18, 0x80, 1250}, Row{18, 0, 12}, Row{15, 0x80, 12}}) {
    World world;
    prepare_evse(world.box, row.firmware, row.config);
    world.start("evse-wb-din", 1);
    world.offer(12500);
    CAPTURE(row.firmware);
    CAPTURE(row.config);
    REQUIRE(world.run_until(15000, [&] { return world.box.writes_to(1000) > 0; }));
    CHECK(world.box.holding[1000] == row.written);
    world.run(8000);
    CHECK(world.state.limit_ma == (row.written == 12 ? 12000 : 12500));
    CHECK(world.state.error == Error::kNone);
  }
}

TEST_CASE("the current after a restart is set once and not again within the hour") {
  World world;
  prepare_evse(world.box, 18, 0);
  world.start("evse-wb-din", 1);
  world.withdraw();
  REQUIRE(world.run_until(15000, [&] { return world.box.holding[2000] == 0; }));
  CHECK(world.box.writes_to(2000) == 1);
  world.run(5000);
  world.box.holding[2000] = 6;  // Somebody turns it back, again and again.
  world.run(120000);
  CHECK(world.box.writes_to(2000) == 1);
}

TEST_CASE("bits of a wide state and a second register for one of its values") {
  World world;
  prepare_abb(world.box);
  world.box.holding[0x400D] = 5U << 8U | 0x8000U;  // Bit 15 is something else.
  world.start("abb-terra-ac", 1);
  world.withdraw();
  REQUIRE(world.run_until(8000, [&] { return world.state.plug == Plug::kUnplugged; }));
  world.box.holding[0x400B] = 0x0111;
  REQUIRE(world.run_until(8000, [&] { return world.state.plug == Plug::kPlugged; }));
}

TEST_CASE("a limit that cannot be read is read back where the charger shows it") {
  World world;
  prepare_abb(world.box);
  world.box.holding[0x400D] = 4U << 8U;
  world.start("abb-terra-ac", 1);
  world.offer(20000);
  REQUIRE(world.run_until(12000, [&] { return world.box.writes_to(0x4101) > 0; }));
  CHECK(Box::get32(world.box.holding, 0x4100) == 20000);
  // The cable allows less.
  Box::set32(world.box.holding, 0x400E, 13000);
  REQUIRE(world.run_until(6000, [&] { return world.state.limit_ma == 13000; }));
  world.run(60000);
  CHECK(world.state.error == Error::kNone);
  // A limit of nothing was not what was asked for.
  Box::set32(world.box.holding, 0x400E, 0);
  const size_t before = world.box.writes_to(0x4101);
  REQUIRE(world.run_until(20000, [&] { return world.box.writes_to(0x4101) > before; }));
}

TEST_CASE("unlock carries out the profile's steps, where there are some") {
  World world;
  prepare_abb(world.box);
  world.start("abb-terra-ac", 1);
  world.withdraw();
  world.run(10000);
  world.box.holding[0x4103] = 1;
  CHECK(world.bridge.capabilities(1).has_lock);
  CHECK(world.bridge.unlock(1, world.clock.now()) == common::Status::kOk);
  CHECK(world.run_until(3000, [&] { return world.box.holding[0x4103] == 0; }));

  World other;
  prepare_evse(other.box, 18, 0);
  other.start("evse-wb-din", 1);
  CHECK(other.bridge.unlock(1, other.clock.now()) == common::Status::kUnsupported);
}

TEST_CASE("commands to start and stop are written once, after and before the limit") {
  World world;
  world.box.fill(world.box.input, 0, 0x2E);
  world.box.fill(world.box.holding, 0x060D, 0x20);
  world.box.input[0x1D] = 1;
  world.start("solax-evc", 70);
  world.offer(10000);
  REQUIRE(world.run_until(15000, [&] { return world.box.holding[0x0627] == 4; }));
  CHECK(world.box.holding[0x0628] == 1000);
  world.run(20000);
  CHECK(world.box.writes_to(0x0627) == 1);
  world.box.writes.clear();
  world.withdraw();
  world.run(3000);
  REQUIRE(world.box.writes.size() >= 2);
  CHECK(world.box.writes[0].address == 0x0627);
  CHECK(world.box.writes[0].value == 3);
  CHECK(world.box.holding[0x0628] == 600);
}

TEST_CASE("a limit that goes to two registers is in both, the total first") {
  World world;
  world.box.fill(world.box.holding, 2, 2);
  world.box.fill(world.box.holding, 102, 5);
  world.start("pracht-alpha", 1);
  world.offer(13900);
  REQUIRE(world.run_until(15000, [&] { return world.box.holding[3] == 13; }));
  CHECK(world.box.holding[2] == 13);
  REQUIRE(world.box.writes.size() >= 2);
  CHECK(world.box.writes[0].address == 2);
  world.withdraw();
  REQUIRE(world.run_until(2000,
                          [&] { return world.box.holding[3] == 0 && world.box.holding[2] == 0; }));
}

TEST_CASE("a charger that starts by itself at 0 is put back to its off value") {
  World world;
  prepare_daheimladen(world.box);
  world.start("daheimladen-smart", 1, on_unit_1());
  world.withdraw();
  world.run(15000);
  CHECK(world.box.holding[91] == 1);
  CHECK(world.state.limit_ma == 0);
  world.box.holding[91] = 0;  // Its restart.
  REQUIRE(world.run_until(12000, [&] { return world.box.holding[91] == 1; }));
  for (const Box::Write& write : world.box.writes) {
    if (write.address == 91) CHECK(write.value == 1);
  }
}

TEST_CASE("a tag is new when its register changes, not when it was there at the start") {
  World world;
  prepare_daheimladen(world.box);
  const auto show = [&](const char* text) {
    for (uint16_t i = 0; i < 16; ++i) {
      world.box.holding[static_cast<uint16_t>(54 + i)] =
          *text != 0 ? static_cast<uint16_t>(*text++) : 0;
    }
  };
  show("04aabbcc");
  world.start("daheimladen-smart", 1, on_unit_1());
  world.withdraw();
  world.run(15000);
  CHECK(world.tags.empty());
  show("");
  world.run(3000);
  CHECK(world.tags.empty());
  show("04:aa:bb:dd");
  REQUIRE(world.run_until(5000, [&] { return world.tags.size() == 1; }));
  CHECK(world.tags[0] == "04AABBDD");
  world.run(10000);
  CHECK(world.tags.size() == 1);
}

TEST_CASE(
    "a limit in watts is that of the phases that may charge, and below the threshold of one") {
  // As pracht-alpha, but in 100 W, three phases from 4200 W on.
  static std::vector<bridge::RegisterRow> rows;
  World world;
  world.box.fill(world.box.holding, 2, 2);
  world.box.fill(world.box.holding, 102, 5);
  world.change = [](bridge::Profile& table) {
    rows.assign(table.registers.begin(), table.registers.end());
    for (bridge::RegisterRow& row : rows) {
      if (row.scale_num == 1000) row.scale_num = 100;
    }
    table.registers = common::Span<const bridge::RegisterRow>(rows.data(), rows.size());
    table.control.limit_is_power = true;
    table.control.three_phases_w = 4200;
  };
  world.start("pracht-alpha", 1);
  world.offer(10000);
  REQUIRE(world.run_until(15000, [&] { return world.box.holding[3] == 69; }));  // 6.9 kW
  REQUIRE(world.run_until(8000, [&] { return world.state.limit_ma == 10000; }));
  world.offer(6000);  // 4140 W would be 18 A on one phase.
  REQUIRE(world.run_until(3000, [&] { return world.box.holding[3] == 13; }));
  world.offer(32000, 1);
  REQUIRE(world.run_until(30000, [&] { return world.box.holding[3] == 41; }));
}

TEST_CASE("a limit in watts follows the phases that the EV uses") {
  // As vestel-evc04, but in 100 W: the charger spreads them over the phases that the EV uses.
  static std::vector<bridge::RegisterRow> rows;
  constexpr uint16_t kLimit = 5004;
  constexpr uint16_t kCurrents = 1008;  // mA, every second register.
  World world;
  world.box.fill(world.box.input, 1000, 60);
  world.box.fill(world.box.input, 1502, 40);
  world.box.fill(world.box.holding, 2000, 3);
  world.box.fill(world.box.holding, kLimit, 1);
  world.box.fill(world.box.holding, 6000, 1);
  world.box.input[1001] = 1;
  world.box.input[1004] = 3;
  world.change = [](bridge::Profile& table) {
    rows.assign(table.registers.begin(), table.registers.end());
    for (bridge::RegisterRow& row : rows) {
      if (row.address == kLimit) row.scale_num = 100;
    }
    table.registers = common::Span<const bridge::RegisterRow>(rows.data(), rows.size());
    table.control.limit_is_power = true;
  };
  world.start("vestel-evc04", 255);
  world.offer(10000);
  REQUIRE(world.run_until(15000, [&] { return world.box.holding[kLimit] == 69; }));
  // The EV uses one phase: it must not get all of it there.
  world.box.input[kCurrents] = 15000;
  REQUIRE(world.run_until(2500, [&] { return world.box.holding[kLimit] == 23; }));
  world.box.input[kCurrents] = 10000;
  world.run(20000);
  CHECK(world.box.holding[kLimit] == 23);
  CHECK(world.state.limit_ma == 10000);
  CHECK(world.bridge.diagnostics(1)->restarts_seen == 0);
  // A pause tells nothing new; a further phase does.
  world.box.input[kCurrents] = 0;
  world.run(10000);
  CHECK(world.box.holding[kLimit] == 23);
  world.box.input[kCurrents] = world.box.input[kCurrents + 2] = 5000;
  REQUIRE(world.run_until(2500, [&] { return world.box.holding[kLimit] == 46; }));
  CHECK(world.bridge.diagnostics(1)->restarts_seen == 0);
}

TEST_CASE(
    "phases are switched without current, after a dead time, and not again within five minutes") {
  World world;
  world.box.fill(world.box.holding, 21202, 10);
  world.box.fill(world.box.input, 21224, 1);
  world.box.fill(world.box.input, 21262, 10);
  world.box.fill(world.box.input, 21299, 20);
  world.box.input[21316] = 3;
  world.start("sungrow-ac", 248);
  world.offer(16000);
  REQUIRE(world.run_until(20000, [&] { return world.state.limit_ma == 16000; }));
  CHECK(world.bridge.capabilities(1).can_switch_phases);
  for (const uint16_t address : {21302, 21304, 21306}) world.box.input[address] = 155;
  world.run(6000);

  world.offer(16000, 1);
  const common::Instant asked = world.clock.now();
  REQUIRE(world.run_until(3000, [&] { return world.box.holding[21211] == 1; }));
  world.run(4000);
  CHECK(world.box.writes_to(21203) == 0);  // Current still flows.
  for (const uint16_t address : {21302, 21304, 21306}) world.box.input[address] = 0;
  const common::Instant stopped = world.clock.now();
  REQUIRE(world.run_until(20000, [&] { return world.box.holding[21203] == 1; }));
  CHECK(world.clock.now() - stopped >= 5000);
  world.box.input[21269] = 1;
  CHECK(world.box.holding[21211] == 1);
  const common::Instant switched = world.clock.now();
  REQUIRE(world.run_until(20000, [&] { return world.box.holding[21211] == 0; }));
  CHECK(world.clock.now() - switched >= 5000);

  world.offer(16000, 3);
  REQUIRE(world.run_until(400000, [&] { return world.box.holding[21203] == 0; }));
  CHECK(world.clock.now() - asked >= 300000);
}

TEST_CASE("phases are not switched while current flows") {
  World world;
  world.box.fill(world.box.holding, 21202, 10);
  world.box.fill(world.box.input, 21224, 1);
  world.box.fill(world.box.input, 21262, 10);
  world.box.fill(world.box.input, 21299, 20);
  world.box.input[21316] = 3;
  world.start("sungrow-ac", 248);
  world.offer(16000);
  REQUIRE(world.run_until(20000, [&] { return world.state.limit_ma == 16000; }));
  for (const uint16_t address : {21302, 21304, 21306}) world.box.input[address] = 155;
  world.run(6000);
  world.offer(16000, 1);
  world.run(60000);
  CHECK(world.box.writes_to(21203) == 0);
  // Meant for one phase, 16 A are too much for three: 5.3 A on each would be a pause.
  CHECK(world.box.holding[21211] == 1);
  for (const uint16_t address : {21302, 21304, 21306}) world.box.input[address] = 0;
  world.withdraw();
  world.run(8000);
  world.offer(24000, 1);
  world.run(10000);
  CHECK(world.box.writes_to(21203) == 0);
  CHECK(world.box.holding[21211] == 0);
  CHECK(world.box.holding[21202] == 80);
}

TEST_CASE("where the hardware to switch phases is an option, the installer says that it is there") {
  World world;
  bridge::ConnectorConfig config;
  bool is_there = false;
  SUBCASE("not said") {}
  SUBCASE("said") { config.has_phase_switch = is_there = true; }
  SUBCASE("one phase is connected") {
    config.has_phase_switch = true;
    config.phases = 1;
  }
  prepare_mennekes(world.box);
  world.start("mennekes-amtron-compact-2", 50, config);
  CHECK(world.bridge.capabilities(1).can_switch_phases == is_there);
  world.box.holding[0x0100] = 4;
  world.box.holding[0x0108] = 27;
  world.offer(16000, 1);
  world.run(30000);
  CHECK((world.box.writes_to(0x0D04) != 0) == is_there);
}

TEST_CASE(
    "a charger that hears and is not heard is told to give way, and its watchdog is not fed") {
  World world;
  prepare_mennekes(world.box);
  world.box.holding[0x0100] = 5;
  world.box.holding[0x0108] = 28;
  world.start("mennekes-amtron-compact-2", 50);
  world.offer(16000);
  REQUIRE(world.run_until(20000, [&] { return world.state.limit_ma == 16000; }));
  world.line.faults(50).answers_as = 212;
  world.run(10000);
  world.box.writes.clear();
  world.offer(7000);
  CHECK(world.run_until(10000,
                        [&] { return Box::get32(world.box.holding, 0x0302) == Box::bits(7.0F); }));
  world.run(20000);
  CHECK(world.box.writes_to(0x0D00) == 0);
  world.line.faults(50).answers_as = 0;
  REQUIRE(world.run_until(20000, [&] { return world.state.health == charger::Health::kOk; }));
  CHECK(world.run_until(5000, [&] { return world.box.writes_to(0x0D00) != 0; }));
}

TEST_CASE("the plug is held while the pilot is interrupted to wake an EV") {
  World world;
  world.box.fill(world.box.holding, 0x04, 2);
  world.box.fill(world.box.holding, 0x0F, 6);
  world.box.fill(world.box.holding, 0x2E, 5);
  world.box.holding[0x04] = 0xB2;
  world.start("abl-emh1", 1, {}, true);
  world.withdraw();
  REQUIRE(world.run_until(8000, [&] { return world.state.plug == Plug::kPlugged; }));
  world.run(5000);
  REQUIRE(world.bridge.request(1, bridge::Action::kWake, world.clock.now()) == common::Status::kOk);
  REQUIRE(world.run_until(2000, [&] { return world.box.holding[0x05] == 0xE0E0; }));
  world.box.holding[0x04] = 0xA1;
  REQUIRE(world.run_until(6000, [&] { return world.box.holding[0x05] == 0xA1A1; }));
  world.run(15000);
  CHECK(world.state.plug == Plug::kPlugged);
  world.box.holding[0x04] = 0xB2;
  world.run(20000);
  CHECK(world.state.plug == Plug::kPlugged);
  CHECK(world.bridge.request(1, bridge::Action::kUnlock, world.clock.now()) ==
        common::Status::kUnsupported);
}

TEST_CASE("energy is power over time where the charger counts nothing") {
  World world;
  world.box.fill(world.box.input, 0, 0x2E);
  world.box.fill(world.box.holding, 0x060D, 0x20);
  world.box.input[0x1D] = 2;
  world.box.input[0x0B] = 3600;
  world.box.input.erase(0x10);
  world.start("solax-evc", 70);
  world.offer(16000);
  world.run(10000);
  const int64_t before = world.sample.energy_import_wh;
  world.run(60000);
  CHECK(world.sample.energy_import_wh - before >= 55);
  CHECK(world.sample.energy_import_wh - before <= 65);
}

TEST_CASE("another model than the profile is for gets nothing") {
  static const bridge::Condition conditions[] = {{0, 0, UINT32_MAX, 4, 4}};
  static std::vector<bridge::RegisterRow> rows;
  World world;
  world.box.fill(world.box.holding, 2, 2);
  world.box.fill(world.box.holding, 102, 5);
  world.change = [](bridge::Profile& table) {
    rows.assign(table.registers.begin(), table.registers.end());
    rows[0].poll = bridge::Poll::kOnce;
    rows[0].watch = 1;
    rows[2].watch = bridge::kNotWatched;
    table.registers = common::Span<const bridge::RegisterRow>(rows.data(), rows.size());
    table.conditions = conditions;
    table.states = table.states.first(0);
    table.identity = {0, 1};
  };
  world.start("pracht-alpha", 1);
  world.offer(16000);
  world.run(20000);
  CHECK(world.box.writes.empty());
}

TEST_CASE("a meter measures for a charger that cannot, and its failure is a warning") {
  World world;
  prepare_evse(world.box, 18, 0);
  world.meter = "eastron-sdm630";
  Box& meter = world.meter_box;
  meter.fill(meter.input, 0, 80);
  meter.fill(meter.input, 0x48, 10);
  for (uint16_t i = 0; i < 3; ++i) {
    Box::set32(meter.input, static_cast<uint16_t>(2 * i), Box::bits(231.0F));
    Box::set32(meter.input, static_cast<uint16_t>(6 + 2 * i), Box::bits(10.5F));
    Box::set32(meter.input, static_cast<uint16_t>(12 + 2 * i), Box::bits(2400.0F));
  }
  Box::set32(meter.input, 0x46, Box::bits(50.0F));
  Box::set32(meter.input, 0x48, Box::bits(1234.5F));
  world.box.holding[1002] = 3;
  world.start("evse-wb-din", 1);
  world.offer(16000);
  REQUIRE(world.run_until(30000, [&] { return world.sample.energy_import_wh == 1234500; }));
  CHECK(world.sample.current_ma[1] == 10500);
  CHECK(world.sample.voltage_mv[0] == 231000);
  CHECK(world.sample.power_w == 7200);
  CHECK(world.sample.power_phase_w[2] == 2400);
  CHECK(world.sample.frequency_mhz == 50000);
  CHECK(world.sample.has(charger::kMeterPowerPhases));
  Box::set32(meter.input, 0x48, Box::bits(1234.75F));
  REQUIRE(world.run_until(15000, [&] { return world.sample.energy_import_wh == 1234750; }));

  world.line.faults(100).is_silent = true;
  world.run(70000);
  CHECK(world.state.error == Error::kPowerMeterFailure);
  CHECK_FALSE(world.state.is_faulted);
  CHECK(world.state.plug == Plug::kPlugged);
  CHECK_FALSE(world.sample.has(charger::kMeterCurrent));
  CHECK_FALSE(world.sample.has(charger::kMeterEnergyImport));
  world.line.faults(100).is_silent = false;
  REQUIRE(world.run_until(20000, [&] { return world.state.error == Error::kNone; }));
}

TEST_CASE("a sample that was asked for waits for what the meter shows now") {
  World world;
  prepare_evse(world.box, 18, 0);
  world.meter = "eastron-sdm630";
  Box& meter = world.meter_box;
  meter.fill(meter.input, 0, 80);
  meter.fill(meter.input, 0x48, 10);
  Box::set32(meter.input, 0x48, Box::bits(1234.5F));
  world.box.holding[1002] = 3;
  world.start("evse-wb-din", 1);
  world.offer(16000);
  REQUIRE(world.run_until(30000, [&] { return world.sample.energy_import_wh == 1234500; }));
  for (int32_t wh = 1234502; wh < 1234520; wh += 2) {
    CAPTURE(wh);
    world.run(700);
    Box::set32(meter.input, 0x48, Box::bits((static_cast<float>(wh) + 0.4F) / 1000.0F));
    const common::Instant asked = world.clock.now();
    world.bridge.request_sample(1, asked);
    REQUIRE(world.run_until(3000, [&] { return world.sample.taken_at >= asked; }));
    CHECK(world.sample.energy_import_wh == wh);
  }
  // A meter that does not answer delays it by two seconds, no more; its last reading does not look newer than it is.
  world.line.faults(100).is_silent = true;
  const common::Instant read_at = world.sample.taken_at;
  world.run(1000);
  world.sample = charger::MeterSample();
  world.bridge.request_sample(1, world.clock.now());
  REQUIRE(world.run_until(4000, [&] { return world.sample.has(charger::kMeterEnergyImport); }));
  CHECK(world.sample.taken_at == read_at);
}

TEST_CASE("what a meter read before the limit fell does not count against the charger") {
  World world;
  prepare_evse(world.box, 18, 0);
  world.meter = "eastron-sdm630";
  world.meter_poll_ms = 60000;
  Box& meter = world.meter_box;
  meter.fill(meter.input, 0, 100);
  Box::set32(meter.input, 6, Box::bits(16.0F));
  world.box.holding[1002] = 3;
  world.start("evse-wb-din", 1);
  world.offer(16000);
  REQUIRE(world.run_until(30000, [&] { return world.sample.current_ma[0] == 16000; }));
  world.offer(6000);
  Box::set32(meter.input, 6, Box::bits(6.0F));
  CHECK_FALSE(world.run_until(90000, [&] { return world.state.error != Error::kNone; }));
  CHECK(world.sample.current_ma[0] == 6000);
}

TEST_CASE("current without permission is noticed by a meter, too") {
  World world;
  prepare_evse(world.box, 18, 0);
  world.meter = "eastron-sdm630";
  Box& meter = world.meter_box;
  meter.fill(meter.input, 0, 100);
  world.box.holding[1002] = 3;
  world.start("evse-wb-din", 1);
  world.withdraw();
  world.run(15000);
  Box::set32(meter.input, 6, Box::bits(9.0F));
  CHECK(world.run_until(60000, [&] {
    return std::string(world.state.vendor_error_code.c_str()) == "UNAUTHORISED_ENERGY";
  }));
}
