#pragma once

#include "common/span.hpp"

namespace gateway {

/// Words of a command line, separated by blanks; `rest` keeps blanks (passwords, URLs).
/// A value between quotation marks, `"Our Net"`, has blanks wherever it likes; a mark inside it stays a mark, unless a
/// blank follows.
class Words {
 public:
  explicit Words(common::TextSpan line) : line_(line) {}

  /// The next word; empty at the end.
  common::TextSpan word() {
    skip_blanks();
    const size_t start = position_;
    while (position_ < line_.size() && line_[position_] != ' ') ++position_;
    return line_.subspan(start, position_ - start);
  }
  /// The next word, or what is between the next quotation marks.
  common::TextSpan value() {
    skip_blanks();
    if (position_ == line_.size() || line_[position_] != '"') return word();
    const size_t start = position_ + 1;
    for (size_t i = start; i < line_.size(); ++i) {
      if (line_[i] != '"' || (i + 1 < line_.size() && line_[i + 1] != ' ')) continue;
      position_ = i + 1;
      return line_.subspan(start, i - start);
    }
    return word();
  }
  /// Everything that is left, without quotation marks around it.
  common::TextSpan rest() {
    skip_blanks();
    const common::TextSpan text = line_.subspan(position_);
    position_ = line_.size();
    const bool is_quoted = text.size() >= 2 && text[0] == '"' && text[text.size() - 1] == '"';
    return is_quoted ? text.subspan(1, text.size() - 2) : text;
  }

 private:
  void skip_blanks() {
    while (position_ < line_.size() && line_[position_] == ' ') ++position_;
  }

  common::TextSpan line_;
  size_t position_ = 0;
};

inline bool is_word(common::TextSpan word, const char* expected) {
  return common::equals_ignore_case(word, common::text(expected));
}

}  // namespace gateway
