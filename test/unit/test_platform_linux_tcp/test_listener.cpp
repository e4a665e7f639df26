#include "doctest_main/doctest_main.hpp"
#include "platform_linux/linux_clock.hpp"
#include "platform_linux/linux_waiter.hpp"
#include "platform_linux/posix_tcp_link.hpp"
#include "platform_linux/posix_tcp_listener.hpp"

#include <string>

using common::Status;
using platform_linux::PosixTcpLink;
using platform_linux::PosixTcpListener;

namespace {

constexpr uint32_t kLoopback = 0x7F000001;
constexpr size_t kPlaces = platform::TcpListener::kPlaces;

struct Loop {
  Loop() {
    REQUIRE(waiter.begin() == Status::kOk);
    waiter.add(listener);
    waiter.add(client);
    REQUIRE(listener.listen(kLoopback, 0) == Status::kOk);
  }
  ~Loop() {
    waiter.remove(listener);
    waiter.remove(client);
  }
  /// Waits for what a call says instead of kAgain.
  template <typename Call>
  auto answer(Call call) {
    const common::Instant end = clock.now() + 10000;
    auto status = call();
    while (status == Status::kAgain && clock.now() < end) {
      waiter.wait_until(end);
      status = call();
    }
    return status;
  }
  void connect() {
    REQUIRE(client.connect("127.0.0.1", listener.port()) == Status::kOk);
    REQUIRE(answer([&] { return listener.accept(0); }) == Status::kOk);
  }

  platform_linux::LinuxClock clock;
  PosixTcpListener listener;
  PosixTcpLink client;
  platform_linux::LinuxWaiter waiter{clock};
};

}  // namespace

TEST_CASE("a connection that was taken carries bytes both ways, then ends") {
  Loop loop;
  CHECK(loop.listener.accept(0) == Status::kAgain);
  loop.connect();
  CHECK(loop.listener.accept(0) == Status::kInvalidState);
  const uint8_t hello[] = {'h', 'i'};
  uint8_t buffer[8];
  CHECK(loop.listener.read(0, buffer).status() == Status::kAgain);
  REQUIRE(loop.answer([&] { return loop.client.write(hello).status(); }) == Status::kOk);
  CHECK(loop.answer([&] { return loop.listener.read(0, buffer).status(); }) == Status::kOk);
  CHECK(loop.listener.write(0, hello).value_or(0) == 2);
  loop.listener.finish(0);
  CHECK(loop.answer([&] { return loop.client.read(buffer).status(); }) == Status::kOk);
  CHECK(loop.answer([&] { return loop.client.read(buffer).status(); }) == Status::kClosed);
  CHECK(loop.answer([&] { return loop.listener.read(0, buffer).status(); }) == Status::kClosed);
  loop.listener.drop(0);
  CHECK(loop.listener.read(0, buffer).status() == Status::kClosed);
  CHECK(loop.listener.write(0, hello).status() == Status::kClosed);
}

TEST_CASE("who takes nothing fills the window, and wakes the loop when there is room again") {
  Loop loop;
  loop.connect();
  const std::string block(65536, 'x');
  const common::ByteSpan bytes = common::as_bytes(common::TextSpan(block.data(), block.size()));
  Status status = Status::kOk;
  for (int i = 0; i < 1000 && status == Status::kOk; ++i)
    status = loop.listener.write(0, bytes).status();
  CHECK(status == Status::kAgain);
  uint8_t buffer[65536];
  CHECK(loop.answer([&] {
    (void)loop.client.read(buffer);
    return loop.listener.write(0, bytes).status();
  }) == Status::kOk);
}

TEST_CASE("a port that is taken is said, and one that was closed can be used at once") {
  Loop loop;
  loop.connect();
  const uint16_t port = loop.listener.port();
  PosixTcpListener other;
  CHECK(other.listen(kLoopback, port) == Status::kIo);
  CHECK(other.last_error().find("cannot be used") != std::string::npos);
  CHECK(other.accept(0) == Status::kIo);
  loop.listener.close();
  CHECK(loop.listener.port() == 0);
  CHECK(other.listen(kLoopback, port) == Status::kOk);
  for (size_t i = 0; i < kPlaces; ++i) CHECK(other.accept(i) == Status::kAgain);
}
