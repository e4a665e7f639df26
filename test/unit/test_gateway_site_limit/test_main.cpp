#include "doctest_main/doctest_main.hpp"
#include "model.hpp"

using charger::Offer;
using common::Instant;
using site_model::Car;
using site_model::Charger;
using site_model::Site;

namespace {

gateway::SiteSettings settings(uint8_t connectors, uint32_t limit_ma) {
  gateway::SiteSettings result;
  result.connectors = connectors;
  result.limit_ma = limit_ma;
  return result;
}

Charger plain(uint32_t max_ma = 16000) {
  Charger charger;
  charger.can.max_ma = max_ma;
  return charger;
}

Charger with_watchdog(uint32_t failsafe_ma, uint32_t after_ms) {
  Charger charger = plain();
  charger.can.failsafe_ma = failsafe_ma;
  charger.can.failsafe_after_ms = after_ms;
  return charger;
}

Car hungry(uint32_t max_ma = 32000) {
  Car car;
  car.wants_energy = true;
  car.max_ma = max_ma;
  car.lag_ms = 3000;
  return car;
}

}  // namespace

TEST_CASE("without a limit every offer passes unchanged") {
  Site site(settings(2, 0), {plain(), plain()});
  site.permit(1, 16000);
  site.permit(2, 4000);
  CHECK(site.charger(1).offer == Offer{true, 16000, 3});
  CHECK(site.charger(2).offer == Offer{true, 4000, 3});
  CHECK(site.limit().step(Instant{5}).is_never());
}

TEST_CASE("reports and samples pass to the engine") {
  Site site(settings(1, 16000), {plain()});
  site.run(10000);
  CHECK(site.reports >= 1);
  CHECK(site.samples >= 1);
}

TEST_CASE("one car has the whole site, two have half each, and the first gets all back") {
  Site site(settings(2, 20000), {plain(), plain()});
  site.run(2000);
  site.plug(1, hungry());
  site.permit(1, 16000);
  site.forbid(2);
  site.run(20000);
  CHECK(site.charger(1).limit_ma == 16000);
  site.plug(2, hungry());
  site.permit(2, 16000);
  site.run(30000);
  CHECK(site.charger(1).limit_ma == 10000);
  CHECK(site.charger(2).limit_ma == 10000);
  site.forbid(2);
  site.run(30000);
  CHECK(site.charger(1).limit_ma == 16000);
  CHECK(site.charger(2).limit_ma == 0);
  CHECK(site.longest_excess_ms() <= 5000);
}

TEST_CASE("what one may not have goes to the others") {
  Site site(settings(3, 30000), {plain(), plain(), plain()});
  site.run(2000);
  for (size_t id = 1; id <= 3; ++id) site.plug(id, hungry());
  site.permit(1, 7000);
  site.permit(2, 16000);
  site.permit(3, 16000);
  site.run(60000);
  CHECK(site.charger(1).limit_ma == 7000);
  CHECK(site.charger(2).limit_ma == 11500);
  CHECK(site.charger(3).limit_ma == 11500);
}

TEST_CASE("an increase waits until the other charger has confirmed that it gave way") {
  Charger slow = plain();
  slow.apply_ms = 4000;
  Site site(settings(2, 16000), {slow, plain()});
  site.run(2000);
  site.plug(1, hungry());
  site.permit(1, 16000);
  site.forbid(2);
  site.run(20000);
  site.plug(2, hungry());
  site.permit(2, 16000);
  site.run(3000);
  CHECK(site.charger(1).offer.limit_ma == 8000);
  CHECK(site.charger(2).offer.limit_ma == 0);
  site.run(20000);
  CHECK(site.charger(2).limit_ma == 8000);
  CHECK(site.longest_excess_ms() <= 5000);
}

TEST_CASE("without a read-back the current tells that a charger gave way") {
  Charger blind = plain();
  blind.has_readback = false;
  Site site(settings(2, 16000), {blind, plain()});
  site.run(2000);
  site.forbid(1);
  site.forbid(2);
  site.run(15000);
  site.plug(1, hungry());
  site.permit(1, 16000);
  site.run(20000);
  CHECK(site.charger(1).limit_ma == 16000);
  site.plug(2, hungry());
  site.permit(2, 16000);
  site.run(5000);
  CHECK(site.charger(2).offer.limit_ma == 0);
  site.run(20000);
  CHECK(site.charger(2).limit_ma == 8000);
}

