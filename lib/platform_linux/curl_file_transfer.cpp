#include "platform_linux/curl_file_transfer.hpp"

#include "platform_linux/curl_transfer_job.hpp"
#include "platform_linux/directory.hpp"

#include <algorithm>
#include <cstring>
#include <fcntl.h>

namespace platform_linux {

using common::Result;
using common::Status;
using State = platform::TransferStatus::State;

CurlFileTransfer::CurlFileTransfer(Options options) : options_(std::move(options)) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

CurlFileTransfer::~CurlFileTransfer() {
  cancel();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_ending_ = true;
  }
  wake_.notify_all();
  if (network_.joinable()) network_.join();
}

uint8_t CurlFileTransfer::protocols() const {
  return platform::kTransferFtp | platform::kTransferFtps | platform::kTransferHttp |
         platform::kTransferHttps;
}

void CurlFileTransfer::set_trust(const platform::TlsTrust& trust) { trust_ = trust; }

Status CurlFileTransfer::start(common::TextSpan text, bool is_upload, uint32_t offset) {
  const std::string resumed = job_ == nullptr || job_->is_upload ? "" : job_->url;
  std::string validator;
  if (job_ != nullptr) {
    const std::lock_guard<std::mutex> lock(job_->mutex);
    validator = !job_->etag.empty()            ? job_->etag
                : !job_->last_modified.empty() ? job_->last_modified
                                               : job_->known_validator;
  }
  cancel();
  const auto url = parse_url(std::string(text.data(), text.size()));
  if (url == nullptr) {
    status_.state = State::kFailed;
    status_.is_retry_useful = false;
    status_.fault = platform::TransferStatus::Fault::kUnsupported;
    status_.error = common::FixedString<95>("the URL is none of http, https, ftp, ftps");
    return Status::kUnsupported;
  }
  auto job = std::make_shared<Job>();
  // To curl, ftps is TLS from the first byte, on port 990.
  const bool is_implicit =
      part_of(url.get(), CURLUPART_PORT) == std::to_string(platform::kImplicitTlsPort);
  if (part_of(url.get(), CURLUPART_SCHEME) == "ftps" && !is_implicit) {
    curl_url_set(url.get(), CURLUPART_SCHEME, "ftp", 0);
    job->must_switch_to_tls = true;
  }
  job->url = part_of(url.get(), CURLUPART_URL);
  job->is_upload = is_upload;
  job->trust = trust_;
  job->offset = offset;
  if (offset > 0 && resumed == job->url) job->known_validator = validator;
  job->connect_timeout_s = options_.connect_timeout_s;
  job->stall_timeout_s = options_.stall_timeout_s;
  job->total_timeout_s = options_.total_timeout_s;
  job->buffer_bytes = options_.buffer_bytes;
  if (is_upload) {
    job->file.reset(
        ::open(options_.temporary_folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (!job->file.is_valid()) {
      status_.state = State::kFailed;
      status_.error = common::FixedString<95>("the temporary folder cannot be written");
      return Status::kIo;
    }
  }
  status_.state = State::kRunning;
  job_ = job;
  if (!is_upload) hand_over(job);
  return Status::kOk;
}

void CurlFileTransfer::hand_over(const std::shared_ptr<Job>& job) {
  const std::lock_guard<std::mutex> lock(mutex_);
  next_ = job;
  if (!network_.joinable()) network_ = std::thread([this] { run(); });
  wake_.notify_all();
}

void CurlFileTransfer::run() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return is_ending_ || next_ != nullptr; });
    if (is_ending_) return;
    const std::shared_ptr<Job> job = std::move(next_);
    next_ = nullptr;
    lock.unlock();
    if (!job->is_cancelled) carry_out(*job);
    lock.lock();
  }
}

Status CurlFileTransfer::download(common::TextSpan url, uint32_t offset) {
  return start(url, false, offset);
}

Status CurlFileTransfer::upload(common::TextSpan url) { return start(url, true, 0); }

Result<size_t> CurlFileTransfer::read(common::MutableByteSpan out) {
  if (job_ == nullptr || job_->is_upload) return Status::kClosed;
  const std::lock_guard<std::mutex> lock(job_->mutex);
  const size_t count = std::min(out.size(), job_->buffer.size() - job_->taken);
  if (count == 0) return job_->state == State::kRunning ? Status::kAgain : Status::kClosed;
  std::memcpy(out.data(), job_->buffer.data() + job_->taken, count);
  job_->taken += count;
  job_->room.notify_one();
  return count;
}

Status CurlFileTransfer::write(common::ByteSpan data) {
  if (job_ == nullptr || !job_->is_upload || status_.state != State::kRunning)
    return Status::kClosed;
  if (data.size() > options_.max_upload_bytes - job_->file_bytes) return Status::kOk;  // enough
  if (write_fully(job_->file.get(), data.data(), data.size()) != Status::kOk) {
    job_ = nullptr;
    status_.state = State::kFailed;
    status_.error = common::FixedString<95>("the temporary folder is full");
    return Status::kClosed;
  }
  job_->file_bytes += static_cast<uint32_t>(data.size());
  return Status::kOk;
}

void CurlFileTransfer::finish() {
  if (job_ != nullptr && job_->is_upload && status_.state == State::kRunning) hand_over(job_);
}

void CurlFileTransfer::cancel() {
  if (job_ != nullptr) {
    const std::lock_guard<std::mutex> lock(job_->mutex);
    job_->is_cancelled = true;
    job_->room.notify_all();
  }
  job_ = nullptr;
  status_ = platform::TransferStatus{};
}

const platform::TransferStatus& CurlFileTransfer::status() {
  if (job_ == nullptr) return status_;
  const std::lock_guard<std::mutex> lock(job_->mutex);
  status_.begins_at = job_->begins_at;
  status_.total_bytes = job_->total_bytes;
  if (job_->is_upload || job_->taken == job_->buffer.size()) {
    status_.state = job_->state;
    status_.error.assign_truncated(common::TextSpan(job_->error.data(), job_->error.size()));
    status_.is_retry_useful = job_->is_retry_useful;
    status_.fault = job_->fault;
  }
  return status_;
}

}  // namespace platform_linux
