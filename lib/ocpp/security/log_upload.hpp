#pragma once

#include "ocpp/engine.hpp"
#include "ocpp/security/security_log_text.hpp"

namespace ocpp {

/// GetLog (security whitepaper ed. 3, N01): an upload like that of GetDiagnostics, with the number of its request.
/// Setting "log_request": version u8 = 1, log u8, outcome u8, request i32.
class LogUpload final : public Diagnostics {
 public:
  /// @param security_log  Outlives it.
  LogUpload(Engine& engine, platform::TextSource& security_log)
      : Diagnostics(engine, nullptr, "log", "log_url"), security_log_(security_log) {}

  void begin();
  common::Instant step();
  /// Takes an order and drops an earlier one. @param was_busy  Set to whether there was one.
  /// @retval kNotFound  There is nothing to upload.  @retval kNoSpace, kIo  Not stored.
  common::Status order(const FileOrder& order, messages::Log type, int32_t request_id,
                       bool& was_busy);
  /// Somebody else is about to read the diagnostics: this upload begins anew afterwards.
  void yield_diagnostics();

  int32_t request_id() const { return request_id_; }
  messages::UploadLogStatus status() const;
  messages::UploadLogStatus status_of(uint8_t step) const;

 private:
  void load_request();
  common::Status store_request() const;
  platform::TextSource* source_for(messages::Log type) const;

  platform::TextSource& security_log_;
  bool is_request_unread_ = false;
  messages::Log type_ = messages::Log::DiagnosticsLog;
  messages::UploadLogStatus failure_ = messages::UploadLogStatus::UploadFailure;
  int32_t request_id_ = 0;
};

}  // namespace ocpp
