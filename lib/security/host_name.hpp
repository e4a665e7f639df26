#pragma once

#include "common/span.hpp"

namespace security {

/// An IP address as it stands in a certificate: 4 or 16 bytes, 0 = the text is none.
struct IpAddress {
  uint8_t bytes[16] = {};
  size_t size = 0;
};

/// Reads 192.0.2.1, or 2001:db8::1 with or without brackets.
IpAddress parse_ip_address(common::TextSpan text);

/// Whether a name of a certificate stands for a host (RFC 6125, 6.4): without regard to case, and
/// @param allow_wildcard  "*.example.com" stands for "a.example.com", not for "a.b.example.com" and "example.com".
bool matches_host(common::TextSpan name, common::TextSpan host, bool allow_wildcard);

}  // namespace security
