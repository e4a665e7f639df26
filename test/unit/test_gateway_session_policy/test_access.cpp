#include "doctest_main/doctest_main.hpp"
#include "gateway/session_policy.hpp"
#include "gateway/setting_checks.hpp"
#include "gateway_fakes/gateway_fakes.hpp"
#include "platform_sim/sim_key_value_store.hpp"

#include <string>
#include <vector>

using charger::Offer;
using charger::OwnAuthorization;
using common::Instant;
using gateway::AuthMode;
using Texts = std::vector<std::string>;

namespace {

/// Two connectors; what is set up is the first.
struct World {
  gateway_fakes::FakeEngine engine;
  gateway_fakes::FakeChargers chargers;
  common::NullLogSink log;
  gateway::SessionPolicy policy{engine, chargers, log};
  gateway::PolicySettings settings;
  charger::ChargerState state;
  Instant now{1000};

  explicit World(AuthMode mode) {
    settings.connectors = 2;
    settings.access[0].mode = mode;
    settings.access[0].id_tag = charger::IdTag("HOUSE");
    engine.transaction.status = "Available";
    state.plug = charger::Plug::kUnplugged;
    state.health = charger::Health::kOk;
  }
  void begin() {
    policy.begin(settings, now);
    report();
    policy.set_offer(1, Offer{false, 0, 3}, now);
  }
  void report() { policy.on_charger_state(1, state, now); }
  void plug(bool is_plugged) {
    state.plug = is_plugged ? charger::Plug::kPlugged : charger::Plug::kUnplugged;
    if (!engine.transaction.has_transaction)
      engine.transaction.status = is_plugged ? "Preparing" : "Available";
    report();
    run(0);
  }
  void own(OwnAuthorization own) {
    policy.chargers().on_own_authorization(1, own, now);
    run(0);
  }
  /// Lets time pass as the loop does.
  void run(int64_t ms) {
    const Instant end = now + ms;
    for (;;) {
      const Instant next = policy.step(now);
      if (next > end || now >= end) break;
      now = next;
    }
    now = end;
    (void)policy.step(now);
  }
  void transaction(bool is_open) {
    engine.transaction.has_transaction = is_open;
    engine.transaction.is_stopping = false;
    engine.transaction.status = is_open ? "Charging" : "Finishing";
    policy.set_offer(1, is_open ? Offer{true, 16000, 3} : Offer{false, 0, 3}, now);
    run(0);
  }
  const Offer& offer() const { return chargers.last[1]; }
};

/// A charger that authorizes only while it may charge.
World list_world(bool needs_offer) {
  World world(AuthMode::kChargerList);
  world.settings.access[0].charger = {true, true, needs_offer};
  return world;
}

}  // namespace

TEST_CASE("a tag counts at the reader of the connector's mode and is ignored at another") {
  struct Row {
    AuthMode mode;
    bool at_gateway;
    bool at_charger;
  };
  for (const Row& row :
       {Row{AuthMode::kReader, true, false}, Row{AuthMode::kChargerReader, false, true},
        Row{AuthMode::kChargerList, false, false}, Row{AuthMode::kFree, false, false},
        Row{AuthMode::kRemote, false, false}}) {
    CAPTURE(to_string(row.mode));
    World world(row.mode);
    world.begin();
    world.policy.on_id_tag(1, charger::IdTag("AA"), world.now);
    CHECK(world.engine.tags == (row.at_gateway ? Texts{"1:AA"} : Texts{}));
    gateway::EngineEvent event;
    CHECK(world.policy.take_event(event) == !row.at_gateway);
    world.engine.tags.clear();
    world.policy.chargers().on_id_tag(1, charger::IdTag("BB"), world.now);
    CHECK(world.engine.tags == (row.at_charger ? Texts{"1:BB"} : Texts{}));
    const bool is_kept = row.mode == AuthMode::kChargerList;
    REQUIRE(world.policy.take_event(event) == (!row.at_charger && !is_kept));
    if (row.at_charger || is_kept) continue;
    CHECK(event.kind == gateway::EngineEvent::Kind::kTagIgnored);
    CHECK(event.connector_id == 1);
    CHECK(std::string(event.text) == to_string(row.mode));
  }
}

