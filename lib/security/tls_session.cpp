#include "security/tls_session.hpp"

#include "security/buffer.hpp"
#include "security/tls_records.hpp"

#include <cstdio>
#include <mbedtls/platform.h>
#include <mbedtls/ssl.h>
#include <new>

namespace security {

using common::ByteSpan;
using common::MutableByteSpan;
using common::Result;
using common::Status;
using platform::CertificateFault;
using platform::LinkFailure;
using platform::TlsAuthority;

namespace {

constexpr int kSuites[] = {MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
                           MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
                           MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
                           MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
                           MBEDTLS_TLS_RSA_WITH_AES_128_GCM_SHA256,
                           MBEDTLS_TLS_RSA_WITH_AES_256_GCM_SHA384,
                           0};
constexpr int kHashes[] = {MBEDTLS_MD_SHA256, MBEDTLS_MD_SHA384, MBEDTLS_MD_SHA512,
                           MBEDTLS_MD_NONE};
constexpr mbedtls_ecp_group_id kCurves[] = {MBEDTLS_ECP_DP_SECP256R1, MBEDTLS_ECP_DP_SECP384R1,
                                            MBEDTLS_ECP_DP_SECP521R1, MBEDTLS_ECP_DP_NONE};
constexpr const char* kWrongVersion = "the server does not speak TLS 1.2";
constexpr const char* kNoMemory = "not enough memory";
/// Of a flight of handshake messages that is sent as one, bytes; what is longer goes out in pieces.
constexpr size_t kFlightBytes = 4096;
/// Longest certificate of the client chain, bytes.
constexpr size_t kMaxClientCertificateBytes = 4096;

int on_random(void* entropy, unsigned char* out, size_t size) {
  static_cast<platform::Entropy*>(entropy)->fill(MutableByteSpan(out, size));
  return 0;
}

/// SNI is for names alone (RFC 6066, 3).
bool is_address(const char* host) {
  bool has_letter = false;
  for (const char* at = host; *at != '\0'; ++at) {
    if (*at == ':') return true;
    has_letter = has_letter || ((*at < '0' || *at > '9') && *at != '.');
  }
  return !has_letter;
}

const char* words_of(CertificateFault fault) {
  switch (fault) {
    case CertificateFault::kNone:
      break;
    case CertificateFault::kMalformed:
      return "it cannot be read";
    case CertificateFault::kTooLarge:
      return "its chain is too long, or in several records";
    case CertificateFault::kExpired:
      return "it has expired, or its issuer's has";
    case CertificateFault::kNotYetValid:
      return "it is not valid yet";
    case CertificateFault::kUntrusted:
      return "its root is not installed";
    case CertificateFault::kSelfSigned:
      return "it is self-signed";
    case CertificateFault::kMissingIssuer:
      return "its issuer is not known";
    case CertificateFault::kBadSignature:
      return "its signature is wrong";
    case CertificateFault::kWrongHost:
      return "it is for another host";
    case CertificateFault::kWeakKey:
      return "its key, or its issuer's, is too short";
    case CertificateFault::kWeakSignature:
      return "its signature is of an outdated kind";
    case CertificateFault::kWrongUsage:
      return "it is not for a server, or its issuer is no CA";
    case CertificateFault::kPathTooLong:
      return "its path is longer than its CA allows";
    case CertificateFault::kKeyMismatch:
    case CertificateFault::kWrongSubject:
      break;  // of certificates that answer a request
    case CertificateFault::kNoRoot:
      return "no root is installed";
    case CertificateFault::kNoMemory:
      return "there was no memory to check it";
  }
  return "it is not acceptable";
}

}  // namespace

struct TlsSession::Contexts {
  mbedtls_ssl_context ssl;
  mbedtls_ssl_config config;
  mbedtls_x509_crt chain;
  mbedtls_pk_context key;
  ByteStream* stream = nullptr;
  TlsRecords records;
  /// Of the handshake, what goes out before the server is heard. A server that refuses the first of several messages hangs
  /// up, and who then sends the next one never gets to read why.
  Buffer flight;
  size_t flown = 0;  ///< Bytes of flight that are sent.
  bool is_gathering = false;

  Contexts() {
    mbedtls_ssl_init(&ssl);
    mbedtls_ssl_config_init(&config);
    mbedtls_x509_crt_init(&chain);
    mbedtls_pk_init(&key);
  }
  ~Contexts() {
    mbedtls_ssl_free(&ssl);
    mbedtls_ssl_config_free(&config);
    mbedtls_x509_crt_free(&chain);
    mbedtls_pk_free(&key);
  }

