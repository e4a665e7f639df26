// Wi-Fi networks, the fallback access point, time before TLS, and the last resort, in virtual time.

#include "doctest_main/doctest_main.hpp"
#include "gateway/csms_watch.hpp"
#include "gateway/known_time.hpp"
#include "gateway/network_manager.hpp"
#include "platform/simulated_wifi.hpp"
#include "platform_sim/malloc_trap.hpp"
#include "platform_sim/recording_log_sink.hpp"
#include "platform_sim/sim_clock.hpp"
#include "platform_sim/sim_entropy.hpp"
#include "platform_sim/sim_key_value_store.hpp"

#include <memory>
#include <string>

using common::Instant;
using common::Status;
using gateway::CsmsWatch;
using gateway::KnownTime;
using gateway::NetworkManager;
using platform::JoinFailure;
using platform::SimulatedWifi;
using State = gateway::NetworkManager::State;

namespace {

constexpr int64_t kSecondMs = 1000;
constexpr int64_t kMinuteMs = 60 * kSecondMs;
constexpr int64_t kHourMs = 60 * kMinuteMs;

common::TextSpan text(const std::string& value) {
  return common::TextSpan(value.data(), value.size());
}

struct Gateway {
  platform_sim::SimPower power;
  platform_sim::SimKeyValueStore store{power};
  gateway::Settings settings{store};
  platform_sim::SimClock clock;
  platform_sim::SimEntropy entropy{1};
  platform_sim::RecordingLogSink log;
  SimulatedWifi radio{clock};
  std::unique_ptr<NetworkManager> network;

  void remember(const std::string& ssid, const std::string& password) {
    common::FixedString<95> error;
    REQUIRE(gateway::store_wifi(settings, text(ssid), text(password), error) == Status::kOk);
  }
  void air(const std::string& ssid, const std::string& password, int rssi_dbm = -50) {
    SimulatedWifi::Network near;
    near.ssid = common::FixedString<32>(ssid.c_str());
    near.password = common::FixedString<63>(password.c_str());
    near.rssi_dbm = static_cast<int8_t>(rssi_dbm);
    REQUIRE(radio.add(near) == Status::kOk);
  }
  void start(bool has_other_network = false) {
    network = std::make_unique<NetworkManager>(&radio, has_other_network, settings, entropy, log);
    network->begin(common::text("24AB"), clock.now());
  }
  void run(int64_t duration_ms) {
    const Instant end = clock.now() + duration_ms;
    while (clock.now() < end) {
      Instant next;
      size_t allocations = 0;
      {
        platform_sim::MallocTrap trap;
        next = network->step(clock.now());
        allocations = trap.count();
      }
      REQUIRE(allocations == 0);
      REQUIRE(next > clock.now());
      clock.advance_to(common::earlier(end, next));
    }
    (void)network->step(clock.now());
  }
  bool is_in(const char* ssid) const {
    return network->state() == State::kJoined &&
           common::equals(network->ssid().span(), common::text(ssid));
  }
};

}  // namespace

TEST_CASE_FIXTURE(Gateway, "of several networks the first that is heard well is joined") {
  air("first", "password 1", -85);
  air("second", "password 2", -70);
  air("third", "password 3", -40);
  remember("first", "password 1");
  remember("second", "password 2");
  remember("third", "password 3");
  start();
  run(5 * kSecondMs);
  CHECK(is_in("second"));
  CHECK(network->is_up());
  CHECK(radio.joins() == 1);
  CHECK(network->station().rssi_dbm == -70);
  CHECK(log.contains("gateway.net", "joined second, address 192.168.7.100, -70 dBm"));
}

TEST_CASE_FIXTURE(Gateway,
                  "weak networks come by their strength, and one that hides its name last") {
  air("weak", "password 1", -95);
  air("less weak", "password 2", -85);
  SimulatedWifi::Network hidden;
  hidden.ssid = common::FixedString<32>("hidden");
  hidden.is_hidden = true;
  REQUIRE(radio.add(hidden) == Status::kOk);
  remember("hidden", "");
  remember("weak", "password 1");
  remember("less weak", "password 2");
  start();
  run(5 * kSecondMs);
  CHECK(is_in("less weak"));
  REQUIRE(radio.remove(common::text("less weak")) == Status::kOk);
  REQUIRE(radio.remove(common::text("weak")) == Status::kOk);
  run(60 * kSecondMs);
  CHECK(is_in("hidden"));
}

