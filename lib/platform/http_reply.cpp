#include "platform/http_reply.hpp"

#include <algorithm>

namespace platform {

using common::text;
using common::TextSpan;

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_blank(char c) { return c == ' ' || c == '\t'; }

TextSpan trimmed(TextSpan value) {
  while (!value.empty() && is_blank(value[0])) value = value.subspan(1);
  while (!value.empty() && is_blank(value[value.size() - 1])) value = value.first(value.size() - 1);
  return value;
}

/// Takes digits from the front of value. @return False: none, or 2^32-1 or more.
bool take_number(TextSpan& value, uint32_t& out) {
  uint64_t number = 0;
  size_t count = 0;
  for (; count < value.size() && is_digit(value[count]); ++count) {
    number = number * 10 + static_cast<uint32_t>(value[count] - '0');
    if (number >= HttpReply::kUnknown) return false;
  }
  value = value.subspan(count);
  out = static_cast<uint32_t>(number);
  return count > 0;
}

bool take_character(TextSpan& value, char wanted) {
  if (value.empty() || value[0] != wanted) return false;
  value = value.subspan(1);
  return true;
}

/// "bytes 5-9/10", "bytes 5-9/*", "bytes */10".
bool parse_content_range(TextSpan value, uint32_t& first, uint32_t& total) {
  const TextSpan unit = text("bytes");
  if (!common::equals_ignore_case(value.first(unit.size()), unit)) return false;
  value = trimmed(value.subspan(unit.size()));
  uint32_t begin = HttpReply::kUnknown;
  uint32_t last = 0;
  uint32_t size = HttpReply::kUnknown;
  if (!take_character(value, '*') && !(take_number(value, begin) && take_character(value, '-') &&
                                       take_number(value, last) && begin <= last))
    return false;
  if (!take_character(value, '/')) return false;
  if (!take_character(value, '*') && !take_number(value, size)) return false;
  if (!value.empty()) return false;
  if (begin != HttpReply::kUnknown && size != HttpReply::kUnknown && last >= size) return false;
  first = begin;
  total = size;
  return true;
}

}  // namespace

void HttpReply::clear() {
  forget_response();
  size_ = head_bytes_ = 0;
  state_ = State::kReading;
  is_cut_ = has_continue_ = false;
}

void HttpReply::forget_response() {
  has_status_line_ = is_chunked_ = is_encoded_ = has_transfer_coding_ = false;
  status_ = 0;
  length_ = range_first_ = range_total_ = kUnknown;
  location_.clear();
  etag_.clear();
  last_modified_.clear();
}

size_t HttpReply::feed(common::ByteSpan bytes) {
  size_t taken = 0;
  while (taken < bytes.size() && state_ == State::kReading) {
    const char c = static_cast<char>(bytes[taken++]);
    if (++head_bytes_ > kMaxHeadBytes) {
      state_ = State::kMalformed;
    } else if (c == '\n') {
      if (size_ > 0 && line_[size_ - 1] == '\r' && !is_cut_) --size_;
      state_ = on_line();
      size_ = 0;
      is_cut_ = false;
    } else if (size_ < sizeof line_) {
      line_[size_++] = c;
    } else {
      is_cut_ = true;
    }
  }
  return taken;
}

HttpReply::State HttpReply::on_line() {
  const TextSpan line(line_, size_);
  if (!has_status_line_) return on_status_line(line);
  if (line.empty()) return on_head_end();
  for (const char c : line) {
    if (c == '\r' || c == '\0') return State::kMalformed;
  }
  size_t colon = 0;
  while (colon < line.size() && line[colon] != ':') ++colon;
  // A line that begins with a blank would go on with the one before; a blank before the colon is a way to smuggle.
  if (colon == 0 || colon == line.size() || is_blank(line[0]) || is_blank(line[colon - 1]))
    return State::kMalformed;
  return on_header(line.first(colon), trimmed(line.subspan(colon + 1)));
}

HttpReply::State HttpReply::on_status_line(TextSpan line) {
  const bool is_http = line.size() >= 12 && common::equals(line.first(7), text("HTTP/1.")) &&
                       is_digit(line[7]) && line[8] == ' ' && is_digit(line[9]) &&
                       is_digit(line[10]) && is_digit(line[11]) &&
                       (line.size() == 12 || line[12] == ' ');
  if (!is_http) return State::kMalformed;
  status_ = static_cast<uint16_t>((line[9] - '0') * 100 + (line[10] - '0') * 10 + line[11] - '0');
  has_status_line_ = true;
  return status_ >= 100 && status_ < 600 && status_ != 101 ? State::kReading : State::kMalformed;
}

