#include "link_access_fixture.hpp"

using common::Instant;
using common::Status;
using gateway::KeyForm;
using gateway::LinkAccess;
using platform::LinkFailure;
using platform::SecurityProfile;

namespace {

constexpr const char* kDigits = "4F43415F4F4354545F61646D696E5F74657374";
constexpr const char* kText = "OCA_OCTT_admin_test";

}  // namespace

// Rules: WP-A00.FR.205 FP-21
TEST_CASE(
    "a key is tried as the bytes of its digits first where it is as long as such digits are") {
  struct Row {
    const char* key;
    KeyForm form;
    const char* first;
    const char* other;
  };
  const Row rows[] = {
      {"4F43415F4F4354545F61646D696E5F7465737421", KeyForm::kAuto, "OCA_OCTT_admin_test!",
       "4F43415F4F4354545F61646D696E5F7465737421"},
      {kDigits, KeyForm::kAuto, kText, kDigits},
      {kDigits, KeyForm::kHex, kText, ""},
      {kDigits, KeyForm::kText, kDigits, ""},
      {kText, KeyForm::kAuto, kText, ""},
      {"61626364", KeyForm::kAuto, "61626364", "abcd"},
      {"61626364", KeyForm::kHex, "abcd", ""},
      {"short", KeyForm::kAuto, "short", ""},
      {"", KeyForm::kAuto, "", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.key);
    const gateway::KeyForms forms = gateway::key_forms(common::text(row.key), row.form);
    CHECK(str(forms.first) == row.first);
    CHECK(str(forms.other) == row.other);
  }
  const auto zero =
      gateway::key_forms(common::text("00ff00ff00ff00ff00ff00ff00ff00ff"), KeyForm::kAuto);
  CHECK(zero.first.size() == 16);
  CHECK(zero.first.span()[0] == '\0');
}

// Rules: WP-A00.FR.205 J-6.2.2-2 FP-21
TEST_CASE("OCPP sets keys of 16 to 20 bytes alone") {
  const auto takes = [](const std::string& key, KeyForm form = KeyForm::kAuto) {
    return gateway::is_acceptable_key(common::TextSpan(key.data(), key.size()), form);
  };
  CHECK(takes(std::string(16, 'x')));
  CHECK(takes(std::string(20, 'x')));
  CHECK(takes(std::string(32, 'a')));
  CHECK(takes(std::string(40, 'A')));
  CHECK_FALSE(takes(""));
  CHECK_FALSE(takes(std::string(15, 'x')));
  CHECK_FALSE(takes(std::string(21, 'a')));
  CHECK_FALSE(takes(std::string(33, 'a')));
  CHECK_FALSE(takes(std::string(32, 'x')));
  CHECK_FALSE(takes(std::string(42, 'a')));
  CHECK_FALSE(takes(std::string(16, 'a'), KeyForm::kHex));
  CHECK(takes(std::string(32, 'x'), KeyForm::kText));
}

TEST_CASE("the profile follows from URL and password where none is set") {
  Fixture fixture;
  fixture.restart();
  CHECK(fixture.access->security_profile() == SecurityProfile::kNone);
  fixture.set("password", kText);
  CHECK(fixture.access->security_profile() == SecurityProfile::kBasic);
  fixture.set("csms_url", "WSS://csms.example/");
  CHECK(fixture.access->security_profile() == SecurityProfile::kTlsBasic);
  fixture.set("sec_profile", "3");
  CHECK(fixture.access->security_profile() == SecurityProfile::kTlsClientCertificate);
}

// Rules: WP-A00.FR.004
TEST_CASE("the first connection has the profile that was set before it, and none is without one") {
  struct Row {
    const char* url;
    const char* set;
    const char* password;
    SecurityProfile profile;
    const char* scheme;
  };
  constexpr const char* kWs = "ws://csms.example:9000/ocpp";
  constexpr const char* kWss = "wss://csms.example:9000/ocpp";
  const Row rows[] = {
      {kWs, "", "", SecurityProfile::kNone, "ws://"},
      {kWs, "", kText, SecurityProfile::kBasic, "ws://"},
      {kWs, "1", kText, SecurityProfile::kBasic, "ws://"},
      {kWs, "2", kText, SecurityProfile::kTlsBasic, "wss://"},
      {kWs, "3", "", SecurityProfile::kTlsClientCertificate, "wss://"},
      {kWss, "", "", SecurityProfile::kTlsBasic, "wss://"},
      {kWss, "3", "", SecurityProfile::kTlsClientCertificate, "wss://"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.url);
    CAPTURE(row.set);
    Fixture fixture;
    fixture.set("csms_url", row.url);
    fixture.set("sec_profile", row.set);
    fixture.set("password", row.password);
    fixture.restart();  // opens the link for the first time
    CHECK(fixture.opened.security_profile == row.profile);
    CHECK(str(fixture.opened.url).rfind(row.scheme, 0) == 0);
    CHECK(fixture.opened.verify_certificate);
  }
}

