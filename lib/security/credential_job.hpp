#pragma once

#include "platform/entropy.hpp"
#include "platform/file_store.hpp"
#include "platform/worker.hpp"
#include "security/certificate_files.hpp"
#include "security/credentials.hpp"
#include "security/path_validator.hpp"
#include "security/pem_reader.hpp"

namespace security {

/// The part of an operation that takes long: reads what is stored, changes nothing.
class CredentialJob final : public platform::Job {
 public:
  /// @param files, entropy  Called from the worker's thread, too.
  CredentialJob(platform::FileStore& files, platform::Entropy& entropy)
      : files_(files), entropy_(entropy) {}

  void run() override;
  /// Gives back all memory.
  void release();

  /// @name Given
  /// @{
  Credentials::Operation operation = Credentials::Operation::kInstallRoot;
  common::UtcTime at;
  RootUse use = RootUse::kCentralSystem;
  bool must_replace = false;
  KeyType key_type = KeyType::kEcP256;
  Credentials::ClientSubject subject;  ///< Of kMakeRequest.
  bool is_local = false;               ///< Of kMakeRequest.
  CertificateList certificates;
  Buffer request;    ///< Content of the request, for kAcceptClient.
  Buffer signer;     ///< Content of the signing certificate, for kVerifyFirmware.
  Buffer signature;  ///< Of kVerifyFirmware.
  uint8_t digest[32] = {};
  /// @}

  /// @name Found
  /// @{
  CertificateFault fault = CertificateFault::kNone;
  bool is_known = false;  ///< The root is installed already.
  Buffer content;         ///< Of the item to store.
  Buffer key;             ///< PrivateKey::pack().
  common::UtcTime from;
  common::UtcTime until;
  /// @}

 private:
  CertificateFault check_root();
  CertificateFault make_request();
  CertificateFault check_client();
  CertificateFault check_signer();
  CertificateFault take_path(common::Span<const common::ByteSpan> chain, const Path& path);
  CertificateFault verify_firmware();

  platform::FileStore& files_;
  platform::Entropy& entropy_;
};

/// What a request was made for, out of the content of its item: u8 length and text of the common name, the same of
/// the organization, u16 length and SubjectPublicKeyInfo, then the PEM text of the request.
struct StoredRequest {
  common::TextSpan common_name;
  common::TextSpan organization;
  common::ByteSpan key_info;
  common::TextSpan pem;
};
/// @return False when malformed.
bool read_request(common::ByteSpan content, StoredRequest& out);

}  // namespace security
