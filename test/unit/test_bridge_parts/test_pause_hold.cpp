#include "bridge/pause_hold.hpp"
#include "doctest_main/doctest_main.hpp"

#include <string>

using bridge::PauseHold;

namespace {

constexpr int64_t kMinuteMs = 60000;

struct Session {
  /// A limit from `now` on, looked at when it changes and when the rule asks to be.
  void run(bool is_enough, int64_t ms) {
    const common::Instant end = now + ms;
    has_news = hold.update(is_permitted, is_enough, timings, now);
    while (hold.next() <= end) {
      now = hold.next();
      REQUIRE_FALSE(hold.update(is_permitted, is_enough, timings, now));
      ended_at = now;
    }
    now = end;
    has_news = hold.update(is_permitted, is_enough, timings, now) || has_news;
  }

  PauseHold hold;
  bridge::Timings timings;
  bool is_permitted = true;
  bool has_news = false;
  common::Instant now{0};
  common::Instant ended_at{0};
};

}  // namespace

TEST_CASE("a session whose limit is too low from the start begins as soon as it is enough") {
  Session session;
  session.run(false, kMinuteMs);
  CHECK_FALSE(session.hold.is_holding());
  session.run(true, 1000);
  CHECK_FALSE(session.hold.is_holding());
}

// Rules: FP-17
TEST_CASE("a pause begins at once and lasts a minute, and half a minute of enough current") {
  Session session;
  session.run(true, kMinuteMs);
  session.run(false, 0);
  CHECK(session.hold.is_holding());
  CHECK(session.hold.next().is_never());

  SUBCASE("enough again after 10 s: the pause lasts its minute") {
    session.run(false, 10000);
    session.run(true, 2 * kMinuteMs);
    CHECK(session.ended_at.ms == 2 * kMinuteMs);
  }
  SUBCASE("enough again after 50 s: half a minute more") {
    session.run(false, 50000);
    session.run(true, 2 * kMinuteMs);
    CHECK(session.ended_at.ms == 140000);
  }
  SUBCASE("a limit that does not stay enough begins its half minute anew") {
    session.run(false, kMinuteMs);
    session.run(true, 29000);
    CHECK(session.hold.is_holding());
    session.run(false, 1000);
    session.run(true, kMinuteMs);
    CHECK(session.ended_at.ms == 180000);
  }
  CHECK_FALSE(session.hold.is_holding());
}

TEST_CASE("the fourth pause within an hour lasts until the first is an hour old") {
  Session session;
  session.run(true, kMinuteMs);
  const common::Instant first = session.now;
  for (int pause = 1; pause <= 3; ++pause) {
    session.run(false, kMinuteMs);
    session.run(true, kMinuteMs);
    CHECK_FALSE(session.hold.is_holding());
  }
  session.run(false, kMinuteMs);
  session.run(true, kMinuteMs);
  CHECK(session.hold.is_holding());
  CHECK(session.has_news);
  session.run(true, 60 * kMinuteMs);
  CHECK_FALSE(session.has_news);
  CHECK_FALSE(session.hold.is_holding());
  CHECK(session.ended_at.ms == first.ms + 60 * kMinuteMs);

  SUBCASE("without a window there is no such rule") {
    Session other;
    other.timings.pause_window_ms = 0;
    for (int pause = 1; pause <= 9; ++pause) {
      other.run(true, 90000);
      CHECK_FALSE(other.hold.is_holding());
      other.run(false, kMinuteMs);
    }
  }
}

TEST_CASE("the next session owes nothing to the pauses of the one before") {
  Session session;
  session.run(true, kMinuteMs);
  session.run(false, 1000);
  session.is_permitted = false;
  session.run(true, 0);
  CHECK_FALSE(session.hold.is_holding());
  session.is_permitted = true;
  session.run(true, 0);
  CHECK_FALSE(session.hold.is_holding());
}

TEST_CASE("with all three times at 0 nothing is held up") {
  Session session;
  session.timings.pause_least_ms = session.timings.pause_end_ms = session.timings.pause_window_ms =
      0;
  for (int pause = 0; pause < 9; ++pause) {
    session.run(true, 1);
    CHECK_FALSE(session.hold.is_holding());
    session.run(false, 1);
    CHECK(session.hold.is_holding());
  }
}
