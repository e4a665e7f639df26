#include "doctest_main/doctest_main.hpp"
#include "gateway/crash_guard.hpp"
#include "gateway/image_trial.hpp"
#include "gateway/loop_meter.hpp"
#include "platform_sim/recording_log_sink.hpp"
#include "platform_sim/sim_clock.hpp"
#include "platform_sim/sim_key_value_store.hpp"

#include <memory>

using common::Instant;
using common::Status;
using gateway::CrashGuard;
using platform::ResetCause;
using Mode = gateway::CrashGuard::Mode;

namespace {

constexpr int64_t kMinuteMs = 60000;

/// A gateway that starts, runs and ends, over and over, on one store.
struct Board {
  platform_sim::SimPower power;
  platform_sim::SimKeyValueStore store{power};
  platform_sim::SimClock clock;
  platform_sim::RecordingLogSink log;
  std::unique_ptr<CrashGuard> guard;

  void start(ResetCause cause) {
    power.restore();
    clock.restart(false);
    guard = std::make_unique<CrashGuard>(&store, log);
    guard->begin(cause, clock.now());
  }
  /// Turns of the loop, one each second at least, as App does.
  void run(int64_t duration_ms) {
    const Instant end = clock.now() + duration_ms;
    while (clock.now() < end) {
      const Instant next = guard->step(clock.now());
      CHECK(next > clock.now());
      clock.advance_to(common::earlier(end, common::earlier(next, clock.now() + 1000)));
    }
    (void)guard->step(clock.now());
  }
  void crash_after(int64_t duration_ms) {
    run(duration_ms);
    start(ResetCause::kWatchdog);
  }
};

}  // namespace

TEST_CASE(
    "three crashes within ten minutes lead to safe mode, and restarts do not lead out of it") {
  Board board;
  board.start(ResetCause::kPowerOn);
  board.crash_after(5000);
  CHECK(board.guard->mode() == Mode::kNormal);
  CHECK(board.guard->crashes() == 1);
  board.crash_after(5000);
  CHECK(board.guard->mode() == Mode::kNormal);
  board.crash_after(5000);
  CHECK(board.guard->mode() == Mode::kSafe);
  CHECK(board.guard->total() == 3);
  for (const ResetCause cause :
       {ResetCause::kPowerOn, ResetCause::kSoftware, ResetCause::kUnknown}) {
    board.run(kMinuteMs);
    board.start(cause);
    CHECK(board.guard->mode() == Mode::kSafe);
  }
}

TEST_CASE("crashes that are further apart are counted and change nothing") {
  Board board;
  board.start(ResetCause::kPowerOn);
  for (int i = 0; i < 20; ++i) board.crash_after(6 * kMinuteMs);
  CHECK(board.guard->mode() == Mode::kNormal);
  CHECK(board.guard->crashes() == 2);
  CHECK(board.guard->total() == 20);
}

TEST_CASE("power cuts and restarts on purpose are no crashes, a brown-out is one") {
  Board board;
  for (int i = 0; i < 10; ++i) {
    board.start(i % 2 == 0 ? ResetCause::kPowerOn : ResetCause::kSoftware);
    board.run(1000);
  }
  CHECK(board.guard->total() == 0);
  CHECK(board.store.writes() == 0);
  for (int i = 0; i < 3; ++i) board.start(ResetCause::kBrownOut);
  CHECK(board.guard->mode() == Mode::kSafe);
}

TEST_CASE("safe mode ends after half an hour without a crash, and that survives a restart") {
  Board board;
  for (int i = 0; i < 3; ++i) board.start(ResetCause::kWatchdog);
  board.run(CrashGuard::kHealthyMs - 1000);
  CHECK(board.guard->mode() == Mode::kSafe);
  CHECK(board.guard->remaining_ms(board.clock.now()) == 1000);
  board.start(ResetCause::kPowerOn);  // starts the half hour anew
  board.run(CrashGuard::kHealthyMs - 1000);
  CHECK(board.guard->mode() == Mode::kSafe);
  board.run(1000);
  CHECK(board.guard->mode() == Mode::kNormal);
  CHECK_FALSE(board.guard->needs_restart());
  board.start(ResetCause::kPowerOn);
  CHECK(board.guard->mode() == Mode::kNormal);
}

