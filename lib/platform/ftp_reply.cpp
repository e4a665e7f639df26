#include "platform/ftp_reply.hpp"

namespace platform {

using common::TextSpan;

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Takes digits from the front. @return False: none, or more than `largest`.
bool take_number(TextSpan& text, uint32_t largest, uint32_t& out) {
  uint64_t number = 0;
  size_t count = 0;
  for (; count < text.size() && is_digit(text[count]); ++count) {
    number = number * 10 + static_cast<uint32_t>(text[count] - '0');
    if (number > largest) return false;
  }
  text = text.subspan(count);
  out = static_cast<uint32_t>(number);
  return count > 0;
}

}  // namespace

void FtpReply::clear() {
  size_ = bytes_ = 0;
  code_ = 0;
  state_ = State::kReading;
}

size_t FtpReply::feed(common::ByteSpan bytes) {
  size_t taken = 0;
  while (taken < bytes.size() && state_ == State::kReading) {
    const char c = static_cast<char>(bytes[taken++]);
    if (++bytes_ > kMaxReplyBytes) {
      state_ = State::kMalformed;
    } else if (c == '\n') {
      if (size_ > 0 && line_[size_ - 1] == '\r') --size_;
      state_ = on_line();
      if (state_ == State::kReading) size_ = 0;
    } else if (size_ < sizeof line_) {
      line_[size_++] = c;
    }
  }
  return taken;
}

FtpReply::State FtpReply::on_line() {
  const TextSpan line(line_, size_);
  uint16_t code = 0;
  const bool has_code =
      line.size() >= 3 && is_digit(line[0]) && is_digit(line[1]) && is_digit(line[2]);
  if (has_code)
    code = static_cast<uint16_t>((line[0] - '0') * 100 + (line[1] - '0') * 10 + line[2] - '0');
  const bool is_last = has_code && (line.size() == 3 || line[3] == ' ');
  if (code_ == 0) {
    if (!has_code || code < 100 || code > 599 || (!is_last && line[3] != '-'))
      return State::kMalformed;
    code_ = code;
    return is_last ? State::kDone : State::kReading;
  }
  return is_last && code == code_ ? State::kDone : State::kReading;
}

uint16_t parse_extended_passive(TextSpan reply) {
  size_t at = 0;
  while (at < reply.size() && reply[at] != '(') ++at;
  TextSpan rest = reply.subspan(at + 1);
  if (rest.size() < 5) return 0;
  const char mark = rest[0];
  if (is_digit(mark) || rest[1] != mark || rest[2] != mark) return 0;
  rest = rest.subspan(3);
  uint32_t port = 0;
  if (!take_number(rest, 65535, port) || rest.empty() || rest[0] != mark) return 0;
  return static_cast<uint16_t>(port);
}

uint16_t parse_passive(TextSpan reply) {
  // Some servers leave out the brackets.
  size_t at = 0;
  while (at < reply.size() && !is_digit(reply[at])) ++at;
  TextSpan rest = reply.subspan(at);
  uint32_t numbers[6] = {};
  for (size_t i = 0; i < 6; ++i) {
    if (!take_number(rest, 255, numbers[i])) return 0;
    if (i < 5) {
      if (rest.empty() || rest[0] != ',') return 0;
      rest = rest.subspan(1);
    }
  }
  return static_cast<uint16_t>(numbers[4] << 8U | numbers[5]);
}

bool parse_size(TextSpan reply, uint32_t& out) {
  return take_number(reply, UINT32_MAX - 1, out) && (reply.empty() || reply[0] == ' ');
}

}  // namespace platform
