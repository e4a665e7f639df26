#include "doctest_main/doctest_main.hpp"
#include "modbus/bus.hpp"
#include "modbus_line/modbus_server.hpp"
#include "platform_sim/malloc_trap.hpp"
#include "platform_sim/recording_log_sink.hpp"

#include <string>
#include <vector>

using common::Instant;
using common::Status;
using modbus::Outcome;
using modbus_line::ModbusServer;
using modbus_line::TableDevice;
using platform_sim::SimTcpLink;

namespace {

struct Done {
  Instant at;
  uint8_t unit_index;
  Outcome outcome;
  uint16_t value;
};

struct World {
  explicit World(bool is_converter = false) : link(clock), server(clock, link) {
    modbus::TcpTarget target;
    target.host = common::FixedString<63>("wallbox");
    target.is_converter = is_converter;
    bus.begin(link, target, pool, log);
    if (is_converter) server.set_rtu();
    add(is_converter ? 1 : 255, is_converter);
  }

  uint8_t add(uint8_t unit_id, bool is_converter = false) {
    modbus::UnitConfig config;
    config.unit_id = unit_id;
    config.framing = is_converter ? modbus::Framing::kRtu : modbus::Framing::kTcp;
    config.timeout_ms = 1000;
    const common::Result<uint8_t> index = bus.add_unit(config);
    REQUIRE(index.ok());
    devices[index.value()].input[0] = static_cast<uint16_t>(100 + index.value());
    devices[index.value()].holding[0] = 0;
    server.attach(unit_id, devices[index.value()]);
    return index.value();
  }
  void read(uint8_t unit = 0, uint8_t tag = 1) {
    modbus::Request request;
    request.function = modbus::Function::kReadInputRegisters;
    REQUIRE(bus.submit(unit, tag, modbus::Priority::kRead, request) == Status::kOk);
  }
  void write(uint16_t value) {
    modbus::Request request;
    request.function = modbus::Function::kWriteSingleRegister;
    request.values[0] = value;
    REQUIRE(bus.submit(0, 2, modbus::Priority::kWrite, request) == Status::kOk);
  }

  /// Lets time pass; `again` reads every finished unit again, a second later.
  void run(int64_t ms, bool again = false) {
    const Instant end = clock.now() + ms;
    int idle = 0;
    while (clock.now() < end) {
      server.step();
      Instant next = Instant::never();
      modbus::Completion completion;
      bool is_done = false;
      {
        const platform_sim::MallocTrap trap;
        next = bus.step(clock.now());
        is_done = bus.take_completion(completion);
        allocations += trap.count();
      }
      if (is_done) {
        const uint16_t value =
            completion.payload.empty() ? 0 : modbus::register_at(completion.payload, 0);
        done.push_back({clock.now(), completion.unit_index, completion.outcome, value});
        if (again) again_at[completion.unit_index] = clock.now() + 1000;
        next = clock.now();
      }
      for (uint8_t unit = 0; unit < 2; ++unit) {
        if (again_at[unit] <= clock.now()) {
          again_at[unit] = Instant::never();
          read(unit);
          next = clock.now();
        }
        next = common::earlier(next, again_at[unit]);
      }
      next = common::earlier(next, link.next_event());
      next = common::earlier(next, server.next_event());
      idle = next <= clock.now() ? idle + 1 : 0;
      REQUIRE(idle < 20);
      clock.advance_to(common::earlier(next, end));
    }
  }
  size_t count(Outcome outcome) const {
    size_t result = 0;
    for (const Done& item : done) result += item.outcome == outcome ? 1U : 0U;
    return result;
  }

  platform_sim::SimClock clock;
  SimTcpLink link;
  ModbusServer server;
  platform_sim::RecordingLogSink log{common::LogLevel::kInfo};
  modbus::UnitPool pool;
  modbus::Bus bus;
  TableDevice devices[2];
  Instant again_at[2] = {Instant::never(), Instant::never()};
  std::vector<Done> done;
  size_t allocations = 0;
};

}  // namespace

TEST_CASE("the connection is made for the first request, and kept") {
  World world;
  world.run(1000);
  CHECK(world.link.attempts() == 0);
  world.read();
  world.run(60000, true);
  CHECK(world.link.attempts() == 1);
  CHECK(world.done.size() > 50);
  CHECK(world.count(Outcome::kOk) == world.done.size());
  CHECK(world.done[0].value == 100);
  CHECK(world.allocations == 0);
  CHECK(world.log.text().find("wallbox port 502 answers") != std::string::npos);
  world.bus.close();
  CHECK(world.link.state() == platform::TcpLink::State::kClosed);
  world.run(5000);
  CHECK(world.link.attempts() == 1);
}

