#pragma once

#include "common/span.hpp"
#include "common/status.hpp"

namespace platform {

enum class Parity : uint8_t { kNone, kEven, kOdd };

struct SerialSettings {
  uint32_t baud = 9600;  ///< bit/s, 1200..921600
  Parity parity = Parity::kNone;
  uint8_t stop_bits = 1;  ///< 1 or 2
};

constexpr bool operator==(const SerialSettings& a, const SerialSettings& b) {
  return a.baud == b.baud && a.parity == b.parity && a.stop_bits == b.stop_bits;
}

/// One UART, RS-485 bus (direction switched by the platform) or pseudo-terminal; 8 data bits.
/// @par Context  Loop thread; no call blocks.
class SerialLink {
 public:
  virtual ~SerialLink() = default;
  /// Applies settings; pending input is discarded. Same settings again cost nothing.
  /// @retval kUnsupported  The device cannot do that.
  virtual common::Status configure(const SerialSettings& settings) = 0;
  /// @return Bytes taken, possibly fewer than asked. kAgain: no room. kClosed / kIo: the device is gone.
  virtual common::Result<size_t> write(common::ByteSpan data) = 0;
  /// @return Bytes read, at least 1. kAgain: nothing waiting. kClosed / kIo: the device is gone.
  virtual common::Result<size_t> read(common::MutableByteSpan buffer) = 0;
  /// True once everything written has left the wire (or the platform cannot tell).
  virtual bool is_drained() = 0;
};

}  // namespace platform
