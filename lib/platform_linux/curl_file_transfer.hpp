#pragma once

#include "platform/file_transfer.hpp"
#include "platform_linux/unique_fd.hpp"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace platform_linux {

/// FileTransfer on libcurl: HTTP, HTTPS, FTP and FTPS in a thread of its own.
///
/// Downloads pass through a buffer of buffer_bytes: while it is full, nothing more is taken from the network. An
/// upload is written to an unnamed file of the temporary folder first, so that its length is known (signed URLs
/// of object stores demand that) and it can be sent once more: POST follows where PUT is not allowed.
/// ftps begins in clear text and demands TLS with AUTH TLS; with port 990 it is TLS from the first byte
/// (RFC 4217). Redirects: at most 5, from https only to https; the login goes along to the same server. Proxy variables of the
/// environment are ignored.
class CurlFileTransfer final : public platform::FileTransfer {
 public:
  struct Options {
    std::string temporary_folder = "/tmp";
    size_t buffer_bytes = 64 * 1024;
    uint32_t max_upload_bytes = 32 * 1024 * 1024;
    long connect_timeout_s = 20;
    long stall_timeout_s = 30;    ///< Without a byte for so long the attempt has failed.
    long total_timeout_s = 3600;  ///< One attempt; what a download brought until then is kept.
  };

  CurlFileTransfer() : CurlFileTransfer(Options()) {}
  explicit CurlFileTransfer(Options options);
  /// Ends what is running; takes up to a second.
  ~CurlFileTransfer() override;

  uint8_t protocols() const override;
  void set_trust(const platform::TlsTrust& trust) override;
  common::Status download(common::TextSpan url, uint32_t offset) override;
  common::Status upload(common::TextSpan url) override;
  common::Result<size_t> read(common::MutableByteSpan buffer) override;
  common::Status write(common::ByteSpan data) override;
  void finish() override;
  void cancel() override;
  const platform::TransferStatus& status() override;

  /// One transfer, as the network thread and the loop share it.
  struct Job;

 private:
  common::Status start(common::TextSpan url, bool is_upload, uint32_t offset);
  void hand_over(const std::shared_ptr<Job>& job);
  void run();

  const Options options_;
  platform::TlsTrust trust_;
  platform::TransferStatus status_;  ///< As last told by status().
  std::shared_ptr<Job> job_;         ///< Of the loop; nullptr = idle.

  std::mutex mutex_;  ///< Guards what follows.
  std::condition_variable wake_;
  std::shared_ptr<Job> next_;  ///< For the network thread.
  bool is_ending_ = false;
  std::thread network_;
};

}  // namespace platform_linux
