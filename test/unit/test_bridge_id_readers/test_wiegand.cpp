#include "bridge/id_readers/wiegand.hpp"
#include "reader_fakes.hpp"

#include <deque>
#include <map>

namespace {

class Pulses final : public platform::PulseInput {
 public:
  common::Status open(uint8_t pin, const Filter&) override {
    (void)waiting[pin];
    return common::Status::kOk;
  }
  common::Result<uint32_t> take(uint8_t pin) override {
    std::deque<uint32_t>& line = waiting[pin];
    if (line.empty()) return common::Status::kAgain;
    const uint32_t at = line.front();
    line.pop_front();
    return at;
  }
  uint32_t lost(uint8_t) const override { return 0; }
  uint32_t now_us() const override { return 0; }
  std::map<uint8_t, std::deque<uint32_t>> waiting;
};

constexpr uint8_t kD0 = 26;
constexpr uint8_t kD1 = 13;

struct Fixture {
  explicit Fixture(bridge::TagFormat format = bridge::TagFormat::kHex)
      : reader(pulses, kD0, kD1, tags, 0, format) {
    REQUIRE(reader.begin(now) == common::Status::kOk);
  }
  /// Sends bits, "1" on D1 and "0" on D0, 2 ms apart; the reader looks in between.
  void send(const std::string& bits) {
    for (const char bit : bits) {
      pulses.waiting[bit == '1' ? kD1 : kD0].push_back(clock_us);
      clock_us += 2000;
      now = now + 2;
      if (now.ms % 20 == 0) (void)reader.step(now);
    }
    (void)reader.step(now);
    now = now + 31;
    clock_us += 31000;
    (void)reader.step(now);
  }
  /// With parity: even over the first half, odd over the second.
  static std::string frame(uint64_t value, int bits) {
    std::string data;
    for (int i = bits - 1; i >= 0; --i) data += (value >> i & 1U) != 0 ? '1' : '0';
    int ones[2] = {};
    for (int i = 0; i < bits; ++i)
      ones[i < bits / 2 ? 0 : 1] += data[static_cast<size_t>(i)] == '1';
    return std::string(1, ones[0] % 2 == 0 ? '0' : '1') + data + (ones[1] % 2 == 0 ? '1' : '0');
  }
  Instant now{1000};
  uint32_t clock_us = UINT32_MAX - 20000;  // wraps within the first frame
  Pulses pulses;
  Tags tags;
  bridge::Wiegand reader;
};

}  // namespace

TEST_CASE("frames of 26 and 34 bits become tags, in hex or decimal") {
  Fixture hex;
  hex.send(Fixture::frame(0x7B3039, 24));
  hex.send(Fixture::frame(0x00E3086C, 32));
  CHECK(hex.tags.seen == std::vector<std::string>{"0:7B3039", "0:00E3086C"});
  // Facility 123, number 12345, bit by bit.
  Fixture known;
  known.send("00111101100110000001110011");
  CHECK(known.tags.seen == std::vector<std::string>{"0:7B3039"});
  Fixture decimal(bridge::TagFormat::kDecimal);
  decimal.send(Fixture::frame(0x7B3039, 24));
  decimal.send(Fixture::frame(0x00E3086C, 32));
  CHECK(decimal.tags.seen == std::vector<std::string>{"0:0008073273", "0:0014878828"});
}

TEST_CASE("a flipped or missing bit is refused, keys and a held tag are passed over") {
  Fixture f;
  std::string bad = Fixture::frame(0x123456, 24);
  bad[5] = bad[5] == '1' ? '0' : '1';
  f.send(bad);
  CHECK(f.reader.bad_frames() == 1);
  f.send(Fixture::frame(0x123456, 24).substr(1));
  CHECK(f.reader.bad_frames() == 2);
  f.send("1010");
  f.send(std::string(60, '1'));
  CHECK(f.reader.bad_frames() == 3);
  CHECK(f.tags.seen.empty());
  f.send(Fixture::frame(0x123456, 24));
  f.send(Fixture::frame(0x123456, 24));
  CHECK(f.tags.seen.size() == 1);
  CHECK(f.reader.is_healthy());
}
