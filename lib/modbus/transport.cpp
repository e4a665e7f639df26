#include "modbus/transport.hpp"

namespace modbus {

LOG_MODULE("modbus");

using common::Instant;
using common::Status;

void Transport::begin(platform::TcpLink& link, const TcpTarget& target, common::LogSink& log) {
  tcp_ = &link;
  target_ = target;
  log_ = &log;
}

Status Transport::prepare(const platform::SerialSettings& settings, Instant now) {
  if (tcp_ == nullptr) {
    if (is_set_ && settings == settings_) return Status::kOk;
    RETURN_IF_ERROR(serial_->configure(settings));
    settings_ = settings;
    is_set_ = true;
    return Status::kOk;
  }
  settings_ = settings;  // Of the line behind a converter, which nobody here can set.
  if (!is_connecting_ && tcp_->state() == platform::TcpLink::State::kClosed) {
    RETURN_IF_ERROR(tcp_->connect(target_.host.c_str(), target_.port));
    is_connecting_ = true;
    has_worked_ = false;
    give_up_at_ = now + kConnectMs;
  }
  switch (tcp_->state()) {
    case platform::TcpLink::State::kOpen:
      is_connecting_ = false;
      return Status::kOk;
    case platform::TcpLink::State::kConnecting:
      return now < give_up_at_ ? Status::kAgain : Status::kTimeout;
    case platform::TcpLink::State::kClosed:
      break;
  }
  return Status::kClosed;
}

bool Transport::is_open() const {
  if (tcp_ == nullptr) return is_set_;
  return !is_connecting_ && tcp_->state() == platform::TcpLink::State::kOpen;
}

common::Result<size_t> Transport::write(common::ByteSpan data) {
  return tcp_ != nullptr ? tcp_->write(data) : serial_->write(data);
}

common::Result<size_t> Transport::read(common::MutableByteSpan buffer) {
  return tcp_ != nullptr ? tcp_->read(buffer) : serial_->read(buffer);
}

void Transport::on_reply() {
  has_worked_ = true;
  retry_ms_ = kFirstRetryMs;
  if (was_told_ || log_ == nullptr) return;
  was_told_ = true;
  told_reason_ = 0;
  LOG_INFO(*log_, "%s port %u answers", target_.host.c_str(), target_.port);
}

Instant Transport::lose(Loss loss, bool is_idle, Instant now) {
  is_set_ = false;
  if (tcp_ == nullptr) return now + kFirstRetryMs;
  const bool is_timeout = is_connecting_ && tcp_->state() != platform::TcpLink::State::kClosed;
  const bool had_worked = has_worked_;
  const int64_t wait_ms = had_worked ? 0 : retry_ms_;
  if (!is_idle || !had_worked) log_failure(loss, is_timeout, wait_ms);
  // Behind a connection that stands units come back without notice: they are looked for as often as on a line.
  if (!had_worked && loss != Loss::kSilence)
    retry_ms_ = retry_ms_ > kMaxRetryMs / 2 ? kMaxRetryMs : static_cast<uint16_t>(retry_ms_ * 2);
  close();
  return now + wait_ms;
}

void Transport::close() {
  is_connecting_ = false;
  has_worked_ = false;
  if (tcp_ != nullptr) tcp_->close();
}

/// The same failure over and over is one line.
void Transport::log_failure(Loss loss, bool is_timeout, int64_t wait_ms) {
  const char* reason = "";
  const char* platform_reason = "";
  switch (loss) {
    case Loss::kLink:
      reason = is_timeout ? "does not take the connection" : "cannot be reached";
      if (!is_timeout) platform_reason = tcp_->last_error();
      break;
    case Loss::kGarbage:
      reason = "sends what is no Modbus TCP";
      break;
    case Loss::kSilence:
      reason = "does not answer";
      break;
  }
  uint32_t hash = 2166136261U;  // FNV-1a
  for (const char* text : {reason, platform_reason}) {
    for (; *text != '\0'; ++text) hash = (hash ^ static_cast<uint8_t>(*text)) * 16777619U;
  }
  if (hash == told_reason_ && !was_told_) return;
  told_reason_ = hash;
  was_told_ = false;
  const auto wait_s = static_cast<unsigned>(wait_ms / 1000);
  if (*platform_reason != '\0') {
    LOG_WARN(*log_, "%s; next try in %u s", platform_reason, wait_s);
  } else {
    LOG_WARN(*log_, "%s port %u %s; next try in %u s", target_.host.c_str(), target_.port, reason,
             wait_s);
  }
}

}  // namespace modbus
