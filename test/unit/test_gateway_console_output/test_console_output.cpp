#include "doctest_main/doctest_main.hpp"
#include "gateway/console_output.hpp"
#include "platform_sim/sim_clock.hpp"

#include <string>

using common::LogLevel;

namespace {

/// Takes at most `room` bytes in all.
class SlowLine final : public platform::SerialLink {
 public:
  common::Status configure(const platform::SerialSettings&) override { return common::Status::kOk; }
  common::Result<size_t> write(common::ByteSpan data) override {
    if (room == 0) return common::Status::kAgain;
    const size_t count = data.size() < room ? data.size() : room;
    text.append(reinterpret_cast<const char*>(data.data()), count);
    room -= count;
    return count;
  }
  common::Result<size_t> read(common::MutableByteSpan) override { return common::Status::kAgain; }
  bool is_drained() override { return true; }

  size_t room = SIZE_MAX;
  std::string text;
};

}  // namespace

TEST_CASE("lines come out whole and in order however little the line takes at a time") {
  SlowLine line;
  gateway::ConsoleOutput output(line);
  std::string expected;
  line.room = 0;
  for (int i = 0; i < 2000; ++i) {
    const std::string text = "line " + std::to_string(i);
    if (output.write_line(common::text(text.c_str()), common::text("EVT "))) {
      expected += "EVT " + text + "\n";
    }
    line.room += 7;
    (void)output.flush();
  }
  line.room = SIZE_MAX;
  CHECK(output.flush());
  CHECK(line.text == expected);
  CHECK(output.dropped_lines() > 0);
}

TEST_CASE("without a reader lines are dropped whole and counted") {
  SlowLine line;
  line.room = 0;
  gateway::ConsoleOutput output(line);
  const std::string text(1000, 'x');
  uint32_t taken = 0;
  for (int i = 0; i < 20; ++i) {
    if (output.write_line(common::TextSpan(text.data(), text.size()))) ++taken;
  }
  CHECK(taken == gateway::ConsoleOutput::kBufferBytes / 1001);
  CHECK(output.dropped_lines() == 20 - taken);
}

TEST_CASE("log lines follow the format of ESP-IDF and keep to one line") {
  platform_sim::SimClock clock;
  SlowLine line;
  gateway::ConsoleOutput output(line);
  gateway::ConsoleLog log(output, clock);
  clock.advance(12345);
  log.write(LogLevel::kWarn, "ocpp.tx", "two\nlines of %s", "a peer");
  (void)output.flush();
  CHECK(line.text == "W (12345) ocpp.tx: two lines of a peer\n");
}

TEST_CASE("the level decides what is logged") {
  platform_sim::SimClock clock;
  SlowLine line;
  gateway::ConsoleOutput output(line);
  gateway::ConsoleLog log(output, clock);
  CHECK(log.is_enabled(LogLevel::kInfo, "x"));
  CHECK_FALSE(log.is_enabled(LogLevel::kDebug, "x"));
  log.write(LogLevel::kDebug, "x", "not worth a line");
  (void)output.flush();
  CHECK(line.text.empty());
  LogLevel level = LogLevel::kInfo;
  REQUIRE(gateway::log_level_from_text(common::text("Debug"), level));
  log.set_level(level);
  CHECK(log.is_enabled(LogLevel::kDebug, "x"));
  CHECK_FALSE(gateway::log_level_from_text(common::text("loud"), level));
}

TEST_CASE("the last log lines are kept whole and in order, the oldest make room") {
  gateway::LogHistory history;
  gateway::LogHistory::Line line;
  CHECK(history.oldest() == history.end());
  const std::string padding(70, '.');
  for (int i = 0; i < 1000; ++i) {
    const std::string text = "line " + std::to_string(i) + padding;
    history.add(common::TextSpan(text.data(), text.size()), common::Instant{i * 10});
  }
  CHECK(history.end() == 1000);
  CHECK(history.oldest() > 800);
  CHECK(history.oldest() < 950);
  for (uint32_t number = history.oldest(); number < history.end(); ++number) {
    history.read(number, line);
    CHECK(std::string(line.text, line.size) == "line " + std::to_string(number) + padding);
    CHECK(line.at.ms == number * 10);
  }
}
