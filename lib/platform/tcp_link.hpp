#pragma once

#include "common/span.hpp"
#include "common/status.hpp"

namespace platform {

/// One TCP client connection (Modbus TCP). Does not reconnect by itself; a new one is only made after the present one
/// has been closed.
/// @par Context  Loop thread; no call blocks.
class TcpLink {
 public:
  enum class State : uint8_t { kClosed, kConnecting, kOpen };

  virtual ~TcpLink() = default;
  /// Starts to connect; the name is looked up without blocking.
  /// @param host  Name or address, copied.  @param port  1..65535.
  virtual common::Status connect(const char* host, uint16_t port) = 0;
  virtual void close() = 0;
  virtual State state() const = 0;
  /// Address of the other side of a connection, for connect(): a name may have several; "" = it is not known.
  virtual const char* peer() const { return ""; }
  /// Why the last connection failed or ended, one sentence with the host; "" while all is well. Valid until the next call.
  virtual const char* last_error() const = 0;
  /// Same meaning as SerialLink::write and read.
  virtual common::Result<size_t> write(common::ByteSpan data) = 0;
  virtual common::Result<size_t> read(common::MutableByteSpan buffer) = 0;
};

}  // namespace platform