TEST_CASE_FIXTURE(Gateway,
                  "each network says why it does not let the gateway in, once in the log") {
  air("depot", "the right one");
  SimulatedWifi::Network full;
  full.ssid = common::FixedString<32>("full");
  full.is_full = true;
  REQUIRE(radio.add(full) == Status::kOk);
  SimulatedWifi::Network silent;
  silent.ssid = common::FixedString<32>("silent");
  silent.gives_address = false;
  REQUIRE(radio.add(silent) == Status::kOk);
  remember("depot", "the wrong one");
  remember("gone", "password 1");
  remember("full", "");
  remember("silent", "");
  start();
  run(kHourMs);
  CHECK_FALSE(network->is_up());
  CHECK(network->failure(0) == JoinFailure::kWrongPassword);
  CHECK(network->failure(1) == JoinFailure::kNotFound);
  CHECK(network->failure(2) == JoinFailure::kRefused);
  CHECK(network->failure(3) == JoinFailure::kTimeout);
  CHECK(log.count(common::LogLevel::kWarn) == 4);
  CHECK_FALSE(log.contains("gateway.net", "right one"));
  CHECK_FALSE(log.contains("gateway.net", "wrong one"));

  // The access point gets the password that the gateway has: it is in at the next round.
  air("depot", "the wrong one");
  run(2 * kMinuteMs);
  CHECK(is_in("depot"));
  CHECK(network->failure(0) == JoinFailure::kNone);
}

// Rules: FP-2
TEST_CASE_FIXTURE(Gateway,
                  "rounds without success come rarer, up to once a minute, and never end") {
  remember("gone", "password 1");
  start();
  run(kMinuteMs);
  CHECK(radio.scans() >= 3);
  run(kHourMs);
  const uint32_t scans = radio.scans();
  run(24 * kHourMs);
  CHECK(radio.scans() - scans > 24 * 60);  // jitter: half a minute on average
  CHECK(radio.scans() - scans < 24 * 60 * 4);
  air("gone", "password 1");
  run(2 * kMinuteMs);
  CHECK(is_in("gone"));
}

TEST_CASE_FIXTURE(Gateway, "a network that breaks is joined again at once, and counted") {
  air("depot", "password 1");
  air("other", "password 2");
  remember("depot", "password 1");
  remember("other", "password 2");
  start();
  run(2 * kMinuteMs);
  REQUIRE(network->joins() == 1);
  const uint32_t scans = radio.scans();
  REQUIRE(radio.remove(common::text("depot")) == Status::kOk);
  (void)network->step(clock.now());
  CHECK_FALSE(network->is_up());
  air("depot", "password 1");
  run(kSecondMs);
  CHECK(is_in("depot"));
  CHECK(network->joins() == 2);
  CHECK(radio.scans() == scans);

  run(2 * kMinuteMs);
  REQUIRE(radio.remove(common::text("depot")) == Status::kOk);
  run(10 * kSecondMs);
  CHECK(is_in("other"));
}

TEST_CASE_FIXTURE(Gateway, "one that lets in and drops at once is not tried in a hurry") {
  remember("flaky", "password 1");
  start();
  for (int i = 0; i < 600; ++i) {
    air("flaky", "password 1");
    run(kSecondMs);
    (void)radio.remove(common::text("flaky"));
    run(kSecondMs);
  }
  CHECK(radio.joins() < 200);
}

TEST_CASE_FIXTURE(
    Gateway,
    "without a network stored the access point is up at once, with a password of its own") {
  start();
  run(kSecondMs);
  REQUIRE(network->is_access_point_up());
  CHECK(network->access_point_ssid() == common::FixedString<32>("VEV-24AB"));
  const auto password = network->access_point_password();
  CHECK(password.size() == 12);
  CHECK(common::equals(radio.access_point_password(), password.span()));
  CHECK(settings.text("ap_password") == gateway::SettingText(password.span()));
  CHECK(log.contains("gateway.net", "VEV-24AB"));
  CHECK_FALSE(log.contains("gateway.net", password.c_str()));

  // The next start has the same one, another board another.
  start();
  CHECK(network->access_point_password() == password);
  Gateway other;
  other.entropy = platform_sim::SimEntropy(2);
  other.start();
  CHECK(other.network->access_point_password() != password);
}

