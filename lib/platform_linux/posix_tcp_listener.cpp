#include "platform_linux/posix_tcp_listener.hpp"

#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace platform_linux {

using common::Result;
using common::Status;

namespace {

constexpr int kBacklog = 8;

bool is_pending(int error) { return error == EAGAIN || error == EINTR; }

}  // namespace

Status PosixTcpListener::listen(uint32_t ipv4, uint16_t port) {
  close();
  last_error_.clear();
  const int yes = 1;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(ipv4);
  address.sin_port = htons(port);
  listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  // A restart finds the port in TIME_WAIT.
  if (listener_.is_valid() &&
      ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
      ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      ::listen(listener_.get(), kBacklog) == 0)
    return Status::kOk;
  last_error_ = "TCP port " + std::to_string(port) + " cannot be used: " + std::strerror(errno);
  listener_.reset();
  return Status::kIo;
}

void PosixTcpListener::close() {
  for (size_t i = 0; i < kPlaces; ++i) drop(i);
  listener_.reset();
}

uint16_t PosixTcpListener::port() const {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  if (!listener_.is_valid() ||
      ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    return 0;
  return ntohs(address.sin_port);
}

Status PosixTcpListener::accept(size_t place) {
  if (!listener_.is_valid()) return Status::kIo;
  if (places_[place].fd.is_valid()) return Status::kInvalidState;
  UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd.is_valid()) {
    // Whoever has given up waiting is no fault of the port.
    return is_pending(errno) || errno == ECONNABORTED ? Status::kAgain : Status::kIo;
  }
  const int yes = 1;
  (void)::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  places_[place].fd = std::move(fd);
  return Status::kOk;
}

Result<size_t> PosixTcpListener::read(size_t place, common::MutableByteSpan buffer) {
  Place& at = places_[place];
  if (!at.fd.is_valid() || at.has_ended) return Status::kClosed;
  const ssize_t count = ::recv(at.fd.get(), buffer.data(), buffer.size(), 0);
  if (count > 0) return static_cast<size_t>(count);
  if (count < 0 && is_pending(errno)) return Status::kAgain;
  at.has_ended = true;
  return Status::kClosed;
}

Result<size_t> PosixTcpListener::write(size_t place, common::ByteSpan data) {
  Place& at = places_[place];
  if (!at.fd.is_valid()) return Status::kClosed;
  const ssize_t count = ::send(at.fd.get(), data.data(), data.size(), MSG_NOSIGNAL);
  const bool is_full = count < 0 && is_pending(errno);
  at.wants_to_write = is_full || (count >= 0 && static_cast<size_t>(count) < data.size());
  if (count >= 0) return static_cast<size_t>(count);
  return is_full ? Status::kAgain : Status::kClosed;
}

void PosixTcpListener::finish(size_t place) {
  Place& at = places_[place];
  if (at.fd.is_valid()) (void)::shutdown(at.fd.get(), SHUT_WR);
  at.wants_to_write = false;
}

void PosixTcpListener::drop(size_t place) { places_[place] = Place(); }

void PosixTcpListener::collect(std::vector<pollfd>& out) {
  bool has_room = false;
  for (const Place& at : places_) {
    if (!at.fd.is_valid()) {
      has_room = true;
      continue;
    }
    const short events =
        static_cast<short>((at.has_ended ? 0 : POLLIN) | (at.wants_to_write ? POLLOUT : 0));
    if (events != 0) out.push_back({at.fd.get(), events, 0});
  }
  if (listener_.is_valid() && has_room) out.push_back({listener_.get(), POLLIN, 0});
}

}  // namespace platform_linux
