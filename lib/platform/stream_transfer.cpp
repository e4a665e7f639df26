#include "platform/stream_transfer.hpp"

#include "common/crc32.hpp"

#include <algorithm>
#include <cstdio>

namespace platform {

using common::Instant;
using common::Status;
using common::text;
using Fault = TransferStatus::Fault;
using State = TransferStatus::State;

Status StreamTransfer::begin(const Order& order, Instant now) {
  status_ = TransferStatus{};
  now_ = started_ = progress_ = now;
  is_upload_ = order.is_upload;
  offset_ = order.offset;
  Status parsed = parse_transfer_url(order.url, url_, status_.error);
  if (parsed == Status::kOk && !is_served(url_.protocol)) {
    status_.error.assign_truncated(text("this protocol is not offered"));
    parsed = Status::kUnsupported;
  }
  if (parsed != Status::kOk) {
    status_.state = State::kFailed;
    status_.fault = Fault::kUnsupported;
    status_.is_retry_useful = false;
    return parsed;
  }
  const uint32_t crc = common::crc32(common::as_bytes(order.url));
  if (crc != memory_.url_crc) memory_ = TransferMemory{};
  memory_.url_crc = crc;
  if (is_upload_ || offset_ == 0) memory_.validator.clear();
  status_.state = State::kRunning;
  start();
  return Status::kOk;
}

bool StreamTransfer::step(Instant now) {
  if (!is_running()) return false;
  now_ = now;
  if (now_ - started_ > timeouts_.total_ms) {
    fail("the transfer took too long");
    return false;
  }
  if (is_connecting_) {
    switch (link_->state()) {
      case TcpLink::State::kConnecting:
        if (now_ - progress_ > timeouts_.connect_ms) fail("the server cannot be reached");
        return false;
      case TcpLink::State::kClosed:
        // TLS says more than the socket below it may.
        fail(link_ == links_.tls && *link_->last_error() != '\0' ? link_->last_error()
                                                                 : "the server cannot be reached");
        return false;
      case TcpLink::State::kOpen:
        break;
    }
    is_connecting_ = false;
    note_progress();
  }
  const bool has_moved = advance();
  if (has_moved) note_progress();
  if (is_running() && now_ - progress_ > timeouts_.stall_ms)
    fail("the server was silent for too long");
  return has_moved;
}

void StreamTransfer::fail(const char* sentence, Fault fault) {
  status_.state = State::kFailed;
  status_.fault = fault;
  status_.error.assign_truncated(text(sentence));
  close();
}

void StreamTransfer::refuse(uint16_t code) {
  const bool is_denied = code == 401 || code == 403 || code == 530 || code == 532;
  const bool is_refused = (code >= 400 && code < 500) || code >= 550;
  char sentence[40];
  std::snprintf(sentence, sizeof sentence, "the server answered %u", static_cast<unsigned>(code));
  fail(sentence, is_denied ? Fault::kDenied : is_refused ? Fault::kRefused : Fault::kOther);
}

void StreamTransfer::succeed() {
  status_.state = State::kDone;
  close();
}

void StreamTransfer::open(TcpLink& link) {
  link_ = &link;
  begin_ = end_ = 0;
  is_closed_ = false;
  is_connecting_ = true;
  progress_ = now_;
  if (link.connect(url_.host.c_str(), url_.port) != Status::kOk)
    fail("the server cannot be reached");
}

void StreamTransfer::fail_broken(const TcpLink& link) {
  const bool is_tls = &link == links_.tls || &link == links_.secure_data;
  fail(is_tls && *link.last_error() != '\0' ? link.last_error() : "the connection broke");
}

bool StreamTransfer::flush(TcpLink& link) {
  if (begin_ == end_) return true;
  const common::Result<size_t> count = link.write(unread());
  if (count.status() == Status::kClosed) {
    on_broken(link);
    return false;
  }
  if (count.value_or(0) > 0) note_progress();
  begin_ += count.value_or(0);
  if (begin_ < end_) return false;
  begin_ = end_ = 0;
  return true;
}

bool StreamTransfer::fill(TcpLink& link) {
  if (begin_ < end_) return true;
  begin_ = end_ = 0;
  const common::Result<size_t> count =
      link.read(common::MutableByteSpan(buffer_, std::min(sizeof buffer_, kPieceBytes)));
  if (count.status() != Status::kOk && count.status() != Status::kAgain) is_closed_ = true;
  end_ = count.value_or(0);
  return end_ > 0;
}

void StreamTransfer::put(common::TextSpan piece) {
  if (piece.size() > sizeof buffer_ - end_) return fail("the URL is too long");
  std::copy(piece.begin(), piece.end(), buffer_ + end_);
  end_ += piece.size();
}

}  // namespace platform
