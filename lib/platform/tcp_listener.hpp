#pragma once

#include "common/span.hpp"
#include "common/status.hpp"

namespace platform {

/// A TCP port that others connect to, and their connections, each in a place from 0 to kPlaces - 1. Who finds every place
/// taken waits in the network stack's own short queue.
/// @par Context  Loop thread; no call blocks.
class TcpListener {
 public:
  /// Connections at a time.
  static constexpr size_t kPlaces = 3;

  virtual ~TcpListener() = default;
  /// Listens; what was open before is closed.
  /// @param ipv4  Address of this device that may be connected to, host byte order; 0 = any.
  /// @param port  0 = any free one.
  /// @retval kIo  The port is taken, or there is no network interface yet.
  virtual common::Status listen(uint32_t ipv4, uint16_t port) = 0;
  /// Closes the port and every connection.
  virtual void close() = 0;
  virtual bool is_listening() const = 0;
  /// The port itself; 0 while closed.
  virtual uint16_t port() const = 0;
  /// Takes the next connection that waits into a free place.
  /// @retval kAgain         None waits.
  /// @retval kInvalidState  The place is taken.
  /// @retval kIo            Not listening, or the socket failed.
  virtual common::Status accept(size_t place) = 0;
  /// Same meaning as TcpLink::read and write. Of an end by the other side only the reader learns.
  /// @retval kClosed  No connection there, or it has ended; drop() frees the place.
  virtual common::Result<size_t> read(size_t place, common::MutableByteSpan buffer) = 0;
  virtual common::Result<size_t> write(size_t place, common::ByteSpan data) = 0;
  /// Nothing more is written: the other side sees the end after the last byte. It may still send.
  virtual void finish(size_t place) = 0;
  /// Ends the connection and frees the place.
  virtual void drop(size_t place) = 0;
};

}  // namespace platform
