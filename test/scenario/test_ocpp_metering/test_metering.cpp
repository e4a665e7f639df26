// Purpose:       Meter values arrive when and as configured, and are repeated without change.
// Given:         A gateway in virtual time, a wallbox with a meter for three phases, a model CSMS.
// Steps:         See each case.
// Pass criteria: Times, contexts, measurands and transaction ids as the specification wants them.
// Spec:          OCPP 1.6 ed. 2, 3.16, 4.7, 4.10, 7.31, 7.43; errata 3.9, 3.14-3.16, 3.86, 3.91.
#include "doctest_main/doctest_main.hpp"
#include "ocpp_world/world.hpp"

using ocpp_world::World;

namespace {

struct Fixture {
  World world;

  Fixture() { world.start(); }
  void set(const char* key, const char* value) {
    REQUIRE(world.charge_point->set_configuration(common::text(key), common::text(value),
                                                  world.now()) ==
            ocpp::ConfigurationStatus::Accepted);
  }
  void begin_charging() {
    world.charger.plug(1);
    world.run_for(3000);
    world.tag("ALICE");
    world.run_for(3000);
  }
  std::vector<std::string> calls_of(const std::string& action) const {
    std::vector<std::string> found;
    for (const std::string& call : world.csms.calls) {
      if (call.compare(0, action.size() + 1, action + " ") == 0) found.push_back(call);
    }
    return found;
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "meter values are the same after a restart and another configuration") {
  begin_charging();
  world.csms.faults.ignore["MeterValues"] = 1;
  REQUIRE(world.run_until([&] { return world.csms.received["MeterValues"] == 1; }, 62000));
  set("MeterValuesSampledData", "Power.Active.Import");
  REQUIRE(world.restart(platform::ResetCause::kSoftware, 2000) == common::Status::kOk);
  world.connect();
  REQUIRE(world.run_until([&] { return world.csms.received["MeterValues"] == 2; }, 40000));
  const std::vector<std::string> sent = calls_of("MeterValues");
  CHECK(sent[1] == sent[0]);
  CHECK(sent[0].find("Voltage") != std::string::npos);
  CHECK(world.problems() == "");
}
