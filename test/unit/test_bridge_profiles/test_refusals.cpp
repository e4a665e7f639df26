// Registers that a device does not have: exception 2 for one of them costs that one only.
#include "world.hpp"

namespace {

constexpr uint16_t kVoltages = 0;
constexpr uint16_t kFrequency = 0x46;
constexpr uint16_t kEnergy = 0x48;

size_t reads_of(const World& world, uint8_t unit, uint16_t address) {
  size_t count = 0;
  for (const modbus_line::Seen& seen : world.line.seen()) {
    const bool is_within = seen.function <= 4 && seen.unit == unit && seen.address <= address &&
                           address < seen.address + seen.value;
    count += is_within ? 1U : 0U;
  }
  return count;
}

size_t warnings(const World& world, const std::string& text) {
  size_t count = 0;
  for (const auto& line : world.log.lines())
    count += line.text.find(text) != std::string::npos ? 1U : 0U;
  return count;
}

}  // namespace

TEST_CASE("a register that a charger does not have is asked for no more, and the rest goes on") {
  World world;
  world.box.fill(world.box.holding, 1000, 10);
  world.box.fill(world.box.holding, 2000, 5);  // Its optional configuration, 2005, is not there.
  world.box.holding[1002] = 1;
  world.box.holding[1005] = 16;
  world.box.holding[1006] = 2;
  bridge::ConnectorConfig config;
  config.unit_id = 1;
  world.start("evse-wb-din", 1, config);
  REQUIRE(world.run_until(10000, [&] { return world.state.plug == charger::Plug::kUnplugged; }));
  world.offer(10000);
  REQUIRE(world.run_until(10000, [&] { return world.box.holding[1000] == 10; }));
  CHECK(world.state.error == charger::Error::kNone);
  world.line.forget();
  world.run(60000);
  CHECK(reads_of(world, 1, 2005) == 0);
  CHECK(reads_of(world, 1, 1002) >= 50);
  CHECK(world.state.health == charger::Health::kOk);
}

TEST_CASE("a register that a meter does not have costs that value only, and is told once") {
  World world;
  world.box.fill(world.box.holding, 1000, 10);
  world.box.fill(world.box.holding, 2000, 8);
  world.box.holding[1002] = 1;
  world.box.holding[1005] = 16;
  world.meter = "eastron-sdm630";
  world.meter_box.fill(world.meter_box.input, 0, 400);
  for (const uint16_t phase : {0, 2, 4})
    Box::set32(world.meter_box.input, static_cast<uint16_t>(kVoltages + phase), Box::bits(230.0F));
  Box::set32(world.meter_box.input, kEnergy, Box::bits(12.5F));
  world.meter_box.input.erase(kFrequency);
  bridge::ConnectorConfig config;
  config.unit_id = 1;
  world.start("evse-wb-din", 1, config);
  world.withdraw();
  REQUIRE(world.run_until(30000, [&] { return world.sample.has(charger::kMeterEnergyImport); }));
  CHECK(world.sample.energy_import_wh == 12500);
  CHECK(world.sample.has(charger::kMeterVoltage));
  CHECK(world.sample.voltage_mv[2] == 230000);
  CHECK_FALSE(world.sample.has(charger::kMeterFrequency));
  world.line.forget();
  world.run(120000);
  CHECK(warnings(world, "there is no register 70") == 1);
  CHECK(reads_of(world, 100, kFrequency) == 0);
  CHECK(reads_of(world, 100, kEnergy) >= 20);
  CHECK(world.state.error == charger::Error::kNone);
}
