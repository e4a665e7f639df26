#pragma once

#include "platform/udp_link.hpp"
#include "platform_linux/name_resolution.hpp"
#include "platform_linux/poll_source.hpp"
#include "platform_linux/unique_fd.hpp"

#include <map>
#include <memory>
#include <string>

namespace platform_linux {

/// UDP socket on every interface. Names are resolved in threads of their own.
/// @par Context  Loop thread; no call blocks.
class PosixUdpLink final : public platform::UdpLink, public PollSource {
 public:
  common::Status bind(uint16_t local_port) override;
  void close() override;
  bool is_open() const override { return fd_.is_valid(); }
  common::Result<platform::UdpAddress> resolve(const char* host, uint16_t port) override;
  common::Status send_to(const platform::UdpAddress& to, common::ByteSpan data) override;
  common::Result<platform::UdpDatagram> receive_from(common::MutableByteSpan buffer) override;

  void collect(std::vector<pollfd>& out) override;

  /// Port that the socket is bound to; 0 while it is closed.
  uint16_t local_port() const;
  /// Why the last call failed, one sentence; empty while all is well.
  const std::string& last_error() const { return last_error_; }

 private:
  UniqueFd fd_;
  std::map<std::string, std::shared_ptr<NameResolution>> lookups_;
  std::string last_error_;
};

}  // namespace platform_linux
