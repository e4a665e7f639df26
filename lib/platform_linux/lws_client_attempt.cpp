// One attempt: which server, which form of the key, and TLS before libwebsockets has its turn.

#include "platform_linux/connect_diagnosis.hpp"
#include "platform_linux/lws_client.hpp"
#include "platform_linux/trusted_roots.hpp"
#include "security/pem_authority.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <utility>

namespace platform_linux {

using common::Instant;
using common::LogLevel;
using common::Status;
using common::TextSpan;
using platform::LinkFailure;

namespace {

/// As libwebsockets sets them on its own sockets.
void keep_alive(int fd) {
  const auto set = [fd](int level, int option, int value) {
    return ::setsockopt(fd, level, option, &value, sizeof value) == 0;
  };
  (void)(set(SOL_SOCKET, SO_KEEPALIVE, 1) && set(IPPROTO_TCP, TCP_KEEPIDLE, kKeepAlive_s) &&
         set(IPPROTO_TCP, TCP_KEEPINTVL, kKeepAliveInterval_s) &&
         set(IPPROTO_TCP, TCP_KEEPCNT, kKeepAliveProbes) && set(IPPROTO_TCP, TCP_NODELAY, 1));
}

}  // namespace

void LwsClient::attempt() {
  if (is_other_password_) std::swap(target_.authorization, target_.other_authorization);
  try_once();
  bool may_redirect = true;
  bool has_tried_other = target_.other_authorization.empty();
  while (!is_unwanted()) {
    if (may_redirect && follow_redirect()) {
      may_redirect = false;
    } else if (http_status_ == 401 && !has_tried_other) {
      // The same key, as the digits that were configured or as the bytes that they stand for.
      has_tried_other = true;
      use_other_password();
    } else {
      break;
    }
    try_once();
  }
  state_ = State::kWaiting;
  publish_end();
}

void LwsClient::use_other_password() {
  std::swap(target_.authorization, target_.other_authorization);
  is_other_password_ = !is_other_password_;
}

/// Follows what the last try was answered with. @return False when there is nothing to follow.
bool LwsClient::follow_redirect() {
  if (location_.empty()) return false;
  platform::CsmsUrl url;
  common::FixedString<95> error;
  if (platform::parse_redirect(common::TextSpan(location_.data(), location_.size()), target_.url,
                               url, error) != common::Status::kOk) {
    failure_ = error.c_str();
    return false;
  }
  target_.url = url;
  log(LogLevel::kInfo, "the CSMS redirects to " + host_and_port());
  return true;
}

/// From name resolution to the end of the connection, if there was one.
void LwsClient::try_once() {
  state_ = State::kConnecting;
  is_close_wanted_ = false;
  failure_.clear();
  failure_kind_ = LinkFailure::kConnection;
  certificate_fault_ = platform::CertificateFault::kNone;
  root_ = 0;
  client_ = 0;
  location_.clear();
  http_status_ = 0;
  retry_after_ms_ = 0;
  close_deadline_ = Instant::never();
  is_ping_due_ = false;
  is_paused_ = false;
  frame_.clear();
  started_at_ = clock_.now();

  roots_.clear();
  if (target_.url.is_tls && target_.must_verify) {
    failure_ = read_trusted_roots(target_.ca_file, roots_);
    if (!failure_.empty()) failure_kind_ = LinkFailure::kMissingCredentials;
  }
  const AddressList addresses = failure_.empty() ? resolve() : nullptr;
  if (addresses != nullptr) serve(addresses.get());
}

/// Empty when there is no address; failure_ says why.
AddressList LwsClient::resolve() {
  const std::string host = target_.url.host.c_str();
  const auto resolution = NameResolution::start(host, target_.url.port);
  while (!resolution->is_done()) {
    const int64_t rest_ms = started_at_ + shared_->options.handshake_timeout_ms - clock_.now();
    if (is_unwanted()) {
      failure_ = "given up";
      return nullptr;
    }
    if (rest_ms <= 0) {
      failure_ = "cannot resolve the host name " + host + ": no answer in time";
      return nullptr;
    }
    wait_for_command(resolution->done_fd(), POLLIN, rest_ms);
  }
  if (!resolution->error().empty()) {
    failure_ = "cannot resolve the host name " + host + ": " + resolution->error();
  }
  return resolution->take();
}

/// Waits while the attempt may go on. @param fd  To be ready for the events. @return False when it has ended.
bool LwsClient::wait_in_attempt(int fd, short events) {
  const int64_t rest_ms = started_at_ + shared_->options.handshake_timeout_ms - clock_.now();
  if (is_unwanted()) {
    fail("given up");
    return false;
  }
  if (rest_ms <= 0) {
    fail(host_and_port() + " did not answer in time");
    return false;
  }
  wait_for_command(fd, events, rest_ms);
  return true;
}

/// @return The connected socket, or none: failure_ says why.
UniqueFd LwsClient::connect_socket(const addrinfo& address) {
  UniqueFd fd(::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  int error = fd.is_valid() ? 0 : errno;
  if (error == 0 && ::connect(fd.get(), address.ai_addr, address.ai_addrlen) != 0) error = errno;
  while (error == EINPROGRESS) {
    if (!wait_in_attempt(fd.get(), POLLOUT)) return UniqueFd();
    pollfd state{fd.get(), POLLOUT, 0};
    if (::poll(&state, 1, 0) <= 0) continue;
    socklen_t size = sizeof error;
    if (::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  }
  if (error == 0) {
    keep_alive(fd.get());
    return fd;
  }
  fail("cannot connect to " + host_and_port() + ": " + std::strerror(error));
  return UniqueFd();
}

/// TCP and TLS to the address. @return False when there is no tunnel: failure_ says why.
bool LwsClient::open_tunnel(const addrinfo& address) {
  UniqueFd fd = connect_socket(address);
  if (!fd.is_valid()) return false;
  has_tcp_ = true;
  auto stream = std::make_unique<SocketStream>(std::move(fd));
  const common::UtcTime now = std::max(clock_.utc(), target_.earliest_utc);
  security::PemAuthority authority(TextSpan(roots_.data(), roots_.size()), target_.authority, now,
                                   target_.allow_wildcard);
  security::TlsOptions options;
  options.host = target_.url.host.span();
  options.authority = &authority;
  options.verify = target_.must_verify;
  options.show_client = target_.profile == platform::SecurityProfile::kTlsClientCertificate;
  auto session = std::make_unique<security::TlsSession>();
  Status status = session->begin(options, *stream, entropy_);
  if (status == Status::kOk) status = session->handshake();
  while (status == Status::kAgain) {
    const short events = session->wants_write() ? POLLOUT : POLLIN;
    if (!wait_in_attempt(stream->fd(), events)) return false;
    status = session->handshake();
  }
  root_ = session->root();
  client_ = session->client();
  if (status != Status::kOk) {
    const security::TlsFailure& failure = session->failure();
    certificate_fault_ = failure.fault;
    const bool is_certificate = failure.kind == LinkFailure::kInvalidServerCertificate;
    fail((is_certificate
              ? "the certificate of " + std::string(target_.url.host.c_str()) + " is not accepted: "
              : "no TLS connection to " + host_and_port() + ": ") +
             failure.text.c_str(),
         failure.kind);
    return false;
  }
  tunnel_ = std::make_unique<TlsTunnel>(std::move(stream), std::move(session));
  if (tunnel_->start()) return true;
  fail("the kernel gave no socket", LinkFailure::kTls);
  tunnel_.reset();
  return false;
}

}  // namespace platform_linux
