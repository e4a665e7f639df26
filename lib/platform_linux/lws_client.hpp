#pragma once

#include "platform/reconnect_backoff.hpp"
#include "platform_linux/linux_clock.hpp"
#include "platform_linux/linux_entropy.hpp"
#include "platform_linux/lws_link_shared.hpp"
#include "platform_linux/name_resolution.hpp"
#include "platform_linux/tls_tunnel.hpp"

#include <libwebsockets.h>
#include <memory>
#include <string>

namespace platform_linux {

/// The network side of LwsWebSocketLink: one attempt after the other, each with a fresh lws_context, so that nothing of
/// a failed attempt (sockets, TLS state, CA file) lives on. libwebsockets speaks plain in any case: TLS is made before,
/// with the code of the board, and carried by a TlsTunnel.
///
///     waiting --due--> connecting --established--> up --close()/open()--> closing
///        ^                 |                        |                        |
///        +----- failed ----+-------- lost ----------+--------- closed -------+
///
/// @par Context  Network thread only. Reaches the loop thread through LwsLinkShared alone.
class LwsClient {
 public:
  explicit LwsClient(std::shared_ptr<LwsLinkShared> shared);
  /// Connects and reconnects until the link quits.
  void run();

 private:
  enum class State : uint8_t { kWaiting, kConnecting, kUp, kClosing };

  static constexpr const char* kSubprotocol = "ocpp1.6";

  /// First member is what libwebsockets hands back.
  struct Timer {
    lws_sorted_usec_list_t list;
    LwsClient* owner;
  };

  static int on_lws(lws* wsi, lws_callback_reasons reason, void* user, void* in, size_t size);
  static void on_timer(lws_sorted_usec_list_t* list);

  bool wait_until_due();
  void attempt();
  void try_once();
  bool follow_redirect();
  void use_other_password();
  AddressList resolve();
  void serve(const addrinfo* addresses);
  void connect(const addrinfo& address);
  lws_context* create_context();
  bool is_unwanted() const;
  void wait_for_command(int fd, short events, int64_t timeout_ms) const;
  bool wait_in_attempt(int fd, short events);
  UniqueFd connect_socket(const addrinfo& address);
  bool open_tunnel(const addrinfo& address);

  int handle(lws* wsi, lws_callback_reasons reason, void* in, size_t size);
  int append_headers(lws* wsi, unsigned char** position, size_t size);
  void on_http_answer(lws* wsi);
  int check_subprotocol(lws* wsi);
  void on_connect_error(const char* reason);
  void on_established(lws* wsi);
  void on_fragment(lws* wsi, const char* data, size_t size);
  void finish_frame(lws* wsi);
  int on_writable(lws* wsi);
  void on_peer_close(const unsigned char* data, size_t size);
  void on_command();
  void check_times();
  void schedule(common::Instant at);
  int64_t silence_ms(lws* wsi) const;

  void fail(const std::string& reason,
            platform::LinkFailure kind = platform::LinkFailure::kConnection);
  void publish_end();
  void log(common::LogLevel level, const std::string& text);
  std::string host_and_port() const;

  const std::shared_ptr<LwsLinkShared> shared_;
  LinuxClock clock_;
  LinuxEntropy entropy_;
  platform::ReconnectBackoff backoff_;
  common::Instant next_attempt_;

  bool is_other_password_ = false;  ///< LwsTarget::other_authorization stands in.

  // Of the present attempt.
  State state_ = State::kWaiting;
  LwsTarget target_;
  uint32_t generation_ = 0;
  lws_context* context_ = nullptr;
  lws* wsi_ = nullptr;
  Timer timer_{};
  const addrinfo* address_ = nullptr;
  bool has_tcp_ = false;  ///< The address accepted a connection.
  bool is_done_ = false;
  bool is_close_wanted_ = false;
  std::string failure_;  ///< First reason wins.
  platform::LinkFailure failure_kind_ = platform::LinkFailure::kNone;
  platform::CertificateFault certificate_fault_ = platform::CertificateFault::kNone;
  uint32_t root_ = 0;
  uint32_t client_ = 0;
  std::string roots_;                  ///< PEM text.
  std::unique_ptr<TlsTunnel> tunnel_;  ///< Of the present connection, when it is one over TLS.
  std::string location_;
  int http_status_ = 0;
  int64_t retry_after_ms_ = 0;
  common::Instant started_at_;
  common::Instant close_deadline_ = common::Instant::never();
  common::Instant last_ping_;
  common::Instant resumed_at_;
  bool is_ping_due_ = false;
  bool is_paused_ = false;
  std::string frame_;
  bool is_frame_truncated_ = false;
  bool is_frame_binary_ = false;
  std::string out_;
};

}  // namespace platform_linux
