#include "gateway/bus_settings.hpp"

namespace gateway {

using common::TextSpan;

namespace {

/// Takes what is before the separator off the front of the text; all of it when there is none.
TextSpan take(TextSpan& text, char separator) {
  size_t end = 0;
  while (end < text.size() && text[end] != separator) ++end;
  const TextSpan word = text.first(end);
  text = text.subspan(end + 1);
  return word;
}

bool parse_number(TextSpan text, uint32_t max, uint32_t& out) {
  out = 0;
  if (text.empty()) return false;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    out = out * 10 + static_cast<uint32_t>(c - '0');
    if (out > max) return false;
  }
  return true;
}

bool take_prefix(TextSpan& text, const char* prefix) {
  const TextSpan word = common::text(prefix);
  if (!common::equals_ignore_case(text.first(word.size()), word)) return false;
  text = text.subspan(word.size());
  return true;
}

bool is_host_character(char c) {
  const char lower = common::ascii_lower(c);
  return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
         c == '_';
}

bool is_ipv6_character(char c) { return is_host_character(c) || c == ':' || c == '%'; }

}  // namespace

bool parse_line(TextSpan text, LineSetting& out) {
  const TextSpan speed = take(text, ' ');
  const TextSpan frame = take(text, ' ');
  const TextSpan framing = take(text, ' ');
  constexpr uint32_t kMinBaud = 1200;
  constexpr uint32_t kMaxBaud = 921600;
  if (!text.empty() || !parse_number(speed, kMaxBaud, out.serial.baud) ||
      out.serial.baud < kMinBaud)
    return false;
  if (frame.size() != 3 || frame[0] != '8' || frame[2] < '1' || frame[2] > '2') return false;
  out.serial.stop_bits = static_cast<uint8_t>(frame[2] - '0');
  switch (common::ascii_lower(frame[1])) {
    case 'n':
      out.serial.parity = platform::Parity::kNone;
      break;
    case 'e':
      out.serial.parity = platform::Parity::kEven;
      break;
    case 'o':
      out.serial.parity = platform::Parity::kOdd;
      break;
    default:
      return false;
  }
  out.framing = modbus::Framing::kRtu;
  if (framing.empty() || common::equals_ignore_case(framing, common::text("rtu"))) return true;
  out.framing = modbus::Framing::kAscii;
  return common::equals_ignore_case(framing, common::text("ascii"));
}

bool parse_host(TextSpan text, HostSetting& out) {
  out = HostSetting();
  if (take_prefix(text, "rtu+tcp://")) {
    out.target.is_converter = true;
  } else {
    (void)take_prefix(text, "tcp://");
  }
  const bool is_bracketed = take_prefix(text, "[");
  TextSpan host;
  if (is_bracketed) {
    const size_t before = text.size();
    host = take(text, ']');
    if (host.size() == before) return false;
    if (!text.empty() && !take_prefix(text, ":")) return false;
    out.has_port = !text.empty();
  } else {
    const size_t before = text.size();
    host = take(text, ':');
    out.has_port = host.size() < before;
  }
  if (host.empty() || out.target.host.assign(host) != common::Status::kOk) return false;
  for (const char c : host) {
    if (is_bracketed ? !is_ipv6_character(c) : !is_host_character(c)) return false;
  }
  // There is no usual port of converters.
  if (!out.has_port) return text.empty() && !out.target.is_converter;
  uint32_t port = 0;
  if (!parse_number(text, UINT16_MAX, port) || port == 0) return false;
  out.target.port = static_cast<uint16_t>(port);
  return true;
}

}  // namespace gateway
