// Purpose:       What charging profiles do to a session, from the CSMS's message to the wallbox's current.
// Given:         A gateway in virtual time, wallboxes with EVs, a model CSMS.
// Steps:         See each case.
// Pass criteria: The offer follows the profiles to the second; nothing that the CSMS was promised gets lost.
// Spec:          OCPP 1.6 ed. 2, 3.13, 5.5, 5.7, 5.16; errata 3.8, 3.34 to 3.45, 3.57, 3.79.
#include "doctest_main/doctest_main.hpp"
#include "ocpp_messages/runtime/time_text.hpp"
#include "ocpp_world/world.hpp"

#include <vector>

using ocpp_world::World;
using platform::ResetCause;

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

struct Fixture {
  World world;

  Fixture() : Fixture(World::Setup()) {}
  explicit Fixture(const World::Setup& setup) : world(setup) { world.start(); }

  common::UtcTime utc() const { return world.charge_point->utc(world.now()); }
  std::string time(int64_t from_now_s) const {
    return ocpp_messages::format_time(utc() + from_now_s * 1000).c_str();
  }
  void charge(const platform_sim::SimCharger::Ev& ev = {}) {
    world.charger.plug(1, ev);
    world.run_for(3000);
    world.tag("04A1B2C3");
    REQUIRE(world.run_until([&] { return world.csms.transactions.size() == 1; }, 20000));
    world.run_for(10000);
  }
  /// @param periods  The elements of chargingSchedulePeriod. @param more  Further members of the profile.
  static std::string profile(int id, int level, const std::string& purpose, const std::string& kind,
                             const std::string& schedule, const std::string& more = "") {
    return R"({"chargingProfileId":)" + std::to_string(id) + R"(,"stackLevel":)" +
           std::to_string(level) + R"(,"chargingProfilePurpose":")" + purpose +
           R"(","chargingProfileKind":")" + kind + "\"" + more + R"(,"chargingSchedule":{)" +
           schedule + "}}";
  }
  static std::string flat(const std::string& limit, const std::string& unit = "A",
                          const std::string& more = "") {
    return R"("chargingRateUnit":")" + unit +
           R"(","chargingSchedulePeriod":[{"startPeriod":0,"limit":)" + limit + more + "}]";
  }
  std::string set(int connector_id, const std::string& profile) {
    const std::string status =
        world.call("SetChargingProfile", R"({"connectorId":)" + std::to_string(connector_id) +
                                             R"(,"csChargingProfiles":)" + profile + "}");
    world.run_for(1000);
    return status;
  }
  std::string remote_start(const std::string& profile) {
    return world.call("RemoteStartTransaction",
                      R"({"idTag":"REMOTE","connectorId":1,"chargingProfile":)" + profile + "}");
  }
  uint32_t limit(uint8_t connector_id = 1) const {
    const charger::Offer& offer = world.charger.offer(connector_id);
    return offer.permit ? offer.limit_ma : 0;
  }
};

platform_sim::SimCharger::Ev ev_with_phases(uint8_t phases) {
  platform_sim::SimCharger::Ev ev;
  ev.phases = phases;
  ev.max_ma = 32000;
  return ev;
}

World::Setup strong_wallbox(bool can_switch_phases = false) {
  World::Setup setup;
  setup.wallbox.capabilities.max_ma = 32000;
  setup.wallbox.capabilities.can_switch_phases = can_switch_phases;
  return setup;
}

struct Period {
  int64_t start_s;
  double limit;
};

double number_after(const std::string& text, const std::string& name, size_t from = 0) {
  const size_t at = text.find("\"" + name + "\":", from);
  return at == std::string::npos ? -1 : std::stod(text.substr(at + name.size() + 3));
}

std::vector<Period> periods_of(const std::string& composite) {
  std::vector<Period> periods;
  for (size_t at = composite.find("startPeriod"); at != std::string::npos;
       at = composite.find("startPeriod", at + 1)) {
    periods.push_back(Period{static_cast<int64_t>(number_after(composite, "startPeriod", at - 1)),
                             number_after(composite, "limit", at)});
  }
  return periods;
}

}  // namespace

// ------------------------------------------------------------------------- rules

