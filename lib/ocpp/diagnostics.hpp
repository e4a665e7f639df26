#pragma once

#include "ocpp/file_job.hpp"
#include "ocpp_messages/enums.hpp"

namespace ocpp {

/// GetDiagnostics (OCPP 1.6 ed. 2, 5.9, 4.4; errata 3.31, 3.50).
///
///     kNone --order--> kWaiting --> kUploading --> Uploaded
///                         ^__ retries left __/ \_> UploadFailed
///
/// After a restart an unfinished upload begins anew.
class Diagnostics : public FileJob {
 public:
  /// @param source  What is uploaded; nullptr = nothing. Outlives this.
  Diagnostics(Engine& engine, platform::TextSource* source)
      : Diagnostics(engine, source, "diagnostics", "diagnostics_url") {}

  void begin();
  common::Instant step();
  /// Takes an order and drops an earlier one.
  /// @retval kNotFound  There is nothing to upload.  @retval kNoSpace, kIo  Not stored.
  common::Status order(const FileOrder& order);
  ocpp_messages::DiagnosticsStatus status() const;
  static ocpp_messages::DiagnosticsStatus status_of(uint8_t step);

  bool is_waiting() const { return phase_ == kWaiting; }

 protected:
  enum Phase : uint8_t { kNone, kWaiting, kUploading };

  Diagnostics(Engine& engine, platform::TextSource* source, const char* key, const char* url_key)
      : FileJob(engine, key, url_key), source_(source) {}

  platform::TextSource* source_;

 private:
  void reach(uint8_t phase, uint8_t step);
  common::Instant start();
  common::Instant upload();
  void on_attempt_failed();

  bool is_all_written_ = false;
};

}  // namespace ocpp
