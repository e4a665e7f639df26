#pragma once

#include "platform/http_reply.hpp"
#include "platform/stream_transfer.hpp"

namespace platform {

/// HTTP/1.1 and HTTPS: one connection per request.
///
/// Downloads ask for the rest of a file with Range, and for that of the same one with If-Range where an earlier attempt
/// was told what identifies it. Uploads are a PUT in chunks, since their length is not known; the server is asked first
/// ("Expect: 100-continue") and has a second to refuse, to redirect or to want a POST. One that answers so only later is
/// sent a POST by the next attempt.
/// About 5 KB.
class HttpTransfer final : public StreamTransfer {
 public:
  using StreamTransfer::StreamTransfer;

 private:
  enum class Phase : uint8_t { kRequest, kAsking, kSending, kLastChunk, kHead, kBody };

  static constexpr int64_t kAskMs = 1000;

  bool is_served(TransferProtocol protocol) const override;
  void start() override;
  bool advance() override;
  void close() override;

  void make_request();
  bool ask();
  bool send_body();
  bool read_head();
  bool read_body();
  void judge();
  void judge_download();
  void judge_upload();

  Phase phase_ = Phase::kRequest;
  bool may_ask_ = true;
  bool has_sent_ = false;  ///< Something was taken from the pipe.
  int redirects_ = 0;
  common::Instant asked_;
  HttpReply reply_;
  HttpBody body_;
  common::ByteSpan content_;  ///< In buffer_; not given to the pipe yet.
};

}  // namespace platform
