#include "bridge/id_readers/pn532.hpp"
#include "reader_fakes.hpp"

namespace {

/// The chip's side of the serial protocol (PN532 user manual, chapter 6), without a look at the driver.
class Chip {
 public:
  /// Reads what the host sent and answers into the line.
  void serve(ReaderLine& line) {
    received_ += line.output;
    line.output.clear();
    for (;;) {
      const size_t at = received_.find(std::string("\x00\xFF", 2));
      if (at == std::string::npos || received_.size() < at + 4) return;
      const auto byte = [&](size_t i) { return static_cast<uint8_t>(received_[at + 2 + i]); };
      if (byte(0) == 0xFF && byte(1) == 0x00) {  // NACK: once more
        received_.erase(0, at + 4);
        ++nacks;
        if (!is_dead) line.input += last_;
        continue;
      }
      const size_t length = byte(0);
      if (received_.size() < at + 2 + length + 3) return;
      uint8_t sum = 0;
      for (size_t i = 2; i < length + 3; ++i) sum = static_cast<uint8_t>(sum + byte(i));
      const bool is_good =
          sum == 0 && static_cast<uint8_t>(byte(0) + byte(1)) == 0 && byte(2) == 0xD4;
      const std::string command = received_.substr(at + 5, length - 1);
      const bool has_woken = received_.find('\x55') != std::string::npos;
      received_.erase(0, at + 2 + length + 3);
      is_awake = is_awake || has_woken;
      if (!is_good || is_dead || !is_awake) continue;
      commands.push_back(command);
      line.input += std::string("\x00\x00\xFF\x00\xFF\x00", 6);
      answer(line, command);
    }
  }
  void answer(ReaderLine& line, const std::string& command) {
    std::string data;
    data += '\xD5';
    data += static_cast<char>(command[0] + 1);
    if (command[0] == 0x02) data += std::string("\x32\x01\x06\x07", 4);
    if (command[0] == 0x4A) {
      if (!is_configured_()) return;  // without few retries it waits for a tag for ever
      data += uid.empty() ? '\x00' : '\x01';
      if (!uid.empty()) {
        data += std::string("\x01\x00\x44\x00", 4);
        data += static_cast<char>(uid.size());
        data += uid;
      }
    }
    uint8_t sum = 0;
    for (const char c : data) sum = static_cast<uint8_t>(sum + static_cast<uint8_t>(c));
    std::string frame("\x00\x00\xFF", 3);
    frame += static_cast<char>(data.size());
    frame += static_cast<char>(0x100 - data.size());
    frame += data;
    frame += static_cast<char>(0x100 - sum);
    frame += '\x00';
    last_ = frame;
    if (damage > 0) {
      --damage;
      frame[6] = static_cast<char>(frame[6] ^ 0x10);
    }
    line.input += frame;
  }

  std::string uid;
  std::vector<std::string> commands;
  bool is_awake = false;
  bool is_dead = false;
  int damage = 0;  ///< Answers to spoil.
  int nacks = 0;

 private:
  bool is_configured_() const {
    for (const std::string& command : commands) {
      if (command.substr(0, 2) == "\x32\x05") return true;
    }
    return false;
  }
  std::string received_;
  std::string last_;
};

struct Fixture {
  Fixture() { REQUIRE(reader.begin(now) == common::Status::kOk); }
  void run(int64_t ms) {
    const Instant end = now + ms;
    while (now < end) {
      const Instant next = reader.step(now);
      chip.serve(line);
      now = line.input.empty() ? common::earlier(next, end) : now + 1;
    }
  }
  Instant now{1000};
  ReaderLine line;
  Tags tags;
  Chip chip;
  bridge::Pn532 reader{line, tags, 0};
};

}  // namespace

TEST_CASE("the reader is woken, set up and asked; a tag is reported once while it is held") {
  Fixture f;
  CHECK(f.line.settings.baud == 115200);
  f.run(2000);
  REQUIRE(f.chip.commands.size() > 5);
  CHECK(f.chip.commands[0][0] == 0x02);
  CHECK(f.chip.commands[1][0] == 0x14);
  CHECK(f.tags.seen.empty());
  f.chip.uid = std::string("\x04\xA2\x24\x1B", 4);
  f.run(3000);
  CHECK(f.tags.seen == std::vector<std::string>{"0:04A2241B"});
  f.chip.uid.clear();
  f.run(2000);
  f.chip.uid = std::string("\x04\xA2\x24\x1B\x00\xFE\x80", 7);
  f.run(500);
  f.chip.uid = std::string("\x04\xA2\x24\x1B\x00\xFE\x80\x01\x02\x03", 10);
  f.run(500);
  CHECK(f.tags.seen ==
        std::vector<std::string>{"0:04A2241B", "0:04A2241B00FE80", "0:04A2241B00FE80010203"});
  CHECK(f.reader.is_healthy());
  CHECK(f.reader.bad_frames() == 0);
}

TEST_CASE("a damaged answer is asked for again, and again from the start when that does not help") {
  Fixture f;
  f.run(1000);
  f.chip.damage = 1;
  f.chip.uid = std::string("\x01\x02\x03\x04", 4);
  f.run(1000);
  CHECK(f.chip.nacks == 1);
  CHECK(f.tags.seen.size() == 1);
  CHECK(f.reader.bad_frames() >= 1);
}

TEST_CASE("a reader that is pulled is told after five seconds, and works again when it is back") {
  Fixture f;
  f.run(1000);
  f.chip.is_dead = true;
  f.run(3000);
  CHECK(f.reader.is_healthy());
  f.run(4000);
  CHECK_FALSE(f.reader.is_healthy());
  f.chip.is_dead = false;
  f.chip.is_awake = false;  // it had no power
  f.run(4000);
  CHECK(f.reader.is_healthy());
  f.chip.uid = std::string("\x01\x02\x03\x04", 4);
  f.run(1000);
  CHECK(f.tags.seen.size() == 1);
}

TEST_CASE("noise and impossible answers report nothing") {
  Fixture f;
  f.run(1000);
  uint32_t random = 7;
  for (int i = 0; i < 300; ++i) {
    for (int k = 0; k < 20; ++k) {
      random = random * 1664525U + 1013904223U;
      f.line.input += static_cast<char>(random >> 24U);
    }
    f.run(20);
  }
  f.chip.uid = "12345";  // five bytes: no such UID
  f.run(8000);
  CHECK(f.tags.seen.empty());
}
