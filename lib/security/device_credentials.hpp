#pragma once

#include "common/log.hpp"
#include "platform/entropy.hpp"
#include "platform/file_store.hpp"
#include "platform/key_value_store.hpp"
#include "platform/worker.hpp"
#include "security/certificate_files.hpp"
#include "security/credential_job.hpp"
#include "security/credentials.hpp"
#include "security/stored_authority.hpp"

#include <mbedtls/sha256.h>

namespace security {

/// The certificates of this device on flash (certificate_files.hpp), its private keys in a store of their own.
///
///     kIdle --begin_x()--> kWaiting --worker is free--> kRunning --ended--> kFinished --poll()--> kIdle
///              \------------------ text is malformed -------------------------^
///
/// Every change is one replacement of the index: after a power cut the store is as before, or as after.
/// @par Heap  None of its own between operations. During one: the certificates as DER (at most 4 KiB, a chain
///            7.3 KiB) and what mbedTLS takes to check them.
class DeviceCredentials final : public Credentials {
 public:
  /// @param files    Certificates. Read from the worker and from TLS threads, too.
  /// @param keys     A store for private keys alone, encrypted where the platform can. TLS threads read it, too, but
  ///                 no two threads use it at a time; what only erases may run beside a read.
  /// @param entropy  Cryptographic quality; used from the worker's thread.
  DeviceCredentials(platform::FileStore& files, platform::KeyValueStore& keys,
                    platform::Entropy& entropy, platform::Worker& worker, common::LogSink& log);
  ~DeviceCredentials() override;

  /// Reads what is stored and removes leftovers of a power cut. Call first.
  /// @retval kIo  The file system does not answer; nothing can be done until begin() succeeds.
  common::Status begin();
  /// What TLS clients are given.
  StoredAuthority& authority() { return authority_; }

  common::Status begin_install_root(RootUse use, PemText& pem, bool must_replace,
                                    common::UtcTime at) override;
  common::Status begin_request(const ClientSubject& subject, KeyType type, bool is_local) override;
  common::Status begin_accept_client(PemText& chain, common::UtcTime at) override;
  common::Status begin_check_signer(PemText& chain, common::UtcTime at) override;
  common::Status begin_verify_firmware(common::ByteSpan digest, PemText& signature) override;
  bool is_busy() const override { return state_ != State::kIdle; }
  bool poll(Outcome& outcome) override;

  size_t root_count(RootUse use) const override;
  size_t capacity() const override { return limits::kMaxCertificates; }
  common::Status root_hash(RootUse use, size_t index, HashAlgorithm algorithm,
                           CertificateHash& out) override;
  DeleteResult remove_root(const CertificateHash& hash) override;
  DeleteResult remove_root(uint32_t id) override;
  common::Status describe(size_t index, CertificateInfo& out) override;

  bool has_client(common::UtcTime at) const override;
  common::UtcTime client_expires_at() const override;
  common::Result<size_t> request_pem(common::Span<char> out) override;
  bool has_request() const override { return index_.newest(ItemKind::kRequest) != nullptr; }
  bool has_local_request() const override;

  bool has_signer() const override { return index_.newest(ItemKind::kSigner) != nullptr; }
  void forget_signer() override;
  void begin_digest() override;
  void update_digest(common::ByteSpan data) override;
  void finish_digest(common::MutableByteSpan out) override;

  void on_connected(uint32_t root, uint32_t client) override;
  void on_connection_failed(uint32_t client) override;
  void on_disconnected() override { root_in_use_ = 0; }

 private:
  enum class State : uint8_t { kIdle, kWaiting, kRunning, kFinished };

  common::Status drop_keyless();
  common::Status begin_with(Operation operation, PemText& pem, size_t most_bytes);
  void start();
  void finish(Outcome& outcome);
  InstallResult install_root();
  InstallResult keep_request();
  InstallResult keep_client();
  InstallResult keep_signer();
  // Out of line: what it reads would lie on the stack while the change is written.
  [[gnu::noinline]] const StoredItem* find_root(const CertificateHash& hash);
  /// What index_ is to become: to be changed, then made so by commit().
  CertificateIndex& begin_change();
  /// Writes the content of the job as a new item of the change, and commits it.
  InstallResult commit_new(StoredItem item);
  common::Status commit();
  void sweep();

  platform::FileStore& files_;
  platform::KeyValueStore& keys_;
  platform::Worker& worker_;
  common::LogSink& log_;
  StoredAuthority authority_;
  CredentialJob job_;
  CertificateIndex index_;
  CertificateIndex next_;
  mbedtls_sha256_context digest_;
  uint32_t root_in_use_ = 0;
  State state_ = State::kIdle;
};

}  // namespace security
