#pragma once

#include "platform/clock.hpp"
#include "platform/entropy.hpp"
#include "platform/file_transfer.hpp"
#include "platform/stream_transfer.hpp"
#include "platform/tls_memory.hpp"
#include "platform_esp32/lwip_tcp_link.hpp"
#include "security/tls_link.hpp"

#include <WString.h>
#include <freertos/FreeRTOS.h>
#include <freertos/semphr.h>
#include <freertos/stream_buffer.h>
#include <memory>

namespace platform_esp32 {

/// FileTransfer over HTTP, HTTPS, FTP and FTPS (platform::HttpTransfer, FtpTransfer) in a task of its own, made for the first
/// transfer. Hosts of at most 63 characters, IPv4.
///
/// One transfer at a time. Heap: 19 KiB from the first transfer on (stack, buffer); 5 KiB more while one runs, and with
/// TLS what security::TlsSession says, where TlsMemory admits it.
class TaskFileTransfer final : public platform::FileTransfer, private platform::TransferPipe {
 public:
  /// Keeps references to all. @param read_ca  Gives the PEM text of a CA file; false when unreadable.
  using ReadCa = bool (*)(void* context, const char* name, String& pem);
  TaskFileTransfer(const platform::Clock& clock, platform::Entropy& entropy,
                   platform::TlsMemory& tls_memory, ReadCa read_ca, void* context)
      : read_ca_(read_ca),
        read_ca_context_(context),
        clock_(clock),
        entropy_(entropy),
        tls_memory_(tls_memory) {
    data_tls_.take_sessions_of(tls_);
  }

  uint8_t protocols() const override {
    return platform::kTransferFtp | platform::kTransferFtps | platform::kTransferHttp |
           platform::kTransferHttps;
  }
  void set_trust(const platform::TlsTrust& trust) override;
  common::Status download(common::TextSpan url, uint32_t offset) override;
  common::Status upload(common::TextSpan url) override;
  common::Result<size_t> read(common::MutableByteSpan buffer) override;
  common::Status write(common::ByteSpan data) override;
  void finish() override { is_input_complete_ = true; }
  void cancel() override;
  const platform::TransferStatus& status() override;

 private:
  using Url = common::FixedString<limits::kMaxLocationBytes>;

  static constexpr size_t kBufferBytes = 8192;
  static constexpr uint32_t kStackBytes = 10240;  // TLS handshake: about 7 KiB.

  common::Status start(common::TextSpan url, bool is_upload, uint32_t offset);
  static void run(void* self);
  void carry_out();
  std::unique_ptr<platform::StreamTransfer> make_client();
  void publish(const platform::TransferStatus& status);
  void fail(const char* error);
  // TransferPipe, in the task:
  size_t give(common::ByteSpan data) override;
  size_t take(common::MutableByteSpan buffer) override;
  bool is_complete() override { return is_input_complete_; }

  const ReadCa read_ca_;
  void* const read_ca_context_;
  const platform::Clock& clock_;
  platform::Entropy& entropy_;
  platform::TlsMemory& tls_memory_;
  platform::TlsTrust wanted_trust_;
  platform::TransferStatus status_;

  TaskHandle_t task_ = nullptr;
  SemaphoreHandle_t mutex_ = nullptr;
  StreamBufferHandle_t bytes_ = nullptr;
  // Written by the loop while the task is idle.
  Url url_;
  platform::TlsTrust trust_;
  bool is_upload_ = false;
  uint32_t offset_ = 0;
  // Flags between the two.
  volatile bool is_busy_ = false;
  volatile bool is_cancelled_ = false;
  volatile bool is_input_complete_ = false;
  // Under mutex_.
  platform::TransferStatus shared_;
  // Of the task alone.
  LwipTcpLink plain_;
  LwipTcpLink data_;
  security::TlsLink tls_{plain_, entropy_, tls_memory_};
  security::TlsLink data_tls_{data_, entropy_, tls_memory_};
  platform::TransferMemory memory_;
};

}  // namespace platform_esp32
