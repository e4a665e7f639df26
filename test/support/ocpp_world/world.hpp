#pragma once

#include "ocpp/charge_point.hpp"
#include "ocpp/security/security_extension.hpp"
#include "ocpp_world/fake_access.hpp"
#include "ocpp_world/fake_credentials.hpp"
#include "ocpp_world/fake_digest.hpp"
#include "ocpp_world/model_csms.hpp"
#include "platform/simulated_firmware.hpp"
#include "platform_sim/malloc_trap.hpp"
#include "platform_sim/recording_log_sink.hpp"
#include "platform_sim/sim_charger.hpp"
#include "platform_sim/sim_clock.hpp"
#include "platform_sim/sim_entropy.hpp"
#include "platform_sim/sim_file_store.hpp"
#include "platform_sim/sim_file_transfer.hpp"
#include "platform_sim/sim_key_value_store.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace ocpp_world {

/// Diagnostics of a few lines.
class SomeLines final : public platform::TextSource {
 public:
  common::Status rewind(common::UtcTime begin, common::UtcTime end) override {
    from = begin;
    to = end;
    at_ = 0;
    return to.is_known() && to < from ? common::Status::kNotFound : common::Status::kOk;
  }
  common::TextSpan piece() override {
    return at_ < kLines ? common::text("{\"line\":\"of diagnostics\"}\n") : common::TextSpan();
  }
  void next() override { ++at_; }
  static constexpr int kLines = 100;
  common::UtcTime from;
  common::UtcTime to;

 private:
  int at_ = 0;
};

/// One charge point with its wallboxes, its flash and its CSMS, in virtual time.
class World {
 public:
  struct Setup {
    uint8_t connectors = 1;
    bool divides_total = true;
    uint64_t seed = 1;
    platform_sim::SimCharger::Wallbox wallbox;
    bool counts_allocations = false;  ///< Of the engine, after begin().
    const char* serial_number = "0001";
    bool has_transfer = true;                 ///< Files can be fetched and sent.
    uint16_t reader_connectors = UINT16_MAX;  ///< Bits 1..n.
    bool has_security = false;                ///< The security extension is plugged in.
    charger::Error own_error = charger::Error::kNone;
  };

  World() : World(Setup()) {}
  explicit World(const Setup& setup);

  /// Starts the gateway. @return The result of begin().
  common::Status boot(platform::ResetCause cause = platform::ResetCause::kPowerOn,
                      bool is_clock_known = false);
  /// The gateway loses power (or is killed) and comes back after off_ms.
  common::Status restart(platform::ResetCause cause, int64_t off_ms = 5000,
                         bool is_clock_known = false);
  void connect();
  void disconnect();
  /// boot(), connect(), and time for the first messages.
  void start();

  void run_for(int64_t duration_ms) { run_until(clock.now() + duration_ms); }
  void run_until(common::Instant end);
  /// Runs until the condition holds. @return false when it did not within timeout_ms.
  bool run_until(const std::function<bool()>& condition, int64_t timeout_ms);

  void tag(const char* id_tag, uint8_t connector_id = 0);
  /// As the application does on kResetRequested. @return false when no reset was requested within timeout_ms.
  bool restart_on_request(int64_t timeout_ms);
  /// Sends a CALL of the CSMS and waits for the answer. @return Its status, or the whole frame when
  /// it has none.
  std::string call(const std::string& action, const std::string& payload);
  /// The whole frame of the answer.
  std::string call_frame(const std::string& action, const std::string& payload);
  std::string configuration(const char* key) const;
  bool has_event(ocpp::EventType type) const;
  /// Violations, for CHECK(world.problems() == "").
  std::string problems() const;

  common::Instant now() const { return clock.now(); }

  Setup setup;
  platform_sim::SimClock clock;
  platform_sim::SimPower power;
  platform_sim::SimFileStore files{power};
  platform_sim::SimKeyValueStore settings{power};
  platform_sim::SimFileStore image_files{power};
  platform_sim::SimKeyValueStore boot_state{power};
  platform_sim::SimFileServer file_server;  ///< Reachable whatever becomes of the CSMS.
  std::unique_ptr<platform_sim::SimFileTransfer> transfer;
  std::unique_ptr<platform::SimulatedFirmware> firmware;
  SomeLines diagnostics;
  platform_sim::SimEntropy entropy;
  platform_sim::RecordingLogSink log{common::LogLevel::kInfo};
  platform_sim::SimCharger charger;
  ModelCsms csms;
  FakeDigest digest;
  FakeCredentials credentials;
  FakeAccess access;
  ocpp::SecurityOptions security_options;
  std::unique_ptr<ocpp::SecurityExtension> security;
  std::unique_ptr<ocpp::ChargePoint> charge_point;
  std::vector<ocpp::Event> events;
  std::vector<std::string> messages;  ///< "time direction frame" of every frame.
  size_t allocations = 0;
  uint64_t steps = 0;

 private:
  template <typename Call>
  void watched(Call call);
  void turn();
  void note(char direction, const std::string& frame);

  bool is_link_up_ = false;
  int64_t csms_ahead_ms_ = 0;  ///< CSMS time less gateway time: the CSMS's clock does not restart.
  common::Instant deadline_;
};

}  // namespace ocpp_world
