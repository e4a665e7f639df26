#include "platform_linux/posix_udp_link.hpp"

#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <sys/socket.h>

namespace platform_linux {

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

UdpAddress from_sockaddr(const sockaddr_in& address) {
  return UdpAddress{ntohl(address.sin_addr.s_addr), ntohs(address.sin_port)};
}

}  // namespace

Status PosixUdpLink::bind(uint16_t local_port) {
  last_error_.clear();
  const int yes = 1;
  const sockaddr_in address = to_sockaddr(UdpAddress{INADDR_ANY, local_port});
  fd_.reset(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd_.is_valid() && ::setsockopt(fd_.get(), SOL_SOCKET, SO_BROADCAST, &yes, sizeof yes) == 0 &&
      ::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
    return Status::kOk;
  last_error_ =
      "UDP port " + std::to_string(local_port) + " cannot be used: " + std::strerror(errno);
  fd_.reset();
  return Status::kIo;
}

void PosixUdpLink::close() {
  fd_.reset();
  lookups_.clear();
}

Result<UdpAddress> PosixUdpLink::resolve(const char* host, uint16_t port) {
  const std::string name = host;
  if (name.empty() || name.size() > kMaxHostBytes || port == 0) return Status::kInvalidArgument;
  auto found = lookups_.find(name);
  if (found == lookups_.end()) {
    if (lookups_.size() == kMaxLookups) return Status::kNoSpace;
    found = lookups_.emplace(name, NameResolution::start(name, port)).first;
  }
  const std::shared_ptr<NameResolution> lookup = found->second;
  if (!lookup->is_done()) return Status::kAgain;
  lookups_.erase(found);
  const AddressList list = lookup->take();
  for (const addrinfo* entry = list.get(); entry != nullptr; entry = entry->ai_next) {
    if (entry->ai_family != AF_INET) continue;
    UdpAddress address = from_sockaddr(*reinterpret_cast<const sockaddr_in*>(entry->ai_addr));
    address.port = port;
    return address;
  }
  last_error_ = "cannot resolve " + name + ": " +
                (lookup->error().empty() ? "it has no IPv4 address" : lookup->error());
  return Status::kNotFound;
}

Status PosixUdpLink::send_to(const UdpAddress& to, common::ByteSpan data) {
  if (!fd_.is_valid()) return Status::kClosed;
  const sockaddr_in address = to_sockaddr(to);
  if (::sendto(fd_.get(), data.data(), data.size(), 0, reinterpret_cast<const sockaddr*>(&address),
               sizeof address) >= 0)
    return Status::kOk;
  if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS) return Status::kAgain;
  last_error_ = std::string("a datagram cannot be sent: ") + std::strerror(errno);
  return Status::kIo;
}

Result<platform::UdpDatagram> PosixUdpLink::receive_from(common::MutableByteSpan buffer) {
  if (!fd_.is_valid()) return Status::kClosed;
  sockaddr_in from{};
  socklen_t from_size = sizeof from;
  const ssize_t size = ::recvfrom(fd_.get(), buffer.data(), buffer.size(), MSG_TRUNC,
                                  reinterpret_cast<sockaddr*>(&from), &from_size);
  if (size < 0) {
    if (errno == EAGAIN || errno == EINTR) return Status::kAgain;
    last_error_ = std::string("the UDP socket failed: ") + std::strerror(errno);
    return Status::kIo;
  }
  platform::UdpDatagram datagram;
  datagram.truncated = static_cast<size_t>(size) > buffer.size();
  datagram.size = datagram.truncated ? buffer.size() : static_cast<size_t>(size);
  datagram.from = from_sockaddr(from);
  return datagram;
}

void PosixUdpLink::collect(std::vector<pollfd>& out) {
  if (fd_.is_valid()) out.push_back({fd_.get(), POLLIN, 0});
  for (const auto& lookup : lookups_) {
    if (!lookup.second->is_done()) out.push_back({lookup.second->done_fd(), POLLIN, 0});
  }
}

uint16_t PosixUdpLink::local_port() const {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  if (!fd_.is_valid() ||
      ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    return 0;
  return ntohs(address.sin_port);
}

}  // namespace platform_linux
