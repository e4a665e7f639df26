#include "platform_esp32/lwip_tcp_listener.hpp"

#include <cerrno>
#include <lwip/sockets.h>

namespace platform_esp32 {

using common::Result;
using common::Status;

namespace {

constexpr int kBacklog = 4;

bool is_pending(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

bool make_non_blocking(int fd) {
  return lwip_fcntl(fd, F_SETFL, lwip_fcntl(fd, F_GETFL, 0) | O_NONBLOCK) == 0;
}

}  // namespace

Status LwipTcpListener::listen(uint32_t ipv4, uint16_t port) {
  close();
  const int yes = 1;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(ipv4);
  address.sin_port = htons(port);
  listener_ = lwip_socket(AF_INET, SOCK_STREAM, 0);
  socklen_t size = sizeof address;
  if (listener_ >= 0 && make_non_blocking(listener_) &&
      lwip_setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
      lwip_bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      lwip_listen(listener_, kBacklog) == 0 &&
      lwip_getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0) {
    port_ = ntohs(address.sin_port);
    return Status::kOk;
  }
  close();
  return Status::kIo;
}

void LwipTcpListener::close() {
  for (size_t i = 0; i < kPlaces; ++i) drop(i);
  if (listener_ >= 0) (void)lwip_close(listener_);
  listener_ = -1;
  port_ = 0;
}

Status LwipTcpListener::accept(size_t place) {
  if (listener_ < 0) return Status::kIo;
  if (places_[place] >= 0) return Status::kInvalidState;
  const int fd = lwip_accept(listener_, nullptr, nullptr);
  if (fd < 0) return is_pending(errno) || errno == ECONNABORTED ? Status::kAgain : Status::kIo;
  const int yes = 1;
  (void)lwip_setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  places_[place] = fd;
  if (make_non_blocking(fd)) return Status::kOk;
  drop(place);
  return Status::kIo;
}

Result<size_t> LwipTcpListener::read(size_t place, common::MutableByteSpan buffer) {
  if (places_[place] < 0) return Status::kClosed;
  const int count = lwip_recv(places_[place], buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (count > 0) return static_cast<size_t>(count);
  return count < 0 && is_pending(errno) ? Status::kAgain : Status::kClosed;
}

Result<size_t> LwipTcpListener::write(size_t place, common::ByteSpan data) {
  if (places_[place] < 0) return Status::kClosed;
  const int count = lwip_send(places_[place], data.data(), data.size(), MSG_DONTWAIT);
  if (count >= 0) return static_cast<size_t>(count);
  return is_pending(errno) || errno == ENOMEM ? Status::kAgain : Status::kClosed;
}

void LwipTcpListener::finish(size_t place) {
  if (places_[place] >= 0) (void)lwip_shutdown(places_[place], SHUT_WR);
}

void LwipTcpListener::drop(size_t place) {
  if (places_[place] >= 0) (void)lwip_close(places_[place]);
  places_[place] = -1;
}

}  // namespace platform_esp32
