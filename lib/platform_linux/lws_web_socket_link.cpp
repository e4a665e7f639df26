#include "platform_linux/lws_web_socket_link.hpp"

#include "platform_linux/lws_client.hpp"

#include <algorithm>
#include <cstring>
#include <libwebsockets.h>
#include <sys/eventfd.h>
#include <utility>

namespace platform_linux {

LOG_MODULE("link");

using common::Result;
using common::Status;

namespace {

std::string to_string(common::TextSpan text) { return std::string(text.data(), text.size()); }

}  // namespace

LwsWebSocketLink::LwsWebSocketLink(common::LogSink& log, const LwsLinkOptions& options)
    : log_(log), shared_(std::make_shared<LwsLinkShared>(options)) {
  shared_->loop_fd.reset(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  shared_->network_fd.reset(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  shared_->status.next_attempt = common::Instant::never();
  status_ = shared_->status;
}

LwsWebSocketLink::~LwsWebSocketLink() {
  if (!network_.joinable()) return;
  {
    const std::lock_guard<std::mutex> lock(shared_->mutex);
    shared_->is_quitting = true;
    shared_->is_wanted = false;
    shared_->close_code = 1001;
    wake_network();
  }
  network_.join();
}

/// Call with the mutex held: it keeps the context alive.
void LwsWebSocketLink::wake_network() const {
  shared_->notify_network();
  if (shared_->context != nullptr) lws_cancel_service(shared_->context);
}

/// The connection that the loop knows is not there any more. Call with the mutex held.
bool LwsWebSocketLink::has_ended() const {
  const platform::LinkStatus& present = shared_->status;
  return status_.is_up && (!present.is_up || present.connection_id != status_.connection_id);
}

/// Frames of the connection that the loop knows are waiting. Call with the mutex held.
bool LwsWebSocketLink::has_frame() const {
  return !shared_->received.empty() &&
         shared_->received.front().connection_id == status_.connection_id;
}

Status LwsWebSocketLink::open(const platform::LinkSettings& settings) {
  LwsTarget target;
  common::FixedString<95> error;
  Status status =
      platform::parse_csms_url(settings.url.span(), settings.identity.span(), target.url, error);
  if (status == Status::kOk && !target.url.is_tls &&
      settings.security_profile >= platform::SecurityProfile::kTlsBasic) {
    error.assign_truncated(common::text("security profiles 2 and 3 need a CSMS URL with wss://"));
    status = Status::kInvalidArgument;
  }
  const std::lock_guard<std::mutex> lock(shared_->mutex);
  if (status != Status::kOk) {
    shared_->status.last_error = error;
    return status;
  }
  const auto authorization = [&settings](const common::FixedString<64>& password) {
    const common::TextSpan identity = settings.identity.span();
    const common::ByteSpan bytes = common::as_bytes(password.span());
    return password.empty() ? ""
                            : std::string(platform::basic_authorization(identity, bytes).c_str());
  };
  if (settings.security_profile == platform::SecurityProfile::kBasic ||
      settings.security_profile == platform::SecurityProfile::kTlsBasic) {
    target.authorization = authorization(settings.password);
    target.other_authorization = authorization(settings.other_password);
  }
  target.profile = settings.security_profile;
  target.authority = settings.authority;
  target.ca_file = to_string(settings.ca_file.span());
  target.allow_wildcard = settings.allow_wildcard;
  target.must_verify = settings.verify_certificate;
  target.earliest_utc = settings.earliest_utc;
  target.ping_interval_s = settings.ping_interval_s;
  target.require_subprotocol = settings.require_subprotocol;
  shared_->target = std::move(target);
  ++shared_->generation;
  shared_->is_wanted = true;
  shared_->close_code = 1000;
  shared_->status.last_error.clear();
  shared_->status.http_status = 0;
  shared_->status.failure = platform::LinkFailure::kNone;
  shared_->status.failures = 0;
  if (!network_.joinable()) network_ = std::thread([shared = shared_] { LwsClient(shared).run(); });
  wake_network();
  return Status::kOk;
}

void LwsWebSocketLink::set_ping_interval(uint16_t seconds) {
  const std::lock_guard<std::mutex> lock(shared_->mutex);
  shared_->target.ping_interval_s = seconds;
  wake_network();
}

void LwsWebSocketLink::close(uint16_t code) {
  const std::lock_guard<std::mutex> lock(shared_->mutex);
  shared_->is_wanted = false;
  shared_->close_code = code >= 1000 && code <= 4999 ? code : 1000;
  wake_network();
}

const platform::LinkStatus& LwsWebSocketLink::status() const {
  const std::lock_guard<std::mutex> lock(shared_->mutex);
  // What the CSMS sent before the connection ended comes before its end.
  if (!has_ended() || !has_frame()) status_ = shared_->status;
  return status_;
}

Status LwsWebSocketLink::send(common::TextSpan frame) {
  const std::lock_guard<std::mutex> lock(shared_->mutex);
  LwsLinkShared& shared = *shared_;
  if (!shared.status.is_up || !shared.is_wanted ||
      shared.status.connection_id != status_.connection_id) {
    return Status::kClosed;
  }
  if (frame.size() > shared.options.send_queue_bytes) return Status::kNoSpace;
  if (shared.to_send.size() >= shared.options.send_queue_frames ||
      frame.size() > shared.options.send_queue_bytes - shared.to_send_bytes) {
    return Status::kAgain;
  }
  shared.to_send.push_back(to_string(frame));
  shared.to_send_bytes += frame.size();
  wake_network();
  return Status::kOk;
}

Result<platform::ReceivedFrame> LwsWebSocketLink::receive(common::Span<char> buffer) {
  const std::lock_guard<std::mutex> lock(shared_->mutex);
  LwsLinkShared& shared = *shared_;
  Result<platform::ReceivedFrame> result = Status::kAgain;
  while (!shared.received.empty() && !result.ok()) {
    const LwsLinkShared::Frame& frame = shared.received.front();
    if (frame.connection_id > status_.connection_id) break;
    if (frame.connection_id == status_.connection_id) {
      platform::ReceivedFrame taken;
      taken.size = std::min(frame.text.size(), buffer.size());
      taken.truncated = frame.is_truncated || frame.text.size() > buffer.size();
      if (taken.size > 0) std::memcpy(buffer.data(), frame.text.data(), taken.size);
      result = taken;
    }
    shared.received_bytes -= frame.text.size();
    shared.received.pop_front();
  }
  if (shared.is_receive_paused && !shared.is_receive_queue_full()) wake_network();
  if (has_ended() && !has_frame()) shared.notify_loop();  // status() moves on now
  return result;
}

void LwsWebSocketLink::collect(std::vector<pollfd>& out) {
  out.push_back({shared_->loop_fd.get(), POLLIN, 0});
}

void LwsWebSocketLink::on_wake() {
  uint64_t count = 0;
  if (::read(shared_->loop_fd.get(), &count, sizeof count) < 0) count = 0;
  std::deque<LwsLinkShared::LogLine> lines;
  {
    const std::lock_guard<std::mutex> lock(shared_->mutex);
    lines.swap(shared_->log_lines);
  }
  for (const LwsLinkShared::LogLine& line : lines)
    log_.write(line.level, kLogModule, "%s", line.text.c_str());
}

}  // namespace platform_linux
