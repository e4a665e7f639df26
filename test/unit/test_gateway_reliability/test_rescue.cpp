#include "common/crc32.hpp"
#include "doctest_main/doctest_main.hpp"
#include "gateway/rescue_console.hpp"
#include "platform/simulated_firmware.hpp"
#include "platform_sim/sim_clock.hpp"
#include "platform_sim/sim_device.hpp"
#include "platform_sim/sim_entropy.hpp"
#include "platform_sim/sim_file_store.hpp"
#include "platform_sim/sim_key_value_store.hpp"

#include <string>

using common::Instant;
using common::Status;
using gateway::RescueConsole;

namespace {

class Terminal final : public platform::SerialLink {
 public:
  Status configure(const platform::SerialSettings&) override { return Status::kOk; }
  common::Result<size_t> write(common::ByteSpan data) override {
    output.append(reinterpret_cast<const char*>(data.data()), data.size());
    return data.size();
  }
  common::Result<size_t> read(common::MutableByteSpan buffer) override {
    const size_t count = input.copy(reinterpret_cast<char*>(buffer.data()), buffer.size());
    input.erase(0, count);
    return count;
  }
  bool is_drained() override { return true; }

  std::string input;
  std::string output;
};

/// A board with too little memory.
struct Board {
  platform_sim::SimPower power;
  platform_sim::SimClock clock;
  platform_sim::SimDevice device;
  platform_sim::SimKeyValueStore settings{power};
  platform_sim::SimFileStore files{power};
  platform_sim::SimEntropy entropy{1};
  platform_sim::SimKeyValueStore crash_store{power};
  platform_sim::SimKeyValueStore boot_state{power};
  platform_sim::SimFileStore images{power};
  Terminal terminal;
  gateway::ConsoleOutput output{terminal};
  gateway::ConsoleLog log{output, clock};
  gateway::CrashGuard crashes{&crash_store, log};
  platform::SimulatedFirmware firmware{images, boot_state, log, "1.0.0", 100000};
  struct Places final : gateway::FactoryReset::Places {
    Status erase_stores() override { return Status::kOk; }
    Status erase_files() override { return Status::kOk; }
  } places;
  gateway::FactoryReset reset{{places, files, crash_store, boot_state, device, log}};
  gateway::ConsoleLock lock{settings, entropy};
  RescueConsole rescue{{terminal, output, log, device, crashes, firmware, reset, lock, "1.2.3"}};

