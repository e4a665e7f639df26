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

constexpr char kReplacement[] = "\xEF\xBF\xBD";

}  // namespace

void Writer::put(char c) {
  if (size_ == buffer_.size()) full_ = true;
  if (!full_) buffer_[size_++] = c;
}

void Writer::put(common::TextSpan text) {
  if (full_ || text.size() > buffer_.size() - size_) {
    full_ = true;
    return;
  }
  if (!text.empty()) std::memcpy(buffer_.data() + size_, text.data(), text.size());
  size_ += text.size();
}

void Writer::before_value() {
  if (comma_) put(',');
  comma_ = true;
}

void Writer::open(char c) {
  before_value();
  put(c);
  comma_ = false;
}

void Writer::close(char c) {
  put(c);
  comma_ = true;
}

void Writer::key(common::TextSpan name) {
  plain_string(name);
  put(':');
  comma_ = false;
}

void Writer::string(common::TextSpan value) {
  begin_string();
  append_string(value);
  end_string();
}

void Writer::plain_string(common::TextSpan value) {
  before_value();
  put('"');
  put(value);
  put('"');
}

void Writer::begin_string() {
  before_value();
  put('"');
}

void Writer::end_string() { put('"'); }

void Writer::append_string(common::TextSpan piece) {
  const char* at = piece.data();
  const char* const end = at + piece.size();
  while (at != end) {
    const char* const begin = at;
    size_t size = 1;
    for (; at != end && size != 0; at += size) {
      if (static_cast<uint8_t>(*at - 0x20) < 0x60) {
        if (*at == '"' || *at == '\\') break;
        size = 1;
      } else {
        if (static_cast<uint8_t>(*at) < 0x20) break;
        uint32_t code_point = 0;
        size = decode_utf8(common::TextSpan(at, static_cast<size_t>(end - at)), code_point);
      }
    }
    put(common::TextSpan(begin, static_cast<size_t>(at - begin)));
    if (at != end) put_escaped(*at++);
  }
}

void Writer::put_escaped(char c) {
  if (const char letter = short_escape(c); letter != '\0') {
    put('\\');
    put(letter);
  } else if (static_cast<uint8_t>(c) < 0x20) {
    constexpr char kHex[] = "0123456789abcdef";
    put(common::text("\\u00"));
    put(kHex[static_cast<uint8_t>(c) >> 4U]);
    put(kHex[static_cast<uint8_t>(c) & 0x0FU]);
  } else {
    put(common::text(kReplacement));
  }
}

void Writer::put_unsigned(uint64_t value, uint8_t minimum_digits) {
  char digits[20];
  uint8_t count = 0;
  while (value != 0 || count < minimum_digits) {
    digits[count++] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  while (count > 0) put(digits[--count]);
}

void Writer::integer(int64_t value) {
  before_value();
  if (value < 0) put('-');
  put_unsigned(value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value), 1);
}

void Writer::thousandths(int64_t value) {
  before_value();
  if (value < 0) put('-');
  const uint64_t magnitude =
      value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  put_unsigned(magnitude / 1000, 1);
  put('.');
  uint64_t fraction = magnitude % 1000;
  uint8_t decimals = 3;
  while (decimals > 1 && fraction % 10 == 0) {
    fraction /= 10;
    --decimals;
  }
  put_unsigned(fraction, decimals);
}

void Writer::boolean(bool value) {
  before_value();
  put(common::text(value ? "true" : "false"));
}

void Writer::null() {
  before_value();
  put(common::text("null"));
}

void Writer::raw(common::TextSpan json) {
  before_value();
  put(json);
}

void Writer::rewind(size_t size, bool first_item) {
  if (size < size_) size_ = size;
  full_ = false;
  comma_ = !first_item;
}

}  // namespace json
