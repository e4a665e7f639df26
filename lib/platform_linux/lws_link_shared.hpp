#pragma once

#include "common/log.hpp"
#include "platform/csms_url.hpp"
#include "platform/reconnect_backoff.hpp"
#include "platform/web_socket_link.hpp"
#include "platform_linux/unique_fd.hpp"

#include <deque>
#include <memory>
#include <mutex>
#include <string>

struct lws_context;

namespace platform_linux {

/// TCP keep-alive: idle time before the first probe, between probes, and how many are sent.
constexpr int kKeepAlive_s = 30;
constexpr int kKeepAliveInterval_s = 10;
constexpr int kKeepAliveProbes = 3;

/// Limits and times of LwsWebSocketLink.
struct LwsLinkOptions {
  platform::BackoffSettings backoff;
  /// Longest frame kept whole, bytes; of a longer one the beginning is delivered, marked truncated.
  size_t max_frame_bytes = 131072;
  /// Received frames that may wait, at least one; then the server is no longer read (TCP holds it back).
  size_t receive_queue_bytes = 262144;
  size_t receive_queue_frames = 64;
  /// Frames that may wait to be sent; then send() answers kAgain.
  size_t send_queue_bytes = 262144;
  size_t send_queue_frames = 64;
  /// From the start of an attempt (name resolution excluded) to the established WebSocket.
  int64_t handshake_timeout_ms = 40000;
  /// The receive watchdog ends a connection on which no byte arrived for two ping intervals and this.
  int64_t watchdog_grace_ms = 5000;
  /// With pings off: after so long a silence one ping asks whether the CSMS is still there.
  int64_t idle_probe_ms = 300000;
  /// How long close() waits for the CSMS to close its side.
  int64_t close_timeout_ms = 3000;
};

/// Where to connect to, ready for use.
struct LwsTarget {
  platform::CsmsUrl url;
  std::string authorization;  ///< Value of the header; empty = none.
  std::string
      other_authorization;  ///< Tried when the CSMS answers 401 to the one above; empty = none.
  platform::SecurityProfile profile = platform::SecurityProfile::kNone;
  platform::TlsAuthority* authority = nullptr;
  std::string ca_file;
  bool allow_wildcard = true;
  bool must_verify = true;
  common::UtcTime earliest_utc;
  uint16_t ping_interval_s = 0;
  bool require_subprotocol = false;
};

/// What the loop thread and the network thread hand to each other; everything below the mutex is guarded by it.
struct LwsLinkShared {
  explicit LwsLinkShared(const LwsLinkOptions& link_options) : options(link_options) {}

  const LwsLinkOptions options;
  UniqueFd loop_fd;     ///< Readable when the loop thread has something to look at.
  UniqueFd network_fd;  ///< Readable when the network thread has, outside of an lws_context.

  std::mutex mutex;

  // From the loop thread.
  LwsTarget target;
  uint32_t generation = 0;  ///< Counts open(): a change means new settings.
  bool is_wanted = false;   ///< False after close().
  bool is_quitting = false;
  uint16_t close_code = 1000;
  std::deque<std::string> to_send;
  size_t to_send_bytes = 0;

  // From the network thread.
  lws_context* context = nullptr;  ///< Of the present attempt; for waking it.
  struct Frame {
    uint32_t connection_id = 0;
    std::string text;
    bool is_truncated = false;
  };
  std::deque<Frame> received;
  size_t received_bytes = 0;
  bool is_receive_paused = false;
  platform::LinkStatus status;
  struct LogLine {
    common::LogLevel level;
    std::string text;
  };
  std::deque<LogLine> log_lines;

  void notify_loop() const { signal(loop_fd); }
  void notify_network() const { signal(network_fd); }
  bool is_receive_queue_full() const {
    return received.size() >= options.receive_queue_frames ||
           received_bytes >= options.receive_queue_bytes;
  }

 private:
  static void signal(const UniqueFd& fd) {
    const uint64_t one = 1;
    if (::write(fd.get(), &one, sizeof one) < 0) return;  // full: already signalled
  }
};

}  // namespace platform_linux
