#pragma once

#include "common/fixed_string.hpp"
#include "common/span.hpp"
#include "common/status.hpp"
#include "common/time.hpp"
#include "platform/certificate_fault.hpp"
#include "security/certificate_hash.hpp"
#include "security/certificate_info.hpp"

namespace security {

using platform::CertificateFault;

/// What an installed root vouches for (OCPP: CertificateUseEnumType).
enum class RootUse : uint8_t { kCentralSystem, kManufacturer };

enum class InstallResult : uint8_t {
  kAccepted,
  kRejected,  ///< Not acceptable, or no room; see the fault.
  kFailed,    ///< Acceptable, but it could not be stored or checked; nothing has changed.
};

enum class DeleteResult : uint8_t {
  kAccepted,
  kFailed,  ///< In use for the connection, or the store does not answer.
  kNotFound,
};

enum class KeyType : uint8_t { kEcP256, kRsa2048 };

/// Text in pieces, so that a string of a JSON message needs no copy: its escapes are resolved on the way.
class PemText {
 public:
  virtual ~PemText() = default;
  /// The next piece, empty at the end; valid until the next call.
  virtual common::TextSpan next() = 0;
};

/// PEM text that lies in one piece.
class PlainPemText final : public PemText {
 public:
  explicit PlainPemText(common::TextSpan text) : rest_(text) {}
  common::TextSpan next() override {
    const common::TextSpan all = rest_;
    rest_ = common::TextSpan();
    return all;
  }

 private:
  common::TextSpan rest_;
};

/// The certificates and keys of the charge point (security whitepaper edition 3: A02, A03, M03 to M05, L01).
/// Private keys are made inside and stay there.
///
/// Checking a signature takes a tenth of a second on a microcontroller and making a key takes seconds: such an
/// operation is begun, runs beside the loop, and poll() tells once how it ended. One at a time:
///
///     begin_x() = kOk  ->  poll() = false ... poll() = true, outcome filled in
///
/// Where begin_x() fails nothing has begun. Text is read during begin_x(), and not kept.
/// @par Context  Loop thread only. No call writes more than one file, remove_root() two.
class Credentials {
 public:
  enum class Operation : uint8_t {
    kInstallRoot,
    kMakeRequest,
    kAcceptClient,
    kCheckSigner,
    kVerifyFirmware,
  };

  struct Outcome {
    Operation operation = Operation::kInstallRoot;
    InstallResult result = InstallResult::kFailed;
    /// Why not kAccepted. kNone with kRejected: no room for one more certificate. kNone with kFailed: storage.
    CertificateFault fault = CertificateFault::kNone;
  };

  /// What a signing request asks for, and a signed certificate is compared with.
  struct ClientSubject {
    common::FixedString<64> common_name;   ///< Unique serial number of the charge point.
    common::FixedString<64> organization;  ///< CpoName; empty = left out, and not compared.
  };

  virtual ~Credentials() = default;

  /// @name Operations
  /// @return kOk: begun. kAgain: another one runs. kNoSpace: no memory for it now.
  /// @param at  Time to check validity against: the later one of the clock and the time of the build.
  /// @{

