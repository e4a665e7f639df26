#pragma once

#include "platform/tcp_link.hpp"
#include "security/tls_session.hpp"

#include <memory>

namespace security {

/// TLS over a TcpLink, as a TcpLink: open once the handshake is over. The memory of the session (TlsSession) is only
/// taken from connect() to close().
/// @par Context  Thread of the TcpLink. A call computes as long as TlsSession::handshake() does.
class TlsLink final : public platform::TcpLink {
 public:
  /// @param tcp, entropy  Outlive this; nobody else uses tcp meanwhile.
  TlsLink(platform::TcpLink& tcp, platform::Entropy& entropy) : tcp_(tcp), entropy_(entropy) {}
  ~TlsLink() override { close(); }

  /// @param authority  Judges the servers of connections to come; outlives them.
  void set_authority(platform::TlsAuthority& authority) { authority_ = &authority; }

  common::Status connect(const char* host, uint16_t port) override;
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
  void fail();

  platform::TcpLink& tcp_;
  platform::Entropy& entropy_;
  platform::TlsAuthority* authority_ = nullptr;
  Below below_{tcp_};
  std::unique_ptr<TlsSession> session_;
  common::FixedString<253> host_;
  common::FixedString<95> error_;
  State state_ = State::kClosed;
};

}  // namespace security
