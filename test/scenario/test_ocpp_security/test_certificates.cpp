// Purpose:       Certificates by OCPP: installing, listing, deleting, signing, renewal.
// Given:         A gateway with the security extension and a store whose certificates are words that say what becomes of them.
// Steps:         See each case.
// Pass criteria: Each CALL gets one answer, after the check; what is not valid is told as an event.
// Spec:          OCPP 1.6 security whitepaper ed. 3, A02, A03, M03, M04, M05.
#include "fixture.hpp"
#include "gateway/own_certificates.hpp"

using common::Status;

namespace {

struct Certificates : Fixture {
  std::string install(const std::string& certificate,
                      const std::string& use = "CentralSystemRootCertificate") {
    return world.call("InstallCertificate", R"({"certificateType":")" + use +
                                                R"(","certificate":")" + certificate + "\"}");
  }
  std::string list(const std::string& use = "CentralSystemRootCertificate") {
    return world.call_frame("GetInstalledCertificateIds", R"({"certificateType":")" + use + "\"}");
  }
  std::string sign(const std::string& chain) {
    return world.call("CertificateSigned", R"({"certificateChain":")" + chain + "\"}");
  }
  std::string trigger() {
    const std::string status = world.call("ExtendedTriggerMessage",
                                          R"({"requestedMessage":"SignChargePointCertificate"})");
    world.run_for(2000);
    return status;
  }
  std::string remove(const std::string& frame) {
    const size_t at = frame.find("{\"hashAlgorithm\"");
    return world.call(
        "DeleteCertificate",
        R"({"certificateHashData":)" + frame.substr(at, frame.find('}', at) + 1 - at) + "}");
  }
};

}  // namespace

// Rules: WP-M05.FR.01 WP-M05.FR.03 WP-M05.FR.06
TEST_CASE_FIXTURE(Certificates,
                  "a root is installed, Rejected, or Failed, once it has been checked") {
  world.credentials.polls = 30;
  CHECK(install("good: first") == "Accepted");
  CHECK(install("good: maker", "ManufacturerRootCertificate") == "Accepted");
  CHECK(world.credentials.roots[0] == std::vector<std::string>{"first"});
  CHECK(world.credentials.roots[1] == std::vector<std::string>{"maker"});
  CHECK(install("broken store") == "Failed");
  CHECK(count("InvalidCentralSystemCertificate") == 0);
  CHECK(install("expired") == "Rejected");
  world.run_for(1000);
  CHECK(count("InvalidCentralSystemCertificate") == 1);
  CHECK(contains(calls_of("SecurityEventNotification").back(), "expired"));
  CHECK(install("expired", "ManufacturerRootCertificate") == "Rejected");
  for (const char* name : {"2", "3", "4"})
    CHECK(install(std::string("good: ") + name) == "Accepted");
  CHECK(install("good: one too many") == "Rejected");
  world.run_for(1000);
  CHECK(count("InvalidCentralSystemCertificate") == 1);
  CHECK(world.problems() == "");
}

TEST_CASE_FIXTURE(Certificates,
                  "line ends of a certificate arrive as such, and long ones arrive whole") {
  std::string text = "good: ";
  while (text.size() < 5500)
    text += "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\\n";
  text.resize(5498);
  CHECK(install(text) == "Accepted");
  const std::string& stored = world.credentials.roots[0].at(0);
  CHECK(contains(stored, "cde\n012"));
  CHECK(stored.size() > 5300);
}

// Rules: WP-M05.FR.09
TEST_CASE_FIXTURE(
    Certificates,
    "with AdditionalRootCertificateCheck a root of the CSMS takes the place of the others") {
  world.security_options.checks_additional_root = true;
  restart();
  CHECK(install("good: next") == "Accepted");
  CHECK(install("good: maker", "ManufacturerRootCertificate") == "Accepted");
  size_t replaced = 0;
  for (const std::string& call : world.credentials.calls) replaced += call == "replace" ? 1 : 0;
  CHECK(replaced == 1);
}

