#pragma once

#include "common/fixed_string.hpp"
#include "common/span.hpp"
#include "common/status.hpp"
#include "common/time.hpp"
#include "platform/tls_trust.hpp"

namespace platform {

/// Bits of FileTransfer::protocols(): the URL schemes that it knows.
enum TransferProtocol : uint8_t {
  kTransferFtp = 1,
  kTransferFtps = 2,
  kTransferHttp = 4,
  kTransferHttps = 8,
};

struct TransferStatus {
  enum class State : uint8_t { kIdle, kRunning, kDone, kFailed };
  /// What kFailed is about.
  enum class Fault : uint8_t {
    kOther,
    kUnsupported,  ///< A URL that the transfer cannot serve.
    kDenied,       ///< The server wants another user or password, or allows it to nobody.
    kRefused,      ///< The server understood, and does not take or have the file.
  };
  State state = State::kIdle;
  Fault fault = Fault::kOther;
  /// Whether another attempt may go better: false when the URL itself cannot be used.
  bool is_retry_useful = true;
  /// Downloads, once read() gave something: place of its first byte in the file; 0 when the server cannot
  /// begin in the middle, or has another file by now.
  uint32_t begins_at = 0;
  /// Of the whole file, bytes, 0 = unknown; downloads only.
  uint32_t total_bytes = 0;
  /// One sentence when kFailed. Never contains the user or password of the URL.
  common::FixedString<95> error;
};

/// Moves one file at a time from or to a server; the bytes pass through a bounded buffer.
///
///     download(url, offset)  read()... until it gives kClosed: status() says done or failed
///     upload(url)            write()... finish(), then status() until it is no longer running
///
/// URLs are http, https, ftp or ftps, with user:password@ where wanted. A redirect of HTTP is followed a few
/// times, from https to https only; the password goes along to the same server only. TLS is 1.2 or newer; a server that set_trust() does not
/// believe is not spoken to.
/// @par Context  Loop thread only; no call blocks. The network is served elsewhere.
class FileTransfer {
 public:
  virtual ~FileTransfer() = default;
  /// TransferProtocol bits.
  virtual uint8_t protocols() const = 0;
  /// What https and ftps are checked with, from the next transfer on.
  virtual void set_trust(const TlsTrust& trust) = 0;

  /// Begins to fetch a file. @param offset  First byte that is wanted: the rest of an earlier attempt.
  /// @retval kUnsupported  Not a URL of protocols(); status().error says so.
  virtual common::Status download(common::TextSpan url, uint32_t offset) = 0;
  /// Begins to store a file: PUT, POST where the server wants that, or STOR.
  /// @retval kUnsupported  As above.
  virtual common::Status upload(common::TextSpan url) = 0;

  /// Takes received bytes. @return At least one. @retval kAgain  None now. @retval kClosed  No more will come.
  virtual common::Result<size_t> read(common::MutableByteSpan buffer) = 0;
  /// Hands bytes over whole, or not at all.
  /// @retval kAgain  No room now.  @retval kClosed  The upload has failed.
  virtual common::Status write(common::ByteSpan data) = 0;
  /// The file is complete.
  virtual void finish() = 0;
  /// Ends what is running; kIdle then.
  virtual void cancel() = 0;
  virtual const TransferStatus& status() = 0;
};

/// Where the bytes of an upload come from.
class TextSource {
 public:
  virtual ~TextSource() = default;
  /// Starts from the beginning. @param from, to  Limit events in time; 0 = no limit.
  /// @retval kNotFound  There is nothing of that time.
  virtual common::Status rewind(common::UtcTime from, common::UtcTime to) = 0;
  /// The next piece; the same one again until next(). Empty at the end. Valid until the next call.
  virtual common::TextSpan piece() = 0;
  virtual void next() = 0;
};

}  // namespace platform
