#include "doctest_main/doctest_main.hpp"
#include "platform_sim/sim_clock.hpp"
#include "platform_sim/sim_serial_link.hpp"
#include "platform_sim/sim_tcp_link.hpp"
#include "platform_sim/sim_udp_link.hpp"
#include "platform_sim/sim_web_socket_link.hpp"

#include <string>

using common::ByteSpan;
using common::Instant;
using common::MutableByteSpan;
using common::Status;
using common::UtcTime;
using platform_sim::SimClock;
using platform_sim::SimSerialLink;
using platform_sim::SimTcpLink;
using platform_sim::SimUdpLink;
using platform_sim::SimWaiter;
using platform_sim::SimWebSocketLink;

namespace {

using Fate = SimWebSocketLink::Fate;
using Direction = SimWebSocketLink::Direction;

ByteSpan bytes(const std::string& text) {
  return ByteSpan(reinterpret_cast<const uint8_t*>(text.data()), text.size());
}

template <typename Link>
std::string read_from(Link& link) {
  uint8_t buffer[64];
  const auto count = link.read(MutableByteSpan(buffer));
  return count.ok() ? std::string(buffer, buffer + count.value())
                    : common::to_string(count.status());
}

struct WebSocketBench {
  SimClock clock;
  SimWebSocketLink link{clock, 1};
  SimWaiter waiter{clock};

  WebSocketBench() {
    waiter.add_source([this] { return link.next_event(); });
  }
  Status open(const char* url = "ws://csms/") {
    platform::LinkSettings settings;
    settings.url = common::FixedString<255>(url);
    return link.open(settings);
  }
  void connect() {
    REQUIRE(open() == Status::kOk);
    clock.advance(link.behaviour().connect_ms);
    REQUIRE(link.status().is_up);
  }
  Status send(const char* frame) { return link.send(common::text(frame)); }
  std::string receive(size_t size = 64) {
    char buffer[64];
    const auto frame = link.receive(common::Span<char>(buffer, size));
    if (!frame.ok()) return common::to_string(frame.status());
    return std::string(buffer, frame.value().size) + (frame.value().truncated ? "..." : "");
  }
  std::string server_receive() {
    std::string frame;
    return link.server_receive(frame) ? frame : "none";
  }
};

}  // namespace

TEST_CASE("time stands still until it is moved, UTC moves along and can jump") {
  SimClock clock;
  CHECK(clock.now() == Instant{0});
  CHECK_FALSE(clock.utc().is_known());
  clock.advance(500);
  clock.set_utc(UtcTime{1000000});
  clock.advance(250);
  CHECK(clock.now() == Instant{750});
  CHECK(clock.utc() == UtcTime{1000250});
  clock.advance_to(Instant{10});  // never back
  CHECK(clock.now() == Instant{750});
  clock.jump_utc_to(UtcTime{5000});
  CHECK(clock.utc() == UtcTime{5000});
  CHECK(clock.now() == Instant{750});
  clock.set_ignores_set_utc(true);
  clock.set_utc(UtcTime{1});
  CHECK(clock.utc() == UtcTime{5000});
  clock.restart(true, 60000);
  CHECK(clock.now() == Instant{0});
  CHECK(clock.utc() == UtcTime{65000});
  clock.restart(false);
  CHECK_FALSE(clock.utc().is_known());
}

TEST_CASE("the waiter jumps to the next event and notices that nothing will ever happen") {
  SimClock clock;
  SimWaiter waiter(clock);
  waiter.wait_until(Instant{5000});
  CHECK(clock.now() == Instant{5000});
  Instant event{7000};
  waiter.add_source([&] { return event; });
  waiter.wait_until(Instant{9000});
  CHECK(clock.now() == Instant{7000});
  waiter.wait_until(Instant{9000});  // the event was not dealt with: no time passes
  CHECK(clock.now() == Instant{7000});
  event = Instant::never();
  waiter.wait_until(Instant::never());
  CHECK(clock.now() == Instant{7000});
  CHECK(waiter.is_idle_for_ever());
  CHECK(waiter.waits() == 4);
}