TEST_CASE("several units share the connection, one request at a time") {
  World world;
  world.add(7);
  world.read(0);
  world.read(1);
  world.run(20000, true);
  CHECK(world.link.attempts() == 1);
  CHECK(world.server.overlapping() == 0);
  CHECK(world.done.size() > 30);
  for (const Done& item : world.done) {
    CHECK(item.outcome == Outcome::kOk);
    CHECK(item.value == 100 + item.unit_index);
  }
}

TEST_CASE("a unit that is dead behind the connection does not hold up the other") {
  World world;
  world.add(7);
  world.server.faults(7).is_silent = true;
  world.read(0);
  world.read(1);
  world.run(60000, true);
  CHECK(world.link.attempts() == 1);
  Instant last;
  for (const Done& item : world.done) {
    if (item.unit_index != 0) continue;
    CHECK(item.outcome == Outcome::kOk);
    CHECK(item.at - last < 2200);
    last = item.at;
  }
  CHECK(world.bus.is_silent(1));
  CHECK_FALSE(world.bus.is_silent(0));
}

TEST_CASE("answers in pieces, doubled, or of older requests are sorted out") {
  World world;
  SimTcpLink::Behaviour behaviour;
  SUBCASE("byte by byte") {
    behaviour.segment_bytes = 1;
    world.link.set_behaviour(behaviour);
  }
  SUBCASE("every answer twice") { world.server.set_doubled(true); }
  SUBCASE("the request goes out in pieces") {
    behaviour.window_bytes = 5;
    world.link.set_behaviour(behaviour);
  }
  world.read();
  world.run(20000, true);
  CHECK(world.link.attempts() == 1);
  CHECK(world.done.size() > 15);
  CHECK(world.count(Outcome::kOk) == world.done.size());
}

TEST_CASE("an answer that comes after its time is not taken for the next one") {
  World world;
  world.devices[0].input[0] = 7;
  world.server.faults(255).latency_ms = 1100;
  world.read();
  world.run(1090);
  world.bus.cancel(0);
  world.server.faults(255).latency_ms = 500;
  world.devices[0].input[0] = 8;
  world.read();
  world.run(10000);
  REQUIRE(world.count(Outcome::kOk) == 1);
  CHECK(world.done.back().value == 8);
  CHECK(world.link.attempts() == 1);
}

TEST_CASE("while nothing listens the attempts grow rare and the log is one line") {
  World world;
  world.link.set_server_up(false);
  world.read();
  world.run(300000, true);
  CHECK(world.done.size() >= 8);
  CHECK(world.count(Outcome::kLinkDown) == world.done.size());
  CHECK(world.link.attempts() < 20);
  CHECK(world.link.attempts() > 8);
  CHECK(world.bus.is_silent(0));
  CHECK(world.log.lines().size() == 1);
  world.link.set_server_up(true);
  world.done.clear();
  world.run(32000, true);
  CHECK(world.count(Outcome::kOk) > 0);
  CHECK_FALSE(world.bus.is_silent(0));
  CHECK(world.log.lines().back().text == "wallbox port 502 answers");
}

TEST_CASE("a host that does not take the connection is given up after ten seconds") {
  World world;
  SimTcpLink::Behaviour behaviour;
  behaviour.connect_ms = 1000000;
  world.link.set_behaviour(behaviour);
  world.read();
  world.run(9999);
  CHECK(world.done.empty());
  world.run(2);
  REQUIRE(world.done.size() == 1);
  CHECK(world.done[0].outcome == Outcome::kLinkDown);
  CHECK(world.log.lines().at(0).text ==
        "wallbox port 502 does not take the connection; next try in 1 s");
  // A newer wish takes the place of the one that waits for the connection.
  behaviour.connect_ms = 8000;
  world.link.set_behaviour(behaviour);
  world.write(1);
  world.run(5000);
  world.write(2);
  world.run(10000);
  REQUIRE(world.server.writes_to(255, 0).size() == 1);
  CHECK(world.server.writes_to(255, 0)[0].value == 2);
}

TEST_CASE("a connection that ends is made anew at once, and the request is repeated") {
  World world;
  world.read();
  world.run(3000, true);
  const size_t before = world.done.size();
  SUBCASE("while nothing is asked") {
    world.link.server_disconnect();
    world.run(2000, true);
    CHECK(world.log.lines().size() == 1);
  }
  SUBCASE("within an answer") {
    world.server.close_in_next_answer();
    world.run(2000, true);
    CHECK(world.log.lines().size() == 3);
    CHECK(world.log.lines()[1].level == common::LogLevel::kWarn);
  }
  CHECK(world.link.attempts() == 2);
  CHECK(world.done.size() >= before + 1);
  CHECK(world.count(Outcome::kOk) == world.done.size());
}

