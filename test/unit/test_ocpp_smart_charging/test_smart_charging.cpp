#include "doctest_main/doctest_main.hpp"
#include "ocpp/charging_profiles.hpp"
#include "ocpp/smart_charging.hpp"
#include "platform_sim/sim_entropy.hpp"
#include "platform_sim/sim_key_value_store.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

using namespace ocpp;  // NOLINT: the subject of every line
using common::Instant;
using common::UtcTime;

namespace {

constexpr UtcTime kMidnight{1'800'057'600'000};  // 2027-01-16T00:00:00Z
constexpr int64_t kMinuteMs = 60000;
constexpr int64_t kHourMs = 3600000;

UtcTime at(int64_t after_midnight_ms) { return kMidnight + after_midnight_ms; }

ChargingProfile profile(ProfilePurpose purpose, int level,
                        std::vector<std::pair<uint32_t, uint32_t>> periods) {
  ChargingProfile result;
  result.id = 100 + level;
  result.stack_level = static_cast<uint8_t>(level);
  result.purpose = purpose;
  result.start_schedule = kMidnight;
  for (const auto& [start_s, limit_deci] : periods) {
    result.periods[result.period_count].start_s = start_s;
    result.periods[result.period_count++].limit_deci = limit_deci & kMaxLimitDeci;
  }
  return result;
}

ChargingSession session(uint32_t local_transaction = 0) {
  ChargingSession result;
  result.local_transaction = local_transaction;
  result.started_at = at(0);
  return result;
}

int64_t limit_ma(const std::vector<ChargingProfile>& profiles, const ChargingSession& of,
                 UtcTime when, uint8_t sharers = 1) {
  const ProfileLimit result =
      LimitTimeline(common::Span<const ChargingProfile>(profiles.data(), profiles.size()), of)
          .at(when, sharers);
  return result.per_phase_ua == kUnlimited ? -1 : result.per_phase_ua / 1000;
}

}  // namespace

// Rules: R-3.13.6-3
TEST_CASE("without a profile there is no limit") { CHECK(limit_ma({}, session(), at(0)) == -1); }

// Rules: R-3.13.2-4
TEST_CASE("the period that has begun counts, the last one for ever when there is no duration") {
  const std::vector<ChargingProfile> profiles{
      profile(ProfilePurpose::TxDefaultProfile, 0, {{0, 100}, {60, 80}, {120, 160}})};
  CHECK(limit_ma(profiles, session(), at(-1)) == -1);
  CHECK(limit_ma(profiles, session(), at(0)) == 10000);
  CHECK(limit_ma(profiles, session(), at(59999)) == 10000);
  CHECK(limit_ma(profiles, session(), at(60000)) == 8000);
  CHECK(limit_ma(profiles, session(), at(1000 * kHourMs)) == 16000);
}

// Rules: R-3.13.2-1 R-5.16.4-3
TEST_CASE("when the duration is over the next lower level counts, then nothing") {
  ChargingProfile high = profile(ProfilePurpose::TxDefaultProfile, 5, {{0, 60}});
  high.duration_s = 60;
  ChargingProfile low = profile(ProfilePurpose::TxDefaultProfile, 1, {{0, 130}});
  low.duration_s = 120;
  CHECK(limit_ma({low, high}, session(), at(0)) == 6000);
  CHECK(limit_ma({low, high}, session(), at(60000)) == 13000);
  CHECK(limit_ma({low, high}, session(), at(120000)) == -1);
}

// Rules: R-3.13.2-1
TEST_CASE("a profile counts from validFrom up to validTo") {
  ChargingProfile bounded = profile(ProfilePurpose::TxDefaultProfile, 0, {{0, 100}});
  bounded.valid_from = at(kMinuteMs);
  bounded.valid_to = at(2 * kMinuteMs);
  CHECK(limit_ma({bounded}, session(), at(kMinuteMs - 1)) == -1);
  CHECK(limit_ma({bounded}, session(), at(kMinuteMs)) == 10000);
  CHECK(limit_ma({bounded}, session(), at(2 * kMinuteMs)) == -1);
}