// Rules: R-3.13.1-8 R-3.13.1-9
TEST_CASE_FIXTURE(Fixture,
                  "a default profile that comes, changes or goes acts on the running transaction") {
  charge();
  CHECK(limit() == 16000);
  CHECK(set(0, profile(1, 0, "TxDefaultProfile", "Relative", flat("10"))) == "Accepted");
  CHECK(limit() == 10000);
  CHECK(set(0, profile(1, 0, "TxDefaultProfile", "Relative", flat("8.5"))) == "Accepted");
  CHECK(limit() == 8500);
  CHECK(world.call("ClearChargingProfile", R"({"id":1})") == "Accepted");
  world.run_for(1000);
  CHECK(limit() == 16000);
  CHECK(world.csms.transactions[0].stops == 0);
}

// Rules: R-3.13.2-2 R-3.13.2-3
TEST_CASE_FIXTURE(
    Fixture, "a replacement that is valid later replaces at once, and nothing holds until then") {
  charge();
  CHECK(set(0, profile(1, 0, "TxDefaultProfile", "Relative", flat("10"))) == "Accepted");
  CHECK(set(0, profile(2, 0, "TxDefaultProfile", "Relative", flat("7"),
                       R"(,"validFrom":")" + time(600) + "\"")) == "Accepted");
  CHECK(limit() == 16000);
  world.run_for(597000);
  CHECK(limit() == 16000);
  world.run_for(4000);
  CHECK(limit() == 7000);
}

TEST_CASE_FIXTURE(Fixture,
                  "what is meant for now starts now, though the clock of the CSMS is ahead") {
  charge();
  CHECK(set(0, profile(1, 0, "TxDefaultProfile", "Absolute",
                       R"("startSchedule":")" + time(45) + "\"," + flat("10"))) == "Accepted");
  CHECK(limit() == 10000);
  CHECK(set(0, profile(1, 0, "TxDefaultProfile", "Absolute", flat("9"),
                       R"(,"validFrom":")" + time(55) + "\"")) == "Accepted");
  CHECK(limit() == 9000);
  CHECK(set(0, profile(1, 0, "TxDefaultProfile", "Absolute",
                       R"("startSchedule":")" + time(90) + "\"," + flat("8"))) == "Accepted");
  CHECK(limit() == 16000);
  world.run_for(90000);
  CHECK(limit() == 8000);
}

// Rules: R-5.16.2-1 R-3.13.1-4 R-3.13.1-5
TEST_CASE_FIXTURE(Fixture,
                  "a profile of the remote start is replaced at its level and stacked at others") {
  world.charger.plug(1);
  world.run_for(3000);
  CHECK(remote_start(profile(1, 1, "TxProfile", "Relative", flat("10"))) == "Accepted");
  world.run_for(10000);
  CHECK(limit() == 10000);
  const std::string of_this = R"(,"transactionId":1000)";
  CHECK(set(1, profile(2, 0, "TxProfile", "Relative", flat("7"), of_this)) == "Accepted");
  CHECK(limit() == 10000);  // the higher level counts
  CHECK(set(1, profile(3, 1, "TxProfile", "Relative", flat("9"), of_this)) == "Accepted");
  CHECK(limit() == 9000);
  CHECK(world.call("ClearChargingProfile", R"({"id":1})") == "Unknown");
  CHECK(world.call("ClearChargingProfile", R"({"id":3})") == "Accepted");
  world.run_for(1000);
  CHECK(limit() == 7000);
  world.tag("REMOTE");
  world.run_for(10000);
  CHECK(world.call("ClearChargingProfile", R"({"chargingProfilePurpose":"TxProfile"})") ==
        "Unknown");
}

// Rules: R-5.16.2-2 R-3.13.1-6 R-3.13.1-7 R-5.16.4-1
TEST_CASE_FIXTURE(Fixture, "a profile for a transaction needs one, and the right one") {
  const std::string six = flat("6");
  world.charger.plug(1);
  world.run_for(3000);
  CHECK(set(1, profile(1, 0, "TxProfile", "Relative", six)) == "Rejected");
  CHECK(remote_start(profile(1, 0, "TxProfile", "Relative", six, R"(,"transactionId":7)")) ==
        "Rejected");
  CHECK(remote_start(profile(1, 0, "TxDefaultProfile", "Relative", six)) == "Rejected");
  CHECK(remote_start(profile(
            1, 0, "TxProfile", "Relative",
            R"("chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":1,"limit":6}])")) ==
        "Rejected");
  world.run_for(10000);
  CHECK(world.csms.transactions.empty());
  charge();
  CHECK(set(1, profile(1, 0, "TxProfile", "Relative", six, R"(,"transactionId":999)")) ==
        "Rejected");
  CHECK(set(0, profile(1, 0, "TxProfile", "Relative", six)) == "Rejected");
  CHECK(limit() == 16000);
  CHECK(set(1, profile(1, 0, "TxProfile", "Relative", six)) == "Accepted");  // of the running one
  CHECK(limit() == 6000);
}

