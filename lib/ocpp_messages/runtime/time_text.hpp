#pragma once

#include "common/fixed_string.hpp"
#include "common/span.hpp"
#include "common/time.hpp"

namespace ocpp_messages {

/// "YYYY-MM-DDTHH:MM:SS.mmmZ"; empty if the time is unknown or outside the years 0000 to 9999.
common::FixedString<24> format_time(common::UtcTime time);

/// Reads an RFC 3339 date and time; offsets are applied, digits of a second beyond milliseconds
/// dropped. 23:59:60 UTC is the first second of the next day. Note that 1970-01-01T00:00:00Z
/// becomes UtcTime's "unknown".
/// @param strict  False also takes what charge point backends send: no zone (UTC), a blank for the
///                T, "+0200" and "+02".
/// @return false if the text is no date; time is unchanged then.
bool parse_time(common::TextSpan text, bool strict, common::UtcTime& time);

}  // namespace ocpp_messages
