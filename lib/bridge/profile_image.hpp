#pragma once

#include "bridge/profile.hpp"

namespace bridge {

/// Most bytes of a profile file; its tables take about three times that.
constexpr size_t kMaxImageBytes = 8192;

/// Loads a profile from the bytes of a file that `vevgw profiles build --binary` made.
///
/// Nothing of the image is trusted: lengths, indices, ranges and the checksum are checked, so that a profile that loads
/// cannot lead the driver out of its tables.
/// @param arena  Holds the tables and texts; must outlive out. No heap.
/// @param used   Bytes of the arena that are taken, on success.
/// @param why    One sentence when it is refused. Static.
/// @retval kCorrupt  Not such a file, damaged, or with values that no profile has.
/// @retval kNoSpace  The arena is too small.
common::Status load_profile(common::ByteSpan image, common::MutableByteSpan arena, Profile& out,
                            const char*& why, size_t* used = nullptr);

}  // namespace bridge
