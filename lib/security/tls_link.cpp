#include "security/tls_link.hpp"

#include <new>

namespace security {

using common::Result;
using common::Status;
using common::text;

namespace {

/// A count of nothing is no end.
Result<size_t> counted(Result<size_t> count) {
  return count.ok() && count.value() == 0 ? Result<size_t>(Status::kAgain) : count;
}

}  // namespace

Result<size_t> TlsLink::Below::read(common::MutableByteSpan buffer) {
  return counted(tcp_.read(buffer));
}

Result<size_t> TlsLink::Below::write(common::ByteSpan data) { return counted(tcp_.write(data)); }

void TlsLink::take_sessions_of(TlsLink& other) {
  other_ = &other;
  other.is_resumable_ = true;
}

Status TlsLink::connect(const char* host, uint16_t port) {
  close();
  error_.clear();
  if (host_.assign(text(host)) != Status::kOk) return Status::kInvalidArgument;
  RETURN_IF_ERROR(tcp_.connect(host, port));
  state_ = State::kConnecting;
  return Status::kOk;
}

Status TlsLink::secure(const char* host) {
  session_.reset();
  error_.clear();
  has_ended_ = false;
  if (host_.assign(text(host)) != Status::kOk) return Status::kInvalidArgument;
  state_ = State::kConnecting;
  return Status::kOk;
}

void TlsLink::rest() {
  if (state_ == State::kOpen) session_->rest();
}

Status TlsLink::end() {
  if (state_ != State::kOpen) return Status::kClosed;
  if (has_ended_) return Status::kOk;
  const Status status = session_->end();
  has_ended_ = status == Status::kOk;
  return status;
}

void TlsLink::close() {
  if (state_ == State::kOpen && !has_ended_) session_->close();
  has_ended_ = false;
  session_.reset();
  tcp_.close();
  state_ = State::kClosed;
}

platform::TcpLink::State TlsLink::state() const {
  // Time moves the connection on; the port's accessor is const.
  const_cast<TlsLink*>(this)->advance();
  return state_;
}

void TlsLink::begin() {
  if (!memory_.admits_file()) return fail("not enough memory beside the link to the CSMS");
  session_.reset(new (std::nothrow) TlsSession);
  if (session_ == nullptr) return fail("not enough memory");
  TlsOptions options;
  options.host = host_.span();
  options.authority = authority_;
  options.is_resumable = is_resumable_;
  if (other_ != nullptr && other_->state_ == State::kOpen) options.resume = other_->session_.get();
  if (session_->begin(options, below_, entropy_) != Status::kOk) fail();
}

void TlsLink::advance() {
  if (state_ != State::kConnecting) return;
  if (session_ == nullptr) {
    const State tcp = tcp_.state();
    if (tcp == State::kConnecting) return;
    if (tcp == State::kClosed) return close();
    begin();
    if (state_ != State::kConnecting) return;
  }
  const Status status = session_->handshake();
  if (status == Status::kOk) state_ = State::kOpen;
  if (status != Status::kOk && status != Status::kAgain) fail();
}

void TlsLink::fail(const char* why) {
  error_.assign_truncated(text("no TLS connection to the server: "));
  (void)error_.append(text(why));
  close();
}

void TlsLink::fail() {
  const TlsFailure& failure = session_->failure();
  const bool is_certificate = failure.kind == platform::LinkFailure::kInvalidServerCertificate;
  error_.assign_truncated(text(is_certificate ? "the certificate of the server is not trusted ("
                                              : "no TLS connection to the server: "));
  // What does not fit is left out.
  (void)error_.append(is_certificate ? text(platform::to_string(failure.fault))
                                     : failure.text.span());
  if (is_certificate) (void)error_.append(text(")"));
  close();
}

Result<size_t> TlsLink::result_of(Result<size_t> count) {
  if (count.status() != Status::kNoSpace) return count;
  fail("not enough memory");
  return Status::kClosed;
}

Result<size_t> TlsLink::write(common::ByteSpan data) {
  advance();
  if (state_ != State::kOpen)
    return state_ == State::kConnecting ? Status::kAgain : Status::kClosed;
  return result_of(session_->write(data));
}

Result<size_t> TlsLink::read(common::MutableByteSpan buffer) {
  advance();
  if (state_ != State::kOpen)
    return state_ == State::kConnecting ? Status::kAgain : Status::kClosed;
  return result_of(session_->read(buffer));
}

}  // namespace security
