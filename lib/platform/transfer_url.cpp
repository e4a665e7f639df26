#include "platform/transfer_url.hpp"

#include <algorithm>

namespace platform {

using common::Status;
using common::text;
using common::TextSpan;

namespace {

struct Scheme {
  const char* prefix;
  TransferProtocol protocol;
  uint16_t port;
};
constexpr Scheme kSchemes[] = {
    {"http://", kTransferHttp, 80},
    {"https://", kTransferHttps, 443},
    {"ftp://", kTransferFtp, 21},
    {"ftps://", kTransferFtps, 21},
};

Status fail(common::FixedString<95>& error, const char* sentence) {
  error.assign_truncated(text(sentence));
  return Status::kInvalidArgument;
}

/// Index of the first character of `wanted`, or the size.
size_t find(TextSpan value, const char* wanted) {
  size_t i = 0;
  while (i < value.size() && std::strchr(wanted, value[i]) == nullptr) ++i;
  return i;
}

const Scheme* scheme_of(TextSpan url) {
  for (const Scheme& scheme : kSchemes) {
    const TextSpan prefix = text(scheme.prefix);
    if (common::equals_ignore_case(url.first(prefix.size()), prefix)) return &scheme;
  }
  return nullptr;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = common::ascii_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool is_control(char c) { return static_cast<uint8_t>(c) < 0x20 || c == '\x7f'; }

template <size_t N>
Status decode(TextSpan value, common::FixedString<N>& out) {
  for (size_t i = 0; i < value.size(); ++i) {
    char c = value[i];
    if (c == '%') {
      if (value.size() - i < 3) return Status::kInvalidArgument;
      const int high = hex_value(value[i + 1]);
      const int low = hex_value(value[i + 2]);
      if (high < 0 || low < 0) return Status::kInvalidArgument;
      c = static_cast<char>(high << 4 | low);
      i += 2;
    }
    if (is_control(c)) return Status::kInvalidArgument;
    RETURN_IF_ERROR(out.append(TextSpan(&c, 1)));
  }
  return Status::kOk;
}

bool parse_port(TextSpan digits, uint16_t& out) {
  uint32_t value = 0;
  for (const char c : digits.first(6)) {
    if (c < '0' || c > '9') return false;
    value = value * 10 + static_cast<uint32_t>(c - '0');
  }
  out = static_cast<uint16_t>(value);
  return value > 0 && value <= 65535;
}

bool is_host_character(char c, bool is_ipv6) {
  const char lower = common::ascii_lower(c);
  return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || (is_ipv6 && c == ':');
}

Status parse_login(TextSpan login, TransferUrl& out, common::FixedString<95>& error) {
  const size_t colon = find(login, ":");
  out.has_login = true;
  const Status user = decode(login.first(colon), out.user);
  const Status password = decode(login.subspan(colon + 1), out.password);
  if (user == Status::kNoSpace || password == Status::kNoSpace)
    return fail(error, "the user or the password in the URL is too long");
  if (user != Status::kOk || password != Status::kOk)
    return fail(error, "the user or the password in the URL is not encoded as it must be");
  return Status::kOk;
}

Status parse_authority(TextSpan authority, TransferUrl& out, common::FixedString<95>& error) {
  // The last '@': some write one into the password as it is.
  size_t host_at = authority.size();
  while (host_at > 0 && authority[host_at - 1] != '@') --host_at;
  if (host_at > 0) RETURN_IF_ERROR(parse_login(authority.first(host_at - 1), out, error));
  TextSpan host = authority.subspan(host_at);
  TextSpan port;
  const bool is_ipv6 = !host.empty() && host[0] == '[';
  const size_t end = find(host, is_ipv6 ? "]" : ":");
  if (is_ipv6) {
    if (end == host.size()) return fail(error, "the URL has a '[' without ']'");
    port = host.subspan(end + 1);
    host = host.subspan(1, end - 1);
    if (!port.empty() && port[0] != ':') return fail(error, "the URL has text after ']'");
  } else {
    port = host.subspan(end);
    host = host.first(end);
  }
  if (host.empty()) return fail(error, "the URL has no host name");
  for (const char c : host) {
    if (!is_host_character(c, is_ipv6))
      return fail(error, "the host name in the URL has a character that is not allowed");
  }
  if (out.host.assign(host) != Status::kOk)
    return fail(error, "the host name in the URL is too long");
  out.has_port = port.size() > 1;  // "host:" has none, too
  if (out.has_port && !parse_port(port.subspan(1), out.port))
    return fail(error, "the port in the URL is not a number from 1 to 65535");
  return Status::kOk;
}

Status set_target(TextSpan first, TextSpan second, TransferUrl& out,
                  common::FixedString<95>& error) {
  out.target.clear();
  if (out.target.append(first) == Status::kOk && out.target.append(second) == Status::kOk)
    return Status::kOk;
  return fail(error, "the URL is too long");
}

Status check_characters(TextSpan url, common::FixedString<95>& error) {
  for (const char c : url) {
    if (c == ' ' || is_control(c))
      return fail(error, "the URL contains a space or a control character");
  }
  return Status::kOk;
}

}  // namespace

Status append_percent_decoded(TextSpan value, common::FixedString<limits::kMaxLocationBytes>& out) {
  return decode(value, out);
}

Status parse_transfer_url(TextSpan url, TransferUrl& out, common::FixedString<95>& error) {
  out = TransferUrl{};
  error.clear();
  const Scheme* const scheme = scheme_of(url);
  if (scheme == nullptr) {
    (void)fail(error, "the URL is none of http, https, ftp, ftps");
    return Status::kUnsupported;
  }
  RETURN_IF_ERROR(check_characters(url, error));
  out.protocol = scheme->protocol;
  out.port = scheme->port;
  const TextSpan rest = url.subspan(std::strlen(scheme->prefix));
  const TextSpan whole = rest.first(find(rest, "#"));
  const size_t end = find(whole, "/?");
  RETURN_IF_ERROR(parse_authority(whole.first(end), out, error));
  const TextSpan target = whole.subspan(end);
  const bool has_path = !target.empty() && target[0] == '/';
  return set_target(text(has_path ? "" : "/"), target, out, error);
}

Status follow_redirect(TextSpan location, TransferUrl& url, common::FixedString<95>& error) {
  constexpr const char* kUnsafe = "the server redirects to where it is not safe to go";
  error.clear();
  RETURN_IF_ERROR(check_characters(location, error));
  const TextSpan whole = location.first(find(location, "#"));
  if (whole.empty()) return fail(error, "the server redirects to nowhere");
  const bool has_authority = whole.size() >= 2 && whole[0] == '/' && whole[1] == '/';
  const size_t colon = find(whole, ":/?");
  const bool has_scheme = colon < whole.size() && whole[colon] == ':';
  if (has_scheme || has_authority) {
    TransferUrl next;
    if (has_scheme) {
      if (const Status parsed = parse_transfer_url(whole, next, error); parsed != Status::kOk)
        return parsed == Status::kUnsupported ? fail(error, kUnsafe) : parsed;
    } else {
      common::FixedString<limits::kMaxLocationBytes> absolute(url.is_tls() ? "https:" : "http:");
      if (absolute.append(whole) != Status::kOk) return fail(error, "the URL is too long");
      RETURN_IF_ERROR(parse_transfer_url(absolute.span(), next, error));
    }
    const bool is_http = next.protocol == kTransferHttp || next.protocol == kTransferHttps;
    if (!is_http || (url.is_tls() && !next.is_tls())) return fail(error, kUnsafe);
    const bool is_same_server = next.protocol == url.protocol && next.port == url.port &&
                                common::equals_ignore_case(next.host.span(), url.host.span());
    if (is_same_server && !next.has_login) {
      next.has_login = url.has_login;
      next.user = url.user;
      next.password = url.password;
    }
    url = next;
    return Status::kOk;
  }
  const common::FixedString<limits::kMaxLocationBytes> before = url.target;
  const TextSpan path = before.span().first(find(before.span(), "?"));
  size_t folder = path.size();
  while (folder > 0 && path[folder - 1] != '/') --folder;
  const TextSpan base = whole[0] == '/' ? TextSpan() : whole[0] == '?' ? path : path.first(folder);
  const Status set = set_target(base, whole, url, error);
  if (set != Status::kOk) url.target = before;
  return set;
}

}  // namespace platform
