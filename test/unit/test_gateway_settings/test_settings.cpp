#include "doctest_main/doctest_main.hpp"
#include "gateway/bus_settings.hpp"
#include "gateway/settings.hpp"
#include "platform_sim/sim_key_value_store.hpp"

#include <cstring>
#include <string>

using common::Status;
using gateway::SettingRow;
using gateway::Settings;

namespace {

struct Fixture {
  platform_sim::SimPower power;
  platform_sim::SimKeyValueStore store{power};
  Settings settings{store};
  common::FixedString<95> error;

  Status set(const char* name, const std::string& value) {
    error.clear();
    return settings.set(common::text(name), common::TextSpan(value.data(), value.size()), error);
  }
};

}  // namespace

TEST_CASE("every setting name fits the key limit of NVS and every default passes its own check") {
  Fixture fixture;
  for (const SettingRow& row : Settings::table()) {
    CAPTURE(row.name);
    CHECK(std::strlen(row.name) <= platform::KeyValueStore::kMaxKeyBytes);
    const auto name = Settings::concrete_name(row, 1);
    CHECK(Settings::find(name.span()) == &row);
    if (row.default_value[0] != '\0') {
      CHECK(fixture.set(name.c_str(), row.default_value) == Status::kOk);
    }
  }
}

TEST_CASE("a setting that was never stored has its default") {
  Fixture fixture;
  CHECK(fixture.settings.integer("offline_ma") == 6000);
  CHECK(fixture.settings.boolean("trust_csms_time"));
  CHECK(fixture.settings.text("csms_url").empty());
  CHECK(fixture.settings.integer("bus", 3) == 1);
}

TEST_CASE("the query of a CSMS's URL is not shown, and a URL as it is shown keeps what is stored") {
  Fixture fixture;
  const auto shown = [&](const char* name) {
    gateway::SettingText value = fixture.settings.text(name);
    Settings::hide(*Settings::find(common::text(name)), value);
    return std::string(value.c_str());
  };
  for (const char* name : {"csms_url", "csms_url_tls"}) {
    CAPTURE(name);
    REQUIRE(fixture.set(name, "wss://csms/ocpp?token=x") == Status::kOk);
    CHECK(shown(name) == "wss://csms/ocpp?***");
    REQUIRE(fixture.set(name, "wss://csms/ocpp?***") == Status::kOk);
    CHECK(fixture.settings.text(name) == gateway::SettingText("wss://csms/ocpp?token=x"));
    REQUIRE(fixture.set(name, "wss://csms/ocpp") == Status::kOk);
    CHECK(shown(name) == "wss://csms/ocpp");
    const std::string longest = "wss://csms/" + std::string(241, 'x');
    REQUIRE(fixture.set(name, longest + "?it") == Status::kOk);
    CHECK(shown(name) == longest);  // there is no room for stars
  }
  CHECK(shown("password").empty());
  REQUIRE(fixture.set("password", "secret") == Status::kOk);
  CHECK(shown("password") == "(set)");
}

TEST_CASE("a stored value is read back, and an empty value restores the default") {
  Fixture fixture;
  REQUIRE(fixture.set("c2.profile", "heidelberg-energy-control") == Status::kOk);
  CHECK(fixture.settings.text("profile", 2) == gateway::SettingText("heidelberg-energy-control"));
  CHECK(fixture.settings.text("profile", 1).empty());
  REQUIRE(fixture.set("offline_ma", "60") == Status::kOk);
  CHECK(fixture.settings.integer("offline_ma") == 60);
  REQUIRE(fixture.set("offline_ma", "") == Status::kOk);
  CHECK(fixture.settings.integer("offline_ma") == 6000);
}

