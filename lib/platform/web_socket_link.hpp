#pragma once

#include "common/fixed_string.hpp"
#include "common/span.hpp"
#include "common/status.hpp"
#include "common/time.hpp"

namespace platform {

/// How to reach the CSMS. OCPP-J 1.6, 3 (connection) and security whitepaper profiles 0..2.
struct LinkSettings {
  common::FixedString<255>
      url;  ///< Base URL, ws:// or wss://, without the identity; may have port, path, query.
  common::FixedString<48> identity;  ///< Charge point identity, raw; the link percent-encodes it.
  common::FixedString<64>
      password;  ///< HTTP Basic password bytes (0x00 allowed); empty = no authentication.
  common::FixedString<127>
      ca_file;  ///< PEM file (Linux) or name in the file store (ESP32); empty = system default.
  uint16_t ping_interval_s =
      30;  ///< WebSocket pings; 0 = none. The receive watchdog runs either way.
  bool require_subprotocol =
      false;  ///< Close when the server does not echo "ocpp1.6"; else warn and go on.
  common::UtcTime
      earliest_utc;  ///< It is not earlier than this. Validity of certificates is judged at the later of this and the clock.
};

/// What the console shows about the link.
struct LinkStatus {
  bool is_up = false;
  uint32_t connection_id = 0;  ///< Counts established connections; a change means a new connection.
  uint16_t http_status = 0;    ///< Of the last refused handshake, else 0.
  common::FixedString<95>
      last_error;                ///< One sentence; empty when none. Never contains the password.
  common::Instant next_attempt;  ///< While down: when the next connection attempt starts.
  bool is_stuck =
      false;  ///< Its task or thread has not come back for minutes: only a restart helps.
};

/// One frame taken from the link.
struct ReceivedFrame {
  size_t size = 0;         ///< Bytes stored.
  bool truncated = false;  ///< The frame was longer than the buffer; only its beginning is stored.
};

/// Client connection to one CSMS that reconnects by itself with back-off and jitter.
/// @par Context  All calls from the loop thread; none blocks. Network threads hand over through bounded queues.
class WebSocketLink {
 public:
  virtual ~WebSocketLink() = default;
  /// Starts to connect, and keeps at it. Calling it again applies new settings with a new connection.
  /// @retval kInvalidArgument  The URL cannot be used; status().last_error says why.
  virtual common::Status open(const LinkSettings& settings) = 0;
  /// From now on, on this connection and the next ones; without a new connection. @param seconds  0 = no pings.
  virtual void set_ping_interval(uint16_t seconds) = 0;
  /// Closes with the given WebSocket code (1000 normal, 1001 going away) and stays closed.
  virtual void close(uint16_t code) = 0;
  virtual const LinkStatus& status() const = 0;
  /// Hands one text frame over whole, or not at all.
  /// @retval kAgain   No room now.  @retval kClosed  Link is down; the frame was not taken.
  virtual common::Status send(common::TextSpan frame) = 0;
  /// Takes the next received text frame. @retval kAgain  None waiting.
  virtual common::Result<ReceivedFrame> receive(common::Span<char> buffer) = 0;
};

}  // namespace platform
