#pragma once

#include "doctest_main/doctest_main.hpp"
#include "gateway/link_access.hpp"
#include "platform_sim/recording_log_sink.hpp"
#include "platform_sim/sim_key_value_store.hpp"

#include <memory>
#include <string>

template <size_t N>
std::string str(const common::FixedString<N>& text) {
  return std::string(text.span().begin(), text.span().end());
}

/// A gateway's settings, and a link that does as the test says.
struct Fixture {
  platform_sim::SimPower power;
  platform_sim::SimKeyValueStore store{power};
  platform_sim::RecordingLogSink log{common::LogLevel::kInfo};
  gateway::Settings settings{store};
  std::unique_ptr<gateway::LinkAccess> access =
      std::make_unique<gateway::LinkAccess>(settings, store, log);
  platform::LinkStatus link;
  platform::LinkSettings opened;
  common::Instant now{1000};

  Fixture() { set("csms_url", "ws://csms.example:9000/ocpp"); }

  void set(const char* name, const char* value) {
    common::FixedString<95> error;
    REQUIRE(settings.set(common::text(name), common::text(value), error) == common::Status::kOk);
  }
  void restart() {
    access = std::make_unique<gateway::LinkAccess>(settings, store, log);
    link = platform::LinkStatus{};
    access->begin();
    open();
  }
  void open() {
    opened = platform::LinkSettings{};
    access->fill(opened);
    link.is_up = false;
    link.failures = 0;
    link.failure = platform::LinkFailure::kNone;
  }
  /// @return Whether the link was opened anew.
  bool step(int64_t wait_ms = 0) {
    now = now + wait_ms;
    if (!access->step(link, now)) return false;
    open();
    return true;
  }
  bool connect(bool with_other = false) {
    link.is_up = true;
    ++link.connection_id;
    link.failures = 0;
    link.is_other_password = with_other;
    return step();
  }
  bool fail(platform::LinkFailure failure) {
    link.is_up = false;
    link.failure = failure;
    ++link.failures;
    return step();
  }
  common::Status set_key(const char* key) { return access->set_key(common::text(key), now); }
};
