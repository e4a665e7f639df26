#pragma once

#include "doctest_main/doctest_main.hpp"
#include "ocpp_world/world.hpp"

namespace ocpp_world {

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// A gateway that is online, and what tests ask of it most often.
struct Online {
  World world;

  explicit Online(const World::Setup& setup = World::Setup()) : world(setup) { world.start(); }
  explicit Online(uint8_t connectors) : Online(with(connectors)) {}

  static World::Setup with(uint8_t connectors) {
    World::Setup setup;
    setup.connectors = connectors;
    return setup;
  }

  std::string change(const std::string& key, const std::string& value) {
    return world.call("ChangeConfiguration",
                      R"({"key":")" + key + R"(","value":")" + value + "\"}");
  }
  std::string status(int connector_id = 1) const { return world.csms.last_status(connector_id); }
  bool wait(const std::string& wanted, int64_t timeout_ms = 20000, int connector_id = 1) {
    return world.run_until([&] { return status(connector_id) == wanted; }, timeout_ms);
  }
  void plug(uint8_t connector_id = 1) {
    world.charger.plug(connector_id);
    world.run_for(3000);
  }
  /// Plug and tag, until energy flows.
  void charge(uint8_t connector_id = 1, const char* id_tag = "04A1B2C3") {
    plug(connector_id);
    world.tag(id_tag, connector_id);
    REQUIRE(wait("Charging", 20000, connector_id));
    world.run_for(5000);
  }
  /// @param schedule  The members of chargingSchedule, without braces.
  std::string set_profile(int connector_id, int id, int level, const std::string& purpose,
                          const std::string& kind, const std::string& schedule,
                          const std::string& more = "") {
    const std::string status =
        world.call("SetChargingProfile",
                   R"({"connectorId":)" + std::to_string(connector_id) +
                       R"(,"csChargingProfiles":{"chargingProfileId":)" + std::to_string(id) +
                       R"(,"stackLevel":)" + std::to_string(level) +
                       R"(,"chargingProfilePurpose":")" + purpose + R"(","chargingProfileKind":")" +
                       kind + "\"" + more + R"(,"chargingSchedule":{)" + schedule + "}}}");
    world.run_for(1000);
    return status;
  }
  uint32_t limit(uint8_t connector_id = 1) const {
    const charger::Offer& offer = world.charger.offer(connector_id);
    return offer.permit ? offer.limit_ma : 0;
  }
  /// Payloads of the CALLs of an action, in order.
  std::vector<std::string> calls_of(const std::string& action) const {
    std::vector<std::string> found;
    for (const std::string& call : world.csms.calls) {
      if (call.compare(0, action.size() + 1, action + " ") == 0)
        found.push_back(call.substr(action.size() + 1));
    }
    return found;
  }
};

}  // namespace ocpp_world
