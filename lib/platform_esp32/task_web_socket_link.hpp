#pragma once

#include "common/limits.hpp"
#include "platform/clock.hpp"
#include "platform/csms_url.hpp"
#include "platform/entropy.hpp"
#include "platform/reconnect_backoff.hpp"
#include "platform/tls_memory.hpp"
#include "platform/web_socket_link.hpp"
#include "platform_esp32/esp32_waiter.hpp"

#include <WebSocketsClient.h>
#include <atomic>
#include <freertos/FreeRTOS.h>
#include <freertos/message_buffer.h>
#include <freertos/semphr.h>
#include <memory>

namespace platform_esp32 {

/// arduinoWebSockets in a task of its own: its connect, DNS and TLS calls block, the loop task never does.
///
///     loop task                     network task (core 0)
///     open(), close()  -- mutex --> settings
///     send()        -- outbox_ -->  sendTXT()
///     receive()    <-- inbox_ ---   WStype_TEXT, fragments joined
///     status()      <-- mutex ---   connected, disconnected, errors
///
/// Name, sockets and TLS belong to one attempt: whatever ends it destroys them, and the next one starts with new ones.
/// The task is not under the chip's task watchdog, which would restart a gateway that charges: status() tells instead that
/// it has not come back for kStuck_s, and who sees that restarts the gateway when nothing charges.
///
/// Every queued frame carries the number of its connection: what was queued for a connection that ended is dropped on
/// either side, as the engine expects.
///
/// The library makes no connection: TCP and, for wss, security::TlsSession are made here and handed to it, because what it
/// would do by itself neither tells why a server is refused nor checks dates. It knows no redirects either.
class TaskWebSocketLink final : public platform::WebSocketLink {
 public:
  /// Keeps references to all. @param read_ca  Gives the PEM text of LinkSettings::ca_file; false when unreadable.
  using ReadCa = bool (*)(void* context, const char* name, String& pem);
  /// More than name, TCP and TLS take with the slowest server.
  static constexpr int32_t kStuck_s = 300;
  TaskWebSocketLink(const platform::Clock& clock, platform::Entropy& entropy, Esp32Waiter& waiter,
                    platform::TlsMemory& tls_memory, ReadCa read_ca, void* read_ca_context)
      : clock_(clock),
        entropy_(entropy),
        tls_memory_(tls_memory),
        waiter_(waiter),
        read_ca_(read_ca),
        read_ca_context_(read_ca_context) {}

  /// Starts the network task. @retval kNoSpace  Not enough memory.
  common::Status begin();

  common::Status open(const platform::LinkSettings& settings) override;
  void set_ping_interval(uint16_t seconds) override;
  void close(uint16_t code) override;
  const platform::LinkStatus& status() const override;
  common::Status send(common::TextSpan frame) override;
  common::Result<platform::ReceivedFrame> receive(common::Span<char> buffer) override;

 private:
  /// Gives access to what the library keeps protected.
  class Client final : public WebSocketsClient {
   public:
    uint16_t http_status() const { return static_cast<uint16_t>(_client.cCode); }
    /// Neither connected nor in a handshake.
    bool is_idle() const { return _client.status == WSC_NOT_CONNECTED; }
    /// Begins the handshake of the WebSocket. @param connection  Connected; deleted by the library.
    void start(WiFiClient* connection) {
      _client.tcp = connection;
      connectedCb();
    }
  };

  /// What precedes each frame in a queue.
  struct Header {
    uint32_t connection_id;
    bool truncated;
  };

  static constexpr size_t kQueueBytes =
      limits::kMaxFrameBytes + limits::kMaxFrameBytes / 2 + 4 * sizeof(Header);
  static constexpr uint32_t kStackBytes = 10240;  // TLS handshake: about 7 KiB.

  static void run(void* self);
  uint32_t seconds_now() const;
  void turn();
  void serve();
  bool make_client(const char*& why);
  WiFiClient* connect(const char*& why);
  WiFiClient* connect_tls(const char*& why);
  bool can_try_other() const;
  void drop_client();
  void apply_settings();
  void apply_ping_interval();
  void on_event(WStype_t type, const uint8_t* payload, size_t size);
  void collect(const uint8_t* payload, size_t size);
  void deliver();
  void on_disconnected(const char* reason);
  void pump_outbox();

  const platform::Clock& clock_;
  platform::Entropy& entropy_;
  platform::TlsMemory& tls_memory_;
  Esp32Waiter& waiter_;
  const ReadCa read_ca_;
  void* const read_ca_context_;

  // Shared, under mutex_.
  SemaphoreHandle_t mutex_ = nullptr;
  platform::LinkSettings wanted_;
  platform::CsmsUrl wanted_url_;
  uint32_t wanted_generation_ = 0;
  bool is_wanted_ = false;
  platform::LinkStatus shared_;
  std::atomic<uint32_t> alive_s_{0};  ///< Last turn of the task, s since boot.

  MessageBufferHandle_t inbox_ = nullptr;
  MessageBufferHandle_t outbox_ = nullptr;

  // Loop task only.
  mutable platform::LinkStatus status_;
  uint8_t loop_frame_[sizeof(Header) + limits::kMaxFrameBytes] = {};

  // Network task only.
  std::unique_ptr<Client> client_;  ///< Of the present attempt or connection.
  platform::LinkSettings settings_;
  platform::CsmsUrl url_;
  platform::ReconnectBackoff backoff_;
  uint32_t applied_generation_ = 0;
  bool is_active_ = false;
  bool is_connected_ = false;
  bool has_ended_ = false;  ///< The client failed and must go.
  uint16_t http_status_ = 0;
  platform::LinkFailure failure_ = platform::LinkFailure::kNone;
  platform::CertificateFault certificate_fault_ = platform::CertificateFault::kNone;
  uint32_t root_ = 0;
  uint32_t shown_client_ = 0;
  bool is_other_first_ = false;   ///< The other form of the password was accepted last.
  bool has_tried_other_ = false;  ///< Since an attempt began with the first one.
  char why_[96] = "";
  uint32_t connection_id_ = 0;
  common::Instant next_attempt_;
  String ca_pem_;
  uint8_t task_frame_[sizeof(Header) + limits::kMaxFrameBytes] = {};
  size_t collected_ = 0;
  bool is_truncated_ = false;
  bool is_collecting_ = false;  ///< The fragments are those of a text.
  uint8_t out_frame_[sizeof(Header) + limits::kMaxFrameBytes] = {};
  size_t out_size_ = 0;
};

}  // namespace platform_esp32