// Rules: R-5.16-6 R-5.16-8 R-5.16-3
TEST_CASE_FIXTURE(Fixture, "profiles are read tolerantly where the meaning is clear") {
  charge();
  CHECK(set(1, profile(1, 0, "TxDefaultProfile", "Absolute",
                       flat("10.5") + R"(,"minChargingRate":6.0)",
                       R"(,"recurrencyKind":"Daily")")) == "Accepted");
  CHECK(limit() == 10500);
  world.run_for(25LL * 3600 * 1000);  // not recurring: it goes on as it was
  CHECK(limit() == 10500);
  CHECK(set(1, profile(1, 0, "TxDefaultProfile", "Absolute",
                       flat("9", "A", R"(,"numberPhases":4)"))) == "Accepted");
  CHECK(limit() == 9000);
  CHECK(set(1, profile(1, 0, "TxDefaultProfile", "Absolute", flat("99999999"))) == "Accepted");
  CHECK(limit() == 16000);
  for (const char* wrong : {"10.55", "-1", "\"10\""}) {
    const std::string answer = set(1, profile(1, 0, "TxDefaultProfile", "Absolute", flat(wrong)));
    CHECK(answer != "Accepted");
  }
  CHECK(contains(set(1, profile(1, 0, "TxDefaultProfile", "Absolute", flat("10.55"))),
                 "PropertyConstraintViolation"));
  CHECK(contains(set(1, profile(1, 0, "TxDefaultProfile", "Absolute", flat("9", "kW"))),
                 "PropertyConstraintViolation"));
  CHECK(limit() == 16000);
}

// Rules: R-5.5-1 R-5.5-3
TEST_CASE_FIXTURE(Fixture,
                  "clearing takes the id alone, else everything that matches all other fields") {
  for (int level = 0; level < 3; ++level) {
    CHECK(set(0, profile(10 + level, level, "TxDefaultProfile", "Relative", flat("10"))) ==
          "Accepted");
    CHECK(set(1, profile(20 + level, level, "TxDefaultProfile", "Relative", flat("10"))) ==
          "Accepted");
    CHECK(set(0, profile(30 + level, level, "ChargePointMaxProfile", "Relative", flat("10"))) ==
          "Accepted");
  }
  // The id counts, whatever else is said.
  CHECK(world.call("ClearChargingProfile", R"({"id":10,"connectorId":1,"stackLevel":2})") ==
        "Accepted");
  CHECK(world.call("ClearChargingProfile", R"({"id":10})") == "Unknown");
  CHECK(world.call(
            "ClearChargingProfile",
            R"({"connectorId":1,"chargingProfilePurpose":"TxDefaultProfile","stackLevel":1})") ==
        "Accepted");
  CHECK(world.call("ClearChargingProfile", R"({"id":21})") == "Unknown");
  CHECK(world.call("ClearChargingProfile",
                   R"({"chargingProfilePurpose":"ChargePointMaxProfile","connectorId":1})") ==
        "Unknown");
  CHECK(world.call("ClearChargingProfile", R"({"stackLevel":2})") == "Accepted");
  for (const int gone : {12, 22, 32})
    CHECK(world.call("ClearChargingProfile", R"({"id":)" + std::to_string(gone) + "}") ==
          "Unknown");
  for (const int kept : {11, 20, 30, 31})
    CHECK(world.call("ClearChargingProfile", R"({"id":)" + std::to_string(kept) + "}") ==
          "Accepted");
}