  /// Adds a root. A certificate that is installed already is accepted once more and changes nothing.
  /// @param must_replace  AdditionalRootCertificateCheck, for kCentralSystem: it must be signed by an installed root
  ///                      of this use, and takes the place of them all once a connection has been made with it;
  ///                      until then they stay as a fallback (M05.FR.09 to .13). Without one installed: no effect.
  virtual common::Status begin_install_root(RootUse use, PemText& pem, bool must_replace,
                                            common::UtcTime at) = 0;
  /// Makes a new pair of keys and a signing request for it; an earlier request that has not been answered is
  /// dropped. Kept over restarts. @retval kInvalidArgument  No common name.
  /// @param is_local  Somebody at the device asked for it: it is not for the CSMS. Kept, too.
  virtual common::Status begin_request(const ClientSubject& subject, KeyType type,
                                       bool is_local) = 0;
  /// Takes the certificate that answers the request, with its chain. It must be valid, made for the key of the
  /// request, have its common name and organization, and lead to an installed kCentralSystem root.
  /// From then on it is shown to servers; the one before is kept until a connection has been made with it.
  virtual common::Status begin_accept_client(PemText& chain, common::UtcTime at) = 0;
  /// Checks a firmware signing certificate against the kManufacturer roots and keeps it for
  /// begin_verify_firmware(), over restarts, in the place of an earlier one.
  virtual common::Status begin_check_signer(PemText& chain, common::UtcTime at) = 0;
  /// Checks a signature with the kept signing certificate: RSA-PSS or ECDSA over SHA-256.
  /// @param digest     SHA-256 of the file: what finish_digest() gave.
  /// @param signature  Base64 text. kBadSignature, kMalformed.
  virtual common::Status begin_verify_firmware(common::ByteSpan digest, PemText& signature) = 0;
  /// @}

  /// An operation runs.
  virtual bool is_busy() const = 0;
  /// One runs, or something is left to write: call poll() about every 20 ms.
  virtual bool has_work() const = 0;
  /// Goes on with what runs.
  /// @return True once per operation: it has ended as outcome says, and what it changed is on flash.
  virtual bool poll(Outcome& outcome) = 0;

  /// @name Installed roots
  /// @{
  /// Roots of one use, those kept as a fallback included.
  virtual size_t root_count(RootUse use) const = 0;
  /// Roots of both uses and chains that can be kept in all: CertificateStoreMaxLength.
  virtual size_t capacity() const = 0;
  /// @param index  Below root_count(). @retval kNotFound, kIo.
  virtual common::Status root_hash(RootUse use, size_t index, HashAlgorithm algorithm,
                                   CertificateHash& out) = 0;
  /// Removes a root of either use. Client and signing certificates are not found here (M04.FR.05).
  /// kFailed, too, while another change is being written.
  virtual DeleteResult remove_root(const CertificateHash& hash) = 0;
  /// @param id  CertificateInfo::id.
  virtual DeleteResult remove_root(uint32_t id) = 0;
  /// @}

  /// The index-th certificate of any kind, for people. Reads and parses it.
  /// @retval kNotFound  There are not so many.  @retval kIo  @retval kNoSpace  No memory.
  virtual common::Status describe(size_t index, CertificateInfo& out) = 0;

  /// @name Client certificate
  /// @{
  /// One that is valid at this time.
  virtual bool has_client(common::UtcTime at) const = 0;
  /// When the newest one ends; 0 = there is none.
  virtual common::UtcTime client_expires_at() const = 0;
  /// PEM text of the request that waits for its certificate; copied to out. Less than 1,500 bytes with RSA.
  /// @retval kNotFound  None waits.  @retval kNoSpace  out is too small.
  virtual common::Result<size_t> request_pem(common::Span<char> out) = 0;
  virtual bool has_request() const = 0;
  /// One waits that somebody at the device asked for.
  virtual bool has_local_request() const = 0;
  /// @}

  /// @name Firmware
  /// @{
  virtual bool has_signer() const = 0;
  /// poll() writes it.
  virtual void forget_signer() = 0;
  /// SHA-256 of a stream; one at a time.
  virtual void begin_digest() = 0;
  virtual void update_digest(common::ByteSpan data) = 0;
  /// @param out  32 bytes.
  virtual void finish_digest(common::MutableByteSpan out) = 0;
  /// @}

  /// @name What became of the link to the CSMS; poll() writes it
  /// @{
  /// A connection stands.
  /// @param root    What platform::TlsAuthority::Verdict::root named; 0 = no TLS, or another trust store.
  /// @param client  The client certificate that was shown, 0 = none.
  virtual void on_connected(uint32_t root, uint32_t client) = 0;
  /// An attempt with this client certificate failed in the handshake: the next one shows the one before it.
  virtual void on_connection_failed(uint32_t client) = 0;
  virtual void on_disconnected() = 0;
  /// @}
};

}  // namespace security
