#pragma once

#include "common/fixed_string.hpp"
#include "common/span.hpp"
#include "common/status.hpp"
#include "json/string_cursor.hpp"
#include "json/writer.hpp"

namespace ocpp_messages {

namespace runtime {
class Decoder;
}

/// A string that is not stored in the message: either plain UTF-8 of the caller, or a string inside
/// a JSON text that was decoded (then escapes are resolved on the way out).
///
/// @par Ownership  Borrows; the text it was made from must outlive it.
class Text {
  enum class Form : uint8_t { kText, kEscaped, kPlainAscii };

 public:
  Text() = default;
  Text(common::TextSpan plain) : content_(plain) {}  // NOLINT: implicit by design
  Text(const char* zero_terminated)
      : content_(common::text(zero_terminated)) {}  // NOLINT: implicit by design
  template <size_t N>
  Text(const common::FixedString<N>& plain)
      : content_(plain.span()) {}  // NOLINT: implicit by design

  /// @param content      What stands between the quotes.
  /// @param has_escapes  See json::Reader::has_escapes().
  static Text from_json(common::TextSpan content, bool has_escapes);
  /// ASCII without characters that need an escape in JSON, such as a number or a name of ours: is
  /// written without looking at it.
  static Text plain_ascii(common::TextSpan content) { return Text(content, Form::kPlainAscii); }

  bool empty() const { return content_.empty(); }
  /// Characters (code points).
  size_t length() const;
  /// Bytes of UTF-8 with all escapes resolved.
  size_t size() const;
  /// size() or more, without resolving anything: no escape is shorter than what it stands for.
  size_t most_size() const { return content_.size(); }
  bool equals(common::TextSpan other) const;
  bool equals_ignore_case(common::TextSpan other) const;

  /// @retval kNoSpace  Longer than N bytes; out unchanged.
  template <size_t N>
  common::Status copy_to(common::FixedString<N>& out) const {
    return copy_to_string(&out, N);
  }
  /// @return Bytes written, or kNoSpace.
  common::Result<size_t> copy_to(common::Span<char> out) const;

  /// Goes through the content piece by piece, for hashing, storing or parsing without a buffer.
  json::StringCursor cursor() const { return json::StringCursor(content_, is_escaped()); }
  /// The whole content, only if no escape has to be resolved; else empty.
  common::TextSpan plain() const { return is_escaped() ? common::TextSpan() : content_; }
  /// Writes the content as a JSON string.
  void write_to(json::Writer& writer) const {
    if (form_ == Form::kPlainAscii) {
      writer.plain_string(content_);
    } else {
      write_checked(writer);
    }
  }

 private:
  friend class runtime::Decoder;
  Text(common::TextSpan content, Form form) : content_(content), form_(form) {}
  common::Status copy_to_string(void* fixed_string, size_t capacity) const;
  bool matches(common::TextSpan other, bool ignore_case) const;

  void write_checked(json::Writer& writer) const;

  bool is_escaped() const { return form_ == Form::kEscaped; }

  common::TextSpan content_;
  Form form_ = Form::kText;
};

}  // namespace ocpp_messages