TEST_CASE("the reader for all serves the connectors of its mode only") {
  World world(AuthMode::kRemote);
  world.begin();
  CHECK(world.policy.reader_connectors() == 1U << 2U);
  world.policy.on_id_tag(0, charger::IdTag("AA"), world.now);
  CHECK(world.engine.tags == Texts{"0:AA"});
  world.settings.access[1].mode = AuthMode::kFree;
  world.begin();
  world.policy.on_id_tag(0, charger::IdTag("BB"), world.now);
  CHECK(world.engine.tags == Texts{"0:AA"});
}

TEST_CASE("free: plugging in starts a transaction, once") {
  World world(AuthMode::kFree);
  world.begin();
  CHECK(world.engine.authorized.empty());
  world.engine.authorize_status = common::Status::kInvalidState;  // out of order
  world.plug(true);
  world.engine.authorized.clear();
  world.engine.authorize_status = common::Status::kOk;
  world.run(0);
  CHECK(world.engine.authorized == Texts{"1:HOUSE"});
  SUBCASE("a start that comes to nothing is tried again a minute later") {
    world.run(59999);
    CHECK(world.engine.authorized.size() == 1);
    world.run(1);
    CHECK(world.engine.authorized.size() == 2);
  }
  SUBCASE("who stays plugged in after the end starts none") {
    world.transaction(true);
    world.transaction(false);
    world.run(600000);
    CHECK(world.engine.authorized.size() == 1);
    world.plug(false);
    world.plug(true);
    CHECK(world.engine.authorized.size() == 2);
  }
  SUBCASE("a car that took the place of another between two reports is a new one") {
    world.transaction(true);
    world.state.session_marker = 1;
    world.report();
    world.transaction(false);
    world.state.session_marker = 2;
    world.report();
    world.run(0);
    CHECK(world.engine.authorized.size() == 2);
  }
  SUBCASE("silence is no unplugging") {
    world.transaction(true);
    world.transaction(false);
    world.state.plug = charger::Plug::kUnknown;
    world.report();
    world.plug(true);
    CHECK(world.engine.authorized.size() == 1);
  }
}

TEST_CASE("without an id tag of its own a connector uses the CSMS's key for free vend") {
  World world(AuthMode::kFree);
  world.settings.access[0].id_tag.clear();
  world.begin();
  world.plug(true);
  CHECK(world.engine.authorized == Texts{"1:FREEVEND"});
}

TEST_CASE("charger_list: nothing is permitted until the charger has authorized, then all") {
  World world = list_world(false);
  world.begin();
  world.plug(true);
  world.own(OwnAuthorization::kWaiting);
  world.run(60000);
  CHECK(world.engine.authorized.empty());
  CHECK_FALSE(world.offer().permit);
  world.policy.chargers().on_id_tag(1, charger::IdTag("CARD"), world.now);
  world.own(OwnAuthorization::kGranted);
  CHECK(world.engine.authorized == Texts{"1:CARD"});
  CHECK_FALSE(world.offer().permit);
  world.transaction(true);
  CHECK(world.offer() == Offer{true, 16000, 3});
  SUBCASE("the charger's own end ends the transaction as Local") {
    world.own(OwnAuthorization::kEnded);
    CHECK(world.engine.stops == Texts{"1:Local"});
  }
  SUBCASE("a charger that waits again has restarted: the transaction stays") {
    world.own(OwnAuthorization::kWaiting);
    world.run(60000);
    CHECK(world.engine.stops.empty());
    world.own(OwnAuthorization::kGranted);
    CHECK(world.engine.authorized.size() == 1);
  }
}

