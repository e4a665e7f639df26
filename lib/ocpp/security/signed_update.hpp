#pragma once

#include "ocpp/engine.hpp"
#include "ocpp/security/image_signature.hpp"
#include "ocpp_messages/signed_update_firmware.hpp"
#include "security/credentials.hpp"

namespace ocpp {

/// Text of a JSON message for lib/security, without a copy.
class MessageText final : public security::PemText {
 public:
  explicit MessageText(const messages::Text& text) : cursor_(text.cursor()) {}
  common::TextSpan next() override { return cursor_.next(); }

 private:
  json::StringCursor cursor_;
};

/// SignedUpdateFirmware (security whitepaper ed. 3, L01): what it adds to FirmwareUpdate, which moves the image. The signing
/// certificate is checked before the order is accepted, the signature once the image is on flash, and the time of installation
/// is awaited; statuses of both are told as SignedFirmwareStatusNotification, in one order.
///
///     DownloadScheduled, Downloading, DownloadPaused, Downloading, DownloadFailed | Downloaded, SignatureVerified |
///     InvalidSignature, InstallScheduled, Installing, InstallRebooting, Installed | InstallationFailed
///
/// An image that the device itself has fetched carries its signature (ImageSignature): its certificate is checked after the
/// download, too, and what becomes of it is told as FirmwareStatusNotification.
///
/// Setting "sfw" (little-endian, fields are only appended): version u8 = 1, active u8 (2: fetched by the device), request i32, install at i64 (ms, 0 at
/// once), happened u8, told u8, number of the signature u8, last status u8. Settings "sfw_sig0" and "sfw_sig1": signature.
/// The order is on flash before FirmwareUpdate has it, so that no image is installed unchecked.
class SignedUpdate {
 public:
  using Status = messages::SignedFirmwareStatus;

  /// Both outlive it.
  SignedUpdate(Engine& engine, security::Credentials& credentials)
      : engine_(engine), credentials_(credentials) {}

  void begin();
  /// @param at  Time to judge certificates by.
  common::Instant step(common::UtcTime at);

  /// Begins to check the signing certificate. @retval kInvalidState  An image is being installed.
  common::Status prepare(const messages::SignedUpdateFirmwareReq& request, common::UtcTime at);
  /// The certificate is good. @return What to answer.
  messages::SignedUpdateFirmwareStatus accept();
  /// What is downloaded from now on carries its signature. @retval kInvalidState  An image is being installed.
  common::Status begin_local();
  /// A certificate out of an image is being checked.
  bool is_checking_signer() const { return is_checking_signer_; }
  /// @return false: it is not valid; reject() is to follow, once that is noted.
  bool on_signer(const security::Credentials::Outcome& outcome);
  /// Why the image that was fetched cannot be judged at all, once; nullptr = it can.
  const char* take_complaint();
  /// A plain update takes its place.
  void forget();
  /// @return false: the signature is wrong; reject() is to follow, once that is noted.
  bool on_verified(const security::Credentials::Outcome& outcome);

  void reject();

  bool is_active() const { return record_.active != 0; }
  bool may_install() const;
  int32_t request_id() const { return record_.request_id; }
  /// Next status that the CSMS does not know. @param receipt  For on_told().
  bool next_to_tell(Status& status, uint32_t& receipt) const;
  void on_told(uint32_t receipt);
  /// What is told when asked for. Idle after Installed, and before anything.
  Status status() const;
  bool is_triggered = false;

 private:
  struct Record {
    uint8_t active = 0;
    int32_t request_id = 0;
    common::UtcTime install_at;
    uint8_t happened = 0;
    uint8_t told = 0;
    uint8_t signature = 0;
    uint8_t last_status = static_cast<uint8_t>(Status::Idle);
  };
  enum class Check : uint8_t { kNone, kSigner, kDigest, kWaiting, kSignature };
  static constexpr uint8_t kByCsms = 1;
  static constexpr uint8_t kByDevice = 2;

  common::Status store() const;
  bool has(uint8_t bit) const { return (record_.happened & 1U << bit) != 0; }
  bool is_told(uint8_t bit) const { return (record_.told & 1U << bit) != 0; }
  void reach(uint8_t bit);
  common::Instant check(common::UtcTime at);
  common::Instant again();
  void check_signer(common::UtcTime at);
  void begin_digest();
  common::Status verify();
  bool is_local() const { return record_.active == kByDevice; }
  void follow_download();
  void finish();
  Status reached() const;

  Engine& engine_;
  security::Credentials& credentials_;
  Record record_;
  Record wanted_;    ///< Its certificate is being checked.
  FileOrder order_;  ///< Of wanted_, without the URL.
  uint16_t url_size_ = 0;
  Check check_ = Check::kNone;
  uint32_t checked_ = 0;  ///< Bytes.
  ImageSignature carried_;
  bool is_checking_signer_ = false;
  const char* complaint_ = nullptr;
  common::Instant retry_at_;
  uint8_t digest_[32] = {};
  char url_[limits::kMaxLocationBytes] = {};  ///< Of wanted_.
};

}  // namespace ocpp
