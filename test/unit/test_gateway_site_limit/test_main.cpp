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

// Rules: R-3.13.3-2
TEST_CASE("the limit of the charge point is for those that charge: one alone has all of it") {
  Site site(settings(3, 0), {plain(), plain(), plain()});
  site.run(2000);
  for (size_t id = 1; id <= 3; ++id) site.forbid(id);
  site.limit_all(20000);
  site.plug(1, hungry());
  site.permit(1, 16000);
  site.run(20000);
  CHECK(site.charger(1).limit_ma == 16000);
  site.plug(2, hungry());
  site.permit(2, 16000);
  site.run(30000);
  CHECK(site.charger(1).limit_ma == 10000);
  CHECK(site.charger(2).limit_ma == 10000);
  // What one does not take is for the other.
  site.permit(2, 7000);
  site.run(30000);
  CHECK(site.charger(1).limit_ma == 13000);
  CHECK(site.charger(2).limit_ma == 7000);
  site.limit_all(8000);
  site.run(30000);
  CHECK(site.charger(1).limit_ma + site.charger(2).limit_ma == 8000);
  site.limit_all(0);
  site.run(30000);
  CHECK(site.charger(1).limit_ma == 16000);
  CHECK(site.charger(2).limit_ma == 7000);
  CHECK(site.limit().step(site.now()).is_never());
  CHECK(site.longest_common_excess_ms() <= 5000);
}

// Rules: R-3.13.3-2
TEST_CASE("the lower of the site's limit and the charge point's holds") {
  Site site(settings(2, 24000), {plain(), plain()});
  site.run(2000);
  for (size_t id = 1; id <= 2; ++id) {
    site.plug(id, hungry());
    site.permit(id, 16000);
  }
  site.limit_all(40000);
  site.run(30000);
  CHECK(site.charger(1).limit_ma == 12000);
  CHECK(site.charger(2).limit_ma == 12000);
  site.limit_all(14000);
  site.run(30000);
  CHECK(site.charger(1).limit_ma == 7000);
  CHECK(site.charger(2).limit_ma == 7000);
  CHECK(site.longest_common_excess_ms() <= 5000);
  CHECK(site.longest_excess_ms() <= 5000);
}

// Rules: R-3.13.3-2
TEST_CASE("watts are shared by the phases that each uses") {
  Charger single = plain(32000);
  single.can.phases = 1;
  Site site(settings(2, 0), {plain(32000), single});
  site.run(2000);
  site.plug(1, hungry());
  Car car = hungry();
  car.phases = 1;
  site.plug(2, car);
  site.permit(1, 32000);
  site.permit(2, 32000);
  site.limit_all(9200, true);
  site.run(30000);
  // 10 A on three phases and 10 A on one are 9.2 kW.
  CHECK(site.charger(1).limit_ma == 9999);  // 9200 W / 3 / 230 V = 13.333 A alone
  CHECK(site.charger(2).limit_ma == 9999);
  site.forbid(1);
  site.run(30000);
  CHECK(site.charger(2).limit_ma == 32000);
  CHECK(site.longest_common_excess_ms() <= 5000);
}

// Rules: R-3.13.3-2
TEST_CASE("under the charge point's limit a silent charger counts with its failsafe current") {
  Site site(settings(2, 0), {with_watchdog(6000, 15000), plain()});
  site.run(2000);
  site.plug(1, hungry());
  site.plug(2, hungry());
  site.forbid(1);
  site.permit(2, 16000);
  site.limit_all(16000);
  site.run(30000);
  // Nothing is set aside of it while the charger is heard.
  CHECK(site.charger(2).limit_ma == 16000);
  site.silence(1, true);
  site.run(14000);
  CHECK(site.charger(2).limit_ma == 10000);
  site.run(20000);
  CHECK(site.charger(1).limit_ma == 6000);
  CHECK(site.longest_common_excess_ms() == 0);
  site.silence(1, false);
  site.run(30000);
  CHECK(site.charger(1).limit_ma == 0);
  CHECK(site.charger(2).limit_ma == 16000);
}

TEST_CASE("0 A for the charge point pauses all, and no failsafe current is in the way of it") {
  Site site(settings(2, 0), {with_watchdog(6000, 15000), plain()});
  site.run(2000);
  for (size_t id = 1; id <= 2; ++id) {
    site.plug(id, hungry());
    site.permit(id, 16000);
  }
  site.run(20000);
  site.limit_all(1);
  site.run(20000);
  CHECK(site.charger(1).limit_ma == 0);
  CHECK(site.charger(2).limit_ma == 0);
  site.limit_all(16000);
  site.run(30000);
  CHECK(site.charger(1).limit_ma == 8000);
  CHECK(site.charger(2).limit_ma == 8000);
}