TEST_CASE("charger_list: a tag that comes a moment later than the state still counts") {
  World world = list_world(false);
  world.begin();
  world.plug(true);
  world.own(OwnAuthorization::kGranted);
  SUBCASE("it comes") {
    world.run(500);
    world.policy.chargers().on_id_tag(1, charger::IdTag("CARD"), world.now);
    world.run(1000);
    CHECK(world.engine.authorized == Texts{"1:CARD"});
  }
  SUBCASE("it does not") {
    world.run(1500);
    CHECK(world.engine.authorized == Texts{"1:HOUSE"});
  }
  SUBCASE("the charger takes it back at once") {
    world.own(OwnAuthorization::kWaiting);
    world.run(60000);
    CHECK(world.engine.authorized.empty());
  }
}

TEST_CASE("charger_list: a tag of the last session is not used for the next") {
  World world = list_world(false);
  world.begin();
  world.policy.chargers().on_id_tag(1, charger::IdTag("CARD"), world.now);
  world.plug(true);
  world.plug(false);
  world.plug(true);
  world.own(OwnAuthorization::kGranted);
  world.run(1500);
  CHECK(world.engine.authorized == Texts{"1:HOUSE"});
}

TEST_CASE("a charger that authorizes only when it may charge gets its lowest current meanwhile") {
  World world = list_world(true);
  world.settings.access[0].charger.reads_tags = false;
  world.begin();
  CHECK_FALSE(world.offer().permit);
  world.plug(true);
  CHECK(world.offer() == Offer{true, 6000, 3});
  SUBCASE("not while the connector is out of order, or the charger not well") {
    world.engine.transaction.status = "Unavailable";
    world.run(0);
    CHECK_FALSE(world.offer().permit);
    world.engine.transaction.status = "Preparing";
    world.state.health = charger::Health::kStale;
    world.report();
    world.run(0);
    CHECK_FALSE(world.offer().permit);
  }
  SUBCASE("it lets charge, and takes it back") {
    world.own(OwnAuthorization::kGranted);
    CHECK(world.engine.authorized == Texts{"1:HOUSE"});
    world.transaction(true);
    CHECK(world.offer() == Offer{true, 16000, 3});
    world.own(OwnAuthorization::kNone);
    world.run(4999);
    CHECK(world.engine.stops.empty());
    world.run(1);
    CHECK(world.engine.stops == Texts{"1:Local"});
    world.transaction(false);
    CHECK(world.offer() == Offer{true, 6000, 3});
  }
  SUBCASE("what flickers back is no end, nor is a restart") {
    world.own(OwnAuthorization::kGranted);
    world.transaction(true);
    world.own(OwnAuthorization::kNone);
    world.run(4000);
    world.own(OwnAuthorization::kGranted);
    world.run(4000);
    world.own(OwnAuthorization::kNone);
    world.state.health = charger::Health::kStale;
    world.report();
    world.state.health = charger::Health::kOk;
    world.report();
    world.own(OwnAuthorization::kNone);
    world.run(60000);
    CHECK(world.engine.stops.empty());
  }
  SUBCASE("what the CSMS has stopped does not begin again before the next plug-in") {
    world.own(OwnAuthorization::kGranted);
    world.transaction(true);
    world.transaction(false);
    CHECK_FALSE(world.offer().permit);
    world.plug(false);
    world.plug(true);
    CHECK(world.offer().permit);
  }
  SUBCASE("no transaction within a minute: no current") {
    world.engine.authorize_status = common::Status::kInvalidState;
    world.own(OwnAuthorization::kGranted);
    world.run(59999);
    CHECK(world.offer().permit);
    world.run(1);
    CHECK_FALSE(world.offer().permit);
  }
}

TEST_CASE("a charger's own end ends a transaction in every mode, another's end does not matter") {
  World world(AuthMode::kReader);
  world.begin();
  world.plug(true);
  world.own(OwnAuthorization::kEnded);  // of the session before
  world.transaction(true);
  world.run(60000);
  CHECK(world.engine.stops.empty());
  world.own(OwnAuthorization::kGranted);
  CHECK(world.engine.authorized.empty());
  world.own(OwnAuthorization::kEnded);
  CHECK(world.engine.stops == Texts{"1:Local"});
}

