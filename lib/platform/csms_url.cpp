#include "platform/csms_url.hpp"

#include "platform/base64.hpp"

#include <algorithm>

namespace platform {

using common::Status;
using common::text;
using common::TextSpan;

namespace {

constexpr size_t kMaxIdentityBytes = 48;
constexpr size_t kMaxPasswordBytes = 64;

Status fail(common::FixedString<95>& error, const char* sentence) {
  error.assign_truncated(text(sentence));
  return Status::kInvalidArgument;
}

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

/// Index of the first of c, or the size.
size_t find(TextSpan value, char c) {
  size_t i = 0;
  while (i < value.size() && value[i] != c) ++i;
  return i;
}

bool starts_with(TextSpan value, const char* prefix) {
  const TextSpan wanted = text(prefix);
  return common::equals_ignore_case(value.first(wanted.size()), wanted);
}

bool ends_with(TextSpan value, TextSpan suffix) {
  return value.size() >= suffix.size() &&
         common::equals(value.subspan(value.size() - suffix.size()), suffix);
}

common::FixedString<3 * kMaxIdentityBytes> percent_encoded(TextSpan raw) {
  constexpr char kHex[] = "0123456789ABCDEF";
  common::FixedString<3 * kMaxIdentityBytes> out;
  for (const char c : raw) {
    const auto byte = static_cast<uint8_t>(c);
    const char escaped[] = {'%', kHex[byte >> 4U], kHex[byte & 0x0FU]};
    const TextSpan piece = is_unreserved(c) ? TextSpan(&c, 1) : TextSpan(escaped, 3);
    if (out.append(piece) != Status::kOk) break;  // cannot happen: 3 bytes of room for each of raw
  }
  return out;
}

bool parse_port(TextSpan digits, uint16_t& out) {
  uint32_t value = 0;
  if (digits.empty() || digits.size() > 5) return false;
  for (const char c : digits) {
    if (c < '0' || c > '9') return false;
    value = value * 10 + static_cast<uint32_t>(c - '0');
  }
  if (value == 0 || value > 65535) return false;
  out = static_cast<uint16_t>(value);
  return true;
}

Status parse_authority(TextSpan authority, CsmsUrl& out, common::FixedString<95>& error) {
  if (find(authority, '@') != authority.size()) {
    return fail(error,
                "the CSMS URL must not contain a user or password; set the password instead");
  }
  TextSpan host = authority;
  TextSpan port;
  bool has_port = false;
  bool is_ipv6 = !authority.empty() && authority[0] == '[';
  if (is_ipv6) {
    const size_t end = find(authority, ']');
    if (end == authority.size()) return fail(error, "the CSMS URL has a '[' without ']'");
    host = authority.subspan(1, end - 1);
    const TextSpan rest = authority.subspan(end + 1);
    has_port = !rest.empty();
    if (has_port && rest[0] != ':') return fail(error, "the CSMS URL has text after ']'");
    port = rest.subspan(1);
  } else {
    const size_t colon = find(authority, ':');
    has_port = colon < authority.size();
    host = authority.first(colon);
    port = authority.subspan(colon + 1);
  }
  if (host.empty()) return fail(error, "the CSMS URL has no host name");
  for (const char c : host) {
    if (!is_unreserved(c) && !(is_ipv6 && c == ':'))
      return fail(error, "the host name in the CSMS URL has a character that is not allowed");
  }
  const uint16_t default_port = out.is_tls ? 443 : 80;
  out.port = default_port;
  if (has_port && !parse_port(port, out.port))
    return fail(error, "the port in the CSMS URL is not a number from 1 to 65535");
  if (out.host.assign(host) != Status::kOk)
    return fail(error, "the host name in the CSMS URL is too long");

  out.host_header.assign_truncated(is_ipv6 ? text("[") : TextSpan());
  RETURN_IF_ERROR(out.host_header.append(host));
  if (is_ipv6) RETURN_IF_ERROR(out.host_header.append(text("]")));
  if (out.port == default_port) return Status::kOk;
  RETURN_IF_ERROR(out.host_header.append(text(":")));
  return out.host_header.append(port);
}

Status append_target(TextSpan path, TextSpan query, TextSpan identity, CsmsUrl& out) {
  const auto encoded = percent_encoded(identity);
  if (!path.empty() && path[path.size() - 1] == '/') path = path.first(path.size() - 1);
  const bool has_identity = path.size() > encoded.size() && ends_with(path, encoded.span()) &&
                            path[path.size() - encoded.size() - 1] == '/';
  RETURN_IF_ERROR(out.target.append(path));
  if (!has_identity) {
    RETURN_IF_ERROR(out.target.append(text("/")));
    RETURN_IF_ERROR(out.target.append(encoded.span()));
  }
  return out.target.append(query);
}

}  // namespace

Status parse_csms_url(TextSpan url, TextSpan identity, CsmsUrl& out,
                      common::FixedString<95>& error) {
  out = CsmsUrl{};
  error.clear();
  if (url.empty()) return fail(error, "no CSMS URL is set");
  if (identity.empty()) return fail(error, "no charge point identity is set");
  if (identity.size() > kMaxIdentityBytes)
    return fail(error, "the charge point identity is longer than 48 bytes");
  if (find(identity, '/') != identity.size())
    return fail(error, "the charge point identity must not contain '/'");
  for (const char c : url) {
    if (c <= ' ' || c == '\x7f')
      return fail(error, "the CSMS URL contains a space or a control character");
    if (c == '#') return fail(error, "the CSMS URL must not contain '#'");
  }

  size_t scheme = 0;
  if (starts_with(url, "wss://")) {
    out.is_tls = true;
    scheme = 6;
  } else if (starts_with(url, "ws://")) {
    scheme = 5;
  } else {
    return fail(error, "the CSMS URL must begin with ws:// or wss://");
  }
  const TextSpan rest = url.subspan(scheme);
  const size_t question = find(rest, '?');
  const TextSpan before_query = rest.first(question);
  const size_t slash = find(before_query, '/');
  RETURN_IF_ERROR(parse_authority(before_query.first(slash), out, error));
  if (append_target(before_query.subspan(slash), rest.subspan(question), identity, out) !=
      Status::kOk) {
    return fail(error, "the CSMS URL with the identity is too long");
  }
  return Status::kOk;
}

Status parse_redirect(TextSpan location, const CsmsUrl& from, CsmsUrl& out,
                      common::FixedString<95>& error) {
  const TextSpan whole = location.first(find(location, '#'));
  for (const char c : whole) {
    if (c <= ' ' || c == '\x7f')
      return fail(error, "the CSMS redirects to an address with a space or a control character");
  }
  out = CsmsUrl{};
  error.clear();
  TextSpan target = whole;
  if (starts_with(whole, "/") && !starts_with(whole, "//")) {
    out = from;
    out.target.clear();
  } else {
    constexpr const char* kSchemes[] = {"wss://", "https://", "ws://", "http://"};
    size_t scheme = 0;
    while (scheme < 4 && !starts_with(whole, kSchemes[scheme])) ++scheme;
    if (scheme == 4) return fail(error, "the CSMS redirects to an address that is no WebSocket's");
    out.is_tls = scheme < 2;
    if (from.is_tls && !out.is_tls)
      return fail(error, "the CSMS redirects from wss to ws, which is not followed");
    const TextSpan rest = whole.subspan(common::text(kSchemes[scheme]).size());
    const size_t end = std::min(find(rest, '/'), find(rest, '?'));
    RETURN_IF_ERROR(parse_authority(rest.first(end), out, error));
    target = rest.subspan(end);
    if (target.empty() || target[0] == '?') RETURN_IF_ERROR(out.target.append(text("/")));
  }
  if (out.target.append(target) == Status::kOk) return Status::kOk;
  return fail(error, "the address that the CSMS redirects to is too long");
}

common::FixedString<kBasicAuthorizationBytes> basic_authorization(TextSpan identity,
                                                                  common::ByteSpan password) {
  common::FixedString<kMaxIdentityBytes + 1 + kMaxPasswordBytes> raw;
  common::FixedString<kBasicAuthorizationBytes> out(text("Basic "));
  const TextSpan secret(reinterpret_cast<const char*>(password.data()), password.size());
  if (raw.append(identity) != Status::kOk || raw.append(text(":")) != Status::kOk ||
      raw.append(secret) != Status::kOk) {
    return common::FixedString<kBasicAuthorizationBytes>();
  }
  (void)append_base64(common::as_bytes(raw.span()), out);  // sized for the longest input
  return out;
}

}  // namespace platform
