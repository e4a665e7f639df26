#pragma once

#include "common/span.hpp"
#include "common/status.hpp"
#include "platform/certificate_fault.hpp"

namespace platform {

/// What a TLS client asks of who keeps the certificates: is this the right server, and what do we show it?
/// No type of a TLS library is in here: OpenSSL and mbedTLS both speak DER.
///
/// A TLS client leaves the judgement of the server's certificates to this entirely (OpenSSL:
/// SSL_CTX_set_cert_verify_callback; mbedTLS: MBEDTLS_SSL_VERIFY_NONE and judge_server() before any byte of the
/// application), so that every platform accepts and refuses the same for the same reasons.
///
/// @par Context  Any one thread per object, also beside the loop: it reads only what is replaced whole. May take
///               seconds on a microcontroller, and up to 4 KiB of stack.
class TlsAuthority {
 public:
  /// Certificates of a chain that are looked at, the server's own included.
  static constexpr size_t kMaxChain = 8;

  struct Verdict {
    CertificateFault fault = CertificateFault::kNone;
    /// Names the installed root that the path ends at; 0 where fault says otherwise. For on_connected() of
    /// who keeps the certificates.
    uint32_t root = 0;
  };

  /// Receives what may be used during the call alone; what it keeps, it wipes.
  class KeyUser {
   public:
    virtual ~KeyUser() = default;
    /// @param der  The private key as PKCS#1 or SEC1 DER. Wiped when this returns.
    virtual common::Status use_key(common::ByteSpan der) = 0;
  };

  virtual ~TlsAuthority() = default;
  /// @param chain  DER as the server sent it: its own certificate first, the others in any order.
  /// @param host   Host of the URL: a DNS name, or an IP address (v4 or v6 without brackets).
  virtual Verdict judge_server(common::Span<const common::ByteSpan> chain,
                               common::TextSpan host) = 0;

  /// Which client certificate to show in the next handshake (security profile 3).
  /// @return Its name for the calls below and for on_connected(); 0 = there is none.
  virtual uint32_t client() = 0;
  /// Bytes of a certificate of the client chain, copied to out: index 0 is the client's own.
  /// @retval kNotFound  No such certificate: the end of the chain.  @retval kNoSpace  out is too small.
  virtual common::Result<size_t> client_certificate(uint32_t client, size_t index,
                                                    common::MutableByteSpan out) = 0;
  /// Hands out the key of the client certificate.
  /// @return What the user returned; kNotFound, kIo, kCorrupt, kNoSpace (memory), kAgain (a key is being written).
  virtual common::Status with_client_key(uint32_t client, KeyUser& user) = 0;
};

}  // namespace platform