TEST_CASE("a daily schedule comes again every 24 hours, a weekly one every 7 days") {
  ChargingProfile daily = profile(ProfilePurpose::TxDefaultProfile, 0, {{0, 100}, {3600, 60}});
  daily.kind = ProfileKind::Recurring;
  daily.recurrency = Recurrency::Daily;
  daily.duration_s = 7200;
  for (int day = 0; day < 400; day += 57) {
    CHECK(limit_ma({daily}, session(), at(day * 24 * kHourMs)) == 10000);
    CHECK(limit_ma({daily}, session(), at(day * 24 * kHourMs + kHourMs)) == 6000);
    CHECK(limit_ma({daily}, session(), at(day * 24 * kHourMs + 2 * kHourMs)) == -1);
  }
  ChargingProfile weekly = daily;
  weekly.recurrency = Recurrency::Weekly;
  CHECK(limit_ma({weekly}, session(), at(24 * kHourMs)) == -1);
  CHECK(limit_ma({weekly}, session(), at(7 * 24 * kHourMs)) == 10000);
}

// Rules: R-5.16.4-4
TEST_CASE("what lies beyond the recurrence period is never executed") {
  ChargingProfile daily = profile(ProfilePurpose::TxDefaultProfile, 0, {{0, 100}, {90000, 60}});
  daily.kind = ProfileKind::Recurring;
  daily.recurrency = Recurrency::Daily;
  daily.duration_s = 200000;
  for (int64_t hour = 0; hour < 72; ++hour)
    CHECK(limit_ma({daily}, session(), at(hour * kHourMs)) == 10000);
}

TEST_CASE("a relative schedule begins with the transaction") {
  ChargingProfile relative = profile(ProfilePurpose::TxDefaultProfile, 0, {{0, 100}, {60, 60}});
  relative.kind = ProfileKind::Relative;
  relative.start_schedule = UtcTime{};
  ChargingSession late = session(1);
  late.started_at = at(5 * kHourMs);
  CHECK(limit_ma({relative}, late, at(5 * kHourMs)) == 10000);
  CHECK(limit_ma({relative}, late, at(5 * kHourMs + kMinuteMs)) == 6000);
}

// Rules: R-3.13.1-4
TEST_CASE("a TxProfile takes the place of TxDefaultProfile for its own transaction only") {
  ChargingProfile own = profile(ProfilePurpose::TxProfile, 0, {{0, 130}});
  own.connector_id = 1;
  own.local_transaction = 7;
  const ChargingProfile standard = profile(ProfilePurpose::TxDefaultProfile, 8, {{0, 60}});
  CHECK(limit_ma({own, standard}, session(7), at(0)) == 13000);
  CHECK(limit_ma({own, standard}, session(8), at(0)) == 6000);
  CHECK(limit_ma({own, standard}, session(0), at(0)) == 6000);
  ChargingSession other = session(7);
  other.connector_id = 2;
  CHECK(limit_ma({own, standard}, other, at(0)) == 6000);
}

// Rules: R-3.13.1-2 R-3.13.1-3
TEST_CASE("a TxDefaultProfile of the connector replaces that of connector 0 for this connector") {
  const ChargingProfile all = profile(ProfilePurpose::TxDefaultProfile, 8, {{0, 60}});
  ChargingProfile own = profile(ProfilePurpose::TxDefaultProfile, 0, {{0, 130}});
  own.connector_id = 2;
  ChargingSession second = session();
  second.connector_id = 2;
  CHECK(limit_ma({all, own}, session(), at(0)) == 6000);
  CHECK(limit_ma({all, own}, second, at(0)) == 13000);
}

// Rules: R-3.13.3-1
TEST_CASE("ChargePointMaxProfile caps everything and is shared") {
  const ChargingProfile whole = profile(ProfilePurpose::ChargePointMaxProfile, 0, {{0, 200}});
  const ChargingProfile standard = profile(ProfilePurpose::TxDefaultProfile, 0, {{0, 130}});
  CHECK(limit_ma({whole, standard}, session(), at(0)) == 13000);
  CHECK(limit_ma({whole, standard}, session(), at(0), 2) == 10000);
  CHECK(limit_ma({whole}, session(), at(0)) == 20000);
}

