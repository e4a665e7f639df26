#include "doctest_main/doctest_main.hpp"
#include "gateway/session_policy.hpp"
#include "gateway_fakes/gateway_fakes.hpp"

#include <string>
#include <vector>

using charger::Offer;
using common::Instant;

namespace {

struct Fixture {
  gateway_fakes::FakeEngine engine;
  gateway_fakes::FakeChargers chargers;
  common::NullLogSink log;
  gateway::SessionPolicy policy{engine, chargers, log};

  explicit Fixture(int64_t offline_after_ms = 0) {
    gateway::PolicySettings settings;
    settings.connectors = 2;
    settings.offline_after_ms = offline_after_ms;
    settings.offline_ma = 6000;
    policy.begin(settings, Instant{0});
  }
  void link(bool is_online, Instant now) {
    engine.online = is_online;
    (void)policy.step(now);
  }
};

}  // namespace

TEST_CASE("an offer reaches the charger unchanged while the CSMS is there") {
  Fixture fixture(60000);
  fixture.link(true, Instant{10});
  fixture.policy.set_offer(1, Offer{true, 16000, 3}, Instant{20});
  CHECK(fixture.chargers.last[1] == Offer{true, 16000, 3});
}

TEST_CASE("the CSMS away for the set time lowers the current, its return restores it") {
  Fixture fixture(60000);
  fixture.link(true, Instant{0});
  fixture.policy.set_offer(1, Offer{true, 16000, 3}, Instant{0});
  fixture.policy.set_offer(2, Offer{true, 4000, 3}, Instant{0});
  fixture.link(false, Instant{1000});
  CHECK(fixture.policy.step(Instant{60999}) == Instant{61000});
  CHECK(fixture.chargers.last[1].limit_ma == 16000);
  CHECK(fixture.policy.step(Instant{61000}).is_never());
  CHECK(fixture.chargers.last[1].limit_ma == 6000);
  CHECK(fixture.chargers.last[2].limit_ma == 4000);

  SUBCASE("a higher offer made meanwhile waits") {
    fixture.policy.set_offer(1, Offer{true, 10000, 3}, Instant{62000});
    CHECK(fixture.chargers.last[1].limit_ma == 6000);
    fixture.link(true, Instant{70000});
    CHECK(fixture.chargers.last[1].limit_ma == 10000);
  }
  SUBCASE("a withdrawn permit goes through") {
    fixture.policy.set_offer(1, Offer{false, 0, 3}, Instant{62000});
    CHECK_FALSE(fixture.chargers.last[1].permit);
  }
}

TEST_CASE("a short outage changes nothing, and each outage counts from its own start") {
  Fixture fixture(60000);
  fixture.link(true, Instant{0});
  fixture.policy.set_offer(1, Offer{true, 16000, 3}, Instant{0});
  fixture.link(false, Instant{1000});
  fixture.link(true, Instant{59000});
  fixture.link(false, Instant{59500});
  (void)fixture.policy.step(Instant{100000});
  CHECK(fixture.chargers.last[1].limit_ma == 16000);
  CHECK_FALSE(fixture.policy.is_offline_limit_active());
}

TEST_CASE("after a restart the lower current holds until the CSMS is there and has accepted") {
  Fixture fixture(60000);
  CHECK(fixture.policy.is_offline_limit_active());
  fixture.policy.set_offer(1, Offer{true, 16000, 3}, Instant{10});
  CHECK(fixture.chargers.last[1].limit_ma == 6000);
  CHECK(fixture.policy.step(Instant{1000000}).is_never());
  CHECK(fixture.chargers.last[1].limit_ma == 6000);
  fixture.link(true, Instant{1000001});
  CHECK(fixture.chargers.last[1].limit_ma == 16000);
}

TEST_CASE("without the rule an outage never changes the current") {
  Fixture fixture;
  fixture.policy.set_offer(1, Offer{true, 16000, 3}, Instant{0});
  CHECK(fixture.policy.step(Instant{1000000000}).is_never());
  CHECK(fixture.chargers.last[1].limit_ma == 16000);
}

TEST_CASE("a tag read twice in a moment counts once") {
  Fixture fixture;
  const charger::IdTag tag("04AABBCC");
  fixture.policy.on_id_tag(0, tag, Instant{1000});
  fixture.policy.on_id_tag(0, tag, Instant{1800});
  fixture.policy.on_id_tag(0, tag, Instant{3000});
  CHECK(fixture.engine.tags.size() == 1);
  fixture.policy.on_id_tag(0, tag, Instant{3000 + gateway::SessionPolicy::kSameTagMs});
  CHECK(fixture.engine.tags.size() == 2);
  fixture.policy.on_id_tag(0, charger::IdTag("04AABBCD"), Instant{4600});
  CHECK(fixture.engine.tags.size() == 3);
  fixture.policy.on_id_tag(0, charger::IdTag(), Instant{9000});
  CHECK(fixture.engine.tags.size() == 3);
}

