#include "ocpp_messages/runtime/text.hpp"

#include "json/utf8.hpp"

namespace ocpp_messages {

Text Text::from_json(common::TextSpan content, bool has_escapes) {
  return Text(content, has_escapes ? Form::kEscaped : Form::kText);
}

common::Status Text::copy_to_string(void* fixed_string, size_t capacity) const {
  if (!is_escaped()) return common::fixed_string::assign(fixed_string, capacity, content_);
  if (size() > capacity) return common::Status::kNoSpace;
  (void)common::fixed_string::assign(fixed_string, capacity, common::TextSpan());
  json::StringCursor pieces = cursor();
  for (common::TextSpan piece = pieces.next(); !piece.empty(); piece = pieces.next())
    (void)common::fixed_string::append(fixed_string, capacity, piece);
  return common::Status::kOk;
}

size_t Text::length() const {
  size_t count = 0;
  json::StringCursor pieces = cursor();
  for (common::TextSpan piece = pieces.next(); !piece.empty(); piece = pieces.next()) {
    count += json::code_points(piece);
  }
  return count;
}

size_t Text::size() const {
  if (!is_escaped()) return content_.size();
  size_t count = 0;
  json::StringCursor pieces = cursor();
  for (common::TextSpan piece = pieces.next(); !piece.empty(); piece = pieces.next())
    count += piece.size();
  return count;
}

bool Text::matches(common::TextSpan other, bool ignore_case) const {
  if (!is_escaped()) {
    return ignore_case ? common::equals_ignore_case(content_, other)
                       : common::equals(content_, other);
  }
  json::StringCursor pieces = cursor();
  for (common::TextSpan piece = pieces.next(); !piece.empty(); piece = pieces.next()) {
    const common::TextSpan part = other.first(piece.size());
    if (!(ignore_case ? common::equals_ignore_case(piece, part) : common::equals(piece, part)))
      return false;
    other = other.subspan(piece.size());
  }
  return other.empty();
}

bool Text::equals(common::TextSpan other) const { return matches(other, false); }

bool Text::equals_ignore_case(common::TextSpan other) const { return matches(other, true); }

common::Result<size_t> Text::copy_to(common::Span<char> out) const {
  size_t used = 0;
  json::StringCursor pieces = cursor();
  for (common::TextSpan piece = pieces.next(); !piece.empty(); piece = pieces.next()) {
    if (piece.size() > out.size() - used) return common::Status::kNoSpace;
    std::memcpy(out.data() + used, piece.data(), piece.size());
    used += piece.size();
  }
  return used;
}

void Text::write_checked(json::Writer& writer) const {
  writer.begin_string();
  json::StringCursor pieces = cursor();
  for (common::TextSpan piece = pieces.next(); !piece.empty(); piece = pieces.next())
    writer.append_string(piece);
  writer.end_string();
}

}  // namespace ocpp_messages
