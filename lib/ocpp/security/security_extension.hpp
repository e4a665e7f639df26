#pragma once

#include "ocpp/extension.hpp"
#include "ocpp/security/log_upload.hpp"
#include "ocpp/security/security_log_text.hpp"

#include <optional>

namespace ocpp {

/// The security extension of OCPP 1.6 (security whitepaper ed. 3), plugged into the engine by Ports::extension.
///
///     security_extension.cpp  life cycle, security events, which CALL of the extension goes out next
///     security_calls.cpp      CALLs of the CSMS
///
/// It yields to people: Authorize and StatusNotification go first.
class SecurityExtension final : public Extension {
 public:
  /// All outlive it. The stores are those of Ports.
  SecurityExtension(platform::FileStore& files, platform::KeyValueStore& settings,
                    SecurityLog::Digest& digest, common::LogSink& log)
      : log_(files, settings, digest, log) {}
  SecurityExtension(const SecurityExtension&) = delete;
  SecurityExtension& operator=(const SecurityExtension&) = delete;

  /// Notes an event, and tells the CSMS if it is one to be told. The same event with the same words is noted once an hour.
  /// @param info  What happened, for technicians: no secrets.
  void report(SecurityEvent event, common::TextSpan info);
  void report(SecurityEvent event, const char* info) { report(event, common::text(info)); }

  const SecurityLog& log() const { return log_; }
  /// "Idle" when nothing is uploaded. Only after begin().
  const char* upload_status() const { return to_string(upload_->status()); }

  // --- Extension
  void begin(Engine& engine) override;
  common::Instant step() override;
  bool handle(const InboundCall& call, Action action) override;
  bool send() override;
  bool on_outcome(const CallContext& context, const RpcFrame* answer) override;
  void on_event(const Event& event) override;
  bool may_install() const override { return true; }

 private:
  /// Events of one kind that came last, so that a repeated one is noted once.
  struct Recent {
    common::Instant at;
    uint32_t crc = 0;
  };

  void begin_log();
  bool is_repeated(SecurityEvent event, common::TextSpan info);
  bool send_event();
  bool send_upload_status(bool is_triggered);
  void on_event_outcome(const CallContext& context, const RpcFrame* answer);

  // --- security_calls.cpp
  void handle_extended_trigger(const InboundCall& call);
  void handle_get_log(const InboundCall& call);

  Engine* engine_ = nullptr;  ///< Since begin().
  SecurityLog log_;
  std::optional<SecurityLogText> text_;
  std::optional<LogUpload> upload_;
  Recent recent_[kSecurityEventCount];
  int64_t clock_offset_ms_ =
      0;  ///< UTC less monotonic time, when the clock was last looked at; 0 = unknown.
  common::Instant retry_event_at_;
  common::Instant retry_log_at_ = common::Instant::never();
  uint32_t refused_event_ = 0;
  uint8_t refusals_ = 0;
};

}  // namespace ocpp