TEST_CASE("from profile 2 on the URL is one of TLS") {
  Fixture fixture;
  fixture.set("sec_profile", "2");
  fixture.restart();
  CHECK(str(fixture.opened.url) == "wss://csms.example:9000/ocpp");
  fixture.set("csms_url_tls", "wss://tls.example/x");
  fixture.restart();
  CHECK(str(fixture.opened.url) == "wss://tls.example/x");
  fixture.set("sec_profile", "1");
  fixture.restart();
  CHECK(str(fixture.opened.url) == "ws://csms.example:9000/ocpp");
}

// Rules: WP-A01.FR.01 FP-21
TEST_CASE("a new key is tried after the answer had time, and stored once it has connected") {
  Fixture fixture;
  fixture.set("password", "the old password");
  fixture.restart();
  fixture.connect();
  REQUIRE(fixture.set_key(kDigits) == Status::kOk);
  CHECK_FALSE(fixture.step(LinkAccess::kAnswerMs - 1));
  CHECK(fixture.step(1));
  CHECK(str(fixture.opened.password) == kText);
  CHECK(str(fixture.opened.other_password) == kDigits);
  CHECK(str(fixture.settings.text("password")) == "the old password");
  CHECK_FALSE(fixture.connect());
  CHECK(str(fixture.settings.text("password")) == kDigits);
  CHECK_FALSE(fixture.access->is_trying());
  for (const auto& line : fixture.log.lines()) {
    CHECK(line.text.find(kDigits) == std::string::npos);
    CHECK(line.text.find(kText) == std::string::npos);
  }
}

// Rules: FP-21
TEST_CASE("a new key that the CSMS refuses gives way to the old one") {
  Fixture fixture;
  fixture.set("password", "the old password");
  fixture.restart();
  fixture.connect();
  REQUIRE(fixture.set_key("a new key of text") == Status::kOk);
  REQUIRE(fixture.step(LinkAccess::kAnswerMs));
  CHECK(fixture.fail(LinkFailure::kUnauthorized));
  CHECK(str(fixture.opened.password) == "the old password");
  CHECK(fixture.access->is_trying());
  CHECK_FALSE(fixture.connect());
  CHECK_FALSE(fixture.access->is_trying());
  CHECK(str(fixture.settings.text("password")) == "the old password");
}

// Rules: FP-21
TEST_CASE("while nothing connects both keys are tried, and none is lost") {
  Fixture fixture;
  fixture.set("password", "the old password");
  fixture.restart();
  fixture.connect();
  REQUIRE(fixture.set_key("a new key of text") == Status::kOk);
  REQUIRE(fixture.step(LinkAccess::kAnswerMs));
  bool is_new = true;
  for (const int failures : {3, 1, 6, 6, 12, 12}) {
    CHECK(str(fixture.opened.password) == (is_new ? "a new key of text" : "the old password"));
    const LinkFailure failure = is_new ? LinkFailure::kConnection : LinkFailure::kUnauthorized;
    for (int i = 1; i < failures; ++i) CHECK_FALSE(fixture.fail(failure));
    CHECK(fixture.fail(failure));
    is_new = !is_new;
  }
  CHECK_FALSE(fixture.connect());
  CHECK(str(fixture.settings.text("password")) == "a new key of text");
}

// Rules: WP-A00.FR.005 WP-A05.FR.01 WP-A05.FR.02
TEST_CASE("a profile is raised, never lowered, and needs its key") {
  Fixture fixture;
  fixture.restart();
  const auto raise = [&fixture](SecurityProfile profile) {
    return fixture.access->raise_profile(profile, fixture.now);
  };
  CHECK(raise(SecurityProfile::kNone) == Status::kInvalidArgument);
  CHECK(raise(SecurityProfile::kBasic) == Status::kInvalidState);
  CHECK(raise(SecurityProfile::kTlsBasic) == Status::kInvalidState);
  fixture.set("password", kText);
  fixture.set("sec_profile", "2");
  for (const auto profile :
       {SecurityProfile::kNone, SecurityProfile::kBasic, SecurityProfile::kTlsBasic}) {
    CHECK(raise(profile) == Status::kInvalidArgument);
  }
  CHECK(raise(SecurityProfile::kTlsClientCertificate) == Status::kOk);
  CHECK(raise(SecurityProfile::kTlsClientCertificate) == Status::kInvalidArgument);
  CHECK(fixture.access->security_profile() == SecurityProfile::kTlsClientCertificate);
}

