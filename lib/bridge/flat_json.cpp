#include "bridge/flat_json.hpp"

namespace bridge::flat_json {

common::TextSpan member(common::TextSpan text, const char* name) {
  const common::TextSpan wanted = common::text(name);
  for (size_t at = 0; at + wanted.size() + 2 < text.size(); ++at) {
    if (text[at] != '"' || text[at + wanted.size() + 1] != '"' ||
        !common::equals(text.subspan(at + 1, wanted.size()), wanted)) {
      continue;
    }
    size_t begin = at + wanted.size() + 2;
    const auto skip = [&](char c) {
      while (begin < text.size() && text[begin] == c) ++begin;
    };
    skip(' ');
    if (begin >= text.size() || text[begin] != ':') continue;
    ++begin;
    skip(' ');
    const bool is_text = begin < text.size() && text[begin] == '"';
    if (is_text) ++begin;
    size_t end = begin;
    while (end < text.size() && text[end] != '"' &&
           (is_text || (text[end] != ',' && text[end] != '}' && text[end] != ' ' &&
                        text[end] != '\r' && text[end] != '\n'))) {
      ++end;
    }
    return text.subspan(begin, end - begin);
  }
  return {};
}

bool number(common::TextSpan text, const char* name, int64_t& out) {
  const common::TextSpan digits = member(text, name);
  const bool is_negative = !digits.empty() && digits[0] == '-';
  const size_t first = is_negative ? 1 : 0;
  if (digits.size() == first || digits.size() > 15) return false;
  int64_t value = 0;
  for (size_t i = first; i < digits.size(); ++i) {
    if (digits[i] < '0' || digits[i] > '9') return false;
    value = value * 10 + (digits[i] - '0');
  }
  out = is_negative ? -value : value;
  return true;
}

bool number(common::TextSpan text, const char* name, int32_t& out) {
  int64_t value = 0;
  if (!number(text, name, value) || value < INT32_MIN || value > INT32_MAX) return false;
  out = static_cast<int32_t>(value);
  return true;
}

}  // namespace bridge::flat_json
