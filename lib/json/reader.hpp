#pragma once

#include "common/span.hpp"

namespace json {

/// What Reader::next() met.
enum class Token : uint8_t {
  kObjectBegin,
  kObjectEnd,
  kArrayBegin,
  kArrayEnd,
  kKey,     ///< Member name; text() is its content, still escaped. The colon is consumed.
  kString,  ///< text() is the content between the quotes, still escaped.
  kNumber,  ///< text() is the literal; see json/number.hpp.
  kTrue,
  kFalse,
  kNull,
  kEnd,    ///< The one value of the document is complete and nothing but blanks follows.
  kError,  ///< Not JSON; the reader stays here.
};

/// Pull reader over one JSON text (RFC 8259), strict: escapes, surrogate pairs, UTF-8 and number
/// grammar are checked, and a document is exactly one value. Keeps no copy and uses no heap or
/// recursion.
///
/// Stricter than the grammar in one place: a surrogate escape without its other half is an error,
/// because no UTF-8 text can hold it. Duplicate member names are reported as they come.
///
/// @par Ownership  Borrows the text; it and every span handed out stay valid as long as the text
///                 does.
///
///     json::Reader reader(frame);                        // [2,"19","Reset",{"type":"Soft"}]
///     if (reader.next() != Token::kArrayBegin) return;
///     if (reader.next() != Token::kNumber) return;       // reader.text() is "2"
///     if (reader.next() != Token::kString) return;       // reader.text() is "19"
///     if (reader.next() != Token::kString) return;       // "Reset"
///     const TextSpan payload = reader.capture();         // {"type":"Soft"}, checked to be JSON
///     if (reader.next() != Token::kArrayEnd || reader.next() != Token::kEnd) return;
class Reader {
 public:
  /// Deepest nesting of objects and arrays; one more is an error. At most 32 (one bit per level).
  static constexpr uint8_t kMaxDepth = 16;

  explicit Reader(common::TextSpan text)
      : begin_(text.data()), at_(text.data()), end_(text.data() + text.size()) {}
  /// Goes on inside an array, behind one of its elements: rest begins at a comma or at the end of
  /// the array, which counts as the first level of depth().
  static Reader inside_array(common::TextSpan rest);

  /// Reads the next token. After kEnd or kError it returns the same again.
  Token next();

  /// Inside an object, where a name or the end comes next: where the name of the next member begins,
  /// at least one character; nullptr when next() has to find out. With take_key() much cheaper than
  /// comparing what next() brings.
  const char* key_ahead() const;
  /// Goes behind the next token if it is this member name, without token() and text().
  /// @param ahead  From key_ahead(); nothing was read since.
  /// @param name   Characters that need no escape, size of them.
  /// @return false: nothing was read.
  bool take_key(const char* ahead, const char* name, size_t size);
  /// Where key_ahead() may be asked: reads the next token if it is the end of the object.
  bool take_object_end();
  /// next(), right behind a kKey.
  Token next_value();
  /// Right behind a kKey: reads the next token if it is the begin of an object.
  bool take_object_begin() {
    return at_ != end_ && *at_ == '{' && open(true) == Token::kObjectBegin;
  }
  /// Right behind a kKey: reads the next token if it is a number as nearly all are: short, neither
  /// negative nor with an exponent, followed by something. Others: json/number.hpp.
  /// @param decimals  0..8
  /// @param value     The number times 10 to the power of decimals, exact; at most nine digits.
  /// @return false: nothing was read.
  bool take_number(uint8_t decimals, int32_t& value);
  /// Right behind a kKey: reads the next token if it is this string, without text().
  /// @param content  Characters that need no escape.
  /// @return false: nothing was read.
  bool take_string(const char* content);

  /// Reads the next value whole, nested values included.
  /// @return Its text (a string with its quotes), empty if there is none: token() then tells what
  ///         came instead (kArrayEnd, kObjectEnd, kKey, kEnd, kError).
  common::TextSpan capture();

  /// Reads on to the end of the value whose first token was just read.
  /// @return false on a syntax error.
  bool skip();

  /// The token that was read last.
  Token token() const { return token_; }
  /// Content of the last kKey, kString or kNumber.
  common::TextSpan text() const { return text_; }
  /// True if text() of the last kKey or kString contains backslash escapes.
  bool has_escapes() const { return has_escapes_; }
  /// Characters (code points) of the last kKey or kString, escapes resolved. Counted when asked.
  size_t length() const;
  /// Open objects and arrays.
  uint8_t depth() const { return depth_; }
  /// Bytes consumed; at kError the place of the fault.
  size_t position() const { return static_cast<size_t>(at_ - begin_); }
  /// Where that is in the text.
  const char* here() const { return at_; }

 private:
  enum class Expect : uint8_t { kValue, kValueOrEnd, kKeyOrEnd, kCommaOrEnd, kNothing };

  Token fail() { return token_ = Token::kError; }
  Token finish(Token token);
  Token open(bool object);
  Token close(bool object);
  Token read_number();
  Token read_literal(const char* literal, size_t size, Token token);
  Token read_key();
  bool read_string();
  bool read_escape();
  bool read_hex4(uint32_t& value);
  /// The next character that is no blank, '\0' at the end: no token begins with that.
  char skip_blanks();
  [[gnu::always_inline]] char next_character() {
    return at_ != end_ && *at_ > ' ' ? *at_ : skip_blanks();
  }
  char peek() const { return at_ == end_ ? '\0' : *at_; }
  bool in_object() const { return (object_bits_ & 1U) != 0; }

  const char* begin_;
  const char* at_;
  const char* end_;
  common::TextSpan text_;
  uint32_t object_bits_ = 0;  // one bit per open level, the innermost lowest: set for an object
  uint8_t depth_ = 0;
  Expect expect_ = Expect::kValue;
  Token token_ = Token::kNull;
  bool has_escapes_ = false;
};

// Inlined into the one loop that uses them: calls would cost more than what they do.

[[gnu::always_inline]] inline const char* Reader::key_ahead() const {
  const char* at = at_;
  const char* const end = end_;
  if (expect_ == Expect::kCommaOrEnd) {
    if (at == end || *at != ',') return nullptr;
    ++at;
    if (at != end && *at == ' ') ++at;
  }
  // At least one character behind the quote.
  return end - at < 2 || *at != '"' ? nullptr : at + 1;
}

[[gnu::always_inline]] inline bool Reader::take_key(const char* ahead, const char* name,
                                                    size_t size) {
  const char* const behind = ahead + size;
  if (static_cast<size_t>(end_ - ahead) < size + 2 || behind[0] != '"' || behind[1] != ':' ||
      std::memcmp(ahead, name, size) != 0) {
    return false;
  }
  at_ = behind + 2;
  expect_ = Expect::kValue;
  return true;
}

[[gnu::always_inline]] inline bool Reader::take_object_end() {
  if (at_ == end_ || *at_ != '}') return false;
  ++at_;
  --depth_;
  object_bits_ >>= 1U;
  expect_ = depth_ == 0 ? Expect::kNothing : Expect::kCommaOrEnd;
  token_ = Token::kObjectEnd;
  return true;
}

/// True if text is one JSON value (within Reader::kMaxDepth).
bool is_valid(common::TextSpan text);

}  // namespace json
