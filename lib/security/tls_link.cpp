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

Status TlsLink::connect(const char* host, uint16_t port) {
  close();
  error_.clear();
  if (host_.assign(text(host)) != Status::kOk) return Status::kInvalidArgument;
  RETURN_IF_ERROR(tcp_.connect(host, port));
  state_ = State::kConnecting;
  return Status::kOk;
}

void TlsLink::close() {
  if (session_ != nullptr && state_ == State::kOpen) session_->close();
  session_.reset();
  tcp_.close();
  state_ = State::kClosed;
}

platform::TcpLink::State TlsLink::state() const {
  // Time moves the connection on; the port's accessor is const.
  const_cast<TlsLink*>(this)->advance();
  return state_;
}

void TlsLink::advance() {
  if (state_ != State::kConnecting) return;
  if (session_ == nullptr) {
    const State tcp = tcp_.state();
    if (tcp == State::kConnecting) return;
    if (tcp == State::kClosed) return close();
    session_.reset(new (std::nothrow) TlsSession);
    if (session_ == nullptr) {
      error_.assign_truncated(text("not enough memory"));
      return close();
    }
    TlsOptions options;
    options.host = host_.span();
    options.authority = authority_;
    if (session_->begin(options, below_, entropy_) != Status::kOk) return fail();
  }
  const Status status = session_->handshake();
  if (status == Status::kOk) state_ = State::kOpen;
  if (status != Status::kOk && status != Status::kAgain) fail();
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

Result<size_t> TlsLink::write(common::ByteSpan data) {
  advance();
  if (state_ != State::kOpen)
    return state_ == State::kConnecting ? Status::kAgain : Status::kClosed;
  return session_->write(data);
}

Result<size_t> TlsLink::read(common::MutableByteSpan buffer) {
  advance();
  if (state_ != State::kOpen)
    return state_ == State::kConnecting ? Status::kAgain : Status::kClosed;
  return session_->read(buffer);
}

}  // namespace security
