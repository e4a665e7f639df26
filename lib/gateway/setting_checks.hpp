#pragma once

#include "gateway/settings.hpp"

namespace gateway {

/// What set_setting() checks.
common::Status check_setting(const Settings& settings, common::TextSpan name,
                             common::TextSpan value, common::FixedString<95>& error);

/// Settings::set(), but refused is also what could only fail later: a URL or an identity that no CSMS is reached by, a
/// Wi-Fi password that no network has, a charger that there is not, pins that cannot do it, a mode that the configured
/// charger cannot do, as far as it is built in.
/// @retval kUnsupported  The mode. Otherwise as Settings::set().
common::Status set_setting(Settings& settings, common::TextSpan name, common::TextSpan value,
                           common::FixedString<95>& error);

}  // namespace gateway
