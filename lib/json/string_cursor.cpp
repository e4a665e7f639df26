#include "json/string_cursor.hpp"

#include "json/utf8.hpp"

namespace json {

namespace {

constexpr uint32_t kReplacement = 0xFFFD;

/// Resolves the escape at the start of text (a backslash); size is what it takes in the text.
uint32_t resolve(common::TextSpan text, size_t& size) {
  size = text.size() < 2 ? text.size() : 2;
  if (size < 2) return kReplacement;
  switch (text.data()[1]) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'u':
      break;
    default:
      return static_cast<uint8_t>(text.data()[1]);
  }
  size = text.size() < 6 ? text.size() : 6;
  const uint32_t high = hex4(text.subspan(2));
  if (high == kNoHex) return kReplacement;
  if (high < 0xD800 || high > 0xDFFF) return high;
  const uint32_t low = hex4(text.subspan(8));
  if (high > 0xDBFF || low < 0xDC00 || low > 0xDFFF) return kReplacement;
  size = 12;
  return 0x10000 + ((high - 0xD800) << 10U) + (low - 0xDC00);
}

}  // namespace

common::TextSpan StringCursor::next() {
  if (rest_.empty()) return rest_;
  size_t plain = rest_.size();
  if (escaped_) {
    const void* backslash = std::memchr(rest_.data(), '\\', rest_.size());
    if (backslash != nullptr)
      plain = static_cast<size_t>(static_cast<const char*>(backslash) - rest_.data());
  }
  if (plain > 0) {
    const common::TextSpan piece = rest_.first(plain);
    rest_ = rest_.subspan(plain);
    return piece;
  }
  size_t size = 0;
  const uint32_t code_point = resolve(rest_, size);
  rest_ = rest_.subspan(size);
  return common::TextSpan(resolved_, encode_utf8(code_point, resolved_));
}

common::Result<size_t> unescape(common::TextSpan escaped, common::Span<char> out) {
  StringCursor cursor(escaped, true);
  size_t used = 0;
  for (common::TextSpan piece = cursor.next(); !piece.empty(); piece = cursor.next()) {
    if (piece.size() > out.size() - used) return common::Status::kNoSpace;
    std::memcpy(out.data() + used, piece.data(), piece.size());
    used += piece.size();
  }
  return used;
}

}  // namespace json
