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
  if (expect_ == Expect::kValue) return next_value();
  const char c = next_character();
  switch (expect_) {
    case Expect::kCommaOrEnd:
      if (c == '}' || c == ']') return close(c == '}');
      if (c != ',') return fail();
      ++at_;
      return in_object() ? read_key() : next_value();
    case Expect::kKeyOrEnd:
      return c == '}' ? close(true) : read_key();
    case Expect::kNothing:
      return at_ == end_ ? token_ = Token::kEnd : fail();
    case Expect::kValueOrEnd:
      if (c == ']') return close(false);
      break;
    case Expect::kValue:
      break;
  }
  return next_value();
}

Token Reader::next_value() {
  switch (next_character()) {
    case '"':
      return read_string() ? finish(Token::kString) : fail();
    case '{':
      return open(true);
    case '[':
      return open(false);
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

bool Reader::take_string(const char* content) {
  const char* at = at_;
  if (at == end_ || *at != '"') return false;
  for (const char* const end = end_; ++at != end;) {
    const char c = *content++;
    if (c == '\0') break;
    if (*at != c) return false;
  }
  if (at == end_ || *at != '"') return false;
  at_ = at + 1;
  (void)finish(Token::kString);
  return true;
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

bool Reader::take_number(uint8_t decimals, int32_t& value) {
  const char* const first = at_;
  const char* const end = end_;
  const char* point = nullptr;
  const char* at = first;
  uint32_t number = 0;
  for (; at != end; ++at) {
    const uint32_t digit = static_cast<uint8_t>(*at - '0');
    if (digit <= 9) {
      number = number * 10 + digit;
    } else if (*at == '.' && point == nullptr) {
      point = at;
    } else {
      break;
    }
  }
  if (at == end || common::ascii_lower(*at) == 'e') return false;
  const char* const behind_whole = point == nullptr ? at : point;
  const char* behind_fraction = point == nullptr ? at : point + 1;
  const auto whole = static_cast<size_t>(behind_whole - first);
  if (whole == 0 || whole + decimals > 9 || (whole > 1 && *first == '0') || at[-1] == '.')
    return false;
  for (; decimals > 0; --decimals) {
    if (behind_fraction == at) {
      number *= 10;
    } else {
      ++behind_fraction;
    }
  }
  if (behind_fraction != at) return false;
  value = static_cast<int32_t>(number);
  at_ = at;
  (void)finish(Token::kNumber);
  return true;
}

Token Reader::read_key() {
  if (skip_blanks() != '"' || !read_string() || skip_blanks() != ':') return fail();
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