TEST_CASE("a car that asks for nothing keeps the lowest current, and has its share once it does") {
  Site site(settings(2, 20000), {plain(), plain()});
  site.run(2000);
  site.plug(1, hungry());
  site.permit(1, 16000);
  Car full = hungry();
  full.wants_energy = false;
  site.plug(2, full);
  site.permit(2, 16000);
  site.run(100000);
  CHECK(site.charger(2).limit_ma == 6000);
  CHECK(site.charger(1).limit_ma == 14000);
  site.charger(2).car.wants_energy = true;
  site.run(30000);
  CHECK(site.charger(2).limit_ma == 10000);
  CHECK(site.charger(1).limit_ma == 10000);
}

TEST_CASE("too little for all: they take turns, nobody starves") {
  gateway::SiteSettings rules = settings(3, 13000);
  rules.turn_ms = 600000;
  Site site(rules, {plain(), plain(), plain()});
  site.run(2000);
  int served[4] = {};
  for (size_t id = 1; id <= 3; ++id) {
    site.plug(id, hungry());
    site.permit(id, 16000);
    site.run(20000);
  }
  for (int minute = 0; minute < 120; ++minute) {
    site.run(60000);
    for (size_t id = 1; id <= 3; ++id) served[id] += site.charger(id).limit_ma >= 6000 ? 1 : 0;
  }
  for (size_t id = 1; id <= 3; ++id) {
    CAPTURE(id);
    CHECK(served[id] >= 60);
  }
  CHECK(site.longest_excess_ms() <= 5000);
}

TEST_CASE("a silent charger without a watchdog counts with its last limit") {
  Site site(settings(2, 20000), {plain(), plain()});
  site.run(2000);
  site.plug(1, hungry());
  site.permit(1, 16000);
  site.forbid(2);
  site.run(20000);
  site.silence(1, true);
  site.run(600000);
  site.plug(2, hungry());
  site.permit(2, 16000);
  site.run(60000);
  CHECK(site.charger(2).offer.limit_ma == 0);
  CHECK(site.longest_excess_ms() <= 5000);
  site.silence(1, false);
  site.run(60000);
  CHECK(site.charger(1).limit_ma == 10000);
  CHECK(site.charger(2).limit_ma == 10000);
}

TEST_CASE("a silent charger counts with its failsafe current once its watchdog has expired") {
  Site site(settings(2, 20000), {with_watchdog(6000, 15000), plain()});
  site.run(2000);
  site.plug(1, hungry());
  site.permit(1, 16000);
  site.forbid(2);
  site.run(20000);
  site.silence(1, true);
  site.run(5000);
  site.plug(2, hungry());
  site.permit(2, 16000);
  site.run(2000);
  CHECK(site.charger(2).offer.limit_ma == 0);
  site.run(60000);
  CHECK(site.charger(2).limit_ma == 14000);
  SUBCASE("and is not sent back to its old limit when it returns") {
    site.silence(1, false);
    site.run(60000);
    CHECK(site.charger(1).limit_ma == 10000);
    CHECK(site.charger(2).limit_ma == 10000);
  }
  CHECK(site.longest_excess_ms() <= 5000);
}

TEST_CASE(
    "a paused charger that falls silent may rise to its failsafe current: the others give way in "
    "time") {
  Site site(settings(2, 16000), {with_watchdog(8000, 15000), plain()});
  site.run(2000);
  site.plug(1, hungry());
  site.plug(2, hungry());
  site.forbid(1);
  site.permit(2, 16000);
  site.run(20000);
  CHECK(site.charger(2).limit_ma == 8000);
  site.silence(1, true);
  site.run(60000);
  CHECK(site.charger(1).limit_ma == 8000);
  CHECK(site.charger(2).limit_ma == 8000);
  CHECK(site.longest_excess_ms() == 0);
}

TEST_CASE("a car that draws more than it was given costs the others their current") {
  Site site(settings(2, 20000), {plain(), plain()});
  site.run(2000);
  site.plug(1, hungry());
  site.plug(2, hungry());
  site.permit(1, 16000);
  site.permit(2, 16000);
  site.run(60000);
  // Stuck at 16 A whatever it is told.
  site.charger(1).limit_ma = 16000;
  site.charger(1).apply_ms = 1000000;
  site.charger(1).has_readback = false;
  site.run(60000);
  CHECK(site.charger(2).limit_ma == 0);
}

