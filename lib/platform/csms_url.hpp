#pragma once

#include "common/fixed_string.hpp"
#include "common/span.hpp"
#include "common/status.hpp"

namespace platform {

/// The parts of the address of one charge point at its CSMS, ready for a WebSocket client.
struct CsmsUrl {
  bool is_tls = false;
  common::FixedString<253> host;         ///< Name or address, IPv6 without brackets.
  uint16_t port = 0;                     ///< 1..65535; 80 or 443 when the URL has none.
  common::FixedString<269> host_header;  ///< Host, with the port when it is not the default one.
  common::FixedString<420>
      target;  ///< Path with the percent-encoded identity, then the query: "/ocpp/CP%201?token=x".
};

/// Splits the base URL and appends the identity as the last segment of its path: percent-encoded, exactly one
/// slash between, before a query, and not twice when the base already ends in it.
/// @param url       ws://host[:port][/path][?query] or wss://...
/// @param identity  Raw, 1..48 bytes, no '/' (CSMS take the last segment).
/// @param error     One sentence when the result is not kOk.
/// @retval kInvalidArgument  The URL or the identity cannot be used.
/// @par Spec  OCPP-J 1.6, 3.1.1 The connection URL.
common::Status parse_csms_url(common::TextSpan url, common::TextSpan identity, CsmsUrl& out,
                              common::FixedString<95>& error);

/// Where a CSMS that answers with a redirect wants to be asked. Never from wss to ws.
/// @param location  Header Location: ws, wss, http or https URL, or an absolute path of the same server.
/// @param error     One sentence when the result is not kOk.
/// @retval kInvalidArgument  The redirect must not or cannot be followed.
common::Status parse_redirect(common::TextSpan location, const CsmsUrl& from, CsmsUrl& out,
                              common::FixedString<95>& error);

/// Longest result of basic_authorization(), with 48 bytes of identity and 64 of password.
constexpr size_t kBasicAuthorizationBytes = 160;

/// Value of the HTTP header Authorization: "Basic " and base64 of the raw identity, ':' and the password bytes.
/// @param password  Any bytes, 0x00 included, at most 64.
/// @par Spec  OCA security whitepaper, profile 1; RFC 7617.
common::FixedString<kBasicAuthorizationBytes> basic_authorization(common::TextSpan identity,
                                                                  common::ByteSpan password);

}  // namespace platform
