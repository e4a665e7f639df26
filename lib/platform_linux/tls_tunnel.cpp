#include "platform_linux/tls_tunnel.hpp"

#include "platform_linux/linux_entropy.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace platform_linux {

using common::ByteSpan;
using common::MutableByteSpan;
using common::Result;
using common::Status;

namespace {

constexpr size_t kBufferBytes = 16384;  // a TLS record
constexpr int kLastPieces = 64;         // of the client, when it is stopped

}  // namespace

Result<size_t> SocketStream::read(MutableByteSpan buffer) {
  const ssize_t count = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
  if (count > 0) return static_cast<size_t>(count);
  const bool must_wait = count < 0 && (errno == EAGAIN || errno == EINTR);
  return must_wait ? Status::kAgain : Status::kClosed;
}

Result<size_t> SocketStream::write(ByteSpan data) {
  const ssize_t count = ::send(socket_.get(), data.data(), data.size(), MSG_NOSIGNAL);
  if (count > 0) return static_cast<size_t>(count);
  const bool must_wait = count < 0 && (errno == EAGAIN || errno == EINTR);
  return must_wait ? Status::kAgain : Status::kClosed;
}

TlsTunnel::TlsTunnel(std::unique_ptr<SocketStream> stream,
                     std::unique_ptr<security::TlsSession> session)
    : stream_(std::move(stream)), session_(std::move(session)) {
  down_.buffer.resize(kBufferBytes);
  up_.buffer.resize(kBufferBytes);
}

TlsTunnel::~TlsTunnel() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  if (::write(stop_.get(), &one, sizeof one) == sizeof one) thread_.join();
}

bool TlsTunnel::start() {
  stop_.reset(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  listener_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  LinuxEntropy entropy;
  char name[40];
  std::snprintf(name, sizeof name, "@vev-%08x%08x%08x", entropy.next_u32(), entropy.next_u32(),
                entropy.next_u32());
  address_ = name;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, name + 1, std::strlen(name) - 1);
  // The name ends where the size says, not at a zero.
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(name));
  if (!stop_.is_valid() || !listener_.is_valid() ||
      ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      ::listen(listener_.get(), 1) != 0) {
    return false;
  }
  thread_ = std::thread([this] { run(); });
  return true;
}

void TlsTunnel::run() {
  if (!accept_client()) return;
  while (move_bytes() && wait()) {
  }
  // What the client has written before the end, such as the close of its WebSocket, goes out as far as there is room.
  for (int i = 0; i < kLastPieces && to_csms(); ++i) {
  }
  session_->close();
  client_.reset();
}

/// @return False when the tunnel is stopped first.
bool TlsTunnel::accept_client() {
  while (true) {
    pollfd fds[] = {{stop_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    if (::poll(fds, 2, -1) < 0 && errno != EINTR) return false;
    if (fds[0].revents != 0) return false;
    client_.reset(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    ucred peer{};
    socklen_t size = sizeof peer;
    if (client_.is_valid() &&
        ::getsockopt(client_.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
        peer.pid == ::getpid()) {
      listener_.reset();
      return true;
    }
  }
}

/// Moves what can be moved. @return False when it is over.
bool TlsTunnel::move_bytes() {
  bool has_moved = true;
  while (has_moved) {
    has_moved = from_csms();
    has_moved = to_csms() || has_moved;
    if (down_.is_over() || up_.is_over()) return false;
  }
  return true;
}

bool TlsTunnel::from_csms() {
  bool has_moved = false;
  if (down_.empty() && !down_.is_closed) {
    const Result<size_t> count =
        session_->read(MutableByteSpan(down_.buffer.data(), down_.buffer.size()));
    down_.begin = 0;
    down_.end = count.value_or(0);
    down_.is_closed = count.status() == Status::kClosed;
    has_moved = count.ok();
  }
  if (down_.empty()) return has_moved;
  const ssize_t sent = ::send(client_.get(), down_.buffer.data() + down_.begin,
                              down_.end - down_.begin, MSG_NOSIGNAL);
  if (sent > 0) {
    down_.begin += static_cast<size_t>(sent);
    return true;
  }
  if (sent < 0 && errno != EAGAIN && errno != EINTR) {
    down_.begin = down_.end;
    down_.is_closed = true;
  }
  return has_moved;
}

bool TlsTunnel::to_csms() {
  bool has_moved = false;
  if (up_.empty() && !up_.is_closed) {
    const ssize_t count = ::recv(client_.get(), up_.buffer.data(), up_.buffer.size(), 0);
    up_.begin = 0;
    up_.end = count > 0 ? static_cast<size_t>(count) : 0;
    up_.is_closed = count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR);
    has_moved = count > 0;
  }
  if (up_.empty()) return has_moved;
  const Result<size_t> count =
      session_->write(ByteSpan(up_.buffer.data() + up_.begin, up_.end - up_.begin));
  is_blocked_ = count.status() == Status::kAgain;
  if (count.ok()) up_.begin += count.value();
  if (count.status() == Status::kClosed) {
    up_.begin = up_.end;
    up_.is_closed = true;
  }
  return has_moved || count.ok();
}

/// Until something can be moved. @return False when the tunnel is stopped.
bool TlsTunnel::wait() {
  // A closed descriptor is ready for ever: one of which nothing is wanted must not keep the thread busy.
  const auto entry = [](int fd, bool reads, bool writes) {
    const int events = (reads ? POLLIN : 0) | (writes ? POLLOUT : 0);
    return pollfd{events == 0 ? -1 : fd, static_cast<short>(events), 0};
  };
  pollfd fds[] = {{stop_.get(), POLLIN, 0},
                  entry(stream_->fd(), down_.empty() && !down_.is_closed, is_blocked_),
                  entry(client_.get(), up_.empty() && !up_.is_closed, !down_.empty())};
  if (::poll(fds, 3, -1) < 0 && errno != EINTR) return false;
  return fds[0].revents == 0;
}

}  // namespace platform_linux