TEST_CASE(
    "a session that survived the gateway's restart goes on while the others have not reported") {
  Charger late = plain();
  late.is_silent = true;
  late.silent_since = Instant{0};
  Charger running = plain();
  running.limit_ma = 16000;
  running.car = hungry();
  running.car.is_plugged = true;
  Site site(settings(2, 32000), {running, late});
  site.run(1000);
  site.permit(1, 16000);
  site.forbid(2);
  site.run(4000);
  CHECK(site.charger(1).limit_ma == 16000);
  site.silence(2, false);
  site.run(10000);
  CHECK(site.charger(1).limit_ma == 16000);
  CHECK(site.charger(1).offer.limit_ma == 16000);
}

TEST_CASE("a charger that was never heard counts with its highest current") {
  Charger dead = plain();
  dead.is_silent = true;
  dead.silent_since = Instant{0};
  Site site(settings(2, 24000), {plain(), dead});
  site.run(2000);
  site.plug(1, hungry());
  site.permit(1, 16000);
  site.forbid(2);
  site.run(60000);
  CHECK(site.charger(1).limit_ma == 8000);
}

TEST_CASE("chargers on one phase each do not count on the phases of the others") {
  gateway::SiteSettings rules = settings(3, 16000);
  std::vector<Charger> chargers;
  for (uint8_t i = 0; i < 3; ++i) {
    rules.first_phase[i] = static_cast<uint8_t>(i + 1);
    Charger single = plain();
    single.can.phases = 1;
    single.site_phase = i;
    chargers.push_back(single);
  }
  Site site(rules, chargers);
  site.run(2000);
  for (size_t id = 1; id <= 3; ++id) {
    Car car = hungry();
    car.phases = 1;
    site.plug(id, car);
    site.permit(id, 16000);
  }
  site.run(60000);
  for (size_t id = 1; id <= 3; ++id) CHECK(site.charger(id).limit_ma == 16000);
  CHECK(site.longest_excess_ms() == 0);
}

TEST_CASE(
    "whatever chargers, cars, silences and profiles do, the sum exceeds the limit for 5 s at "
    "most") {
  for (uint32_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const auto pick = [&random](uint32_t low, uint32_t high) {
      return std::uniform_int_distribution<uint32_t>(low, high)(random);
    };
    const auto count = static_cast<uint8_t>(pick(2, 8));
    gateway::SiteSettings rules = settings(count, pick(10, 80) * 1000);
    rules.turn_ms = pick(60, 900) * 1000;
    std::vector<Charger> chargers;
    // All may fall to their failsafe current at once: together the site must bear it.
    uint32_t failsafe_left_ma = rules.limit_ma;
    for (uint8_t i = 0; i < count; ++i) {
      Charger charger = plain(pick(0, 1) == 0 ? 16000 : 32000);
      charger.apply_ms = pick(1, 40) * 100;
      charger.has_readback = pick(0, 3) != 0;
      if (pick(0, 2) != 0) {
        charger.can.failsafe_after_ms = pick(12, 60) * 1000;
        charger.can.failsafe_ma = pick(0, 1) == 0 ? 0 : 6000;
        if (charger.can.failsafe_ma > failsafe_left_ma) charger.can.failsafe_ma = 0;
        failsafe_left_ma -= charger.can.failsafe_ma;
      }
      if (pick(0, 3) == 0) {
        charger.can.phases = 1;
        charger.site_phase = static_cast<uint8_t>(pick(0, 2));
        if (pick(0, 1) == 0) rules.first_phase[i] = static_cast<uint8_t>(charger.site_phase + 1);
      }
      chargers.push_back(charger);
    }
    Site site(rules, chargers);
    site.run(3000);
    for (int event = 0; event < 150; ++event) {
      const size_t id = pick(1, count);
      switch (pick(0, 6)) {
        case 0:
        case 1: {
          Car car = hungry(pick(6, 32) * 1000);
          car.phases = site.charger(id).can.phases == 1 || pick(0, 3) == 0 ? 1 : 3;
          car.lag_ms = pick(0, 45) * 100;
          car.wants_energy = pick(0, 4) != 0;
          site.plug(id, car);
          break;
        }
        case 2:
          site.charger(id).car.wants_energy = !site.charger(id).car.wants_energy;
          break;
        case 3:
          site.permit(id, pick(0, 32) * 1000);
          break;
        case 4:
          site.forbid(id);
          break;
        case 5:
          site.silence(id, true);
          break;
        default:
          site.silence(id, false);
          break;
      }
      site.run(pick(1, 40) * 500);
    }
    CHECK(site.longest_excess_ms() <= 5000);
    CHECK(site.highest_sum_ma() > 0);
  }
}
