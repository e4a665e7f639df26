#pragma once

#include "common/span.hpp"
#include "common/status.hpp"

namespace platform {

/// IPv4 address and port of a UDP peer.
struct UdpAddress {
  uint32_t ipv4 = 0;  ///< Host byte order: 192.168.0.7 is 0xC0A80007. 0 = none.
  uint16_t port = 0;
};

constexpr bool operator==(const UdpAddress& a, const UdpAddress& b) {
  return a.ipv4 == b.ipv4 && a.port == b.port;
}
constexpr bool operator!=(const UdpAddress& a, const UdpAddress& b) { return !(a == b); }

/// Sends to everybody on the local network.
constexpr uint32_t kUdpBroadcast = 0xFFFFFFFFU;

struct UdpDatagram {
  size_t size = 0;         ///< Bytes in the buffer.
  bool truncated = false;  ///< The datagram was longer than the buffer; the rest is lost.
  UdpAddress from;
};

/// One UDP socket (KEBA chargers); several peers share it and are told apart by their address. IPv4 only.
/// @par Context  Loop thread; no call blocks.
class UdpLink {
 public:
  /// Names that can be looked up at the same time.
  static constexpr size_t kMaxLookups = 8;
  static constexpr size_t kMaxHostBytes = 63;

  virtual ~UdpLink() = default;
  /// Opens the socket on a port of this device; a socket that is open is closed before.
  /// @param local_port  0 = any free one.
  /// @retval kIo  The port is taken, or there is no network interface yet.
  virtual common::Status bind(uint16_t local_port) = 0;
  virtual void close() = 0;
  virtual bool is_open() const = 0;
  /// Turns a name or a dotted address into an address. Ask again with the same arguments until the answer is not
  /// kAgain; the answer is not kept: the next call looks the name up anew.
  /// @param host  At most kMaxHostBytes; copied.
  /// @retval kAgain            Under way.
  /// @retval kNotFound         No such name, or the name server does not answer.
  /// @retval kInvalidArgument  Empty or over-long host, or port 0.
  /// @retval kNoSpace          kMaxLookups others are under way.
  virtual common::Result<UdpAddress> resolve(const char* host, uint16_t port) = 0;
  /// Sends one datagram, all of it or nothing.
  /// @retval kAgain   No room right now.
  /// @retval kClosed  Not open.
  /// @retval kIo      It cannot be sent: no route, no network.
  virtual common::Status send_to(const UdpAddress& to, common::ByteSpan data) = 0;
  /// Takes the next datagram that has arrived.
  /// @retval kAgain   None.
  /// @retval kClosed  Not open.
  /// @retval kIo      The socket failed; bind() again.
  virtual common::Result<UdpDatagram> receive_from(common::MutableByteSpan buffer) = 0;
};

}  // namespace platform