  Status flush() {
    while (flown < flight.size()) {
      const Result<size_t> sent = stream->write(flight.bytes().subspan(flown));
      if (!sent.ok()) return sent.status();
      flown += sent.value();
    }
    flown = 0;
    flight.set_size(0);
    return Status::kOk;
  }

  static int on_send(void* self, const unsigned char* data, size_t size) {
    auto& contexts = *static_cast<Contexts*>(self);
    if (contexts.is_gathering && contexts.flight.append(ByteSpan(data, size)))
      return static_cast<int>(size);
    Status status = contexts.flush();
    if (status == Status::kOk) {
      const Result<size_t> sent = contexts.stream->write(ByteSpan(data, size));
      if (sent.ok()) return static_cast<int>(sent.value());
      status = sent.status();
    }
    return status == Status::kAgain ? MBEDTLS_ERR_SSL_WANT_WRITE : MBEDTLS_ERR_SSL_CONN_EOF;
  }

  static int on_receive(void* self, unsigned char* data, size_t size) {
    auto& contexts = *static_cast<Contexts*>(self);
    // What the server has said counts also when it cannot be told any more.
    if (contexts.flush() == Status::kAgain) return MBEDTLS_ERR_SSL_WANT_WRITE;
    const Result<size_t> taken = contexts.stream->read(MutableByteSpan(data, size));
    if (taken.ok()) return static_cast<int>(taken.value());
    return taken.status() == Status::kAgain ? MBEDTLS_ERR_SSL_WANT_READ : MBEDTLS_ERR_SSL_CONN_EOF;
  }

