#include "bridge/rapi_line.hpp"

namespace bridge {
namespace {

constexpr char kDigits[] = "0123456789ABCDEF";

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

RapiLine::Text RapiLine::encode(common::TextSpan words) {
  Text line("$");
  (void)line.append(words);
  uint8_t sum = 0;
  for (const char c : line.span()) sum = static_cast<uint8_t>(sum ^ static_cast<uint8_t>(c));
  const char tail[] = {'^', kDigits[sum >> 4U], kDigits[sum & 15U], '\r'};
  (void)line.append(common::TextSpan(tail, sizeof tail));
  return line;
}

bool RapiLine::on_byte(uint8_t byte) {
  if (byte == '$') {
    // A line that was cut off by the next one.
    if (is_in_line_ && size_ > 0) ++bad_lines_;
    is_in_line_ = true;
    size_ = 0;
    return false;
  }
  if (!is_in_line_) return false;
  if (byte == '\r') {
    is_in_line_ = false;
    const bool is_good = finish();
    if (!is_good) ++bad_lines_;
    return is_good;
  }
  if (size_ == kMaxBytes) {
    is_in_line_ = false;
    ++bad_lines_;
    return false;
  }
  text_[size_++] = static_cast<char>(byte);
  return false;
}

bool RapiLine::finish() {
  words_ = 0;
  if (size_ < 3 || text_[size_ - 3] != '^') return false;
  const int high = hex_value(text_[size_ - 2]);
  const int low = hex_value(text_[size_ - 1]);
  size_ -= 3;
  uint8_t sum = '$';
  for (size_t i = 0; i < size_; ++i)
    sum = static_cast<uint8_t>(sum ^ static_cast<uint8_t>(text_[i]));
  if (high < 0 || low < 0 || sum != high * 16 + low) return false;
  size_t at = 0;
  while (at < size_ && words_ < kMaxWords) {
    size_t end = at;
    while (end < size_ && text_[end] != ' ') ++end;
    if (end > at) {
      start_[words_] = static_cast<uint8_t>(at);
      length_[words_] = static_cast<uint8_t>(end - at);
      ++words_;
    }
    at = end + 1;
  }
  return words_ > 0;
}

common::TextSpan RapiLine::word(size_t index) const {
  if (index >= words_) return {};
  return common::TextSpan(text_ + start_[index], length_[index]);
}

bool RapiLine::is(size_t index, const char* text) const {
  return common::equals(word(index), common::text(text));
}

bool RapiLine::decimal(size_t index, int32_t& out) const {
  const common::TextSpan digits = word(index);
  const bool is_negative = !digits.empty() && digits[0] == '-';
  int64_t value = 0;
  const size_t first = is_negative ? 1 : 0;
  if (digits.size() == first || digits.size() > 11) return false;
  for (size_t i = first; i < digits.size(); ++i) {
    if (digits[i] < '0' || digits[i] > '9') return false;
    value = value * 10 + (digits[i] - '0');
  }
  if (is_negative) value = -value;
  if (value < INT32_MIN || value > INT32_MAX) return false;
  out = static_cast<int32_t>(value);
  return true;
}

bool RapiLine::hex(size_t index, uint32_t& out) const {
  const common::TextSpan digits = word(index);
  if (digits.empty() || digits.size() > 8) return false;
  uint32_t value = 0;
  for (const char c : digits) {
    const int digit = hex_value(c);
    if (digit < 0) return false;
    value = value << 4U | static_cast<uint32_t>(digit);
  }
  out = value;
  return true;
}

}  // namespace bridge
