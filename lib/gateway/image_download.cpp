#include "gateway/image_download.hpp"

namespace gateway {

using common::Status;
using platform::TransferStatus;

Status ImageDownload::begin(common::TextSpan url) {
  download_ = JobState::kFailed;
  install_ = JobState::kIdle;
  bytes_ = 0;
  held_ = 0;
  if (!is_offered()) return Status::kUnsupported;
  RETURN_IF_ERROR(url_.assign(url));
  transfer_->cancel();
  RETURN_IF_ERROR(firmware_->erase());
  return start();
}

Status ImageDownload::start() {
  begun_at_ = bytes_;
  is_first_ = true;
  const Status status = transfer_->download(url_.span(), bytes_);
  download_ = status == Status::kOk ? JobState::kRunning : JobState::kFailed;
  return status;
}

void ImageDownload::on_end() {
  const platform::TransferStatus& status = transfer_->status();
  if (status.state == TransferStatus::State::kDone) {
    download_ = bytes_ > 0 ? JobState::kDone : JobState::kFailed;
  } else if (status.is_retry_useful && bytes_ >= begun_at_ + kProgressBytes) {
    (void)start();
  } else {
    download_ = JobState::kFailed;
  }
}

void ImageDownload::step() {
  if (download_ == JobState::kRunning) fetch();
  if (install_ != JobState::kRunning) return;
  Status status = firmware_->verify();
  if (status == Status::kAgain) return;
  if (status == Status::kOk) status = firmware_->activate();
  install_ = status == Status::kOk ? JobState::kDone : JobState::kFailed;
}

void ImageDownload::fetch() {
  if (held_ == 0) {
    const common::Result<size_t> read =
        transfer_->read(common::MutableByteSpan(buffer_, sizeof buffer_));
    if (read.status() == Status::kAgain) return;
    if (!read.ok()) return on_end();
    held_ = read.value();
    if (is_first_ && transfer_->status().begins_at != bytes_) {
      bytes_ = begun_at_ = 0;  // it begins anew
      if (firmware_->erase() != Status::kOk) {
        transfer_->cancel();
        download_ = JobState::kFailed;
        return;
      }
    }
    is_first_ = false;
  }
  const Status status = firmware_->write(bytes_, common::ByteSpan(buffer_, held_));
  if (status == Status::kAgain) return;
  if (status != Status::kOk) {
    transfer_->cancel();
    download_ = JobState::kFailed;
    return;
  }
  bytes_ += static_cast<uint32_t>(held_);
  held_ = 0;
}

void TextUpload::begin(common::TextSpan url, common::UtcTime from, common::UtcTime to) {
  state_ = url_.assign(url) == Status::kOk ? JobState::kRunning : JobState::kFailed;
  is_begun_ = false;
  is_finished_ = false;
  from_ = from;
  to_ = to;
}

Status TextUpload::start() {
  if (!is_offered()) return Status::kUnsupported;
  RETURN_IF_ERROR(source_->rewind(from_, to_));
  transfer_->cancel();
  return transfer_->upload(url_.span());
}

void TextUpload::step() {
  if (state_ != JobState::kRunning) return;
  if (!is_begun_) {
    is_begun_ = true;
    if (start() != Status::kOk) state_ = JobState::kFailed;
    return;
  }
  for (int i = 0; i < kPieces && !is_finished_; ++i) {
    const common::TextSpan piece = source_->piece();
    if (piece.empty()) {
      transfer_->finish();
      is_finished_ = true;
    } else if (const Status status = transfer_->write(common::as_bytes(piece));
               status == Status::kOk) {
      source_->next();
    } else if (status == Status::kAgain) {
      return;
    } else {
      state_ = JobState::kFailed;
      return;
    }
  }
  switch (transfer_->status().state) {
    case TransferStatus::State::kRunning:
      break;
    case TransferStatus::State::kDone:
      state_ = JobState::kDone;
      break;
    case TransferStatus::State::kIdle:
    case TransferStatus::State::kFailed:
      state_ = JobState::kFailed;
      break;
  }
}

}  // namespace gateway
