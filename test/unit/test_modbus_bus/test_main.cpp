#include "doctest_main/doctest_main.hpp"
#include "modbus/bus.hpp"
#include "modbus_line/modbus_line.hpp"
#include "platform_sim/malloc_trap.hpp"

#include <string>
#include <vector>

using common::Instant;
using common::Status;
using modbus::Bus;
using modbus::Completion;
using modbus::Function;
using modbus::Outcome;
using modbus::Priority;
using modbus::Request;
using modbus_line::ModbusLine;
using modbus_line::TableDevice;

namespace {

struct Done {
  Instant at;
  uint8_t unit_index;
  uint8_t tag;
  Outcome outcome;
  uint8_t exception_code;
  uint16_t value;
};

struct World {
  explicit World(size_t units, modbus::UnitConfig config = modbus::UnitConfig())
      : line(clock), devices(units) {
    bus.begin(line, pool);
    for (size_t i = 0; i < units; ++i) {
      devices[i].input[0] = static_cast<uint16_t>(100 + i);
      devices[i].holding[0] = 0;
      config.unit_id = static_cast<uint8_t>(i + 1);
      line.attach(config.unit_id, devices[i]);
      REQUIRE(bus.add_unit(config).ok());
    }
  }

  Status read(uint8_t unit, uint8_t tag = 1, uint16_t address = 0) {
    Request request;
    request.function = Function::kReadInputRegisters;
    request.address = address;
    return bus.submit(unit, tag, Priority::kRead, request);
  }
  Status write(uint8_t unit, uint16_t value, uint8_t tag = 2) {
    Request request;
    request.function = Function::kWriteSingleRegister;
    request.values[0] = value;
    return bus.submit(unit, tag, Priority::kWrite, request);
  }

  /// Lets time pass; `again` reads every finished unit again.
  void run(int64_t ms, bool again = false) {
    const Instant end = clock.now() + ms;
    int idle = 0;
    while (clock.now() < end) {
      platform_sim::MallocTrap trap;
      Instant next = bus.step(clock.now());
      Completion completion;
      const bool is_done = bus.take_completion(completion);
      allocations += trap.count();
      if (is_done) {
        const uint16_t value =
            completion.payload.empty() ? 0 : modbus::register_at(completion.payload, 0);
        done.push_back({clock.now(), completion.unit_index, completion.tag, completion.outcome,
                        completion.exception_code, value});
        if (again) (void)read(completion.unit_index);
        next = clock.now();
      }
      next = common::earlier(next, line.next_event());
      idle = next <= clock.now() ? idle + 1 : 0;
      REQUIRE(idle < 20);
      clock.advance_to(common::earlier(next, end));
    }
  }

  /// Longest time between two good answers of a unit, from the start on.
  int64_t longest_gap_ms(uint8_t unit) const {
    int64_t longest = 0;
    Instant last;
    for (const Done& item : done) {
      if (item.unit_index != unit || item.outcome != Outcome::kOk) continue;
      if (item.at - last > longest) longest = item.at - last;
      last = item.at;
    }
    return clock.now() - last > longest ? clock.now() - last : longest;
  }

  platform_sim::SimClock clock;
  ModbusLine line;
  std::vector<TableDevice> devices;
  modbus::UnitPool pool;
  Bus bus;
  std::vector<Done> done;
  size_t allocations = 0;
};

}  // namespace

TEST_CASE("a read brings the register") {
  World world(1);
  REQUIRE(world.read(0) == Status::kOk);
  CHECK(world.bus.is_pending(0, 1));
  world.run(500);
  REQUIRE(world.done.size() == 1);
  CHECK(world.done[0].outcome == Outcome::kOk);
  CHECK(world.done[0].value == 100);
  CHECK_FALSE(world.bus.is_pending(0, 1));
  CHECK(world.allocations == 0);
}

TEST_CASE("an exception is passed on and not repeated") {
  World world(1);
  REQUIRE(world.read(0, 1, 77) == Status::kOk);
  world.run(2000);
  REQUIRE(world.done.size() == 1);
  CHECK(world.done[0].outcome == Outcome::kException);
  CHECK(world.done[0].exception_code == 2);
  CHECK(world.line.seen().size() == 1);
  CHECK(world.bus.statistics(0).exceptions == 1);
}

TEST_CASE("a lost request is repeated") {
  World world(1);
  world.line.faults(1).fail_next = 2;
  REQUIRE(world.read(0) == Status::kOk);
  world.run(3000);
  REQUIRE(world.done.size() == 1);
  CHECK(world.done[0].outcome == Outcome::kOk);
  CHECK(world.bus.statistics(0).requests == 3);
  CHECK(world.bus.statistics(0).timeouts == 2);
}

