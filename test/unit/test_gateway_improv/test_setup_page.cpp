#include "doctest_main/doctest_main.hpp"
#include "gateway/setup_portal.hpp"
#include "gateway_fakes/gateway_fakes.hpp"
#include "platform/simulated_wifi.hpp"
#include "platform_sim/malloc_trap.hpp"
#include "platform_sim/sim_clock.hpp"
#include "platform_sim/sim_device.hpp"
#include "platform_sim/sim_entropy.hpp"
#include "platform_sim/sim_key_value_store.hpp"
#include "platform_sim/sim_tcp_listener.hpp"
#include "platform_sim/sim_udp_link.hpp"
#include "platform_sim/sim_web_socket_link.hpp"

#include <string>
#include <vector>

using common::Instant;
using gateway::SetupPage;

namespace {

constexpr uint32_t kOwnAddress = 0xC0A80401;  // 192.168.4.1
const std::string kHost = "Host: 192.168.4.1\r\n";

struct Fixture {
  platform_sim::SimPower power;
  platform_sim::SimKeyValueStore store{power};
  gateway::Settings settings{store};
  platform_sim::SimClock clock;
  platform_sim::SimEntropy entropy{7};
  platform_sim::SimDevice device;
  platform_sim::SimWebSocketLink csms{clock, 7};
  platform_sim::SimTcpListener listener;
  gateway_fakes::FakeEngine engine;
  common::NullLogSink log;
  platform::SimulatedWifi radio{clock};
  gateway::NetworkManager network{&radio, false, settings, entropy, log};
  gateway::SetupPageParts parts{entropy, device, csms, settings, engine, "1.2.3", "CP1", &network};
  SetupPage page{&listener, parts};
  bool is_charging = false;

  Fixture() { REQUIRE(page.open(kOwnAddress, 80, false) == common::Status::kOk); }

  Instant step(int64_t ms = 0) {
    clock.advance(ms);
    return page.step(clock.now(), is_charging);
  }
  /// Sends a request in pieces, returns the whole answer.
  std::string ask(const std::string& request, size_t split = SIZE_MAX) {
    const size_t peer = listener.connect();
    std::string answer;
    listener.peer_send(peer, request.substr(0, split));
    step();
    if (split < request.size()) listener.peer_send(peer, request.substr(split));
    for (int i = 0; i < 200 && !listener.is_finished(peer); ++i) {
      step();
      answer += listener.peer_receive(peer);
    }
    answer += listener.peer_receive(peer);
    listener.peer_finish(peer);
    step();
    CHECK(!listener.is_held(peer));
    return answer;
  }
  std::string get(const std::string& path, const std::string& host = kHost) {
    return ask("GET " + path + " HTTP/1.1\r\n" + host + "\r\n");
  }
  std::string token() {
    const std::string answer = get("/api/settings");
    const std::string name = "\"token\":\"";
    const size_t at = answer.find(name);
    REQUIRE(at != std::string::npos);
    return answer.substr(at + name.size(), 32);
  }
  static std::string post(const std::string& path, const std::string& body,
                          const std::string& token) {
    return "POST " + path + " HTTP/1.1\r\n" + kHost + "Content-Type: application/json\r\n" +
           "X-Setup-Token: " + token + "\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
  }
  std::string set(const std::string& body) { return ask(post("/api/settings", body, token())); }
  std::string stored(const char* name) const { return settings.text(name).c_str(); }
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string status_of(const std::string& answer) {
  return answer.size() > 12 ? answer.substr(9, 3) : "";
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "the page is one answer without anything from elsewhere") {
  const std::string answer = get("/");
  CHECK(status_of(answer) == "200");
  CHECK(has(answer, "Content-Security-Policy: default-src 'none'"));
  CHECK(has(answer, "Connection: close\r\n"));
  CHECK(has(answer, "</html>"));
  const size_t body = answer.size() - answer.find("\r\n\r\n") - 4;
  CHECK(has(answer, "Content-Length: " + std::to_string(body) + "\r\n"));

  const std::string head = ask("HEAD / HTTP/1.1\r\n" + kHost + "\r\n");
  CHECK(head == answer.substr(0, answer.find("\r\n\r\n") + 4));
  CHECK(get("/?from=phone") == answer);
  CHECK(ask("GET http://192.168.4.1/ HTTP/1.1\r\nHost: other\r\n\r\n") == answer);
}

TEST_CASE_FIXTURE(Fixture, "the state of the CSMS is said in words") {
  CHECK(has(get("/api/status"), "No CSMS is set"));
  common::FixedString<95> error;
  REQUIRE(settings.set(common::text("csms_url"), common::text("ws://csms"), error) ==
          common::Status::kOk);
  csms.set_server_up(false, 404);
  platform::LinkSettings link;
  link.url = common::FixedString<255>("ws://csms");
  link.identity = common::FixedString<48>("CP1");
  REQUIRE(csms.open(link) == common::Status::kOk);
  clock.advance(1000);
  CHECK(has(get("/api/status"), "404: the CSMS does not know identity CP1"));
  page.on_not_started(common::text("connector 1 has no charger"));
  CHECK(has(get("/api/status"), "\"not_started\":\"connector 1 has no charger\""));
  csms.set_server_up(true);
  clock.advance(5000);
  CHECK(has(get("/api/status"), "\"csms\":{\"is_good\":true,\"text\":\"Connected and accepted\"}"));
}

TEST_CASE_FIXTURE(Fixture,
                  "settings are stored whole, with blanks and any script, and no secret is shown") {
  const std::string answer = set(
      R"({"wifi_ssid":" caf\u00e9 \"7\" ","wifi_password":"let me in","csms_url":"ws://csms/x",)"
      R"("identity":"CP 2","password":"a key","c1.profile":"abl-emh1"})");
  CHECK(status_of(answer) == "200");
  CHECK(stored("wifi_ssid") == " caf\xC3\xA9 \"7\" ");
  CHECK(stored("wifi_password") == "let me in");
  CHECK(stored("identity") == "CP 2");
  CHECK(stored("password") == "a key");
  CHECK(stored("c1.profile") == "abl-emh1");

