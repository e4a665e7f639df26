#include "platform_linux/lws_client.hpp"

#include "platform_linux/connect_diagnosis.hpp"

#include <algorithm>
#include <climits>
#include <cstdio>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <utility>

namespace platform_linux {

using common::Instant;
using common::LogLevel;
using platform::LinkFailure;

namespace {

constexpr size_t kMaxLogLines = 64;
/// All zero: libwebsockets must not ping or hang up by its own rules.
constexpr lws_retry_bo_t kNoPolicy{};

}  // namespace

LwsClient::LwsClient(std::shared_ptr<LwsLinkShared> shared)
    : shared_(std::move(shared)), backoff_(shared_->options.backoff) {
  lws_set_log_level(0, nullptr);  // what it has to say is in the status
}

void LwsClient::run() {
  while (wait_until_due()) attempt();
}

/// Waits for a notification, for fd (-1 = none) or for the time.
void LwsClient::wait_for_command(int fd, short events, int64_t timeout_ms) const {
  pollfd fds[] = {{shared_->network_fd.get(), POLLIN, 0}, {fd, events, 0}};
  const int timeout = static_cast<int>(std::min<int64_t>(timeout_ms, INT_MAX));
  uint64_t count = 0;
  if (::poll(fds, 2, timeout) > 0 && fds[0].revents != 0 &&
      ::read(fds[0].fd, &count, sizeof count) < 0)
    count = 0;
}

/// @return False when the link quits.
bool LwsClient::wait_until_due() {
  while (true) {
    int64_t wait_ms = -1;
    {
      const std::lock_guard<std::mutex> lock(shared_->mutex);
      if (shared_->is_quitting) return false;
      if (shared_->is_wanted) {
        const bool is_new = shared_->generation != generation_;
        if (is_new) {
          backoff_.reset();
          is_other_password_ = false;
        }
        wait_ms = is_new ? 0 : std::max<int64_t>(next_attempt_ - clock_.now(), 0);
      } else if (!shared_->status.next_attempt.is_never()) {
        shared_->status.next_attempt = Instant::never();
        shared_->notify_loop();
      }
      if (wait_ms == 0) {
        target_ = shared_->target;
        generation_ = shared_->generation;
        return true;
      }
    }
    wait_for_command(-1, 0, wait_ms);
  }
}

bool LwsClient::is_unwanted() const {
  const std::lock_guard<std::mutex> lock(shared_->mutex);
  return !shared_->is_wanted || shared_->generation != generation_;
}

/// Tries the addresses in turn until one accepts a connection, and serves that connection to its end.
void LwsClient::serve(const addrinfo* addresses) {
  context_ = create_context();
  if (context_ == nullptr) {
    failure_ = "libwebsockets could not start";
    return;
  }
  {
    const std::lock_guard<std::mutex> lock(shared_->mutex);
    shared_->context = context_;
  }
  has_tcp_ = false;
  for (address_ = addresses; address_ != nullptr && !has_tcp_; address_ = address_->ai_next) {
    if (is_unwanted()) break;
    connect(*address_);
  }
  {
    const std::lock_guard<std::mutex> lock(shared_->mutex);
    shared_->context = nullptr;
  }
  lws_context* const ended = context_;
  context_ = nullptr;  // what its end still calls back must not wake it
  lws_context_destroy(ended);
}

void LwsClient::connect(const addrinfo& address) {
  char numeric[NI_MAXHOST];
  if (::getnameinfo(address.ai_addr, address.ai_addrlen, numeric, sizeof numeric, nullptr, 0,
                    NI_NUMERICHOST) != 0) {
    return;
  }
  is_done_ = false;
  failure_.clear();
  started_at_ = clock_.now();
  if (target_.url.is_tls && !open_tunnel(address)) return;
  const std::string server = tunnel_ == nullptr ? numeric : "+" + tunnel_->address();
  lws_client_connect_info info{};
  info.context = context_;
  info.address = server.c_str();
  info.port = target_.url.port;
  info.path = target_.url.target.c_str();
  info.host = target_.url.host_header.c_str();
  info.protocol = kSubprotocol;
  info.local_protocol_name = kSubprotocol;
  info.ietf_version_or_minus_one = -1;
  info.retry_and_idle_policy = &kNoPolicy;
  info.pwsi = &wsi_;

  wsi_ = nullptr;
  if (lws_client_connect_via_info(&info) == nullptr) on_connect_error("");
  on_command();  // what was asked for before there was a context to wake
  check_times();
  while (!is_done_) {
    if (lws_service(context_, 0) < 0) fail("libwebsockets stopped");
  }
  lws_sul_cancel(&timer_.list);
  tunnel_.reset();
}

int LwsClient::on_lws(lws* wsi, lws_callback_reasons reason, void*, void* in, size_t size) {
  auto* const client = static_cast<LwsClient*>(lws_context_user(lws_get_context(wsi)));
  return client == nullptr ? 0 : client->handle(wsi, reason, in, size);
}

int LwsClient::handle(lws* wsi, lws_callback_reasons reason, void* in, size_t size) {
  switch (reason) {
    case LWS_CALLBACK_WSI_CREATE:  // the TCP connection stands
      has_tcp_ = true;
      return 0;
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
      return append_headers(wsi, static_cast<unsigned char**>(in), size);
    case LWS_CALLBACK_CLIENT_HTTP_REDIRECT:
      http_status_ = static_cast<int>(size);
      location_ = static_cast<const char*>(in);
      return 1;
    case LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP:
      on_http_answer(wsi);
      return 0;
    case LWS_CALLBACK_CLIENT_FILTER_PRE_ESTABLISH:
      return check_subprotocol(wsi);
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
      on_connect_error(size == 0 ? "" : static_cast<const char*>(in));
      return 0;
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
      on_established(wsi);
      return 0;
    case LWS_CALLBACK_CLIENT_RECEIVE:
      on_fragment(wsi, static_cast<const char*>(in), size);
      return 0;
    case LWS_CALLBACK_CLIENT_WRITEABLE:
      return on_writable(wsi);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
      on_peer_close(static_cast<const unsigned char*>(in), size);
      return 0;
    case LWS_CALLBACK_CLIENT_CLOSED:
      wsi_ = nullptr;
      fail("the connection to the CSMS was lost");
      return 0;
    case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
      on_command();
      return 0;
    default:  // an enum of libwebsockets with a hundred values
      return 0;
  }
}

void LwsClient::on_established(lws* wsi) {
  wsi_ = wsi;
  state_ = State::kUp;
  const Instant now = clock_.now();
  last_ping_ = now;
  resumed_at_ = now;
  backoff_.on_connected(now);
  {
    const std::lock_guard<std::mutex> lock(shared_->mutex);
    platform::LinkStatus& status = shared_->status;
    status.is_up = true;
    ++status.connection_id;
    status.http_status = 0;
    status.last_error.clear();
    status.failure = LinkFailure::kNone;
    status.failures = 0;
    status.is_tls = target_.url.is_tls;
    status.is_unverified = target_.url.is_tls && !target_.must_verify;
    status.certificate_fault = platform::CertificateFault::kNone;
    status.root = root_;
    status.client = client_;
    status.is_other_password = is_other_password_;
    status.next_attempt = Instant::never();
  }
  log(LogLevel::kInfo, "connected to " + host_and_port());
  on_command();
  check_times();
}

void LwsClient::on_fragment(lws* wsi, const char* data, size_t size) {
  if (lws_is_first_fragment(wsi) != 0) {
    frame_.clear();
    is_frame_truncated_ = false;
    is_frame_binary_ = lws_frame_is_binary(wsi) != 0;
  }
  if (!is_frame_binary_ && size > 0) {
    const size_t room = shared_->options.max_frame_bytes - frame_.size();
    frame_.append(data, std::min(size, room));
    is_frame_truncated_ = is_frame_truncated_ || size > room;
  }
  if (lws_is_final_fragment(wsi) != 0) finish_frame(wsi);
}

void LwsClient::finish_frame(lws* wsi) {
  if (is_frame_binary_) {
    log(LogLevel::kWarn, "a binary frame of the CSMS was ignored");
    return;
  }
  const std::lock_guard<std::mutex> lock(shared_->mutex);
  shared_->received_bytes += frame_.size();
  shared_->received.push_back(
      {shared_->status.connection_id, std::move(frame_), is_frame_truncated_});
  frame_.clear();
  if (shared_->is_receive_queue_full()) {
    shared_->is_receive_paused = true;
    is_paused_ = true;
    lws_rx_flow_control(wsi, 0);
  }
  shared_->notify_loop();
}

int LwsClient::on_writable(lws* wsi) {
  bool has_frame = false;
  bool has_more = false;
  {
    const std::lock_guard<std::mutex> lock(shared_->mutex);
    if (!shared_->to_send.empty()) {
      const bool was_full = shared_->to_send.size() >= shared_->options.send_queue_frames ||
                            shared_->to_send_bytes > shared_->options.send_queue_bytes / 2;
      out_.assign(LWS_PRE, '\0');
      out_ += shared_->to_send.front();
      shared_->to_send_bytes -= shared_->to_send.front().size();
      shared_->to_send.pop_front();
      has_frame = true;
      if (was_full) shared_->notify_loop();
    }
    has_more = !shared_->to_send.empty();
  }
  if (has_frame) {
    auto* const bytes = reinterpret_cast<unsigned char*>(&out_[LWS_PRE]);
    const size_t size = out_.size() - LWS_PRE;
    if (lws_write(wsi, bytes, size, LWS_WRITE_TEXT) < static_cast<int>(size)) return -1;
  } else if (is_close_wanted_) {
    uint16_t code = 1000;
    {
      const std::lock_guard<std::mutex> lock(shared_->mutex);
      code = shared_->close_code;
    }
    lws_close_reason(wsi, static_cast<lws_close_status>(code), nullptr, 0);
    return -1;
  } else if (is_ping_due_) {
    is_ping_due_ = false;
    unsigned char ping[LWS_PRE + 1] = {};
    if (lws_write(wsi, ping + LWS_PRE, 0, LWS_WRITE_PING) < 0) return -1;
  }
  if (has_more || is_close_wanted_ || is_ping_due_) lws_callback_on_writable(wsi);
  return 0;
}

void LwsClient::on_peer_close(const unsigned char* data, size_t size) {
  std::string text = "the CSMS closed the connection";
  if (size >= 2) text += " with code " + std::to_string(data[0] << 8 | data[1]);
  if (size > 2) text += " (" + std::string(reinterpret_cast<const char*>(data + 2), size - 2) + ")";
  if (failure_.empty()) failure_ = text;  // done when the close has been answered
}

/// Looks at what the loop thread asks for.
void LwsClient::on_command() {
  if (is_done_) return;
  const bool must_end = is_unwanted();
  bool has_frames = false;
  bool has_new_interval = false;
  {
    const std::lock_guard<std::mutex> lock(shared_->mutex);
    has_frames = !shared_->to_send.empty();
    has_new_interval = target_.ping_interval_s != shared_->target.ping_interval_s;
    target_.ping_interval_s = shared_->target.ping_interval_s;
    if (is_paused_ && !shared_->is_receive_queue_full()) {
      is_paused_ = false;
      shared_->is_receive_paused = false;
      resumed_at_ = clock_.now();
      lws_rx_flow_control(wsi_, 1);
    }
  }
  if (must_end && state_ == State::kConnecting) return fail("given up");
  if (must_end && state_ == State::kUp) {
    state_ = State::kClosing;
    is_close_wanted_ = true;
    close_deadline_ = clock_.now() + shared_->options.close_timeout_ms;
    schedule(close_deadline_);
  }
  if (has_new_interval && state_ == State::kUp) {
    resumed_at_ = clock_.now();  // silence that the old interval allowed is none for the new one
    check_times();
  }
  if ((has_frames || is_close_wanted_) && wsi_ != nullptr && state_ != State::kConnecting) {
    lws_callback_on_writable(wsi_);
  }
}

/// Since the last byte of the peer, as the kernel saw it: counts pings and pongs, which libwebsockets does not
/// always report.
int64_t LwsClient::silence_ms(lws* wsi) const {
  tcp_info info{};
  socklen_t size = sizeof info;
  const int64_t since_resumed_ms = clock_.now() - resumed_at_;
  const int fd = tunnel_ == nullptr ? lws_get_socket_fd(wsi) : tunnel_->socket_fd();
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return since_resumed_ms;
  return std::min<int64_t>(since_resumed_ms, info.tcpi_last_data_recv);
}

void LwsClient::on_timer(lws_sorted_usec_list_t* list) {
  reinterpret_cast<Timer*>(list)->owner->check_times();
}

void LwsClient::schedule(Instant at) {
  timer_.owner = this;
  const int64_t wait_ms = std::max<int64_t>(at - clock_.now(), 1);
  lws_sul_schedule(context_, 0, &timer_.list, &LwsClient::on_timer, wait_ms * 1000);
}

void LwsClient::check_times() {
  if (is_done_) return;
  const Instant now = clock_.now();
  const LwsLinkOptions& options = shared_->options;
  switch (state_) {
    case State::kWaiting:
      return;
    case State::kConnecting: {
      const Instant deadline = started_at_ + options.handshake_timeout_ms;
      if (now >= deadline) return fail(host_and_port() + " did not answer in time");
      return schedule(deadline);
    }
    case State::kClosing:
      if (now >= close_deadline_) return fail("the CSMS did not answer the close");
      return schedule(close_deadline_);
    case State::kUp:
      break;
  }
  const bool is_pinging = target_.ping_interval_s > 0;
  const int64_t interval_ms =
      is_pinging ? int64_t{target_.ping_interval_s} * 1000 : options.idle_probe_ms;
  const int64_t limit_ms = 2 * interval_ms + options.watchdog_grace_ms;
  // While we do not read, silence says nothing about the CSMS.
  const Instant heard = is_paused_ ? now : now + -silence_ms(wsi_);
  if (now - heard >= limit_ms) {
    return fail("nothing was received from the CSMS for " + std::to_string((now - heard) / 1000) +
                " s");
  }
  const Instant ping_from = is_pinging || last_ping_ > heard ? last_ping_ : heard;
  if (now - ping_from >= interval_ms) {
    last_ping_ = now;
    is_ping_due_ = true;
    lws_callback_on_writable(wsi_);
  }
  const Instant next_ping = (now - ping_from >= interval_ms ? now : ping_from) + interval_ms;
  schedule(common::earlier(next_ping, heard + limit_ms));
}

void LwsClient::fail(const std::string& reason, LinkFailure kind) {
  if (failure_.empty()) {
    failure_ = reason;
    failure_kind_ = kind;
  }
  is_done_ = true;
  // From a timer: libwebsockets would go on to poll() before it returns.
  if (context_ != nullptr) lws_cancel_service(context_);
}

void LwsClient::publish_end() {
  const Instant now = clock_.now();
  bool is_failure = false;
  {
    const std::lock_guard<std::mutex> lock(shared_->mutex);
    LwsLinkShared& shared = *shared_;
    is_failure = shared.is_wanted && shared.generation == generation_;
    shared.to_send.clear();
    shared.to_send_bytes = 0;
    shared.is_receive_paused = false;
    shared.status.is_up = false;
    if (is_failure) {
      next_attempt_ = backoff_.on_failure(now, entropy_.next_u32(), retry_after_ms_);
      shared.status.http_status = static_cast<uint16_t>(http_status_ == 101 ? 0 : http_status_);
      shared.status.last_error.assign_truncated(common::TextSpan(failure_.data(), failure_.size()));
      shared.status.next_attempt = next_attempt_;
      shared.status.count_failure(failure_kind_);
      shared.status.certificate_fault = certificate_fault_;
      shared.status.root = root_;
      shared.status.client = client_;
    } else {
      shared.status.next_attempt = shared.is_wanted ? now : Instant::never();
    }
  }
  if (is_failure) {
    char wait[32];
    std::snprintf(wait, sizeof wait, "%.1f s", static_cast<double>(next_attempt_ - now) / 1000.0);
    log(LogLevel::kWarn, failure_ + "; next attempt in " + wait);
  } else {
    log(LogLevel::kInfo, "connection closed");
  }
}

/// Also wakes the loop thread.
void LwsClient::log(LogLevel level, const std::string& text) {
  const std::lock_guard<std::mutex> lock(shared_->mutex);
  if (shared_->log_lines.size() < kMaxLogLines) shared_->log_lines.push_back({level, text});
  shared_->notify_loop();
}

}  // namespace platform_linux