TEST_CASE("a server that closes after every answer is used all the same, and quietly") {
  World world;
  world.server.set_closes_after_answer(true);
  world.read();
  world.run(20000, true);
  CHECK(world.done.size() > 15);
  CHECK(world.count(Outcome::kOk) == world.done.size());
  CHECK(world.link.attempts() == world.done.size());
  CHECK(world.log.lines().size() == 1);
}

TEST_CASE("a server that closes before it has answered is left alone longer and longer") {
  World world;
  world.server.faults(255).is_truncated = true;
  world.server.set_closes_after_answer(true);
  world.read();
  world.run(120000, true);
  CHECK(world.count(Outcome::kOk) == 0);
  CHECK(world.link.attempts() < 15);
  CHECK(world.log.lines().size() == 1);
}

TEST_CASE("what is no Modbus TCP ends the connection and is told") {
  World world;
  SUBCASE("in an answer") { world.server.faults(255).garbage_before = 20; }
  SUBCASE("a wrong protocol id") { world.server.faults(255).is_crc_wrong = true; }
  world.read();
  world.run(60000, true);
  CHECK(world.count(Outcome::kOk) == 0);
  CHECK(world.pool[0].statistics.garbage > 0);
  CHECK(world.link.attempts() < 10);
  REQUIRE_FALSE(world.log.lines().empty());
  CHECK(world.log.lines()[0].text ==
        "wallbox port 502 sends what is no Modbus TCP; next try in 1 s");
  world.server.faults(255) = modbus_line::Faults();
  world.run(32000, true);
  CHECK(world.count(Outcome::kOk) > 0);
}

TEST_CASE("answers to other requests are a silence, and the connection is made anew") {
  World world;
  world.server.set_id_offset(1);
  world.read();
  world.run(60000, true);
  CHECK(world.count(Outcome::kOk) == 0);
  CHECK(world.link.attempts() > 1);
  CHECK(world.log.lines()[0].text == "wallbox port 502 does not answer; next try in 1 s");
}

TEST_CASE("units come back behind a connection as soon as on a line") {
  World world;
  world.read();
  world.run(3000, true);
  world.server.faults(255).is_silent = true;
  world.run(600000, true);
  world.done.clear();
  world.server.faults(255).is_silent = false;
  world.run(7000, true);
  CHECK(world.count(Outcome::kOk) > 0);
}

TEST_CASE("a gateway that speaks for a silent unit makes it silent, a busy unit is asked again") {
  World world;
  world.add(7);
  modbus_line::Faults& faults = world.server.faults(7);
  SUBCASE("no answer from the target") {
    faults.exception = 11;
    world.read(1);
    world.run(4000);
    REQUIRE(world.done.size() == 1);
    CHECK(world.done[0].outcome == Outcome::kTimeout);
    CHECK(world.bus.is_silent(1));
    CHECK(world.link.attempts() == 1);
    CHECK(world.pool[1].statistics.exceptions == 3);
  }
  SUBCASE("busy twice") {
    faults.exception = 6;
    faults.refuse_next = 2;
    world.read(1);
    world.run(4000);
    REQUIRE(world.done.size() == 1);
    CHECK(world.done[0].outcome == Outcome::kOk);
    CHECK_FALSE(world.bus.is_silent(1));
  }
  SUBCASE("busy for ever") {
    faults.exception = 6;
    world.read(1);
    world.run(4000);
    REQUIRE(world.done.size() == 1);
    CHECK(world.done[0].outcome == Outcome::kException);
    CHECK(world.pool[1].statistics.requests == 3);
  }
}

TEST_CASE("RTU frames go through a converter") {
  World world(true);
  world.read();
  world.run(20000, true);
  CHECK(world.link.attempts() == 1);
  CHECK(world.done.size() > 15);
  CHECK(world.count(Outcome::kOk) == world.done.size());
  world.server.faults(1).is_crc_wrong = true;
  world.done.clear();
  world.run(10000, true);
  CHECK(world.count(Outcome::kBadReply) > 0);
  world.server.faults(1).is_crc_wrong = false;
  world.done.clear();
  world.run(10000, true);
  CHECK(world.done.back().outcome == Outcome::kOk);
}

TEST_CASE("framing and bus must go together") {
  World world;
  modbus::UnitConfig config;
  config.unit_id = 3;
  CHECK(world.bus.add_unit(config).status() == Status::kInvalidArgument);
  config.framing = modbus::Framing::kTcp;
  CHECK(world.bus.add_unit(config).ok());
  World converter(true);
  CHECK(converter.bus.add_unit(config).status() == Status::kInvalidArgument);
}
