#pragma once

#include "common/status.hpp"

#include <cstdint>

namespace platform {

/// A part of the flash that a store lives in; formatting it touches no other part.
class Volume {
 public:
  virtual ~Volume() = default;
  /// Makes the store usable.
  /// @retval kCorrupt  What is there cannot be used: format() helps.
  /// @retval kIo       It cannot be used, and formatting does not help (no such part, no memory, no right).
  virtual common::Status mount() = 0;
  /// Nothing was ever written there: formatting loses nothing. Asked after mount() has failed.
  virtual bool is_blank() = 0;
  /// Throws everything in this part away. @retval kIo
  virtual common::Status format() = 0;
};

/// What became of a volume at the start.
enum class VolumeState : uint8_t {
  kReady,
  kFormatted,  ///< Its content was lost; it works again.
  kFailed,     ///< It does not work.
};

/// Name for logs and the console.
constexpr const char* to_string(VolumeState state) {
  switch (state) {
    case VolumeState::kReady:
      return "ready";
    case VolumeState::kFormatted:
      return "formatted";
    case VolumeState::kFailed:
      break;
  }
  return "failed";
}

}  // namespace platform
