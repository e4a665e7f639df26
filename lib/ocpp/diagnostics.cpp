#include "ocpp/diagnostics.hpp"

#include "ocpp/engine.hpp"

LOG_MODULE("ocpp.diagnostics");

namespace ocpp {

using common::Instant;
using common::Status;
using messages::DiagnosticsStatus;

namespace {

/// In the only order in which they can occur.
enum Step : uint8_t { kUploadingStep, kUploadFailedStep, kUploadedStep };
constexpr DiagnosticsStatus kStatuses[] = {
    DiagnosticsStatus::Uploading, DiagnosticsStatus::UploadFailed, DiagnosticsStatus::Uploaded};
constexpr int kPiecesPerStep = 16;

}  // namespace

DiagnosticsStatus Diagnostics::status_of(uint8_t step) {
  return step < sizeof kStatuses / sizeof kStatuses[0] ? kStatuses[step] : DiagnosticsStatus::Idle;
}

DiagnosticsStatus Diagnostics::status() const { return status_of(last_step()); }

void Diagnostics::begin() {
  if (source_ == nullptr || engine_.ports.transfer == nullptr) return;
  load();
  if (phase_ == kUploading) phase_ = kWaiting;
}

Status Diagnostics::order(const FileOrder& order) {
  RETURN_IF_ERROR(source_->rewind(order.from, order.to));
  if (is_transferring_) engine_.ports.transfer->cancel();
  is_transferring_ = false;
  return accept(order, kWaiting);
}

void Diagnostics::reach(uint8_t phase, uint8_t step) {
  enter(phase, step, EventType::kDiagnosticsStatusChanged, to_string(kStatuses[step]));
}

Instant Diagnostics::step() {
  if (is_unread_) begin();
  if (is_unread_) return engine_.now() + kUnreadMs;
  switch (phase_) {
    case kWaiting:
      return start();
    case kUploading:
      return upload();
    default:
      return Instant::never();
  }
}

Instant Diagnostics::start() {
  if (engine_.now() < retry_at_) return retry_at_;
  if (!is_transfer_free()) return engine_.now() + kSlowPollMs;
  char url[limits::kMaxLocationBytes];
  const common::Result<size_t> size = read_url(common::Span<char>(url));
  is_all_written_ = false;
  reach(kUploading, kUploadingStep);
  if (!size.ok() || source_->rewind(from_, to_) != Status::kOk ||
      engine_.ports.transfer->upload(common::TextSpan(url, size.value())) != Status::kOk) {
    on_attempt_failed();
  } else {
    is_transferring_ = true;
  }
  return engine_.now();
}

Instant Diagnostics::upload() {
  using State = platform::TransferStatus::State;
  platform::FileTransfer& transfer = *engine_.ports.transfer;
  for (int i = 0; !is_all_written_ && transfer.status().state == State::kRunning; ++i) {
    const common::TextSpan piece = source_->piece();
    if (i == kPiecesPerStep) return engine_.now() + kPollMs;
    if (piece.empty()) {
      transfer.finish();
      is_all_written_ = true;
    } else {
      if (transfer.write(common::as_bytes(piece)) != Status::kOk) break;
      source_->next();
    }
  }
  switch (transfer.status().state) {
    case State::kRunning:
      return engine_.now() + kSlowPollMs;
    case State::kDone:
      is_transferring_ = false;
      reach(kNone, kUploadedStep);
      return engine_.now();
    case State::kFailed:
    case State::kIdle:
      break;
  }
  on_attempt_failed();
  return engine_.now();
}

void Diagnostics::on_attempt_failed() {
  const platform::TransferStatus& status = engine_.ports.transfer->status();
  is_transferring_ = false;
  LOG_WARN(engine_.ports.log, "diagnostics: %s", status.error.c_str());
  if (status.is_retry_useful && may_retry(kWaiting)) return;
  reach(kNone, kUploadFailedStep);
}

}  // namespace ocpp
