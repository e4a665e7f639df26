#include "platform_esp32/tls_client.hpp"

#include <Arduino.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <lwip/sockets.h>

namespace platform_esp32 {

using common::ByteSpan;
using common::MutableByteSpan;
using common::Result;
using common::Status;

namespace {

/// What waits in this task looks again after so long.
constexpr uint32_t kPollMs = 5;

Result<size_t> outcome(int count) {
  if (count > 0) return static_cast<size_t>(count);
  const bool must_wait = count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
  return must_wait ? Status::kAgain : Status::kClosed;
}

}  // namespace

Result<size_t> TlsClient::read(MutableByteSpan buffer) {
  return outcome(lwip_recv(fd(), buffer.data(), buffer.size(), MSG_DONTWAIT));
}

Result<size_t> TlsClient::write(ByteSpan data) {
  return outcome(lwip_send(fd(), data.data(), data.size(), MSG_DONTWAIT));
}

bool TlsClient::open(const char* host, uint16_t port, const security::TlsOptions& options) {
  stop();
  if (WiFiClient::connect(host, port, kConnectTimeoutMs) != 1) return false;
  (void)setNoDelay(true);
  Status status = session_.begin(options, *this, entropy_);
  const uint32_t started = millis();
  while (status == Status::kOk || status == Status::kAgain) {
    status = session_.handshake();
    if (status == Status::kOk) return is_open_ = true;
    if (millis() - started > kHandshakeTimeoutMs) break;
    delay(kPollMs);
  }
  WiFiClient::stop();
  return false;
}

size_t TlsClient::write(const uint8_t* data, size_t size) {
  size_t done = 0;
  uint32_t progress = millis();
  while (is_open_ && done < size && millis() - progress < kWriteTimeoutMs) {
    const Result<size_t> count = session_.write(ByteSpan(data + done, size - done));
    if (count.ok()) {
      done += count.value();
      progress = millis();
    } else if (count.status() == Status::kAgain) {
      delay(kPollMs);
    } else {
      is_open_ = false;
    }
  }
  return done;
}

/// @return Whether there is something to take.
bool TlsClient::fill() {
  if (begin_ < end_) return true;
  if (!is_open_) return false;
  const Result<size_t> count = session_.read(MutableByteSpan(buffer_, sizeof buffer_));
  begin_ = 0;
  end_ = count.value_or(0);
  if (count.status() == Status::kClosed) is_open_ = false;
  return end_ > 0;
}

int TlsClient::available() { return fill() ? static_cast<int>(end_ - begin_) : 0; }

int TlsClient::peek() { return fill() ? buffer_[begin_] : -1; }

int TlsClient::read() { return fill() ? buffer_[begin_++] : -1; }

int TlsClient::read(uint8_t* data, size_t size) {
  if (!fill()) return -1;
  const size_t count = std::min(size, end_ - begin_);
  std::memcpy(data, buffer_ + begin_, count);
  begin_ += count;
  return static_cast<int>(count);
}

void TlsClient::stop() {
  if (is_open_) session_.close();
  is_open_ = false;
  begin_ = end_ = 0;
  WiFiClient::stop();
}

uint8_t TlsClient::connected() { return fill() || is_open_ ? 1 : 0; }

}  // namespace platform_esp32
