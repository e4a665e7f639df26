#include "doctest_main/doctest_main.hpp"
#include "gateway/improv.hpp"
#include "platform_sim/sim_clock.hpp"
#include "platform_sim/sim_key_value_store.hpp"

#include <string>
#include <vector>

using common::Instant;
using gateway::Improv;
using gateway::ImprovFrames;

namespace {

class Wire final : public platform::SerialLink {
 public:
  common::Status configure(const platform::SerialSettings&) override { return common::Status::kOk; }
  common::Result<size_t> write(common::ByteSpan data) override {
    output.append(reinterpret_cast<const char*>(data.data()), data.size());
    return data.size();
  }
  common::Result<size_t> read(common::MutableByteSpan) override { return common::Status::kAgain; }
  bool is_drained() override { return true; }

  std::string output;
};

class Radio final : public platform::WifiControl {
 public:
  void join(common::TextSpan ssid, common::TextSpan password) override {
    asked =
        std::string(ssid.begin(), ssid.end()) + "/" + std::string(password.begin(), password.end());
    joined = false;
  }
  bool is_joined() const override { return joined; }
  void on_networks_changed() override { ++changes; }
  void start_scan() override { is_looking = true; }
  common::Status network(size_t index, Found& out) override {
    if (is_looking) return common::Status::kAgain;
    if (index >= names.size()) return common::Status::kNotFound;
    out.ssid = common::FixedString<32>(names[index].c_str());
    out.rssi_dbm = -60;
    out.has_password = index == 0;
    return common::Status::kOk;
  }

  std::string asked;
  bool joined = false;
  int changes = 0;
  bool is_looking = false;
  std::vector<std::string> names = {"depot", "guests"};
};

std::string frame(ImprovFrames::Type type, const std::string& data) {
  uint8_t out[ImprovFrames::kMaxDataBytes + ImprovFrames::kOverheadBytes];
  const size_t size = ImprovFrames::write(
      type, common::ByteSpan(reinterpret_cast<const uint8_t*>(data.data()), data.size()), out);
  return std::string(reinterpret_cast<const char*>(out), size);
}

std::string command(uint8_t number, const std::string& arguments = "") {
  return frame(ImprovFrames::Type::kCommand, std::string(1, static_cast<char>(number)) +
                                                 static_cast<char>(arguments.size()) + arguments);
}

std::string texts(const std::vector<std::string>& all) {
  std::string out;
  for (const std::string& one : all) out += static_cast<char>(one.size()) + one;
  return out;
}

std::string state(char value) {
  return frame(ImprovFrames::Type::kState, std::string(1, value)) + "\n";
}

std::string error(char value) {
  return frame(ImprovFrames::Type::kError, std::string(1, value)) + "\n";
}

std::string result(uint8_t number, const std::vector<std::string>& all) {
  std::string data(1, static_cast<char>(number));
  data += static_cast<char>(texts(all).size());
  return frame(ImprovFrames::Type::kResult, data + texts(all)) + "\n";
}

struct Fixture {
  platform_sim::SimPower power;
  platform_sim::SimKeyValueStore store{power};
  gateway::Settings settings{store};
  Wire wire;
  gateway::ConsoleOutput output{wire};
  Radio radio;
  Improv improv{output, settings, &radio, "1.2.3", "CP1"};
  ImprovFrames frames;
  Instant now{1000};
  std::string console;  ///< What is left for it.