// Rules: R-5.16-7 FP-18
TEST_CASE("watts become amperes by voltage and phases in use, and back without loss") {
  ChargingProfile watts = profile(ProfilePurpose::TxDefaultProfile, 0, {{0, 110000}});  // 11 kW
  watts.unit = RateUnit::W;
  ChargingSession three = session();
  CHECK(limit_ma({watts}, three, at(0)) == 15942);
  three.electrical.voltage_mv = 240000;
  CHECK(limit_ma({watts}, three, at(0)) == 15277);
  ChargingSession one = session();
  one.electrical.phases = 1;
  CHECK(limit_ma({watts}, one, at(0)) == 47826);
  watts.periods[0].phases = 1;
  CHECK(limit_ma({watts}, session(), at(0)) == 15942);  // three are used all the same
  ChargingSession switched = session();
  switched.electrical.can_switch_phases = true;
  CHECK(limit_ma({watts}, switched, at(0)) == 47826);
  for (int64_t deci = 0; deci < 300000; deci += 37) {
    for (uint8_t phases = 1; phases <= 3; ++phases) {
      const ElectricalFacts facts{231700, phases};
      CHECK(from_microampere(to_microampere(deci, RateUnit::W, facts), RateUnit::W, facts) == deci);
      CHECK(from_microampere(to_microampere(deci, RateUnit::A, facts), RateUnit::A, facts) == deci);
    }
  }
}

// Rules: R-5.16-1 FP-18
TEST_CASE("more phases than there are leave the limit as it is") {
  ChargingProfile three = profile(ProfilePurpose::TxDefaultProfile, 0, {{0, 100}});
  three.periods[0].phases = 3;
  ChargingSession one = session();
  one.electrical.phases = 1;
  CHECK(limit_ma({three}, one, at(0)) == 10000);
}

TEST_CASE("while the time is unknown the lowest period of a profile holds") {
  const ChargingProfile standard =
      profile(ProfilePurpose::TxDefaultProfile, 0, {{0, 160}, {60, 70}, {120, 100}});
  CHECK(limit_ma({standard}, session(), UtcTime{}) == 7000);
}

