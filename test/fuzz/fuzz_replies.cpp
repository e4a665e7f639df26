// Fuzz target of what servers of files say. Input: a byte, whose bits choose (1: FTP; 2: upload; 4: from the middle; 8: TLS,
// which stands as soon as it is begun; 16: from the first byte), how many bytes the network gives at once, then what the server sends on its first connection, with "\0" between the
// connections that follow.
//
// Whatever the server says: no crash, it ends, no byte is given that was not received, and what is done begins where
// it was asked to begin, or at 0.
#include "platform/ftp_transfer.hpp"
#include "platform/http_transfer.hpp"

#include <algorithm>
#include <cstdlib>
#include <string>

namespace {

/// Replays bytes; the end of a part ends a connection.
class Replay final : public platform::SecureLink {
 public:
  Replay(common::ByteSpan& input, size_t segment) : input_(input), segment_(segment) {}

  common::Status connect(const char*, uint16_t) override {
    state_ = State::kOpen;
    return common::Status::kOk;
  }
  common::Status secure(const char* host) override { return connect(host, 1); }
  void rest() override {}
  common::Status end() override { return common::Status::kOk; }
  bool is_complete() const override { return true; }
  void close() override { state_ = State::kClosed; }
  State state() const override { return state_; }
  const char* last_error() const override { return ""; }
  common::Result<size_t> write(common::ByteSpan data) override { return data.size(); }
  common::Result<size_t> read(common::MutableByteSpan buffer) override {
    if (state_ != State::kOpen) return common::Status::kClosed;
    size_t count = 0;
    const size_t most = std::min({buffer.size(), input_.size(), segment_});
    for (; count < most && input_[count] != 0; ++count) buffer[count] = input_[count];
    const bool ends = input_.size() <= count || (count < most && input_[count] == 0);
    input_ = input_.subspan(count > 0 ? count : 1);
    if (count > 0) return count;
    if (!ends) return common::Status::kAgain;
    state_ = State::kClosed;
    return common::Status::kClosed;
  }

 private:
  common::ByteSpan& input_;
  const size_t segment_;
  State state_ = State::kClosed;
};

struct Pipe final : platform::TransferPipe {
  size_t given = 0;
  size_t left = 3000;

  size_t give(common::ByteSpan data) override {
    given += data.size();
    return data.size();
  }
  size_t take(common::MutableByteSpan buffer) override {
    const size_t count = std::min(buffer.size(), left);
    std::fill_n(buffer.data(), count, uint8_t{'x'});
    left -= count;
    return count;
  }
  bool is_complete() override { return true; }
};

template <typename Client>
void play(common::ByteSpan input, size_t segment, const platform::StreamTransfer::Order& order) {
  Replay plain(input, segment);
  Replay tls(input, segment);
  Replay data(input, segment);
  Replay secure_data(input, segment);
  Pipe pipe;
  platform::TransferMemory memory;
  Client client({plain, &tls, &data, &secure_data}, pipe, memory, {});
  common::Instant now{1};
  if (client.begin(order, now) != common::Status::kOk) std::abort();
  const size_t received = input.size();
  int steps = 0;
  for (; client.is_running() && steps < 200'000; ++steps) {
    (void)client.step(now);
    now = now + 100;
  }
  if (client.is_running()) std::abort();
  if (pipe.given > received) std::abort();
  const platform::TransferStatus& status = client.status();
  if (status.state == platform::TransferStatus::State::kDone && !order.is_upload &&
      status.begins_at != 0 && status.begins_at != order.offset)
    std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const common::ByteSpan input(data + 2, size - 2);
  const size_t segment = data[1] % 64U + 1U;
  const bool is_ftp = (data[0] & 1U) != 0;
  const bool is_upload = (data[0] & 2U) != 0;
  const bool is_tls = (data[0] & 8U) != 0;
  const char* const ftp = !is_tls                ? "ftp://u:p@h/f"
                          : (data[0] & 16U) != 0 ? "ftps://u:p@h:990/f"
                                                 : "ftps://u:p@h/f";
  const char* const http = is_tls ? "https://u:p@h/f" : "http://u:p@h/f";
  const platform::StreamTransfer::Order order{common::text(is_ftp ? ftp : http), is_upload,
                                              (data[0] & 4U) != 0 && !is_upload ? 10U : 0U};
  if (is_ftp) {
    play<platform::FtpTransfer>(input, segment, order);
  } else {
    play<platform::HttpTransfer>(input, segment, order);
  }
  return 0;
}
