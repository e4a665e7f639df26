#pragma once

#include "platform/udp_link.hpp"
#include "platform_esp32/lwip_lookup.hpp"

namespace platform_esp32 {

/// UDP socket on lwIP, non-blocking. About 700 bytes.
/// @par Context  Loop task. Lives for ever, see LwipLookup.
class LwipUdpLink final : public platform::UdpLink {
 public:
  common::Status bind(uint16_t local_port) override;
  void close() override;
  bool is_open() const override { return fd_ >= 0; }
  common::Result<platform::UdpAddress> resolve(const char* host, uint16_t port) override;
  common::Status send_to(const platform::UdpAddress& to, common::ByteSpan data) override;
  common::Result<platform::UdpDatagram> receive_from(common::MutableByteSpan buffer) override;

 private:
  LwipLookup lookups_[kMaxLookups];
  int fd_ = -1;
};

}  // namespace platform_esp32