namespace {

/// The specification read aloud, second by second: slow, and written without looking at the engine.
const SchedulePeriod* slow_period(const ChargingProfile& profile, int64_t now_s,
                                  int64_t tx_start_s) {
  if (profile.valid_from.is_known() && now_s * 1000 < profile.valid_from.ms) return nullptr;
  if (profile.valid_to.is_known() && now_s * 1000 >= profile.valid_to.ms) return nullptr;
  const int64_t relative_s = profile.purpose == ProfilePurpose::ChargePointMaxProfile
                                 ? profile.installed_at.ms / 1000
                                 : tx_start_s;
  int64_t start_s =
      profile.start_schedule.is_known() ? profile.start_schedule.ms / 1000 : relative_s;
  if (profile.kind == ProfileKind::Relative) start_s = relative_s;
  if (now_s < start_s) return nullptr;
  int64_t length_s = profile.duration_s >= 0 ? profile.duration_s : INT64_MAX;
  if (profile.kind == ProfileKind::Recurring) {
    const int64_t round_s = profile.recurrency == Recurrency::Weekly ? 7 * 86400 : 86400;
    while (start_s + round_s <= now_s) start_s += round_s;
    length_s = std::min(length_s, round_s);
  }
  if (now_s - start_s >= length_s) return nullptr;
  const SchedulePeriod* found = nullptr;
  for (size_t i = 0; i < profile.period_count; ++i) {
    if (start_s + profile.periods[i].start_s <= now_s) found = &profile.periods[i];
  }
  return found;
}

struct SlowLimit {
  double ma = -1;  ///< < 0: none.
  int phases = 3;
};

SlowLimit slow_convert(const ChargingProfile& profile, const SchedulePeriod& period,
                       const ElectricalFacts& facts) {
  SlowLimit result;
  result.phases = period.phases == 0 ? 3 : static_cast<int>(period.phases);
  result.ma = period.limit_deci * 100.0;
  if (profile.unit == RateUnit::W) {
    int phases = facts.phases;
    if (facts.can_switch_phases) phases = std::min(phases, result.phases);
    result.ma = period.limit_deci / 10.0 / (facts.voltage_mv / 1000.0) / phases * 1000.0;
  }
  return result;
}

SlowLimit slow_purpose(const std::vector<ChargingProfile>& profiles, ProfilePurpose purpose,
                       const ChargingSession& of, int64_t now_s) {
  for (const bool is_own : {true, false}) {
    for (int level = limits::kMaxStackLevel; level >= 0; --level) {
      for (const ChargingProfile& candidate : profiles) {
        if (candidate.purpose != purpose || candidate.stack_level != level) continue;
        if (purpose == ProfilePurpose::TxDefaultProfile &&
            (is_own ? candidate.connector_id != of.connector_id : candidate.connector_id != 0)) {
          continue;
        }
        if (purpose == ProfilePurpose::TxProfile &&
            (of.local_transaction == 0 || candidate.local_transaction != of.local_transaction ||
             candidate.connector_id != of.connector_id)) {
          continue;
        }
        const SchedulePeriod* period = slow_period(candidate, now_s, of.started_at.ms / 1000);
        if (period != nullptr) return slow_convert(candidate, *period, of.electrical);
      }
    }
  }
  return SlowLimit();
}

SlowLimit slow_limit(const std::vector<ChargingProfile>& profiles, const ChargingSession& of,
                     int64_t now_s, int sharers) {
  SlowLimit limit = slow_purpose(profiles, ProfilePurpose::TxProfile, of, now_s);
  if (limit.ma < 0) limit = slow_purpose(profiles, ProfilePurpose::TxDefaultProfile, of, now_s);
  const SlowLimit whole = slow_purpose(profiles, ProfilePurpose::ChargePointMaxProfile, of, now_s);
  if (whole.ma >= 0) {
    limit.ma = limit.ma < 0 ? whole.ma / sharers : std::min(limit.ma, whole.ma / sharers);
    limit.phases = std::min(limit.phases, whole.phases);
  }
  return limit;
}

bool agrees(const ProfileLimit& limit, const SlowLimit& slow) {
  if (slow.ma < 0) return limit.per_phase_ua == kUnlimited;
  return limit.phases == slow.phases &&
         std::abs(static_cast<double>(limit.per_phase_ua) / 1000 - slow.ma) < 0.01;
}

ChargingProfile random_profile(platform_sim::SimEntropy& dice, int32_t id) {
  ChargingProfile result;
  result.id = id;
  result.purpose = static_cast<ProfilePurpose>(dice.below(3));
  result.connector_id = result.purpose == ProfilePurpose::ChargePointMaxProfile ? 0
                        : result.purpose == ProfilePurpose::TxProfile
                            ? 1
                            : static_cast<uint8_t>(dice.below(3));
  result.local_transaction = result.purpose == ProfilePurpose::TxProfile ? 1 + dice.below(2) : 0;
  result.stack_level = static_cast<uint8_t>(dice.below(4));
  result.kind = static_cast<ProfileKind>(dice.below(3));
  result.unit = dice.chance(700) ? RateUnit::A : RateUnit::W;
  if (result.kind == ProfileKind::Recurring) {
    result.recurrency = dice.chance(500) ? Recurrency::Daily : Recurrency::Weekly;
  }
  if (result.kind == ProfileKind::Recurring || dice.chance(800))
    result.start_schedule = at(int64_t{dice.below(200)} * kHourMs - 100 * kHourMs);
  result.installed_at = at(int64_t{dice.below(40)} * kHourMs - 20 * kHourMs);
  if (dice.chance(500)) result.duration_s = static_cast<int32_t>(dice.below(100 * 3600));
  if (dice.chance(200)) result.valid_from = at(int64_t{dice.below(100)} * kHourMs - 50 * kHourMs);
  if (dice.chance(200)) result.valid_to = at(int64_t{dice.below(100)} * kHourMs - 20 * kHourMs);
  result.period_count = static_cast<uint8_t>(1 + dice.below(5));
  uint32_t start_s = 0;
  for (size_t i = 0; i < result.period_count; ++i) {
    result.periods[i].start_s = start_s;
    result.periods[i].limit_deci = dice.below(result.unit == RateUnit::A ? 320 : 220000);
    result.periods[i].phases = dice.chance(600) ? 0 : 1 + dice.below(3);
    start_s += 1 + dice.below(40000);
  }
  return result;
}

/// One profile per place, as the store guarantees.
std::vector<ChargingProfile> random_profiles(platform_sim::SimEntropy& dice) {
  std::vector<ChargingProfile> profiles;
  for (int32_t id = 0; id < static_cast<int32_t>(dice.below(8)); ++id) {
    const ChargingProfile next = random_profile(dice, id);
    const bool is_taken =
        std::any_of(profiles.begin(), profiles.end(), [&](const ChargingProfile& other) {
          return other.purpose == next.purpose && other.stack_level == next.stack_level &&
                 other.connector_id == next.connector_id &&
                 other.local_transaction == next.local_transaction;
        });
    if (!is_taken) profiles.push_back(next);
  }
  return profiles;
}

ChargingSession random_session(platform_sim::SimEntropy& dice) {
  ChargingSession result = session(dice.below(3));
  result.connector_id = static_cast<uint8_t>(1 + dice.below(2));
  result.started_at = at(int64_t{dice.below(40)} * kHourMs - 20 * kHourMs);
  result.electrical.phases = static_cast<uint8_t>(1 + dice.below(3));
  result.electrical.voltage_mv = static_cast<int32_t>(207000 + dice.below(46000));
  result.electrical.can_switch_phases = dice.chance(500);
  return result;
}

}  // namespace

