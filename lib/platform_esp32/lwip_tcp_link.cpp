#include "platform_esp32/lwip_tcp_link.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <lwip/sockets.h>

namespace platform_esp32 {

using common::Result;
using common::Status;

namespace {

void set_option(int fd, int level, int name, int value) {
  // Only tuning: a socket without it still works.
  (void)lwip_setsockopt(fd, level, name, &value, sizeof value);
}

bool is_pending(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

Status LwipTcpLink::connect(const char* host, uint16_t port) {
  close();
  error_.clear();
  if (host == nullptr || *host == '\0' || port == 0 ||
      host_.assign(common::text(host)) != Status::kOk) {
    return Status::kInvalidArgument;
  }
  port_ = port;
  state_ = State::kConnecting;
  advance();
  return Status::kOk;
}

void LwipTcpLink::close() {
  lookup_.forget();
  if (fd_ >= 0) {
    // Closing over unread input would be a reset, which some servers punish by refusing the next connection.
    uint8_t unread[256];
    if (state_ == State::kOpen) (void)lwip_recv(fd_, unread, sizeof unread, MSG_DONTWAIT);
    (void)lwip_close(fd_);
  }
  fd_ = -1;
  state_ = State::kClosed;
  peer_.clear();
}

platform::TcpLink::State LwipTcpLink::state() const {
  // Time moves the connection on; the port's accessor is const.
  const_cast<LwipTcpLink*>(this)->advance();
  return state_;
}

void LwipTcpLink::advance() {
  if (state_ != State::kConnecting) return;
  if (fd_ < 0) {
    const Result<uint32_t> address = lookup_.ask(host_.c_str());
    if (address.ok()) {
      open_socket(address.value());
    } else if (address.status() != Status::kAgain) {
      fail("cannot resolve", "no such name, or no name server");
    }
    return;
  }
  fd_set writable;
  FD_ZERO(&writable);
  FD_SET(fd_, &writable);
  timeval none{};
  if (lwip_select(fd_ + 1, nullptr, &writable, nullptr, &none) <= 0) return;
  int error = 0;
  socklen_t size = sizeof error;
  if (lwip_getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error == 0) {
    state_ = State::kOpen;
  } else {
    fail("cannot connect to", std::strerror(error));
  }
}

void LwipTcpLink::open_socket(uint32_t ipv4) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(ipv4);
  address.sin_port = htons(port_);
  char text[16];
  (void)lwip_inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
  peer_.assign_truncated(common::text(text));
  fd_ = lwip_socket(AF_INET, SOCK_STREAM, 0);
  if (fd_ < 0) return fail("cannot connect to", "no socket left");
  (void)lwip_fcntl(fd_, F_SETFL, lwip_fcntl(fd_, F_GETFL, 0) | O_NONBLOCK);
  set_option(fd_, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd_, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd_, IPPROTO_TCP, TCP_KEEPIDLE, 30);
  set_option(fd_, IPPROTO_TCP, TCP_KEEPINTVL, 10);
  set_option(fd_, IPPROTO_TCP, TCP_KEEPCNT, 3);
  if (lwip_connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
      errno != EINPROGRESS) {
    fail("cannot connect to", std::strerror(errno));
  }
}

Result<size_t> LwipTcpLink::write(common::ByteSpan data) {
  advance();
  if (state_ != State::kOpen)
    return state_ == State::kConnecting ? Status::kAgain : Status::kClosed;
  const int count = lwip_send(fd_, data.data(), data.size(), MSG_DONTWAIT);
  if (count >= 0) return static_cast<size_t>(count);
  if (is_pending(errno)) return Status::kAgain;
  fail("lost the connection to", std::strerror(errno));
  return Status::kClosed;
}

Result<size_t> LwipTcpLink::read(common::MutableByteSpan buffer) {
  advance();
  if (state_ != State::kOpen)
    return state_ == State::kConnecting ? Status::kAgain : Status::kClosed;
  const int count = lwip_recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (count > 0) return static_cast<size_t>(count);
  if (count < 0 && is_pending(errno)) return Status::kAgain;
  fail("lost the connection to", count == 0 ? "closed by the other side" : std::strerror(errno));
  return Status::kClosed;
}

void LwipTcpLink::fail(const char* what, const char* why) {
  char text[128];
  std::snprintf(text, sizeof text, "%s %s port %u: %s", what, host_.c_str(),
                static_cast<unsigned>(port_), why);
  close();
  error_.assign_truncated(common::text(text));
}

}  // namespace platform_esp32