  /// What the gateway sends for these bytes.
  std::string say(const std::string& bytes) {
    wire.output.clear();
    for (const char byte : bytes) {
      char text[ImprovFrames::kMaxHeldBytes];
      const size_t count = frames.feed(static_cast<uint8_t>(byte), now, text);
      console.append(text, count);
      if (frames.has_frame()) improv.on_frame(frames, now);
    }
    return step();
  }
  std::string step(int64_t ms = 0) {
    if (ms != 0) wire.output.clear();
    now = now + ms;
    improv.step(now);
    (void)output.flush();
    return wire.output;
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture,
                  "wi-fi settings are stored, tried at once, and confirmed when they work") {
  CHECK(say(command(1, texts({"depot", "let me in"}))) == error(0) + state(3));
  CHECK(radio.asked == "depot/let me in");
  CHECK(common::equals(settings.text("wifi_ssid").span(), common::text("depot")));
  CHECK(common::equals(settings.text("wifi_password").span(), common::text("let me in")));
  CHECK(step(500).empty());
  radio.joined = true;
  CHECK(step(500) == state(4) + result(1, {}));
  CHECK(step(500).empty());
}

TEST_CASE_FIXTURE(Fixture, "with four networks stored a new one takes the place of the last") {
  for (const char* ssid : {"a", "b", "c", "d", "e"})
    (void)say(command(1, texts({ssid, "password"})));
  CHECK(radio.asked == "e/password");
  CHECK(common::equals(settings.text("wifi_ssid").span(), common::text("a")));
  CHECK(common::equals(settings.text("wifi4_ssid").span(), common::text("e")));
}

TEST_CASE_FIXTURE(Fixture, "a network that does not let in is an error after twenty seconds") {
  (void)say(command(1, texts({"depot", "wrong one"})));
  CHECK(step(Improv::kJoinMs - 1).empty());
  CHECK(step(1) == error(3) + state(2));
}

TEST_CASE_FIXTURE(Fixture,
                  "a network that does not let in is not kept, and what it replaced is back") {
  const auto holds = [this](const char* name, const char* value) {
    return common::equals(settings.text(name).span(), common::text(value));
  };
  const auto join = [this](const char* ssid, const char* password, bool is_let_in) {
    (void)say(command(1, texts({ssid, password})));
    radio.joined = is_let_in;
    (void)step(Improv::kJoinMs);
  };
  join("depot", "wrong one", false);
  CHECK(settings.text("wifi_ssid").empty());
  CHECK(settings.text("wifi_password").empty());
  CHECK(radio.changes == 1);

  join("depot", "right one", true);
  join("depot", "wrong one", false);
  CHECK(holds("wifi_password", "right one"));
  CHECK(settings.text("wifi2_ssid").empty());

  for (const char* ssid : {"b", "c", "d"}) join(ssid, "password", true);
  join("e", "wrong one", false);
  CHECK(holds("wifi4_ssid", "d"));
  CHECK(holds("wifi4_password", "password"));
}

TEST_CASE_FIXTURE(Fixture, "what the console sets while a network is tried stays") {
  (void)say(command(1, texts({"depot", "wrong one"})));
  common::FixedString<95> reason;
  REQUIRE(gateway::store_wifi(settings, common::text("depot"), common::text("right one"), reason) ==
          common::Status::kOk);
  (void)step(Improv::kJoinMs);
  CHECK(common::equals(settings.text("wifi_password").span(), common::text("right one")));
}

TEST_CASE_FIXTURE(Fixture, "the state tells whether the network is joined") {
  CHECK(say(command(2)) == state(2));
  radio.joined = true;
  CHECK(say(command(2)) == state(4) + result(2, {}));
}

TEST_CASE_FIXTURE(Fixture, "device information names firmware, version, chip and identity") {
  CHECK(say(command(3)) == result(3, {"VEV-Gateway", "1.2.3", "ESP32", "CP1"}));
}

TEST_CASE_FIXTURE(Fixture, "a scan lists networks when it is done, then an empty entry") {
  CHECK(say(command(4)).empty());
  CHECK(step(1000).empty());
  radio.is_looking = false;
  CHECK(step(1000) ==
        result(4, {"depot", "-60", "YES"}) + result(4, {"guests", "-60", "NO"}) + result(4, {}));
}

TEST_CASE_FIXTURE(Fixture, "a scan that does not end is an empty list") {
  (void)say(command(4));
  radio.names.clear();
  CHECK(step(Improv::kScanMs) == result(4, {}));
}

TEST_CASE_FIXTURE(Fixture, "commands with wrong lengths change nothing") {
  using Type = ImprovFrames::Type;
  for (const std::string& data :
       {std::string(), std::string("\x01"),
        std::string("\x01\x05"
                    "abc"),
        std::string("\x01\x01\x05"),
        std::string("\x01\x03\x02"
                    "ab"),
        std::string("\x01\x03\x00\x01"
                    "x",
                    5),
        "\x01" + std::string(1, 66) + texts({"s", std::string(64, 'p')}) + ""}) {
    CAPTURE(data);
    CHECK(say(frame(Type::kCommand, data)) == error(1));
  }
  CHECK(radio.asked.empty());
  CHECK(settings.text("wifi_ssid").empty());
  CHECK(say(command(9)) == error(2));
}

TEST_CASE_FIXTURE(Fixture, "frames between and within lines leave the console its characters") {
  CHECK(say("sta" + command(2) + "tus\n") == state(2));
  CHECK(console == "status\n");
  console.clear();
  CHECK(say("IMPROVE\nIIMPROV\nIMPRO" + command(2) + "I") == state(2));
  CHECK(console == "IMPROVE\nIIMPROV\nIMPRO");
  CHECK(say("d\n").empty());
  CHECK(console == "IMPROVE\nIIMPROV\nIMPROId\n");
}

TEST_CASE_FIXTURE(Fixture, "a damaged frame is thrown away, and so is one that was cut off") {
  std::string damaged = command(2);
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  CHECK(say(damaged).empty());
  CHECK(say(command(2)) == state(2));
  CHECK(say(command(2).substr(0, 10)).empty());
  now = now + (ImprovFrames::kSilenceMs + 1);
  CHECK(say("status\n").empty());
  CHECK(console == "status\n");
  CHECK(say(frame(ImprovFrames::Type::kState, "\x02")).empty());
}

TEST_CASE_FIXTURE(Fixture, "any bytes are survived, and the next frame is understood") {
  uint32_t seed = 1;
  for (int round = 0; round < 300; ++round) {
    std::string noise;
    for (int i = 0; i < 40; ++i) {
      seed = seed * 1664525U + 1013904223U;
      noise += i % 5 == 0 ? 'I' : static_cast<char>(seed >> 24U);
    }
    (void)say(round % 2 == 0 ? noise : command(2).substr(0, 7) + noise);
    now = now + (ImprovFrames::kSilenceMs + 1);
    REQUIRE(say(command(3)).find("VEV-Gateway") != std::string::npos);
  }
}