// Rules: R-3.13.1-2 R-3.13.1-3 R-3.13.1-4 R-3.13.2-1 R-3.13.2-4 R-3.13.3-1 R-5.16.4-3 R-5.16.4-4 R-5.16.4-6 R-5.16-1
// Rules: R-5.16-7 PD-6 FP-19
TEST_CASE("limits agree with a slow reading of the specification, and no change is missed") {
  platform_sim::SimEntropy dice(4242);
  for (int round = 0; round < 600; ++round) {
    const std::vector<ChargingProfile> profiles = random_profiles(dice);
    const ChargingSession of = random_session(dice);
    const auto sharers = static_cast<uint8_t>(1 + dice.below(3));
    const common::Span<const ChargingProfile> span(profiles.data(), profiles.size());
    CAPTURE(round);

    UtcTime when = of.started_at + int64_t{dice.below(100 * 3600)} * 1000;
    LimitTimeline followed(span, of);
    for (int hop = 0; hop < 40 && when.ms != INT64_MAX; ++hop) {
      const ProfileLimit now = followed.at(when, sharers);
      REQUIRE(agrees(now, slow_limit(profiles, of, when.ms / 1000, sharers)));
      const UtcTime next = followed.next_change();
      REQUIRE(next > when);
      // Someone who looks only now sees the same.
      LimitTimeline fresh(span, of);
      const ProfileLimit again = fresh.at(when, sharers);
      REQUIRE(again.per_phase_ua == now.per_phase_ua);
      REQUIRE(again.phases == now.phases);
      REQUIRE(fresh.next_change() == next);
      // Nothing changes before it: look at a few instants, the last second included.
      const int64_t gap_s =
          std::min<int64_t>((next.ms == INT64_MAX ? when.ms + 30 * 86400000LL : next.ms) - when.ms,
                            30 * 86400000LL) /
          1000;
      for (int look = 0; look < 6 && gap_s > 1; ++look) {
        const int64_t ahead_s = look == 0 ? gap_s - 1 : dice.below(static_cast<uint32_t>(gap_s));
        REQUIRE(agrees(now, slow_limit(profiles, of, when.ms / 1000 + ahead_s, sharers)));
      }
      when = next;
    }
  }
}

TEST_CASE("a lost clock never raises a limit that holds by the same purpose") {
  platform_sim::SimEntropy dice(77);
  for (int round = 0; round < 300; ++round) {
    std::vector<ChargingProfile> profiles = random_profiles(dice);
    const ChargingSession of = random_session(dice);
    const UtcTime when = of.started_at + int64_t{dice.below(100 * 3600)} * 1000;
    const ProfilePurpose purpose = static_cast<ProfilePurpose>(dice.below(3));
    profiles.erase(std::remove_if(profiles.begin(), profiles.end(),
                                  [&](const ChargingProfile& one) {
                                    return one.purpose != purpose || one.connector_id == 2;
                                  }),
                   profiles.end());
    const common::Span<const ChargingProfile> span(profiles.data(), profiles.size());
    LimitTimeline without(span, of);
    LimitTimeline with(span, of);
    CAPTURE(round);
    const bool is_own =
        std::any_of(profiles.begin(), profiles.end(),
                    [&](const ChargingProfile& one) { return one.connector_id == 1; }) &&
        purpose == ProfilePurpose::TxDefaultProfile;
    if (is_own) continue;  // a profile of the connector goes before one of all, whatever it says
    CHECK(without.at(UtcTime{}, 1).per_phase_ua <= with.at(when, 1).per_phase_ua);
  }
}

