#include "doctest_main/doctest_main.hpp"
#include "gateway/captive_dns.hpp"
#include "platform_sim/sim_clock.hpp"
#include "platform_sim/sim_entropy.hpp"
#include "platform_sim/sim_udp_link.hpp"

#include <string>

using gateway::CaptiveDns;

namespace {

constexpr uint32_t kOwnAddress = 0xC0A80401;  // 192.168.4.1

std::string query(const std::string& labels, uint8_t type, uint8_t flags = 0x01) {
  const char head[] = {0x12, 0x34, static_cast<char>(flags), 0, 0, 1, 0, 0, 0, 0, 0, 0};
  const char tail[] = {0, 0, static_cast<char>(type), 0, 1};
  return std::string(head, sizeof head) + labels + std::string(tail, sizeof tail);
}

std::string answer(const std::string& bytes) {
  uint8_t out[CaptiveDns::kMaxQueryBytes];
  const size_t size = CaptiveDns::answer(
      common::ByteSpan(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()), kOwnAddress,
      out);
  return std::string(reinterpret_cast<const char*>(out), size);
}

const std::string kName =
    "\x07"
    "captive"
    "\x05"
    "apple"
    "\x03"
    "com";

}  // namespace

TEST_CASE("every name has the gateway's address") {
  const std::string got = answer(query(kName, 1));
  const std::string question = query(kName, 1).substr(12);
  const std::string head("\x12\x34\x85\x80\0\1\0\1\0\0\0\0", 12);
  const std::string record("\xC0\x0C\0\1\0\1\0\0\0\0\0\4\xC0\xA8\4\1", 16);
  CHECK(got == head + question + record);
  CHECK(answer(query("", 1)).size() == 12 + 5 + 16);
}

TEST_CASE("what is no address has an empty answer, another operation none") {
  const std::string none = answer(query(kName, 28));  // AAAA
  CHECK(none.size() == query(kName, 28).size());
  CHECK(none[7] == 0);
  CHECK((static_cast<uint8_t>(none[3]) & 0x0FU) == 0);
  CHECK((static_cast<uint8_t>(answer(query(kName, 1, 0x28))[3]) & 0x0FU) == 4);
}

TEST_CASE("what is no query is not answered") {
  CHECK(answer(query(kName, 1, 0x81)).empty());  // an answer
  CHECK(answer(query("\xC0\x0C", 1)).empty());   // a pointer
  CHECK(answer(query(std::string(200, '\x01'), 1).substr(0, 100)).empty());
  const std::string whole = query(kName, 1);
  for (size_t size = 0; size < whole.size(); ++size) CHECK(answer(whole.substr(0, size)).empty());
  std::string two = whole;
  two[5] = 2;
  CHECK(answer(two).empty());
  platform_sim::SimEntropy dice(3);
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = whole;
    for (int k = 0; k < 3; ++k)
      bytes[dice.below(static_cast<uint32_t>(bytes.size()))] = static_cast<char>(dice.below(256));
    CHECK(answer(bytes).size() <= bytes.size() + 16);
  }
}

TEST_CASE("queries are answered to who asked, some per turn") {
  platform_sim::SimClock clock;
  platform_sim::SimUdpLink link(clock, 5);
  CaptiveDns dns(&link);
  dns.step();
  REQUIRE(dns.open(kOwnAddress) == common::Status::kOk);
  CHECK(link.local_port() == 53);
  const platform::UdpAddress phone{0xC0A80402, 5353};
  for (size_t i = 0; i < CaptiveDns::kMaxQueries + 1; ++i) link.peer_send(phone, query(kName, 1));
  link.peer_send(phone, std::string(600, 'x'));
  link.peer_send({0xC0A80001, 5353}, query(kName, 1));  // from another network
  clock.advance(10);
  dns.step();
  clock.advance(10);
  platform_sim::SimUdpLink::Datagram got;
  size_t answers = 0;
  while (link.peer_receive(got)) {
    CHECK(got.peer == phone);
    ++answers;
  }
  CHECK(answers == CaptiveDns::kMaxQueries);
  dns.step();
  clock.advance(10);
  while (link.peer_receive(got)) ++answers;
  CHECK(answers == CaptiveDns::kMaxQueries + 1);
  dns.close();
  CHECK(!link.is_open());
}