TEST_CASE_FIXTURE(
    Gateway,
    "the access point opens after five minutes without a network, and closes some after a join") {
  remember("depot", "password 1");
  start();
  run(5 * kMinuteMs - 2 * kSecondMs);
  CHECK_FALSE(network->is_access_point_up());
  run(3 * kSecondMs);
  CHECK(network->is_access_point_up());

  air("depot", "password 1");
  run(2 * kMinuteMs);
  REQUIRE(is_in("depot"));
  CHECK(network->is_access_point_up());
  radio.set_clients(1);
  run(10 * kMinuteMs);
  CHECK(network->is_access_point_up());
  radio.set_clients(0);
  run(NetworkManager::kLingerMs - 2 * kSecondMs);
  CHECK(network->is_access_point_up());
  run(3 * kSecondMs);
  CHECK_FALSE(network->is_access_point_up());
}

TEST_CASE_FIXTURE(Gateway,
                  "while somebody is at the access point the radio seldom looks elsewhere") {
  remember("gone", "password 1");
  start();
  run(10 * kMinuteMs);
  REQUIRE(network->is_access_point_up());
  radio.set_clients(1);
  const uint32_t scans = radio.scans();
  run(kHourMs);
  CHECK(radio.scans() - scans >= 10);
  CHECK(radio.scans() - scans <= 13);
}

TEST_CASE_FIXTURE(
    Gateway, "the access point can be refused in the settings, and asked for and closed by hand") {
  common::FixedString<95> error;
  REQUIRE(settings.set(common::text("ap_after_min"), common::text("0"), error) == Status::kOk);
  start();
  run(kHourMs);
  CHECK_FALSE(network->is_access_point_up());
  network->set_access_point(true, clock.now());
  run(NetworkManager::kAskedMs + kMinuteMs);
  CHECK(network->is_access_point_up());  // there is no other way in
  network->set_access_point(false, clock.now());
  run(kHourMs);
  CHECK_FALSE(network->is_access_point_up());
}

TEST_CASE_FIXTURE(
    Gateway,
    "a radio that hangs is asked again and again, and works after a restart of the network") {
  air("depot", "password 1");
  remember("depot", "password 1");
  start();
  run(2 * kMinuteMs);
  REQUIRE(is_in("depot"));
  radio.hang();
  REQUIRE(radio.remove(common::text("depot")) == Status::kOk);
  air("depot", "password 1");
  network->restart(clock.now());
  CHECK_FALSE(network->is_up());
  run(5 * kSecondMs);
  CHECK(is_in("depot"));
  CHECK(network->joins() == 2);
  CHECK(radio.restarts() == 1);
}

TEST_CASE_FIXTURE(Gateway, "networks that are stored or removed while it runs hold at once") {
  air("depot", "password 1");
  air("new", "password 2");
  start();
  run(kMinuteMs);
  CHECK(network->state() == State::kOff);
  remember("depot", "password 1");
  network->reload(clock.now());
  run(5 * kSecondMs);
  REQUIRE(is_in("depot"));

  remember("new", "password 2");
  network->reload(clock.now());
  CHECK(network->joins() == 1);  // what works is left alone
  CHECK(network->network_count() == 2);

  common::FixedString<95> error;
  REQUIRE(gateway::remove_wifi(settings, common::text("depot"), error) == Status::kOk);
  network->reload(clock.now());
  CHECK_FALSE(network->is_up());
  run(5 * kSecondMs);
  CHECK(is_in("new"));
  CHECK(settings.text("wifi_ssid") == gateway::SettingText("new"));
  CHECK(settings.text("wifi2_ssid").empty());
  CHECK(settings.text("wifi2_password").empty());

  REQUIRE(gateway::remove_wifi(settings, common::text("new"), error) == Status::kOk);
  network->reload(clock.now());
  run(5 * kSecondMs);
  CHECK(network->state() == State::kOff);
}