// ----------------------------------------------------------------------- the store

namespace {

struct Store {
  platform_sim::SimPower power;
  platform_sim::SimKeyValueStore settings{power};
  common::NullLogSink log;
  ClockSync clock;
  ChargingProfiles profiles{settings, clock, log};

  void step(Instant now) {
    clock.set_now(now);
    profiles.step();
  }
};

}  // namespace

// Rules: R-5.16.3-1 R-3.13.2-2 PD-10 PD-13
TEST_CASE_FIXTURE(Store, "a profile replaces its id and its place, but no other connector's") {
  ChargingProfile first = profile(ProfilePurpose::TxDefaultProfile, 1, {{0, 100}});
  first.connector_id = 1;
  ChargingProfile second = first;
  second.connector_id = 2;
  second.id = 2;
  CHECK(profiles.install(first) == common::Status::kOk);
  CHECK(profiles.install(second) == common::Status::kOk);
  CHECK(profiles.size() == 2);
  ChargingProfile third = first;
  third.id = 3;
  CHECK(profiles.install(third) == common::Status::kOk);
  CHECK(profiles.size() == 2);
  third.stack_level = 4;
  CHECK(profiles.install(third) == common::Status::kOk);
  CHECK(profiles.size() == 2);
  third.connector_id = 2;
  third.stack_level = 1;  // id of one, place of the other
  CHECK(profiles.install(third) == common::Status::kOk);
  CHECK(profiles.size() == 1);
}

// Rules: R-5.16-2 PD-5 PD-12
TEST_CASE_FIXTURE(Store, "every installed profile is there again after a restart, at every level") {
  for (int level = 0; level <= limits::kMaxStackLevel; ++level) {
    ChargingProfile one = profile(ProfilePurpose::TxDefaultProfile, level,
                                  {{0, 100}, {60, 60U + static_cast<uint32_t>(level)}});
    one.periods[1].phases = 1;
    one.duration_s = 3600;
    one.valid_to = at(kHourMs);
    CHECK(profiles.install(one) == common::Status::kOk);
  }
  profiles.flush();
  ChargingProfiles again(settings, clock, log);
  again.begin();
  CHECK(again.size() == profiles.size());
  for (size_t i = 0; i < again.all().size(); ++i) {
    uint8_t left[kMaxProfileImageBytes];
    uint8_t right[kMaxProfileImageBytes];
    const size_t size = encode_profile(profiles.all()[i], common::MutableByteSpan(left));
    CHECK(encode_profile(again.all()[i], common::MutableByteSpan(right)) == size);
    CHECK(std::equal(left, left + size, right));
  }
}

// Rules: R-5.5-3
TEST_CASE_FIXTURE(Store, "clearing matches all given criteria, and an id alone") {
  for (int level = 0; level < 3; ++level) {
    for (uint8_t connector = 0; connector < 2; ++connector) {
      ChargingProfile one = profile(ProfilePurpose::TxDefaultProfile, level, {{0, 100}});
      one.connector_id = connector;
      one.id = 10 * connector + level;
      CHECK(profiles.install(one) == common::Status::kOk);
    }
  }
  ChargingProfiles::Selection selection;
  selection.has_connector_id = true;
  selection.connector_id = 1;
  selection.has_stack_level = true;
  selection.stack_level = 2;
  CHECK(profiles.clear(selection) == 1);
  CHECK(profiles.clear(selection) == 0);
  CHECK(profiles.clear_id(1));
  CHECK(!profiles.clear_id(1));
  CHECK(profiles.size() == 4);
  CHECK(profiles.clear(ChargingProfiles::Selection()) == 4);
}