TEST_CASE("reports go up, and those of connectors that do not exist are dropped") {
  Fixture fixture;
  charger::ChargerState state;
  state.plug = charger::Plug::kPlugged;
  fixture.policy.on_charger_state(2, state, Instant{1});
  fixture.policy.on_charger_state(0, state, Instant{1});
  fixture.policy.on_charger_state(3, state, Instant{1});
  fixture.policy.on_meter_sample(1, charger::MeterSample{}, Instant{1});
  fixture.policy.set_offer(3, Offer{true, 16000, 3}, Instant{1});
  CHECK(fixture.engine.states == std::vector<int>{2});
  CHECK(fixture.engine.samples == std::vector<int>{1});
  CHECK(fixture.policy.state(2).plug == charger::Plug::kPlugged);
  CHECK(fixture.chargers.count == 0);
}

TEST_CASE("a dead tag reader is a warning, unless the charger has something worse to tell") {
  Fixture fixture;
  charger::ChargerState good;
  charger::ChargerState bad;
  bad.error = charger::Error::kGroundFailure;
  bad.is_faulted = true;
  fixture.policy.on_charger_state(1, good, Instant{1});
  fixture.policy.on_charger_state(2, bad, Instant{1});
  fixture.policy.set_reader_health(true, Instant{2});
  CHECK(fixture.engine.states == std::vector<int>{1, 2});
  fixture.policy.set_reader_health(false, Instant{3});
  fixture.policy.set_reader_health(false, Instant{4});
  CHECK(fixture.engine.states == std::vector<int>{1, 2, 1, 2});
  CHECK(fixture.policy.state(1).error == charger::Error::kReaderFailure);
  CHECK_FALSE(fixture.policy.state(1).is_faulted);
  CHECK(fixture.policy.state(2).error == charger::Error::kGroundFailure);
  fixture.policy.on_charger_state(2, good, Instant{5});
  CHECK(fixture.policy.state(2).error == charger::Error::kReaderFailure);
  fixture.policy.set_reader_health(true, Instant{6});
  CHECK(fixture.policy.state(1).error == charger::Error::kNone);
  CHECK(fixture.policy.state(2).error == charger::Error::kNone);
}

TEST_CASE("safe mode keeps all chargers off and their connectors out of order") {
  Fixture fixture;
  charger::ChargerState state;
  state.plug = charger::Plug::kPlugged;
  state.health = charger::Health::kOk;
  fixture.policy.on_charger_state(1, state, Instant{0});
  fixture.policy.set_offer(1, Offer{true, 16000, 3}, Instant{0});
  fixture.policy.set_safe_mode(true, Instant{10});
  CHECK_FALSE(fixture.chargers.last[1].permit);
  CHECK(fixture.chargers.last[1].limit_ma == 0);
  CHECK(fixture.engine.last_state.health == charger::Health::kLost);
  CHECK(fixture.engine.last_state.error == charger::Error::kInternalError);
  CHECK(fixture.engine.last_state.info == common::FixedString<50>("safe mode after crashes"));
  CHECK(fixture.policy.state(1).health == charger::Health::kOk);  // what the console shows
  fixture.policy.set_offer(1, Offer{true, 10000, 3}, Instant{20});
  fixture.policy.set_offer(2, Offer{true, 10000, 3}, Instant{20});
  CHECK_FALSE(fixture.chargers.last[1].permit);
  CHECK_FALSE(fixture.chargers.last[2].permit);

  fixture.policy.set_safe_mode(false, Instant{30});
  CHECK(fixture.chargers.last[1] == Offer{true, 10000, 3});
  CHECK(fixture.engine.last_state.health == charger::Health::kOk);
  CHECK(fixture.engine.last_state.error == charger::Error::kNone);
}

TEST_CASE("safe mode leaves a transaction open, and takes the connector out of order at its end") {
  Fixture fixture;
  charger::ChargerState state;
  state.plug = charger::Plug::kPlugged;
  state.health = charger::Health::kOk;
  fixture.engine.transaction.has_transaction = true;
  fixture.policy.set_safe_mode(true, Instant{0});
  fixture.policy.on_charger_state(1, state, Instant{10});
  CHECK(fixture.engine.last_state.health == charger::Health::kOk);
  const size_t told = fixture.engine.states.size();
  (void)fixture.policy.step(Instant{20});
  CHECK(fixture.engine.states.size() == told);
  fixture.engine.transaction.has_transaction = false;
  (void)fixture.policy.step(Instant{30});
  CHECK(fixture.engine.last_state.health == charger::Health::kLost);
  (void)fixture.policy.step(Instant{40});
  CHECK(fixture.engine.states.size() == told + 1);
}

TEST_CASE("the button stops, starts and stops, or does nothing, as it is set") {
  for (const gateway::ButtonUse use :
       {gateway::ButtonUse::kNothing, gateway::ButtonUse::kStop, gateway::ButtonUse::kStartStop}) {
    Fixture fixture;
    gateway::PolicySettings settings;
    settings.button = use;
    fixture.policy.begin(settings, Instant{0});
    fixture.policy.on_button(Instant{10});
    const bool starts = use == gateway::ButtonUse::kStartStop;
    CHECK(fixture.engine.authorized.size() == (starts ? 1U : 0U));
    if (starts) CHECK(fixture.engine.authorized[0] == "1:FREEVEND");
    fixture.engine.transaction.has_transaction = true;
    fixture.policy.on_button(Instant{20});
    CHECK(fixture.engine.stops.size() == (use == gateway::ButtonUse::kNothing ? 0U : 1U));
  }
}
