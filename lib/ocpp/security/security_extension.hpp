#pragma once

#include "ocpp/extension.hpp"
#include "ocpp/security/log_upload.hpp"
#include "ocpp/security/message_watch.hpp"
#include "ocpp/security/security_log_text.hpp"
#include "ocpp/security/signed_update.hpp"
#include "platform/csms_access.hpp"
#include "security/credentials.hpp"

#include <optional>

namespace ocpp {

/// What the device was given locally.
struct SecurityOptions {
  bool has_trust_store = false;  ///< Roots of the CSMS beside those of the certificate store.
  bool checks_additional_root = false;    ///< AdditionalRootCertificateCheck.
  bool allows_unsigned_firmware = false;  ///< Plain UpdateFirmware is carried out.
  security::KeyType key_type = security::KeyType::kEcP256;
  common::UtcTime earliest_utc;  ///< As set_earliest().
  bool was_reset = false;        ///< To factory settings: the log begins with it.
};

/// The security extension of OCPP 1.6 (security whitepaper ed. 3), plugged into the engine by Ports::extension.
///
///     security_extension.cpp  life cycle, security events, which CALL of the extension goes out next
///     security_calls.cpp      CALLs of the CSMS
///     security_keys.cpp       configuration keys
///     certificate_calls.cpp   certificates: installing, deleting, signing, renewal; answers that come later
///     local_certificates.cpp  the same by somebody at the device
///     security_link.cpp       the link: what a profile needs, what failures mean
///
/// It yields to people: Authorize and StatusNotification go first.
class SecurityExtension final : public Extension {
 public:
  /// All outlive it. The stores are those of Ports.
  SecurityExtension(platform::FileStore& files, platform::KeyValueStore& settings,
                    SecurityLog::Digest& digest, security::Credentials& credentials,
                    platform::CsmsAccess& access, common::LogSink& log)
      : credentials_(credentials), access_(access), log_(files, settings, digest, log) {}
  SecurityExtension(const SecurityExtension&) = delete;
  SecurityExtension& operator=(const SecurityExtension&) = delete;

  /// Before ChargePoint::begin().
  void configure(const SecurityOptions& options) { options_ = options; }
  /// At any time: it is not earlier than this, as far as is known now.
  void set_earliest(common::UtcTime utc) { options_.earliest_utc = utc; }

  /// Notes an event, and tells the CSMS if it is one to be told.
  /// @param info  What happened, for technicians: no secrets.
  void report(SecurityEvent event, common::TextSpan info);
  void report(SecurityEvent event, const char* info) { report(event, common::text(info)); }
  /// The same for what comes again and again: with the same words once an hour.
  void report_recurring(SecurityEvent event, const char* info);

  /// @name The link, which belongs to the application
  /// @{
  /// What the link shows, after every change.
  void on_link(const platform::LinkStatus& status, common::Instant now);
  /// The link is to be opened anew, for a new certificate of ours: what had to be answered has been. Once.
  bool take_reconnect(common::Instant now);
  /// @}

  /// @name Certificates by somebody at the device
  /// With the checks, and the events, that the same has when the CSMS does it; one operation at a time in all.
  /// @retval kInvalidState  Not before begin().
  /// @retval kAgain         Another one runs; is_local_running() tells whose.
  /// @retval kNoSpace       No memory for it now.
  /// @{
  /// A new request, which is not sent to the CSMS. @retval kInvalidArgument  There is no serial number.
  common::Status begin_local_request(common::Instant now);
  common::Status begin_local_accept(security::PemText& chain, common::Instant now);
  common::Status begin_local_install(security::RootUse use, security::PemText& pem,
                                     common::Instant now);
  security::DeleteResult remove_local(uint32_t id, common::Instant now);
  bool is_local_running() const { return local_ == Local::kRunning; }
  /// How what was begun has ended; once.
  bool take_local(security::Credentials::Outcome& out);
  /// @}

  static constexpr size_t kKeyCount = 6;
  /// CertificateSignedMaxChainSize, characters: with the escapes of its line ends it fits into a frame.
  static constexpr size_t kMaxChainBytes = (limits::kMaxFrameBytes - 160) * 64 / 66 / 100 * 100;

  const security::Credentials& credentials() const { return credentials_; }
  /// The later one of the clock and the time of the build.
  common::UtcTime time_to_judge_by() const;
  /// SignedFirmwareStatus literal.
  const char* firmware_status() const { return to_string(update_->status()); }