TEST_CASE_FIXTURE(
    Gateway, "whoever sets Wi-Fi up learns about the very network, and the old one comes back") {
  air("depot", "password 1");
  air("new", "password 2");
  remember("depot", "password 1");
  start();
  run(5 * kSecondMs);
  remember("new", "password X");
  network->join(common::text("new"), common::text("password X"));
  run(10 * kSecondMs);
  CHECK_FALSE(network->is_joined());
  CHECK(is_in("depot"));
  CHECK(network->failure(1) == JoinFailure::kWrongPassword);
  run(kMinuteMs);
  CHECK(network->is_joined());

  remember("new", "password 2");
  network->join(common::text("new"), common::text("password 2"));
  run(kSecondMs);
  CHECK(is_in("new"));
  CHECK(network->is_joined());
}

TEST_CASE_FIXTURE(Gateway, "a search does not disturb joining, and lists what is in the air") {
  air("depot", "password 1", -61);
  SimulatedWifi::Network silent;
  silent.ssid = common::FixedString<32>("silent");
  silent.gives_address = false;
  REQUIRE(radio.add(silent) == Status::kOk);
  remember("silent", "");
  start();
  run(kSecondMs);
  REQUIRE(network->state() == State::kJoining);
  const uint32_t scans = radio.scans();
  network->start_scan();
  platform::FoundNetwork found;
  run(NetworkManager::kJoinMs / 2);
  CHECK(radio.scans() == scans);
  CHECK(network->network(0, found) == Status::kAgain);
  run(NetworkManager::kJoinMs);
  CHECK(network->take_scan_end());
  CHECK_FALSE(network->take_scan_end());
  REQUIRE(network->network(0, found) == Status::kOk);
  CHECK(found.ssid == common::FixedString<32>("depot"));
  CHECK(found.rssi_dbm == -61);
  CHECK(found.has_password);
  CHECK(network->network(2, found) == Status::kNotFound);
}

TEST_CASE_FIXTURE(Gateway, "with another network it is always up, opens nothing and sleeps") {
  start(true);
  CHECK(network->step(clock.now()).is_never());
  CHECK(network->is_up());
  CHECK(store.count() == 0);
  clock.advance(kHourMs);
  CHECK(network->step(clock.now()).is_never());
  CHECK_FALSE(network->is_access_point_up());
}

TEST_CASE_FIXTURE(Gateway,
                  "names and passwords that Wi-Fi does not allow are refused in a sentence") {
  common::FixedString<95> error;
  CHECK(gateway::store_wifi(settings, common::text(""), common::text(""), error) ==
        Status::kInvalidArgument);
  CHECK(gateway::store_wifi(settings, common::text("depot"), common::text("1234567"), error) ==
        Status::kInvalidArgument);
  CHECK(error == common::FixedString<95>(
                     "a Wi-Fi password has 8 to 63 characters, or none for an open network"));
  for (const char* ssid : {"a", "b", "c", "d"}) remember(ssid, "");
  remember("c", "a password");
  CHECK(settings.text("wifi3_password") == gateway::SettingText("a password"));
  CHECK(gateway::store_wifi(settings, common::text("e"), common::text(""), error) ==
        Status::kNoSpace);
  CHECK(gateway::remove_wifi(settings, common::text("e"), error) == Status::kNotFound);
}

