#include "json/writer.hpp"

#include "json/utf8.hpp"

namespace json {

namespace {

/// Letter of the two-character escape for c, 0 if it has none.
char short_escape(char c) {
  switch (c) {
    case '"':
    case '\\':
      return c;
    case '\b':
      return 'b';
    case '\f':
      return 'f';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    default:
      return '\0';
  }
}

constexpr char kHex[] = "0123456789abcdef";
constexpr char kReplacement[] = "\xEF\xBF\xBD";

}  // namespace

bool Writer::has_room(size_t size) {
  if (size <= static_cast<size_t>(end_ - at_)) return true;
  full_ = true;
  end_ = at_;
  return false;
}

void Writer::put(char c) {
  if (at_ != end_) {
    *at_++ = c;
  } else {
    full_ = true;
  }
}

void Writer::put(common::TextSpan text) {
  if (text.empty() || !has_room(text.size())) return;
  std::memcpy(at_, text.data(), text.size());
  at_ += text.size();
}

[[gnu::always_inline]] inline char* Writer::begin_item(size_t size) {
  char* at = at_;
  // Mostly there is room, whether the comma comes or not.
  if (static_cast<size_t>(end_ - at) <= size && !has_room(size + (comma_ ? 1U : 0U)))
    return nullptr;
  if (comma_) *at++ = ',';
  at_ = at + size;
  return at;
}

[[gnu::always_inline]] inline void Writer::put_quoted(char* at, common::TextSpan text) {
  *at++ = '"';
  if (!text.empty()) std::memcpy(at, text.data(), text.size());
  at[text.size()] = '"';
}

void Writer::key(common::TextSpan name) {
  if (char* const at = begin_item(name.size() + 3)) {
    put_quoted(at, name);
    at_[-1] = ':';
  }
  comma_ = false;
}

void Writer::plain_string(common::TextSpan value) {
  if (char* const at = begin_item(value.size() + 2)) put_quoted(at, value);
  comma_ = true;
}

void Writer::open(char c) {
  if (char* const at = begin_item(1)) *at = c;
  comma_ = false;
}

void Writer::close(char c) {
  put(c);
  comma_ = true;
}

void Writer::string(common::TextSpan value) {
  begin_string();
  append_string(value);
  end_string();
}

void Writer::begin_string() {
  if (char* const at = begin_item(1)) *at = '"';
  comma_ = true;
}

void Writer::append_string(common::TextSpan piece) {
  const char* at = piece.begin();
  const char* const end = piece.end();
  while (at != end) {
    const char* const begin = at;
    size_t size = 1;
    while (size != 0) {
      at = skip_plain(at, end);
      if (at == end || static_cast<uint8_t>(*at) < 0x80) break;
      uint32_t code_point = 0;
      size = decode_utf8(common::TextSpan(at, static_cast<size_t>(end - at)), code_point);
      at += size;
    }
    put(common::TextSpan(begin, static_cast<size_t>(at - begin)));
    if (at != end) put_escaped(*at++);
  }
}

void Writer::put_escaped(char c) {
  char escape[6] = {'\\', short_escape(c), '0', '0', '\0', '\0'};
  size_t size = 2;
  if (escape[1] == '\0') {
    if (static_cast<uint8_t>(c) >= 0x20) {
      put(common::text(kReplacement));
      return;
    }
    escape[1] = 'u';
    escape[4] = static_cast<uint8_t>(c) < 0x10 ? '0' : '1';
    escape[5] = kHex[static_cast<uint8_t>(c) & 0x0FU];
    size = 6;
  }
  put(common::TextSpan(escape, size));
}

char* Writer::digits_before(char* end, uint64_t value, uint8_t minimum_digits) {
  char* const least = end - minimum_digits;
  while (value > UINT32_MAX) {
    *--end = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  for (auto rest = static_cast<uint32_t>(value); rest != 0; rest /= 10)
    *--end = static_cast<char>('0' + rest % 10);
  while (end > least) *--end = '0';
  return end;
}

void Writer::integer(int64_t value) {
  char text[20];
  char* const end = text + sizeof text;
  char* at = digits_before(
      end, value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value), 1);
  if (value < 0) *--at = '-';
  raw(common::TextSpan(at, static_cast<size_t>(end - at)));
}

void Writer::thousandths(int64_t value) {
  char text[22];
  char* end = text + sizeof text;
  char* at = digits_before(
      end, value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value), 4);
  // Makes room for the point.
  char* const point = end - 4;
  for (char* digit = --at; digit != point; ++digit) digit[0] = digit[1];
  *point = '.';
  if (value < 0) *--at = '-';
  while (end[-1] == '0' && end[-2] != '.') --end;
  raw(common::TextSpan(at, static_cast<size_t>(end - at)));
}

void Writer::boolean(bool value) {
  raw(common::TextSpan(value ? "true" : "false", value ? 4U : 5U));
}

void Writer::null() { raw(common::text("null")); }

void Writer::raw(common::TextSpan json) {
  char* const at = begin_item(json.size());
  if (at != nullptr && !json.empty()) std::memcpy(at, json.data(), json.size());
  comma_ = true;
}

void Writer::rewind(size_t size, bool first_item) {
  if (size < this->size()) at_ = begin_ + size;
  end_ = limit_;
  full_ = false;
  comma_ = !first_item;
}

}  // namespace json