// Rules: R-3.13.6-1 R-3.13.6-2 R-3.13.6-3
TEST_CASE_FIXTURE(Fixture,
                  "offline the profiles that are there go on to hold, through a restart too") {
  charge();
  CHECK(set(1, profile(1, 0, "TxProfile", "Relative", flat("8"))) == "Accepted");
  CHECK(set(0, profile(2, 0, "TxDefaultProfile", "Relative", flat("11"))) == "Accepted");
  world.disconnect();
  world.run_for(8LL * 3600 * 1000);
  CHECK(limit() == 8000);
  (void)world.restart(ResetCause::kPowerOn, 60000);  // and nobody tells the time
  world.run_for(60000);
  CHECK(limit() == 8000);
  world.tag("04A1B2C3");
  world.run_for(20000);
  CHECK(limit() == 0);
  world.connect();  // only so that the tag is accepted
  world.run_for(5000);
  world.tag("04A1B2C3");
  world.run_for(10000);
  world.disconnect();
  world.run_for(60000);
  CHECK(limit() == 11000);
}

TEST_CASE("the limit of the whole charge point has one beginning for all connectors") {
  World::Setup setup;
  setup.connectors = 2;
  Fixture fixture(setup);
  World& world = fixture.world;
  CHECK(
      fixture.set(
          0,
          Fixture::profile(
              1, 0, "ChargePointMaxProfile", "Relative",
              R"("chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":32},{"startPeriod":3600,"limit":16}])")) ==
      "Accepted");
  for (uint8_t id : {1, 2}) {
    world.charger.plug(id);
    world.run_for(3000);
    world.tag(id == 1 ? "A" : "B", id);
    world.run_for(20 * 60000);
  }
  CHECK(fixture.limit(1) == 16000);
  CHECK(fixture.limit(2) == 16000);
  world.run_for(25 * 60000);
  CHECK(fixture.limit(1) == 8000);
  CHECK(fixture.limit(2) == 8000);
}

// Rules: R-3.13.1-1 R-3.13.3-1
TEST_CASE("who shares the limit of the charge point itself is told what each could have alone") {
  World::Setup setup = strong_wallbox();
  setup.connectors = 2;
  setup.divides_total = false;
  Fixture fixture(setup);
  World& world = fixture.world;
  const auto alone = [&](uint8_t id) { return world.charger.offer(id).alone_ma; };
  for (const uint8_t id : {1, 2}) {
    world.charger.plug(id, ev_with_phases(id == 1 ? 3 : 1));
    world.run_for(3000);
    world.tag(id == 1 ? "A" : "B", id);
    world.run_for(60000);
    CHECK(alone(id) == charger::kNoCommonLimitMa);
  }
  CHECK(fixture.set(0, Fixture::profile(1, 0, "ChargePointMaxProfile", "Relative",
                                        Fixture::flat("20"))) == "Accepted");
  CHECK(fixture.set(2, Fixture::profile(2, 0, "TxDefaultProfile", "Relative",
                                        Fixture::flat("7"))) == "Accepted");
  CHECK(fixture.limit(1) == 20000);
  CHECK(fixture.limit(2) == 7000);
  CHECK(alone(1) == 20000);
  CHECK(alone(2) == 20000);
  // Watts: by the phases that each uses.
  CHECK(fixture.set(0, Fixture::profile(1, 0, "ChargePointMaxProfile", "Relative",
                                        Fixture::flat("6900", "W"))) == "Accepted");
  CHECK(fixture.limit(1) == 10000);
  CHECK(alone(1) == 10000);
  CHECK(alone(2) == 30000);
  // Without a session too: what a silent charger draws is known by it.
  world.charger.unplug(1);
  world.run_for(60000);
  CHECK(fixture.limit(1) == 0);
  CHECK(alone(1) == 10000);
  CHECK(world.call("ClearChargingProfile", R"({"id":1})") == "Accepted");
  world.run_for(1000);
  CHECK(alone(1) == charger::kNoCommonLimitMa);
  CHECK(alone(2) == charger::kNoCommonLimitMa);
  CHECK(world.problems() == "");
}

// -------------------------------------------------------------- watts and phases

