#pragma once

#include "doctest_main/doctest_main.hpp"
#include "ocpp_world/world.hpp"

#include <string>
#include <utility>
#include <vector>

/// What the scenarios of authorization share: one charge point, one tag reader, one car.
struct Fixture {
  ocpp_world::World world;

  Fixture() : Fixture(ocpp_world::World::Setup()) {}
  explicit Fixture(const ocpp_world::World::Setup& setup) : world(setup) {
    world.start();
    world.charger.plug(1);
    world.run_for(3000);
  }

  void set(const char* key, const char* value) {
    REQUIRE(world.charge_point->set_configuration(common::text(key), common::text(value),
                                                  world.now()) ==
            ocpp::ConfigurationStatus::Accepted);
  }
  /// Presents a tag at the reader and waits for what follows.
  void tag(const char* id_tag) {
    world.tag(id_tag);
    world.run_for(25000);
  }
  bool charges() const { return world.charger.current_ma(1) > 0; }
  /// Ends whatever goes on: the car leaves and another comes.
  void next_car() {
    world.charger.unplug(1);
    world.run_for(5000);
    world.charger.plug(1);
    world.run_for(3000);
  }
  /// A tag is presented, and if it charges, again. @return Whether it charged.
  bool may_charge(const char* id_tag) {
    tag(id_tag);
    const bool result = charges();
    next_car();
    return result;
  }
  void power_cut(bool is_clock_known = true) {
    REQUIRE(world.restart(platform::ResetCause::kPowerOn, 5000, is_clock_known) ==
            common::Status::kOk);
    world.run_for(3000);
  }
  int asked() { return world.csms.received["Authorize"]; }

  /// SendLocalList. @param entries  JSON of the list, without brackets; "-": left out.
  std::string send_list(int version, const char* type, const std::string& entries) {
    const std::string list = entries == "-" ? "" : R"(,"localAuthorizationList":[)" + entries + "]";
    return world.call("SendLocalList", R"({"listVersion":)" + std::to_string(version) +
                                           R"(,"updateType":")" + type + "\"" + list + "}");
  }
  static std::string entry(const std::string& id_tag, const char* status = "Accepted",
                           const std::string& parent = "", const std::string& expiry = "") {
    return R"({"idTag":")" + id_tag + R"(","idTagInfo":{"status":")" + status + "\"" +
           (parent.empty() ? "" : R"(,"parentIdTag":")" + parent + "\"") +
           (expiry.empty() ? "" : R"(,"expiryDate":")" + expiry + "\"") + "}}";
  }
  static std::string removal(const std::string& id_tag) { return R"({"idTag":")" + id_tag + "\"}"; }
  int list_version() {
    const std::string answer = world.call_frame("GetLocalListVersion", "{}");
    const std::string mark = "\"listVersion\":";
    REQUIRE(answer.find(mark) != std::string::npos);
    return std::stoi(answer.substr(answer.find(mark) + mark.size()));
  }
  size_t conflicts() const {
    size_t count = 0;
    for (const auto& status : world.csms.statuses) {
      if (status.error != "LocalListConflict") continue;
      CHECK(status.connector_id == 0);
      ++count;
    }
    return count;
  }
  int64_t utc_ms() const { return world.csms.utc_at_zero.ms + world.now().ms; }
};