  const std::string shown = get("/api/settings");
  CHECK(has(shown, R"("wifi_ssid":" café \"7\" ","wifi_password":true)"));
  CHECK(has(shown, R"("password":true)"));
  CHECK(!has(shown, "let me in"));
  CHECK(!has(shown, "a key"));

  CHECK(status_of(set(R"({"password":"","csms_url":""})")) == "200");
  CHECK(stored("password").empty());
}

TEST_CASE_FIXTURE(Fixture, "a wrong field is one sentence, and nothing is stored") {
  const std::string answer =
      set(R"({"wifi_ssid":"depot","csms_url":"http://csms","identity":"a/b",)"
          R"("password":"ok","c1.profile":"toaster"})");
  CHECK(status_of(answer) == "422");
  CHECK(has(answer, R"("wifi_password":"a new network needs its password")"));
  CHECK(has(answer, R"("csms_url":"the CSMS URL must begin with ws:// or wss://")"));
  CHECK(has(answer, R"("identity":"the charge point identity must not contain '/'")"));
  CHECK(has(answer, R"("c1.profile":"there is no charger profile toaster")"));
  CHECK(store.count() == 0);

  CHECK(has(set(R"({"wifi_ssid":")" + std::string(33, 'x') + R"(","wifi_password":""})"),
            "wifi_ssid must have 0 to 32 bytes"));
  CHECK(has(set(R"({"identity":")" + std::string(300, 'x') + R"("})"), "it is too long"));
  CHECK(has(set(R"({"identity":"a\u0000b"})"), "a character that cannot be typed"));
  for (const char* body : {"", "[]", "{}x", R"({"identity":1})", R"({"identity":"x")",
                           R"({"ca_file":"x"})", R"({"log_level":"debug"})"})
    CHECK(status_of(set(body)) == "400");
  CHECK(store.count() == 0);
}

TEST_CASE_FIXTURE(Fixture, "a change needs JSON and the token of a page") {
  const std::string body = R"({"identity":"EVIL"})";
  const std::string good = token();
  std::string plain = post("/api/settings", body, good);
  plain.replace(plain.find("application/json"), 16, "text/plain");
  CHECK(status_of(ask(plain)) == "415");
  CHECK(status_of(ask(post("/api/settings", body, ""))) == "403");
  CHECK(status_of(ask(post("/api/settings", body, std::string(32, '0')))) == "403");
  CHECK(status_of(ask(post("/api/settings", body, good + "0"))) == "403");
  CHECK(store.count() == 0);
  // Other pages that are open do no harm.
  for (int i = 0; i < 3; ++i) (void)token();
  CHECK(status_of(ask(post("/api/settings", body, good))) == "200");
  (void)token();
  CHECK(status_of(ask(post("/api/settings", body, good))) == "403");
}

TEST_CASE_FIXTURE(Fixture, "a locked gateway shows its state alone") {
  gateway::ConsoleLock lock(store, entropy);  // locked until it knows better
  gateway::SetupPageParts locked = parts;
  locked.lock = &lock;
  page.close();
  SetupPage other(&listener, locked);
  REQUIRE(other.open(kOwnAddress, 80, false) == common::Status::kOk);
  const auto status = [&](const std::string& request) {
    const size_t peer = listener.connect();
    listener.peer_send(peer, request);
    (void)other.step(clock.now(), false);
    const std::string answer = listener.peer_receive(peer);
    listener.peer_reset(peer);
    (void)other.step(clock.now(), false);
    return status_of(answer);
  };
  const std::string read = " HTTP/1.1\r\n" + kHost + "\r\n";
  CHECK(status("GET /api/status" + read) == "200");
  CHECK(status("GET /api/settings" + read) == "423");
  CHECK(status(post("/api/settings", R"({"identity":"EVIL"})", std::string(32, '0'))) == "423");
  CHECK(status(post("/api/restart", "{}", std::string(32, '0'))) == "423");
  lock.begin({});  // no password is set
  CHECK(status("GET /api/settings" + read) == "200");
}

TEST_CASE_FIXTURE(Fixture, "guessing tokens ends in a pause") {
  const std::string good = token();
  for (size_t i = 0; i < SetupPage::kMaxWrongTokens; ++i)
    CHECK(status_of(ask(post("/api/restart", "{}", std::string(32, 'f')))) == "403");
  CHECK(status_of(ask(post("/api/restart", "{}", good))) == "429");
  clock.advance(SetupPage::kPauseMs);
  CHECK(status_of(ask(post("/api/restart", "{}", good))) == "200");
  CHECK(page.take_request() == SetupPage::Request::kRestart);
  CHECK(page.take_request() == SetupPage::Request::kNone);
}

TEST_CASE_FIXTURE(Fixture, "there is no restart while a transaction runs") {
  is_charging = true;
  const std::string answer = ask(post("/api/restart", "{}", token()));
  CHECK(status_of(answer) == "409");
  CHECK(has(answer, "a transaction runs"));
  CHECK(page.take_request() == SetupPage::Request::kNone);
}

TEST_CASE_FIXTURE(Fixture, "a name in Host is refused, since any web site can own one") {
  for (const char* host : {"evil.example", "192.168.4.1.evil.example", "1.2.3", "a.b.c.d", "[::1]",
                           "192.168.4.1:80x", "vev"})
    CHECK(status_of(get("/api/settings", "Host: " + std::string(host) + "\r\n")) == "403");
  for (const char* host : {"192.168.4.1:80", "localhost:18080", "LOCALHOST", "127.0.0.1"})
    CHECK(status_of(get("/api/settings", "Host: " + std::string(host) + "\r\n")) == "200");
}

TEST_CASE_FIXTURE(Fixture, "phones that look for the internet are sent to the page") {
  REQUIRE(page.open(kOwnAddress, 80, true) == common::Status::kOk);
  const std::vector<std::pair<std::string, std::string>> probes = {
      {"connectivitycheck.gstatic.com", "/generate_204"},
      {"captive.apple.com", "/hotspot-detect.html"},
      {"www.msftconnecttest.com", "/connecttest.txt"},
      {"www.msftncsi.com", "/ncsi.txt"},
      {"detectportal.firefox.com", "/canonical.html"},
      {"192.168.4.1", "/generate_204"},
  };
  for (const auto& [host, path] : probes) {
    const std::string answer = get(path, "Host: " + host + "\r\n");
    CHECK(status_of(answer) == "302");
    CHECK(has(answer, "Location: http://192.168.4.1/\r\n"));
  }
  CHECK(status_of(get("/")) == "200");
  const std::string foreign =
      "POST /api/restart HTTP/1.1\r\nHost: evil.example\r\n"
      "Content-Length: 2\r\n\r\n{}";
  CHECK(status_of(ask(foreign)) == "403");
}

TEST_CASE_FIXTURE(Fixture, "a search is asked for, and its networks listed as far as they fit") {
  for (size_t i = 0; i < platform::SimulatedWifi::kMaxNetworks; ++i) {
    platform::SimulatedWifi::Network found;
    found.ssid = common::FixedString<32>(std::string(32, '\x01').c_str());
    if (i == 0) found.ssid = common::FixedString<32>("caf\xC3\xA9 \"7\"");
    if (i > 1)
      found.ssid = common::FixedString<32>((std::string(31, '\x01') + char('a' + i)).c_str());
    found.password = common::FixedString<63>("12345678");
    REQUIRE(radio.add(found) == common::Status::kOk);
  }
  network.begin(common::text("SIM0001"), clock.now());
  CHECK(status_of(ask(post("/api/scan", "{}", token()))) == "200");
  CHECK(has(get("/api/networks"), "\"is_searching\":true"));
  for (int i = 0; i < 20; ++i) {
    clock.advance(100);
    (void)network.step(clock.now());
  }
  const std::string answer = get("/api/networks");
  CHECK(status_of(answer) == "200");
  CHECK(has(
      answer,
      R"({"is_searching":false,"networks":[{"ssid":"café \"7\"","rssi_dbm":-50,"has_password":true},)"));
  CHECK(has(get("/api/chargers"), "\"abl-emh1\""));
  CHECK(!has(get("/api/chargers"), "eastron"));
}

TEST_CASE_FIXTURE(Fixture, "why no network is joined is told for each") {
  platform::SimulatedWifi::Network near;
  near.ssid = common::FixedString<32>("depot");
  near.password = common::FixedString<63>("12345678");
  REQUIRE(radio.add(near) == common::Status::kOk);
  network.begin(common::text("SIM0001"), clock.now());
  CHECK(has(get("/api/status"), R"("network":{"is_good":false,"text":"No Wi-Fi network is set"})"));
  REQUIRE(status_of(set(R"({"wifi_ssid":"depot","wifi_password":"87654321","wifi2_ssid":"home",)"
                        R"("wifi2_password":""})")) == "200");
  network.reload(clock.now());
  for (int i = 0; i < 100; ++i) {
    clock.advance(100);
    (void)network.step(clock.now());
  }
  CHECK(has(get("/api/status"), "Not joined. depot: wrong password; home: not found"));
  REQUIRE(status_of(set(R"({"wifi_password":"12345678"})")) == "200");
  network.reload(clock.now());
  for (int i = 0; i < 20; ++i) {
    clock.advance(100);
    (void)network.step(clock.now());
  }
  CHECK(has(get("/api/status"), R"("network":{"is_good":true,"text":"Joined depot"})"));
}

TEST_CASE_FIXTURE(Fixture, "a name of a network never stands beside the password of another") {
  REQUIRE(status_of(set(R"({"wifi3_ssid":"old","wifi3_password":"password of old"})")) == "200");
  const std::string change = R"({"wifi3_ssid":"new","wifi3_password":"password of new"})";
  const std::string request = post("/api/settings", change, token());
  store.fail_next_set(common::Status::kNoSpace);
  const std::string answer = ask(request);
  CHECK(status_of(answer) == "500");
  CHECK(has(answer, "the setting could not be stored"));
  CHECK(stored("wifi3_ssid").empty());
  CHECK(has(set(R"({"wifi3_ssid":"new","wifi3_password":"short"})"),
            R"("wifi3_password":"a Wi-Fi password has 8 to 63 characters)"));
  CHECK(has(set(R"({"wifi4_ssid":"new"})"),
            R"("wifi4_password":"a new network needs its password")"));
}

TEST_CASE_FIXTURE(Fixture, "the page is there while the access point is, in its network alone") {
  page.close();
  platform_sim::SimUdpLink names(clock, 3);
  gateway::SetupPorts ports;
  ports.listener = &listener;
  ports.names = &names;
  ports.access_point_port = 80;
  gateway::SetupPortal portal(ports, parts, log);
  portal.begin({});
  CHECK(!portal.is_open());
  network.begin(common::text("SIM0001"), clock.now());
  (void)network.step(clock.now());
  REQUIRE(network.is_access_point_up());

  platform_sim::SimTcpListener::Behaviour taken;
  taken.is_port_taken = true;
  listener.set_behaviour(taken);
  (void)portal.step(clock.now(), false);
  CHECK(!portal.is_open());
  listener.set_behaviour({});
  (void)portal.step(clock.now(), false);
  CHECK(!portal.is_open());
  clock.advance(gateway::SetupPortal::kRetryMs);
  (void)portal.step(clock.now(), false);
  CHECK(portal.is_open());
  CHECK(listener.ipv4() == kOwnAddress);
  CHECK(listener.port() == 80);
  CHECK(names.local_port() == 53);

  network.set_access_point(false, clock.now());
  (void)network.step(clock.now());
  REQUIRE(!network.is_access_point_up());
  (void)portal.step(clock.now(), false);
  CHECK(!portal.is_open());
  CHECK(!names.is_open());
  CHECK(portal.step(clock.now(), false).is_never());
}

TEST_CASE_FIXTURE(Fixture,
                  "without an access point the page is there only where it was asked for") {
  page.close();
  gateway::SetupPorts ports;
  ports.listener = &listener;
  ports.own_port = 8080;
  gateway::SetupPortal portal(ports, parts, log);
  portal.begin(common::text("connector 1 has no charger"));
  CHECK(listener.ipv4() == 0x7F000001);
  CHECK(listener.port() == 8080);
  (void)portal.step(clock.now(), false);
  CHECK(portal.is_open());
}

TEST_CASE_FIXTURE(Fixture, "requests may be cut anywhere") {
  const std::string request = post("/api/settings", R"({"identity":"CP-9"})", token());
  for (size_t split = 1; split < request.size(); ++split) {
    REQUIRE(store.erase_all() == common::Status::kOk);
    CHECK(status_of(ask(request, split)) == "200");
    CHECK(stored("identity") == "CP-9");
  }
  platform_sim::SimTcpListener::Behaviour narrow;
  narrow.segment_bytes = 1;
  narrow.window_bytes = 100;
  listener.set_behaviour(narrow);
  CHECK(has(get("/api/status"), "\"identity\":\"CP1\""));
}

TEST_CASE_FIXTURE(Fixture, "what is no clear request is refused") {
  const std::string long_text(gateway::HttpRequest::kMaxHeadBytes, 'x');
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"GET / HTTP/1.1\r\n\r\n", "400"},                       // no Host
      {"GET / HTTP/1.1\r\n" + kHost + kHost + "\r\n", "400"},  // two
      {"GET / HTTP/1.1\r\nHost:\r\n\r\n", "400"},              // empty
      {"GET / HTTP/1.1\r\nHost: " + std::string(64, '1') + "\r\n\r\n", "400"},
      {"GET /\r\n" + kHost + "\r\n", "400"},  // HTTP/0.9
      {"GET / HTTP/2.0\r\n" + kHost + "\r\n", "505"},
      {"GET / HTTP/1.1\r\n" + kHost + " folded\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\nHost : 1.2.3.4\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\n" + kHost + "no colon\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\n" + kHost + "X: a\rb\r\n\r\n", "400"},
      {std::string("GET /\0 HTTP/1.1\r\n", 17) + kHost + "\r\n", "400"},
      {"\x16\x03\x01\x02", "400"},  // TLS
      {"GET /" + long_text, "431"},
      {"GET /" + long_text.substr(0, 2000) + " HTTP/1.1\r\n", "414"},
      {"GET / HTTP/1.1\r\nContent-Type: " + long_text.substr(0, 2000) + "\r\n", "431"},
      {"GET / HTTP/1.1\r\nCookie: " + long_text.substr(0, 2000) + "\r\n" + kHost + "\r\n", "200"},
      {"\r\n\r\nGET / HTTP/1.1\r\n" + kHost + "\r\n", "200"},
      {"GET / HTTP/1.0\n" + kHost + "\n", "200"},
      {"POST /api/scan HTTP/1.1\r\n" + kHost + "\r\n", "411"},
      {"POST /api/scan HTTP/1.1\r\n" + kHost + "Transfer-Encoding: chunked\r\n\r\n", "501"},
      {"POST / HTTP/1.1\r\n" + kHost + "Content-Length: 9999999999999999999\r\n", "413"},
      {"POST / HTTP/1.1\r\n" + kHost + "Content-Length: -1\r\n", "400"},
      {"POST / HTTP/1.1\r\n" + kHost + "Content-Length: 1\r\nContent-Length: 1\r\n", "400"},
      {"DELETE / HTTP/1.1\r\n" + kHost + "\r\n", "405"},
      {"DELETE /nothing HTTP/1.1\r\n" + kHost + "\r\n", "404"},
      {"GET / HTTP/1.1\r\n" + kHost + "\r\nGET / HTTP/1.1\r\n" + kHost + "\r\n", "200"},
  };
  for (const auto& [request, status] : cases) {
    const auto shown = request.substr(0, 80);
    CAPTURE(shown);
    CHECK(status_of(ask(request)) == status);
  }
}

TEST_CASE_FIXTURE(Fixture, "slow, silent and absent peers give their places back") {
  constexpr size_t kPlaces = platform::TcpListener::kPlaces;
  std::vector<size_t> peers;
  for (size_t i = 0; i < kPlaces + 2; ++i) peers.push_back(listener.connect());
  Instant next = step();
  CHECK(listener.waiting() == 2);
  CHECK(next == clock.now() + SetupPage::kIdleMs);
  listener.peer_send(peers[0], "GET / HT");
  step();
  step(SetupPage::kIdleMs);  // the others asked nothing
  CHECK(listener.waiting() == 0);
  CHECK(listener.is_held(peers[0]));
  CHECK(!listener.is_held(peers[1]));
  step(SetupPage::kRequestMs);
  for (const size_t peer : peers) CHECK(!listener.is_held(peer));

  // Nobody takes the answer.
  const size_t deaf = listener.connect();
  listener.peer_send(deaf, "GET / HTTP/1.1\r\n" + kHost + "\r\n");
  step();
  CHECK(!listener.is_finished(deaf));
  next = step();
  CHECK(next == clock.now() + SetupPage::kSendMs);
  step(SetupPage::kSendMs);
  CHECK(!listener.is_held(deaf));

  const size_t gone = listener.connect();
  step();
  listener.peer_reset(gone);
  step();
  CHECK(!listener.is_held(gone));

  // An end that never comes.
  const size_t open = listener.connect();
  listener.peer_send(open, "GET /api/status HTTP/1.1\r\n" + kHost + "\r\n");
  step();
  CHECK(listener.is_finished(open));
  step(SetupPage::kLingerMs);
  CHECK(!listener.is_held(open));
  CHECK(step().is_never());
  page.close();
  CHECK(!page.is_open());
}

TEST_CASE_FIXTURE(Fixture, "damaged requests end, answer with a status, and allocate nothing") {
  platform_sim::SimEntropy dice(11);
  const std::string seed = post("/api/settings", R"({"identity":"CP-9","password":"k"})", token());
  const std::string pieces[] = {"\r\n", "\r\n\r\n", ":", " ",   "Host", "Content-Length: 9",
                                "\"",   "\\u12",    "{", "\xFF"};
  for (int round = 0; round < 1500; ++round) {
    std::string request = seed;
    for (uint32_t change = dice.below(4) + 1; change > 0; --change) {
      const size_t at = dice.below(static_cast<uint32_t>(request.size()));
      switch (dice.below(4)) {
        case 0:
          request[at] = static_cast<char>(dice.below(256));
          break;
        case 1:
          request.erase(at, dice.below(20) + 1);
          break;
        case 2:
          request.insert(at, pieces[dice.below(10)]);
          break;
        default:
          request.insert(at, request.substr(dice.below(static_cast<uint32_t>(request.size())), 30));
          break;
      }
      if (request.empty()) request = "G";
    }
    const size_t peer = listener.connect();
    listener.peer_send(peer, request);
    listener.peer_finish(peer);
    size_t allocations = 0;
    {
      const platform_sim::MallocTrap trap;
      step();
      step();
      allocations = trap.count();
    }
    step(SetupPage::kRequestMs);
    CHECK(allocations == 0);
    CHECK(!listener.is_held(peer));
    const std::string answer = listener.peer_receive(peer);
    // An end inside a request has no answer.
    if (!answer.empty()) CHECK(answer.substr(0, 9) == "HTTP/1.1 ");
    for (size_t i = 0; i < SetupPage::kMaxWrongTokens && round % 50 == 0; ++i)
      clock.advance(SetupPage::kPauseMs);
  }
  CHECK(status_of(get("/")) == "200");
}

TEST_CASE_FIXTURE(Fixture, "a port that cannot be used is said") {
  platform_sim::SimTcpListener::Behaviour taken;
  taken.is_port_taken = true;
  listener.set_behaviour(taken);
  CHECK(page.open(kOwnAddress, 80, false) == common::Status::kIo);
  SetupPage none(nullptr, parts);
  CHECK(none.open(0, 80, false) == common::Status::kUnsupported);
  CHECK(none.step(clock.now(), false).is_never());
}

TEST_CASE("the memory of the setup page is bounded") { CHECK(sizeof(SetupPage) <= 7200); }
