#include "modbus_line/modbus_line.hpp"
#include "world.hpp"

#include <cstring>

namespace {

/// An Eastron SDM630 (input registers, floats, high word first) that measures the box.
struct Sdm630 final : modbus_line::Device {
  explicit Sdm630(const SimGpioBox& measured) : box(measured) {}
  uint8_t read(uint8_t function, uint16_t address, uint16_t count, uint16_t* out,
               common::Instant) override {
    if (function != 4) return 1;
    for (uint16_t i = 0; i < count; ++i) {
      const auto at = static_cast<uint16_t>(address + i);
      const uint32_t bits = value(static_cast<uint16_t>(at & 0xFFFEU));
      out[i] = static_cast<uint16_t>(at % 2 == 0 ? bits >> 16U : bits);
    }
    return 0;
  }
  uint8_t write(uint16_t, uint16_t, common::Instant) override { return 1; }
  bool is_listening(common::Instant) override { return !is_dead; }

  uint32_t value(uint16_t address) const {
    const float amperes = static_cast<float>(box.current_ma()) / 1000;
    float result = 0;
    if (address < 6) result = 230;
    if (address >= 6 && address < 12) result = amperes;
    if (address >= 12 && address < 18) result = amperes * 230;
    if (address == 0x34) result = amperes * 690;
    if (address == 0x46) result = 50;
    if (address == 0x48) result = static_cast<float>(500 + box.energy_wh() / 1000);
    uint32_t bits = 0;
    std::memcpy(&bits, &result, sizeof bits);
    return bits;
  }
  const SimGpioBox& box;
  bool is_dead = false;
};

}  // namespace

TEST_CASE("a Modbus meter measures for a box without a bus, and its failure is a warning") {
  World w("pilot=25 pilot_in=36 contactor=27");
  Sdm630 meter(w.box);
  modbus_line::ModbusLine line(w.clock);
  line.attach(1, meter);
  w.observer = Observer();
  w.bridge = std::make_unique<bridge::Bridge>(w.store, w.log);
  REQUIRE(w.bridge->add_bus(line).ok());
  bridge::MeterConfig meter_config;
  meter_config.profile = "eastron-sdm630";
  meter_config.unit_id = 1;
  const common::Result<uint8_t> added = w.bridge->add_meter(meter_config);
  REQUIRE(added.ok());
  w.config.meter = added.value();
  bridge::GpioConfig wiring;
  common::FixedString<159> error;
  REQUIRE(parse_gpio_config(common::text(w.pins), w.box, wiring, error) == common::Status::kOk);
  REQUIRE(w.bridge->add_gpio(w.config, wiring, {&w.box, &w.box, &w.box, &w.box}) ==
          common::Status::kOk);
  REQUIRE(w.bridge->begin(w.observer, w.clock.now()) == common::Status::kOk);

  w.may_spin = true;  // a bus that is busy wants to be asked again at once
  w.charge();
  w.run(60000);
  CHECK((w.bridge->capabilities(1).meter_fields & charger::kMeterEnergyImport) != 0);
  CHECK(w.observer.last_sample.current_ma[1] == doctest::Approx(15996).epsilon(0.01));
  CHECK(w.observer.last_sample.voltage_mv[2] == 230000);
  CHECK(w.observer.last_sample.power_w == doctest::Approx(11037).epsilon(0.01));
  CHECK(w.observer.last_sample.energy_import_wh == doctest::Approx(500180).epsilon(0.0001));
  CHECK(w.state().error == Error::kNone);

  meter.is_dead = true;
  w.run(60000);
  CHECK(w.state().error == Error::kPowerMeterFailure);
  CHECK_FALSE(w.state().is_faulted);
  CHECK_FALSE(w.observer.last_sample.has(charger::kMeterEnergyImport));
  CHECK(w.box.is_closed());
}
