#pragma once

#include "platform/tcp_listener.hpp"

namespace platform_esp32 {

/// Listens on lwIP, non-blocking. About 50 bytes, and a socket for the port and each
/// connection.
/// @par Context  Loop task.
class LwipTcpListener final : public platform::TcpListener {
 public:
  common::Status listen(uint32_t ipv4, uint16_t port) override;
  void close() override;
  bool is_listening() const override { return listener_ >= 0; }
  uint16_t port() const override { return port_; }
  common::Status accept(size_t place) override;
  common::Result<size_t> read(size_t place, common::MutableByteSpan buffer) override;
  common::Result<size_t> write(size_t place, common::ByteSpan data) override;
  void finish(size_t place) override;
  void drop(size_t place) override;

 private:
  int listener_ = -1;
  int places_[kPlaces] = {-1, -1, -1};
  uint16_t port_ = 0;
};

}  // namespace platform_esp32
