// The command `file`: profiles that come over the console.

#include "gateway/console.hpp"
#include "gateway/console_arguments.hpp"
#include "gateway/json_members.hpp"

namespace gateway {

using common::TextSpan;

namespace {

/// @return -1 when it is no hexadecimal digit.
int hex_digit(char c) {
  const char lower = common::ascii_lower(c);
  if (c >= '0' && c <= '9') return c - '0';
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool parse_hex(TextSpan text, uint32_t& out) {
  out = 0;
  if (text.size() != 8) return false;
  for (const char c : text) {
    const int digit = hex_digit(c);
    if (digit < 0) return false;
    out = out << 4U | static_cast<uint32_t>(digit);
  }
  return true;
}

/// Two digits per byte, in place. @return false when they are none.
bool parse_bytes(TextSpan text, common::MutableByteSpan out, size_t& count) {
  count = text.size() / 2;
  if (count == 0 || text.size() % 2 != 0 || count > out.size()) return false;
  for (size_t i = 0; i < count; ++i) {
    const int high = hex_digit(text[2 * i]);
    const int low = hex_digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return true;
}

}  // namespace

bool Console::file(Arguments& arguments, json::Writer& out, Error& error, common::Instant) {
  FileUpload* upload = parts_.upload;
  if (upload == nullptr) {
    error = Error("this gateway takes no files");
    return false;
  }
  const TextSpan verb = arguments.word();
  const TextSpan first = arguments.word();
  if (is_word(verb, "begin")) {
    int32_t size = 0;
    uint32_t crc = 0;
    if (!parse_integer(arguments.word(), size) || size < 0 || !parse_hex(arguments.word(), crc))
      return false;
    if (upload->begin(first, static_cast<uint32_t>(size), crc, error) != common::Status::kOk)
      return false;
  } else if (is_word(verb, "data")) {
    int32_t offset = 0;
    uint32_t crc = 0;
    uint8_t bytes[kMaxPieceBytes];
    size_t count = 0;
    if (!parse_integer(first, offset) || offset < 0 || !parse_hex(arguments.word(), crc) ||
        !parse_bytes(arguments.word(), bytes, count))
      return false;
    if (upload->data(static_cast<uint32_t>(offset), crc, common::ByteSpan(bytes, count), error) !=
        common::Status::kOk)
      return false;
  } else if (is_word(verb, "end")) {
    if (upload->end(error) != common::Status::kOk) return false;
    member(out, "name", upload->name());
  } else if (is_word(verb, "remove") && !first.empty()) {
    return upload->remove(first, error) == common::Status::kOk;
  } else {
    return false;
  }
  member(out, "received", upload->received());
  return true;
}

}  // namespace gateway
