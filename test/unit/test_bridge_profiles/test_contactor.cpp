// A charger without a watchdog and a contactor of the installation in its power line: EVSE-WB-DIN with a meter.
#include "world.hpp"

using bridge::BoardPin;
using common::Status;

namespace {

constexpr uint8_t kPin = 27;
constexpr uint16_t kLimit = 1000;
constexpr uint16_t kState = 1002;

/// What the contactor's pin does.
struct Pins final : platform::Gpio {
  Status make_input(uint8_t, bool) override { return Status::kOk; }
  Status set(uint8_t pin, bool level) override {
    CHECK(pin == kPin);
    is_closed = level;
    return Status::kOk;
  }
  common::Result<bool> get(uint8_t) override { return is_closed; }
  bool is_closed = true;  // Whatever was before the start.
};

struct Scene {
  explicit Scene(bool has_meter = true) {
    world.box.fill(world.box.holding, 1000, 10);
    world.box.fill(world.box.holding, 2000, 8);
    world.box.holding[kLimit] = 16;
    world.box.holding[kState] = 1;
    world.box.holding[1005] = 16;
    world.box.holding[1006] = 2;
    if (has_meter) {
      world.meter = "eastron-sdm630";
      world.meter_box.fill(world.meter_box.input, 0, 400);
    }
    world.bridge.set_gpio(pins);
    bridge::ConnectorConfig config;
    config.unit_id = 1;
    config.contactor.number = kPin;
    config.timings.meter_poll_ms = 1000;
    world.start("evse-wb-din", 1, config);
    CHECK_FALSE(pins.is_closed);
  }

  /// Lets time pass; what flows goes through the contactor and the meter.
  void run(int64_t ms) {
    const common::Instant end = world.clock.now() + ms;
    while (world.clock.now() < end) {
      const uint32_t amps = pins.is_closed ? drawn_a : 0;
      for (const uint16_t address : {6, 8, 10})
        Box::set32(world.meter_box.input, address, Box::bits(static_cast<float>(amps)));
      world.run(100);
    }
  }
  template <typename Condition>
  bool run_until(int64_t ms, Condition condition) {
    const common::Instant end = world.clock.now() + ms;
    while (world.clock.now() < end && !condition()) run(100);
    return condition();
  }
  /// ms until the contactor opens.
  int64_t opens_within(int64_t ms) {
    const common::Instant begin = world.clock.now();
    CHECK(pins.is_closed);
    return run_until(ms, [this] { return !pins.is_closed; }) ? world.clock.now() - begin : -1;
  }
  void plug() { world.box.holding[kState] = 3; }
  void unplug() { world.box.holding[kState] = 1; }
  std::string code() const { return world.state.vendor_error_code.c_str(); }

  /// Charges with 10 A of 10 A.
  void charge() {
    REQUIRE(run_until(5000, [this] { return pins.is_closed; }));
    plug();
    world.offer(10000);
    drawn_a = 10;
    run(20000);
    REQUIRE(world.box.holding[kLimit] == 10);
    REQUIRE(world.state.error == charger::Error::kNone);
  }

  World world;
  Pins pins;
  uint32_t drawn_a = 0;
};

}  // namespace

TEST_CASE("the contactor closes when the charger has been heard, and stays closed while it obeys") {
  Scene scene;
  scene.world.line.faults(1).is_silent = true;
  scene.run(120000);
  CHECK_FALSE(scene.pins.is_closed);
  scene.world.line.faults(1).is_silent = false;
  scene.charge();
  scene.world.offer(16000);
  scene.drawn_a = 16;
  CHECK(scene.opens_within(200000) == -1);
  scene.world.withdraw();
  scene.drawn_a = 0;
  CHECK(scene.opens_within(200000) == -1);
  CHECK(scene.world.box.holding[kLimit] == 0);
}

