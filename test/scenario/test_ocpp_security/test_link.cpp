// Purpose:       AuthorizationKey, SecurityProfile and the other keys of the extension; what the link's failures are told as.
// Given:         A gateway with the security extension; how a key or profile is tried is tested with gateway::LinkAccess.
// Steps:         See each case.
// Pass criteria: Only what has all it needs is Accepted; nothing shows a password.
// Spec:          OCPP 1.6 security whitepaper ed. 3, A00, A01, A05.
#include "fixture.hpp"

using platform::LinkFailure;
using platform::SecurityProfile;

namespace {

constexpr char kHex[] = "4F43415F4F4354545F61646D696E5F74657374";
constexpr char kText[] = "OCA_OCTT_admin_test";

struct Link : Fixture {
  std::string key(const std::string& name) {
    return world.call_frame("GetConfiguration", R"({"key":[")" + name + "\"]}");
  }
};

}  // namespace

// Rules: WP-A01.FR.01 WP-A01.FR.11 WP-A01.FR.12
TEST_CASE_FIXTURE(Link, "a new password is taken and noted, and nothing shows it") {
  CHECK(change("AuthorizationKey", kHex) == "Accepted");
  CHECK(world.access.key == kHex);
  CHECK(contains(key("AuthorizationKey"), R"({"key":"AuthorizationKey","readonly":false})"));
  CHECK(contains(key("authorizationkey"), R"("key":"AuthorizationKey")"));
  (void)get_log(1);
  world.run_for(20000);
  CHECK(contains(upload(),
                 R"("event":"ReconfigurationOfSecurityParameters","info":"AuthorizationKey")"));
  for (const std::string& text : {world.log.text(), upload()}) {
    CHECK_FALSE(contains(text, kText));
    CHECK_FALSE(contains(text, kHex));
  }
  CHECK(world.problems() == "");
}

// Rules: WP-A00.FR.205
TEST_CASE_FIXTURE(
    Link, "a key that is none, or that the flash does not take, is Rejected and changes nothing") {
  CHECK(change("AuthorizationKey", "short") == "Rejected");
  world.access.store = common::Status::kNoSpace;
  CHECK(change("AuthorizationKey", kHex) == "Rejected");
  CHECK(world.access.key.empty());
}

// Rules: WP-A05.FR.01 WP-A00.FR.005
TEST_CASE_FIXTURE(Link, "the profile is not lowered by OCPP, nor set to what it is") {
  world.credentials.roots[0].push_back("CSMS");
  world.access.profile = SecurityProfile::kTlsBasic;
  world.access.key = kText;
  for (const char* value : {"0", "1", "2", "4", "-1", "", "3 ", "two"})
    CHECK(change("SecurityProfile", value) == "Rejected");
  CHECK(contains(key("SecurityProfile"), R"("value":"2")"));
}

// Rules: WP-A05.FR.02
TEST_CASE_FIXTURE(Link, "a profile with a password is Rejected without one") {
  world.credentials.roots[0].push_back("CSMS");
  CHECK(change("SecurityProfile", "1") == "Rejected");
  CHECK(change("SecurityProfile", "2") == "Rejected");
  CHECK(change("AuthorizationKey", kHex) == "Accepted");
  CHECK(change("SecurityProfile", "1") == "Accepted");
}

// Rules: WP-A05.FR.03
TEST_CASE_FIXTURE(Link, "a profile with TLS is Rejected without a root of the CSMS") {
  world.credentials.client = "mine";
  world.access.key = kText;
  CHECK(change("SecurityProfile", "2") == "Rejected");
  CHECK(change("SecurityProfile", "3") == "Rejected");
  world.security_options.has_trust_store = true;
  restart();
  CHECK(change("SecurityProfile", "2") == "Accepted");
}

// Rules: WP-A05.FR.04
TEST_CASE_FIXTURE(Link, "profile 3 is Rejected without a certificate of the charge point") {
  world.credentials.roots[0].push_back("CSMS");
  CHECK(change("SecurityProfile", "3") == "Rejected");
}

