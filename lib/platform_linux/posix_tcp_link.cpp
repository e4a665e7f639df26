#include "platform_linux/posix_tcp_link.hpp"

#include "platform_linux/name_resolution.hpp"
#include "platform_linux/unique_fd.hpp"

#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string>
#include <sys/socket.h>

namespace platform_linux {

using common::Result;
using common::Status;

namespace {

void set_option(int fd, int level, int name, int value) {
  // Only tuning: a socket without it still works.
  (void)::setsockopt(fd, level, name, &value, sizeof value);
}

}  // namespace

class PosixTcpLink::Impl {
 public:
  Status connect(const char* host, uint16_t port) {
    close();
    last_error_.clear();
    if (host == nullptr || *host == '\0' || port == 0) return Status::kInvalidArgument;
    target_ = std::string(host) + " port " + std::to_string(port);
    state_ = State::kConnecting;
    resolution_ = NameResolution::start(host, port);
    advance();  // a numeric address needs no wait
    return Status::kOk;
  }

  void close() {
    // Closing over unread input would be a reset, which some servers punish by refusing the next connection.
    uint8_t unread[512];
    if (state_ == State::kOpen) (void)::recv(fd_.get(), unread, sizeof unread, 0);
    resolution_.reset();
    addresses_.reset();
    next_ = nullptr;
    fd_.reset();
    wants_to_write_ = false;
    state_ = State::kClosed;
  }

  State advance() {
    if (state_ != State::kConnecting) return state_;
    if (resolution_ != nullptr) {
      if (!resolution_->is_done()) return state_;
      const std::string error = resolution_->error();
      addresses_ = resolution_->take();
      resolution_.reset();
      if (!error.empty()) return fail("cannot resolve " + target_ + ": " + error);
      next_ = addresses_.get();
      try_next();
      return state_;
    }
    pollfd ready{fd_.get(), POLLOUT, 0};
    if (::poll(&ready, 1, 0) <= 0) return state_;
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    if (error == 0) {
      state_ = State::kOpen;
      addresses_.reset();
    } else {
      last_connect_error_ = error;
      try_next();
    }
    return state_;
  }

  Result<size_t> write(common::ByteSpan data) {
    if (advance() != State::kOpen)
      return state_ == State::kConnecting ? Status::kAgain : Status::kClosed;
    const ssize_t count = ::send(fd_.get(), data.data(), data.size(), MSG_NOSIGNAL);
    wants_to_write_ = count >= 0 ? static_cast<size_t>(count) < data.size() : errno == EAGAIN;
    if (count >= 0) return static_cast<size_t>(count);
    if (errno == EAGAIN || errno == EINTR) return Status::kAgain;
    fail("the connection to " + target_ + " failed: " + std::strerror(errno));
    return Status::kClosed;
  }

  Result<size_t> read(common::MutableByteSpan buffer) {
    if (advance() != State::kOpen)
      return state_ == State::kConnecting ? Status::kAgain : Status::kClosed;
    const ssize_t count = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (count > 0) return static_cast<size_t>(count);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return Status::kAgain;
    if (count == 0) {
      fail(target_ + " closed the connection");
    } else {
      fail("the connection to " + target_ + " failed: " + std::strerror(errno));
    }
    return Status::kClosed;
  }

  void collect(std::vector<pollfd>& out) const {
    if (resolution_ != nullptr) out.push_back({resolution_->done_fd(), POLLIN, 0});
    if (state_ == State::kConnecting && fd_.is_valid()) out.push_back({fd_.get(), POLLOUT, 0});
    if (state_ == State::kOpen) {
      out.push_back({fd_.get(), static_cast<short>(POLLIN | (wants_to_write_ ? POLLOUT : 0)), 0});
    }
  }

  const char* last_error() const { return last_error_.c_str(); }

 private:
  State fail(const std::string& reason) {
    close();
    last_error_ = reason;
    return state_;
  }

  void try_next() {
    while (next_ != nullptr) {
      const addrinfo* const address = next_;
      next_ = next_->ai_next;
      fd_.reset(::socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      if (fd_.is_valid()) {
        set_option(fd_.get(), IPPROTO_TCP, TCP_NODELAY, 1);
        set_option(fd_.get(), SOL_SOCKET, SO_KEEPALIVE, 1);
        set_option(fd_.get(), IPPROTO_TCP, TCP_KEEPIDLE, 30);
        set_option(fd_.get(), IPPROTO_TCP, TCP_KEEPINTVL, 10);
        set_option(fd_.get(), IPPROTO_TCP, TCP_KEEPCNT, 3);
        if (::connect(fd_.get(), address->ai_addr, address->ai_addrlen) == 0 ||
            errno == EINPROGRESS)
          return;
      }
      last_connect_error_ = errno;
    }
    fail("cannot connect to " + target_ + ": " + std::strerror(last_connect_error_));
  }

  State state_ = State::kClosed;
  std::string target_;
  std::string last_error_;
  std::shared_ptr<NameResolution> resolution_;
  AddressList addresses_;
  const addrinfo* next_ = nullptr;
  int last_connect_error_ = 0;
  UniqueFd fd_;
  bool wants_to_write_ = false;
};

PosixTcpLink::PosixTcpLink() : impl_(std::make_unique<Impl>()) {}
PosixTcpLink::~PosixTcpLink() = default;

Status PosixTcpLink::connect(const char* host, uint16_t port) { return impl_->connect(host, port); }
void PosixTcpLink::close() { impl_->close(); }
platform::TcpLink::State PosixTcpLink::state() const { return impl_->advance(); }
Result<size_t> PosixTcpLink::write(common::ByteSpan data) { return impl_->write(data); }
Result<size_t> PosixTcpLink::read(common::MutableByteSpan buffer) { return impl_->read(buffer); }
void PosixTcpLink::collect(std::vector<pollfd>& out) { impl_->collect(out); }
void PosixTcpLink::on_wake() { impl_->advance(); }
const char* PosixTcpLink::last_error() const { return impl_->last_error(); }

}  // namespace platform_linux
