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
  explicit Writer(common::Span<char> buffer) : buffer_(buffer) {}

  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }
  /// Member name; plain ASCII without characters that need an escape.
  void key(common::TextSpan name);
  void key(const char* name) { key(common::text(name)); }

  void string(common::TextSpan value);
  void string(const char* value) { string(common::text(value)); }
  /// A string of ASCII without characters that need an escape, such as the name of an enumerator.
  void plain_string(common::TextSpan value);
  /// A string in pieces: begin_string(), append_string() any number of times, end_string(). A
  /// character must not be split between pieces.
  void begin_string();
  void append_string(common::TextSpan piece);
  void end_string();

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
  common::TextSpan text() const { return common::TextSpan(buffer_.data(), size_); }
  size_t size() const { return size_; }
  /// Drops everything after the first size bytes and the full mark, to try again with less; size
  /// was returned by size() at a place where a comma is due next (after a value) unless first_item
  /// says otherwise.
  void rewind(size_t size, bool first_item = false);

 private:
  void put(char c);
  void put(common::TextSpan text);
  void put_escaped(char c);
  void put_unsigned(uint64_t value, uint8_t minimum_digits);
  void before_value();
  void open(char c);
  void close(char c);

  common::Span<char> buffer_;
  size_t size_ = 0;
  bool comma_ = false;
  bool full_ = false;
};

}  // namespace json