  void begin() {
    CHECK(firmware.begin() == Status::kOk);
    device.set_heap({90000, 80000, 60000});
    rescue.begin(120000, clock.now());
  }
  std::string say(const std::string& line) {
    terminal.output.clear();
    terminal.input = line + "\n";
    (void)rescue.step(clock.now());
    return terminal.output;
  }
  void run(int64_t duration_ms) {
    const Instant end = clock.now() + duration_ms;
    while (clock.now() < end && device.reboots() == 0) {
      const Instant next = rescue.step(clock.now());
      if (device.reboots() == 0) CHECK(next > clock.now());
      clock.advance_to(common::earlier(end, next));
    }
  }
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

// Rules: FP-6
TEST_CASE("too little memory leaves a console that says so, not restarts without end") {
  Board board;
  board.device.set_reset_cause(platform::ResetCause::kWatchdog);
  board.begin();
  board.run(29 * 60 * 1000LL);
  CHECK(board.device.reboots() == 0);
  CHECK(board.device.watchdog_feeds() > 1700);
  const std::string status = board.say("#7 status");
  CHECK(has(status, R"({"id":7,"ok":true,"version":"1.2.3")"));
  CHECK(has(status,
            "not enough memory: 120000 bytes are wanted, 90000 are free, 60000 in one block"));
  CHECK(has(status, R"("mode":"console only")"));
  CHECK(has(status, R"("crashes":1)"));
  CHECK(has(board.say("#8 setting list"), R"({"id":8,"ok":false,"error":"not enough memory)"));
  CHECK(has(board.say(std::string(100, 'x')), R"("ok":false)"));
  board.run(2 * 60 * 1000LL);
  CHECK(board.device.reboots() > 0);
}

TEST_CASE("rescue console: reboot and factory reset") {
  Board board;
  board.begin();
  SUBCASE("reboot") {
    CHECK(has(board.say("reboot"), "{\"id\":0,\"ok\":true}\n"));
    CHECK_FALSE(board.files.exists("factory.rst"));
  }
  SUBCASE("factory reset") {
    CHECK(has(board.say("factory-reset"), "say factory-reset CONFIRM"));
    CHECK(has(board.say("factory-reset CONFIRM"), R"("ok":true)"));
    CHECK(board.files.exists("factory.rst"));  // the next start does it
  }
  SUBCASE("factory reset with transactions that cannot be counted") {
    board.files.raw("transactions.log") = {1};
    CHECK(has(board.say("factory-reset CONFIRM"), "to lose them say factory-reset DISCARD"));
    CHECK_FALSE(board.files.exists("factory.rst"));
    CHECK(has(board.say("factory-reset discard"), R"("ok":true)"));
    CHECK(board.files.exists("factory.rst"));
  }
  CHECK(board.device.reboots() == 0);  // first the answer leaves
  board.run(1000);
  CHECK(board.device.reboots() > 0);
}

TEST_CASE("rescue console: a password locks it, too") {
  Board board;
  const std::string password = "correct horse";
  gateway::ConsoleLock::Error error;
  board.lock.begin({});
  REQUIRE(board.lock.change(common::TextSpan(password.data(), password.size()), error));
  while (board.lock.is_busy()) (void)board.lock.step(board.clock.now());
  board.begin();
  const auto wait = [&] {
    while (board.lock.is_busy()) (void)board.rescue.step(board.clock.now());
    return board.terminal.output;
  };
  CHECK(has(board.say("factory-reset CONFIRM"), "the console is locked: login PASSWORD"));
  CHECK(has(board.say("reboot"), "the console is locked"));
  CHECK(has(board.say("status"), R"("mode":"console only")"));
  (void)board.say("#4 login wrong horse");
  CHECK(has(wait(), R"({"id":4,"ok":false,"error":"that is not the password"})"));
  (void)board.say("#5 login correct horse");
  CHECK(has(wait(), "{\"id\":5,\"ok\":true}\n"));
  CHECK(has(board.say("factory-reset CONFIRM"), R"("ok":true)"));
}

TEST_CASE("an image on trial without enough memory is given up at once") {
  Board board;
  CHECK(board.firmware.begin() == Status::kOk);
  const uint8_t program[] = {1, 2, 3, 4};
  char head[100];
  std::snprintf(head, sizeof head, "VEVGW-FIRMWARE 1\nversion 2.0.0\nsize 4\ncrc32 %08x\n\n",
                static_cast<unsigned>(common::crc32(common::ByteSpan(program))));
  const std::string image = head + std::string(program, program + sizeof program);
  CHECK(board.firmware.erase() == Status::kOk);
  CHECK(board.firmware.write(0, common::ByteSpan(reinterpret_cast<const uint8_t*>(image.data()),
                                                 image.size())) == Status::kOk);
  Status verified = Status::kAgain;
  while (verified == Status::kAgain) verified = board.firmware.verify();
  CHECK(verified == Status::kOk);
  CHECK(board.firmware.activate() == Status::kOk);
  board.begin();  // the restart, and the boot loader's choice
  board.run(1000);
  CHECK(board.device.reboots() > 0);
  CHECK(has(board.terminal.output, "back to the one before"));
  CHECK(board.firmware.begin() == Status::kOk);
  CHECK(board.firmware.boot() == platform::Firmware::Boot::kRolledBack);
}