TEST_CASE("crashes that go on in safe mode leave nothing but the console") {
  Board board;
  for (int i = 0; i < 6; ++i) board.start(ResetCause::kWatchdog);
  CHECK(board.guard->mode() == Mode::kConsoleOnly);
  for (int i = 0; i < 6; ++i) board.start(ResetCause::kWatchdog);
  CHECK(board.guard->mode() == Mode::kConsoleOnly);
  CHECK(board.guard->total() == 12);
  board.run(CrashGuard::kHealthyMs);
  CHECK(board.guard->mode() == Mode::kSafe);
  CHECK(board.guard->needs_restart());
  board.start(ResetCause::kSoftware);
  CHECK_FALSE(board.guard->needs_restart());
  board.run(CrashGuard::kHealthyMs);
  CHECK(board.guard->mode() == Mode::kNormal);
}

TEST_CASE("the command leaves safe mode at once and for good") {
  Board board;
  for (int i = 0; i < 3; ++i) board.start(ResetCause::kWatchdog);
  CHECK(board.guard->leave(board.clock.now()) == Status::kOk);
  CHECK(board.guard->mode() == Mode::kNormal);
  board.crash_after(1000);
  CHECK(board.guard->mode() == Mode::kNormal);
  CHECK(board.guard->crashes() == 1);
  CHECK(board.guard->total() == 4);
}

TEST_CASE("a crash costs at most six writes, a year without one costs none") {
  Board board;
  board.start(ResetCause::kWatchdog);
  CHECK(board.store.writes() == 1);
  board.run(20 * kMinuteMs);
  CHECK(board.store.writes() == 6);
  board.clock.advance(365 * 24 * 60 * kMinuteMs);
  (void)board.guard->step(board.clock.now());
  CHECK(board.store.writes() == 6);
  CHECK(board.guard->step(board.clock.now()).is_never());
}

// Rules: FP-11
TEST_CASE("a power cut at any write leaves a count that is at most one crash behind") {
  for (uint64_t operation = 0; operation < 24; ++operation) {
    for (const bool is_done : {false, true}) {
      Board board;
      board.start(ResetCause::kPowerOn);
      board.power.cut_at_operation(operation, is_done);
      // Three crashes; the power goes in between, once.
      bool is_cut = false;
      for (int i = 0; i < 3; ++i) {
        board.run(90 * 1000);
        if (!board.power.is_on()) {
          is_cut = true;
          board.start(ResetCause::kPowerOn);
        }
        board.clock.restart(false);
        board.guard = std::make_unique<CrashGuard>(&board.store, board.log);
        board.guard->begin(ResetCause::kWatchdog, board.clock.now());
      }
      if (!board.power.is_on()) is_cut = true;
      board.start(ResetCause::kPowerOn);
      CAPTURE(operation);
      CAPTURE(is_done);
      CHECK(board.guard->total() >= (is_cut && !is_done ? 2U : 3U));
      if (board.guard->total() == 3) CHECK(board.guard->mode() == Mode::kSafe);
    }
  }
}

TEST_CASE("a store that cannot be read counts nothing and loses nothing") {
  Board board;
  for (int i = 0; i < 2; ++i) board.start(ResetCause::kWatchdog);
  board.power.fail_accesses(board.power.accesses(), 3);
  board.start(ResetCause::kWatchdog);
  CHECK(board.guard->mode() == Mode::kNormal);
  CHECK(board.guard->total() == 0);
  CHECK(board.guard->leave(board.clock.now()) == Status::kIo);
  board.run(3 * CrashGuard::kRetryMs);  // then it works again
  CHECK(board.guard->total() == 3);
  CHECK(board.guard->mode() == Mode::kSafe);
}

