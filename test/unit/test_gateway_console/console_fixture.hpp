#pragma once

#include "bridge/bridge.hpp"
#include "doctest_main/doctest_main.hpp"
#include "fake_desk.hpp"
#include "gateway/console.hpp"
#include "gateway_fakes/gateway_fakes.hpp"
#include "platform_sim/sim_clock.hpp"
#include "platform_sim/sim_device.hpp"
#include "platform_sim/sim_entropy.hpp"
#include "platform_sim/sim_file_store.hpp"
#include "platform_sim/sim_key_value_store.hpp"
#include "platform_sim/sim_web_socket_link.hpp"

#include <string>

class Terminal final : public platform::SerialLink {
 public:
  common::Status configure(const platform::SerialSettings&) override { return common::Status::kOk; }
  common::Result<size_t> write(common::ByteSpan data) override {
    if (room == 0) return common::Status::kAgain;
    const size_t count = data.size() < room ? data.size() : room;
    output.append(reinterpret_cast<const char*>(data.data()), count);
    if (room != SIZE_MAX) room -= count;
    return count;
  }
  common::Result<size_t> read(common::MutableByteSpan buffer) override {
    if (input.empty()) return common::Status::kAgain;
    const size_t count = input.size() < buffer.size() ? input.size() : buffer.size();
    std::memcpy(buffer.data(), input.data(), count);
    input.erase(0, count);
    return count;
  }
  bool is_drained() override { return true; }

  size_t room = SIZE_MAX;  ///< Bytes that the line takes now.
  std::string input;
  std::string output;
};

struct Fixture {
  platform_sim::SimPower power;
  platform_sim::SimClock clock;
  platform_sim::SimDevice device;
  platform_sim::SimKeyValueStore store{power};
  platform_sim::SimKeyValueStore registers{power};
  platform_sim::SimWebSocketLink csms{clock, 1};
  Terminal terminal;
  gateway::ConsoleOutput output{terminal};
  gateway::ConsoleLog log{output, clock};
  gateway::Settings settings{store};
  gateway_fakes::FakeEngine engine;
  bridge::Bridge bridge{registers, log};
  gateway::SessionPolicy policy{engine, site, log};
  gateway::SiteLimit site{policy, bridge, log};
  platform_sim::SimKeyValueStore crash_store{power};
  gateway::CrashGuard crashes{&crash_store, log};
  gateway::LoopMeter loop;
  platform_sim::SimEntropy entropy{1};
  platform::SimulatedWifi air{clock};
  gateway::NetworkManager network{&air, false, settings, entropy, log};
  gateway::ConsoleLock lock{store, entropy};
  FakeDesk desk;
  platform_sim::SimFileStore files{power};
  struct Places final : gateway::FactoryReset::Places {
    common::Status erase_stores() override { return common::Status::kOk; }
    common::Status erase_files() override { return common::Status::kOk; }
  } places;
  gateway::FactoryReset reset{{places, files, crash_store, store, device, log}};
  gateway::Console console{gateway::ConsoleParts{
      terminal, output,  log,     clock,   device,  csms,    settings, engine,   policy,
      site,     bridge,  "1.2.3", "CP1",   nullptr, nullptr, nullptr,  &crashes, &loop,
      &network, nullptr, &air,    nullptr, &lock,   nullptr, nullptr,  &desk,    &reset}};

  Fixture() {
    gateway::PolicySettings policy_settings;
    policy_settings.connectors = 2;
    policy.begin(policy_settings, clock.now());
    gateway::SiteSettings site_settings;
    site_settings.connectors = 2;
    site.begin(site_settings, clock.now());
    lock.begin({});
    console.begin(2);
    network.begin(common::text("24AB"), clock.now());
    (void)output.flush();  // what it says about having no network
    terminal.output.clear();
  }

  /// The same for a command whose password is looked at in many steps.
  std::string say_and_wait(const std::string& line) {
    (void)say(line);
    for (int i = 0; i < 200 && console.is_busy(); ++i) console.step(clock.now());
    return terminal.output;
  }

  /// What the console prints for a line of input.
  std::string say(const std::string& line) {
    terminal.output.clear();
    terminal.input = line + "\n";
    console.step(clock.now());
    return terminal.output;
  }
};

inline bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}
