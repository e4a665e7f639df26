// Purpose:       Long runs under seeded faults: repeatable, independent of each other, without loss
// and without heap. Given:         Charge points in virtual time; a seed draws what people, cars,
// the link and the CSMS do. Steps:         30 days with about twelve sessions a day, lost links,
// slow and erring CSMS, restarts. Pass criteria: Same seed, same messages; every transaction
// stopped once; the CSMS's energy is the wallbox's. Spec:          OCPP 1.6 ed. 2, 3.7, 4.
#include "doctest_main/doctest_main.hpp"
#include "ocpp_world/world.hpp"
#include "platform_sim/malloc_trap.hpp"

using ocpp_world::World;

namespace {

constexpr int64_t kMinuteMs = 60000;
constexpr int64_t kDayMs = 86400000;

/// People, cars, link and CSMS of one charge point, drawn from a seed.
class Life {
 public:
  Life(uint64_t seed, uint8_t connectors)
      : dice_(seed * 7919 + 1), world_(setup(seed, connectors)) {
    world_.start();
    set("AllowOfflineTxForUnknownId", "true");
    set("MeterValueSampleInterval", "900");
    // A CSMS that errs may do so often in a row: nothing is to be given up here.
    set("TransactionMessageAttempts", "100");
    set("TransactionMessageRetryInterval", "10");
  }

  World& world() { return world_; }

  void live_for(int64_t duration_ms) {
    lived_ms_ += duration_ms;
    while (clock_ms_ < lived_ms_) {
      const int64_t pause_ms = 1000 + dice_.below(static_cast<uint32_t>(40 * kMinuteMs));
      const int64_t until_ms = std::min(lived_ms_, clock_ms_ + pause_ms);
      world_.run_for(until_ms - clock_ms_);
      clock_ms_ = until_ms;
      something_happens();
    }
  }

  /// Everyone goes home, all faults end.
  void settle() {
    world_.csms.faults = {};
    if (!world_.charge_point->is_link_up()) world_.connect();
    for (uint8_t id = 1; id <= world_.setup.connectors; ++id) world_.charger.unplug(id);
    world_.run_for(30 * kMinuteMs);
  }

 private:
  static World::Setup setup(uint64_t seed, uint8_t connectors) {
    World::Setup setup;
    setup.seed = seed;
    setup.connectors = connectors;
    setup.wallbox.sample_interval_ms = 60000;
    return setup;
  }

  void set(const char* key, const char* value) {
    (void)world_.charge_point->set_configuration(common::text(key), common::text(value),
                                                 world_.now());
  }

  void something_happens() {
    const auto connector = static_cast<uint8_t>(1 + dice_.below(world_.setup.connectors));
    const char* const kTags[] = {"ALICE", "BOB", "CAROL", "04A1B2C3D4E5F6"};
    switch (dice_.below(14)) {
      case 0:
      case 1:
      case 2: {
        platform_sim::SimCharger::Ev ev;
        ev.max_ma = 6000 + 1000 * dice_.below(27);
        ev.phases = dice_.chance(300) ? 1 : 3;
        ev.wanted_wh = 500 + dice_.below(40000);
        world_.charger.plug(connector, ev);
        break;
      }
      case 3:
      case 4:
      case 5:
      case 6:
        world_.tag(kTags[dice_.below(4)], dice_.chance(500) ? connector : uint8_t{0});
        break;
      case 7:
        world_.charger.unplug(connector);
        break;
      case 8:
        if (world_.charge_point->is_link_up()) {
          world_.disconnect();
        } else {
          world_.connect();
        }
        break;
      case 9:
        world_.csms.faults.delay_ms = 5 + dice_.below(20000);
        break;
      case 10:
        world_.csms.faults.ignore["StartTransaction"] = static_cast<int>(dice_.below(3));
        world_.csms.faults.ignore["StopTransaction"] = static_cast<int>(dice_.below(3));
        world_.csms.faults.ignore["StatusNotification"] = static_cast<int>(dice_.below(2));
        world_.csms.faults.call_error["MeterValues"] = static_cast<int>(dice_.below(2));
        world_.csms.faults.call_error["StopTransaction"] = static_cast<int>(dice_.below(3));
        break;
      case 11:
        if (world_.charge_point->is_link_up() && !world_.csms.transactions.empty()) {
          (void)world_.csms.call(
              "RemoteStopTransaction",
              R"({"transactionId":)" + std::to_string(world_.csms.transactions.back().id) + "}",
              common::Instant{});
        }
        break;
      case 12:
        if (dice_.chance(250)) {
          const bool was_up = world_.charge_point->is_link_up();
          (void)world_.restart(
              dice_.chance(500) ? platform::ResetCause::kPowerOn : platform::ResetCause::kSoftware,
              1000 + dice_.below(120000));
          if (was_up) world_.connect();
        }
        break;
      default:
        if (world_.charge_point->is_link_up()) {
          (void)world_.csms.call(
              "SetChargingProfile",
              R"({"connectorId":0,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":0,"chargingProfilePurpose":)"
              R"("TxDefaultProfile","chargingProfileKind":"Recurring","recurrencyKind":"Daily","chargingSchedule":{)"
              R"("startSchedule":"2027-01-01T00:00:00Z","chargingRateUnit":"A","chargingSchedulePeriod":[)"
              R"({"startPeriod":0,"limit":)" +
                  std::to_string(6 + dice_.below(20)) + R"(},{"startPeriod":43200,"limit":)" +
                  std::to_string(dice_.below(32)) + "}]}}}",
              common::Instant{});
        }
        break;
    }
  }