TEST_CASE("a refused value says why and changes nothing") {
  Fixture fixture;
  REQUIRE(fixture.set("offline_ma", "60") == Status::kOk);
  for (const char* bad : {"-1", "80001", "abc", "1.5", "99999999999", " 5", "-"}) {
    CAPTURE(bad);
    CHECK(fixture.set("offline_ma", bad) == Status::kInvalidArgument);
    CHECK(std::string(fixture.error.c_str()) ==
          "offline_ma must be a whole number from 0 to 80000");
  }
  CHECK(fixture.settings.integer("offline_ma") == 60);
  CHECK(fixture.set("subprotocol", "maybe") == Status::kInvalidArgument);
  CHECK(std::string(fixture.error.c_str()) == "subprotocol must be true or false");
  CHECK(fixture.set("vendor", std::string(21, 'x')) == Status::kInvalidArgument);
  CHECK(std::string(fixture.error.c_str()) == "vendor must have 1 to 20 bytes");
}

TEST_CASE("unknown names are refused, connector numbers beyond the build too") {
  Fixture fixture;
  for (const char* name : {"", "csms", "c0.profile", "c9.profile", "c1.nothing", "c?.profile"}) {
    CAPTURE(name);
    CHECK(fixture.set(name, "1") == Status::kNotFound);
  }
  CHECK(fixture.store.count() == 0);
}

TEST_CASE("booleans are understood as people write them") {
  Fixture fixture;
  for (const char* yes : {"true", "TRUE", "1", "on", "Yes"}) {
    REQUIRE(fixture.set("subprotocol", yes) == Status::kOk);
    CHECK(fixture.settings.boolean("subprotocol"));
  }
  for (const char* no : {"false", "0", "OFF", "no"}) {
    REQUIRE(fixture.set("subprotocol", no) == Status::kOk);
    CHECK_FALSE(fixture.settings.boolean("subprotocol"));
  }
}

TEST_CASE("a stored value that no longer fits the table counts as not set") {
  Fixture fixture;
  REQUIRE(fixture.store.set("offline_ma", common::as_bytes(common::text("banana"))) == Status::kOk);
  CHECK(fixture.settings.integer("offline_ma") == 6000);
}

TEST_CASE("a store that cannot write is reported") {
  Fixture fixture;
  fixture.store.fail_next_set(Status::kIo);
  CHECK(fixture.set("offline_ma", "60") == Status::kIo);
  CHECK(std::string(fixture.error.c_str()) == "the setting could not be stored");
}

// Rules: J-6.2.2-4 FP-21
TEST_CASE("a password outlives a restart, and a write that fails") {
  Fixture fixture;
  REQUIRE(fixture.set("password", "4F43415F4F4354545F") == Status::kOk);
  fixture.store.fail_next_set(Status::kIo);
  CHECK(fixture.set("password", "another") != Status::kOk);
  Settings again(fixture.store);
  CHECK(again.text("password") == gateway::SettingText("4F43415F4F4354545F"));
}

TEST_CASE("settings of a bus have a value for each bus") {
  Fixture fixture;
  REQUIRE(fixture.set("b2.line", "19200 8e1") == Status::kOk);
  CHECK(fixture.settings.text_of('b', 2, "line") == gateway::SettingText("19200 8e1"));
  CHECK(fixture.settings.text_of('b', 1, "line").empty());
  CHECK(fixture.set("b3.line", "19200 8E1") == Status::kNotFound);
  const SettingRow* row = Settings::find(common::text("b1.line"));
  REQUIRE(row != nullptr);
  CHECK(Settings::value_count(*row, 8) == limits::kMaxSerialBuses);
  CHECK(Settings::value_count(*Settings::find(common::text("c1.host")), 8) == 8);
  CHECK(Settings::value_count(*Settings::find(common::text("m8.host")), 3) == 3);
  REQUIRE(fixture.set("m8.unit", "7") == Status::kOk);
  CHECK(fixture.settings.integer_of('m', 8, "unit") == 7);
  CHECK(Settings::value_count(*Settings::find(common::text("vendor")), 8) == 1);
}

