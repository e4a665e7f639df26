#include "bridge/id_readers/rdm6300.hpp"
#include "reader_fakes.hpp"

using common::Instant;

namespace {

struct Fixture {
  ReaderLine line;
  Tags tags;
  bridge::Rdm6300 reader{line, tags, 0};
};

// Version byte 62, tag 00E3086C, checksum 62 ^ 00 ^ E3 ^ 08 ^ 6C = E5.
const std::string kFrame =
    "\x02"
    "6200E3086CE5"
    "\x03";

}  // namespace

// Rules: R-3.9-2
TEST_CASE("a tag is reported once while it is held, and again after it was taken away") {
  Fixture fixture;
  for (int64_t at_ms = 1000; at_ms < 3000; at_ms += 65) {
    fixture.line.input += kFrame;
    fixture.reader.step(Instant{at_ms});
  }
  CHECK(fixture.tags.seen == std::vector<std::string>{"0:6200E3086C"});
  fixture.line.input += kFrame;
  fixture.reader.step(Instant{3000 + bridge::TagPresence::kReleaseMs});
  CHECK(fixture.tags.seen.size() == 2);
}

TEST_CASE("another tag is reported at once") {
  Fixture fixture;
  fixture.line.input = kFrame +
                       "\x02"
                       "6200e3086ee7"
                       "\x03";
  fixture.reader.step(Instant{1000});
  CHECK(fixture.tags.seen == std::vector<std::string>{"0:6200E3086C", "0:6200E3086E"});
}

TEST_CASE("bytes that arrive one by one and noise around a frame do no harm") {
  Fixture fixture;
  for (const char c : "\xFF\x03zz" + kFrame + "\r\n") {
    fixture.line.input = std::string(1, c);
    fixture.reader.step(Instant{1000});
  }
  CHECK(fixture.tags.seen.size() == 1);
}

TEST_CASE("a wrong checksum, a bad digit, a short and a long frame report nothing") {
  Fixture fixture;
  for (const char* body : {"6200E3086CE4", "6200E3086GE5", "6200E3086C", "6200E3086CE500", ""}) {
    CAPTURE(body);
    fixture.line.input = std::string("\x02") + body + "\x03";
    fixture.reader.step(Instant{1000});
    CHECK(fixture.tags.seen.empty());
  }
  CHECK(fixture.reader.bad_frames() == 5);
}

TEST_CASE("the line is set to what the module sends") {
  Fixture fixture;
  REQUIRE(fixture.reader.begin(Instant{0}) == common::Status::kOk);
  CHECK(fixture.line.settings == platform::SerialSettings{9600, platform::Parity::kNone, 1});
}

TEST_CASE("the number is decimal where the tags are printed so") {
  ReaderLine line;
  Tags tags;
  bridge::Rdm6300 reader(line, tags, 2, bridge::TagFormat::kDecimal);
  line.input = kFrame;
  reader.step(Instant{1000});
  CHECK(tags.seen == std::vector<std::string>{"2:0014878828"});  // 0x00E3086C
  CHECK(reader.is_healthy());
  line.is_gone = true;
  reader.step(Instant{1100});
  CHECK_FALSE(reader.is_healthy());
}
