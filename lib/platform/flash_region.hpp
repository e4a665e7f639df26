#pragma once

#include "common/span.hpp"
#include "common/status.hpp"

namespace platform {

/// A part of NOR flash: a write only clears bits, erase() sets all bits of a sector. A power cut leaves anything in what is
/// being written or erased, and nothing else changes.
class FlashRegion {
 public:
  /// Writes are whole units at multiples of it, each once between two erasures: encrypted flash knows no other.
  static constexpr uint32_t kUnitBytes = 16;

  virtual ~FlashRegion() = default;
  /// Bytes, whole sectors; 0 = there is no such part.
  virtual uint32_t size() const = 0;
  virtual uint32_t sector_bytes() const = 0;
  /// @param offset  Of this part. @retval kIo
  virtual common::Status read(uint32_t offset, common::MutableByteSpan buffer) = 0;
  virtual common::Status write(uint32_t offset, common::ByteSpan data) = 0;
  /// @param offset  Of a sector; its bytes become 0xFF.
  virtual common::Status erase(uint32_t offset) = 0;
};

}  // namespace platform