namespace {

/// What would hold for a transaction of connector 1 if the gateway restarted now.
int64_t stored_limit_ma(Store& store, UtcTime when) {
  ChargingProfiles again(store.settings, store.clock, store.log);
  again.begin();
  LimitTimeline timeline(again.all(), session());
  const ProfileLimit result = timeline.at(when, 1);
  return result.per_phase_ua == kUnlimited ? INT64_MAX : result.per_phase_ua / 1000;
}

int64_t limit_now_ma(Store& store, UtcTime when) {
  LimitTimeline timeline(store.profiles.all(), session());
  const ProfileLimit result = timeline.at(when, 1);
  return result.per_phase_ua == kUnlimited ? INT64_MAX : result.per_phase_ua / 1000;
}

}  // namespace

// Rules: R-5.16-2
TEST_CASE_FIXTURE(Store,
                  "after a power cut no higher limit holds than the one that was confirmed") {
  platform_sim::SimEntropy dice(31);
  (void)clock.set(kMidnight);
  profiles.begin();
  Instant now{};
  for (int change = 0; change < 5000; ++change) {
    // Seldom enough that the budget is never used up.
    now = now + 60000 + dice.below(240000);
    step(now);
    ChargingProfile next = profile(ProfilePurpose::TxDefaultProfile, 1,
                                   {{0, 60 + dice.below(260)}, {600, 60 + dice.below(260)}});
    if (dice.chance(800)) next.period_count = 1;
    next.id = 5;
    next.start_schedule = clock.utc();
    if (dice.chance(50)) next.duration_s = 3600;
    if (dice.chance(50)) next.stack_level = 2;
    if (dice.chance(50)) next.unit = RateUnit::W;
    if (dice.chance(50)) next.start_schedule = clock.utc() + 300000;
    if (dice.chance(30)) {
      (void)profiles.clear_id(5);
    } else {
      REQUIRE(profiles.install(next) == common::Status::kOk);
    }
    profiles.step();  // the answer leaves after this
    CAPTURE(change);
    for (const int64_t later_ms : {int64_t{0}, int64_t{299000}, int64_t{601000}, 2 * kHourMs}) {
      const UtcTime when = clock.utc() + later_ms;
      REQUIRE(stored_limit_ma(*this, when) <= limit_now_ma(*this, when));
    }
  }
}

TEST_CASE_FIXTURE(Store,
                  "a load manager that changes the limit every five seconds wears the flash "
                  "little, and none is refused") {
  platform_sim::SimEntropy dice(8);
  (void)clock.set(kMidnight);
  profiles.begin();
  int64_t late_ms = 0;
  int64_t latest_ms = 0;
  for (Instant now{}; now < Instant{24 * kHourMs}; now = now + 5000) {
    clock.set_now(now);
    ChargingProfile next =
        profile(ProfilePurpose::TxDefaultProfile, 1, {{0, 60 + 10 * dice.below(11)}});
    next.start_schedule = clock.utc();
    REQUIRE(profiles.install(next) == common::Status::kOk);
    profiles.step();
    late_ms =
        stored_limit_ma(*this, clock.utc()) > limit_now_ma(*this, clock.utc()) ? late_ms + 5000 : 0;
    latest_ms = std::max(latest_ms, late_ms);
  }
  MESSAGE("writes in a day: " << settings.writes());
  CHECK(settings.writes() < 1000);
  CHECK(latest_ms == 0);
  // The worst there is: lower and lower, then removed, all day long.
  const uint64_t before = settings.writes();
  uint32_t limit = 0;
  for (Instant now{24 * kHourMs}; now < Instant{48 * kHourMs}; now = now + 5000) {
    clock.set_now(now);
    if (limit == 0) {
      limit = 320;
      (void)profiles.clear_id(101);
    }
    ChargingProfile next = profile(ProfilePurpose::TxDefaultProfile, 1, {{0, --limit}});
    REQUIRE(profiles.install(next) == common::Status::kOk);
    profiles.step();
    late_ms =
        stored_limit_ma(*this, clock.utc()) > limit_now_ma(*this, clock.utc()) ? late_ms + 5000 : 0;
    latest_ms = std::max(latest_ms, late_ms);
  }
  CHECK(settings.writes() - before <= 24 * 60 + ChargingProfiles::kBurst);
  CHECK(latest_ms <= ChargingProfiles::kWriteCostMs);
}

