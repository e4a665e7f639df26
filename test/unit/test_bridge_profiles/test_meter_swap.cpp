// A meter that is exchanged for another: its counter tells nothing about what was drawn.
#include "world.hpp"

namespace {

constexpr uint16_t kEnergy = 0x48;
constexpr uint16_t kSerial = 200;

/// An SDM630 that tells its serial number.
struct Scene {
  Scene() {
    const bridge::Profile& plain = *bridge::find_charger_profile("eastron-sdm630");
    for (size_t i = 0; i < plain.registers.size(); ++i) rows.push_back(plain.registers[i]);
    for (const bridge::RegisterRow& row : plain.registers) {
      if (row.meaning != bridge::Meaning::kEnergyTotal) continue;
      bridge::RegisterRow serial = row;
      serial.meaning = bridge::Meaning::kSerial;
      serial.address = kSerial;
      serial.type = bridge::WordType::kU32;
      serial.poll = bridge::Poll::kOnce;
      serial.rank = 0;
      rows.push_back(serial);
      break;
    }
    table = plain;
    table.registers = common::Span<const bridge::RegisterRow>(rows.data(), rows.size());
    world.meter = table.name;
    world.loaded_meter = &table;
    world.box.fill(world.box.holding, 1000, 10);
    world.box.fill(world.box.holding, 2000, 8);
    world.box.holding[1002] = 1;
    world.box.holding[1005] = 16;
    world.meter_box.fill(world.meter_box.input, 0, 400);
    show(4711, 1000.0F);
    bridge::ConnectorConfig config;
    config.unit_id = 1;
    world.start("evse-wb-din", 1, config);
    world.withdraw();
    REQUIRE(world.run_until(30000, [&] { return world.sample.has(charger::kMeterEnergyImport); }));
    REQUIRE(world.sample.energy_import_wh == 1000000);
  }
  void show(uint32_t serial, float kwh) {
    Box::set32(world.meter_box.input, kSerial, serial);
    Box::set32(world.meter_box.input, kEnergy, Box::bits(kwh));
  }
  /// Takes it away for some time.
  void away(int64_t ms) {
    world.line.faults(100).is_silent = true;
    world.run(ms);
  }
  void back() {
    world.line.faults(100).is_silent = false;
    world.sample = charger::MeterSample();
    REQUIRE(world.run_until(60000, [&] { return world.sample.has(charger::kMeterEnergyImport); }));
    world.run(30000);
  }

  World world;
  std::vector<bridge::RegisterRow> rows;
  bridge::Profile table = *bridge::charger_profiles()[0];
};

}  // namespace

TEST_CASE("another meter's counter is a new base: nothing is booked, and what it counts then is") {
  Scene scene;
  scene.away(3600000);
  scene.show(4712, 1000.5F);  // As if half a kilowatt hour had been drawn.
  scene.back();
  CHECK(scene.world.sample.energy_import_wh == 1000000);
  CHECK(scene.world.log.contains("bridge", "another meter (serial number), at 1000500 Wh"));
  scene.show(4712, 1000.75F);
  scene.world.run(20000);
  CHECK(scene.world.sample.energy_import_wh == 1000250);
}

TEST_CASE("the same meter goes on counting after it was away") {
  Scene scene;
  scene.away(3600000);
  scene.show(4711, 1000.5F);
  scene.back();
  CHECK(scene.world.sample.energy_import_wh == 1000500);
  CHECK_FALSE(scene.world.log.contains("bridge", "another meter"));
}
