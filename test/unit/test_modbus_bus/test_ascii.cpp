#include "doctest_main/doctest_main.hpp"
#include "modbus/bus.hpp"
#include "modbus_line/modbus_line.hpp"

#include <vector>

using common::Instant;
using common::Status;
using modbus::Outcome;
using modbus_line::ModbusLine;

namespace {

struct World {
  explicit World(modbus::Framing framing, uint16_t wake_after_ms = 0) : line(clock) {
    modbus::UnitConfig config;
    config.framing = framing;
    config.serial.baud = 38400;
    config.serial.parity = platform::Parity::kEven;
    config.wake_after_ms = wake_after_ms;
    if (framing == modbus::Framing::kAscii) line.set_ascii();
    device.input[0] = 0xABCD;
    for (uint16_t i = 0; i < 125; ++i) device.holding[i] = i;
    line.attach(1, device);
    bus.begin(line, pool);
    REQUIRE(bus.add_unit(config).ok());
  }

  void submit(modbus::Function function, uint16_t count = 1, uint16_t value = 0) {
    modbus::Request request;
    request.function = function;
    request.count = count;
    request.values[0] = value;
    REQUIRE(bus.submit(0, 1, modbus::Priority::kRead, request) == Status::kOk);
  }
  /// Runs until something has finished, at most for this long.
  Outcome finish(int64_t ms = 5000) {
    const Instant end = clock.now() + ms;
    while (clock.now() < end) {
      const Instant next = bus.step(clock.now());
      if (bus.take_completion(completion)) return completion.outcome;
      clock.advance_to(common::earlier(common::earlier(next, line.next_event()), end));
    }
    FAIL("nothing has finished");
    return Outcome::kLinkDown;
  }
  void idle(int64_t ms) {
    const Instant end = clock.now() + ms;
    while (clock.now() < end) {
      const Instant next = bus.step(clock.now());
      REQUIRE_FALSE(bus.take_completion(completion));
      clock.advance_to(common::earlier(common::earlier(next, line.next_event()), end));
    }
  }

  platform_sim::SimClock clock;
  ModbusLine line;
  modbus_line::TableDevice device;
  modbus::UnitPool pool;
  modbus::Bus bus;
  modbus::Completion completion;
};

}  // namespace

TEST_CASE("registers are read and written in Modbus ASCII") {
  World world(modbus::Framing::kAscii);
  world.submit(modbus::Function::kReadInputRegisters);
  REQUIRE(world.finish() == Outcome::kOk);
  CHECK(modbus::register_at(world.completion.payload, 0) == 0xABCD);
  world.submit(modbus::Function::kReadHoldingRegisters, 125);
  REQUIRE(world.finish() == Outcome::kOk);
  CHECK(modbus::register_at(world.completion.payload, 124) == 124);
  world.submit(modbus::Function::kWriteSingleRegister, 1, 160);
  REQUIRE(world.finish() == Outcome::kOk);
  CHECK(world.device.holding[0] == 160);
  world.submit(modbus::Function::kWriteSingleCoil);
  REQUIRE(world.finish() == Outcome::kException);
  CHECK(world.completion.exception_code == modbus::kIllegalFunction);
  CHECK(world.pool[0].statistics.timeouts == 0);
}

TEST_CASE("noise around an ASCII answer does not hide it, a wrong LRC does") {
  World world(modbus::Framing::kAscii);
  modbus_line::Faults& faults = world.line.faults(1);
  faults.garbage_before = 20;
  faults.garbage_after = 3;
  world.submit(modbus::Function::kReadInputRegisters);
  CHECK(world.finish() == Outcome::kOk);
  SUBCASE("wrong LRC") { faults.is_crc_wrong = true; }
  SUBCASE("cut off") { faults.is_truncated = true; }
  SUBCASE("another unit") { faults.answers_as = 2; }
  world.submit(modbus::Function::kReadInputRegisters);
  CHECK(world.finish(10000) == Outcome::kBadReply);
  CHECK(world.pool[0].statistics.crc_errors == (faults.is_crc_wrong ? 3U : 0U));
  faults = modbus_line::Faults();
  world.submit(modbus::Function::kReadInputRegisters);
  CHECK(world.finish(10000) == Outcome::kOk);
}

TEST_CASE("an ASCII answer may pause, an RTU answer has its time") {
  World world(modbus::Framing::kAscii);
  world.line.set_pause(900);
  world.submit(modbus::Function::kReadInputRegisters);
  CHECK(world.finish() == Outcome::kOk);
  CHECK(world.pool[0].statistics.requests == 1);
  // Longer than all tries take: none of them gets its second half.
  world.line.set_pause(60000);
  world.submit(modbus::Function::kReadInputRegisters);
  CHECK(world.finish(20000) == Outcome::kBadReply);
}

TEST_CASE("colons without end do not hold the bus") {
  World world(modbus::Framing::kAscii);
  world.line.faults(1).is_silent = true;
  world.submit(modbus::Function::kReadInputRegisters);
  const Instant start = world.clock.now();
  for (int i = 0; i < 1000; ++i) {
    world.line.inject(std::vector<uint8_t>(20, ':'));
    (void)world.bus.step(world.clock.now());
    if (world.bus.take_completion(world.completion)) break;
    world.clock.advance(10);
  }
  CHECK(world.clock.now() - start < 6000);
  CHECK(world.completion.outcome == Outcome::kBadReply);
}

TEST_CASE("the first request after a pause is sent twice to a unit that sleeps") {
  for (const modbus::Framing framing : {modbus::Framing::kAscii, modbus::Framing::kRtu}) {
    World world(framing, 2000);
    modbus_line::Faults& faults = world.line.faults(1);
    faults.sleeps_after_ms = 3000;
    world.submit(modbus::Function::kReadInputRegisters);
    REQUIRE(world.finish() == Outcome::kOk);
    CHECK(world.line.seen().size() == 2);
    CHECK(world.clock.now() < Instant{300});
    world.idle(1000);
    world.submit(modbus::Function::kReadInputRegisters);
    REQUIRE(world.finish() == Outcome::kOk);
    CHECK(world.line.seen().size() == 3);
    // Awake after all: the answer to the first one is taken.
    world.idle(2500);
    world.submit(modbus::Function::kReadInputRegisters);
    REQUIRE(world.finish() == Outcome::kOk);
    CHECK(world.line.seen().size() == 4);
    // The one that is lost is no failure.
    CHECK(world.pool[0].statistics.requests == 3);
    CHECK(world.pool[0].statistics.timeouts == 0);
    CHECK(world.pool[0].failures == 0);
  }
}

TEST_CASE("two answers to a request that was sent twice do not answer the next one") {
  World world(modbus::Framing::kRtu, 2000);
  world.line.faults(1).latency_ms = 300;  // awake, but slow
  world.submit(modbus::Function::kReadHoldingRegisters);
  REQUIRE(world.finish() == Outcome::kOk);
  CHECK(world.line.seen().size() == 2);
  world.device.holding[0] = 77;
  world.submit(modbus::Function::kReadHoldingRegisters);
  REQUIRE(world.finish() == Outcome::kOk);
  CHECK(modbus::register_at(world.completion.payload, 0) == 77);
}