TEST_CASE("after all tries the timeout is an outcome, within the tries' time") {
  World world(1);
  world.line.faults(1).is_silent = true;
  REQUIRE(world.read(0) == Status::kOk);
  world.run(5000);
  REQUIRE(world.done.size() == 1);
  CHECK(world.done[0].outcome == Outcome::kTimeout);
  CHECK(world.line.seen().size() == 3);
  CHECK(world.done[0].at.ms < 3 * (400 + 20 + 50) + 50);
}

TEST_CASE("answers with garbage around them count, broken ones are tried again") {
  World world(1);
  ModbusLine::Faults& faults = world.line.faults(1);
  faults.garbage_before = 30;
  faults.garbage_after = 5;
  REQUIRE(world.read(0) == Status::kOk);
  world.run(500);
  REQUIRE(world.done.size() == 1);
  CHECK(world.done[0].outcome == Outcome::kOk);
  faults = ModbusLine::Faults();

  SUBCASE("wrong CRC") {
    faults.is_crc_wrong = true;
    REQUIRE(world.read(0) == Status::kOk);
    world.run(3000);
    CHECK(world.bus.statistics(0).crc_errors == 3);
  }
  SUBCASE("cut off") {
    faults.is_truncated = true;
    REQUIRE(world.read(0) == Status::kOk);
    world.run(3000);
    CHECK(world.bus.statistics(0).garbage == 3);
  }
  SUBCASE("another unit answers") {
    faults.answers_as = 9;
    REQUIRE(world.read(0) == Status::kOk);
    world.run(3000);
    CHECK(world.bus.statistics(0).garbage == 3);
  }
  REQUIRE(world.done.size() == 2);
  CHECK(world.done[1].outcome == Outcome::kBadReply);
  CHECK(world.bus.is_silent(0));
}

TEST_CASE("more noise than the buffer holds does not hide the answer") {
  World world(1);
  world.line.faults(1).garbage_before = 250;
  world.line.faults(1).latency_ms = 1;
  REQUIRE(world.read(0) == Status::kOk);
  world.run(20);
  world.line.inject(std::vector<uint8_t>(300, 0x01));
  world.run(2000);
  REQUIRE(world.done.size() == 1);
  CHECK(world.done[0].outcome == Outcome::kOk);
}

TEST_CASE("an answer that comes too late is not taken for the next request's") {
  World world(1);
  world.devices[0].input[1] = 555;
  world.line.faults(1).latency_ms = 430;
  REQUIRE(world.read(0, 1, 0) == Status::kOk);
  world.run(431);
  world.line.faults(1).latency_ms = 5;
  world.bus.cancel(0);
  REQUIRE(world.read(0, 1, 1) == Status::kOk);
  world.run(3000);
  for (const Done& item : world.done) {
    if (item.outcome == Outcome::kOk) CHECK(item.value == 555);
  }
  CHECK_FALSE(world.done.empty());
}

TEST_CASE("writes overtake reads of all units, and the newest value counts") {
  World world(3);
  for (uint8_t unit = 0; unit < 3; ++unit) REQUIRE(world.read(unit) == Status::kOk);
  world.run(10);  // The first read is on the wire now.
  REQUIRE(world.write(2, 60) == Status::kOk);
  REQUIRE(world.write(2, 0) == Status::kOk);
  world.run(1000);
  REQUIRE(world.line.seen().size() == 4);
  CHECK(world.line.seen()[1].function == 6);
  CHECK(world.line.seen()[1].value == 0);
  CHECK(world.line.writes_to(3, 0).size() == 1);
}

TEST_CASE("a full queue and a bad request are refused") {
  World world(1);
  REQUIRE(world.read(0, 1) == Status::kOk);
  REQUIRE(world.read(0, 2) == Status::kOk);
  REQUIRE(world.read(0, 3) == Status::kOk);
  CHECK(world.read(0, 4) == Status::kNoSpace);
  CHECK(world.read(1, 1) == Status::kInvalidArgument);
  Request request;
  request.count = 126;
  CHECK(world.bus.submit(0, 1, Priority::kRead, request) == Status::kInvalidArgument);
}

TEST_CASE("units out of range or used twice are refused") {
  platform_sim::SimClock clock;
  ModbusLine line(clock);
  modbus::UnitPool pool;
  Bus bus;
  bus.begin(line, pool);
  modbus::UnitConfig config;
  config.unit_id = 0;
  CHECK(bus.add_unit(config).status() == Status::kInvalidArgument);
  config.unit_id = 7;
  CHECK(bus.add_unit(config).ok());
  CHECK(bus.add_unit(config).status() == Status::kInvalidArgument);
  config.has_outlets = true;
  CHECK(bus.add_unit(config).status() == Status::kInvalidArgument);
  config.unit_id = 248;
  CHECK(bus.add_unit(config).ok());
  CHECK(bus.add_unit(config).ok());
  config.unit_id = 8;
  config.serial.stop_bits = 3;
  CHECK(bus.add_unit(config).status() == Status::kInvalidArgument);
}

