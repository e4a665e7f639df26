#pragma once

#include "common/fixed_string.hpp"
#include "common/span.hpp"
#include "common/status.hpp"

namespace platform {

/// The firmware images of the device: the one that runs, and a slot for the next.
///
///     kNormal --activate(), restart--> kTrial --confirm()--> kNormal
///                                        |
///                       restart, crash or roll_back()
///                                        v
///                              kRolledBack (the earlier image runs again)
///
/// @par Context  Loop thread only. write() may take as long as flash does; nothing else blocks.
class Firmware {
 public:
  enum class Boot : uint8_t {
    kNormal,      ///< The image that runs is meant to.
    kTrial,       ///< A new image runs for the first time.
    kRolledBack,  ///< A new image did not prove itself; the one before it runs.
  };

  virtual ~Firmware() = default;
  /// Version of the image that runs.
  virtual common::FixedString<50> version() const = 0;
  /// What became of the last activate().
  virtual Boot boot() const = 0;
  /// Security version that an image must have at least: the highest one of the image that runs and of those that
  /// were confirmed, ever. It is raised when a release mends a weakness, so that none before it can come back.
  virtual uint32_t security_version() const = 0;
  /// Security version of the image that verify() or activate() refused for it, until the next write().
  /// @retval kNotFound  None was.
  virtual common::Result<uint32_t> outdated() const = 0;

  /// Throws away what the other slot holds.
  virtual common::Status erase() = 0;
  /// Bytes in the other slot: an interrupted download goes on there, to its end. After a power cut it may be less than before.
  virtual uint32_t size() = 0;
  /// Appends to the other slot. @param offset  End of what was written so far, or size().
  /// @retval kNoSpace  The image is larger than the slot.  @retval kInvalidArgument  Another offset.
  virtual common::Status write(uint32_t offset, common::ByteSpan data) = 0;
  /// Reads an image that was written to its end. @return Bytes read; 0 at the end.
  /// @retval kNotFound  It is not known where it ends, since a restart: write() the rest again from size() on.  @retval kIo
  virtual common::Result<size_t> read(uint32_t offset, common::MutableByteSpan buffer) = 0;
  /// Checks the other slot in pieces: call again while kAgain.
  /// @retval kCorrupt      Its content is damaged or cut short.
  /// @retval kUnsupported  It is no firmware for this device, or outdated().
  /// @retval kNotFound     As of read().
  virtual common::Status verify() = 0;
  /// The next restart runs the other slot, once, until confirm(). @retval kUnsupported  It is outdated().
  virtual common::Status activate() = 0;
  /// The image on trial has proved itself.
  virtual common::Status confirm() = 0;
  /// The image on trial is given up: the next restart runs the earlier one.
  virtual common::Status roll_back() = 0;
};

}  // namespace platform
