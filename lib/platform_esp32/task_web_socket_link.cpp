#include "platform_esp32/task_web_socket_link.hpp"

#include "platform_esp32/mutex_lock.hpp"
#include "platform_esp32/tls_client.hpp"
#include "security/pem_authority.hpp"

#include <WiFi.h>
#include <algorithm>
#include <climits>
#include <cstdio>
#include <cstring>
#include <new>

namespace platform_esp32 {

using common::Status;

namespace {

/// An unanswered ping counts after this; the second in a row ends the connection.
constexpr uint32_t kPongTimeoutMs = 10000;
constexpr uint8_t kMissedPongs = 2;
/// With pings switched off a connection that died is found by one ping in this time.
constexpr uint32_t kIdleProbe_s = 300;
/// The loop task has this long to make room for a received frame before the connection is given up: a frame is
/// never dropped silently.
constexpr uint32_t kInboxWaitMs = 5000;
/// A transfer of files gives the memory of its TLS sessions back within so long, when it has to.
constexpr uint32_t kGiveWayMs = 3000;
constexpr uint32_t kPollMs = 10;

}  // namespace

Status TaskWebSocketLink::begin() {
  mutex_ = xSemaphoreCreateMutex();
  inbox_ = xMessageBufferCreate(kQueueBytes);
  outbox_ = xMessageBufferCreate(kQueueBytes);
  if (mutex_ == nullptr || inbox_ == nullptr || outbox_ == nullptr) return Status::kNoSpace;
  const BaseType_t made =
      xTaskCreatePinnedToCore(&TaskWebSocketLink::run, "csms", kStackBytes, this, 1, nullptr, 0);
  return made == pdPASS ? Status::kOk : Status::kNoSpace;
}

Status TaskWebSocketLink::open(const platform::LinkSettings& settings) {
  common::FixedString<95> error;
  platform::CsmsUrl url;
  Status status =
      platform::parse_csms_url(settings.url.span(), settings.identity.span(), url, error);
  if (status == Status::kOk && !url.is_tls &&
      settings.security_profile >= platform::SecurityProfile::kTlsBasic) {
    status = Status::kInvalidArgument;
    error = common::FixedString<95>("security profiles 2 and 3 need a CSMS URL with wss://");
  }
  Lock lock(mutex_);
  if (status != Status::kOk) {
    shared_.last_error = error;
    return status;
  }
  shared_.failure = platform::LinkFailure::kNone;
  shared_.failures = 0;
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
  {
    Lock lock(mutex_);
    status_ = shared_;
  }
  // Both are seconds of the same clock, the task's perhaps a little later: as signed numbers.
  const auto silent_s = static_cast<int32_t>(seconds_now() - alive_s_);
  status_.is_stuck = silent_s > kStuck_s;
  if (status_.is_stuck) {
    status_.is_up = false;
    status_.last_error = common::FixedString<95>("the network task hangs");
  }
  return status_;
}

uint32_t TaskWebSocketLink::seconds_now() const {
  return static_cast<uint32_t>(clock_.now().ms / 1000);
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
  alive_s_ = seconds_now();
  apply_settings();
  if (is_active_) {
    if (WiFi.status() != WL_CONNECTED) {
      if (client_ != nullptr) on_disconnected("the network is gone");
    } else if (client_ != nullptr || clock_.now() >= next_attempt_) {
      serve();
    }
  }
  // Not where the failure is found: that may be inside a call of the client.
  if (has_ended_) drop_client();
}

/// One turn of the attempt or connection; starts an attempt when there is none.
void TaskWebSocketLink::serve() {
  const char* why = "";
  if (client_ == nullptr && !make_client(why)) return on_disconnected(why);
  client_->loop();
  if (client_->http_status() != 0) http_status_ = client_->http_status();
  // The library is silent about a name or a port that cannot be reached.
  if (!has_ended_ && client_->is_idle()) on_disconnected("the CSMS cannot be reached");
  pump_outbox();
}

/// Everything of an attempt is new: name, sockets, TLS and CA file.
bool TaskWebSocketLink::make_client(const char*& why) {
  http_status_ = 0;
  failure_ = platform::LinkFailure::kConnection;
  certificate_fault_ = platform::CertificateFault::kNone;
  root_ = 0;
  shown_client_ = 0;
  has_ended_ = false;
  client_.reset(new (std::nothrow) Client());
  WiFiClient* const connection = client_ == nullptr ? nullptr : connect(why);
  if (client_ == nullptr) why = "not enough memory to connect";
  if (connection == nullptr) return false;
  client_->begin(url_.host.c_str(), url_.port, url_.target.c_str(), "ocpp1.6");
  using platform::SecurityProfile;
  const common::FixedString<64>& password =
      is_other_first_ ? settings_.other_password : settings_.password;
  if (!password.empty() && (settings_.security_profile == SecurityProfile::kBasic ||
                            settings_.security_profile == SecurityProfile::kTlsBasic)) {
    client_->setAuthorization(
        platform::basic_authorization(settings_.identity.span(), common::as_bytes(password.span()))
            .c_str());
  }
  client_->setExtraHeaders("");
  client_->setReconnectInterval(ULONG_MAX);  // It never connects by itself.
  apply_ping_interval();
  client_->onEvent(
      [this](WStype_t type, uint8_t* payload, size_t size) { on_event(type, payload, size); });
  client_->start(connection);
  return true;
}

/// @return The connection that the WebSocket is made on; nullptr: why, failure_.
WiFiClient* TaskWebSocketLink::connect(const char*& why) {
  if (url_.is_tls) {
    const uint32_t began = millis();
    while (!tls_memory_.begin_connecting() && millis() - began < kGiveWayMs) delay(kPollMs);
    WiFiClient* const tls = connect_tls(why);
    tls_memory_.end_connecting(tls != nullptr);
    return tls;
  }
  tls_memory_.end_connecting(true);
  std::unique_ptr<WiFiClient> connection(new (std::nothrow) WiFiClient());
  if (connection != nullptr &&
      connection->connect(url_.host.c_str(), url_.port, TlsClient::kConnectTimeoutMs) == 1) {
    return connection.release();
  }
  why = connection == nullptr ? "not enough memory to connect" : "the CSMS cannot be reached";
  return nullptr;
}

WiFiClient* TaskWebSocketLink::connect_tls(const char*& why) {
  using platform::LinkFailure;
  ca_pem_ = String();
  const common::TextSpan ca_file = settings_.ca_file.span();
  const bool has_file = !ca_file.empty() && !common::equals(ca_file, common::text("none"));
  if (settings_.verify_certificate && has_file &&
      !read_ca_(read_ca_context_, settings_.ca_file.c_str(), ca_pem_)) {
    failure_ = LinkFailure::kMissingCredentials;
    why = "the CA file cannot be read";
    return nullptr;
  }
  security::PemAuthority authority(
      common::TextSpan(ca_pem_.c_str(), ca_pem_.length()), settings_.authority,
      std::max(clock_.utc(), settings_.earliest_utc), settings_.allow_wildcard);
  security::TlsOptions options;
  options.host = url_.host.span();
  options.authority = &authority;
  options.verify = settings_.verify_certificate;
  options.show_client =
      settings_.security_profile == platform::SecurityProfile::kTlsClientCertificate;
  std::unique_ptr<TlsClient> tls(new (std::nothrow) TlsClient(entropy_));
  if (tls == nullptr) {
    why = "not enough memory to connect";
    return nullptr;
  }
  const bool is_open = tls->open(url_.host.c_str(), url_.port, options);
  ca_pem_ = String();
  root_ = tls->session().root();
  shown_client_ = tls->session().client();
  if (is_open) return tls.release();
  const security::TlsFailure& failure = tls->session().failure();
  if (failure.kind != LinkFailure::kNone) failure_ = failure.kind;
  certificate_fault_ = failure.fault;
  std::snprintf(
      why_, sizeof why_, "%s%s",
      failure.kind == LinkFailure::kInvalidServerCertificate
          ? "the CSMS's certificate is not accepted: "
          : "",
      failure.kind == LinkFailure::kNone ? "the CSMS cannot be reached" : failure.text.c_str());
  why = why_;
  return nullptr;
}

void TaskWebSocketLink::drop_client() {
  has_ended_ = false;
  if (client_ == nullptr) return;
  client_->onEvent(nullptr);  // What its end still calls back is nobody's.
  client_.reset();
  tls_memory_.end_connecting(!url_.is_tls);
}

void TaskWebSocketLink::apply_settings() {
  {
    Lock lock(mutex_);
    if (wanted_generation_ == applied_generation_) {
      const bool is_new = wanted_.ping_interval_s != settings_.ping_interval_s;
      settings_.ping_interval_s = wanted_.ping_interval_s;
      if (is_new && client_ != nullptr) apply_ping_interval();
      return;
    }
    applied_generation_ = wanted_generation_;
    settings_ = wanted_;
    url_ = wanted_url_;
    is_active_ = is_wanted_;
    shared_.is_up = false;
  }
  if (is_connected_) pump_outbox();  // Frames that send() took go out first.
  is_connected_ = false;
  drop_client();
  backoff_.reset();
  is_other_first_ = false;
  has_tried_other_ = false;
  next_attempt_ = clock_.now();
  waiter_.wake();
}

void TaskWebSocketLink::apply_ping_interval() {
  const uint32_t seconds = settings_.ping_interval_s > 0 ? settings_.ping_interval_s : kIdleProbe_s;
  client_->enableHeartbeat(seconds * 1000U, kPongTimeoutMs, kMissedPongs);
}

void TaskWebSocketLink::on_event(WStype_t type, const uint8_t* payload, size_t size) {
  switch (type) {
    case WStype_CONNECTED: {
      backoff_.on_connected(clock_.now());
      is_connected_ = true;
      has_tried_other_ = false;
      ++connection_id_;
      Lock lock(mutex_);
      shared_.is_up = true;
      shared_.connection_id = connection_id_;
      shared_.http_status = 0;
      shared_.last_error.clear();
      shared_.failure = platform::LinkFailure::kNone;
      shared_.certificate_fault = platform::CertificateFault::kNone;
      shared_.failures = 0;
      shared_.is_tls = url_.is_tls;
      shared_.is_unverified = url_.is_tls && !settings_.verify_certificate;
      shared_.is_other_password = is_other_first_;
      shared_.root = root_;
      shared_.client = shown_client_;
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
    case WStype_FRAGMENT_TEXT_START:
      collected_ = 0;
      is_truncated_ = false;
      is_collecting_ = true;
      collect(payload, size);
      if (type == WStype_TEXT) deliver();
      break;
    case WStype_FRAGMENT:  // Pings may come between fragments.
      collect(payload, size);
      break;
    case WStype_FRAGMENT_FIN:
      collect(payload, size);
      deliver();
      break;
    case WStype_FRAGMENT_BIN_START:
      is_collecting_ = false;
      return;
    case WStype_ERROR:
    case WStype_BIN:
    case WStype_PING:
    case WStype_PONG:
      return;
  }
  waiter_.wake();
}

void TaskWebSocketLink::collect(const uint8_t* payload, size_t size) {
  if (!is_collecting_) return;
  const size_t room = limits::kMaxFrameBytes - collected_;
  const size_t count = size < room ? size : room;
  if (count < size) is_truncated_ = true;
  if (count > 0) std::memcpy(task_frame_ + sizeof(Header) + collected_, payload, count);
  collected_ += count;
}

void TaskWebSocketLink::deliver() {
  if (!is_collecting_) return;
  is_collecting_ = false;
  const Header header{connection_id_, is_truncated_};
  std::memcpy(task_frame_, &header, sizeof header);
  const size_t size = sizeof header + collected_;
  if (xMessageBufferSend(inbox_, task_frame_, size, pdMS_TO_TICKS(kInboxWaitMs)) != size) {
    on_disconnected("the gateway did not take a frame of the CSMS in time");
  }
}

/// The CSMS has not accepted one form of the password, and there is another.
bool TaskWebSocketLink::can_try_other() const {
  return !is_connected_ && http_status_ == 401 && !has_tried_other_ &&
         !settings_.other_password.empty();
}

/// Once for each attempt; its objects go at the end of the turn.
void TaskWebSocketLink::on_disconnected(const char* reason) {
  if (has_ended_) return;
  has_ended_ = true;
  if (can_try_other()) {
    has_tried_other_ = true;
    is_other_first_ = !is_other_first_;
    next_attempt_ = clock_.now();
    return;
  }
  if (has_tried_other_) is_other_first_ = !is_other_first_;  // neither: from the first one again
  has_tried_other_ = false;
  const common::Instant next = backoff_.on_failure(clock_.now(), entropy_.next_u32());
  next_attempt_ = next;
  {
    Lock lock(mutex_);
    shared_.is_up = false;
    shared_.http_status = is_connected_ ? 0 : http_status_;
    shared_.next_attempt = next;
    shared_.count_failure(
        !is_connected_ && http_status_ == 401 ? platform::LinkFailure::kUnauthorized : failure_);
    shared_.certificate_fault = certificate_fault_;
    shared_.root = root_;
    shared_.client = shown_client_;
    shared_.last_error = common::FixedString<95>(reason[0] != '\0' ? reason : "connection closed");
  }
  is_connected_ = false;
  waiter_.wake();
}

void TaskWebSocketLink::pump_outbox() {
  for (;;) {
    if (out_size_ == 0)
      out_size_ = xMessageBufferReceive(outbox_, out_frame_, sizeof out_frame_, 0);
    if (out_size_ == 0) return;
    Header header{};
    std::memcpy(&header, out_frame_, sizeof header);
    if (is_connected_ && header.connection_id == connection_id_ &&
        !client_->sendTXT(static_cast<const uint8_t*>(out_frame_ + sizeof header),
                          out_size_ - sizeof header)) {
      on_disconnected("a frame could not be sent");
    }
    out_size_ = 0;
    waiter_.wake();
  }
}

}  // namespace platform_esp32
