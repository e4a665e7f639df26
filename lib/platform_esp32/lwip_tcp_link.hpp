#pragma once

#include "platform/tcp_link.hpp"
#include "platform_esp32/lwip_lookup.hpp"

namespace platform_esp32 {

/// TCP client on lwIP's sockets, with keep-alive (30 s, then 3 probes 10 s apart). Everything is non-blocking, names are
/// looked up by lwIP's own task. IPv4 only. About 340 bytes, and a socket while it is used.
/// @par Context  Loop task. Lives for ever, see LwipLookup.
class LwipTcpLink final : public platform::TcpLink {
 public:
  /// @retval kInvalidArgument  Empty or over-long host, or port 0.
  common::Status connect(const char* host, uint16_t port) override;
  void close() override;
  State state() const override;
  const char* peer() const override { return peer_.c_str(); }
  const char* last_error() const override { return error_.c_str(); }
  common::Result<size_t> write(common::ByteSpan data) override;
  common::Result<size_t> read(common::MutableByteSpan buffer) override;

 private:
  void advance();
  void open_socket(uint32_t ipv4);
  void fail(const char* what, const char* why);

  LwipLookup lookup_;
  common::FixedString<LwipLookup::kMaxHostBytes> host_;
  common::FixedString<15> peer_;
  common::FixedString<127> error_;
  uint16_t port_ = 0;
  State state_ = State::kClosed;
  int fd_ = -1;  ///< -1 while the name is looked up.
};

}  // namespace platform_esp32
