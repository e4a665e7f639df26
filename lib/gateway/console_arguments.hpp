#pragma once

#include "gateway/console.hpp"

namespace gateway {

/// Words of a command line, separated by blanks; `rest` keeps blanks (passwords, URLs).
class Console::Arguments {
 public:
  explicit Arguments(common::TextSpan line) : line_(line) {}

  /// The next word; empty at the end.
  common::TextSpan word() {
    skip_blanks();
    const size_t start = position_;
    while (position_ < line_.size() && line_[position_] != ' ') ++position_;
    return line_.subspan(start, position_ - start);
  }
  common::TextSpan rest() {
    skip_blanks();
    const common::TextSpan text = line_.subspan(position_);
    position_ = line_.size();
    return text;
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