HttpReply::State HttpReply::on_header(TextSpan name, TextSpan value) {
  const auto is = [name](const char* wanted) {
    return common::equals_ignore_case(name, text(wanted));
  };
  if (is("content-length")) {
    uint32_t length = 0;
    if (is_cut_ || !take_number(value, length) || !value.empty() ||
        (length_ != kUnknown && length_ != length))
      return State::kMalformed;
    length_ = length;
  } else if (is("transfer-encoding")) {
    if (has_transfer_coding_ || !common::equals_ignore_case(value, text("chunked")))
      return State::kMalformed;
    is_chunked_ = has_transfer_coding_ = true;
  } else if (is("content-encoding")) {
    is_encoded_ = !common::equals_ignore_case(value, text("identity"));
  } else if (is("content-range")) {
    // An unknown unit says nothing about bytes.
    if (is_cut_ || !parse_content_range(value, range_first_, range_total_))
      range_first_ = range_total_ = kUnknown;
  } else if (is("location")) {
    if (is_cut_ || location_.assign(value) != common::Status::kOk) return State::kMalformed;
  } else if (is("etag")) {
    // A weak one (W/"...") promises too little; a long one is left out.
    if (is_cut_ || value.empty() || value[0] != '"' || etag_.assign(value) != common::Status::kOk)
      etag_.clear();
  } else if (is("last-modified")) {
    if (is_cut_ || last_modified_.assign(value) != common::Status::kOk) last_modified_.clear();
  }
  return State::kReading;
}

HttpReply::State HttpReply::on_head_end() {
  if (status_ < 200) {
    has_continue_ = has_continue_ || status_ == 100;
    forget_response();
    return State::kReading;
  }
  // Both is how requests are smuggled past proxies.
  if (is_chunked_ && length_ != kUnknown) return State::kMalformed;
  return State::kDone;
}

RangeVerdict judge_range(const HttpReply& reply, uint32_t offset) {
  using Kind = RangeVerdict::Kind;
  const auto known = [](uint32_t value) { return value == HttpReply::kUnknown ? 0 : value; };
  switch (reply.status()) {
    case 200:
      return {Kind::kBody, 0, known(reply.length())};
    case 206: {
      if (reply.range_first() != offset)
        return {offset > 0 ? Kind::kBeginAnew : Kind::kRefused, 0, 0};
      const bool fits = reply.length() <= HttpReply::kUnknown - 1 - offset;
      const uint32_t end = fits ? offset + reply.length() : 0;
      return {Kind::kBody, offset,
              reply.range_total() != HttpReply::kUnknown ? reply.range_total() : end};
    }
    case 416:
      if (offset == 0) return {};
      return {reply.range_total() == offset ? Kind::kComplete : Kind::kBeginAnew, offset, offset};
    default:
      return {};
  }
}

void HttpBody::begin(const HttpReply& reply) {
  is_chunked_ = reply.is_chunked();
  left_ = is_chunked_ || reply.length() == HttpReply::kUnknown ? 0 : reply.length();
  part_ = is_chunked_ ? Part::kSize : Part::kContent;
  state_ = is_chunked_ || left_ > 0 ? State::kReading : State::kDone;
  overhead_ = 0;
  has_digit_ = false;
  is_line_empty_ = true;
}

size_t HttpBody::feed(common::ByteSpan bytes, common::ByteSpan& content) {
  content = common::ByteSpan();
  size_t taken = 0;
  while (taken < bytes.size() && state_ == State::kReading) {
    if (part_ != Part::kContent) {
      on_byte(static_cast<char>(bytes[taken++]));
      continue;
    }
    content = bytes.subspan(taken, left_);
    left_ -= static_cast<uint32_t>(content.size());
    if (left_ == 0 && is_chunked_) part_ = Part::kContentEnd;
    if (left_ == 0 && !is_chunked_) state_ = State::kDone;
    return taken + content.size();
  }
  return taken;
}

void HttpBody::on_byte(char c) {
  if (++overhead_ > kMaxOverheadBytes) {
    state_ = State::kMalformed;
    return;
  }
  switch (part_) {
    case Part::kContentEnd:
      if (c == '\r') return;
      if (c != '\n') {
        state_ = State::kMalformed;
        return;
      }
      part_ = Part::kSize;
      has_digit_ = false;
      left_ = overhead_ = 0;
      return;
    case Part::kSize: {
      const char lower = common::ascii_lower(c);
      const bool is_hex = is_digit(c) || (lower >= 'a' && lower <= 'f');
      if (is_hex) {
        if (left_ >> 28U != 0) state_ = State::kMalformed;
        left_ = left_ << 4U | static_cast<uint32_t>(is_digit(c) ? c - '0' : lower - 'a' + 10);
        has_digit_ = true;
        return;
      }
      if (!has_digit_ || (c != '\r' && c != '\n' && c != ';' && !is_blank(c))) {
        state_ = State::kMalformed;
        return;
      }
      part_ = Part::kExtension;
    }
      [[fallthrough]];
    case Part::kExtension:
      if (c != '\n') return;
      part_ = left_ > 0 ? Part::kContent : Part::kTrailer;
      overhead_ = 0;
      return;
    case Part::kTrailer:
      if (c == '\n') {
        if (is_line_empty_) state_ = State::kDone;
        is_line_empty_ = true;
      } else if (c != '\r') {
        is_line_empty_ = false;
      }
      return;
    case Part::kContent:
      return;
  }
}

}  // namespace platform