// Rules: FP-2
TEST_CASE(
    "after hours without a CSMS the network starts again, then the gateway, never while it is "
    "busy") {
  CsmsWatch watch;
  CsmsWatch::Inputs in;
  Instant now{5000};
  watch.begin(4 * kHourMs, now);
  const auto run = [&](int64_t duration_ms, CsmsWatch::Action expected) {
    int count = 0;
    for (const Instant end = now + duration_ms; now < end; now = now + kSecondMs) {
      const CsmsWatch::Action action = watch.step(in, now);
      if (action == CsmsWatch::Action::kNone) continue;
      CHECK_FALSE(in.is_busy);
      CHECK(action == expected);
      ++count;
    }
    return count;
  };
  const auto kNetwork = CsmsWatch::Action::kRestartNetwork;
  const auto kDevice = CsmsWatch::Action::kRestartDevice;
  CHECK(run(4 * kHourMs, kNetwork) == 0);
  CHECK(run(kMinuteMs, kNetwork) == 1);
  CHECK(run(CsmsWatch::kGraceMs - kMinuteMs, kDevice) == 0);
  CHECK(run(kMinuteMs, kDevice) == 1);
  CHECK(run(kHourMs, kDevice) == 0);

  // A transaction holds everything off, for days; its end lets go.
  watch.begin(4 * kHourMs, now);
  in.is_busy = true;
  CHECK(run(72 * kHourMs, kNetwork) == 0);
  in.is_busy = false;
  CHECK(run(kMinuteMs, kNetwork) == 1);
  in.is_busy = true;
  CHECK(run(72 * kHourMs, kDevice) == 0);

  // The CSMS is back: all is forgotten.
  in.is_up = true;
  in.is_busy = false;
  CHECK(run(kMinuteMs, kNetwork) == 0);
  in.is_up = false;
  CHECK(run(4 * kHourMs - kMinuteMs, kNetwork) == 0);

  // A link that hangs is not waited for; 0 hours: nothing else counts.
  watch.begin(0, now);
  CHECK(run(100 * kHourMs, kNetwork) == 0);
  in.is_stuck = true;
  in.is_busy = true;
  CHECK(run(kHourMs, kNetwork) == 0);
  in.is_busy = false;
  CHECK(run(kMinuteMs, kNetwork) == 1);
  CHECK(run(CsmsWatch::kGraceMs, kDevice) == 1);
}

// Rules: FP-2
TEST_CASE("whatever fails and whenever: no restart while it is busy, one in the end") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    platform_sim::SimEntropy chance(seed);
    CsmsWatch watch;
    CsmsWatch::Inputs in;
    Instant now{0};
    watch.begin(2 * kHourMs, now);
    for (int i = 0; i < 5000; ++i) {
      now = now + chance.below(10 * kMinuteMs);
      if (chance.chance(20)) in.is_busy = !in.is_busy;
      if (chance.chance(10)) in.is_up = !in.is_up;
      if (chance.chance(10)) in.is_stuck = !in.is_stuck;
      const CsmsWatch::Action action = watch.step(in, now);
      if (in.is_busy || in.is_up) REQUIRE(action == CsmsWatch::Action::kNone);
      if (action == CsmsWatch::Action::kRestartDevice) watch.begin(2 * kHourMs, now);
    }
    in = CsmsWatch::Inputs();
    int device = 0;
    for (int i = 0; i < 200; ++i) {
      now = now + kMinuteMs;
      if (watch.step(in, now) == CsmsWatch::Action::kRestartDevice) ++device;
    }
    CHECK(device == 1);
  }
}

// Rules: FP-16
TEST_CASE(
    "TLS waits a minute for the time, and never judges by a time before the last that was known") {
  platform_sim::SimPower power;
  platform_sim::SimKeyValueStore store{power};
  constexpr common::UtcTime kBuild{1767225600000};
  {
    KnownTime time(store);
    time.begin(kBuild);
    CHECK(time.earliest() == kBuild);
    time.step({}, false, Instant{0});
    time.step({}, false, Instant{10 * kMinuteMs});
    CHECK_FALSE(time.is_ready());  // there is no network that a time could come from
    time.step({}, true, Instant{10 * kMinuteMs});
    time.step({}, true, Instant{11 * kMinuteMs - 1});
    CHECK_FALSE(time.is_ready());
    time.step({}, true, Instant{11 * kMinuteMs});
    CHECK(time.is_ready());
    CHECK(store.writes() == 0);
  }
  const common::UtcTime later = kBuild + 1000 * kHourMs;
  {
    KnownTime time(store);
    time.begin(kBuild);
    time.step(later, true, Instant{0});
    CHECK(time.is_ready());
    CHECK(time.earliest() == later);
    for (int64_t hour = 0; hour < 48; ++hour)
      time.step(later + hour * kHourMs, true, Instant{hour * kHourMs});
    CHECK(store.writes() == 2);
  }
  {
    KnownTime time(store);
    time.begin(kBuild);
    CHECK(time.earliest() == later + 24 * kHourMs);
    // That was a wrong clock, and this is the right one.
    time.step(later, true, Instant{0});
    CHECK(time.earliest() == later);
  }
  KnownTime time(store);
  time.begin(kBuild);
  CHECK(time.earliest() == later);
  time.begin(later + kHourMs);
  CHECK(time.earliest() == later + kHourMs);
}
