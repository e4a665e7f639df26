#pragma once

#include "ocpp_world/online.hpp"

using ocpp_world::contains;
using ocpp_world::World;

/// A gateway with the security extension, online.
struct Fixture : ocpp_world::Online {
  Fixture() : Online(setup()) {}

  static World::Setup setup() {
    World::Setup setup;
    setup.has_security = true;
    return setup;
  }

  /// Types of the events that the CSMS heard of, in order, each followed by a blank.
  std::string told() const {
    std::string all;
    for (const std::string& payload : calls_of("SecurityEventNotification")) {
      const size_t at = payload.find("\"type\":\"") + 8;
      all += payload.substr(at, payload.find('"', at) - at) + " ";
    }
    return all;
  }
  size_t count(const std::string& event) const {
    size_t found = 0;
    for (const std::string& payload : calls_of("SecurityEventNotification"))
      found += contains(payload, "\"" + event + "\"") ? 1 : 0;
    return found;
  }
  /// Statuses of the CALLs of an action, in order, each followed by a blank.
  std::string statuses(const std::string& action) const {
    std::string all;
    for (const std::string& payload : calls_of(action)) {
      const size_t at = payload.find("\"status\":\"") + 10;
      all += payload.substr(at, payload.find('"', at) - at) + " ";
    }
    return all;
  }
  std::string get_log(int request_id, const std::string& type = "SecurityLog",
                      const std::string& location = "http://files.example/in/") {
    return world.call_frame("GetLog", R"({"logType":")" + type + R"(","requestId":)" +
                                          std::to_string(request_id) +
                                          R"(,"log":{"remoteLocation":")" + location + "\"}}");
  }
  /// The last file that arrived whole.
  std::string upload() const {
    return world.file_server.uploads.empty() ? "" : world.file_server.uploads.rbegin()->second;
  }
  /// Loses power and comes back, online.
  void restart(platform::ResetCause cause = platform::ResetCause::kPowerOn) {
    (void)world.restart(cause);
    world.connect();
    world.run_for(5000);
  }
};
