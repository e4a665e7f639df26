#pragma once

#include "ocpp_messages/runtime/text.hpp"

namespace ocpp_messages {

/// True if the text is a URI with a scheme (RFC 3986): legal characters, whole percent escapes,
/// brackets only around the host.
bool is_uri(const Text& text);

}  // namespace ocpp_messages