// Rules: R-5.16-7 FP-18
TEST_CASE("a low limit in watts lets a one-phase car charge, and no three-phase car for long") {
  for (const uint8_t phases : {uint8_t{1}, uint8_t{3}}) {
    Fixture fixture(strong_wallbox());
    World& world = fixture.world;
    CAPTURE(phases);
    // 3680 W: 16 A on one phase, but less than 6 A on three.
    CHECK(fixture.set(1, Fixture::profile(1, 0, "TxDefaultProfile", "Relative",
                                          Fixture::flat("3680", "W"))) == "Accepted");
    world.charger.plug(1, ev_with_phases(phases));
    world.run_for(3000);
    world.tag("04A1B2C3");
    int64_t above_ms = 0;
    for (int step = 0; step < 600; ++step) {
      world.run_for(100);
      const int64_t power_w = int64_t{230} * world.charger.current_ma(1) / 1000 * phases;
      if (power_w > 3700) above_ms += 100;
    }
    CHECK(above_ms < 5000);
    CHECK(world.charger.current_ma(1) == (phases == 1 ? 16000 : 0));
    CHECK(world.csms.last_status(1) == (phases == 1 ? "Charging" : "SuspendedEVSE"));
    CHECK(world.problems() == "");
  }
}

// Rules: R-5.16-7 FP-18
TEST_CASE(
    "a limit in watts follows the phases in use, at once when they get more, later when they get "
    "fewer") {
  Fixture fixture(strong_wallbox());
  World& world = fixture.world;
  CHECK(fixture.set(1, Fixture::profile(1, 0, "TxDefaultProfile", "Relative",
                                        Fixture::flat("6900", "W"))) == "Accepted");
  fixture.charge(ev_with_phases(1));
  CHECK(fixture.limit() == 10000);  // three phases assumed: the car may still add them
  world.run_for(30000);
  CHECK(fixture.limit() == 30000);
  // numberPhases says what the CSMS plans with; this wallbox cannot switch, so the car decides.
  CHECK(fixture.set(1, Fixture::profile(1, 0, "TxDefaultProfile", "Relative",
                                        Fixture::flat("4600", "W", R"(,"numberPhases":3)"))) ==
        "Accepted");
  CHECK(fixture.limit() == 20000);
}

// Rules: R-5.16-1 FP-18
TEST_CASE(
    "a wallbox that switches phases is told how many, one that cannot spreads the watts over what "
    "is used") {
  for (const bool can_switch : {false, true}) {
    Fixture fixture(strong_wallbox(can_switch));
    World& world = fixture.world;
    CAPTURE(can_switch);
    CHECK(world.configuration("ConnectorSwitch3to1PhaseSupported") ==
          (can_switch ? "true" : "false"));
    fixture.charge(ev_with_phases(3));
    CHECK(fixture.set(1, Fixture::profile(1, 0, "TxDefaultProfile", "Relative",
                                          Fixture::flat("4600", "W", R"(,"numberPhases":1)"))) ==
          "Accepted");
    world.run_for(60000);
    CHECK(world.charger.offer(1).phases == 1);
    CHECK(fixture.limit() == (can_switch ? 20000 : 6666));
    // Back to three: the current of the one phase is no reason to think that the car has only one.
    CHECK(fixture.set(1, Fixture::profile(1, 0, "TxDefaultProfile", "Relative",
                                          Fixture::flat("6900", "W"))) == "Accepted");
    CHECK(world.charger.offer(1).phases == 3);
    CHECK(fixture.limit() == 10000);
    // More phases than there are: the limit as it is.
    CHECK(fixture.set(1, Fixture::profile(1, 0, "TxDefaultProfile", "Relative",
                                          Fixture::flat("12", "A", R"(,"numberPhases":3)"))) ==
          "Accepted");
    CHECK(fixture.limit() == 12000);
  }
}

// Rules: R-5.16-7 FP-18
TEST_CASE("a car that adds a phase is noticed while the wallbox keeps it on two") {
  Fixture fixture(strong_wallbox(true));
  World& world = fixture.world;
  fixture.charge(ev_with_phases(1));
  world.run_for(30000);
  CHECK(fixture.set(1, Fixture::profile(1, 0, "TxDefaultProfile", "Relative",
                                        Fixture::flat("4600", "W", R"(,"numberPhases":2)"))) ==
        "Accepted");
  CHECK(world.charger.offer(1).phases == 2);
  CHECK(fixture.limit() == 20000);
  // One phase as before tells nothing new.
  world.run_for(30000);
  CHECK(fixture.limit() == 20000);
  world.charger.set_ev_phases(1, 3);
  world.run_for(5000);
  CHECK(fixture.limit() == 10000);
}

