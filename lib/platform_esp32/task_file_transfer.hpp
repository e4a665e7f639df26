#pragma once

#include "common/limits.hpp"
#include "platform/clock.hpp"
#include "platform/entropy.hpp"
#include "platform/file_transfer.hpp"

#include <WString.h>
#include <freertos/FreeRTOS.h>
#include <freertos/semphr.h>
#include <freertos/stream_buffer.h>
#include <memory>

class WiFiClient;

namespace platform_esp32 {

/// FileTransfer over HTTP and HTTPS in a task of its own, made for the first transfer.
///
/// Downloads use HTTPClient. Uploads are a PUT in chunks, since their length is not known beforehand; a server that
/// takes POST only, or no chunks, cannot be used. FTP is not offered: protocols() says so.
/// One transfer at a time; TLS takes about 35 KiB of heap while it runs, more in its handshake (security::TlsSession).
class TaskFileTransfer final : public platform::FileTransfer {
 public:
  /// Keeps references to all. @param read_ca  Gives the PEM text of a CA file; false when unreadable.
  using ReadCa = bool (*)(void* context, const char* name, String& pem);
  TaskFileTransfer(const platform::Clock& clock, platform::Entropy& entropy, ReadCa read_ca,
                   void* context)
      : read_ca_(read_ca), read_ca_context_(context), clock_(clock), entropy_(entropy) {}

  uint8_t protocols() const override { return platform::kTransferHttp | platform::kTransferHttps; }
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
  std::unique_ptr<WiFiClient> connect(const String& url, const char*& why);
  void run_download(WiFiClient& client, const String& url);
  void run_upload(WiFiClient& client, const String& url);
  void end(const char* error);
  bool is_cancelled() const { return is_cancelled_; }

  const ReadCa read_ca_;
  void* const read_ca_context_;
  const platform::Clock& clock_;
  platform::Entropy& entropy_;
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
  String next_url_;  ///< Task only: where a redirect points.
};

}  // namespace platform_esp32
