#pragma once

#include "platform/tcp_listener.hpp"
#include "platform_linux/poll_source.hpp"
#include "platform_linux/unique_fd.hpp"

#include <string>

namespace platform_linux {

/// Listens on IPv4.
/// @par Context  Loop thread; no call blocks.
class PosixTcpListener final : public platform::TcpListener, public PollSource {
 public:
  common::Status listen(uint32_t ipv4, uint16_t port) override;
  void close() override;
  bool is_listening() const override { return listener_.is_valid(); }
  uint16_t port() const override;
  common::Status accept(size_t place) override;
  common::Result<size_t> read(size_t place, common::MutableByteSpan buffer) override;
  common::Result<size_t> write(size_t place, common::ByteSpan data) override;
  void finish(size_t place) override;
  void drop(size_t place) override;

  void collect(std::vector<pollfd>& out) override;

  /// Why the last listen() failed, one sentence; empty while all is well.
  const std::string& last_error() const { return last_error_; }

 private:
  struct Place {
    UniqueFd fd;
    bool wants_to_write = false;
    bool has_ended = false;  ///< Read to its end: always readable, and of no interest.
  };

  UniqueFd listener_;
  Place places_[kPlaces];
  std::string last_error_;
};

}  // namespace platform_linux