// ---------------------------------------------------------------------- persistence

// Rules: R-5.16-2 R-5.16.4-2
TEST_CASE("a limit that was lowered holds after the plug is pulled right after the answer") {
  for (const char* limit : {"8", "0"}) {
    Fixture fixture;
    World& world = fixture.world;
    fixture.charge();
    CHECK(fixture.set(1, Fixture::profile(1, 0, "TxDefaultProfile", "Absolute",
                                          Fixture::flat("10"))) == "Accepted");
    CHECK(fixture.set(1, Fixture::profile(1, 0, "TxDefaultProfile", "Absolute",
                                          Fixture::flat("15"))) == "Accepted");
    world.run_for(120000);
    CHECK(world.call("SetChargingProfile", R"({"connectorId":1,"csChargingProfiles":)" +
                                               Fixture::profile(1, 0, "TxDefaultProfile",
                                                                "Absolute", Fixture::flat(limit)) +
                                               "}") == "Accepted");
    world.power.cut();
    (void)world.restart(ResetCause::kPowerOn, 1000);
    world.run_for(30000);  // the CSMS is away, the time unknown
    CHECK(fixture.limit() == std::stoul(limit) * 1000);
  }
}

// Rules: R-5.16-2 FP-11
TEST_CASE(
    "power may fail at every write of a profile: the car never gets more than the lowest confirmed "
    "limit") {
  for (uint64_t operation = 0; operation < 4; ++operation) {
    for (const bool is_done : {false, true}) {
      Fixture fixture;
      World& world = fixture.world;
      fixture.charge();
      CHECK(fixture.set(1, Fixture::profile(1, 1, "TxDefaultProfile", "Absolute",
                                            Fixture::flat("14"))) == "Accepted");
      CHECK(fixture.set(1, Fixture::profile(2, 2, "TxDefaultProfile", "Absolute",
                                            Fixture::flat("12"))) == "Accepted");
      world.run_for(120000);
      world.power.cut_at_operation(world.power.operations() + operation, is_done);
      uint32_t confirmed = 12000;
      // The id of one, the place of the other: two entries change. What is sent after the cut nobody gets.
      if (fixture.set(1, Fixture::profile(1, 2, "TxDefaultProfile", "Absolute",
                                          Fixture::flat("9"))) == "Accepted" &&
          world.power.is_on())
        confirmed = 9000;
      if (world.power.is_on() &&
          fixture.set(1, Fixture::profile(1, 2, "TxDefaultProfile", "Absolute",
                                          Fixture::flat("7"))) == "Accepted" &&
          world.power.is_on())
        confirmed = 7000;
      world.power.cut();
      (void)world.restart(ResetCause::kPowerOn, 1000);
      world.run_for(30000);
      CAPTURE(operation);
      CHECK(fixture.limit() <= confirmed);
      CHECK(fixture.limit() >= 7000);
    }
  }
}

// ---------------------------------------------------------------- composite schedule