TEST_CASE("a link connects after its time and carries frames both ways, in order, with latency") {
  WebSocketBench bench;
  CHECK(bench.open("http://csms/") == Status::kInvalidArgument);
  CHECK_FALSE(bench.link.status().last_error.empty());
  REQUIRE(bench.open() == Status::kOk);
  CHECK(bench.send("early") == Status::kClosed);
  CHECK_FALSE(bench.link.status().is_up);
  bench.waiter.wait_until(Instant::never());
  CHECK(bench.clock.now() == Instant{100});
  CHECK(bench.link.status().is_up);
  CHECK(bench.link.status().connection_id == 1);
  CHECK(bench.send("one") == Status::kOk);
  CHECK(bench.send("two") == Status::kOk);
  CHECK(bench.link.server_send("three"));
  CHECK(bench.server_receive() == "none");
  CHECK(bench.receive() == "again");
  bench.waiter.wait_until(Instant::never());
  CHECK(bench.clock.now() == Instant{120});
  CHECK(bench.server_receive() == "one");
  CHECK(bench.server_receive() == "two");
  CHECK(bench.server_receive() == "none");
  CHECK(bench.receive() == "three");
  CHECK(bench.link.log().size() == 3);
  CHECK(bench.link.frames_sent(Direction::kToServer) == 2);
}

TEST_CASE("frames that are too long are cut and say so; a full window pushes back") {
  WebSocketBench bench;
  bench.connect();
  CHECK(bench.link.server_send("0123456789"));
  bench.clock.advance(20);
  CHECK(bench.receive(4) == "0123...");
  CHECK(bench.receive(4) == "again");
  for (size_t i = 0; i < bench.link.behaviour().window_frames; ++i) {
    CHECK(bench.send("x") == Status::kOk);
  }
  CHECK(bench.send("x") == Status::kAgain);
  bench.clock.advance(20);
  CHECK(bench.server_receive() == "x");
  CHECK(bench.send("x") == Status::kOk);
}

TEST_CASE("a lost connection loses frames on their way and comes back by itself") {
  WebSocketBench bench;
  bench.connect();
  CHECK(bench.send("lost") == Status::kOk);
  bench.link.server_disconnect();
  CHECK_FALSE(bench.link.status().is_up);
  CHECK(bench.send("no") == Status::kClosed);
  CHECK_FALSE(bench.link.server_send("no"));
  CHECK(bench.link.status().next_attempt == bench.clock.now() + 1000);
  bench.clock.advance(5000);
  CHECK(bench.link.status().is_up);
  CHECK(bench.link.status().connection_id == 2);
  CHECK(bench.server_receive() == "none");
}

TEST_CASE("while the server is away attempts fail, with the refusal it gives") {
  WebSocketBench bench;
  bench.link.set_server_up(false, 401);
  REQUIRE(bench.open() == Status::kOk);
  bench.clock.advance(10000);
  CHECK_FALSE(bench.link.status().is_up);
  CHECK(bench.link.status().http_status == 401);
  CHECK(bench.link.status().next_attempt + 1100 > bench.clock.now());
  bench.link.set_server_up(true);
  bench.clock.advance(1100);
  CHECK(bench.link.status().is_up);
  CHECK(bench.link.status().http_status == 0);
  bench.link.close(1001);
  CHECK(bench.link.close_code() == 1001);
  bench.clock.advance(100000);
  CHECK_FALSE(bench.link.status().is_up);
  CHECK(bench.link.next_event().is_never());
}

TEST_CASE("a script decides each frame's fate") {
  WebSocketBench bench;
  bench.connect();
  bench.link.set_script([](Direction direction, uint64_t index, const std::string&) {
    if (direction == Direction::kToClient) return Fate::kDuplicate;
    if (index == 1) return Fate::kDrop;
    return index == 3 ? Fate::kDisconnect : Fate::kDeliver;
  });
  CHECK(bench.send("0") == Status::kOk);
  CHECK(bench.send("1") == Status::kOk);
  CHECK(bench.send("2") == Status::kOk);
  CHECK(bench.link.server_send("twice"));
  bench.clock.advance(20);
  CHECK(bench.server_receive() == "0");
  CHECK(bench.server_receive() == "2");
  CHECK(bench.receive() == "twice");
  CHECK(bench.receive() == "twice");
  CHECK(bench.send("3") == Status::kOk);
  CHECK_FALSE(bench.link.status().is_up);
}

TEST_CASE("random losses follow the seed") {
  const auto run = [](uint64_t seed) {
    SimClock clock;
    SimWebSocketLink link(clock, seed);
    SimWebSocketLink::Behaviour behaviour;
    behaviour.drop_per_mille = 300;
    behaviour.duplicate_per_mille = 300;
    behaviour.jitter_ms = 50;
    behaviour.window_frames = 1000;
    link.set_behaviour(behaviour);
    platform::LinkSettings settings;
    settings.url = common::FixedString<255>("wss://csms/");
    CHECK(link.open(settings) == Status::kOk);
    clock.advance(1000);
    for (int i = 0; i < 50; ++i) {
      CHECK(link.send(common::text(std::to_string(i).c_str())) == Status::kOk);
      clock.advance(1);
    }
    clock.advance(1000);
    std::string seen;
    std::string frame;
    int last = -1;
    while (link.server_receive(frame)) {
      CHECK(std::stoi(frame) >= last);  // order is kept
      last = std::stoi(frame);
      seen += frame + " ";
    }
    return seen;
  };
  CHECK(run(5) == run(5));
  CHECK(run(5) != run(6));
}

