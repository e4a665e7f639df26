#pragma once

#include "common/log.hpp"
#include "platform/volume.hpp"

namespace gateway {

/// Mounts a volume, and formats it where that is the only way to go on: a gateway in the field must not wait for
/// somebody who erases a broken file system. Formats only after a second try, never for an error that formatting
/// does not mend, and never another part of the flash.
///
///     mount --ok--> kReady
///       | damaged          is blank: format, mount --> kReady
///       +--> mount again --ok--> kReady
///              | damaged   format, mount --ok--> kFormatted
///              +--- any other error, or it is still damaged --> kFailed
///
/// @param what  For the log: "the transaction records".
/// @par Context  Start-up; blocks for the time of the formatting (some seconds).
platform::VolumeState start_volume(platform::Volume& volume, const char* what,
                                   common::LogSink& log);

}  // namespace gateway
