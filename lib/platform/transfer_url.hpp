#pragma once

#include "common/fixed_string.hpp"
#include "common/limits.hpp"
#include "common/status.hpp"
#include "platform/file_transfer.hpp"

namespace platform {

/// Of ftps: TLS from the first byte. Any other port, and none (21): AUTH TLS (RFC 4217).
constexpr uint16_t kImplicitTlsPort = 990;

/// Where a file is, ready for a client of HTTP or FTP. About 1.2 KB.
struct TransferUrl {
  static constexpr size_t kMaxLoginBytes = 96;

  TransferProtocol protocol = kTransferHttp;
  common::FixedString<253> host;  ///< Name or address, IPv6 without brackets.
  uint16_t port = 0;              ///< 1..65535; that of the protocol when the URL has none.
  bool has_port = false;          ///< The URL has one.
  bool has_login = false;
  common::FixedString<kMaxLoginBytes> user;      ///< Decoded, without control characters.
  common::FixedString<kMaxLoginBytes> password;  ///< As user.
  /// Path and query as they are in the URL, from the slash on; never empty, no blank or control character.
  common::FixedString<limits::kMaxLocationBytes> target;

  bool is_tls() const { return protocol == kTransferHttps || protocol == kTransferFtps; }
};

/// Splits a URL of http, https, ftp or ftps; the fragment is left out.
/// @param error  One sentence when the result is not kOk; contains nothing of the URL.
/// @retval kUnsupported      Another scheme.
/// @retval kInvalidArgument  It cannot be used.
common::Status parse_transfer_url(common::TextSpan url, TransferUrl& out,
                                  common::FixedString<95>& error);

/// Where a redirect of HTTP leads: to http or https only, and from https only to https. The login goes along only to
/// the same protocol, host and port.
/// @param location  Header Location: a URL, or one that is relative to `url`.
/// @param url       Replaced when the result is kOk.
/// @param error     One sentence when it is not.
/// @retval kInvalidArgument  The redirect must not or cannot be followed.
/// @par Spec  RFC 9110, 10.2.2; RFC 3986, 5.2, but dot segments are left to the server.
common::Status follow_redirect(common::TextSpan location, TransferUrl& url,
                               common::FixedString<95>& error);

/// Decodes %XX; nothing else is changed.
/// @retval kInvalidArgument  A wrong escape, or one of a control character.  @retval kNoSpace
common::Status append_percent_decoded(common::TextSpan value,
                                      common::FixedString<limits::kMaxLocationBytes>& out);

}  // namespace platform
