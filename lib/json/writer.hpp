#pragma once

#include "common/span.hpp"
#include "common/status.hpp"

namespace json {

/// Writes JSON into a buffer of the caller, commas and escapes included. Nothing is checked but the
/// space: calls must be nested as the grammar wants it. After the first call that does not fit, all
/// further calls do nothing.
///
/// Output is always valid UTF-8: a byte that is not part of a well-formed sequence becomes U+FFFD.
///
/// @par Ownership  Borrows the buffer; text() points into it. No terminating zero is written.
class Writer {
 public:
  explicit Writer(common::Span<char> buffer)
      : begin_(buffer.data()), at_(begin_), end_(begin_ + buffer.size()), limit_(end_) {}

  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }
  /// Member name; plain ASCII without characters that need an escape.
  void key(common::TextSpan name);
  /// key(), inlined: for the one loop that writes nearly all names.
  [[gnu::always_inline]] void inlined_key(common::TextSpan name) {
    const size_t size = name.size();
    char* at = at_;
    if (static_cast<size_t>(end_ - at) < size + 4) {
      key(name);
      return;
    }
    *at = ',';
    at += comma_ ? 1 : 0;
    *at++ = '"';
    std::memcpy(at, name.data(), size);
    at += size;
    at[0] = '"';
    at[1] = ':';
    comma_ = false;
    at_ = at + 2;
  }
  void key(const char* name) { key(common::text(name)); }

  void string(common::TextSpan value);
  void string(const char* value) { string(common::text(value)); }
  /// A string of ASCII without characters that need an escape, such as the name of an enumerator.
  void plain_string(common::TextSpan value);
  /// A string in pieces: begin_string(), append_string() any number of times, end_string(). A
  /// character must not be split between pieces.
  void begin_string();
  void append_string(common::TextSpan piece);
  void end_string() { put('"'); }

  void integer(int64_t value);
  /// value / 1000 with one to three decimals: 16000 is 16.0, 6125 is 6.125.
  void thousandths(int64_t value);
  void boolean(bool value);
  void null();
  /// A value that already is JSON, for instance one that Reader::capture() returned.
  void raw(common::TextSpan json);

  /// @retval kOk       Everything fitted.
  /// @retval kNoSpace  The buffer was too small; text() is not complete JSON.
  common::Status status() const { return full_ ? common::Status::kNoSpace : common::Status::kOk; }
  common::TextSpan text() const { return common::TextSpan(begin_, size()); }
  size_t size() const { return static_cast<size_t>(at_ - begin_); }
  /// Drops everything after the first size bytes and the full mark, to try again with less; size
  /// was returned by size() at a place where a comma is due next (after a value) unless first_item
  /// says otherwise.
  void rewind(size_t size, bool first_item = false);

 private:
  void put(char c);
  void put(common::TextSpan text);
  /// A comma if one is due, then room for size bytes. @return nullptr: no room.
  char* begin_item(size_t size);
  void put_quoted(char* at, common::TextSpan text);
  void put_escaped(char c);
  /// Makes the digits of value in front of end, at least minimum_digits of them.
  static char* digits_before(char* end, uint64_t value, uint8_t minimum_digits);
  void open(char c);
  void close(char c);
  /// Room for size bytes? If not, this and all that follows is dropped.
  bool has_room(size_t size);

  char* begin_;
  char* at_;
  char* end_;  ///< From the first call that did not fit on the same as at_.
  char* limit_;
  bool comma_ = false;
  bool full_ = false;
};

}  // namespace json