TEST_CASE("the silence before a request is kept") {
  modbus::UnitConfig config;
  config.gap_ms = 100;
  World world(2, config);
  for (int i = 0; i < 2; ++i) {
    REQUIRE(world.read(0) == Status::kOk);
    REQUIRE(world.read(1) == Status::kOk);
    world.run(1000);
  }
  for (size_t i = 1; i < world.line.seen().size(); ++i) {
    // Request and answer take 8 + 7 ms on the wire at 9600 bit/s, the device 10 ms.
    CHECK(world.line.seen()[i].at - world.line.seen()[i - 1].at >= 100 + 15 + 10);
  }
}

TEST_CASE("3.5 characters of silence stand between frames when no gap is asked for") {
  World world(1);
  world.line.faults(1).latency_ms = 0;
  world.run(1000, true);
  REQUIRE(world.read(0) == Status::kOk);
  world.run(1000, true);
  REQUIRE(world.line.seen().size() > 10);
  for (size_t i = 1; i < world.line.seen().size(); ++i) {
    CHECK(world.line.seen()[i].at - world.line.seen()[i - 1].at >= 8 + 7 + 4);
  }
}

TEST_CASE("the line is set for each unit, and only when it must change") {
  World world(1);
  modbus::UnitConfig other;
  other.unit_id = 20;
  other.serial.baud = 19200;
  other.serial.parity = platform::Parity::kEven;
  TableDevice device;
  device.input[0] = 1;
  world.line.attach(20, device);
  REQUIRE(world.bus.add_unit(other).ok());
  REQUIRE(world.read(0) == Status::kOk);
  world.run(200);
  CHECK(world.line.settings().baud == 9600);
  REQUIRE(world.read(0) == Status::kOk);
  world.run(200);
  CHECK(world.line.configured() == 1);
  REQUIRE(world.read(1) == Status::kOk);
  world.run(200);
  CHECK(world.line.settings().baud == 19200);
  CHECK(world.line.settings().parity == platform::Parity::kEven);
  CHECK(world.done.size() == 3);
}

TEST_CASE("a dead unit among eight at 9600 baud costs the others little") {
  World world(8);
  world.line.faults(4).is_silent = true;
  for (uint8_t unit = 0; unit < 8; ++unit) REQUIRE(world.read(unit) == Status::kOk);
  world.run(120000, true);
  for (uint8_t unit = 0; unit < 8; ++unit) {
    if (unit == 3) continue;
    CAPTURE(unit);
    CHECK(world.longest_gap_ms(unit) < 1000);
    CHECK(world.bus.statistics(unit).timeouts == 0);
  }
  // Asked at most every 5 s once it counts as silent.
  CHECK(world.bus.statistics(3).requests < 120 / 5 + 10);
  CHECK(world.bus.is_silent(3));
  CHECK(world.allocations == 0);
}

TEST_CASE("a unit that answers again is asked as often as before") {
  World world(1);
  world.line.faults(1).is_silent = true;
  REQUIRE(world.read(0) == Status::kOk);
  world.run(60000, true);
  CHECK(world.bus.is_silent(0));
  world.line.faults(1).is_silent = false;
  world.done.clear();
  world.run(6000, true);
  CHECK_FALSE(world.bus.is_silent(0));
  CHECK(world.done.size() > 10);
}

TEST_CASE("a line that takes no bytes is a timeout, one that takes few is used") {
  World world(1);
  world.line.set_write_limit(3);
  REQUIRE(world.read(0) == Status::kOk);
  world.run(1000);
  REQUIRE(world.done.size() == 1);
  CHECK(world.done[0].outcome == Outcome::kOk);
  world.line.set_write_limit(0);
  REQUIRE(world.read(0) == Status::kOk);
  world.run(3000);
  REQUIRE(world.done.size() == 2);
  CHECK(world.done[1].outcome == Outcome::kTimeout);
}

TEST_CASE("a serial device that is pulled and put back is used again") {
  World world(1);
  world.line.set_gone(true);
  REQUIRE(world.read(0) == Status::kOk);
  world.run(10000, true);
  REQUIRE_FALSE(world.done.empty());
  CHECK(world.done.size() <= 11);
  for (const Done& item : world.done) CHECK(item.outcome == Outcome::kLinkDown);
  world.line.set_gone(false);
  world.done.clear();
  world.run(3000, true);
  REQUIRE(world.done.size() > 1);
  CHECK(world.done.back().outcome == Outcome::kOk);
}

TEST_CASE("a line that never stops talking does not stop the loop") {
  World world(1);
  REQUIRE(world.read(0) == Status::kOk);
  for (int i = 0; i < 100; ++i) {
    world.line.inject(std::vector<uint8_t>(5000, 0x01));
    world.run(50);
  }
  CHECK_FALSE(world.done.empty());
}
