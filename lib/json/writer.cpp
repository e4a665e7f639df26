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
  if (full_ || size_ == buffer_.size()) {
    full_ = true;
    return;
  }
  buffer_[size_++] = c;
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
  before_value();
  put('"');
  put(name);
  put('"');
  put(':');
  comma_ = false;
}

void Writer::string(common::TextSpan value) {
  begin_string();
  append_string(value);
  end_string();
}

void Writer::begin_string() {
  before_value();
  put('"');
}

void Writer::end_string() { put('"'); }

void Writer::append_string(common::TextSpan piece) {
  while (!piece.empty()) {
    size_t plain = 0;
    while (plain < piece.size()) {
      const char c = piece[plain];
      if (static_cast<uint8_t>(c) < 0x20 || c == '"' || c == '\\') break;
      size_t step = 1;
      if (static_cast<uint8_t>(c) >= 0x80) {
        uint32_t code_point = 0;
        step = decode_utf8(piece.subspan(plain), code_point);
        if (step == 0) break;
      }
      plain += step;
    }
    put(piece.first(plain));
    piece = piece.subspan(plain);
    if (piece.empty()) return;
    const char c = piece[0];
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
    piece = piece.subspan(1);
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
