#include "device.hpp"
#include "platform_sim/malloc_trap.hpp"

using common::Status;
using security::CertificateHash;
using security::Credentials;
using security::DeleteResult;
using security::HashAlgorithm;
using security::KeyType;
using security::RootUse;
using vectors::kNow;

TEST_CASE("between operations nothing takes heap") {
  Device device;
  device.install("root");
  EXPECT_WORD(device.renew(), "accepted");
  const uint32_t client = device.credentials->authority().client();
  const CertificateHash hash = device.hash(0);
  Credentials::Outcome outcome;
  CertificateHash found;
  vectors::Bytes digest(32);
  platform_sim::MallocTrap trap;
  (void)device.credentials->poll(outcome);
  (void)device.credentials->root_hash(RootUse::kCentralSystem, 0, HashAlgorithm::kSha512, found);
  (void)device.credentials->has_client(kNow);
  device.credentials->begin_digest();
  device.credentials->update_digest(vectors::span(digest));
  device.credentials->finish_digest(common::MutableByteSpan(digest.data(), digest.size()));
  device.credentials->on_connection_failed(client);
  device.connect(0, client);
  (void)device.credentials->remove_root(hash);
  device.credentials->forget_signer();
  const size_t allocations = trap.count();
  CHECK(allocations == 0);
  CHECK(device.roots() == 0);
}

namespace {

/// A worker whose job ends when the test says so.
struct SlowWorker final : platform::Worker {
  Status start(platform::Job& job) override {
    if (is_taken) return Status::kAgain;
    running = &job;
    return Status::kOk;
  }
  bool is_idle() override { return running == nullptr; }
  void finish() {
    running->run();
    running = nullptr;
  }
  platform::Job* running = nullptr;
  bool is_taken = false;
};

}  // namespace

TEST_CASE("one operation runs at a time, and tells once how it ended") {
  Device device;
  SlowWorker worker;
  security::DeviceCredentials credentials(device.files, device.keys, device.entropy, worker,
                                          device.log);
  REQUIRE(credentials.begin() == Status::kOk);
  Credentials::ClientSubject subject;
  subject.common_name.assign_truncated(common::text("SN-0001"));
  Credentials::Outcome outcome;
  CHECK_FALSE(credentials.poll(outcome));
  worker.is_taken = true;
  REQUIRE(credentials.begin_request(subject, KeyType::kEcP256, false) == Status::kOk);
  CHECK(credentials.is_busy());
  CHECK_FALSE(credentials.poll(outcome));
  worker.is_taken = false;
  CHECK_FALSE(credentials.poll(outcome));
  REQUIRE(worker.running != nullptr);
  CHECK(credentials.begin_request(subject, KeyType::kEcP256, false) == Status::kAgain);
  security::PlainPemText text(common::text("x"));
  CHECK(credentials.begin_install_root(RootUse::kCentralSystem, text, false, kNow) ==
        Status::kAgain);
  CHECK(credentials.begin_verify_firmware(common::ByteSpan(), text) == Status::kAgain);
  CHECK_FALSE(credentials.poll(outcome));
  worker.finish();
  // Others are kept out until all is written.
  while (!credentials.poll(outcome)) {
    REQUIRE(credentials.is_busy());
    REQUIRE(credentials.begin_request(subject, KeyType::kEcP256, false) == Status::kAgain);
  }
  CHECK(outcome.operation == Credentials::Operation::kMakeRequest);
  EXPECT_WORD(Device::word(outcome), "accepted");
  CHECK_FALSE(credentials.poll(outcome));
  CHECK_FALSE(credentials.is_busy());
  CHECK_FALSE(credentials.has_work());
}

// Rules: WP-M04.FR.02 WP-M05.FR.03
TEST_CASE("while a change is being written no other one is made, and none is lost") {
  Device device;
  EXPECT_WORD(device.install("root"), "accepted");
  EXPECT_WORD(device.install("foreign_root"), "accepted");
  EXPECT_WORD(device.install_maker("maker_root"), "accepted");
  EXPECT_WORD(device.renew(), "accepted");
  EXPECT_WORD(device.check_signer(vectors::pem("signer_ec")), "accepted");
  const uint32_t client = device.credentials->authority().client();
  const CertificateHash hash = device.hash(0);
  const vectors::Bytes client_key = public_key_of_client(device, client);

  const std::string pem = vectors::pem("rsa_root");
  security::PlainPemText text(common::TextSpan(pem.data(), pem.size()));
  REQUIRE(device.credentials->begin_install_root(RootUse::kCentralSystem, text, false, kNow) ==
          Status::kOk);
  Credentials::Outcome outcome;
  REQUIRE_FALSE(device.poll(outcome));
  CHECK(device.credentials->remove_root(hash) == DeleteResult::kFailed);
  device.credentials->on_connected(0, client);
  device.credentials->forget_signer();
  CHECK_FALSE(device.credentials->has_signer());
  // From the rename of the index on the root is there; a deletion does not wait for the copy.
  while (device.roots() < 3) REQUIRE_FALSE(device.poll(outcome));
  CHECK(device.credentials->remove_root(hash) == DeleteResult::kAccepted);
  CHECK(device.credentials->is_busy());
  EXPECT_WORD(device.end(Status::kOk), "accepted");
  // The next operation may begin before what the link and the update asked for is written.
  CHECK(device.credentials->has_work());
  EXPECT_WORD(device.request(), "accepted");
  CHECK_FALSE(device.credentials->has_work());
  CHECK(device.most_operations == 1);

  REQUIRE(device.restart() == Status::kOk);
  CHECK(device.roots() == 2);
  CHECK_FALSE(device.credentials->has_signer());
  CHECK(device.credentials->authority().client() == client);
  CHECK(public_key_of_client(device, client) == client_key);
  CHECK(device.files.raw("certs.idx") == device.files.raw("certs.bak"));
  size_t items = 0;
  for (uint8_t file = 0; file < security::kItemFiles; ++file)
    items += device.files.exists(security::ItemFileName(file).text) ? 1U : 0U;
  CHECK(items == 5);  // three roots, a client, a request
}

TEST_CASE("a signer that is being stored is not forgotten with the one before it") {
  Device device;
  EXPECT_WORD(device.install_maker("maker_root"), "accepted");
  EXPECT_WORD(device.check_signer(vectors::pem("signer_ec")), "accepted");
  const std::string pem = vectors::pem("signer_rsa");
  security::PlainPemText text(common::TextSpan(pem.data(), pem.size()));
  REQUIRE(device.credentials->begin_check_signer(text, kNow) == Status::kOk);
  Credentials::Outcome outcome;
  REQUIRE_FALSE(device.poll(outcome));
  device.credentials->forget_signer();
  EXPECT_WORD(device.end(Status::kOk), "accepted");
  device.settle();
  CHECK(device.credentials->has_signer());
}