TEST_CASE("serial bytes take their time on the wire") {
  SimClock clock;
  SimSerialLink master(clock, 1);
  SimSerialLink device(clock, 2);
  SimSerialLink::join(master, device);
  // 9600 baud 8N1: 10 bits per byte, 8 bytes take 8.3 ms.
  CHECK(master.write(bytes("12345678")).value() == 8);
  CHECK_FALSE(master.is_drained());
  CHECK(read_from(device) == "again");
  clock.advance(5);
  CHECK(read_from(device) == "1234");
  SimWaiter waiter(clock);
  waiter.add_source([&] { return device.next_event(); });
  waiter.wait_until(Instant::never());
  CHECK(clock.now() == Instant{6});
  clock.advance(3);
  CHECK(master.is_drained());
  CHECK(read_from(device) == "5678");
  CHECK(device.write(bytes("ok")).ok());
  clock.advance(3);
  CHECK(read_from(master) == "ok");
  CHECK(master.bytes_written() == 8);
}

TEST_CASE("ends with different settings do not understand each other") {
  SimClock clock;
  SimSerialLink master(clock, 1);
  SimSerialLink device(clock, 2);
  SimSerialLink::join(master, device);
  platform::SerialSettings settings;
  settings.baud = 19200;
  settings.parity = platform::Parity::kEven;
  CHECK(master.configure(settings) == Status::kOk);
  CHECK(master.write(bytes("hello")).ok());
  clock.advance(10);
  const std::string garbage = read_from(device);
  CHECK(garbage.size() == 5);
  CHECK(garbage != "hello");
  CHECK(device.configure(settings) == Status::kOk);
  CHECK(master.write(bytes("hello")).ok());
  clock.advance(10);
  CHECK(read_from(device) == "hello");
  settings.baud = 1;
  CHECK(device.configure(settings) == Status::kUnsupported);
  settings.baud = 9600;
  settings.stop_bits = 3;
  CHECK(device.configure(settings) == Status::kUnsupported);
}

TEST_CASE("serial faults: cut wire, lost and corrupted bytes, echo, adapter gone") {
  SimClock clock;
  SimSerialLink master(clock, 1);
  SimSerialLink device(clock, 2);
  SimSerialLink::join(master, device);
  SimSerialLink::Behaviour behaviour;
  behaviour.is_echoing = true;
  master.set_behaviour(behaviour);
  master.set_cut(true);
  CHECK(master.write(bytes("ab")).ok());
  clock.advance(10);
  CHECK(read_from(master) == "ab");
  CHECK(read_from(device) == "again");
  master.set_cut(false);
  behaviour = SimSerialLink::Behaviour();
  behaviour.drop_per_mille = 1000;
  master.set_behaviour(behaviour);
  CHECK(master.write(bytes("ab")).ok());
  clock.advance(10);
  CHECK(read_from(device) == "again");
  behaviour.drop_per_mille = 0;
  behaviour.corrupt_per_mille = 1000;
  master.set_behaviour(behaviour);
  CHECK(master.write(bytes("ab")).ok());
  clock.advance(10);
  const std::string corrupted = read_from(device);
  CHECK(corrupted.size() == 2);
  CHECK(corrupted[0] != 'a');
  CHECK(corrupted[1] != 'b');
  master.set_gone(true);
  CHECK(master.write(bytes("x")).status() == Status::kIo);
  CHECK(read_from(master) == "io");
  CHECK(master.configure(platform::SerialSettings()) == Status::kIo);
}