TEST_CASE("energy that nobody permitted is a fault, or a transaction where that is set") {
  World world(AuthMode::kReader);
  bool books = false;
  SUBCASE("a fault") {}
  SUBCASE("a transaction") { books = true; }
  world.settings.access[0].books_unauthorised = books;
  world.begin();
  world.plug(true);
  world.state.error = charger::Error::kOtherError;
  world.state.is_faulted = true;
  world.state.vendor_error_code = common::FixedString<50>("UNAUTHORISED_ENERGY");
  world.report();
  CHECK(world.engine.authorized == (books ? Texts{"1:HOUSE"} : Texts{}));
  CHECK(world.engine.last_state.is_faulted == !books);
  if (!books) return;
  world.transaction(true);
  world.state = charger::ChargerState();
  world.state.plug = charger::Plug::kPlugged;
  world.state.health = charger::Health::kOk;
  world.report();
  world.transaction(false);
  // Once for each plug-in: what flows on after its end is a fault.
  world.state.is_faulted = true;
  world.state.vendor_error_code = common::FixedString<50>("UNAUTHORISED_ENERGY");
  world.report();
  CHECK(world.engine.authorized.size() == 1);
  CHECK(world.engine.last_state.is_faulted);
}

TEST_CASE("unauthorised energy that gets no transaction is a fault after all") {
  World world(AuthMode::kReader);
  world.settings.access[0].books_unauthorised = true;
  world.begin();
  world.plug(true);
  world.state.is_faulted = true;
  world.state.vendor_error_code = common::FixedString<50>("UNAUTHORISED_ENERGY");
  SUBCASE("refused") {
    world.engine.authorize_status = common::Status::kInvalidState;
    world.report();
    CHECK(world.engine.last_state.is_faulted);
  }
  SUBCASE("not begun within a minute") {
    world.report();
    CHECK_FALSE(world.engine.last_state.is_faulted);
    world.run(60000);
    CHECK(world.engine.last_state.is_faulted);
  }
}

TEST_CASE("a charger silent for too long ends its transaction where that is set") {
  World world(AuthMode::kReader);
  int64_t stop_ms = 0;
  SUBCASE("kept open") {}
  SUBCASE("stopped") { stop_ms = 600000; }
  world.settings.silence_stop_ms = stop_ms;
  world.begin();
  world.plug(true);
  world.transaction(true);
  // Told 10 s after its last answer.
  world.state.health = charger::Health::kLost;
  world.state.plug = charger::Plug::kUnknown;
  world.state.vendor_error_code = common::FixedString<50>("BUS_TIMEOUT");
  world.report();
  world.run(300000);
  world.state.is_faulted = true;
  world.report();
  world.run(600000 - 10000 - 300000 - 1);
  CHECK(world.engine.stops.empty());
  world.run(1);
  CHECK(world.engine.stops == (stop_ms != 0 ? Texts{"1:Other"} : Texts{}));
}

TEST_CASE("a charger that answers in time keeps its transaction") {
  World world(AuthMode::kReader);
  world.settings.silence_stop_ms = 60000;
  world.begin();
  world.plug(true);
  world.transaction(true);
  for (int i = 0; i < 3; ++i) {
    world.state.vendor_error_code = common::FixedString<50>("BUS_TIMEOUT");
    world.report();
    world.run(49000);
    world.state.vendor_error_code.clear();
    world.report();
  }
  CHECK(world.engine.stops.empty());
}

namespace {

struct SettingsWorld {
  platform_sim::SimPower power;
  platform_sim::SimKeyValueStore store{power};
  gateway::Settings settings{store};
  common::FixedString<95> error;

  std::string set(const char* name, const char* value) {
    error.clear();
    const bool is_stored = gateway::set_setting(settings, common::text(name), common::text(value),
                                                error) == common::Status::kOk;
    return is_stored ? "" : error.c_str();
  }
};

}  // namespace

