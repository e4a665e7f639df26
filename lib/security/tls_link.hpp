#pragma once

#include "platform/secure_link.hpp"
#include "platform/tls_memory.hpp"
#include "security/tls_session.hpp"

#include <memory>

namespace security {

/// TLS over a TcpLink, as a TcpLink: open once the handshake is over. The memory of the session (TlsSession) is only
/// taken from connect() to close(), and where TlsMemory admits it.
/// @par Context  Thread of the TcpLink. A call computes as long as TlsSession::handshake() does.
class TlsLink final : public platform::SecureLink {
 public:
  /// @param tcp, entropy, memory  Outlive this; nobody else uses tcp meanwhile.
  TlsLink(platform::TcpLink& tcp, platform::Entropy& entropy, const platform::TlsMemory& memory)
      : tcp_(tcp), entropy_(entropy), memory_(memory) {}
  ~TlsLink() override { close(); }

  /// @param authority  Judges the servers of connections to come; outlives them.
  void set_authority(platform::TlsAuthority& authority) { authority_ = &authority; }

  /// From now on asks the servers of its connections to take up the session of `other`, where that stands and is to the same
  /// host. @param other  Outlives this.
  void take_sessions_of(TlsLink& other);

  common::Status connect(const char* host, uint16_t port) override;
  common::Status secure(const char* host) override;
  void rest() override;
  common::Status end() override;
  bool is_complete() const override { return session_ != nullptr && session_->has_ended(); }
  /// Takes memory: from the handshake to close().
  bool has_session() const { return session_ != nullptr; }
  /// Of the connection that stands: it has taken up another session.
  bool is_resumed() const { return session_ != nullptr && session_->is_resumed(); }
  void close() override;
  State state() const override;
  /// Of TLS only: "" where there was no TCP connection.
  const char* last_error() const override { return error_.c_str(); }
  common::Result<size_t> write(common::ByteSpan data) override;
  common::Result<size_t> read(common::MutableByteSpan buffer) override;

 private:
  /// What the session stands on.
  class Below final : public ByteStream {
   public:
    explicit Below(platform::TcpLink& tcp) : tcp_(tcp) {}
    common::Result<size_t> read(common::MutableByteSpan buffer) override;
    common::Result<size_t> write(common::ByteSpan data) override;

   private:
    platform::TcpLink& tcp_;
  };

  void advance();
  void begin();
  void fail();
  void fail(const char* text);
  common::Result<size_t> result_of(common::Result<size_t> count);

  platform::TcpLink& tcp_;
  platform::Entropy& entropy_;
  const platform::TlsMemory& memory_;
  platform::TlsAuthority* authority_ = nullptr;
  Below below_{tcp_};
  std::unique_ptr<TlsSession> session_;
  common::FixedString<253> host_;
  common::FixedString<95> error_;
  State state_ = State::kClosed;
  bool has_ended_ = false;  ///< end() was kOk.
  bool is_resumable_ = false;
  const TlsLink* other_ = nullptr;
};

}  // namespace security
