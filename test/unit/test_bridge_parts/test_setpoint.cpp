#include "bridge/setpoint.hpp"
#include "doctest_main/doctest_main.hpp"

using bridge::Setpoint;
using common::Instant;
using Event = Setpoint::ReadEvent;

namespace {

Setpoint make(uint32_t increase_ms = 20000, bool is_readable = true) {
  Setpoint::Settings settings;
  settings.confirm_ms = 5000;
  settings.reject_retry_ms = 30000;
  settings.hold_ms = increase_ms / 4;
  settings.increase_ms = increase_ms;
  settings.tolerance = 2;
  settings.is_readable = is_readable;
  Setpoint result;
  result.configure(settings);
  return result;
}

/// Writes and confirms a value at a time.
void settle(Setpoint& setpoint, uint16_t value, int64_t ms) {
  setpoint.want(value);
  setpoint.on_written(value, Instant{ms});
  REQUIRE(setpoint.on_read(value, Instant{ms}) == Event::kConfirmed);
}

}  // namespace

TEST_CASE("a wish is written once and is settled when it was read back") {
  Setpoint setpoint = make();
  CHECK(setpoint.write_at().is_never());
  setpoint.want(160);
  CHECK(setpoint.write_at() <= Instant{0});
  setpoint.on_written(160, Instant{0});
  CHECK(setpoint.write_at().is_never());
  CHECK(setpoint.read_at() == Instant{0});
  CHECK_FALSE(setpoint.is_settled());
  CHECK(setpoint.on_read(160, Instant{100}) == Event::kConfirmed);
  CHECK(setpoint.is_settled());
  CHECK(setpoint.read_at().is_never());
  setpoint.want(160);
  CHECK(setpoint.write_at().is_never());
}

TEST_CASE("lower values are written at once, higher ones after the charger had time") {
  Setpoint setpoint = make();
  settle(setpoint, 100, 1000);
  setpoint.want(60);
  CHECK(setpoint.is_decrease());
  CHECK(setpoint.write_at() <= Instant{2000});
  settle(setpoint, 60, 2000);
  setpoint.want(160);
  CHECK_FALSE(setpoint.is_decrease());
  CHECK(setpoint.write_at() == Instant{21000});  // 20 s after the last increase
  setpoint.want(0);
  CHECK(setpoint.write_at() <= Instant{3000});
}

TEST_CASE(
    "charging that starts again long after the last increase waits only until the charger had "
    "time") {
  Setpoint setpoint = make();
  settle(setpoint, 160, 1000);
  settle(setpoint, 0, 60000);
  setpoint.want(160);
  CHECK(setpoint.write_at() == Instant{65000});
}

TEST_CASE("a wish that returns to what is written needs no write") {
  Setpoint setpoint = make();
  settle(setpoint, 100, 1000);
  setpoint.want(160);
  setpoint.want(100);
  CHECK(setpoint.write_at().is_never());
  CHECK(setpoint.is_settled());
}

TEST_CASE("a value that is not taken over is written again, then given up, then tried every 30 s") {
  Setpoint setpoint = make();
  setpoint.want(160);
  for (int64_t attempt = 0; attempt < 3; ++attempt) {
    const Instant now{attempt * 5000};
    CHECK_FALSE(setpoint.is_rejected());
    CHECK(setpoint.write_at() <= now);
    setpoint.on_written(160, now);
    CHECK(setpoint.on_read(0, now + 100) == Event::kNone);
    CHECK(setpoint.read_at() == now + 600);
    CHECK(setpoint.step(now + 4999) == now + 5000);
    setpoint.step(now + 5000);
  }
  CHECK(setpoint.is_rejected());
  CHECK(setpoint.write_at() == Instant{10000 + 30000});
  setpoint.on_written(160, Instant{45000});
  CHECK(setpoint.is_rejected());
  CHECK(setpoint.on_read(160, Instant{45100}) == Event::kConfirmed);
  CHECK_FALSE(setpoint.is_rejected());
}

TEST_CASE("refused writes count, unanswered ones do not") {
  Setpoint setpoint = make();
  setpoint.want(160);
  for (int i = 0; i < 10; ++i) setpoint.on_unanswered(Instant{i * 1000});
  CHECK_FALSE(setpoint.is_rejected());
  CHECK(setpoint.write_at() == Instant{10000});
  for (int i = 0; i < 3; ++i) setpoint.on_refused(Instant{20000 + i * 1000});
  CHECK(setpoint.is_rejected());
}

TEST_CASE("a new wish is tried at once although the last one was refused") {
  Setpoint setpoint = make();
  setpoint.want(160);
  for (int i = 0; i < 3; ++i) setpoint.on_refused(Instant{i * 1000});
  setpoint.want(0);
  CHECK(setpoint.write_at() <= Instant{3000});
  CHECK(setpoint.is_rejected());
}

TEST_CASE("a confirmed value that changes by itself is lost and written again") {
  Setpoint setpoint = make();
  settle(setpoint, 100, 0);
  CHECK(setpoint.on_read(102, Instant{5000}) == Event::kNone);  // Within the tolerance.
  CHECK(setpoint.on_read(0, Instant{30000}) == Event::kLost);
  CHECK(setpoint.write_at() <= Instant{30000});
}

TEST_CASE("rewriting a lost limit does not wait for the time between increases") {
  Setpoint setpoint = make();
  settle(setpoint, 100, 0);
  setpoint.forget_device();
  CHECK(setpoint.write_at() <= Instant{3000});
  setpoint.on_written(100, Instant{3000});
  CHECK(setpoint.on_read(100, Instant{3100}) == Event::kConfirmed);
}

TEST_CASE("a register that cannot be read is settled by the answer to the write") {
  Setpoint setpoint = make(0, false);
  setpoint.want(160);
  setpoint.on_written(160, Instant{0});
  CHECK(setpoint.is_settled());
  CHECK(setpoint.read_at().is_never());
  CHECK_FALSE(setpoint.is_device_known());
}
