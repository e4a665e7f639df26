#pragma once

#include "common/fixed_string.hpp"
#include "common/span.hpp"
#include "common/status.hpp"
#include "platform/certificate_fault.hpp"
#include "platform/entropy.hpp"
#include "platform/tls_authority.hpp"
#include "platform/web_socket_link.hpp"
#include "security/byte_stream.hpp"

#include <memory>

namespace security {

/// Whom to talk to, and as whom.
struct TlsOptions {
  /// Host of the URL: sent as SNI when it is a name, and what the certificate must be made out for. Copied.
  common::TextSpan host;
  /// Judges the server; gives the client certificate. Outlives the session; nullptr: only with !verify.
  platform::TlsAuthority* authority = nullptr;
  bool verify = true;         ///< false: any certificate is taken.
  bool show_client = false;   ///< Show the client certificate when asked: security profile 3.
  bool is_resumable = false;  ///< Another session may take this one up.
  /// A session that stands, to the same host: the server is asked to take it up, then needs no certificate and half the
  /// memory. Only used in begin().
  const class TlsSession* resume = nullptr;
};

/// Why a session did not come about.
struct TlsFailure {
  platform::LinkFailure kind = platform::LinkFailure::kNone;
  platform::CertificateFault fault = platform::CertificateFault::kNone;
  common::FixedString<63> text;  ///< In a few words, to stand after "no TLS connection to X: ".
};

/// One TLS connection of a client, version 1.2, on mbedTLS: what OCPP's security profiles 2 and 3 prescribe.
///
/// Offers the suites of the whitepaper (ECDHE-ECDSA and RSA with AES-GCM) and ECDHE-RSA with AES-GCM, no
/// compression, no renegotiation, signatures with SHA-256 or better. The server's chain is judged by the
/// TlsAuthority as soon as it has arrived; nothing of the application is sent to a server that it refuses.
///
///     begin() -> handshake() = kAgain ... kOk -> read(), write() ... -> close()
///                            = kClosed -> failure()
///
/// @par Memory   On the heap: 35 KiB from the handshake to the destructor (two records of 16.7 KiB as arduino-esp32 builds
///               mbedTLS, the state); at the peak of the handshake 50 KiB with a short chain of EC certificates, 70 KiB with
///               four RSA certificates of 5 kB. Measured natively, with pointers of 64 bits.
/// @par Context  One thread per session. No call waits for the peer; a handshake computes for up to a second per
///               call on a microcontroller, on up to 6 KiB of stack.
/// @par Spec     Security whitepaper edition 3, A00.FR.312 to .322 and .416 to .426.
class TlsSession {
 public:
  TlsSession();
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  /// @param stream   Connected; outlives the session.  @param entropy  Of cryptographic quality; outlives the session.
  /// @retval kClosed  It cannot even begin: failure().
  common::Status begin(const TlsOptions& options, ByteStream& stream, platform::Entropy& entropy);
  /// Goes on with the handshake. @retval kAgain  Waits for the peer; see wants_write().  @retval kClosed  failure().
  common::Status handshake();
  /// What kAgain waits for: room to send, else bytes.
  bool wants_write() const;
  /// @pre  handshake() was kOk. @retval kAgain  Nothing now.  @retval kClosed  The peer ended it, or a record was wrong.
  common::Result<size_t> read(common::MutableByteSpan buffer);
  /// @pre  handshake() was kOk. After kAgain, the next call begins with the same bytes.
  /// @retval kAgain  No room now.
  common::Result<size_t> write(common::ByteSpan data);
  /// Tells the peer that no more comes. @retval kAgain  There was no room: call it again.
  common::Status end();
  /// As end(), once, where there is room and the records do not rest.
  void close();
  /// Gives the records back, 33 KiB, until the next read(), write() or end(), which say kNoSpace when there is no memory for
  /// them. Does nothing while one is on its way.
  void rest();

  const TlsFailure& failure() const { return failure_; }
  /// The root that the server's path ends at, as its authority names it; 0 = not verified.
  uint32_t root() const { return root_; }
  /// The client certificate that may be shown, as its authority names it; 0 = none.
  uint32_t client() const { return client_; }
  /// The server took up the session of TlsOptions::resume.
  bool is_resumed() const { return is_resumed_; }
  /// The peer has said that no more comes.
  bool has_ended() const { return has_ended_; }
  /// Such as "TLS-ECDHE-RSA-WITH-AES-128-GCM-SHA256".
  const char* suite() const;

 private:
  struct Contexts;  // of mbedTLS

  common::Status fail(platform::LinkFailure kind, const char* text);
  common::Status load_client();
  common::Status judge();
  common::Status explain(int error);
  common::Status explain_alert(uint8_t alert);
  void drop_handshake_parts();
  void offer(const TlsSession& other);

  std::unique_ptr<Contexts> contexts_;
  TlsFailure failure_;
  common::FixedString<253> host_;
  platform::TlsAuthority* authority_ = nullptr;
  uint32_t root_ = 0;
  uint32_t client_ = 0;
  size_t unfinished_ = 0;  ///< Of a write() that said kAgain.
  bool must_verify_ = true;
  bool is_judged_ = false;
  bool may_resume_ = false;
  bool is_resumed_ = false;
  bool has_ended_ = false;
};

}  // namespace security
