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
  explicit Diagnostics(Engine& engine) : FileJob(engine, "diagnostics", "diagnostics_url") {}

  void begin();
  common::Instant step();
  /// Takes an order and drops an earlier one.
  /// @retval kNotFound  There is nothing to upload.  @retval kNoSpace, kIo  Not stored.
  common::Status order(const FileOrder& order);
  ocpp_messages::DiagnosticsStatus status() const;
  static ocpp_messages::DiagnosticsStatus status_of(uint8_t step);

 private:
  enum Phase : uint8_t { kNone, kWaiting, kUploading };

  void reach(uint8_t phase, uint8_t step);
  common::Instant start();
  common::Instant upload();
  void on_attempt_failed();

  bool is_all_written_ = false;
};

}  // namespace ocpp