TEST_CASE("a line is written as in the manuals of chargers") {
  gateway::LineSetting line;
  REQUIRE(gateway::parse_line(common::text("9600 8N1"), line));
  CHECK(line.serial == platform::SerialSettings{9600, platform::Parity::kNone, 1});
  CHECK(line.framing == modbus::Framing::kRtu);
  REQUIRE(gateway::parse_line(common::text("38400 8e2 ASCII"), line));
  CHECK(line.serial == platform::SerialSettings{38400, platform::Parity::kEven, 2});
  CHECK(line.framing == modbus::Framing::kAscii);
  REQUIRE(gateway::parse_line(common::text("921600 8o1 rtu"), line));
  CHECK(line.serial.parity == platform::Parity::kOdd);
  for (const char* bad :
       {"", "9600", "8N1", "9600 7E1", "9600 8X1", "9600 8N3", "9600 8N", "600 8N1", "1000000 8N1",
        "96O0 8N1", "9600  8N1", "9600 8N1 tcp", "9600 8N1 rtu x", "99999999999 8N1"}) {
    CAPTURE(bad);
    CHECK_FALSE(gateway::parse_line(common::text(bad), line));
  }
  Fixture fixture;
  CHECK(fixture.set("c1.line", "7E1") == Status::kInvalidArgument);
  CHECK(std::string(fixture.error.c_str()) == "c?.line must be like 9600 8N1 or 38400 8E1 ascii");
}

TEST_CASE("a host may have a port and say that it is a converter") {
  gateway::HostSetting host;
  const auto read = [&](const char* text) {
    if (!gateway::parse_host(common::text(text), host)) return std::string("none");
    return std::string(host.target.is_converter ? "converter " : "") + host.target.host.c_str() +
           " " + std::to_string(host.target.port) + (host.has_port ? "" : " by default");
  };
  CHECK(read("192.168.1.50") == "192.168.1.50 502 by default");
  CHECK(read("wallbox_2.home-net.local:1502") == "wallbox_2.home-net.local 1502");
  CHECK(read("tcp://wallbox") == "wallbox 502 by default");
  CHECK(read("RTU+TCP://10.0.0.3:4196") == "converter 10.0.0.3 4196");
  CHECK(read("[fe80::1%eth0]:503") == "fe80::1%eth0 503");
  CHECK(read("[::1]") == "::1 502 by default");
  CHECK(read(std::string(63, 'a').c_str()) == std::string(63, 'a') + " 502 by default");
  for (const char* bad : {"", ":502", "wallbox:", "wallbox:0", "wallbox:65536", "wallbox:5o2",
                          "a:1:2", "http://wallbox", "wall box", "tcp://", "[::1", "[::1]502",
                          "::1", "udp://a", "a/b", "rtu+tcp://a"}) {
    CAPTURE(bad);
    CHECK(read(bad) == "none");
  }
  CHECK(read(std::string(64, 'a').c_str()) == "none");
  Fixture fixture;
  CHECK(fixture.set("c3.host", "http://x") == Status::kInvalidArgument);
  CHECK(std::string(fixture.error.c_str()) ==
        "c?.host must be HOST, HOST:PORT or rtu+tcp://HOST:PORT");
}

TEST_CASE("every timing of the bridge is a setting in ms with the bridge's default") {
  Fixture fixture;
  const bridge::Timings defaults;
  const bridge::Timings stored = fixture.settings.timings();
  CHECK(std::memcmp(&defaults, &stored, sizeof defaults) == 0);
  REQUIRE(fixture.set("t.plug_off", "3500") == Status::kOk);
  REQUIRE(fixture.set("t.energy_save", "60000") == Status::kOk);
  const bridge::Timings changed = fixture.settings.timings();
  CHECK(changed.plug_off_ms == 3500);
  CHECK(changed.energy_save_ms == 60000);
  CHECK(changed.plug_on_ms == defaults.plug_on_ms);
  CHECK(fixture.set("t.lost", "299") == Status::kInvalidArgument);
  CHECK(std::string(fixture.error.c_str()) == "t.lost must be a whole number from 300 to 3600000");
  CHECK(fixture.set("t.nothing", "1") == Status::kNotFound);
}

TEST_CASE("no secret has a default: there is no password that all gateways share") {
  size_t secrets = 0;
  for (const gateway::SettingRow& row : Settings::table()) {
    CAPTURE(row.name);
    const std::string name = row.name;
    if (name.find("password") != std::string::npos) CHECK(row.is_secret);
    if (!row.is_secret) continue;
    ++secrets;
    CHECK(std::string(row.default_value).empty());
  }
  CHECK(secrets >= 6);
}
