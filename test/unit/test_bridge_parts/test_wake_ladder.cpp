#include "bridge/wake_ladder.hpp"
#include "doctest_main/doctest_main.hpp"

#include <cstddef>
#include <vector>

using bridge::WakeLadder;
using Step = WakeLadder::Step;

namespace {

/// One EV, looked at each second.
struct Ev {
  void run(int64_t seconds) {
    for (int64_t i = 0; i < seconds; ++i) {
      now = now + 1000;
      // A charger that obeys: what is wanted is offered, what is not is stopped.
      view.is_offered = view.is_wanted && !ladder.is_toggling() && !ladder.is_interrupting();
      view.is_stopped = !view.is_wanted || ladder.is_toggling();
      const Step step = ladder.step(view, means, timings, now);
      if (step != Step::kNone) steps.push_back({step, now - since});
    }
  }
  void charge() {
    view.is_plugged = view.is_permitted = view.is_wanted = view.is_asking = true;
    run(10);
  }
  void pause(int64_t seconds) {
    view.is_wanted = false;
    run(1);
    view.is_asking = false;
    run(seconds);
    since = now;
    view.is_wanted = true;
  }

  struct Taken {
    Step step;
    int64_t after_ms;
  };
  WakeLadder ladder;
  WakeLadder::View view;
  WakeLadder::Means means{true, 15000, true};
  bridge::Timings timings;
  common::Instant now{1000};
  common::Instant since{0};
  std::vector<Taken> steps;
};

}  // namespace

TEST_CASE("an EV that does not come back from a pause gets the limit, an interrupt, a toggle") {
  Ev ev;
  ev.charge();
  ev.pause(600);
  ev.run(200);
  REQUIRE(ev.steps.size() == 6);
  const Step order[] = {Step::kRewrite, Step::kInterrupt, Step::kToggle};
  for (size_t i = 0; i < 6; ++i) CHECK(ev.steps[i].step == order[i % 3]);
  CHECK(ev.steps[0].after_ms == 31000);
  CHECK(ev.steps[1].after_ms == 36000);
  // The interrupt takes 15 s, then it has 30 s to ask.
  CHECK(ev.steps[2].after_ms == 81000);
  CHECK(ev.steps[3].after_ms == 117000);
}

TEST_CASE("two attempts for a pause, then one every half an hour, until it asks or is pulled") {
  Ev ev;
  ev.means = {false, 4000, false};
  ev.charge();
  ev.pause(60);
  ev.run(1500);
  CHECK(ev.steps.size() == 2);
  ev.run(400);
  CHECK(ev.steps.size() == 3);
  CHECK(ev.steps[2].after_ms - ev.steps[1].after_ms == 1800000);
  // Further pauses of an EV that has not charged since are no reason for more.
  ev.pause(60);
  ev.run(120);
  CHECK(ev.steps.size() == 3);
  ev.view.is_asking = true;
  ev.run(10);
  ev.pause(60);
  ev.run(120);
  CHECK(ev.steps.size() == 5);
  ev.view.is_plugged = ev.view.is_wanted = false;
  ev.run(10);
  ev.view.is_plugged = ev.view.is_wanted = true;
  ev.run(4000);
  CHECK(ev.steps.size() == 5);
}

TEST_CASE("an EV that stopped by itself is left alone, also after a pause of ours") {
  Ev ev;
  ev.charge();
  ev.view.is_asking = false;
  ev.run(3600);
  ev.pause(600);
  ev.run(3600);
  CHECK(ev.steps.empty());
}

TEST_CASE("an EV that waited for a permission is left alone, one that a limit of 0 kept is not") {
  Ev ev;
  ev.view.is_plugged = true;
  SUBCASE("permission") {
    ev.run(600);
    ev.view.is_permitted = ev.view.is_wanted = true;
    ev.run(3600);
    CHECK(ev.steps.empty());
  }
  SUBCASE("limit") {
    ev.view.is_permitted = true;
    ev.run(600);
    ev.view.is_wanted = true;
    ev.run(60);
    CHECK(ev.steps.size() == 2);
  }
}

TEST_CASE("a toggle ends with the permission, and lasts until the charger has stopped for 5 s") {
  Ev ev;
  ev.means = {false, 0, true};
  ev.charge();
  ev.pause(60);
  ev.run(31);
  REQUIRE(ev.ladder.is_toggling());
  SUBCASE("withdrawn") {
    ev.view.is_wanted = ev.view.is_permitted = false;
    ev.run(1);
    CHECK_FALSE(ev.ladder.is_toggling());
  }
  SUBCASE("confirmed") {
    ev.run(5);
    CHECK(ev.ladder.is_toggling());
    ev.run(1);
    CHECK_FALSE(ev.ladder.is_toggling());
  }
  SUBCASE("never confirmed") {
    for (int i = 0; i < 19; ++i) {
      ev.now = ev.now + 1000;
      ev.view.is_stopped = false;
      (void)ev.ladder.step(ev.view, ev.means, ev.timings, ev.now);
    }
    CHECK(ev.ladder.is_toggling());
    ev.run(1);
    CHECK_FALSE(ev.ladder.is_toggling());
  }
}

TEST_CASE("without any means nothing is tried") {
  Ev ev;
  ev.means = {false, 0, false};
  ev.charge();
  ev.pause(60);
  ev.run(4000);
  CHECK(ev.steps.empty());
}
