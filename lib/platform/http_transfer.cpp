#include "platform/http_transfer.hpp"

#include "platform/base64.hpp"

#include <cstdio>

namespace platform {

using common::text;

bool HttpTransfer::is_served(TransferProtocol protocol) const {
  return protocol == kTransferHttp || (protocol == kTransferHttps && links_.tls != nullptr);
}

void HttpTransfer::start() {
  close();
  phase_ = Phase::kRequest;
  reply_.clear();
  content_ = common::ByteSpan();
  if (!is_served(url_.protocol)) return fail("this protocol is not offered");
  open(url_.is_tls() ? *links_.tls : links_.plain);
  if (is_running()) make_request();
}

void HttpTransfer::close() {
  if (link_ != nullptr) link_->close();
  link_ = nullptr;
  is_connecting_ = false;
}

void HttpTransfer::make_request() {
  char number[32];
  put(text(!is_upload_ ? "GET " : memory_.wants_post ? "POST " : "PUT "));
  put(url_.target.span());
  const bool is_ipv6 = std::strchr(url_.host.c_str(), ':') != nullptr;
  put(text(is_ipv6 ? " HTTP/1.1\r\nHost: [" : " HTTP/1.1\r\nHost: "));
  put(url_.host.span());
  put(text(is_ipv6 ? "]" : ""));
  if (url_.has_port) {
    std::snprintf(number, sizeof number, ":%u", static_cast<unsigned>(url_.port));
    put(text(number));
  }
  put(text("\r\nUser-Agent: vev-gateway\r\nConnection: close\r\n"));
  if (url_.has_login) {
    common::FixedString<2 * TransferUrl::kMaxLoginBytes + 1> login;
    common::FixedString<4 * (2 * TransferUrl::kMaxLoginBytes / 3 + 1)> encoded;
    (void)login.append(url_.user.span());
    (void)login.append(text(":"));
    (void)login.append(url_.password.span());
    (void)append_base64(common::as_bytes(login.span()), encoded);
    put(text("Authorization: Basic "));
    put(encoded.span());
    put(text("\r\n"));
  }
  if (is_upload_) {
    put(text("Content-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n"));
    if (may_ask_) put(text("Expect: 100-continue\r\n"));
  } else if (offset_ > 0) {
    std::snprintf(number, sizeof number, "Range: bytes=%lu-\r\n",
                  static_cast<unsigned long>(offset_));
    put(text(number));
    if (!memory_.validator.empty()) {
      put(text("If-Range: "));
      put(memory_.validator.span());
      put(text("\r\n"));
    }
  }
  put(text("\r\n"));
}

bool HttpTransfer::advance() {
  switch (phase_) {
    case Phase::kRequest:
      if (!flush(*link_)) return false;
      asked_ = now_;
      phase_ = !is_upload_ ? Phase::kHead : may_ask_ ? Phase::kAsking : Phase::kSending;
      return true;
    case Phase::kAsking:
      return ask();
    case Phase::kSending:
    case Phase::kLastChunk:
      return send_body();
    case Phase::kHead:
      return read_head();
    case Phase::kBody:
      return read_body();
  }
  return false;
}

bool HttpTransfer::ask() {
  const bool has_moved = read_head();
  if (!is_running() || phase_ != Phase::kAsking) return has_moved;
  if (reply_.has_continue() || now_ - asked_ >= kAskMs) phase_ = Phase::kSending;
  return has_moved;
}

bool HttpTransfer::send_body() {
  // buffer_ holds what is to be sent: an early answer is only looked for in between.
  if (!flush(*link_)) return false;
  if (phase_ == Phase::kLastChunk) {
    phase_ = Phase::kHead;
    return true;
  }
  const bool is_complete = pipe_.is_complete();
  uint8_t* const piece = buffer_ + 6;  // "400\r\n" before it
  const size_t count = pipe_.take(common::MutableByteSpan(piece, kPieceBytes));
  if (count == 0 && !is_complete) {
    note_progress();
    return false;
  }
  has_sent_ = true;
  if (count == 0) {
    put(text("0\r\n\r\n"));
    phase_ = Phase::kLastChunk;
    return true;
  }
  char head[8];
  const int length = std::snprintf(head, sizeof head, "%x\r\n", static_cast<unsigned>(count));
  begin_ = static_cast<size_t>(6 - length);
  std::memcpy(buffer_ + begin_, head, static_cast<size_t>(length));
  end_ = 6 + count;
  put(text("\r\n"));
  return true;
}

bool HttpTransfer::read_head() {
  if (!fill(*link_)) {
    if (is_closed_) fail("the connection broke");
    return false;
  }
  consume(reply_.feed(unread()));
  if (reply_.state() == HttpReply::State::kMalformed) {
    fail("the server does not speak HTTP as it must");
  } else if (reply_.state() == HttpReply::State::kDone) {
    judge();
  }
  return true;
}

void HttpTransfer::judge() {
  const uint16_t status = reply_.status();
  const bool is_redirect = status >= 301 && status <= 308 && status != 304 && status != 305 &&
                           status != 306 && !reply_.location().empty();
  if (!is_redirect) return is_upload_ ? judge_upload() : judge_download();
  if (has_sent_) return fail("the server redirects an upload too late");
  if (++redirects_ > kMaxRedirects) return fail("the server redirects too often");
  common::FixedString<95> error;
  if (follow_redirect(reply_.location(), url_, error) != common::Status::kOk)
    return fail(error.c_str());
  start();
}

void HttpTransfer::judge_upload() {
  const uint16_t status = reply_.status();
  if (status >= 200 && status < 300) return succeed();
  const bool wants_post = (status == 405 || status == 501) && !memory_.wants_post;
  const bool was_asked = status == 417 && may_ask_;
  if (wants_post) memory_.wants_post = true;
  if (was_asked) may_ask_ = false;
  if ((wants_post || was_asked) && !has_sent_) return start();
  refuse(status);
}

void HttpTransfer::judge_download() {
  const RangeVerdict verdict = judge_range(reply_, offset_);
  switch (verdict.kind) {
    case RangeVerdict::Kind::kRefused:
      return refuse(reply_.status());
    case RangeVerdict::Kind::kBeginAnew:
      offset_ = 0;
      memory_.validator.clear();
      return start();
    case RangeVerdict::Kind::kComplete:
      status_.begins_at = status_.total_bytes = offset_;
      return succeed();
    case RangeVerdict::Kind::kBody:
      break;
  }
  if (reply_.is_encoded()) return fail("the server packs the file, which was not asked for");
  if (!reply_.is_chunked() && reply_.length() == HttpReply::kUnknown)
    return fail("the server does not tell the length of the file");
  status_.begins_at = verdict.begins_at;
  status_.total_bytes = verdict.total_bytes;
  if (status_.begins_at == 0 || !reply_.validator().empty())
    memory_.validator.assign_truncated(reply_.validator());
  body_.begin(reply_);
  phase_ = Phase::kBody;
  if (body_.state() == HttpBody::State::kDone) succeed();
}

bool HttpTransfer::read_body() {
  if (content_.empty()) {
    if (!fill(*link_)) {
      if (is_closed_) fail("the connection broke");
      return false;
    }
    consume(body_.feed(unread(), content_));
    if (body_.state() == HttpBody::State::kMalformed) {
      fail("the server does not speak HTTP as it must");
      return true;
    }
  }
  const size_t given = content_.empty() ? 0 : pipe_.give(content_);
  // Where there is no room, it is not the server that is slow.
  note_progress();
  const bool has_moved = given > 0 || content_.empty();
  content_ = content_.subspan(given);
  if (content_.empty() && body_.state() == HttpBody::State::kDone) succeed();
  return has_moved;
}

}  // namespace platform
