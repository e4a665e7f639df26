#include "gateway/setup_page.hpp"

#include "gateway/json_members.hpp"
#include "gateway/setup_page_answer.hpp"

#include <cstdio>

namespace gateway {

using common::Instant;
using common::Status;
using common::text;
using common::TextSpan;
using Method = HttpRequest::Method;

struct SetupPage::Route {
  const char* path;
  Method method;
  uint16_t (SetupPage::*run)(Place& place, json::Writer& out, Instant now);
  bool is_public = false;  ///< Answered while the gateway is locked.
};

const SetupPage::Route SetupPage::kRoutes[] = {
    {"/api/status", Method::kGet, &SetupPage::get_status, true},
    {"/api/settings", Method::kGet, &SetupPage::get_settings},
    {"/api/networks", Method::kGet, &SetupPage::get_networks},
    {"/api/chargers", Method::kGet, &SetupPage::get_chargers},
    {"/api/settings", Method::kPost, &SetupPage::post_settings},
    {"/api/scan", Method::kPost, &SetupPage::post_scan},
    {"/api/restart", Method::kPost, &SetupPage::post_restart},
};

namespace {

/// An IPv4 address or localhost, with or without a port.
bool is_address(TextSpan host) {
  size_t end = 0;
  while (end < host.size() && host[end] != ':') ++end;
  for (const char c : host.subspan(end + 1)) {
    if (c < '0' || c > '9') return false;
  }
  host = host.first(end);
  if (common::equals_ignore_case(host, text("localhost"))) return true;
  size_t dots = 0;
  for (const char c : host) {
    if (c == '.') ++dots;
    if (c != '.' && (c < '0' || c > '9')) return false;
  }
  return dots == 3;
}

const char* reason_of(uint16_t status) {
  switch (status) {
    case 200:
      return "OK";
    case 302:
      return "Found";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 409:
      return "Conflict";
    case 415:
      return "Unsupported Media Type";
    case 422:
      return "Unprocessable Content";
    case 423:
      return "Locked";
    case 429:
      return "Too Many Requests";
    case 500:
      return "Internal Server Error";
    default:
      return "Bad Request";
  }
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

Status SetupPage::open(uint32_t ipv4, uint16_t port, bool is_captive) {
  if (listener_ == nullptr) return Status::kUnsupported;
  close();
  ipv4_ = ipv4;
  is_captive_ = is_captive;
  if (start_ == 0) start_ = parts_.entropy.next_u32();
  parts_.entropy.fill(common::MutableByteSpan(tokens_[0], sizeof tokens_));
  return listener_->listen(ipv4, port);
}

void SetupPage::close() {
  if (listener_ == nullptr) return;
  for (size_t i = 0; i < platform::TcpListener::kPlaces; ++i) drop(i);
  listener_->close();
}

SetupPage::Request SetupPage::take_request() {
  const Request request = request_;
  request_ = Request::kNone;
  return request;
}

Instant SetupPage::step(Instant now, bool is_charging) {
  Instant next = Instant::never();
  if (!is_open()) return next;
  is_charging_ = is_charging;
  accept(now);
  for (size_t i = 0; i < platform::TcpListener::kPlaces; ++i) step_place(i, now);
  for (const Place& place : places_) {
    if (place.phase != Phase::kFree) next = common::earlier(next, place.deadline);
    if (is_idle(place)) next = common::earlier(next, place.begun + kIdleMs);
  }
  return next;
}

bool SetupPage::is_idle(const Place& place) const {
  if (place.phase != Phase::kReading || place.request.has_begun()) return false;
  for (const Place& other : places_) {
    if (other.phase == Phase::kFree) return false;
  }
  return true;
}

void SetupPage::accept(Instant now) {
  for (size_t i = 0; i < platform::TcpListener::kPlaces; ++i) {
    Place& place = places_[i];
    // Browsers open connections in advance; whether somebody waits for a place is not known.
    if (is_idle(place) && now - place.begun >= kIdleMs) drop(i);
    if (place.phase != Phase::kFree || listener_->accept(i) != Status::kOk) continue;
    place.phase = Phase::kReading;
    place.begun = now;
    place.deadline = now + kRequestMs;
  }
}

void SetupPage::drop(size_t index) {
  Place& place = places_[index];
  listener_->drop(index);
  place.request.clear();
  place.head.clear();
  place.parts[0] = place.parts[1] = TextSpan();
  place.phase = Phase::kFree;
}

void SetupPage::step_place(size_t index, Instant now) {
  Place& place = places_[index];
  if (place.phase == Phase::kReading) read(index, now);
  if (place.phase == Phase::kSending) send(index, now);
  if (place.phase == Phase::kLingering) {
    // To end with unread input would be a reset, which may overtake the answer.
    if (listener_->read(index, scratch()).status() == Status::kClosed) return drop(index);
  }
  if (place.phase != Phase::kFree && now >= place.deadline) drop(index);
}

void SetupPage::read(size_t index, Instant now) {
  Place& place = places_[index];
  const common::Result<size_t> got = listener_->read(index, scratch());
  if (!got.ok()) {
    if (got.status() != Status::kAgain) drop(index);
    return;
  }
  for (size_t i = 0; i < got.value(); ++i) {
    // What follows the request is not looked at: the connection ends with the answer.
    if (place.request.feed(answer_[i]) != HttpRequest::State::kReading) {
      handle(place, now);
      place.phase = Phase::kSending;
      place.deadline = now + kSendMs;
      return;
    }
  }
}

void SetupPage::send(size_t index, Instant now) {
  Place& place = places_[index];
  for (TextSpan& part : place.parts) {
    while (!part.empty()) {
      const common::Result<size_t> sent = listener_->write(index, common::as_bytes(part));
      if (sent.status() == Status::kAgain || (sent.ok() && sent.value() == 0)) return;
      if (!sent.ok()) return drop(index);
      part = part.subspan(sent.value());
    }
  }
  listener_->finish(index);
  place.phase = Phase::kLingering;
  place.deadline = now + kLingerMs;
}

void SetupPage::handle(Place& place, Instant now) {
  const HttpRequest& request = place.request;
  if (request.state() == HttpRequest::State::kRefused)
    return answer_error(place, request.refusal(), "the request cannot be read");
  if (!is_address(request.host())) {
    if (is_captive_ && request.method() != Method::kPost) return answer_elsewhere(place);
    return answer_error(place, 403, "use the gateway's address, not a name");
  }
  const TextSpan path = request.path();
  const Method method =
      request.method() == Method::kHead ? Method::kGet : request.method();  // without its body
  bool is_known = common::equals(path, text("/"));
  if (is_known && method == Method::kGet) return answer_page(place);
  for (const Route& route : kRoutes) {
    if (!common::equals(path, text(route.path))) continue;
    is_known = true;
    if (route.method != method) continue;
    if (parts_.lock != nullptr && parts_.lock->is_locked() && !route.is_public)
      return answer_error(place, 423, "the gateway is locked: log in on its console first");
    return method == Method::kPost ? handle_post(place, route, now)
                                   : answer_route(place, route, now);
  }
  if (is_known) return answer_error(place, 405, "this cannot be done here");
  if (is_captive_ && method == Method::kGet) return answer_elsewhere(place);
  answer_error(place, 404, "there is nothing here");
}

void SetupPage::handle_post(Place& place, const Route& route, Instant now) {
  if (!place.request.is_json()) return answer_error(place, 415, "JSON is needed");
  if (now < paused_until_)
    return answer_error(place, 429,
                        "too many wrong attempts: wait a minute, then load the page again");
  if (!is_token_good(place.request.token())) {
    if (++wrong_tokens_ >= kMaxWrongTokens) {
      wrong_tokens_ = 0;
      paused_until_ = now + kPauseMs;
    }
    return answer_error(place, 403, "this page is too old: load it again");
  }
  wrong_tokens_ = 0;
  answer_route(place, route, now);
}

void SetupPage::answer_route(Place& place, const Route& route, Instant now) {
  json::Writer out(answer_);
  out.begin_object();
  const uint16_t status = (this->*route.run)(place, out, now);
  out.end_object();
  if (out.status() != Status::kOk) return answer_error(place, 500, "the answer is too long");
  answer_json(place, status, out.size());
}

bool SetupPage::is_token_good(TextSpan token) const {
  if (token.size() != 2 * kTokenBytes) return false;
  bool is_good = false;
  for (const auto& known : tokens_) {
    // As long for every token: how much of one is right must not be measurable.
    unsigned difference = 0;
    for (size_t i = 0; i < kTokenBytes; ++i) {
      const int high = hex_digit(token[2 * i]);
      const int low = hex_digit(token[2 * i + 1]);
      difference |= high < 0 || low < 0 ? 1U : static_cast<unsigned>(high * 16 + low) ^ known[i];
    }
    is_good = is_good || difference == 0;
  }
  return is_good;
}

void SetupPage::answer_page(Place& place) {
  place.parts[0] = kSetupPageHead;
  place.parts[1] = place.request.method() == Method::kHead ? TextSpan() : kSetupPageBody;
}

void SetupPage::answer_elsewhere(Place& place) {
  char head[160];
  const int size = std::snprintf(
      head, sizeof head,
      "HTTP/1.1 302 Found\r\nLocation: http://%u.%u.%u.%u/\r\nContent-Length: 0\r\n"
      "Cache-Control: no-store\r\nConnection: close\r\n\r\n",
      static_cast<unsigned>(ipv4_ >> 24U), static_cast<unsigned>(ipv4_ >> 16U & 0xFFU),
      static_cast<unsigned>(ipv4_ >> 8U & 0xFFU), static_cast<unsigned>(ipv4_ & 0xFFU));
  place.head.assign_truncated(TextSpan(head, static_cast<size_t>(size)));
  place.parts[0] = place.head.span();
  place.parts[1] = TextSpan();
}

/// @param size  Of the JSON in answer_: the body.
void SetupPage::answer_json(Place& place, uint16_t status, size_t size) {
  const bool has_body = place.request.method() != Method::kHead;
  char head[192];
  const int head_size = std::snprintf(
      head, sizeof head,
      "HTTP/1.1 %u %s\r\nContent-Type: application/json\r\nContent-Length: %u\r\n"
      "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
      static_cast<unsigned>(status), reason_of(status), static_cast<unsigned>(size));
  place.head.assign_truncated(TextSpan(head, static_cast<size_t>(head_size)));
  // The next answer overwrites this one; the request is no longer needed.
  place.request.clear();
  std::memcpy(place.request.buffer().data(), answer_, size);
  place.parts[0] = place.head.span();
  place.parts[1] = has_body ? TextSpan(place.request.buffer().data(), size) : TextSpan();
}

void SetupPage::answer_error(Place& place, uint16_t status, const char* sentence) {
  json::Writer out(answer_);
  out.begin_object();
  member(out, "error", sentence);
  out.end_object();
  answer_json(place, status, out.size());
}

}  // namespace gateway
