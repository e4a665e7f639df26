#include "ocpp/firmware_update.hpp"

#include "ocpp/engine.hpp"

LOG_MODULE("ocpp.firmware");

namespace ocpp {

using common::Instant;
using common::Status;
using messages::FirmwareStatus;
using platform::Firmware;

namespace {

/// Statuses of one update, in the only order in which they can occur.
enum Step : uint8_t {
  kDownloadingStep,
  kDownloadFailedStep,
  kDownloadedStep,
  kInstallingStep,
  kInstallationFailedStep,
  kInstalledStep,
};
constexpr FirmwareStatus kStatuses[] = {
    FirmwareStatus::Downloading, FirmwareStatus::DownloadFailed,     FirmwareStatus::Downloaded,
    FirmwareStatus::Installing,  FirmwareStatus::InstallationFailed, FirmwareStatus::Installed,
};

/// Longest wait of a new image for the CSMS, ms.
constexpr int64_t kTrialMs = 15 * 60 * 1000;
/// Longest wait for the CSMS to confirm what led to the installation, ms.
constexpr int64_t kTellMs = 60 * 1000;
/// An attempt that brought this much does not count against the retries: it was the line, not the server.
constexpr uint32_t kProgressBytes = 64 * 1024;
constexpr size_t kPieceBytes = 512;
constexpr int kPiecesPerStep = 8;

}  // namespace

FirmwareStatus FirmwareUpdate::status_of(uint8_t step) {
  return step < sizeof kStatuses / sizeof kStatuses[0] ? kStatuses[step] : FirmwareStatus::Idle;
}

FirmwareStatus FirmwareUpdate::status() const { return status_of(last_step()); }

void FirmwareUpdate::begin() {
  Firmware* const firmware = engine_.ports.firmware;
  if (firmware == nullptr || engine_.ports.transfer == nullptr) return;
  load();
  const Firmware::Boot boot = firmware->boot();
  if (boot == Firmware::Boot::kTrial) trial_ends_ = engine_.now() + kTrialMs;
  if (phase_ == kDownloading) phase_ = kWaiting;
  if (phase_ < kActivating) return;
  if (boot == Firmware::Boot::kRolledBack) {
    finish(kInstallationFailedStep);
  } else if (boot == Firmware::Boot::kNormal) {
    // The power went either before the image was chosen or after it was confirmed.
    if (phase_ == kConfirming) {
      finish(kInstalledStep);
    } else {
      phase_ = kInstalling;
    }
  }
}

Status FirmwareUpdate::order(const FileOrder& order) {
  if (is_same(order)) return Status::kOk;
  if (phase_ >= kInstalling) return Status::kInvalidState;
  if (is_transferring_) engine_.ports.transfer->cancel();
  is_transferring_ = false;
  set_blocking(false);
  RETURN_IF_ERROR(engine_.ports.firmware->erase());
  received_ = 0;
  return accept(order, kWaiting);
}

void FirmwareUpdate::reach(uint8_t phase, uint8_t step) {
  enter(phase, step, EventType::kFirmwareStatusChanged, to_string(kStatuses[step]));
}

void FirmwareUpdate::finish(uint8_t step) {
  reach(kNone, step);
  is_transferring_ = false;
  set_blocking(false);
}

void FirmwareUpdate::set_blocking(bool is_blocking) {
  if (is_blocking_ == is_blocking) return;
  is_blocking_ = is_blocking;
  engine_.apply_operative();
}

Instant FirmwareUpdate::step() {
  if (is_unread_) begin();
  if (is_unread_) return engine_.now() + kUnreadMs;
  if (!trial_ends_.is_never()) return try_out();
  switch (phase_) {
    case kWaiting:
      return wait_to_download();
    case kDownloading:
      return download();
    case kDownloaded:
      if (engine_.ports.extension != nullptr && !engine_.ports.extension->may_install())
        return Instant::never();
      set_blocking(true);
      // The end of a session is an input: the engine steps then.
      if (engine_.is_in_use()) return Instant::never();
      reach(kInstalling, kInstallingStep);
      install_by_ = engine_.now() + kTellMs;
      return engine_.now();
    case kInstalling:
      return install();
    default:
      return Instant::never();
  }
}

Instant FirmwareUpdate::wait_to_download() {
  if (from_.is_known()) {
    const common::UtcTime utc = engine_.clock.utc();
    if (!utc.is_known()) return Instant::never();  // until the clock is set
    if (utc < from_) return engine_.now() + (from_ - utc);
  }
  if (engine_.now() < retry_at_) return retry_at_;
  if (!is_transfer_free()) return engine_.now() + kSlowPollMs;
  char url[limits::kMaxLocationBytes];
  const common::Result<size_t> size = read_url(common::Span<char>(url));
  received_ = attempt_from_ = engine_.ports.firmware->size();
  has_read_ = false;
  reach(kDownloading, kDownloadingStep);
  if (!size.ok() || engine_.ports.transfer->download(common::TextSpan(url, size.value()),
                                                     received_) != Status::kOk) {
    on_attempt_failed(size.ok() && engine_.ports.transfer->status().is_retry_useful,
                      engine_.ports.transfer->status().error.c_str());
    return engine_.now();
  }
  is_transferring_ = true;
  return engine_.now();
}

Instant FirmwareUpdate::download() {
  platform::FileTransfer& transfer = *engine_.ports.transfer;
  Firmware& firmware = *engine_.ports.firmware;
  uint8_t piece[kPieceBytes];
  for (int i = 0; i < kPiecesPerStep; ++i) {
    const common::Result<size_t> got = transfer.read(common::MutableByteSpan(piece));
    if (got.status() == Status::kAgain) return engine_.now() + (i == 0 ? kSlowPollMs : kPollMs);
    if (!got.ok()) {
      is_transferring_ = false;
      const platform::TransferStatus& status = transfer.status();
      if (status.state == platform::TransferStatus::State::kDone) {
        reach(kDownloaded, kDownloadedStep);
      } else {
        on_attempt_failed(status.is_retry_useful, status.error.c_str());
      }
      return engine_.now();
    }
    Status written = Status::kOk;
    if (!has_read_ && transfer.status().begins_at != received_) {
      received_ = attempt_from_ = 0;
      written = firmware.erase();  // it begins anew
    }
    has_read_ = true;
    if (written == Status::kOk)
      written = firmware.write(received_, common::ByteSpan(piece, got.value()));
    if (written != Status::kOk) {
      transfer.cancel();
      is_transferring_ = false;
      on_attempt_failed(written != Status::kNoSpace, written == Status::kNoSpace
                                                         ? "the file is larger than the slot"
                                                         : "the slot cannot be written");
      return engine_.now();
    }
    received_ += static_cast<uint32_t>(got.value());
  }
  return engine_.now() + kPollMs;
}

void FirmwareUpdate::on_attempt_failed(bool is_retry_useful, const char* why) {
  LOG_WARN(engine_.ports.log, "firmware: %s", why);
  if (is_retry_useful && received_ >= attempt_from_ + kProgressBytes) ++retries_left_;
  if (is_retry_useful && may_retry(kWaiting)) return;
  (void)engine_.ports.firmware->erase();
  finish(kDownloadFailedStep);
}

Instant FirmwareUpdate::install() {
  set_blocking(true);
  if (engine_.is_in_use()) return Instant::never();
  // The restart would cut it off; offline it is told afterwards.
  uint8_t untold = 0;
  if (engine_.is_online && engine_.now() < install_by_ && next_to_tell(untold)) return install_by_;
  const Status verified = engine_.ports.firmware->verify();
  if (verified == Status::kAgain) return engine_.now() + 1;
  if (verified == Status::kNotFound) {
    fetch_again();
    return engine_.now();
  }
  if (verified == Status::kOk) {
    phase_ = kActivating;
    if (store() == Status::kOk && engine_.ports.firmware->activate() == Status::kOk) {
      engine_.request_reset(false);
      return engine_.now();
    }
  }
  LOG_ERROR(engine_.ports.log, "firmware: the image is not usable (%s)", to_string(verified));
  (void)engine_.ports.firmware->erase();
  finish(kInstallationFailedStep);
  return engine_.now();
}

Instant FirmwareUpdate::try_out() {
  if (engine_.registration.state() == RegistrationState::kUnregistered) {
    if (engine_.now() < trial_ends_) return trial_ends_;
    trial_ends_ = engine_.now() + kTrialMs;
    LOG_ERROR(engine_.ports.log, "firmware: the CSMS cannot be reached, going back");
    if (engine_.ports.firmware->roll_back() == Status::kOk) engine_.request_reset(true);
    return trial_ends_;
  }
  (void)confirm();
  return engine_.now();
}

void FirmwareUpdate::abandon(bool is_failure) {
  if (is_failure) {
    finish(kInstallationFailedStep);
  } else {
    enter(kNone);
    set_blocking(false);
  }
  (void)engine_.ports.firmware->erase();
}

Status FirmwareUpdate::confirm() {
  if (trial_ends_.is_never()) return Status::kInvalidState;
  trial_ends_ = Instant::never();
  if (phase_ != kNone) enter(kConfirming);
  const Status confirmed = engine_.ports.firmware->confirm();
  LOG_INFO(engine_.ports.log, "firmware: version %s is kept (%s)",
           engine_.ports.firmware->version().c_str(), to_string(confirmed));
  if (phase_ != kNone) finish(kInstalledStep);
  return confirmed;
}

}  // namespace ocpp
