#include "ocpp/security/log_upload.hpp"

namespace ocpp {

using common::Instant;
using common::Status;
using messages::UploadLogStatus;

namespace {

constexpr char kRequestKey[] = "log_request";
constexpr uint8_t kVersion = 1;
constexpr size_t kRequestBytes = 7;

/// Steps of Diagnostics.
constexpr uint8_t kUploadingStep = 0;
constexpr uint8_t kFailedStep = 1;
constexpr uint8_t kUploadedStep = 2;

UploadLogStatus to_status(const platform::TransferStatus& transfer) {
  using Fault = platform::TransferStatus::Fault;
  switch (transfer.fault) {
    case Fault::kUnsupported:
      return UploadLogStatus::NotSupportedOperation;
    case Fault::kDenied:
      return UploadLogStatus::PermissionDenied;
    case Fault::kRefused:
      return UploadLogStatus::BadMessage;
    case Fault::kOther:
      break;
  }
  return UploadLogStatus::UploadFailure;
}

}  // namespace

void LogUpload::begin() {
  load_request();
  source_ = source_for(type_);
  Diagnostics::begin();
}

void LogUpload::load_request() {
  uint8_t image[16];  // room for fields of later versions
  const common::Result<size_t> size =
      engine_.ports.settings.get(kRequestKey, common::MutableByteSpan(image));
  is_request_unread_ = size.status() == Status::kIo;
  if (!size.ok() || size.value() < kRequestBytes || image[0] != kVersion) return;
  type_ = image[1] == 0 ? messages::Log::DiagnosticsLog : messages::Log::SecurityLog;
  if (image[2] <= static_cast<uint8_t>(UploadLogStatus::Uploading))
    failure_ = static_cast<UploadLogStatus>(image[2]);
  uint32_t id = 0;
  for (size_t i = 4; i-- > 0;) id = id << 8U | image[3 + i];
  request_id_ = static_cast<int32_t>(id);
}

Status LogUpload::store_request() const {
  uint8_t image[kRequestBytes] = {kVersion, static_cast<uint8_t>(type_),
                                  static_cast<uint8_t>(failure_)};
  for (size_t i = 0; i < 4; ++i)
    image[3 + i] = static_cast<uint8_t>(static_cast<uint32_t>(request_id_) >> 8U * i);
  return engine_.ports.settings.set(kRequestKey, common::ByteSpan(image));
}

platform::TextSource* LogUpload::source_for(messages::Log type) const {
  return type == messages::Log::SecurityLog ? &security_log_ : engine_.ports.diagnostics;
}

Status LogUpload::order(const FileOrder& order, messages::Log type, int32_t request_id,
                        bool& was_busy) {
  platform::TextSource* const source = source_for(type);
  if (source == nullptr || engine_.ports.transfer == nullptr) return Status::kNotFound;
  was_busy = phase_ != kNone;
  // While GetDiagnostics is being served its source stays where it is.
  const bool is_free =
      source != engine_.ports.diagnostics || !engine_.diagnostics.is_transferring();
  if (is_free && !(is_transferring_ && source == source_))
    RETURN_IF_ERROR(source->rewind(order.from, order.to));
  if (is_transferring_) engine_.ports.transfer->cancel();
  is_transferring_ = engine_.is_transfer_lent = false;
  // The old order is gone before its number is another's.
  phase_ = happened_ = told_ = 0;
  RETURN_IF_ERROR(store());
  source_ = source;
  type_ = type;
  request_id_ = request_id;
  failure_ = UploadLogStatus::UploadFailure;
  RETURN_IF_ERROR(store_request());
  return accept(order, kWaiting);
}

void LogUpload::yield_diagnostics() {
  if (!is_transferring_ || type_ != messages::Log::DiagnosticsLog) return;
  engine_.ports.transfer->cancel();
  is_transferring_ = engine_.is_transfer_lent = false;
  phase_ = kWaiting;
}

Instant LogUpload::step() {
  if (is_request_unread_) load_request();
  const auto before = happened_;
  const Instant next = Diagnostics::step();
  engine_.is_transfer_lent = is_transferring_;
  if (((happened_ & ~before) & 1U << kFailedStep) != 0) {
    failure_ = to_status(engine_.ports.transfer->status());
    (void)store_request();
  }
  return next;
}

UploadLogStatus LogUpload::status_of(uint8_t step) const {
  switch (step) {
    case kUploadingStep:
      return UploadLogStatus::Uploading;
    case kFailedStep:
      return failure_;
    case kUploadedStep:
      return UploadLogStatus::Uploaded;
    default:
      return UploadLogStatus::Idle;
  }
}

UploadLogStatus LogUpload::status() const { return status_of(last_step()); }

}  // namespace ocpp
