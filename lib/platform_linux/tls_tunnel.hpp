#pragma once

#include "platform_linux/unique_fd.hpp"
#include "security/tls_session.hpp"

#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace platform_linux {

/// A connected TCP socket below a TLS session. Non-blocking.
class SocketStream final : public security::ByteStream {
 public:
  explicit SocketStream(UniqueFd socket) : socket_(std::move(socket)) {}
  common::Result<size_t> read(common::MutableByteSpan buffer) override;
  common::Result<size_t> write(common::ByteSpan data) override;
  int fd() const { return socket_.get(); }

 private:
  UniqueFd socket_;
};

/// Carries an established TLS session to a client in this process that knows sockets only: the client connects
/// to address() and speaks plain. A thread of its own moves the bytes; what one side does not take, the other
/// is not read for.
///
///     libwebsockets <-- local socket --> thread <-- TlsSession --> SocketStream <--> CSMS
///
/// One client, of this process alone; the other end closes when either side has closed and all is through.
class TlsTunnel {
 public:
  /// @param session  handshake() was kOk, on this stream.
  TlsTunnel(std::unique_ptr<SocketStream> stream, std::unique_ptr<security::TlsSession> session);
  /// Ends the thread. What the client has written goes out as far as the socket takes it at once.
  ~TlsTunnel();
  TlsTunnel(const TlsTunnel&) = delete;
  TlsTunnel& operator=(const TlsTunnel&) = delete;

  /// @return False when the kernel gives no socket.
  bool start();
  /// Name of the local socket, of Linux's abstract kind: "@vev-...".
  const std::string& address() const { return address_; }
  /// Of the TCP connection, for questions about it.
  int socket_fd() const { return stream_->fd(); }

 private:
  /// Bytes of one direction on their way.
  struct Flow {
    std::vector<uint8_t> buffer;
    size_t begin = 0;
    size_t end = 0;
    bool is_closed = false;  ///< No more will come.
    bool empty() const { return begin == end; }
    bool is_over() const { return is_closed && empty(); }
  };

  void run();
  bool accept_client();
  bool move_bytes();
  bool from_csms();
  bool to_csms();
  bool wait();

  const std::unique_ptr<SocketStream> stream_;
  const std::unique_ptr<security::TlsSession> session_;
  std::string address_;
  UniqueFd stop_;
  UniqueFd listener_;
  UniqueFd client_;
  Flow down_;                ///< From the CSMS.
  Flow up_;                  ///< To the CSMS.
  bool is_blocked_ = false;  ///< The session waits for room in the socket.
  std::thread thread_;
};

}  // namespace platform_linux