TEST_CASE("after a restart nothing is given before the chargers have been heard") {
  Site site(settings(2, 20000), {with_watchdog(6000, 15000), plain()});
  site.run(2000);
  for (size_t id = 1; id <= 2; ++id) {
    site.plug(id, hungry());
    site.permit(id, 16000);
  }
  site.run(60000);
  CHECK(site.charger(1).limit_ma == 10000);
  CHECK(site.charger(2).limit_ma == 10000);
  SUBCASE("both answer at once") {
    site.restart(4000);
    site.permit(1, 16000);
    site.permit(2, 16000);
    CHECK(!site.charger(1).has_offer);
    CHECK(!site.charger(2).has_offer);
    site.run(30000);
    CHECK(site.charger(1).limit_ma == 10000);
    CHECK(site.charger(2).limit_ma == 10000);
  }
  SUBCASE("one is silent: it counts with its highest current") {
    site.silence(2, true);
    site.restart(4000);
    site.permit(1, 16000);
    site.permit(2, 16000);
    site.run(9000);
    CHECK(!site.charger(1).has_offer);
    site.run(30000);
    CHECK(site.charger(1).limit_ma == 0);
    site.silence(2, false);
    site.run(60000);
    CHECK(site.charger(1).limit_ma == 10000);
    CHECK(site.charger(2).limit_ma == 10000);
  }
  SUBCASE(
      "the gateway was away for long: the failsafe current of one, the last limit of the other") {
    site.restart(60000);
    CHECK(site.charger(1).limit_ma == 6000);
    CHECK(site.charger(2).limit_ma == 10000);
    site.permit(1, 16000);
    site.permit(2, 16000);
    site.run(60000);
    CHECK(site.charger(1).limit_ma == 10000);
    CHECK(site.charger(2).limit_ma == 10000);
  }
  CHECK(site.longest_excess_ms() <= 5000);
}

TEST_CASE(
    "whatever chargers, cars, silences and profiles do, the sum exceeds the limit for 5 s at "
    "most") {
  uint32_t common_use_percent = 0;
  uint64_t sums_ma = 0;
  for (uint32_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const auto pick = [&random](uint32_t low, uint32_t high) {
      return std::uniform_int_distribution<uint32_t>(low, high)(random);
    };
    const auto count = static_cast<uint8_t>(pick(2, 8));
    const bool has_site_limit = pick(0, 3) != 0;
    const bool has_common_limit = !has_site_limit || pick(0, 1) == 0;
    const bool is_watt = pick(0, 2) == 0;
    gateway::SiteSettings rules = settings(count, has_site_limit ? pick(10, 80) * 1000 : 0);
    rules.turn_ms = pick(60, 900) * 1000;
    std::vector<Charger> chargers;
    // All may fall to their failsafe current at once: together the site must bear it.
    uint32_t failsafe_left_ma = has_site_limit ? rules.limit_ma : 80000;
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
    for (size_t id = 1; id <= count; ++id) site.forbid(id);
    for (int event = 0; event < 150; ++event) {
      const size_t id = pick(1, count);
      const auto limit_all = [&] {
        const uint32_t some_a = pick(0, 80);
        site.limit_all(is_watt ? std::max(1U, some_a * 690) : std::max(1U, some_a * 1000), is_watt);
      };
      switch (pick(0, 8)) {
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
        case 6:
          if (has_common_limit) limit_all();
          break;
        case 7:
          if (pick(0, 9) == 0) {
            site.restart(pick(1, 60) * 500);
            for (size_t each = 1; each <= count; ++each) site.forbid(each);
          }
          break;
        default:
          site.silence(id, false);
          break;
      }
      site.run(pick(1, 40) * 500);
    }
    CHECK(site.longest_excess_ms() <= 5000);
    CHECK(site.longest_common_excess_ms() <= 5000);
    sums_ma += site.highest_sum_ma();
    if (has_common_limit)
      common_use_percent = std::max(common_use_percent, site.common_use_percent());
  }
  CHECK(sums_ma > 0);
  CHECK(common_use_percent >= 90);
}
