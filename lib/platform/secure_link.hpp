#pragma once

#include "platform/tcp_link.hpp"

namespace platform {

/// A TcpLink with TLS over another one: connect() connects both.
/// @par Context  As TcpLink; a call computes as long as a step of a TLS handshake does.
class SecureLink : public TcpLink {
 public:
  /// Begins TLS on the connection below, which somebody else has opened and leaves alone from now on.
  /// @param host  Whose certificate is wanted, copied.
  virtual common::Status secure(const char* host) = 0;
  /// Gives most of the memory back until the next read(), write(), end() or close(), where nothing is on its way.
  virtual void rest() = 0;
  /// Tells the other side that no more comes. @retval kAgain  There was no room: call it again.
  virtual common::Status end() = 0;
  /// read() gave everything: the other side has said so, not only hung up.
  virtual bool is_complete() const = 0;
};

}  // namespace platform