TEST_CASE_FIXTURE(
    Certificates,
    "while one certificate is checked another is refused, and everything else answered") {
  world.credentials.polls = 100;
  const std::string id = world.csms.call(
      "InstallCertificate",
      R"({"certificateType":"CentralSystemRootCertificate","certificate":"good: a"})", world.now());
  world.run_for(100);
  CHECK(contains(world.call_frame("CertificateSigned", R"({"certificateChain":"x"})"), "Rejected"));
  CHECK(
      contains(world.call_frame(
                   "InstallCertificate",
                   R"({"certificateType":"CentralSystemRootCertificate","certificate":"good: b"})"),
               "InternalError"));
  CHECK(contains(world.call_frame("GetConfiguration", R"({"key":["CpoName"]})"), "CpoName"));
  world.run_for(5000);
  CHECK(world.csms.answer_status(id) == "Accepted");
  CHECK(world.credentials.roots[0].size() == 1);
}

TEST_CASE_FIXTURE(Certificates, "a check that ends after the connection is answered to nobody") {
  world.credentials.polls = 100;
  (void)world.csms.call(
      "InstallCertificate",
      R"({"certificateType":"CentralSystemRootCertificate","certificate":"good: a"})", world.now());
  world.run_for(100);
  world.disconnect();
  world.run_for(1000);
  world.connect();
  world.run_for(5000);
  CHECK(world.problems() == "");
  CHECK(world.credentials.roots[0].size() == 1);
  CHECK(install("good: b") == "Accepted");
}

