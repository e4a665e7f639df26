#pragma once

#include "common/span.hpp"
#include "common/status.hpp"

namespace json {

/// Walks through the content of a string in pieces of plain UTF-8, resolving backslash escapes on
/// the way, without a buffer.
///
/// @par Ownership  Borrows the text. A piece stays valid until the next call (an escape is resolved
///                 into the cursor itself).
class StringCursor {
 public:
  /// @param text     Content of a string without its quotes.
  /// @param escaped  True for text as it stands in JSON (Reader::text()); false for plain text,
  ///                 which is one piece.
  StringCursor(common::TextSpan text, bool escaped) : rest_(text), escaped_(escaped) {}

  /// The next piece, empty at the end. A faulty escape (not possible in text that Reader accepted)
  /// yields U+FFFD.
  common::TextSpan next();

 private:
  common::TextSpan rest_;
  char resolved_[4] = {};
  bool escaped_;
};

/// Resolves the escapes of Reader::text() into out.
/// @return Bytes written, or kNoSpace if out is too small.
common::Result<size_t> unescape(common::TextSpan escaped, common::Span<char> out);

}  // namespace json