TEST_CASE("a store that cannot be written is tried again") {
  Board board;
  board.store.fail_next_set(Status::kNoSpace);
  board.start(ResetCause::kWatchdog);
  CHECK(board.guard->crashes() == 1);
  CHECK(board.store.writes() == 0);
  board.run(CrashGuard::kRetryMs);
  CHECK(board.store.writes() == 1);
  for (int i = 0; i < 2; ++i) board.start(ResetCause::kWatchdog);
  CHECK(board.guard->mode() == Mode::kSafe);
  board.store.fail_next_set(Status::kIo);
  CHECK(board.guard->leave(board.clock.now()) == Status::kIo);
  CHECK(board.guard->mode() == Mode::kNormal);
  board.run(CrashGuard::kRetryMs);
  board.start(ResetCause::kPowerOn);
  CHECK(board.guard->mode() == Mode::kNormal);
}

TEST_CASE(
    "a loop that stood still, or a clock that went back, neither loses nor ages a crash wrongly") {
  Board board;
  board.start(ResetCause::kWatchdog);
  board.clock.advance(CrashGuard::kWindowMs - 1);
  (void)board.guard->step(board.clock.now());
  CHECK(board.guard->crashes() == 1);
  (void)board.guard->step(Instant{0});
  CHECK(board.guard->crashes() == 1);
  board.clock.advance(CrashGuard::kWindowMs);
  (void)board.guard->step(board.clock.now());
  CHECK(board.guard->crashes() == 0);
  for (int i = 0; i < 3; ++i) board.start(ResetCause::kWatchdog);
  CHECK(board.guard->remaining_ms(Instant{-kMinuteMs}) == CrashGuard::kHealthyMs);
  CHECK(board.guard->mode() == Mode::kSafe);
}

TEST_CASE("what is stored has a fixed form, and any other bytes count as nothing") {
  Board board;
  board.start(ResetCause::kPowerOn);
  for (int i = 0; i < 2; ++i) board.crash_after(150 * 1000);
  uint8_t image[64];
  const common::Result<size_t> size = board.store.get("crashes", image);
  REQUIRE(size.ok());
  // Version 1, normal, 2 crashes in all, 2 recent: one 120 s old when the run ended, one new.
  const uint8_t expected[13] = {1, 0, 2, 0, 0, 0, 2, 120, 0, 0, 0, 0, 0};
  CHECK(size.value() == sizeof expected);
  for (size_t i = 0; i < sizeof expected; ++i) CHECK(image[i] == expected[i]);

  for (const size_t broken : {0U, 1U, 6U}) {
    uint8_t other[14];
    std::copy(expected, expected + 13, other);
    other[broken] = 0xEE;
    REQUIRE(board.store.set("crashes", common::ByteSpan(other, 13)) == Status::kOk);
    board.start(ResetCause::kPowerOn);
    CHECK(board.guard->total() == 0);
    CHECK(board.guard->mode() == Mode::kNormal);
  }
  REQUIRE(board.store.set("crashes", common::ByteSpan(expected, 5)) == Status::kOk);
  board.start(ResetCause::kPowerOn);
  CHECK(board.guard->total() == 0);
  uint8_t longer[14] = {1, 1, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 77};  // of a later version
  REQUIRE(board.store.set("crashes", common::ByteSpan(longer)) == Status::kOk);
  board.start(ResetCause::kPowerOn);
  CHECK(board.guard->total() == 9);
  CHECK(board.guard->mode() == Mode::kSafe);
}