// Rules: WP-M03.FR.01 WP-M04.FR.02 WP-M04.FR.05 WP-M04.FR.06
TEST_CASE_FIXTURE(Certificates,
                  "roots are listed and deleted, but for the one in use and our own certificate") {
  CHECK(contains(list(), "NotFound"));
  world.credentials.client = "mine";
  CHECK(install("good: in use") == "Accepted");
  CHECK(install("good: spare") == "Accepted");
  CHECK(contains(list("ManufacturerRootCertificate"), "NotFound"));
  const std::string both = list();
  CHECK(contains(both, R"("status":"Accepted")"));
  CHECK(contains(both, R"("hashAlgorithm":"SHA256","issuerNameHash":"69000)"));  // "i"
  CHECK(contains(both, R"("serialNumber":"6")"));
  world.credentials.in_use = "in use";
  CHECK(remove(both) == "Failed");
  const std::string second = both.substr(both.find("},{") + 2);
  CHECK(remove(second) == "Accepted");
  CHECK(remove(second) == "NotFound");
  CHECK(world.credentials.client == "mine");
  CHECK(world.call("DeleteCertificate",
                   R"({"certificateHashData":{"hashAlgorithm":"SHA256",)"
                   R"("issuerNameHash":"zz","issuerKeyHash":"00","serialNumber":"1"}})") ==
        "NotFound");
}

// Rules: WP-A02.FR.02 WP-A02.FR.03 WP-A02.FR.08 WP-A02.FR.13 WP-A00.FR.509 WP-A00.FR.511
TEST_CASE_FIXTURE(
    Certificates,
    "on request new keys are made, their request is sent, and its certificate taken") {
  CHECK(change("CpoName", "Operator") == "Accepted");
  CHECK(trigger() == "Accepted");
  CHECK(world.credentials.subject == "0001/Operator");
  REQUIRE(calls_of("SignCertificate").size() == 1);
  CHECK(calls_of("SignCertificate")[0] == R"({"csr":"CSR 1\n0001/Operator"})");
  CHECK(sign("good: signed") == "Accepted");
  CHECK(world.credentials.client == "signed");
  CHECK_FALSE(world.security->take_reconnect(world.now() + 10000));  // profile 0 does not show it
  world.run_for(1000);
  CHECK(count("InvalidChargePointCertificate") == 0);
  CHECK(world.problems() == "");
}

// Rules: WP-A02.FR.08
TEST_CASE_FIXTURE(Certificates, "with profile 3 the new certificate is connected with") {
  world.access.profile = platform::SecurityProfile::kTlsClientCertificate;
  restart();
  CHECK(trigger() == "Accepted");
  CHECK(sign("good: signed") == "Accepted");
  world.run_for(100);
  CHECK(world.security->take_reconnect(world.now()));
  CHECK_FALSE(world.security->take_reconnect(world.now()));
}

// Rules: WP-A02.FR.06 WP-A02.FR.07
TEST_CASE_FIXTURE(
    Certificates,
    "a certificate that is not valid, or that nobody asked for, is Rejected and told") {
  CHECK(sign("good: unasked") == "Rejected");
  world.run_for(1000);
  CHECK(count("InvalidChargePointCertificate") == 1);
  CHECK(trigger() == "Accepted");
  CHECK(sign("expired") == "Rejected");
  world.run_for(1000);
  CHECK(count("InvalidChargePointCertificate") == 2);
  CHECK(contains(calls_of("SecurityEventNotification").back(), R"("techInfo":"expired")"));
  CHECK(world.credentials.client.empty());
  CHECK(sign(std::string(5900, 'x')) == "Rejected");
}

TEST_CASE_FIXTURE(Certificates,
                  "a request that is not answered is sent again, also after a restart") {
  world.csms.faults.ignore["SignCertificate"] = 1;
  CHECK(trigger() == "Accepted");
  world.run_for(60000);
  CHECK(calls_of("SignCertificate").size() == 2);
  restart();
  CHECK(calls_of("SignCertificate").size() == 3);
  CHECK(sign("good: late") == "Accepted");
  world.run_for(90'000'000);
  CHECK(calls_of("SignCertificate").size() == 3);
}

TEST_CASE_FIXTURE(
    Certificates,
    "a CSMS that never answers a request for a certificate is asked ever more rarely") {
  world.csms.faults.ignore["SignCertificate"] = 1000;
  CHECK(trigger() == "Accepted");
  world.run_for(86'400'000);
  const size_t asked = calls_of("SignCertificate").size();
  CHECK(asked >= 5);
  CHECK(asked <= 14);
  world.csms.faults.ignore["SignCertificate"] = 0;
  world.run_for(86'400'000);
  CHECK(calls_of("SignCertificate").size() > asked);
  CHECK(sign("good: late") == "Accepted");
}

// Rules: WP-A03.FR.02
TEST_CASE_FIXTURE(Certificates, "a request that flash has damaged gives way to a new one") {
  CHECK(trigger() == "Accepted");
  world.credentials.is_request_damaged = true;
  restart();
  world.run_for(120'000);
  REQUIRE(calls_of("SignCertificate").size() == 2);
  CHECK(contains(calls_of("SignCertificate")[1], "CSR 2"));
  CHECK(sign("good: signed") == "Accepted");
}

TEST_CASE_FIXTURE(Certificates,
                  "certificates are judged by the later of the clock and the earliest time known") {
  const common::UtcTime clock = world.charge_point->utc(world.now());
  REQUIRE(clock.is_known());
  world.security->set_earliest(clock + 1000 * 86'400'000LL);
  CHECK(install("good: a") == "Accepted");
  CHECK(world.credentials.judged_at - clock == 1000 * 86'400'000LL);
  world.security->set_earliest(clock + -86'400'000LL);  // the clock was wrong when it was stored
  CHECK(install("good: b") == "Accepted");
  CHECK(world.credentials.judged_at >= clock);
  CHECK(world.credentials.judged_at - clock < 60'000);
}

// Rules: WP-A02.FR.02
TEST_CASE_FIXTURE(Certificates, "a certificate can be asked for twice on the same day") {
  CHECK(trigger() == "Accepted");
  CHECK(sign("good: first") == "Accepted");
  CHECK(trigger() == "Accepted");
  CHECK(calls_of("SignCertificate").size() == 2);
  CHECK(sign("good: second") == "Accepted");
  CHECK(world.credentials.client == "second");
}

// Rules: WP-A03.FR.02
TEST_CASE_FIXTURE(Certificates, "a certificate that ends within a month is renewed") {
  constexpr int64_t kDayMs = 86'400'000;
  world.credentials.client = "old";
  world.credentials.expires_at = world.charge_point->utc(world.now()) + 35 * kDayMs;
  world.run_for(2 * kDayMs);
  CHECK(calls_of("SignCertificate").empty());
  world.run_for(3 * kDayMs);
  CHECK(calls_of("SignCertificate").size() >= 1);
  CHECK(sign("good: new") == "Accepted");
  CHECK(world.credentials.client == "new");
}

namespace {

struct AtTheDevice : Certificates {
  using Outcome = security::Credentials::Outcome;

  common::Status request() { return world.security->begin_local_request(world.now()); }
  common::Status accept(const char* chain) {
    security::PlainPemText pem(common::text(chain));
    return world.security->begin_local_accept(pem, world.now());
  }
  common::Status install_here(const char* root) {
    security::PlainPemText pem(common::text(root));
    return world.security->begin_local_install(security::RootUse::kCentralSystem, pem, world.now());
  }
  /// What became of the operation: "accepted", "rejected" or "failed"; else "nothing".
  std::string end() {
    world.run_for(2000);
    Outcome outcome;
    if (!world.security->take_local(outcome)) return "nothing";
    const char* const words[] = {"accepted", "rejected", "failed"};
    return words[static_cast<size_t>(outcome.result)];
  }
};

}  // namespace

// Rules: WP-A02.FR.06 WP-A02.FR.07
TEST_CASE_FIXTURE(AtTheDevice,
                  "certificates given at the device have the checks and events of OCPP") {
  CHECK(install_here("good: root") == Status::kOk);
  CHECK(end() == "accepted");
  CHECK(end() == "nothing");
  CHECK(install_here("expired") == Status::kOk);
  CHECK(end() == "rejected");
  CHECK(count("InvalidCentralSystemCertificate") == 1);

  CHECK(request() == Status::kOk);
  CHECK(end() == "accepted");
  CHECK(world.credentials.has_local_request());
  CHECK(accept("expired") == Status::kOk);
  CHECK(end() == "rejected");
  CHECK(count("InvalidChargePointCertificate") == 1);
  CHECK(accept("good: own") == Status::kOk);
  CHECK(end() == "accepted");
  CHECK(world.credentials.client == "own");

  CHECK(world.security->remove_local(4, world.now()) == security::DeleteResult::kAccepted);
  CHECK(world.security->remove_local(4, world.now()) == security::DeleteResult::kNotFound);
  (void)get_log(1);
  world.run_for(5000);
  for (const char* info :
       {"root certificate installed by console", "charge point certificate by console",
        "root certificate deleted by console"}) {
    CAPTURE(info);
    CHECK(contains(
        upload(),
        std::string(R"("event":"ReconfigurationOfSecurityParameters","info":")") + info + "\""));
  }
}

TEST_CASE_FIXTURE(AtTheDevice,
                  "a request made at the device is not sent to the CSMS, nor after a restart") {
  CHECK(request() == Status::kOk);
  CHECK(end() == "accepted");
  restart();
  world.run_for(10'000);
  CHECK(calls_of("SignCertificate").empty());
  CHECK(trigger() == "Accepted");
  CHECK(calls_of("SignCertificate").size() == 1);
  CHECK_FALSE(world.credentials.has_local_request());
}

TEST_CASE_FIXTURE(AtTheDevice, "the CSMS and somebody at the device never have the same turn") {
  world.credentials.polls = 500;
  CHECK(install_here("good: here") == Status::kOk);
  CHECK(world.security->is_local_running());
  CHECK(install("expired", "ManufacturerRootCertificate") == "Failed");
  CHECK(trigger() == "Rejected");
  CHECK(request() == Status::kAgain);
  world.run_for(10'000);
  CHECK(end() == "accepted");
  CHECK(count("InvalidCentralSystemCertificate") == 0);

  (void)world.csms.call(
      "InstallCertificate",
      R"({"certificateType":"CentralSystemRootCertificate","certificate":"good: a"})", world.now());
  world.run_for(100);
  CHECK(install_here("good: b") == Status::kAgain);
  CHECK_FALSE(world.security->is_local_running());
  CHECK(end() == "nothing");
  CHECK(world.problems() == "");
}

TEST_CASE_FIXTURE(AtTheDevice, "each refusal at the device is one sentence") {
  using Desk = gateway::CertificateDesk;
  gateway::OwnCertificates desk(*world.security, world.credentials);
  Desk::Error error;
  char reply[400];
  const auto say = [&](Desk::Text what, const std::string& text) {
    if (!desk.open(what, error)) return std::string(error.c_str());
    CHECK(desk.put(common::TextSpan(text.data(), text.size())));
    if (!desk.submit(world.now(), error)) return std::string(error.c_str());
    json::Writer out{common::Span<char>(reply)};
    Desk::Step step = Desk::Step::kNone;
    for (int i = 0; i < 100 && step == Desk::Step::kNone; ++i) {
      world.run_for(100);
      step = desk.step(out, error);
    }
    return std::string(step == Desk::Step::kDone ? "done" : error.c_str());
  };
  CHECK(contains(say(Desk::Text::kClientChain, "good: a"), "nothing was asked for"));
  CHECK(contains(say(Desk::Text::kCsmsRoot, "expired"), "a certificate of it has expired"));
  CHECK(contains(say(Desk::Text::kCsmsRoot, "broken store"), "nothing has changed"));
  for (const char* root : {"good: a", "good: bb", "good: ccc", "good: dddd"})
    CHECK(say(Desk::Text::kManufacturerRoot, root) == "done");
  CHECK(contains(say(Desk::Text::kManufacturerRoot, "good: e"), "no room for one more root"));
  CHECK(desk.remove(4, world.now(), error));
  CHECK_FALSE(desk.remove(99, world.now(), error));
  CHECK(contains(error.c_str(), "no root has this id"));
  CHECK(desk.open(Desk::Text::kCsmsRoot, error));
  CHECK(desk.put(common::TextSpan(std::string(Desk::kMaxTextBytes, 'x').data(), 9999)));
  CHECK_FALSE(desk.put(common::text("xx")));
  desk.drop();

  world.credentials.polls = 500;
  CHECK(desk.request(world.now(), error));
  CHECK(contains(say(Desk::Text::kCsmsRoot, "good: f"), "busy: the command before"));
  CHECK(end() == "nothing");
  world.run_for(20'000);
  json::Writer out{common::Span<char>(reply)};
  out.begin_object();
  CHECK(desk.step(out, error) == Desk::Step::kDone);
  CHECK(contains(std::string(out.text().data(), out.text().size()), R"({"csr":"CSR 1\n)"));
  (void)world.csms.call("InstallCertificate",
                        R"({"certificateType":"CentralSystemRootCertificate","certificate":"x"})",
                        world.now());
  world.run_for(100);
  CHECK_FALSE(desk.request(world.now(), error));
  CHECK(contains(error.c_str(), "busy: the CSMS"));
  CHECK_FALSE(desk.remove(4, world.now(), error));
  CHECK(contains(error.c_str(), "busy: the CSMS"));
}

// Rules: WP-A03.FR.02
TEST_CASE_FIXTURE(AtTheDevice,
                  "a request made at the device and forgotten does not keep off a renewal") {
  constexpr int64_t kDayMs = 86'400'000;
  world.credentials.client = "old";
  world.credentials.expires_at = world.charge_point->utc(world.now()) + 20 * kDayMs;
  CHECK(request() == Status::kOk);
  CHECK(end() == "accepted");
  world.run_for(kDayMs / 2);
  CHECK(calls_of("SignCertificate").empty());
  world.run_for(kDayMs);
  CHECK(calls_of("SignCertificate").size() >= 1);
}
