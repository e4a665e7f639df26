#include "console_fixture.hpp"

using gateway::CertificateDesk;
using gateway::Console;

namespace {

constexpr char kOpened[] = "EVT {\"event\":\"input\",\"until\":\"end\",\"timeout_ms\":30000}\n";

struct Certificates : Fixture {
  std::string wait(int64_t ms) {
    terminal.output.clear();
    clock.advance(ms);
    console.step(clock.now());
    return terminal.output;
  }
};

}  // namespace

TEST_CASE_FIXTURE(Certificates, "a request is answered when the key is made, and commands wait") {
  CHECK(has(say("#1 certificate list"), "\"ok\":true,\"request\":\"none\"}"));
  CHECK(say("#2 certificate request").empty());
  CHECK(say("#3 log").empty());
  CHECK_FALSE(console.is_busy());  // the loop may sleep meanwhile
  desk.outcome = CertificateDesk::Step::kDone;
  const std::string told = wait(20);
  CHECK(told.find("{\"id\":2,\"ok\":true,\"csr\":\"a request\"}\n{\"id\":3,\"ok\":true") == 0);
  desk.refusal = "busy: the CSMS";
  CHECK(say("#4 certificate request") == "{\"id\":4,\"ok\":false,\"error\":\"busy: the CSMS\"}\n");
  CHECK(has(say("certificate"), "usage: certificate list"));
  CHECK(has(say("certificate install"), "usage: certificate list"));
}

TEST_CASE_FIXTURE(Certificates, "lines of text are taken until end, and answered once checked") {
  CHECK(say("#1 certificate accept") == kOpened);
  CHECK(say("-----BEGIN CERTIFICATE-----\r\nMIIB").empty());
  CHECK(say("status\n\n-----END CERTIFICATE-----").empty());
  CHECK(say("end").empty());
  CHECK(desk.text == "-----BEGIN CERTIFICATE-----\nMIIB\nstatus\n-----END CERTIFICATE-----\n");
  CHECK(desk.what == CertificateDesk::Text::kClientChain);
  CHECK(desk.checks == 1);
  desk.outcome = CertificateDesk::Step::kFailed;
  CHECK(wait(20) == "{\"id\":1,\"ok\":false,\"error\":\"it has expired\"}\n");
  CHECK(has(say("#2 log"), "\"id\":2,\"ok\":true"));

  (void)say("certificate install csms");
  CHECK(desk.what == CertificateDesk::Text::kCsmsRoot);
  CHECK(has(say("cancel"), "cancelled: nothing was taken"));
  (void)say("certificate install manufacturer");
  CHECK(desk.what == CertificateDesk::Text::kManufacturerRoot);
  desk.refusal = "busy: the CSMS";
  CHECK(has(say("end"), "busy: the CSMS"));
  CHECK_FALSE(desk.is_open);
  CHECK(has(say("certificate accept"), "busy: the CSMS"));
}

TEST_CASE_FIXTURE(Certificates,
                  "text that does not end, or is interrupted or too long, is dropped") {
  (void)say("#1 certificate accept");
  (void)say("MIIB");
  CHECK(wait(Console::kTextLineMs - 1).empty());
  (void)say("MIIB");
  CHECK(wait(Console::kTextLineMs - 1).empty());
  CHECK(has(wait(1), "\"id\":1,\"ok\":false,\"error\":\"no line came for 30 s"));
  CHECK_FALSE(desk.is_open);
  CHECK(has(say("end"), "unknown command: end"));

  (void)say("#2 certificate accept");
  const std::string told = say("MIIB\n#3 log");
  CHECK(has(told, "\"id\":2,\"ok\":false,\"error\":\"another command came"));
  CHECK(has(told, "\"id\":3,\"ok\":true"));

  for (const size_t length : {size_t{64}, Console::kMaxLineBytes + 1}) {
    (void)say("#4 certificate accept");
    for (int i = 0; i < 200; ++i) CHECK(say(std::string(length, 'A')).empty());
    CHECK(has(say("end"), "\"id\":4,\"ok\":false,\"error\":\"the text is too long"));
  }
  CHECK(desk.checks == 0);
}

TEST_CASE_FIXTURE(Certificates, "work that never ends keeps nobody waiting for ever") {
  (void)say("#1 certificate request");
  CHECK(wait(Console::kCertificateMs - 1).empty());
  CHECK(has(wait(1), "\"id\":1,\"ok\":false,\"error\":\"this takes longer than 3 minutes"));
  CHECK(has(say("log"), "\"ok\":true"));
}

TEST_CASE_FIXTURE(Certificates,
                  "a gateway that does not work yet lists certificates and changes none") {
  CHECK(has(say("certificate delete 7"), "\"ok\":true"));
  CHECK(desk.removed == 7);
  CHECK(has(say("certificate delete first"), "usage: certificate"));
  console.on_not_started(common::text("no charger"));
  for (const char* line : {"certificate request", "certificate accept", "certificate delete 8"})
    CHECK(has(say(line), "the gateway does not work yet"));
  CHECK(has(say("certificate list"), "\"ok\":true"));
  CHECK(desk.removed == 7);
}
