#pragma once

#include "platform/entropy.hpp"
#include "security/tls_session.hpp"

#include <WiFiClient.h>
#include <memory>

namespace platform_esp32 {

/// A security::TlsSession over the TCP connection of a WiFiClient, in the shape that arduinoWebSockets and the file transfers
/// know.
/// @par Context  One task at a time; open() and write() wait.
class TlsClient final : public WiFiClient, private security::ByteStream {
 public:
  static constexpr int32_t kConnectTimeoutMs = 10000;
  static constexpr uint32_t kHandshakeTimeoutMs = 20000;
  static constexpr uint32_t kWriteTimeoutMs = 5000;

  explicit TlsClient(platform::Entropy& entropy) : entropy_(entropy) {}
  ~TlsClient() override { stop(); }

  /// Connects and makes TLS. @param options  Its authority outlives the call. @return False: see session().failure();
  /// that is kNone where there is no TCP connection.
  bool open(const char* host, uint16_t port, const security::TlsOptions& options);
  const security::TlsSession& session() const { return session_; }

  /// @name Of Client. connect() is refused: nobody connects without open().
  /// @{
  int connect(IPAddress, uint16_t) override { return 0; }
  int connect(IPAddress, uint16_t, int32_t) override { return 0; }
  int connect(const char*, uint16_t) override { return 0; }
  int connect(const char*, uint16_t, int32_t) override { return 0; }
  size_t write(uint8_t byte) override { return write(&byte, 1); }
  size_t write(const uint8_t* data, size_t size) override;
  int available() override;
  int read() override;
  int read(uint8_t* data, size_t size) override;
  int peek() override;
  void flush() override {}
  void stop() override;
  uint8_t connected() override;
  /// @}

 private:
  common::Result<size_t> read(common::MutableByteSpan buffer) override;
  common::Result<size_t> write(common::ByteSpan data) override;
  bool fill();

  platform::Entropy& entropy_;
  security::TlsSession session_;
  bool is_open_ = false;
  uint8_t buffer_[256] = {};  ///< Decrypted, not taken yet.
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace platform_esp32
