#pragma once

#include "bridge/profile.hpp"

namespace bridge {

/// Whether a profile that was not built into the firmware can be interpreted.
/// @return nullptr, or why not: one sentence, static.
const char* check_profile(const Profile& profile);

}  // namespace bridge
