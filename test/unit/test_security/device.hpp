#pragma once

#include "doctest_main/doctest_main.hpp"
#include "platform_sim/sim_entropy.hpp"
#include "platform_sim/sim_file_store.hpp"
#include "platform_sim/sim_key_value_store.hpp"
#include "security/device_credentials.hpp"
#include "vectors.hpp"

#include <algorithm>
#include <mbedtls/pk.h>
#include <memory>
#include <string>

/// A device with certificates whose power can be cut.
struct Device {
  using Outcome = security::Credentials::Outcome;
  static constexpr int kMostPolls = 40;

  platform_sim::SimPower power;
  platform_sim::SimFileStore files{power};
  platform_sim::SimKeyValueStore keys{power};
  platform_sim::SimEntropy entropy{7};
  platform::InlineWorker worker;
  common::NullLogSink log;
  std::unique_ptr<security::DeviceCredentials> credentials;
  uint64_t most_operations = 0;  ///< That change what lies on flash, of one poll.
  uint64_t most_accesses = 0;    ///< Of any kind.

  Device() { REQUIRE(restart() == common::Status::kOk); }

  common::Status restart() {
    credentials = std::make_unique<security::DeviceCredentials>(files, keys, entropy, worker, log);
    const common::Status status = credentials->begin();
    credentials->authority().set_time(vectors::kNow);
    return status;
  }

  static std::string word(const Outcome& outcome) {
    const char* const results[] = {"accepted", "rejected", "failed"};
    std::string text = results[static_cast<size_t>(outcome.result)];
    if (outcome.fault != security::CertificateFault::kNone) {
      text += std::string(" ") + platform::to_string(outcome.fault);
    }
    return text;
  }

  std::string end(common::Status begun) {
    if (begun != common::Status::kOk) return common::to_string(begun);
    Outcome outcome;
    for (int i = 0; i < kMostPolls; ++i) {
      if (poll(outcome)) return word(outcome);
    }
    return "runs";
  }
  /// Polls once and notes what the store of files and that of keys had to do.
  bool poll(Outcome& outcome) {
    const uint64_t operations = power.operations();
    const uint64_t accesses = power.accesses();
    const bool has_ended = credentials->poll(outcome);
    most_operations = std::max(most_operations, power.operations() - operations);
    most_accesses = std::max(most_accesses, power.accesses() - accesses);
    return has_ended;
  }
  /// Until what was left to write is written.
  void settle() {
    Outcome outcome;
    for (int i = 0; i < kMostPolls && credentials->has_work(); ++i) REQUIRE_FALSE(poll(outcome));
    REQUIRE_FALSE(credentials->has_work());
  }
  void connect(uint32_t root, uint32_t client) {
    credentials->on_connected(root, client);
    settle();
  }

  std::string install(const std::string& text, security::RootUse use, bool must_replace = false,
                      common::UtcTime at = vectors::kNow) {
    security::PlainPemText pem(common::TextSpan(text.data(), text.size()));
    return end(credentials->begin_install_root(use, pem, must_replace, at));
  }
  std::string install(const char* name, bool must_replace = false) {
    return install(vectors::pem(name), security::RootUse::kCentralSystem, must_replace);
  }
  std::string install_maker(const char* name) {
    return install(vectors::pem(name), security::RootUse::kManufacturer);
  }

  std::string request(const char* organization = "VEV",
                      security::KeyType type = security::KeyType::kEcP256) {
    security::Credentials::ClientSubject subject;
    subject.common_name.assign_truncated(common::text("SN-0001"));
    subject.organization.assign_truncated(common::text(organization));
    return end(credentials->begin_request(subject, type, false));
  }
  std::string request_pem() {
    char text[1500];
    const common::Result<size_t> size = credentials->request_pem(text);
    return size.ok() ? std::string(text, size.value()) : common::to_string(size.status());
  }
  std::string accept(const std::string& chain, common::UtcTime at = vectors::kNow) {
    security::PlainPemText pem(common::TextSpan(chain.data(), chain.size()));
    return end(credentials->begin_accept_client(pem, at));
  }
  /// Request and answer.
  std::string renew(const char* from = "20260101000000", const char* until = "20270101000000") {
    const std::string made = request();
    if (made != "accepted") return made;
    return accept(vectors::sign_request(request_pem(), "CN=SN-0001,O=VEV", from, until));
  }

  std::string check_signer(const std::string& chain) {
    security::PlainPemText pem(common::TextSpan(chain.data(), chain.size()));
    return end(credentials->begin_check_signer(pem, vectors::kNow));
  }
  std::string verify(const std::string& signature, const vectors::Bytes& digest) {
    security::PlainPemText text(common::TextSpan(signature.data(), signature.size()));
    return end(credentials->begin_verify_firmware(vectors::span(digest), text));
  }

  /// What the authority says about a server.
  platform::TlsAuthority::Verdict judge(const char* server, const char* host = "csms.example.com") {
    const vectors::Bytes der = vectors::der(server);
    const common::ByteSpan chain[] = {vectors::span(der)};
    return credentials->authority().judge_server(chain, common::text(host));
  }
  size_t roots() const { return credentials->root_count(security::RootUse::kCentralSystem); }
  security::CertificateHash hash(
      size_t index, security::HashAlgorithm algorithm = security::HashAlgorithm::kSha256) {
    security::CertificateHash found;
    REQUIRE(credentials->root_hash(security::RootUse::kCentralSystem, index, algorithm, found) ==
            common::Status::kOk);
    return found;
  }
};

/// Keeps the key that a TLS client would use.
struct KeyKeeper final : platform::TlsAuthority::KeyUser {
  common::Status use_key(common::ByteSpan der) override {
    key.assign(der.begin(), der.end());
    return common::Status::kOk;
  }
  vectors::Bytes key;
};

/// Public key of a certificate or of a private key, as DER.
inline vectors::Bytes public_key(mbedtls_pk_context& key) {
  unsigned char der[600];
  const int size = mbedtls_pk_write_pubkey_der(&key, der, sizeof der);
  REQUIRE(size > 0);
  return vectors::Bytes(der + sizeof der - size, der + sizeof der);
}

inline vectors::Bytes public_key_of_client(Device& device, uint32_t client) {
  KeyKeeper keeper;
  REQUIRE(device.credentials->authority().with_client_key(client, keeper) == common::Status::kOk);
  mbedtls_pk_context key;
  mbedtls_pk_init(&key);
  REQUIRE(mbedtls_pk_parse_key(&key, keeper.key.data(), keeper.key.size(), nullptr, 0) == 0);
  const vectors::Bytes result = public_key(key);
  mbedtls_pk_free(&key);
  return result;
}