TEST_CASE("durations: least, greatest and the 99th percentile to a quarter") {
  gateway::DurationFigures figures;
  CHECK(figures.p99_us() == 0);
  for (uint32_t us = 1; us <= 10000; ++us) figures.add(us);
  CHECK(figures.min_us() == 1);
  CHECK(figures.max_us() == 10000);
  CHECK(figures.p99_us() >= 9900);
  CHECK(figures.p99_us() <= 12400);
  gateway::DurationFigures rare;
  for (int i = 0; i < 1000; ++i) rare.add(i % 100 == 7 ? 50000 : 3);
  CHECK(rare.p99_us() == 3);
  CHECK(rare.max_us() == 50000);
  rare.add(50000);
  CHECK(rare.p99_us() == 50000);
  gateway::DurationFigures odd;
  odd.add(-5);
  CHECK(odd.max_us() == 0);
  odd.add(INT64_MAX);
  CHECK(odd.max_us() == UINT32_C(1) << 30U);
  CHECK(odd.p99_us() == UINT32_C(1) << 30U);
}

// Rules: FP-3
TEST_CASE("a turn that takes long shows as busy, and makes the next one late") {
  gateway::LoopMeter meter;
  meter.on_turn(1000);
  meter.on_wait(1200, 5000);
  meter.on_turn(5040);
  meter.on_wait(65040, 10000);
  meter.on_turn(65050);
  CHECK(meter.period().min_us() == 4040);
  CHECK(meter.period().max_us() == 60010);
  CHECK(meter.busy().max_us() == 60000);
  CHECK(meter.late().min_us() == 40);
  CHECK(meter.late().max_us() == 55050);
  meter.on_wait(65060, 99000);
  meter.on_turn(70000);  // input: before the deadline
  CHECK(meter.late().count() == 2);
}

namespace {

class FakeFirmware final : public platform::Firmware {
 public:
  common::FixedString<50> version() const override { return common::FixedString<50>("2"); }
  Boot boot() const override { return state; }
  uint32_t security_version() const override { return 0; }
  common::Result<uint32_t> outdated() const override { return Status::kNotFound; }
  Status erase() override { return Status::kOk; }
  uint32_t size() override { return 0; }
  Status write(uint32_t, common::ByteSpan) override { return Status::kOk; }
  common::Result<size_t> read(uint32_t, common::MutableByteSpan) override { return size_t{0}; }
  Status verify() override { return Status::kOk; }
  Status activate() override { return Status::kOk; }
  Status confirm() override { return Status::kOk; }
  Status roll_back() override {
    ++roll_backs;
    return roll_back_status;
  }

  Boot state = Boot::kTrial;
  Status roll_back_status = Status::kOk;
  int roll_backs = 0;
};

}  // namespace

TEST_CASE("an image on trial that does not start the gateway is given up after 15 minutes") {
  FakeFirmware firmware;
  gateway::ImageTrial trial(&firmware);
  trial.begin(Instant{0});
  CHECK_FALSE(trial.step(false, Instant{gateway::ImageTrial::kTrialMs - 1}));
  firmware.roll_back_status = Status::kIo;
  CHECK_FALSE(trial.step(false, Instant{gateway::ImageTrial::kTrialMs}));
  firmware.roll_back_status = Status::kOk;
  CHECK_FALSE(trial.step(false, Instant{gateway::ImageTrial::kTrialMs + 1}));
  CHECK(trial.step(false, Instant{2 * gateway::ImageTrial::kTrialMs}));
  CHECK(firmware.roll_backs == 2);
}

TEST_CASE("an image that is not on trial, or that starts the gateway, is not given up here") {
  FakeFirmware firmware;
  gateway::ImageTrial running(&firmware);
  running.begin(Instant{0});
  CHECK_FALSE(running.step(true, Instant{1000}));
  CHECK_FALSE(running.step(false, Instant{gateway::ImageTrial::kTrialMs * 3}));
  firmware.state = platform::Firmware::Boot::kNormal;
  gateway::ImageTrial normal(&firmware);
  normal.begin(Instant{0});
  CHECK_FALSE(normal.step(false, Instant{gateway::ImageTrial::kTrialMs * 3}));
  gateway::ImageTrial without(nullptr);
  without.begin(Instant{0});
  CHECK_FALSE(without.step(false, Instant{gateway::ImageTrial::kTrialMs * 3}));
  CHECK(firmware.roll_backs == 0);
}
