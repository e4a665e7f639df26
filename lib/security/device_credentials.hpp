#pragma once

#include "common/log.hpp"
#include "platform/entropy.hpp"
#include "platform/file_store.hpp"
#include "platform/key_value_store.hpp"
#include "platform/worker.hpp"
#include "security/certificate_files.hpp"
#include "security/credential_job.hpp"
#include "security/credential_store.hpp"
#include "security/credentials.hpp"
#include "security/stored_authority.hpp"

#include <mbedtls/sha256.h>

namespace security {

/// The certificates of this device on flash (certificate_files.hpp), its private keys in a store of their own.
///
///     kIdle --begin_x()--> kWaiting --worker is free--> kRunning --ended--> kFinished --> kStoring --> kIdle
///              \------------------ text is malformed -------------------------^   (a write for each poll())
///
/// Every change is one replacement of the index: after a power cut the store is as before, or as after.
/// @par Heap  None of its own between operations. During one: the certificates as DER (at most 4 KiB, a chain
///            7.3 KiB) and what mbedTLS takes to check them.
class DeviceCredentials final : public Credentials {
 public:
  /// @param files    Certificates. Read from the worker and from TLS threads, too.
  /// @param keys     A store for private keys alone, encrypted where the platform can. TLS threads read it, too, but
  ///                 no two threads use it at a time.
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
  bool has_work() const override;
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
  bool has_request() const override { return stored().newest(ItemKind::kRequest) != nullptr; }
  bool has_local_request() const override;

  bool has_signer() const override { return signer() != nullptr; }
  void forget_signer() override;
  void begin_digest() override;
  void update_digest(common::ByteSpan data) override;
  void finish_digest(common::MutableByteSpan out) override;

  void on_connected(uint32_t root, uint32_t client) override;
  void on_connection_failed(uint32_t client) override;
  void on_disconnected() override { root_in_use_ = 0; }

 private:
  enum class State : uint8_t { kIdle, kWaiting, kRunning, kFinished, kStoring };

  const CertificateIndex& stored() const { return store_.index(); }
  const StoredItem* signer() const;
  common::Status begin_with(Operation operation, PemText& pem, size_t most_bytes);
  void start();
  bool end(Outcome& outcome);
  InstallResult judge();
  InstallResult install_root();
  InstallResult keep_request();
  InstallResult keep_client();
  InstallResult keep_signer();
  // Out of line: what it reads would lie on the stack while the change is written.
  [[gnu::noinline]] const StoredItem* find_root(const CertificateHash& hash);
  /// Adds the content of the job as a new item to the change.
  InstallResult store_new(StoredItem item);
  /// Begins the change that the link and the update asked for.
  void begin_pending();
  static bool prove(CertificateIndex& next, uint32_t root, uint32_t client);

  platform::FileStore& files_;
  platform::Worker& worker_;
  StoredAuthority authority_;
  CredentialStore store_;
  CredentialJob job_;
  mbedtls_sha256_context digest_;
  uint32_t root_in_use_ = 0;
  /// @name Changes that wait until the store is idle; 0 = none
  /// @{
  uint32_t proved_root_ = 0;
  uint32_t proved_client_ = 0;
  uint32_t forgotten_signer_ = 0;
  /// @}
  State state_ = State::kIdle;
  InstallResult result_ = InstallResult::kFailed;
};

}  // namespace security
