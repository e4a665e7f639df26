#pragma once

#include "common/fixed_string.hpp"
#include "common/span.hpp"
#include "common/status.hpp"
#include "common/time.hpp"
#include "platform/certificate_fault.hpp"

namespace platform {

class TlsAuthority;

/// Security profile of a connection: OCPP 1.6 security whitepaper, 2.2.
enum class SecurityProfile : uint8_t {
  kNone = 0,                  ///< No password. TLS where the URL says wss.
  kBasic = 1,                 ///< Password. TLS where the URL says wss.
  kTlsBasic = 2,              ///< TLS and password; the CSMS shows a certificate.
  kTlsClientCertificate = 3,  ///< TLS; both sides show a certificate, no password.
};

/// How to reach the CSMS. OCPP-J 1.6, 3 (connection) and security whitepaper, 2.2.
struct LinkSettings {
  common::FixedString<255>
      url;  ///< Base URL, ws:// or wss://, without the identity; may have port, path, query.
  common::FixedString<48> identity;  ///< Charge point identity, raw; the link percent-encodes it.
  common::FixedString<64>
      password;  ///< HTTP Basic password bytes (0x00 allowed); empty = no authentication.
  /// The same password in its other form (hexadecimal digits or the bytes that they stand for), empty = none: when the
  /// CSMS answers 401 to one, the other is tried at once, and what was accepted is used from then on.
  common::FixedString<64> other_password;
  SecurityProfile security_profile = SecurityProfile::kBasic;
  /// Who judges the CSMS's certificate and has the gateway's own. The link calls it from its network thread; outlives
  /// the link. nullptr = there is none.
  TlsAuthority* authority = nullptr;
  /// PEM file (Linux) or name in the file store (ESP32) of roots that count besides those of authority; empty = those
  /// of the operating system (Linux), none (ESP32); "none" = none.
  common::FixedString<127> ca_file;
  bool allow_wildcard = true;  ///< *.example.com in a certificate stands for csms.example.com.
  /// false: any certificate of the CSMS is taken. For a bench alone; status().is_unverified tells.
  bool verify_certificate = true;
  uint16_t ping_interval_s =
      30;  ///< WebSocket pings; 0 = none. The receive watchdog runs either way.
  bool require_subprotocol =
      false;  ///< Close when the server does not echo "ocpp1.6"; else warn and go on.
  common::UtcTime
      earliest_utc;  ///< It is not earlier than this. Validity of certificates is judged at the later of this and the clock.
};

/// Why the last attempt failed, as far as anybody has to be told: security whitepaper, 8 (security events).
enum class LinkFailure : uint8_t {
  kNone,
  kConnection,  ///< Name, TCP, WebSocket, a refusal by HTTP status other than the next, a lost connection.
  kUnauthorized,              ///< HTTP 401: identity or password not accepted.
  kInvalidServerCertificate,  ///< Event InvalidCentralSystemCertificate.
  kInvalidTlsVersion,         ///< Event InvalidTLSVersion.
  kInvalidTlsCipherSuite,     ///< Event InvalidTLSCipherSuite.
  kRefusedClientCertificate,  ///< The CSMS wants a client certificate, or does not like ours.
  kMissingCredentials,        ///< Not even tried: no usable root, client certificate or key.
  kTls,                       ///< Another failure of the TLS handshake.
};

constexpr uint8_t kLinkFailureCount = 9;

/// Stable lower-case name for the console: "invalid_server_certificate".
const char* to_string(LinkFailure failure);

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
  LinkFailure failure = LinkFailure::kNone;  ///< What last_error is about.
  CertificateFault certificate_fault =
      CertificateFault::kNone;  ///< With kInvalidServerCertificate.
  /// Failed attempts and lost connections since open(); 0 again once a connection stands.
  uint32_t failures = 0;
  /// The same for each LinkFailure, since the start-up, never 0 again, and wrapping: who looks rarely misses none.
  uint8_t failures_of[kLinkFailureCount] = {};
  bool is_tls = false;             ///< Of the connection that is up.
  bool is_unverified = false;      ///< Certificates are not checked: verify_certificate is off.
  bool is_other_password = false;  ///< LinkSettings::other_password was accepted last.
  /// @name For who keeps the certificates: TlsAuthority::Verdict::root and client() of the last attempt; 0 = none.
  /// @{
  uint32_t root = 0;
  uint32_t client = 0;
  /// @}

  void count_failure(LinkFailure kind) {
    failure = kind;
    ++failures;
    ++failures_of[static_cast<size_t>(kind)];
  }
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
