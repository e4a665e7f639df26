#include "json/reader.hpp"

#include "json/string_cursor.hpp"
#include "json/utf8.hpp"

namespace json {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

Reader Reader::inside_array(common::TextSpan rest) {
  Reader reader(rest);
  reader.depth_ = 1;
  reader.expect_ = Expect::kCommaOrEnd;
  return reader;
}

char Reader::skip_blanks() {
  for (; at_ != end_; ++at_) {
    const char c = *at_;
    if (c > ' ' || (c != ' ' && c != '\t' && c != '\n' && c != '\r')) return c;
  }
  return '\0';
}

Token Reader::next() {
  if (token_ >= Token::kEnd) return token_;
  char c = at_ != end_ && *at_ > ' ' ? *at_ : skip_blanks();
  if (expect_ == Expect::kCommaOrEnd) {
    if (c == '}' || c == ']') return close(c == '}');
    if (c != ',') return fail();
    ++at_;
    c = skip_blanks();
    expect_ = in_object() ? Expect::kKey : Expect::kValue;
  }
  switch (expect_) {
    case Expect::kValueOrEnd:
      if (c == ']') return close(false);
      break;
    case Expect::kValue:
      break;
    case Expect::kKeyOrEnd:
      if (c == '}') return close(true);
      return read_key(c);
    case Expect::kKey:
      return read_key(c);
    case Expect::kCommaOrEnd:
    case Expect::kNothing:
      return at_ == end_ ? token_ = Token::kEnd : fail();
  }
  return read_value(c);
}

Token Reader::read_value(char first) {
  switch (first) {
    case '{':
      return open(true);
    case '[':
      return open(false);
    case '"':
      return read_string() ? finish(Token::kString) : fail();
    case 't':
      return read_literal("true", 4, Token::kTrue);
    case 'f':
      return read_literal("false", 5, Token::kFalse);
    case 'n':
      return read_literal("null", 4, Token::kNull);
    default:
      return read_number();
  }
}

Token Reader::finish(Token token) {
  expect_ = depth_ == 0 ? Expect::kNothing : Expect::kCommaOrEnd;
  return token_ = token;
}

Token Reader::open(bool object) {
  static_assert(kMaxDepth <= 32, "one bit per level");
  if (depth_ == kMaxDepth) return fail();
  ++depth_;
  ++at_;
  object_bits_ = (object_bits_ << 1U) | (object ? 1U : 0U);
  expect_ = object ? Expect::kKeyOrEnd : Expect::kValueOrEnd;
  return token_ = object ? Token::kObjectBegin : Token::kArrayBegin;
}

Token Reader::close(bool object) {
  if (in_object() != object) return fail();
  ++at_;
  --depth_;
  object_bits_ >>= 1U;
  return finish(object ? Token::kObjectEnd : Token::kArrayEnd);
}

Token Reader::read_literal(const char* literal, size_t size, Token token) {
  if (static_cast<size_t>(end_ - at_) < size || std::memcmp(at_, literal, size) != 0) return fail();
  at_ += size;
  return finish(token);
}

Token Reader::read_number() {
  const char* at = at_;
  const char* const end = end_;
  const char* const start = at;
  if (at != end && *at == '-') ++at;
  const char* const first = at;
  while (at != end && is_digit(*at)) ++at;
  if (at == first) return fail();
  // The number ends behind a leading zero; what follows is then at fault.
  if (*first == '0') at = first + 1;
  if (at != end && *at == '.') {
    const char* const fraction = ++at;
    while (at != end && is_digit(*at)) ++at;
    if (at == fraction) return fail();
  }
  if (at != end && common::ascii_lower(*at) == 'e') {
    ++at;
    if (at != end && (*at == '+' || *at == '-')) ++at;
    const char* const exponent = at;
    while (at != end && is_digit(*at)) ++at;
    if (at == exponent) return fail();
  }
  text_ = common::TextSpan(start, static_cast<size_t>(at - start));
  at_ = at;
  return finish(Token::kNumber);
}

Token Reader::read_key(char first) {
  if (first != '"' || !read_string() || skip_blanks() != ':') return fail();
  ++at_;
  expect_ = Expect::kValue;
  return token_ = Token::kKey;
}

bool Reader::read_string() {
  const char* const start = ++at_;
  has_escapes_ = false;
  while (true) {
    at_ = skip_plain(at_, end_);
    if (at_ == end_) return false;
    if (*at_ == '"') break;
    if (*at_ == '\\') {
      if (!read_escape()) return false;
    } else {
      // A control character, or the start of a sequence.
      uint32_t code_point = 0;
      const common::TextSpan rest(at_, static_cast<size_t>(end_ - at_));
      const size_t size = decode_utf8(rest, code_point);
      if (size < 2) return false;
      at_ += size;
    }
  }
  text_ = common::TextSpan(start, static_cast<size_t>(at_ - start));
  ++at_;
  return true;
}

bool Reader::read_escape() {
  has_escapes_ = true;
  ++at_;
  const char letter = peek();
  // memchr and not strchr: a NUL byte is no escape.
  if (at_ == end_ || std::memchr("\"\\/bfnrtu", letter, 9) == nullptr) return false;
  ++at_;
  if (letter != 'u') return true;
  uint32_t unit = 0;
  if (!read_hex4(unit)) return false;
  if (unit < 0xD800 || unit > 0xDFFF) return true;
  if (unit > 0xDBFF || end_ - at_ < 2 || at_[0] != '\\' || at_[1] != 'u') return false;
  at_ += 2;
  return read_hex4(unit) && unit >= 0xDC00 && unit <= 0xDFFF;
}

bool Reader::read_hex4(uint32_t& value) {
  value = hex4(common::TextSpan(at_, static_cast<size_t>(end_ - at_)));
  if (value == kNoHex) return false;
  at_ += 4;
  return true;
}

common::TextSpan Reader::capture() {
  next();
  const char* start = at_;
  switch (token_) {
    case Token::kObjectBegin:
    case Token::kArrayBegin:
      start -= 1;
      break;
    case Token::kString:
      start = text_.data() - 1;
      break;
    case Token::kNumber:
      start = text_.data();
      break;
    case Token::kTrue:
    case Token::kNull:
      start -= 4;
      break;
    case Token::kFalse:
      start -= 5;
      break;
    case Token::kObjectEnd:
    case Token::kArrayEnd:
    case Token::kKey:
    case Token::kEnd:
    case Token::kError:
      return common::TextSpan();
  }
  if (!skip()) return common::TextSpan();
  return common::TextSpan(start, static_cast<size_t>(at_ - start));
}

bool Reader::skip() {
  if (token_ == Token::kObjectBegin || token_ == Token::kArrayBegin) {
    const uint8_t outside = static_cast<uint8_t>(depth_ - 1);
    while (depth_ > outside) {
      if (next() == Token::kError) return false;
    }
  }
  return token_ != Token::kError;
}

size_t Reader::length() const {
  size_t count = 0;
  StringCursor pieces(text_, has_escapes_);
  for (common::TextSpan piece = pieces.next(); !piece.empty(); piece = pieces.next())
    count += code_points(piece);
  return count;
}

bool is_valid(common::TextSpan text) {
  Reader reader(text);
  while (reader.next() < Token::kEnd) {
  }
  return reader.token() == Token::kEnd;
}

}  // namespace json