// Rules: WP-A05.FR.05 WP-A05.FR.08
TEST_CASE("a raised profile is tried by a new connection, and given up where that fails") {
  const LinkFailure failures[] = {
      LinkFailure::kInvalidServerCertificate, LinkFailure::kInvalidTlsVersion,
      LinkFailure::kInvalidTlsCipherSuite, LinkFailure::kRefusedClientCertificate,
      LinkFailure::kMissingCredentials};
  for (const LinkFailure failure : failures) {
    CAPTURE(platform::to_string(failure));
    Fixture fixture;
    fixture.set("password", kText);
    fixture.restart();
    fixture.connect();
    REQUIRE(fixture.access->raise_profile(SecurityProfile::kTlsBasic, fixture.now) == Status::kOk);
    REQUIRE(fixture.step(LinkAccess::kAnswerMs));
    CHECK(str(fixture.opened.url) == "wss://csms.example:9000/ocpp");
    CHECK(fixture.opened.security_profile == SecurityProfile::kTlsBasic);
    CHECK(fixture.fail(failure));
    CHECK(fixture.opened.security_profile == SecurityProfile::kBasic);
    CHECK_FALSE(fixture.connect());
    CHECK(fixture.access->security_profile() == SecurityProfile::kBasic);
    CHECK(fixture.settings.text("sec_profile").empty());
  }
}

TEST_CASE("the URL that people are told is the one that the profile takes") {
  Fixture fixture;
  fixture.restart();
  CHECK(str(fixture.access->url()) == "ws://csms.example:9000/ocpp");
  fixture.set("sec_profile", "3");
  CHECK(str(fixture.access->url()) == "wss://csms.example:9000/ocpp");
  fixture.set("csms_url_tls", "wss://secure.example/ocpp");
  CHECK(str(fixture.access->url()) == "wss://secure.example/ocpp");
  fixture.open();
  CHECK(str(fixture.opened.url) == "wss://secure.example/ocpp");
}

// Rules: WP-A05.FR.05
TEST_CASE("a raised profile that connects is kept over restarts") {
  Fixture fixture;
  fixture.set("password", kText);
  fixture.restart();
  fixture.connect();
  REQUIRE(fixture.access->raise_profile(SecurityProfile::kTlsBasic, fixture.now) == Status::kOk);
  fixture.step(LinkAccess::kAnswerMs);
  fixture.connect();
  fixture.restart();
  CHECK(fixture.opened.security_profile == SecurityProfile::kTlsBasic);
  CHECK_FALSE(fixture.access->is_trying());
}

// Rules: FP-21
TEST_CASE("power may fail at every write of a trial: the old or the new values connect") {
  bool has_ended = false;
  for (uint64_t cut = 0; !has_ended && cut < 40; ++cut) {
    CAPTURE(cut);
    Fixture fixture;
    fixture.set("password", "the old password");
    fixture.restart();
    fixture.connect();
    fixture.power.cut_at_operation(fixture.power.operations() + cut / 2, cut % 2 == 1);
    const bool is_taken = fixture.set_key(kDigits) == Status::kOk;
    if (is_taken) {
      fixture.step(LinkAccess::kAnswerMs);
      fixture.connect();
    }
    has_ended = fixture.power.is_on();
    fixture.power.restore();
    fixture.restart();
    const std::string password = str(fixture.opened.password);
    CHECK((password == "the old password" || password == kText));
    fixture.connect();
    fixture.restart();
    CHECK(str(fixture.opened.password) == password);
    CHECK_FALSE(fixture.access->is_trying());
  }
  CHECK(has_ended);
}

// Rules: FP-21
TEST_CASE("the form of the key that the CSMS took is tried first from then on") {
  Fixture fixture;
  fixture.set("password", kDigits);
  fixture.restart();
  CHECK(str(fixture.opened.password) == kText);
  fixture.connect(true);
  fixture.restart();
  CHECK(str(fixture.opened.password) == kDigits);
  CHECK(str(fixture.opened.other_password) == kText);
  fixture.connect(true);
  fixture.restart();
  CHECK(str(fixture.opened.password) == kText);
}
