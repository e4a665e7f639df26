#include "doctest_main/doctest_main.hpp"
#include "platform_linux/linux_clock.hpp"
#include "platform_linux/linux_waiter.hpp"
#include "platform_linux/posix_udp_link.hpp"

#include <string>

using common::MutableByteSpan;
using common::Status;
using platform::UdpAddress;
using platform_linux::LinuxClock;
using platform_linux::LinuxWaiter;
using platform_linux::PosixUdpLink;

namespace {

constexpr uint32_t kLoopback = 0x7F000001;

common::ByteSpan bytes(const std::string& value) {
  return common::as_bytes(common::TextSpan(value.data(), value.size()));
}

struct Loop {
  Loop() {
    REQUIRE(waiter.begin() == Status::kOk);
    waiter.add(gateway);
    waiter.add(charger);
  }
  ~Loop() {
    waiter.remove(gateway);
    waiter.remove(charger);
  }
  /// Waits for what a call says instead of kAgain.
  template <typename Call>
  auto answer(Call call) {
    const common::Instant end = clock.now() + 10000;
    auto result = call();
    while (result.status() == Status::kAgain && clock.now() < end) {
      waiter.wait_until(end);
      result = call();
    }
    return result;
  }

  LinuxClock clock;
  PosixUdpLink gateway;
  PosixUdpLink charger;
  LinuxWaiter waiter{clock};
};

}  // namespace

TEST_CASE("datagrams go both ways and tell where they came from") {
  Loop loop;
  REQUIRE(loop.gateway.bind(0) == Status::kOk);
  REQUIRE(loop.charger.bind(0) == Status::kOk);
  const UdpAddress gateway{kLoopback, loop.gateway.local_port()};
  const UdpAddress charger{kLoopback, loop.charger.local_port()};
  uint8_t buffer[8];
  CHECK(loop.gateway.receive_from(MutableByteSpan(buffer)).status() == Status::kAgain);
  REQUIRE(loop.gateway.send_to(charger, bytes("report 2")) == Status::kOk);
  auto got = loop.answer([&] { return loop.charger.receive_from(MutableByteSpan(buffer)); });
  REQUIRE(got.ok());
  CHECK(std::string(buffer, buffer + got.value().size) == "report 2");
  CHECK_FALSE(got.value().truncated);
  CHECK(got.value().from == gateway);
  REQUIRE(loop.charger.send_to(gateway, bytes("too long for it")) == Status::kOk);
  got = loop.answer([&] { return loop.gateway.receive_from(MutableByteSpan(buffer)); });
  REQUIRE(got.ok());
  CHECK(std::string(buffer, buffer + got.value().size) == "too long");
  CHECK(got.value().truncated);
  CHECK(got.value().from == charger);
  CHECK(loop.gateway.receive_from(MutableByteSpan(buffer)).status() == Status::kAgain);
}

TEST_CASE("names are resolved without blocking, addresses at once") {
  Loop loop;
  CHECK(loop.gateway.resolve("192.168.0.7", 7090).value() == UdpAddress{0xC0A80007, 7090});
  // The answer is there at once when the thread was quick.
  const Status first = loop.gateway.resolve("localhost", 7090).status();
  CHECK((first == Status::kAgain || first == Status::kOk));
  const auto found = loop.answer([&] { return loop.gateway.resolve("localhost", 7090); });
  REQUIRE(found.ok());
  CHECK(found.value() == UdpAddress{kLoopback, 7090});
  const auto missing = loop.answer([&] { return loop.gateway.resolve("keba.invalid", 7090); });
  CHECK(missing.status() == Status::kNotFound);
  CHECK(loop.gateway.last_error().find("cannot resolve keba.invalid: ") == 0);
  CHECK(loop.gateway.resolve("::1", 7090).status() == Status::kNotFound);
  CHECK(loop.gateway.resolve("", 7090).status() == Status::kInvalidArgument);
  CHECK(loop.gateway.resolve("keba", 0).status() == Status::kInvalidArgument);
}

TEST_CASE("a port that is taken, a closed socket and a datagram that cannot go are told apart") {
  Loop loop;
  uint8_t buffer[8];
  CHECK(loop.gateway.send_to({kLoopback, 7090}, bytes("i")) == Status::kClosed);
  CHECK(loop.gateway.receive_from(MutableByteSpan(buffer)).status() == Status::kClosed);
  REQUIRE(loop.gateway.bind(0) == Status::kOk);
  CHECK(loop.charger.bind(loop.gateway.local_port()) == Status::kIo);
  CHECK(loop.charger.last_error() == "UDP port " + std::to_string(loop.gateway.local_port()) +
                                         " cannot be used: Address already in use");
  CHECK_FALSE(loop.charger.is_open());
  CHECK(loop.gateway.send_to({kLoopback, 7090}, bytes(std::string(70000, 'x'))) == Status::kIo);
  CHECK_FALSE(loop.gateway.last_error().empty());
  loop.gateway.close();
  CHECK_FALSE(loop.gateway.is_open());
  CHECK(loop.gateway.local_port() == 0);
}
