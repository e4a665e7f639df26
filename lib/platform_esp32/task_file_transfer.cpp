#include "platform_esp32/task_file_transfer.hpp"

#include "platform/ftp_transfer.hpp"
#include "platform/http_transfer.hpp"
#include "platform_esp32/mutex_lock.hpp"
#include "security/pem_authority.hpp"

#include <algorithm>
#include <cstring>
#include <new>

namespace platform_esp32 {

using common::Result;
using common::Status;
using State = platform::TransferStatus::State;

namespace {

/// What waits in the task looks again after so long.
constexpr uint32_t kPollMs = 5;

bool begins_with(common::TextSpan url, const char* scheme) {
  return common::equals_ignore_case(url.first(std::strlen(scheme)), common::text(scheme));
}

bool is_ftp(common::TextSpan url) {
  return begins_with(url, "ftp://") || begins_with(url, "ftps://");
}

}  // namespace

Status TaskFileTransfer::start(common::TextSpan url, bool is_upload, uint32_t offset) {
  cancel();
  const bool is_known = begins_with(url, "http://") || begins_with(url, "https://") || is_ftp(url);
  if (!is_known || url_.assign(url) != Status::kOk) {
    status_.state = State::kFailed;
    status_.is_retry_useful = false;
    status_.fault = platform::TransferStatus::Fault::kUnsupported;
    status_.error = common::FixedString<95>("the URL is none of http, https, ftp, ftps");
    return Status::kUnsupported;
  }
  if (mutex_ == nullptr) mutex_ = xSemaphoreCreateMutex();
  if (bytes_ == nullptr) bytes_ = xStreamBufferCreate(kBufferBytes, 1);
  if (task_ == nullptr && mutex_ != nullptr && bytes_ != nullptr)
    (void)xTaskCreatePinnedToCore(&TaskFileTransfer::run, "files", kStackBytes, this, 1, &task_, 0);
  if (task_ == nullptr || is_busy_) {
    status_.state = State::kFailed;
    status_.error = common::FixedString<95>(
        task_ == nullptr ? "not enough memory" : "the last transfer has not ended yet");
    return Status::kNoSpace;
  }
  (void)xStreamBufferReset(bytes_);
  is_upload_ = is_upload;
  offset_ = offset;
  trust_ = wanted_trust_;
  is_cancelled_ = false;
  is_input_complete_ = false;
  shared_ = platform::TransferStatus{};
  shared_.state = State::kRunning;
  status_ = shared_;
  is_busy_ = true;
  xTaskNotifyGive(task_);
  return Status::kOk;
}

Status TaskFileTransfer::download(common::TextSpan url, uint32_t offset) {
  return start(url, false, offset);
}

Status TaskFileTransfer::upload(common::TextSpan url) { return start(url, true, 0); }

Result<size_t> TaskFileTransfer::read(common::MutableByteSpan buffer) {
  if (status_.state == State::kIdle || bytes_ == nullptr) return Status::kClosed;
  const size_t count = xStreamBufferReceive(bytes_, buffer.data(), buffer.size(), 0);
  if (count > 0) return count;
  return status().state == State::kRunning ? Status::kAgain : Status::kClosed;
}

Status TaskFileTransfer::write(common::ByteSpan data) {
  if (status().state != State::kRunning) return Status::kClosed;
  if (xStreamBufferSpacesAvailable(bytes_) < data.size()) return Status::kAgain;
  (void)xStreamBufferSend(bytes_, data.data(), data.size(), 0);
  return Status::kOk;
}

void TaskFileTransfer::cancel() {
  is_cancelled_ = true;
  status_ = platform::TransferStatus{};
}

const platform::TransferStatus& TaskFileTransfer::status() {
  if (status_.state != State::kRunning) return status_;
  Lock lock(mutex_);
  const State before = status_.state;
  status_ = shared_;
  // A download has ended when its last byte was read.
  if (!is_upload_ && xStreamBufferBytesAvailable(bytes_) > 0) status_.state = before;
  return status_;
}

void TaskFileTransfer::run(void* self) {
  auto* transfer = static_cast<TaskFileTransfer*>(self);
  for (;;) {
    (void)ulTaskNotifyTake(pdTRUE, portMAX_DELAY);
    transfer->carry_out();
    transfer->is_busy_ = false;
  }
}

void TaskFileTransfer::fail(const char* error) {
  Lock lock(mutex_);
  shared_.error = common::FixedString<95>(error);
  shared_.state = State::kFailed;
}

void TaskFileTransfer::set_trust(const platform::TlsTrust& trust) { wanted_trust_ = trust; }

void TaskFileTransfer::publish(const platform::TransferStatus& status) {
  Lock lock(mutex_);
  shared_ = status;
}

size_t TaskFileTransfer::give(common::ByteSpan data) {
  return xStreamBufferSend(bytes_, data.data(), data.size(), 0);
}

size_t TaskFileTransfer::take(common::MutableByteSpan buffer) {
  return xStreamBufferReceive(bytes_, buffer.data(), buffer.size(), 0);
}

std::unique_ptr<platform::StreamTransfer> TaskFileTransfer::make_client() {
  const platform::TransferLinks links{plain_, &tls_, &data_, &data_tls_};
  platform::TransferPipe& pipe = *this;
  platform::StreamTransfer* client = nullptr;
  if (is_ftp(url_.span())) {
    client = new (std::nothrow)
        platform::FtpTransfer(links, pipe, memory_, platform::TransferTimeouts());
  } else {
    client = new (std::nothrow)
        platform::HttpTransfer(links, pipe, memory_, platform::TransferTimeouts());
  }
  return std::unique_ptr<platform::StreamTransfer>(client);
}

void TaskFileTransfer::carry_out() {
  String pem;
  const common::TextSpan file = trust_.ca_file.span();
  // A redirect may lead from http to https.
  const bool may_need_roots = !begins_with(url_.span(), "ftp://");
  if (may_need_roots && !file.empty() && !common::equals(file, common::text("none")) &&
      !read_ca_(read_ca_context_, trust_.ca_file.c_str(), pem))
    return fail("the CA file cannot be read");
  security::PemAuthority authority(common::TextSpan(pem.c_str(), pem.length()), trust_.authority,
                                   std::max(clock_.utc(), trust_.earliest_utc),
                                   trust_.allow_wildcard);
  tls_.set_authority(authority);
  data_tls_.set_authority(authority);
  const std::unique_ptr<platform::StreamTransfer> client = make_client();
  if (client == nullptr) return fail("not enough memory");
  (void)client->begin({url_.span(), is_upload_, offset_}, clock_.now());
  while (client->is_running() && !is_cancelled_) {
    if (tls_memory_.must_give_way(tls_.has_session() || data_tls_.has_session()))
      client->give_up("the link to the CSMS needs the memory");
    const bool has_moved = client->step(clock_.now());
    // Before the first byte reaches the loop: it asks where the file begins then.
    publish(client->status());
    if (!has_moved) vTaskDelay(pdMS_TO_TICKS(kPollMs));
  }
  publish(client->status());
  data_tls_.close();  // with data_
  tls_.close();       // with plain_
  (void)tls_memory_.must_give_way(false);
}

}  // namespace platform_esp32
