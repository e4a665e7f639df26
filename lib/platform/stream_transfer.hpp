#pragma once

#include "common/time.hpp"
#include "platform/secure_link.hpp"
#include "platform/transfer_url.hpp"

namespace platform {

/// What lies between a transfer and who reads or writes the file.
class TransferPipe {
 public:
  virtual ~TransferPipe() = default;
  /// Downloads. @return Bytes taken; 0 = no room now.
  virtual size_t give(common::ByteSpan data) = 0;
  /// Uploads. @return Bytes given; 0 = none now.
  virtual size_t take(common::MutableByteSpan buffer) = 0;
  /// Uploads: no more will be written. Ask before a take() that is to be the last.
  virtual bool is_complete() = 0;
};

/// Connections of a transfer; all outlive it.
struct TransferLinks {
  TcpLink& plain;
  SecureLink* tls = nullptr;  ///< Over plain. For https; nullptr: it is not offered.
  TcpLink* data = nullptr;    ///< For FTP; nullptr: it is not offered.
  SecureLink* secure_data =
      nullptr;  ///< Over data. For FTPS, with tls; nullptr: it is not offered.
};

struct TransferTimeouts {
  int64_t connect_ms = 30'000;  ///< With the lookup of the name and the handshake of TLS.
  int64_t stall_ms =
      30'000;  ///< Without a byte from the server; while the pipe is full, or empty, it waits for us.
  int64_t total_ms = 3'600'000;  ///< What a download brought until then is kept.
};

/// What one attempt tells the next one. About 110 bytes.
struct TransferMemory {
  uint32_t url_crc = 0;
  bool wants_post = false;            ///< The server takes no PUT.
  common::FixedString<95> validator;  ///< Of the file that was begun.
};

/// One attempt to fetch or to send a file over a stream: what HTTP and FTP have in common.
///
///     begin() -> step() until it is no longer running -> status()
///
/// The part of the status that tells where a download begins stands before the step() that gives the first byte.
/// @par Context  One thread; no call blocks, a step moves at most kPieceBytes.
class StreamTransfer {
 public:
  struct Order {
    common::TextSpan url;  ///< http, https, ftp or ftps.
    bool is_upload = false;
    uint32_t offset = 0;  ///< Downloads: first byte that is wanted.
  };
  static constexpr size_t kPieceBytes = 1024;
  static constexpr int kMaxRedirects = 5;

  StreamTransfer(const TransferLinks& links, TransferPipe& pipe, TransferMemory& memory,
                 const TransferTimeouts& timeouts)
      : links_(links), pipe_(pipe), memory_(memory), timeouts_(timeouts) {}
  virtual ~StreamTransfer() = default;
  StreamTransfer(const StreamTransfer&) = delete;
  StreamTransfer& operator=(const StreamTransfer&) = delete;

  /// @retval kUnsupported, kInvalidArgument  status() says why.
  common::Status begin(const Order& order, common::Instant now);
  /// @return Whether something was moved: if not, wait some ms.
  bool step(common::Instant now);
  /// Ends it as failed; the connections are closed.
  void give_up(const char* sentence) {
    if (is_running()) fail(sentence);
  }
  bool is_running() const { return status_.state == TransferStatus::State::kRunning; }
  const TransferStatus& status() const { return status_; }

 protected:
  virtual bool is_served(TransferProtocol protocol) const = 0;
  virtual void start() = 0;
  virtual bool advance() = 0;
  virtual void close() = 0;

  void fail(const char* sentence, TransferStatus::Fault fault = TransferStatus::Fault::kOther);
  /// "the server answered 404", with the fault that follows from the code of HTTP or FTP.
  void refuse(uint16_t code);
  void succeed();
  /// A byte came or went, or it is not the server that is waited for.
  void note_progress() { progress_ = now_; }
  void open(TcpLink& link);
  /// "the connection broke", or why.
  void fail_broken(const TcpLink& link);
  /// flush() cannot send any more.
  virtual void on_broken(TcpLink& link) { fail_broken(link); }
  /// Sends what is in buffer_. @return False: not all yet, or it failed.
  bool flush(TcpLink& link);
  /// Fills buffer_ if it is empty. @return False: nothing there; is_closed_ says whether more may come.
  bool fill(TcpLink& link);
  common::ByteSpan unread() const { return common::ByteSpan(buffer_ + begin_, end_ - begin_); }
  void consume(size_t count) { begin_ += count; }
  void put(common::TextSpan text);

  const TransferLinks links_;
  TransferPipe& pipe_;
  TransferMemory& memory_;
  const TransferTimeouts timeouts_;
  TransferStatus status_;
  TransferUrl url_;
  bool is_upload_ = false;
  uint32_t offset_ = 0;
  TcpLink* link_ = nullptr;  ///< That buffer_ is for.
  bool is_connecting_ = false;
  bool is_closed_ = false;  ///< The server has ended the connection.
  common::Instant now_;
  common::Instant progress_;
  common::Instant started_;
  size_t begin_ = 0;
  size_t end_ = 0;
  /// Bytes to send, or received: the head of a request is the longest.
  uint8_t buffer_[2048] = {};
};

}  // namespace platform
