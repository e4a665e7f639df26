#include "doctest_main/doctest_main.hpp"
#include "platform_linux/linux_clock.hpp"
#include "platform_linux/linux_waiter.hpp"
#include "platform_linux/posix_tcp_link.hpp"
#include "platform_linux/unique_fd.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

using common::ByteSpan;
using common::MutableByteSpan;
using common::Status;
using platform_linux::LinuxClock;
using platform_linux::LinuxWaiter;
using platform_linux::PosixTcpLink;
using platform_linux::UniqueFd;
using State = platform::TcpLink::State;

namespace {

constexpr int64_t kTimeout_ms = 10000;

struct Server {
  Server() {
    listener.reset(::socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(listener.get(), 4) == 0);
    REQUIRE(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port = ntohs(address.sin_port);
  }
  UniqueFd accept() const { return UniqueFd(::accept(listener.get(), nullptr, nullptr)); }

  UniqueFd listener;
  uint16_t port = 0;
};

struct Loop {
  Loop() {
    REQUIRE(waiter.begin() == Status::kOk);
    waiter.add(link);
  }
  ~Loop() { waiter.remove(link); }
  /// Waits for the link to leave a state.
  State leave(State state) {
    const common::Instant end = clock.now() + kTimeout_ms;
    while (link.state() == state && clock.now() < end) waiter.wait_until(end);
    return link.state();
  }
  std::string read(size_t size) {
    std::string out;
    const common::Instant end = clock.now() + kTimeout_ms;
    while (out.size() < size && clock.now() < end) {
      uint8_t buffer[4096];
      const common::Result<size_t> count = link.read(MutableByteSpan(buffer, sizeof buffer));
      if (count.ok()) {
        out.append(reinterpret_cast<const char*>(buffer), count.value());
      } else if (count.status() == Status::kAgain) {
        waiter.wait_until(end);
      } else {
        break;
      }
    }
    return out;
  }

  LinuxClock clock;
  PosixTcpLink link;
  LinuxWaiter waiter{clock};
};

ByteSpan bytes(const std::string& value) {
  return common::as_bytes(common::TextSpan(value.data(), value.size()));
}

}  // namespace

TEST_CASE("connects to an address and carries bytes both ways") {
  const Server server;
  Loop loop;
  CHECK(loop.link.state() == State::kClosed);
  REQUIRE(loop.link.connect("127.0.0.1", server.port) == Status::kOk);
  REQUIRE(loop.leave(State::kConnecting) == State::kOpen);
  const UniqueFd peer = server.accept();
  CHECK(loop.link.write(bytes("request")).value() == 7);
  char buffer[16];
  CHECK(::recv(peer.get(), buffer, 7, MSG_WAITALL) == 7);
  CHECK(::send(peer.get(), "reply", 5, 0) == 5);
  CHECK(loop.read(5) == "reply");
}

TEST_CASE("a name is resolved without blocking and its addresses are tried in turn") {
  const Server server;  // IPv4 only: ::1 of localhost, where it exists, refuses
  Loop loop;
  REQUIRE(loop.link.connect("localhost", server.port) == Status::kOk);
  CHECK(loop.link.state() != State::kClosed);
  uint8_t one[1];
  CHECK(loop.link.read(MutableByteSpan(one, 1)).status() == Status::kAgain);
  CHECK(loop.leave(State::kConnecting) == State::kOpen);
}

TEST_CASE("a closed port and an unknown host are told in a sentence") {
  uint16_t port = 0;
  {
    const Server server;
    port = server.port;
  }
  Loop loop;
  REQUIRE(loop.link.connect("127.0.0.1", port) == Status::kOk);
  CHECK(loop.leave(State::kConnecting) == State::kClosed);
  CHECK(std::string(loop.link.last_error()) ==
        "cannot connect to 127.0.0.1 port " + std::to_string(port) + ": Connection refused");
  REQUIRE(loop.link.connect("no-such-host.invalid", 502) == Status::kOk);
  CHECK(loop.leave(State::kConnecting) == State::kClosed);
  CHECK(
      std::string(loop.link.last_error()).find("cannot resolve no-such-host.invalid port 502: ") ==
      0);
  CHECK(loop.link.write(bytes("x")).status() == Status::kClosed);
}

TEST_CASE("bad arguments are refused") {
  PosixTcpLink link;
  CHECK(link.connect("", 502) == Status::kInvalidArgument);
  CHECK(link.connect("127.0.0.1", 0) == Status::kInvalidArgument);
  CHECK(link.state() == State::kClosed);
}

TEST_CASE("what the peer sent before it closed is still read, then kClosed") {
  const Server server;
  Loop loop;
  REQUIRE(loop.link.connect("127.0.0.1", server.port) == Status::kOk);
  REQUIRE(loop.leave(State::kConnecting) == State::kOpen);
  {
    const UniqueFd peer = server.accept();
    CHECK(::send(peer.get(), "bye", 3, 0) == 3);
  }
  CHECK(loop.read(10) == "bye");
  CHECK(loop.link.state() == State::kClosed);
  CHECK(std::string(loop.link.last_error()).find("closed the connection") != std::string::npos);
  REQUIRE(loop.link.connect("127.0.0.1", server.port) == Status::kOk);
  CHECK(loop.leave(State::kConnecting) == State::kOpen);
  CHECK(std::string(loop.link.last_error()).empty());
}

TEST_CASE("a slow reader gives kAgain, then the rest goes out") {
  const Server server;
  Loop loop;
  REQUIRE(loop.link.connect("127.0.0.1", server.port) == Status::kOk);
  REQUIRE(loop.leave(State::kConnecting) == State::kOpen);
  const UniqueFd peer = server.accept();
  const std::string chunk(65536, 's');
  size_t sent = 0;
  common::Result<size_t> count = Status::kOk;
  while ((count = loop.link.write(bytes(chunk))).ok()) sent += count.value();
  REQUIRE(count.status() == Status::kAgain);
  std::vector<pollfd> fds;
  loop.link.collect(fds);
  CHECK((fds.at(0).events & POLLOUT) != 0);
  std::string sink(65536, '\0');
  size_t received = 0;
  while (received < sent) {
    const ssize_t part = ::recv(peer.get(), &sink[0], sink.size(), 0);
    REQUIRE(part > 0);
    received += static_cast<size_t>(part);
  }
  CHECK(::poll(fds.data(), 1, static_cast<int>(kTimeout_ms)) == 1);
  CHECK(loop.link.write(bytes("x")).value() == 1);
}

TEST_CASE("closing while a name is being resolved is safe") {
  for (int i = 0; i < 5; ++i) {
    PosixTcpLink link;
    REQUIRE(link.connect("localhost", 9) == Status::kOk);
    if (i % 2 == 0) link.close();
  }
}
