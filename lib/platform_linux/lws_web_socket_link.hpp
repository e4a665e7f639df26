#pragma once

#include "common/log.hpp"
#include "platform/web_socket_link.hpp"
#include "platform_linux/lws_link_shared.hpp"
#include "platform_linux/poll_source.hpp"

#include <memory>
#include <thread>

namespace platform_linux {

/// WebSocketLink on libwebsockets. Name resolution, TCP, TLS and HTTP happen in a thread of its own, which hands over
/// through bounded queues.
///
/// status() is where the loop moves on: a connection that ended stays up in it until receive() has given all
/// of its frames, and until it has told a new connection_id, send() answers kClosed and receive() gives nothing
/// of that connection. So no answer goes to the wrong connection and no last answer of the CSMS is lost.
/// One redirect is followed at each attempt, never from wss to ws; last_error tells of a second one. TLS is
/// security::TlsSession.
/// Proxy variables of the environment are ignored. UTF-8 is not checked here: the engine refuses such a frame.
class LwsWebSocketLink final : public platform::WebSocketLink, public PollSource {
 public:
  /// @param log  Outlives the link.
  explicit LwsWebSocketLink(common::LogSink& log, const LwsLinkOptions& options = LwsLinkOptions{});
  /// Closes with 1001. Waits for the CSMS's answer, at most close_timeout_ms.
  ~LwsWebSocketLink() override;

  common::Status open(const platform::LinkSettings& settings) override;
  void set_ping_interval(uint16_t seconds) override;
  /// Frames that send() took go out first. @param code  1000..4999, else 1000 is used.
  void close(uint16_t code) override;
  const platform::LinkStatus& status() const override;
  /// @retval kNoSpace  Longer than the whole send queue: can never be sent.
  common::Status send(common::TextSpan frame) override;
  common::Result<platform::ReceivedFrame> receive(common::Span<char> buffer) override;

  void collect(std::vector<pollfd>& out) override;
  void on_wake() override;

 private:
  void wake_network() const;
  bool has_ended() const;
  bool has_frame() const;

  common::LogSink& log_;
  const std::shared_ptr<LwsLinkShared> shared_;
  mutable platform::LinkStatus status_;  ///< As last told by status().
  std::thread network_;
};

}  // namespace platform_linux
