#include "security/host_name.hpp"

#include <cstring>

namespace security {

using common::TextSpan;

namespace {

bool parse_v4(TextSpan text, uint8_t* out) {
  size_t part = 0;
  unsigned value = 0;
  size_t digits = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    const char c = i < text.size() ? text[i] : '.';
    if (c == '.') {
      if (digits == 0 || part == 4) return false;
      out[part++] = static_cast<uint8_t>(value);
      value = 0;
      digits = 0;
    } else {
      if (c < '0' || c > '9' || ++digits > 3) return false;
      value = value * 10 + static_cast<unsigned>(c - '0');
      if (value > 255) return false;
    }
  }
  return part == 4;
}

int hex_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = common::ascii_lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/// Reads groups from text[at] on; stops at "::" or the end.
/// @return Bytes written; SIZE_MAX when malformed. at is where it stopped.
size_t parse_groups(TextSpan text, size_t& at, uint8_t* out) {
  size_t size = 0;
  while (at < text.size()) {
    if (text[at] == ':') return size;  // The second colon of "::".
    const size_t begin = at;
    unsigned value = 0;
    while (at < text.size() && hex_of(text[at]) >= 0 && at - begin < 4) {
      value = value << 4U | static_cast<unsigned>(hex_of(text[at++]));
    }
    if (at == begin || size > 14) return SIZE_MAX;
    if (at < text.size() && text[at] == '.') {
      // The last four bytes may be written as an IPv4 address.
      if (size > 12 || !parse_v4(text.subspan(begin), out + size)) return SIZE_MAX;
      at = text.size();
      return size + 4;
    }
    out[size++] = static_cast<uint8_t>(value >> 8U);
    out[size++] = static_cast<uint8_t>(value);
    if (at == text.size()) return size;
    if (text[at++] != ':' || at == text.size()) return SIZE_MAX;
  }
  return size;
}

bool parse_v6(TextSpan text, uint8_t* out) {
  size_t at = 0;
  uint8_t head[16] = {};
  size_t head_size = 0;
  const bool begins_with_gap = text.size() >= 2 && text[0] == ':' && text[1] == ':';
  if (begins_with_gap) {
    at = 1;
  } else if (text.empty() || text[0] == ':') {
    return false;
  } else {
    head_size = parse_groups(text, at, head);
    if (head_size == SIZE_MAX) return false;
  }
  uint8_t tail[16] = {};
  size_t tail_size = 0;
  const bool has_gap = at < text.size();
  if (has_gap) {
    ++at;
    tail_size = parse_groups(text, at, tail);
    if (tail_size == SIZE_MAX || at < text.size()) return false;
  }
  if (has_gap ? head_size + tail_size > 14 : head_size != 16) return false;
  std::memset(out, 0, 16);
  std::memcpy(out, head, head_size);
  std::memcpy(out + 16 - tail_size, tail, tail_size);
  return true;
}

}  // namespace

IpAddress parse_ip_address(TextSpan text) {
  IpAddress address;
  if (text.size() >= 2 && text[0] == '[' && text[text.size() - 1] == ']') {
    text = text.subspan(1, text.size() - 2);
  }
  if (parse_v4(text, address.bytes)) {
    address.size = 4;
  } else if (parse_v6(text, address.bytes)) {
    address.size = 16;
  }
  return address;
}

bool matches_host(TextSpan name, TextSpan host, bool allow_wildcard) {
  if (!host.empty() && host[host.size() - 1] == '.') host = host.first(host.size() - 1);
  if (name.empty() || host.empty()) return false;
  if (common::equals_ignore_case(name, host)) return true;
  if (!allow_wildcard || name.size() < 3 || name[0] != '*' || name[1] != '.') return false;
  const TextSpan domain = name.subspan(1);
  // "*.com" would stand for everybody: at least two labels remain.
  if (std::memchr(domain.data() + 1, '.', domain.size() - 1) == nullptr) return false;
  const void* const dot = std::memchr(host.data(), '.', host.size());
  if (dot == nullptr || dot == host.data()) return false;
  const size_t label = static_cast<size_t>(static_cast<const char*>(dot) - host.data());
  return common::equals_ignore_case(domain, host.subspan(label));
}

}  // namespace security
