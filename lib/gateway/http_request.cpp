#include "gateway/http_request.hpp"

namespace gateway {

using common::Status;
using common::text;
using common::TextSpan;

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

TextSpan trimmed(TextSpan value) {
  while (!value.empty() && is_blank(value[0])) value = value.subspan(1);
  while (!value.empty() && is_blank(value[value.size() - 1])) value = value.first(value.size() - 1);
  return value;
}

size_t find(TextSpan text, char c) {
  size_t at = 0;
  while (at < text.size() && text[at] != c) ++at;
  return at;
}

bool is_name(TextSpan name, const char* wanted) {
  return common::equals_ignore_case(name, text(wanted));
}

/// What a header of any other name holds does not matter.
bool matters(TextSpan name) {
  for (const char* known :
       {"host", "content-length", "content-type", "transfer-encoding", HttpRequest::kToken}) {
    if (is_name(name, known)) return true;
  }
  return false;
}

}  // namespace

void HttpRequest::clear() {
  std::memset(buffer_, 0, sizeof buffer_);
  size_ = 0;
  head_bytes_ = 0;
  content_length_ = 0;
  path_.clear();
  host_.clear();
  token_.clear();
  refusal_ = 0;
  state_ = State::kReading;
  part_ = Part::kRequestLine;
  method_ = Method::kOther;
  has_return_ = false;
  is_line_cut_ = false;
  has_host_ = false;
  is_absolute_ = false;
  has_length_ = false;
  is_json_ = false;
}

HttpRequest::State HttpRequest::refuse(uint16_t status) {
  refusal_ = status;
  return state_ = State::kRefused;
}

HttpRequest::State HttpRequest::feed(char c) {
  if (state_ != State::kReading) return state_;
  if (part_ == Part::kBody) {
    buffer_[size_++] = c;
    return state_ = size_ == content_length_ ? State::kDone : State::kReading;
  }
  if (++head_bytes_ > kMaxHeadBytes) return refuse(431);
  if (c == '\n') {
    has_return_ = false;
    return on_line_end();
  }
  const auto byte = static_cast<uint8_t>(c);
  if (has_return_ || (byte < ' ' && c != '\t' && c != '\r') || byte == 0x7F) return refuse(400);
  if (c == '\r') {
    has_return_ = true;
  } else if (size_ < kBufferBytes) {
    buffer_[size_++] = c;
  } else {
    is_line_cut_ = true;
  }
  return state_;
}

HttpRequest::State HttpRequest::on_line_end() {
  const TextSpan line(buffer_, size_);
  if (part_ == Part::kHeaders) {
    (void)(line.empty() ? on_head_end() : on_header(line));
  } else if (!line.empty()) {  // some send an empty line behind the last body
    (void)on_request_line(line);
  }
  if (part_ != Part::kBody) size_ = 0;
  is_line_cut_ = false;
  return state_;
}

HttpRequest::State HttpRequest::on_request_line(TextSpan line) {
  if (is_line_cut_) return refuse(414);
  const size_t first = find(line, ' ');
  const TextSpan rest = line.subspan(first + 1);
  const size_t second = find(rest, ' ');
  const TextSpan version = rest.subspan(second + 1);
  TextSpan target = rest.first(second);
  if (first == 0 || target.empty()) return refuse(400);
  if (version.size() != 8 || !common::equals(version.first(5), text("HTTP/"))) return refuse(400);
  if (!common::equals(version.subspan(5, 2), text("1."))) return refuse(505);
  const TextSpan method = line.first(first);
  if (common::equals(method, text("GET"))) method_ = Method::kGet;
  if (common::equals(method, text("HEAD"))) method_ = Method::kHead;
  if (common::equals(method, text("POST"))) method_ = Method::kPost;
  constexpr size_t kSchemeBytes = 7;
  if (common::equals_ignore_case(target.first(kSchemeBytes), text("http://"))) {
    target = target.subspan(kSchemeBytes);
    const size_t slash = find(target, '/');
    is_absolute_ = true;
    if (set_host(target.first(slash)) != State::kReading) return state_;
    target = slash < target.size() ? target.subspan(slash) : text("/");
  }
  path_.assign_truncated(target.first(find(target, '?')));
  part_ = Part::kHeaders;
  return state_;
}

HttpRequest::State HttpRequest::set_host(TextSpan host) {
  return host.empty() || host_.assign(host) != Status::kOk ? refuse(400) : state_;
}

HttpRequest::State HttpRequest::on_header(TextSpan line) {
  const size_t colon = find(line, ':');
  const TextSpan name = line.first(colon);
  if (colon == 0 || colon == line.size() || find(name, ' ') != colon || find(name, '\t') != colon)
    return refuse(is_line_cut_ ? 431 : 400);
  if (!matters(name)) return state_;
  if (is_line_cut_) return refuse(431);
  const TextSpan value = trimmed(line.subspan(colon + 1));
  if (is_name(name, "host")) {
    if (has_host_) return refuse(400);
    has_host_ = true;
    return is_absolute_ ? state_ : set_host(value);
  }
  if (is_name(name, "content-length")) {
    if (has_length_ || value.empty()) return refuse(400);
    has_length_ = true;
    for (const char c : value) {
      if (c < '0' || c > '9') return refuse(400);
      content_length_ = content_length_ * 10 + static_cast<size_t>(c - '0');
      if (content_length_ > kBufferBytes) return refuse(413);
    }
    return state_;
  }
  if (is_name(name, "content-type")) {
    is_json_ = is_name(trimmed(value.first(find(value, ';'))), "application/json");
    return state_;
  }
  if (is_name(name, kToken)) {
    token_.assign_truncated(value);
    return state_;
  }
  return refuse(501);  // Transfer-Encoding
}

HttpRequest::State HttpRequest::on_head_end() {
  if (!has_host_) return refuse(400);
  if (method_ == Method::kPost && !has_length_) return refuse(411);
  if (content_length_ == 0) return state_ = State::kDone;
  part_ = Part::kBody;
  size_ = 0;
  return state_;
}

}  // namespace gateway
