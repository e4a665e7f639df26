#include "platform_esp32/lwip_udp_link.hpp"

#include <cerrno>
#include <lwip/sockets.h>

namespace platform_esp32 {

using common::Result;
using common::Status;
using platform::UdpAddress;

namespace {

sockaddr_in to_sockaddr(const UdpAddress& address) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_addr.s_addr = htonl(address.ipv4);
  out.sin_port = htons(address.port);
  return out;
}

bool is_pending(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

Status LwipUdpLink::bind(uint16_t local_port) {
  close();
  fd_ = lwip_socket(AF_INET, SOCK_DGRAM, 0);
  if (fd_ < 0) return Status::kIo;
  const int yes = 1;
  const sockaddr_in address = to_sockaddr(UdpAddress{INADDR_ANY, local_port});
  if (lwip_fcntl(fd_, F_SETFL, lwip_fcntl(fd_, F_GETFL, 0) | O_NONBLOCK) == 0 &&
      lwip_setsockopt(fd_, SOL_SOCKET, SO_BROADCAST, &yes, sizeof yes) == 0 &&
      lwip_bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
    return Status::kOk;
  close();
  return Status::kIo;
}

void LwipUdpLink::close() {
  for (LwipLookup& lookup : lookups_) lookup.forget();
  if (fd_ >= 0) (void)lwip_close(fd_);
  fd_ = -1;
}

Result<UdpAddress> LwipUdpLink::resolve(const char* host, uint16_t port) {
  if (host == nullptr || *host == '\0' || port == 0) return Status::kInvalidArgument;
  LwipLookup* lookup = nullptr;
  for (LwipLookup& candidate : lookups_) {
    if (lookup == nullptr && candidate.is_idle()) lookup = &candidate;
    if (!candidate.is_idle() && candidate.is_for(host)) {
      lookup = &candidate;
      break;
    }
  }
  if (lookup == nullptr) return Status::kNoSpace;
  const Result<uint32_t> ipv4 = lookup->ask(host);
  if (!ipv4.ok()) return ipv4.status();
  return UdpAddress{ipv4.value(), port};
}

Status LwipUdpLink::send_to(const UdpAddress& to, common::ByteSpan data) {
  if (fd_ < 0) return Status::kClosed;
  const sockaddr_in address = to_sockaddr(to);
  const int sent = lwip_sendto(fd_, data.data(), data.size(), MSG_DONTWAIT,
                               reinterpret_cast<const sockaddr*>(&address), sizeof address);
  if (sent >= 0) return Status::kOk;
  return is_pending(errno) || errno == ENOMEM ? Status::kAgain : Status::kIo;
}

Result<platform::UdpDatagram> LwipUdpLink::receive_from(common::MutableByteSpan buffer) {
  if (fd_ < 0) return Status::kClosed;
  sockaddr_in from{};
  iovec part{buffer.data(), buffer.size()};
  msghdr message{};
  message.msg_name = &from;
  message.msg_namelen = sizeof from;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  const int size = lwip_recvmsg(fd_, &message, MSG_DONTWAIT);
  if (size < 0) return is_pending(errno) ? Status::kAgain : Status::kIo;
  platform::UdpDatagram datagram;
  // lwIP tells the datagram's whole size.
  datagram.truncated = (message.msg_flags & MSG_TRUNC) != 0;
  datagram.size =
      static_cast<size_t>(size) < buffer.size() ? static_cast<size_t>(size) : buffer.size();
  datagram.from = UdpAddress{ntohl(from.sin_addr.s_addr), ntohs(from.sin_port)};
  return datagram;
}

}  // namespace platform_esp32
