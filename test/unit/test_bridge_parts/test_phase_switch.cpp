#include "bridge/phase_switch.hpp"
#include "doctest_main/doctest_main.hpp"

#include <cstddef>
#include <vector>

using bridge::PhaseSwitch;
using Order = PhaseSwitch::Order;

namespace {

struct Charger {
  /// Looks at it each 100 ms. The current goes 2 s after the pause began.
  void run(int64_t ms) {
    for (const common::Instant end = now + ms; now < end; now = now + 100) {
      view.is_stopped = phases.is_pausing() && now - paused_at >= 2000 && stops;
      const Order order = phases.step(view, settings, now);
      if (order == Order::kPause) paused_at = now;
      if (order == Order::kSwitch) view.actual = phases.target();
      if (order != Order::kNone) orders.push_back({order, now - common::Instant{0}});
    }
  }
  struct Given {
    Order order;
    int64_t at_ms;
  };
  PhaseSwitch phases;
  PhaseSwitch::View view;
  PhaseSwitch::Settings settings;
  common::Instant now{0};
  common::Instant paused_at{0};
  bool stops = true;
  std::vector<Given> orders;
};

}  // namespace

TEST_CASE("phases are switched between two dead times without current") {
  Charger charger;
  charger.view.may_begin = true;
  charger.run(1000);
  CHECK(charger.orders.empty());
  charger.view.wanted = 1;
  charger.run(20000);
  REQUIRE(charger.orders.size() == 3);
  CHECK(charger.orders[0].order == Order::kPause);
  CHECK(charger.orders[1].order == Order::kSwitch);
  CHECK(charger.orders[1].at_ms - charger.orders[0].at_ms == 7000);
  CHECK(charger.orders[2].order == Order::kResume);
  CHECK(charger.orders[2].at_ms - charger.orders[1].at_ms == 5100);
  CHECK_FALSE(charger.phases.is_pausing());
}

TEST_CASE("from one switch to the next it takes its time, whatever is wanted in between") {
  Charger charger;
  charger.view.may_begin = true;
  charger.view.wanted = 1;
  charger.run(30000);
  charger.view.wanted = 3;
  charger.run(200000);
  charger.view.wanted = 1;
  charger.run(30000);
  CHECK(charger.orders.size() == 3);
  charger.view.wanted = 3;
  charger.run(60000);
  REQUIRE(charger.orders.size() == 6);
  CHECK(charger.orders[3].at_ms == 300000);
}

TEST_CASE("while current flows nothing is switched, and tried again when the time is over") {
  Charger charger;
  charger.stops = false;
  charger.view.may_begin = true;
  charger.view.wanted = 1;
  charger.run(290000);
  REQUIRE(charger.orders.size() == 2);
  CHECK(charger.orders[1].order == Order::kFailed);
  CHECK_FALSE(charger.phases.is_pausing());
  charger.stops = true;
  charger.run(30000);
  CHECK(charger.view.actual == 1);
}

TEST_CASE("where nobody measures ten seconds of nothing on offer must do") {
  Charger charger;
  charger.stops = false;
  charger.view.may_begin = charger.view.is_blind = true;
  charger.view.wanted = 1;
  charger.run(14900);
  CHECK(charger.orders.size() == 1);
  charger.run(300);
  CHECK(charger.view.actual == 1);
}

TEST_CASE("a charger that stops by itself is only told") {
  Charger charger;
  charger.settings.pauses = false;
  charger.view.may_begin = true;
  charger.view.wanted = 1;
  charger.run(1000);
  CHECK(charger.orders.size() == 3);
  CHECK(charger.view.actual == 1);
}