// Rules: R-5.7-1 R-5.7-2 R-3.13.3-1 R-5.7-5 PD-6 PD-14 FP-19
TEST_CASE("what the composite schedule promises is what the wallbox is offered, second by second") {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    World::Setup setup;
    setup.seed = seed;
    setup.wallbox.command_ms = 1;
    Fixture fixture(setup);
    World& world = fixture.world;
    fixture.charge();
    platform_sim::SimEntropy dice(seed);
    for (int id = 1; id <= 7; ++id) {
      const char* const purposes[] = {"ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"};
      const char* const kinds[] = {"Absolute", "Recurring", "Relative"};
      const uint32_t purpose = dice.below(3);
      const uint32_t kind = dice.below(3);
      std::string schedule = R"("chargingRateUnit":"A","chargingSchedulePeriod":[)";
      int64_t start_s = 0;
      for (uint32_t i = 0; i <= dice.below(5); ++i) {
        schedule += std::string(i == 0 ? "" : ",") + R"({"startPeriod":)" +
                    std::to_string(start_s) + R"(,"limit":)" + std::to_string(6 + dice.below(10)) +
                    "." + std::to_string(dice.below(10)) + "}";
        start_s += 1 + dice.below(700);
      }
      schedule += "]";
      const auto around_s = [&] { return static_cast<int64_t>(dice.below(3600)) - 1800; };
      if (kind != 2 && dice.chance(800))
        schedule += R"(,"startSchedule":")" + fixture.time(around_s()) + "\"";
      if (dice.chance(500)) schedule += R"(,"duration":)" + std::to_string(dice.below(3600));
      std::string more = kind == 1 ? R"(,"recurrencyKind":"Daily")" : "";
      if (dice.chance(200)) more += R"(,"validFrom":")" + fixture.time(around_s()) + "\"";
      if (dice.chance(200)) more += R"(,"validTo":")" + fixture.time(around_s()) + "\"";
      CHECK(fixture.set(purpose == 0   ? 0
                        : purpose == 1 ? static_cast<int>(dice.below(2))
                                       : 1,
                        Fixture::profile(id, static_cast<int>(dice.below(3)), purposes[purpose],
                                         kinds[kind], schedule, more)) == "Accepted");
    }
    world.run_until(common::Instant{world.now().ms + 1000 - fixture.utc().ms % 1000});
    const common::Instant asked = world.now();
    const std::string composite = world.call_frame(
        "GetCompositeSchedule", R"({"connectorId":1,"duration":2400,"chargingRateUnit":"A"})");
    const std::vector<Period> periods = periods_of(composite);
    CAPTURE(seed);
    CHECK(contains(composite, "\"scheduleStart\""));
    CHECK(!contains(composite, "\"startSchedule\""));
    CHECK(number_after(composite, "duration") == 2400);
    REQUIRE(!periods.empty());
    CHECK(periods[0].start_s == 0);
    for (size_t i = 1; i < periods.size(); ++i) {
      REQUIRE(periods[i].start_s > periods[i - 1].start_s);
      REQUIRE(periods[i].limit != periods[i - 1].limit);  // no more periods than needed
    }
    // One connector: connector 0 is the same.
    const std::vector<Period> whole = periods_of(
        world.call_frame("GetCompositeSchedule", R"({"connectorId":0,"duration":2400})"));
    CHECK(whole.size() == periods.size());
    for (int64_t second = 1; second < 2400; ++second) {
      world.run_until(common::Instant{asked.ms + second * 1000 + 5});
      double promised = -1;
      for (const Period& period : periods) {
        if (period.start_s <= second) promised = period.limit;
      }
      CAPTURE(second);
      REQUIRE(static_cast<double>(fixture.limit()) == doctest::Approx(promised * 1000));
    }
  }
}

TEST_CASE(
    "two connectors together: the composite schedule of connector 0 is their sum, cut by the "
    "whole") {
  World::Setup setup;
  setup.connectors = 2;
  Fixture fixture(setup);
  World& world = fixture.world;
  CHECK(
      fixture.set(
          1,
          Fixture::profile(
              1, 0, "TxDefaultProfile", "Relative",
              R"("chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":10},{"startPeriod":100,"limit":8}])")) ==
      "Accepted");
  CHECK(
      fixture.set(
          2,
          Fixture::profile(
              2, 0, "TxDefaultProfile", "Relative",
              R"("chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":12},{"startPeriod":200,"limit":6}])")) ==
      "Accepted");
  const std::string sum =
      world.call_frame("GetCompositeSchedule", R"({"connectorId":0,"duration":300})");
  CHECK(contains(
      sum,
      R"([{"startPeriod":0,"limit":22.0,"numberPhases":3},{"startPeriod":100,"limit":20.0,"numberPhases":3},{"startPeriod":200,"limit":14.0,"numberPhases":3}])"));
  CHECK(fixture.set(0, Fixture::profile(3, 0, "ChargePointMaxProfile", "Relative",
                                        Fixture::flat("13800", "W"))) ==
        "Accepted");  // 20 A on three phases
  const std::string cut = world.call_frame(
      "GetCompositeSchedule", R"({"connectorId":0,"duration":300,"chargingRateUnit":"W"})");
  CHECK(contains(
      cut,
      R"([{"startPeriod":0,"limit":13800.0,"numberPhases":3},{"startPeriod":200,"limit":9660.0,"numberPhases":3}])"));
}
