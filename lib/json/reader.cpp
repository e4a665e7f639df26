#include "json/reader.hpp"

#include "json/utf8.hpp"

namespace json {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

void Reader::skip_blanks() {
  while (position_ < input_.size()) {
    const char c = input_[position_];
    if (c > ' ' || (c != ' ' && c != '\t' && c != '\n' && c != '\r')) return;
    ++position_;
  }
}

Token Reader::next() {
  if (token_ == Token::kError || token_ == Token::kEnd) return token_;
  skip_blanks();
  if (position_ == input_.size()) {
    return expect_ == Expect::kNothing ? token_ = Token::kEnd : fail();
  }
  char c = input_[position_];
  if (expect_ == Expect::kCommaOrEnd && c == ',') {
    expect_ = in_object() ? Expect::kKey : Expect::kValue;
    ++position_;
    skip_blanks();
    if (position_ == input_.size()) return fail();
    c = input_[position_];
  }
  switch (expect_) {
    case Expect::kValue:
      return read_value(c);
    case Expect::kValueOrEnd:
      return c == ']' ? close(false) : read_value(c);
    case Expect::kKey:
      return read_key();
    case Expect::kKeyOrEnd:
      return c == '}' ? close(true) : read_key();
    case Expect::kCommaOrEnd:
      return c == '}' || c == ']' ? close(c == '}') : fail();
    case Expect::kNothing:
      return fail();
  }
  return fail();
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
      return read_literal("true", Token::kTrue);
    case 'f':
      return read_literal("false", Token::kFalse);
    case 'n':
      return read_literal("null", Token::kNull);
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
  ++position_;
  object_bits_ = (object_bits_ << 1U) | (object ? 1U : 0U);
  expect_ = object ? Expect::kKeyOrEnd : Expect::kValueOrEnd;
  return token_ = object ? Token::kObjectBegin : Token::kArrayBegin;
}

Token Reader::close(bool object) {
  if (in_object() != object) return fail();
  ++position_;
  --depth_;
  object_bits_ >>= 1U;
  return finish(object ? Token::kObjectEnd : Token::kArrayEnd);
}

Token Reader::read_literal(const char* literal, Token token) {
  const common::TextSpan expected = common::text(literal);
  if (!common::equals(input_.subspan(position_, expected.size()), expected)) return fail();
  position_ += expected.size();
  return finish(token);
}

Token Reader::read_number() {
  const size_t start = position_;
  if (at('-')) ++position_;
  if (at('0')) {
    ++position_;
  } else if (!skip_digits()) {
    return fail();
  }
  if (at('.')) {
    ++position_;
    if (!skip_digits()) return fail();
  }
  if (at('e') || at('E')) {
    ++position_;
    if (at('+') || at('-')) ++position_;
    if (!skip_digits()) return fail();
  }
  text_ = input_.subspan(start, position_ - start);
  return finish(Token::kNumber);
}

bool Reader::skip_digits() {
  const size_t start = position_;
  while (position_ < input_.size() && is_digit(input_[position_])) ++position_;
  return position_ != start;
}

Token Reader::read_key() {
  if (input_[position_] != '"' || !read_string()) return fail();
  skip_blanks();
  if (position_ == input_.size() || input_[position_] != ':') return fail();
  ++position_;
  expect_ = Expect::kValue;
  return token_ = Token::kKey;
}

bool Reader::read_string() {
  const size_t start = ++position_;
  has_escapes_ = false;
  length_ = 0;
  while (true) {
    skip_plain();
    if (position_ == input_.size()) return false;
    const char c = input_[position_];
    if (c == '"') {
      text_ = input_.subspan(start, position_ - start);
      ++position_;
      return true;
    }
    if (c == '\\') {
      if (!read_escape()) return false;
    } else {
      // A control character, or the start of a sequence that skip_plain() left to us.
      uint32_t code_point = 0;
      const size_t size = decode_utf8(input_.subspan(position_), code_point);
      if (size == 0 || code_point < 0x20) return false;
      position_ += size;
    }
    ++length_;
  }
}

void Reader::skip_plain() {
  const char* const begin = input_.data() + position_;
  const char* const end = input_.data() + input_.size();
  const char* at = begin;
  // One comparison covers both control characters and bytes of longer sequences.
  while (at != end && static_cast<uint8_t>(*at - 0x20) < 0x60 && *at != '"' && *at != '\\') ++at;
  const auto count = static_cast<size_t>(at - begin);
  length_ += count;
  position_ += count;
}

bool Reader::read_escape() {
  has_escapes_ = true;
  ++position_;
  if (position_ == input_.size()) return false;
  switch (input_[position_++]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
      return true;
    case 'u':
      break;
    default:
      return false;
  }
  uint32_t unit = 0;
  if (!read_hex4(unit)) return false;
  if (unit < 0xD800 || unit > 0xDFFF) return true;
  if (unit > 0xDBFF || !common::equals(input_.subspan(position_, 2), common::text("\\u")))
    return false;
  position_ += 2;
  return read_hex4(unit) && unit >= 0xDC00 && unit <= 0xDFFF;
}

bool Reader::read_hex4(uint32_t& value) {
  value = 0;
  for (int i = 0; i < 4; ++i, ++position_) {
    if (position_ == input_.size()) return false;
    const char c = common::ascii_lower(input_[position_]);
    if (is_digit(c)) {
      value = value * 16 + static_cast<uint32_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      value = value * 16 + static_cast<uint32_t>(c - 'a') + 10;
    } else {
      return false;
    }
  }
  return true;
}

common::TextSpan Reader::capture() {
  next();
  size_t start = position_;
  switch (token_) {
    case Token::kObjectBegin:
    case Token::kArrayBegin:
      start -= 1;
      break;
    case Token::kString:
      start -= text_.size() + 2;
      break;
    case Token::kNumber:
      start -= text_.size();
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
  return input_.subspan(start, position_ - start);
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

bool is_valid(common::TextSpan text) {
  Reader reader(text);
  while (reader.next() < Token::kEnd) {
  }
  return reader.token() == Token::kEnd;
}

}  // namespace json
