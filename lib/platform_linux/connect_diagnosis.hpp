#pragma once

#include <netdb.h>
#include <string>

namespace platform_linux {

/// Finds out why a TCP connection to an address could not be made, which libwebsockets does not tell, by trying it once.
/// @return For instance "Connection refused"; empty when it works now.
/// @par Context  Blocks up to 0.3 s: network thread only.
std::string diagnose_connect(const addrinfo& address);

/// What an HTTP status in place of the upgrade means, in a sentence.
/// @param location  Of a redirect; else empty.
std::string explain_http_status(int status, const std::string& location);

}  // namespace platform_linux