// Rules: R-5.16.4-2 PD-7 FP-19
TEST_CASE("a power cut while one profile replaces two leaves the old ones or the new one") {
  for (uint64_t operation = 0; operation < 3; ++operation) {
    for (const bool is_done : {false, true}) {
      Store store;
      ChargingProfile first = profile(ProfilePurpose::TxDefaultProfile, 1, {{0, 100}});
      ChargingProfile second = profile(ProfilePurpose::TxDefaultProfile, 2, {{0, 80}});
      CHECK(store.profiles.install(first) == common::Status::kOk);
      CHECK(store.profiles.install(second) == common::Status::kOk);
      store.profiles.flush();
      ChargingProfile both = second;
      both.id = first.id;  // the id of one, the place of the other
      both.periods[0].limit_deci = 70;
      store.power.cut_at_operation(store.power.operations() + operation, is_done);
      store.clock.set_now(Instant{1000});
      CHECK(store.profiles.install(both) == common::Status::kOk);
      store.profiles.step();
      store.power.restore();
      ChargingProfiles again(store.settings, store.clock, store.log);
      again.begin();
      CAPTURE(operation);
      const bool is_old = operation == 0 && !is_done;
      CHECK(again.size() == (is_old ? 2 : 1));
      LimitTimeline timeline(again.all(), session());
      CHECK(timeline.at(at(0), 1).per_phase_ua == (is_old ? 8000000 : 7000000));
      // What was left over is removed for good.
      again.step();
      ChargingProfiles third(store.settings, store.clock, store.log);
      third.begin();
      CHECK(third.size() == again.size());
      CHECK(store.settings.count() == again.size());
    }
  }
}

TEST_CASE_FIXTURE(Store,
                  "a profile that cannot be stored is in force all the same and tried again") {
  ChargingProfile one = profile(ProfilePurpose::TxDefaultProfile, 1, {{0, 100}});
  CHECK(profiles.install(one) == common::Status::kOk);
  profiles.flush();
  settings.fail_next_set(common::Status::kIo);
  one.periods[0].limit_deci = 60;
  clock.set_now(Instant{1000});
  CHECK(profiles.install(one) == common::Status::kOk);
  profiles.step();
  CHECK(limit_now_ma(*this, at(0)) == 6000);
  CHECK(stored_limit_ma(*this, at(0)) == 10000);  // the old one, whole
  step(profiles.deadline());
  CHECK(stored_limit_ma(*this, at(0)) == 6000);
  CHECK(profiles.deadline().is_never());
}

TEST_CASE_FIXTURE(Store, "a profile that waits for its transaction is stored once it is bound") {
  ChargingProfile waiting = profile(ProfilePurpose::TxProfile, 1, {{0, 100}});
  waiting.connector_id = 1;
  CHECK(profiles.install(waiting) == common::Status::kOk);
  step(profiles.deadline());
  CHECK(settings.count() == 0);
  profiles.bind_pending(1, 7);
  profiles.step();
  CHECK(settings.count() == 1);
  CHECK(settings.writes() == 1);
  profiles.drop_transaction(1, 7);
  step(profiles.deadline());
  CHECK(settings.count() == 0);
}

TEST_CASE("no damaged image of a profile is taken for one") {
  uint8_t image[kMaxProfileImageBytes];
  const size_t size = encode_profile(profile(ProfilePurpose::TxProfile, 3, {{0, 100}, {60, 60}}),
                                     common::MutableByteSpan(image));
  ChargingProfile out;
  for (size_t cut = 0; cut < size; ++cut) {
    CHECK(decode_profile(common::ByteSpan(image, cut), out) == common::Status::kCorrupt);
  }
  CHECK(decode_profile(common::ByteSpan(image, size), out) == common::Status::kOk);
  platform_sim::SimEntropy dice(1);
  for (int round = 0; round < 5000; ++round) {
    uint8_t damaged[kMaxProfileImageBytes];
    std::copy(image, image + size, damaged);
    damaged[dice.below(static_cast<uint32_t>(size))] = static_cast<uint8_t>(dice.next_u64());
    if (decode_profile(common::ByteSpan(damaged, size), out) == common::Status::kOk) {
      CHECK(out.period_count <= limits::kMaxSchedulePeriods);
    }
  }
}
