#include "platform_sim/sim_file_transfer.hpp"

#include "platform_sim/malloc_trap.hpp"

#include <algorithm>

namespace platform_sim {

using common::Result;
using common::Status;
using Fault = SimFileServer::Fault;
using State = platform::TransferStatus::State;

Status SimFileTransfer::start(common::TextSpan url, uint32_t offset) {
  status_ = platform::TransferStatus{};
  url_.assign(url.data(), url.size());
  content_.clear();
  started_ = clock_.now() + server_.latency_ms;
  passed_ = 0;
  is_finished_ = false;
  fault_ = Fault{};
  const std::string scheme = url_.substr(0, url_.find("://"));
  if (scheme != "http" && scheme != "https" && scheme != "ftp" && scheme != "ftps") {
    fail("the URL is none of http, https, ftp, ftps", false,
         platform::TransferStatus::Fault::kUnsupported);
    return Status::kUnsupported;
  }
  status_.state = State::kRunning;
  if (!server_.faults.empty()) {
    fault_ = server_.faults.front();
    server_.faults.pop_front();
  }
  status_.begins_at = offset;
  return Status::kOk;
}

Status SimFileTransfer::download(common::TextSpan url, uint32_t offset) {
  const MallocTrap::Exempt exempt;
  is_upload_ = false;
  server_.offsets.push_back(offset);
  const Status started = start(url, server_.can_resume ? offset : 0);
  if (started != Status::kOk) return started;
  const auto file = server_.files.find(url_);
  if (file == server_.files.end()) {
    fault_ = Fault{Fault::Kind::kRefuse, 0};
    return Status::kOk;
  }
  content_ = file->second.substr(std::min<size_t>(status_.begins_at, file->second.size()));
  status_.total_bytes = static_cast<uint32_t>(file->second.size());
  return Status::kOk;
}

Status SimFileTransfer::upload(common::TextSpan url) {
  const MallocTrap::Exempt exempt;
  is_upload_ = true;
  return start(url, 0);
}

void SimFileTransfer::fail(const char* why, bool is_retry_useful,
                           platform::TransferStatus::Fault fault) {
  status_.fault = fault;
  status_.state = State::kFailed;
  status_.is_retry_useful = is_retry_useful;
  status_.error = common::FixedString<95>(why);
}

uint32_t SimFileTransfer::carried(uint32_t wanted) {
  const int64_t elapsed_ms = clock_.now() - started_;
  if (elapsed_ms < 0) return 0;
  auto budget =
      static_cast<uint32_t>(std::min<int64_t>(elapsed_ms * server_.bytes_per_s / 1000, UINT32_MAX));
  if (fault_.kind != Fault::Kind::kNone && fault_.kind != Fault::Kind::kCorrupt &&
      budget >= fault_.after_bytes) {
    budget = fault_.after_bytes;
    if (is_upload_ || passed_ >= fault_.after_bytes) {
      if (fault_.kind == Fault::Kind::kRefuse)
        fail("the server answers 404", true, platform::TransferStatus::Fault::kRefused);
      if (fault_.kind == Fault::Kind::kCut) fail("the connection broke");
      const int64_t full_ms = int64_t{fault_.after_bytes} * 1000 / server_.bytes_per_s;
      if (fault_.kind == Fault::Kind::kStall && elapsed_ms >= full_ms + SimFileServer::kPatienceMs)
        fail("the server sent nothing for 30 s");
    }
  }
  return std::min(wanted, budget > passed_ ? budget - passed_ : 0);
}

Result<size_t> SimFileTransfer::read(common::MutableByteSpan buffer) {
  const MallocTrap::Exempt exempt;
  if (status_.state != State::kRunning) return Status::kClosed;
  const auto left = static_cast<uint32_t>(content_.size() - passed_);
  const uint32_t count = carried(std::min(left, static_cast<uint32_t>(buffer.size())));
  if (status_.state != State::kRunning) return Status::kClosed;
  if (count == 0) {
    if (left > 0 || fault_.kind == Fault::Kind::kRefuse || clock_.now() < started_)
      return Status::kAgain;
    status_.state = State::kDone;
    return Status::kClosed;
  }
  for (uint32_t i = 0; i < count; ++i) {
    auto byte = static_cast<uint8_t>(content_[passed_ + i]);
    if (fault_.kind == Fault::Kind::kCorrupt && passed_ + i == fault_.after_bytes) byte ^= 0x10U;
    buffer[i] = byte;
  }
  passed_ += count;
  return size_t{count};
}

Status SimFileTransfer::write(common::ByteSpan data) {
  const MallocTrap::Exempt exempt;
  if (status_.state != State::kRunning) return Status::kClosed;
  const auto size = static_cast<uint32_t>(data.size());
  if (carried(size) < size)
    return status_.state == State::kRunning ? Status::kAgain : Status::kClosed;
  content_.append(reinterpret_cast<const char*>(data.data()), data.size());
  passed_ += size;
  return Status::kOk;
}

const platform::TransferStatus& SimFileTransfer::status() {
  const MallocTrap::Exempt exempt;
  if (is_upload_ && status_.state == State::kRunning) {
    (void)carried(0);
    if (status_.state == State::kRunning && is_finished_ && clock_.now() >= started_ &&
        (fault_.kind == Fault::Kind::kNone || fault_.kind == Fault::Kind::kCorrupt ||
         passed_ < fault_.after_bytes)) {
      server_.uploads[url_] = content_;
      status_.state = State::kDone;
    }
  }
  return status_;
}

}  // namespace platform_sim