TEST_CASE("pins that cannot be are refused when they are set, with the reason") {
  SettingsWorld world;
  CHECK(world.set("c1.pins", "whatever") ==
        "c1.pins: \"whatever\" is no word of a pin list (pilot, pilot_in, contactor, ...)");
  CHECK(world.set("c1.pins", "pilot=25 pilot_in=36") == "c1.pins: the pin list lacks contactor");
  CHECK(world.set("c2.pins", "pilot=7 pilot_in=36 contactor=27") ==
        "c2.pins: pilot: GPIO7 is wired to the flash memory");
  CHECK(world.set("c1.pins", "pilot=25 pilot_in=36 contactor=27") == "");
  CHECK(world.set("c1.contactor", "34") == "c1.contactor: contactor: GPIO34 is an input only");
  CHECK(world.set("c1.contactor", "!27") == "");
  CHECK(world.set("tamper", "lid") ==
        "tamper: tamper must be the number of a pin, such as 25 or !25 (active low)");
  CHECK(world.set("tamper", "!34") == "");
  CHECK(world.set("tamper", "none") == "");
  CHECK(world.set("tamper", "") == "");
  CHECK(world.set("c1.pins", "") == "");
}

TEST_CASE("a mode is one setting for all and one for each connector") {
  SettingsWorld world;
  CHECK(gateway::read_access(world.settings, 1).mode == AuthMode::kReader);
  CHECK(world.set("auth", "remote") == "");
  CHECK(world.set("c2.auth", "free") == "");
  CHECK(world.set("c2.id_tag", "HOUSE") == "");
  CHECK(world.set("c1.unauthorised", "free_vend") == "");
  CHECK(gateway::read_access(world.settings, 1).mode == AuthMode::kRemote);
  CHECK(gateway::read_access(world.settings, 1).books_unauthorised);
  CHECK(gateway::read_access(world.settings, 2).mode == AuthMode::kFree);
  CHECK(gateway::read_access(world.settings, 2).id_tag == charger::IdTag("HOUSE"));
  CHECK_FALSE(gateway::read_access(world.settings, 2).books_unauthorised);
  CHECK(world.set("c2.auth", "") == "");
  CHECK(gateway::read_access(world.settings, 2).mode == AuthMode::kRemote);
  CHECK(world.set("auth", "readers") ==
        "auth must be one of: reader charger_reader charger_list free remote");
  CHECK(world.set("auth", "") == "");
  CHECK(world.set("c1.unauthorised", "ignore") ==
        "c?.unauthorised must be one of: fault free_vend");
}

TEST_CASE("a mode that the charger cannot do is refused with one sentence") {
  SettingsWorld world;
  CHECK(world.set("connectors", "2") == "");
  CHECK(world.set("c1.profile", "evse-wb-din") == "");
  CHECK(world.set("c2.profile", "phoenix-ev-cc-ac1-m3") == "");
  CHECK(world.set("c1.auth", "charger_reader") ==
        "connector 1: auth charger_reader: the charger has no tag reader that it shows");
  CHECK(world.set("c2.auth", "charger_reader") == "");
  CHECK(world.set("c2.auth", "charger_list") ==
        "connector 2: auth charger_list: the charger has no authorization that it shows");
  CHECK(world.set("auth", "charger_reader") ==
        "connector 1: auth charger_reader: the charger has no tag reader that it shows");
  CHECK(world.set("c1.auth", "remote") == "");
  CHECK(world.set("auth", "charger_reader") == "");
  CHECK(world.set("c1.profile", "file:own") == "");
  CHECK(world.set("c1.auth", "charger_list") == "");  // shown at the start
}

TEST_CASE("profiles tell what chargers can do") {
  const auto told = [](const char* name) -> std::string {
    bridge::Access access;
    if (!bridge::access_of(common::text(name), access)) return "unknown";
    return std::string(access.reads_tags ? "tags " : "") + (access.authorizes ? "list " : "") +
           (access.authorizes && access.needs_offer ? "offer" : "");
  };
  CHECK(told("heidelberg-energy-control") == "");
  CHECK(told("gpio") == "");
  CHECK(told("openevse-rapi") == "");
  CHECK(told("keba-udp") == "tags ");
  CHECK(told("bender-cc612") == "tags ");
  CHECK(told("mennekes-amtron-hcc3") == "list ");
  CHECK(told("keba-p30") == "tags list offer");
  CHECK(told("no-such-charger") == "unknown");
}