// Rules: WP-A05.FR.05 WP-A00.FR.001
TEST_CASE_FIXTURE(Link, "a higher profile with all that it needs is Accepted") {
  world.credentials.roots[0].push_back("CSMS");
  world.credentials.client = "mine";
  world.access.key = kText;
  for (const char* wanted : {"2", "3"}) {
    CHECK(change("SecurityProfile", wanted) == "Accepted");
    CHECK(contains(key("SecurityProfile"), std::string(R"("value":")") + wanted));
  }
  CHECK(world.problems() == "");
}

// Rules: WP-A00.FR.309 WP-A00.FR.315 WP-A00.FR.322 WP-A04.FR.01
TEST_CASE_FIXTURE(Link,
                  "what the link does not accept of a CSMS is told by the next that it accepts") {
  world.disconnect();
  platform::LinkStatus status;
  status.certificate_fault = platform::CertificateFault::kWrongHost;
  for (const LinkFailure each :
       {LinkFailure::kInvalidServerCertificate, LinkFailure::kInvalidTlsVersion,
        LinkFailure::kInvalidTlsCipherSuite, LinkFailure::kUnauthorized,
        LinkFailure::kRefusedClientCertificate, LinkFailure::kConnection}) {
    for (int i = 0; i < 3; ++i) {
      status.count_failure(each);
      world.security->on_link(status, world.now());
      world.security->on_link(status, world.now());
    }
  }
  world.connect();
  world.run_for(5000);
  CHECK(told() ==
        "StartupOfTheDevice InvalidCentralSystemCertificate InvalidTLSVersion "
        "InvalidTLSCipherSuite ");
  CHECK(contains(calls_of("SecurityEventNotification").at(1), R"("techInfo":"wrong_host")"));
  (void)get_log(1);
  world.run_for(20000);
  CHECK(contains(upload(), R"("event":"FailedToAuthenticateAtCentralSystem","info":"HTTP 401")"));
}

TEST_CASE_FIXTURE(Link, "whoever looks at the log sees that the own certificate has expired") {
  world.access.profile = SecurityProfile::kTlsClientCertificate;
  platform::LinkStatus status;
  for (const char* client : {"mine", ""}) {
    world.credentials.client = client;
    status.count_failure(LinkFailure::kTls);
    world.security->on_link(status, world.now());
    CHECK(contains(world.log.text(), "certificate of the charge point is not valid now") ==
          world.credentials.client.empty());
  }
}

// Rules: WP-A04.FR.01
TEST_CASE_FIXTURE(Link, "no failure is missed between two looks at the link") {
  platform::LinkStatus status;
  status.count_failure(LinkFailure::kConnection);
  world.security->on_link(status, world.now());
  SUBCASE("connected in between, so that failures are counted anew") {
    status.failures = 0;
    status.count_failure(LinkFailure::kInvalidTlsVersion);
  }
  SUBCASE("another one followed") {
    status.count_failure(LinkFailure::kInvalidTlsVersion);
    status.count_failure(LinkFailure::kConnection);
  }
  SUBCASE("it stood again when somebody looked") {
    status.count_failure(LinkFailure::kInvalidTlsVersion);
    status.failures = 0;
    status.failure = LinkFailure::kNone;
    status.is_up = true;
  }
  world.security->on_link(status, world.now());
  world.run_for(5000);
  CHECK(told() == "StartupOfTheDevice InvalidTLSVersion ");
}

// Rules: FP-20
TEST_CASE_FIXTURE(Link, "a CSMS is told that its certificate is not looked at") {
  platform::LinkStatus status;
  status.is_up = true;
  status.is_unverified = true;
  status.connection_id = 1;
  world.security->on_link(status, world.now());
  world.security->on_link(status, world.now());
  world.connect();
  world.run_for(5000);
  CHECK(told() == "StartupOfTheDevice InvalidCentralSystemCertificate ");
  CHECK(contains(calls_of("SecurityEventNotification").at(1),
                 R"("techInfo":"not checked: tls_verify is off")"));
}

TEST_CASE_FIXTURE(Link, "the keys of the extension stand beside those of the engine") {
  const std::string all = world.call_frame("GetConfiguration", "{}");
  for (const char* key :
       {R"("key":"AuthorizationKey","readonly":false})",
        R"("key":"SecurityProfile","readonly":false,"value":"0")",
        R"("key":"CertificateStoreMaxLength","readonly":true,"value":"4")",
        R"("key":"CertificateSignedMaxChainSize","readonly":true,"value":"5800")",
        R"("key":"AdditionalRootCertificateCheck","readonly":true,"value":"false")",
        R"("key":"CpoName","readonly":false,"value":"")", R"("key":"HeartbeatInterval")"}) {
    CHECK(contains(all, key));
  }
  CHECK(change("CertificateStoreMaxLength", "5") == "Rejected");
  CHECK(change("HeartbeatInterval", "100") == "Accepted");
  CHECK(change("NoSuchKey", "1") == "NotSupported");
  world.settings.fail_next_set(common::Status::kNoSpace);
  CHECK(change("CpoName", "Operator") == "Rejected");
  CHECK(change("CpoName", "Operator") == "Accepted");
  restart();
  CHECK(contains(key("CpoName"), R"("value":"Operator")"));
}