TEST_CASE(
    "a charger that draws too much for a minute loses its current until the EV is unplugged") {
  Scene scene;
  scene.charge();
  scene.drawn_a = 14;
  const int64_t opened_ms = scene.opens_within(70000);
  CHECK(opened_ms >= 60000);
  CHECK(opened_ms <= 67000);
  scene.run(2000);
  CHECK(scene.world.state.error == charger::Error::kOverCurrentFailure);
  CHECK(scene.world.state.is_faulted);
  scene.world.withdraw();
  scene.run(10000);
  CHECK(scene.code() == "CONTACTOR_OPEN");
  CHECK(scene.world.state.is_faulted);
  scene.run(600000);
  CHECK_FALSE(scene.pins.is_closed);
  scene.unplug();
  scene.run(10000);
  CHECK(scene.pins.is_closed);
  CHECK(scene.code().empty());
}

TEST_CASE("current without permission opens the contactor after a minute") {
  Scene scene;
  scene.charge();
  scene.world.withdraw();
  const int64_t opened_ms = scene.opens_within(70000);
  CHECK(opened_ms >= 60000);
  CHECK(opened_ms <= 65000);
  scene.run(30000);
  CHECK(scene.code() == "CONTACTOR_OPEN");
}

TEST_CASE(
    "a charger that goes silent goes on charging while it may, and is cut off when it must stop") {
  Scene scene;
  scene.charge();
  scene.world.line.faults(1).is_silent = true;
  CHECK(scene.opens_within(300000) == -1);
  scene.world.withdraw();
  const int64_t opened_ms = scene.opens_within(70000);
  CHECK(opened_ms >= 60000);
  CHECK(opened_ms <= 62000);
  CHECK(scene.code() == "BUS_TIMEOUT");
  scene.run(300000);
  CHECK_FALSE(scene.pins.is_closed);
  scene.world.line.faults(1).is_silent = false;
  scene.drawn_a = 0;
  CHECK(scene.run_until(30000, [&] { return scene.pins.is_closed; }));
  CHECK(scene.world.box.holding[kLimit] == 0);
}

TEST_CASE("a silent charger that would have to charge less is cut off, without any meter, too") {
  Scene scene(false);
  scene.charge();
  scene.world.line.faults(1).is_silent = true;
  scene.run(100000);
  scene.world.offer(8000);
  const int64_t opened_ms = scene.opens_within(70000);
  CHECK(opened_ms >= 60000);
  CHECK(opened_ms <= 62000);
}

TEST_CASE(
    "an idle charger that goes silent is cut off: nobody knows what it does after its restart") {
  Scene scene(false);
  scene.world.withdraw();
  scene.run(10000);
  scene.world.line.faults(1).is_silent = true;
  const int64_t opened_ms = scene.opens_within(80000);
  CHECK(opened_ms >= 60000);
  CHECK(opened_ms <= 66000);
}

TEST_CASE("a charger that refuses the limit for a minute is cut off") {
  Scene scene(false);
  scene.charge();
  scene.world.line.faults(1).exception = 4;
  scene.world.withdraw();
  const int64_t opened_ms = scene.opens_within(70000);
  CHECK(opened_ms >= 60000);
  CHECK(opened_ms <= 62000);
}

TEST_CASE("a pin belongs to one connector, and needs a board") {
  World world;
  Pins pins;
  REQUIRE(world.bridge.add_bus(world.line).ok());
  bridge::ConnectorConfig config;
  config.profile = "evse-wb-din";
  config.contactor.number = kPin;
  CHECK(world.bridge.add_connector(config) == Status::kInvalidArgument);
  CHECK(std::string(world.bridge.error_text()) ==
        "connector 1: this gateway has no pins for a contactor");
  world.bridge.set_gpio(pins);
  REQUIRE(world.bridge.add_connector(config) == Status::kOk);
  config.connector_id = 2;
  config.unit_id = 2;
  CHECK(world.bridge.add_connector(config) == Status::kInvalidArgument);
  CHECK(std::string(world.bridge.error_text()) ==
        "connector 2: GPIO27 belongs to another connector");
}
