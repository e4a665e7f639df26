#include "platform_esp32/task_web_socket_link.hpp"

#include <WiFi.h>
#include <cstdio>
#include <cstring>

namespace platform_esp32 {

using common::Status;

namespace {

/// An unanswered ping counts after this; the second in a row ends the connection.
constexpr uint32_t kPongTimeoutMs = 10000;
constexpr uint8_t kMissedPongs = 2;
/// The loop task has this long to make room for a received frame before the connection is given up: a frame is
/// never dropped silently.
constexpr uint32_t kInboxWaitMs = 5000;

class Lock {
 public:
  explicit Lock(SemaphoreHandle_t mutex) : mutex_(mutex) { xSemaphoreTake(mutex_, portMAX_DELAY); }
  ~Lock() { xSemaphoreGive(mutex_); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  SemaphoreHandle_t mutex_;
};

}  // namespace

Status TaskWebSocketLink::begin() {
  mutex_ = xSemaphoreCreateMutex();
  inbox_ = xMessageBufferCreate(kQueueBytes);
  outbox_ = xMessageBufferCreate(kQueueBytes);
  if (mutex_ == nullptr || inbox_ == nullptr || outbox_ == nullptr) return Status::kNoSpace;
  client_.onEvent(
      [this](WStype_t type, uint8_t* payload, size_t size) { on_event(type, payload, size); });
  const BaseType_t made =
      xTaskCreatePinnedToCore(&TaskWebSocketLink::run, "csms", kStackBytes, this, 1, nullptr, 0);
  return made == pdPASS ? Status::kOk : Status::kNoSpace;
}

Status TaskWebSocketLink::open(const platform::LinkSettings& settings) {
  common::FixedString<95> error;
  platform::CsmsUrl url;
  Status status =
      platform::parse_csms_url(settings.url.span(), settings.identity.span(), url, error);
  if (status == Status::kOk && url.is_tls && settings.ca_file.empty()) {
    status = Status::kInvalidArgument;
    error = common::FixedString<95>("wss:// needs ca_file: without it the server is not verified");
  }
  Lock lock(mutex_);
  if (status != Status::kOk) {
    shared_.last_error = error;
    return status;
  }
  wanted_ = settings;
  wanted_url_ = url;
  is_wanted_ = true;
  ++wanted_generation_;
  return Status::kOk;
}

void TaskWebSocketLink::set_ping_interval(uint16_t seconds) {
  Lock lock(mutex_);
  wanted_.ping_interval_s = seconds;
}

void TaskWebSocketLink::close(uint16_t) {
  // The library always closes with 1000.
  Lock lock(mutex_);
  is_wanted_ = false;
  ++wanted_generation_;
}

const platform::LinkStatus& TaskWebSocketLink::status() const {
  Lock lock(mutex_);
  status_ = shared_;
  return status_;
}

Status TaskWebSocketLink::send(common::TextSpan frame) {
  if (!status().is_up) return Status::kClosed;
  if (frame.size() > limits::kMaxFrameBytes) return Status::kInvalidArgument;
  const Header header{status_.connection_id, false};
  std::memcpy(loop_frame_, &header, sizeof header);
  std::memcpy(loop_frame_ + sizeof header, frame.data(), frame.size());
  const size_t size = sizeof header + frame.size();
  return xMessageBufferSend(outbox_, loop_frame_, size, 0) == size ? Status::kOk : Status::kAgain;
}

common::Result<platform::ReceivedFrame> TaskWebSocketLink::receive(common::Span<char> buffer) {
  for (;;) {
    const size_t size = xMessageBufferReceive(inbox_, loop_frame_, sizeof loop_frame_, 0);
    if (size < sizeof(Header)) return Status::kAgain;
    Header header{};
    std::memcpy(&header, loop_frame_, sizeof header);
    if (header.connection_id != status_.connection_id) continue;
    platform::ReceivedFrame frame;
    const size_t payload = size - sizeof header;
    frame.size = payload < buffer.size() ? payload : buffer.size();
    frame.truncated = header.truncated || payload > buffer.size();
    std::memcpy(buffer.data(), loop_frame_ + sizeof header, frame.size);
    return frame;
  }
}

void TaskWebSocketLink::run(void* self) {
  auto* link = static_cast<TaskWebSocketLink*>(self);
  for (;;) {
    link->turn();
    vTaskDelay(pdMS_TO_TICKS(5));
  }
}

void TaskWebSocketLink::turn() {
  apply_settings();
  if (!is_active_ || WiFi.status() != WL_CONNECTED) return;
  if (client_.is_idle()) {
    if (clock_.now() < next_attempt_) return;
    const uint32_t failures = failures_;
    client_.loop();
    // The library is silent about a name or a port that cannot be reached.
    if (client_.is_idle() && failures == failures_) on_disconnected("the CSMS cannot be reached");
  } else {
    client_.loop();
  }
  pump_outbox();
}

void TaskWebSocketLink::apply_settings() {
  platform::LinkSettings settings;
  platform::CsmsUrl url;
  bool is_wanted = false;
  {
    Lock lock(mutex_);
    if (wanted_generation_ == applied_generation_) {
      if (is_active_ && wanted_.ping_interval_s != ping_interval_s_)
        apply_ping_interval(wanted_.ping_interval_s);
      return;
    }
    applied_generation_ = wanted_generation_;
    settings = wanted_;
    url = wanted_url_;
    is_wanted = is_wanted_;
  }
  is_active_ = false;
  client_.disconnect();
  if (!is_wanted) return;
  backoff_.reset();
  if (url.is_tls) {
    ca_pem_ = "";
    if (!read_ca_(read_ca_context_, settings.ca_file.c_str(), ca_pem_)) {
      set_error("the CA file cannot be read");
      return;
    }
    client_.beginSslWithCA(url.host.c_str(), url.port, url.target.c_str(), ca_pem_.c_str(),
                           "ocpp1.6");
  } else {
    client_.begin(url.host.c_str(), url.port, url.target.c_str(), "ocpp1.6");
  }
  if (!settings.password.empty()) {
    client_.setAuthorization(
        platform::basic_authorization(settings.identity.span(),
                                      common::as_bytes(settings.password.span()))
            .c_str());
  }
  client_.setExtraHeaders("");
  client_.setReconnectInterval(0);  // next_attempt_ decides, with back-off and jitter.
  next_attempt_ = clock_.now();
  apply_ping_interval(settings.ping_interval_s);
  is_active_ = true;
}

void TaskWebSocketLink::apply_ping_interval(uint16_t seconds) {
  ping_interval_s_ = seconds;
  if (seconds > 0) {
    client_.enableHeartbeat(seconds * 1000U, kPongTimeoutMs, kMissedPongs);
  } else {
    client_.disableHeartbeat();
  }
}

void TaskWebSocketLink::on_event(WStype_t type, const uint8_t* payload, size_t size) {
  switch (type) {
    case WStype_CONNECTED: {
      backoff_.on_connected(clock_.now());
      is_connected_ = true;
      ++connection_id_;
      Lock lock(mutex_);
      shared_.is_up = true;
      shared_.connection_id = connection_id_;
      shared_.http_status = 0;
      shared_.last_error.clear();
      break;
    }
    case WStype_DISCONNECTED: {
      char reason[64];
      std::snprintf(reason, sizeof reason, "%.*s", static_cast<int>(size < 63 ? size : 63),
                    payload != nullptr ? reinterpret_cast<const char*>(payload) : "");
      on_disconnected(reason);
      break;
    }
    case WStype_TEXT:
      collected_ = 0;
      is_truncated_ = false;
      collect(payload, size);
      deliver();
      break;
    case WStype_FRAGMENT_TEXT_START:
      collected_ = 0;
      is_truncated_ = false;
      collect(payload, size);
      break;
    case WStype_FRAGMENT:
      collect(payload, size);
      break;
    case WStype_FRAGMENT_FIN:
      collect(payload, size);
      deliver();
      break;
    case WStype_ERROR:
    case WStype_BIN:
    case WStype_FRAGMENT_BIN_START:
    case WStype_PING:
    case WStype_PONG:
      return;
  }
  waiter_.wake();
}

void TaskWebSocketLink::collect(const uint8_t* payload, size_t size) {
  const size_t room = limits::kMaxFrameBytes - collected_;
  const size_t count = size < room ? size : room;
  if (count < size) is_truncated_ = true;
  if (count > 0) std::memcpy(task_frame_ + sizeof(Header) + collected_, payload, count);
  collected_ += count;
}

void TaskWebSocketLink::deliver() {
  const Header header{connection_id_, is_truncated_};
  std::memcpy(task_frame_, &header, sizeof header);
  const size_t size = sizeof header + collected_;
  if (xMessageBufferSend(inbox_, task_frame_, size, pdMS_TO_TICKS(kInboxWaitMs)) != size) {
    client_.disconnect();
  }
}

void TaskWebSocketLink::on_disconnected(const char* reason) {
  const common::Instant now = clock_.now();
  const uint16_t http_status = is_connected_ ? 0 : client_.http_status();
  is_connected_ = false;
  const common::Instant next = backoff_.on_failure(now, entropy_.next_u32());
  next_attempt_ = next;
  ++failures_;
  Lock lock(mutex_);
  shared_.is_up = false;
  shared_.http_status = http_status;
  shared_.next_attempt = next;
  shared_.last_error = common::FixedString<95>(reason[0] != '\0' ? reason : "connection closed");
}

void TaskWebSocketLink::pump_outbox() {
  for (;;) {
    if (out_size_ == 0)
      out_size_ = xMessageBufferReceive(outbox_, out_frame_, sizeof out_frame_, 0);
    if (out_size_ == 0) return;
    Header header{};
    std::memcpy(&header, out_frame_, sizeof header);
    if (is_connected_ && header.connection_id == connection_id_ &&
        !client_.sendTXT(static_cast<const uint8_t*>(out_frame_ + sizeof header),
                         out_size_ - sizeof header)) {
      client_.disconnect();
    }
    out_size_ = 0;
    waiter_.wake();
  }
}

void TaskWebSocketLink::set_error(const char* text) {
  Lock lock(mutex_);
  shared_.last_error = common::FixedString<95>(text);
}

}  // namespace platform_esp32