TEST_CASE("a TCP link connects, carries bytes and can be refused or broken") {
  SimClock clock;
  SimTcpLink link(clock);
  CHECK(link.state() == platform::TcpLink::State::kClosed);
  CHECK(link.write(bytes("x")).status() == Status::kClosed);
  CHECK(link.connect("wallbox", 0) == Status::kInvalidArgument);
  CHECK(link.connect("wallbox", 502) == Status::kOk);
  CHECK(link.state() == platform::TcpLink::State::kConnecting);
  CHECK(link.write(bytes("x")).status() == Status::kAgain);
  SimWaiter waiter(clock);
  waiter.add_source([&] { return link.next_event(); });
  waiter.wait_until(Instant::never());
  CHECK(clock.now() == Instant{5});
  CHECK(link.state() == platform::TcpLink::State::kOpen);
  CHECK(link.host() == "wallbox");
  CHECK(link.port() == 502);
  CHECK(link.write(bytes("request")).value() == 7);
  uint8_t buffer[16];
  CHECK(link.server_receive(MutableByteSpan(buffer)) == 0);
  clock.advance(2);
  CHECK(link.server_receive(MutableByteSpan(buffer)) == 7);
  link.server_send(bytes("reply"));
  CHECK(read_from(link) == "again");
  SimTcpLink::Behaviour behaviour;
  behaviour.segment_bytes = 3;
  behaviour.window_bytes = 4;
  link.set_behaviour(behaviour);
  clock.advance(2);
  CHECK(read_from(link) == "rep");
  CHECK(read_from(link) == "ly");
  CHECK(link.write(bytes("123456")).value() == 4);
  CHECK(link.write(bytes("56")).status() == Status::kAgain);
  link.server_send(bytes("bye"));
  link.server_disconnect();
  clock.advance(2);
  CHECK(read_from(link) == "bye");
  CHECK(read_from(link) == "closed");
  link.set_server_up(false);
  CHECK(link.connect("wallbox", 502) == Status::kOk);
  clock.advance(5);
  CHECK(link.state() == platform::TcpLink::State::kClosed);
  CHECK(link.attempts() == 2);
}

TEST_CASE("a UDP link looks names up, carries datagrams and loses or doubles them") {
  SimClock clock;
  SimUdpLink link(clock, 1);
  uint8_t buffer[8];
  const platform::UdpAddress keba{0xC0A80007, 7090};
  const auto read = [&] {
    const auto got = link.receive_from(MutableByteSpan(buffer));
    if (!got.ok()) return std::string(to_string(got.status()));
    CHECK(got.value().from == keba);
    return std::string(buffer, buffer + got.value().size) + (got.value().truncated ? "..." : "");
  };
  CHECK(link.send_to(keba, bytes("i")) == Status::kClosed);
  CHECK(read() == "closed");
  CHECK(link.bind(7090) == Status::kOk);
  CHECK(link.resolve("192.168.0.7", 7090).value() == keba);
  link.set_name("keba.local", keba.ipv4);
  CHECK(link.resolve("keba.local", 7090).status() == Status::kAgain);
  CHECK(link.resolve("other", 7090).status() == Status::kAgain);
  SimWaiter waiter(clock);
  waiter.add_source([&] { return link.next_event(); });
  waiter.wait_until(Instant::never());
  CHECK(clock.now() == Instant{5});
  CHECK(link.resolve("keba.local", 7090).value() == keba);
  CHECK(link.resolve("other", 7090).status() == Status::kNotFound);

  CHECK(link.send_to(keba, bytes("report 2")) == Status::kOk);
  SimUdpLink::Datagram sent;
  CHECK_FALSE(link.peer_receive(sent));
  waiter.wait_until(Instant::never());
  REQUIRE(link.peer_receive(sent));
  CHECK(sent.peer == keba);
  CHECK(sent.bytes == "report 2");
  link.peer_send(keba, "TCH-OK :done");
  CHECK(read() == "again");
  waiter.wait_until(Instant::never());
  CHECK(read() == "TCH-OK :...");
  CHECK(read() == "again");
  waiter.wait_until(Instant::never());
  CHECK(waiter.is_idle_for_ever());

  SimUdpLink::Behaviour behaviour;
  behaviour.duplicate_per_mille = 1000;
  behaviour.queue_datagrams = 2;
  link.set_behaviour(behaviour);
  CHECK(link.send_to(keba, bytes("i")) == Status::kOk);
  CHECK(link.send_to(keba, bytes("i")) == Status::kAgain);
  clock.advance(2);
  CHECK(link.peer_receive(sent));
  CHECK(link.peer_receive(sent));
  behaviour.drop_per_mille = 1000;
  link.set_behaviour(behaviour);
  CHECK(link.send_to(keba, bytes("i")) == Status::kOk);
  clock.advance(2);
  CHECK_FALSE(link.peer_receive(sent));
  behaviour.is_network_down = true;
  behaviour.is_port_taken = true;
  link.set_behaviour(behaviour);
  CHECK(link.send_to(keba, bytes("i")) == Status::kIo);
  CHECK(link.bind(7090) == Status::kIo);
  CHECK_FALSE(link.is_open());
}
