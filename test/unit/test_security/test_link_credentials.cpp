#include "device.hpp"
#include "gateway/link_credentials.hpp"

using platform::LinkFailure;

// Rules: WP-A02.FR.08
TEST_CASE("what becomes of the link decides which client certificate is shown") {
  Device device;
  EXPECT_WORD(device.install("root"), "accepted");
  gateway::LinkCredentials glue(device.credentials.get());
  platform::LinkSettings settings;
  glue.fill(settings, vectors::kNow);
  REQUIRE(settings.authority != nullptr);
  platform::LinkStatus link;
  glue.step(link, vectors::kNow);

  EXPECT_WORD(device.renew(), "accepted");
  const uint32_t first = settings.authority->client();
  const auto connect = [&](uint32_t client) {
    link.is_up = true;
    ++link.connection_id;
    link.failures = 0;
    link.failure = LinkFailure::kNone;
    link.client = client;
    glue.step(link, vectors::kNow);
  };
  const auto fail = [&](LinkFailure failure, uint32_t client) {
    link.is_up = false;
    link.count_failure(failure);
    link.client = client;
    glue.step(link, vectors::kNow);
  };
  connect(first);
  EXPECT_WORD(device.renew(), "accepted");
  const uint32_t second = settings.authority->client();
  fail(LinkFailure::kConnection, second);
  CHECK(settings.authority->client() == second);
  fail(LinkFailure::kRefusedClientCertificate, second);
  CHECK(settings.authority->client() == first);
  glue.step(link, vectors::kNow);
  CHECK(settings.authority->client() == first);
  fail(LinkFailure::kTls, first);
  CHECK(settings.authority->client() == second);
  CHECK(device.keys.count() == 2);
  connect(second);
  device.settle();
  CHECK(device.keys.count() == 1);
}

// Rules: FP-16 FP-20
TEST_CASE("a link that connects as soon as it is opened judges by the right time") {
  Device device;
  EXPECT_WORD(device.install("root"), "accepted");
  gateway::LinkCredentials glue(device.credentials.get());
  device.credentials->authority().set_time(common::UtcTime{});
  platform::LinkSettings settings;
  glue.fill(settings, vectors::kNow);
  EXPECT_WORD(platform::to_string(device.judge("server_by_root").fault), "none");
}

// Rules: WP-M04.FR.06
TEST_CASE("the root of the connection that stands cannot be deleted") {
  Device device;
  EXPECT_WORD(device.install("root"), "accepted");
  gateway::LinkCredentials glue(device.credentials.get());
  platform::LinkStatus link;
  link.is_up = true;
  link.connection_id = 1;
  link.root = device.judge("server_by_root").root;
  glue.step(link, vectors::kNow);
  const security::CertificateHash hash = device.hash(0);
  CHECK(device.credentials->remove_root(hash) == security::DeleteResult::kFailed);
  link.is_up = false;
  glue.step(link, vectors::kNow);
  CHECK(device.credentials->remove_root(hash) == security::DeleteResult::kAccepted);
}

TEST_CASE("certificates are judged by the time that the gateway knows") {
  Device device;
  EXPECT_WORD(device.install("root"), "accepted");
  gateway::LinkCredentials glue(device.credentials.get());
  glue.step(platform::LinkStatus(), vectors::kNow + 8000 * vectors::kDayMs);
  CHECK(device.judge("server_by_root").fault == security::CertificateFault::kExpired);
  glue.step(platform::LinkStatus(), vectors::kNow);
  CHECK(device.judge("server_by_root").fault == security::CertificateFault::kNone);
}