  Contexts(const Contexts&) = delete;
  Contexts& operator=(const Contexts&) = delete;
};

TlsSession::TlsSession() = default;
TlsSession::~TlsSession() = default;

Status TlsSession::fail(LinkFailure kind, const char* text) {
  if (failure_.kind == LinkFailure::kNone) {
    failure_.kind = kind;
    failure_.text.assign_truncated(common::text(text));
  }
  return Status::kClosed;
}

Status TlsSession::begin(const TlsOptions& options, ByteStream& stream,
                         platform::Entropy& entropy) {
  failure_ = TlsFailure{};
  root_ = 0;
  client_ = 0;
  unfinished_ = 0;
  is_judged_ = may_resume_ = is_resumed_ = has_ended_ = false;
  authority_ = options.authority;
  must_verify_ = options.verify;
  if (host_.assign(options.host) != Status::kOk)
    return fail(LinkFailure::kTls, "the host name is too long");
  if (must_verify_ && authority_ == nullptr)
    return fail(LinkFailure::kMissingCredentials, "no root is installed");
  contexts_.reset(new (std::nothrow) Contexts);
  if (contexts_ == nullptr) return fail(LinkFailure::kTls, kNoMemory);
  mbedtls_ssl_config* const config = &contexts_->config;
  int error = mbedtls_ssl_config_defaults(config, MBEDTLS_SSL_IS_CLIENT,
                                          MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
  if (error != 0) return explain(error);
  mbedtls_ssl_conf_min_version(config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
  mbedtls_ssl_conf_ciphersuites(config, kSuites);
  mbedtls_ssl_conf_sig_hashes(config, kHashes);
  mbedtls_ssl_conf_curves(config, kCurves);
  mbedtls_ssl_conf_renegotiation(config, MBEDTLS_SSL_RENEGOTIATION_DISABLED);
  const bool has_ticket = options.is_resumable || options.resume != nullptr;
  mbedtls_ssl_conf_session_tickets(config, has_ticket ? MBEDTLS_SSL_SESSION_TICKETS_ENABLED
                                                      : MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
  mbedtls_ssl_conf_authmode(config, MBEDTLS_SSL_VERIFY_NONE);  // judge() does it
  mbedtls_ssl_conf_rng(config, on_random, &entropy);
  if (options.show_client) {
    const Status status = load_client();
    if (status != Status::kOk) return status;
  }
  error = mbedtls_ssl_setup(&contexts_->ssl, config);
  if (error == 0 && !is_address(host_.c_str()))
    error = mbedtls_ssl_set_hostname(&contexts_->ssl, host_.c_str());
  if (error != 0) return explain(error);
  if (options.resume != nullptr) offer(*options.resume);
  contexts_->stream = &stream;
  contexts_->is_gathering = contexts_->flight.allocate(kFlightBytes);
  mbedtls_ssl_set_bio(&contexts_->ssl, contexts_.get(), &Contexts::on_send, &Contexts::on_receive,
                      nullptr);
  return Status::kOk;
}

/// What was judged for one host under one rule counts for no other.
void TlsSession::offer(const TlsSession& other) {
  if (other.contexts_ == nullptr || !other.is_judged_ || other.must_verify_ != must_verify_ ||
      !common::equals(other.host_.span(), host_.span()))
    return;
  mbedtls_ssl_session session;
  mbedtls_ssl_session_init(&session);
  may_resume_ = mbedtls_ssl_get_session(&other.contexts_->ssl, &session) == 0 &&
                mbedtls_ssl_set_session(&contexts_->ssl, &session) == 0;
  mbedtls_ssl_session_free(&session);
  root_ = other.root_;
}

Status TlsSession::load_client() {
  struct User final : TlsAuthority::KeyUser {
    mbedtls_pk_context* key = nullptr;
    Status use_key(ByteSpan der) override {
      const int error = mbedtls_pk_parse_key(key, der.data(), der.size(), nullptr, 0);
      // It was a key when it was written down just now: mbedTLS does not tell missing memory from a wrong format.
      return error == 0 ? Status::kOk : Status::kNoSpace;
    }
  } user;
  user.key = &contexts_->key;
  client_ = authority_ == nullptr ? 0 : authority_->client();
  if (client_ == 0)
    return fail(LinkFailure::kMissingCredentials, "no client certificate is installed");
  const std::unique_ptr<uint8_t[]> der(new (std::nothrow) uint8_t[kMaxClientCertificateBytes]);
  if (der == nullptr) return fail(LinkFailure::kTls, kNoMemory);
  for (size_t i = 0; i < TlsAuthority::kMaxChain; ++i) {
    const Result<size_t> size = authority_->client_certificate(
        client_, i, MutableByteSpan(der.get(), kMaxClientCertificateBytes));
    if (size.status() == Status::kNotFound && i > 0) break;
    const int error =
        size.ok() ? mbedtls_x509_crt_parse_der(&contexts_->chain, der.get(), size.value()) : 0;
    if (size.status() == Status::kNoSpace || is_memory_error(error))
      return fail(LinkFailure::kTls, kNoMemory);
    if (!size.ok() || error != 0)
      return fail(LinkFailure::kMissingCredentials, "the client certificate cannot be read");
  }
  const Status status = authority_->with_client_key(client_, user);
  if (status == Status::kNoSpace) return fail(LinkFailure::kTls, kNoMemory);
  if (status != Status::kOk)
    return fail(LinkFailure::kMissingCredentials, "the client's key cannot be read");
  // Only memory can be missing.
  if (mbedtls_ssl_conf_own_cert(&contexts_->config, &contexts_->chain, &contexts_->key) != 0)
    return fail(LinkFailure::kTls, kNoMemory);
  return Status::kOk;
}

Status TlsSession::handshake() {
  if (contexts_ == nullptr || failure_.kind != LinkFailure::kNone) return Status::kClosed;
  mbedtls_ssl_context& ssl = contexts_->ssl;
  // Every step leads to another state, or waits, or ends it.
  while (ssl.state != MBEDTLS_SSL_HANDSHAKE_OVER) {
    const int before = ssl.state;
    const int error = mbedtls_ssl_handshake_step(&ssl);
    if (error == MBEDTLS_ERR_SSL_WANT_READ || error == MBEDTLS_ERR_SSL_WANT_WRITE)
      return Status::kAgain;
    if (error != 0) return explain(error);
    // A server that takes the offered session up shows no certificate: it knows the secret of the one that was judged.
    is_resumed_ = is_resumed_ || (may_resume_ && before == MBEDTLS_SSL_SERVER_HELLO &&
                                  ssl.state == MBEDTLS_SSL_SERVER_CHANGE_CIPHER_SPEC);
    is_judged_ = is_judged_ || is_resumed_;
    if (!is_judged_ && ssl.state > MBEDTLS_SSL_SERVER_CERTIFICATE) RETURN_IF_ERROR(judge());
  }
  if (!is_judged_) return fail(LinkFailure::kTls, "the server has shown no certificate");
  // The last word is ours where a session is taken up.
  const Status flown = contexts_->flush();
  if (flown == Status::kOk) drop_handshake_parts();
  return flown == Status::kOk || flown == Status::kAgain ? flown
                                                         : explain(MBEDTLS_ERR_SSL_CONN_EOF);
}

/// The server's chain has arrived: is it the right server?
Status TlsSession::judge() {
  mbedtls_ssl_context& ssl = contexts_->ssl;
  const mbedtls_ssl_session* const session = ssl.session_negotiate;
  if (session == nullptr || session->peer_cert == nullptr)
    return fail(LinkFailure::kTls, "the server has shown no certificate");
  is_judged_ = true;
  if (!must_verify_) return Status::kOk;
  ByteSpan chain[TlsAuthority::kMaxChain];
  size_t count = 0;
  CertificateFault fault = CertificateFault::kNone;
  for (const mbedtls_x509_crt* at = session->peer_cert; at != nullptr; at = at->next) {
    if (count == TlsAuthority::kMaxChain) fault = CertificateFault::kTooLarge;
    if (fault == CertificateFault::kNone) chain[count++] = ByteSpan(at->raw.p, at->raw.len);
  }
  if (fault == CertificateFault::kNone) {
    const TlsAuthority::Verdict verdict =
        authority_->judge_server(common::Span<const ByteSpan>(chain, count), host_.span());
    fault = verdict.fault;
    root_ = verdict.root;
  }
  if (fault == CertificateFault::kNone) return Status::kOk;
  const bool is_unknown = fault == CertificateFault::kUntrusted ||
                          fault == CertificateFault::kMissingIssuer ||
                          fault == CertificateFault::kSelfSigned;
  (void)mbedtls_ssl_send_alert_message(
      &ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL,
      is_unknown ? MBEDTLS_SSL_ALERT_MSG_UNKNOWN_CA : MBEDTLS_SSL_ALERT_MSG_BAD_CERT);
  (void)contexts_->flush();
  failure_.fault = fault;
  // Nothing has been judged then, and nobody is to be told of an invalid certificate.
  return fail(fault == CertificateFault::kNoMemory ? LinkFailure::kTls
                                                   : LinkFailure::kInvalidServerCertificate,
              words_of(fault));
}

/// What only the handshake needed: on a board as much as a second session.
void TlsSession::drop_handshake_parts() {
  contexts_->is_gathering = false;
  contexts_->flight.release();
  mbedtls_ssl_session* const session = contexts_->ssl.session;
  if (session != nullptr && session->peer_cert != nullptr) {
    mbedtls_x509_crt_free(session->peer_cert);
    mbedtls_free(session->peer_cert);
    session->peer_cert = nullptr;
  }
  mbedtls_x509_crt_free(&contexts_->chain);
  mbedtls_x509_crt_init(&contexts_->chain);
  mbedtls_pk_free(&contexts_->key);
  mbedtls_pk_init(&contexts_->key);
}

Status TlsSession::explain_alert(uint8_t alert) {
  const mbedtls_ssl_context& ssl = contexts_->ssl;
  switch (alert) {
    case MBEDTLS_SSL_ALERT_MSG_PROTOCOL_VERSION:
      return fail(LinkFailure::kInvalidTlsVersion, kWrongVersion);
    case MBEDTLS_SSL_ALERT_MSG_INSUFFICIENT_SECURITY:
    case MBEDTLS_SSL_ALERT_MSG_HANDSHAKE_FAILURE:
      if (ssl.state > MBEDTLS_SSL_SERVER_HELLO) break;
      // A server of TLS 1.1 settles the version first, finds no suite of ours in it, and says so in its own version.
      if (ssl.in_hdr[2] < MBEDTLS_SSL_MINOR_VERSION_3)
        return fail(LinkFailure::kInvalidTlsVersion, kWrongVersion);
      return fail(LinkFailure::kInvalidTlsCipherSuite,
                  "the server allows none of the cipher suites");
    case MBEDTLS_SSL_ALERT_MSG_UNRECOGNIZED_NAME:
      return fail(LinkFailure::kTls, "the server does not know the host name");
    default:
      break;
  }
  char text[64];
  if (ssl.client_auth == 0) {
    std::snprintf(text, sizeof text, "the server ended the handshake with alert %u", alert);
    return fail(LinkFailure::kTls, text);
  }
  if (client_ == 0)
    return fail(LinkFailure::kRefusedClientCertificate, "the server wants a client certificate");
  std::snprintf(text, sizeof text, "the server refused the client certificate, alert %u", alert);
  return fail(LinkFailure::kRefusedClientCertificate, text);
}

Status TlsSession::explain(int error) {
  const mbedtls_ssl_context& ssl = contexts_->ssl;
  if (is_memory_error(error)) return fail(LinkFailure::kTls, kNoMemory);
  switch (error) {
    case MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE:
      return explain_alert(ssl.in_msg[1]);
    case MBEDTLS_ERR_SSL_BAD_HS_PROTOCOL_VERSION:
      return fail(LinkFailure::kInvalidTlsVersion, kWrongVersion);
    case MBEDTLS_ERR_SSL_CONN_EOF:
    case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY:
      return fail(LinkFailure::kTls, "the server closed the connection in the TLS handshake");
    case MBEDTLS_ERR_SSL_INVALID_RECORD:
      return fail(LinkFailure::kTls, "the server answers with something that is not TLS");
    case MBEDTLS_ERR_SSL_ALLOC_FAILED:
      return fail(LinkFailure::kTls, kNoMemory);
    default:
      break;
  }
  if (ssl.state == MBEDTLS_SSL_SERVER_CERTIFICATE) {
    // mbedTLS 2.28 does not put together what comes in several records.
    const bool is_in_pieces = error == MBEDTLS_ERR_SSL_FEATURE_UNAVAILABLE;
    failure_.fault = is_in_pieces ? CertificateFault::kTooLarge : CertificateFault::kMalformed;
    return fail(LinkFailure::kInvalidServerCertificate, words_of(failure_.fault));
  }
  char text[64];
  std::snprintf(text, sizeof text, "the TLS handshake failed (mbedTLS -0x%04x)",
                static_cast<unsigned>(-error));
  return fail(LinkFailure::kTls, text);
}

bool TlsSession::wants_write() const {
  return contexts_ != nullptr && (contexts_->ssl.out_left > 0 || contexts_->flight.size() > 0);
}

Result<size_t> TlsSession::read(MutableByteSpan buffer) {
  if (!contexts_->records.restore(contexts_->ssl)) return Status::kNoSpace;
  const int count = mbedtls_ssl_read(&contexts_->ssl, buffer.data(), buffer.size());
  if (count > 0) return static_cast<size_t>(count);
  has_ended_ = has_ended_ || count == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY;
  const bool must_wait = count == MBEDTLS_ERR_SSL_WANT_READ || count == MBEDTLS_ERR_SSL_WANT_WRITE;
  return must_wait ? Status::kAgain : Status::kClosed;
}

Result<size_t> TlsSession::write(ByteSpan data) {
  if (!contexts_->records.restore(contexts_->ssl)) return Status::kNoSpace;
  // A record that waits to be sent is counted by the size of the call that sends the rest of it.
  const size_t size = unfinished_ > 0 ? unfinished_ : data.size();
  const int count = mbedtls_ssl_write(&contexts_->ssl, data.data(), size);
  const bool must_wait = count == MBEDTLS_ERR_SSL_WANT_READ || count == MBEDTLS_ERR_SSL_WANT_WRITE;
  unfinished_ = must_wait ? size : 0;
  if (must_wait) return Status::kAgain;
  if (count < 0) return Status::kClosed;
  return static_cast<size_t>(count);
}

Status TlsSession::end() {
  if (contexts_ == nullptr || contexts_->ssl.state != MBEDTLS_SSL_HANDSHAKE_OVER)
    return Status::kClosed;
  if (!contexts_->records.restore(contexts_->ssl)) return Status::kNoSpace;
  const int error = mbedtls_ssl_close_notify(&contexts_->ssl);
  return error == 0                            ? Status::kOk
         : error == MBEDTLS_ERR_SSL_WANT_WRITE ? Status::kAgain
                                               : Status::kClosed;
}

void TlsSession::close() {
  if (contexts_ != nullptr && !contexts_->records.is_dropped()) (void)end();
}

void TlsSession::rest() {
  if (contexts_ != nullptr && unfinished_ == 0 && contexts_->flight.size() == 0)
    (void)contexts_->records.drop(contexts_->ssl);
}

const char* TlsSession::suite() const {
  return contexts_ == nullptr ? "" : mbedtls_ssl_get_ciphersuite(&contexts_->ssl);
}

}  // namespace security