  const SecurityLog& log() const { return log_; }
  /// "Idle" when nothing is uploaded. Only after begin().
  const char* upload_status() const { return to_string(upload_->status()); }

  // --- Extension
  void begin(Engine& engine) override;
  common::Instant step() override;
  bool handle(const InboundCall& call, Action action) override;
  common::Status begin_local_update() override;
  bool send() override;
  bool on_outcome(const CallContext& context, const RpcFrame* answer) override;
  void on_event(const Event& event) override;
  void on_received(common::TextSpan frame, bool is_truncated, common::Instant now) override;
  void on_sent(common::TextSpan frame, common::Instant now) override;
  bool may_install() const override { return update_->may_install(); }
  size_t key_count() const override { return kKeyCount; }
  bool find_key(common::TextSpan name, size_t& index) const override;
  void read_key(size_t index, ConfigurationEntry& out) const override;
  ConfigurationStatus write_key(size_t index, common::TextSpan value, common::Instant now) override;

 private:
  /// A CALL whose answer needs an operation of Credentials.
  struct Deferred {
    bool is_waiting = false;
    Action action = Action::CertificateSigned;
    common::FixedString<kMaxRawIdBytes> raw_id;
  };
  enum class Local : uint8_t { kNone, kRunning, kEnded };
  /// Events of one kind that came last, so that a repeated one is noted once.
  struct Recent {
    common::Instant at;
    uint32_t crc = 0;
  };

  void begin_log();
  void report_outdated_image();
  bool is_repeated(SecurityEvent event, common::TextSpan info);
  bool send_event();
  bool send_upload_status(bool is_triggered);
  void on_event_outcome(const CallContext& context, const RpcFrame* answer);
  bool send_firmware_status(bool is_triggered);

  // --- security_calls.cpp
  void handle_extended_trigger(const InboundCall& call);
  void handle_get_log(const InboundCall& call);
  void handle_signed_update(const InboundCall& call);
  bool handle_change_configuration(const InboundCall& call);
  void handle_get_configuration(const InboundCall& call);

  // --- certificate_calls.cpp
  void handle_certificate_signed(const InboundCall& call);
  void handle_install_certificate(const InboundCall& call);
  void handle_delete_certificate(const InboundCall& call);
  void handle_get_certificates(const InboundCall& call);
  /// @return false: another one is waiting.
  bool defer(const InboundCall& call, Action action);
  bool begin_request();
  common::Status start_request(bool is_local);
  common::Status begin_install(security::RootUse use, security::PemText& pem);
  common::Status begin_local(common::Status begun);
  void step_credentials();
  void on_operation(const security::Credentials::Outcome& outcome);
  template <typename Conf>
  void answer_deferred(const Conf& conf);
  bool send_sign_certificate();
  void on_sign_outcome(const RpcFrame* answer);
  common::Instant step_renewal();

  void load_cpo_name();
  // --- security_link.cpp
  bool can_have(platform::SecurityProfile profile) const;
  void request_reconnect();
  void on_failure(platform::LinkFailure failure, const platform::LinkStatus& status);

  security::Credentials& credentials_;
  platform::CsmsAccess& access_;
  SecurityOptions options_;
  Engine* engine_ = nullptr;  ///< Since begin().
  SecurityLog log_;
  std::optional<SecurityLogText> text_;
  std::optional<LogUpload> upload_;
  std::optional<SignedUpdate> update_;
  Deferred deferred_;
  security::RootUse root_use_ = security::RootUse::kCentralSystem;  ///< Of the root being checked.
  Local local_ = Local::kNone;
  security::Credentials::Outcome local_outcome_;
  common::FixedString<64> cpo_name_;
  bool wants_sign_ = false;  ///< A request for signing is to be sent.
  uint8_t unanswered_ = 0;   ///< How often it was sent in vain, no more than matters.
  common::Instant sign_at_;  ///< ... from then on.
  common::Instant renew_at_;
  bool wants_reconnect_ = false;
  common::Instant reconnect_by_;
  uint8_t failures_seen_[platform::kLinkFailureCount] = {};
  MessageWatch messages_;
  uint32_t unverified_connection_ = 0;  ///< The last one that was told of.
  Recent recent_[kSecurityEventCount];
  int64_t clock_offset_ms_ =
      0;  ///< UTC less monotonic time, when the clock was last looked at; 0 = unknown.
  common::Instant retry_event_at_;
  common::Instant retry_log_at_ = common::Instant::never();
  uint32_t refused_event_ = 0;
  uint8_t refusals_ = 0;
};

}  // namespace ocpp
