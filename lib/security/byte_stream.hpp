#pragma once

#include "common/span.hpp"
#include "common/status.hpp"

namespace security {

/// The connection below TLS: a TCP socket. No call blocks.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  /// @return Bytes taken, at least one. @retval kAgain  None now.  @retval kClosed  The peer is gone.
  virtual common::Result<size_t> read(common::MutableByteSpan buffer) = 0;
  /// @return Bytes given, at least one. @retval kAgain  No room now.  @retval kClosed  The peer is gone.
  virtual common::Result<size_t> write(common::ByteSpan data) = 0;
};

}  // namespace security