  platform_sim::SimEntropy dice_;
  World world_;
  int64_t clock_ms_ = 0;
  int64_t lived_ms_ = 0;
};

void check_books(World& world) {
  CHECK(world.problems() == "");
  CHECK(world.charge_point->pending_messages() == 0);
  CHECK(world.charge_point->dead_letters() == 0);
  std::vector<int64_t> energy(world.setup.connectors + 1U, 0);
  size_t not_stopped = 0;
  for (const auto& transaction : world.csms.transactions) {
    not_stopped += transaction.stops == 0 ? 1 : 0;
    energy[static_cast<size_t>(transaction.connector_id)] +=
        transaction.meter_stop - transaction.meter_start;
  }
  CHECK(not_stopped == 0);
  for (uint8_t id = 1; id <= world.setup.connectors; ++id) {
    CHECK(world.charger.energy_wh(id) == energy[id]);
  }
}

}  // namespace

TEST_CASE("two charge points live 30 days in one process, twice the same with the same seed") {
  std::vector<std::string> logs[2][2];
  for (int run = 0; run < 2; ++run) {
    Life first(11, 1);
    Life second(12, 2);
    // Interleaved: whatever they shared would show.
    for (int day = 0; day < 30; ++day) {
      first.live_for(kDayMs);
      second.live_for(kDayMs);
    }
    first.settle();
    second.settle();
    logs[run][0] = first.world().messages;
    logs[run][1] = second.world().messages;
    check_books(first.world());
    check_books(second.world());
    CHECK(first.world().csms.transactions.size() > 30);
  }
  CHECK(logs[0][0].size() > 1000);
  CHECK((logs[0][0] == logs[1][0]));
  CHECK((logs[0][1] == logs[1][1]));
  CHECK((logs[0][0] != logs[0][1]));
}

TEST_CASE("many seeds live a week without a loss") {
  for (uint64_t seed = 100; seed < 140; ++seed) {
    CAPTURE(seed);
    Life life(seed, static_cast<uint8_t>(1 + seed % 3));
    life.live_for(7 * kDayMs);
    life.settle();
    check_books(life.world());
  }
}

// Rules: FP-6
TEST_CASE("a whole session with limits, meter values and questions of the CSMS allocates nothing") {
  World::Setup setup;
  setup.counts_allocations = true;
  World world(setup);
  world.start();
  world.charger.plug(1);
  world.run_for(3000);
  world.tag("ALICE");
  world.run_for(150000);
  CHECK(
      world.call(
          "SetChargingProfile",
          R"({"connectorId":1,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":0,"chargingProfilePurpose":)"
          R"("TxDefaultProfile","chargingProfileKind":"Absolute","chargingSchedule":{"chargingRateUnit":"A",)"
          R"("chargingSchedulePeriod":[{"startPeriod":0,"limit":10}]}}})") == "Accepted");
  (void)world.call("GetConfiguration", "{}");
  (void)world.call("GetCompositeSchedule", R"({"connectorId":1,"duration":86400})");
  (void)world.call("ChangeConfiguration", R"({"key":"ConnectionTimeOut","value":"31"})");
  (void)world.call("TriggerMessage", R"({"requestedMessage":"MeterValues"})");
  world.disconnect();
  world.run_for(150000);
  world.connect();
  world.tag("ALICE");
  world.run_for(60000);
  REQUIRE(world.csms.transactions.size() == 1);
  CHECK(world.csms.transactions[0].stops == 1);
  CHECK(world.allocations == 0);
}
