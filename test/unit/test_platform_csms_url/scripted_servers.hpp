#pragma once

#include "doctest_main/doctest_main.hpp"
#include "platform/ftp_transfer.hpp"
#include "platform/http_transfer.hpp"

#include <algorithm>
#include <deque>
#include <string>
#include <vector>

using common::Instant;
using common::Result;
using common::Status;
using platform::TransferStatus;

/// A server that answers what it is told to.
class ScriptLink final : public platform::SecureLink {
 public:
  struct Line {
    std::string wait_for;  ///< Part of what the client sends; "" = at once.
    std::string answer;
    bool closes = false;
  };
  std::deque<Line> script;
  std::vector<std::string> connections;  ///< "host:port"
  std::string sent;                      ///< In all connections.
  std::string address;                   ///< What its name was looked up to.
  std::string error;                     ///< Attempts to connect fail with it.
  bool is_slow = false;                  ///< It never connects.
  size_t segment_bytes = 7;
  bool ends_well = true;    ///< What the server ends, it has ended, not somebody on the way.
  size_t takes = SIZE_MAX;  ///< Hangs up after so many bytes.
  int rests = 0;            ///< Calls of rest().
  int ends = 0;             ///< Calls of end(); the first has no room.

  Status secure(const char* host) override {
    connections.push_back(std::string("TLS ") + host);
    state_ = is_slow ? State::kConnecting : error.empty() ? State::kOpen : State::kClosed;
    seen_ = sent.size();
    return Status::kOk;
  }
  void rest() override { ++rests; }
  Status end() override { return ++ends == 1 ? Status::kAgain : Status::kOk; }
  bool is_complete() const override { return ends_well; }
  Status connect(const char* host, uint16_t port) override {
    close();
    connections.push_back(std::string(host) + ":" + std::to_string(port));
    state_ = is_slow ? State::kConnecting : error.empty() ? State::kOpen : State::kClosed;
    return Status::kOk;
  }
  void close() override {
    state_ = State::kClosed;
    incoming_.clear();
    seen_ = sent.size();
    is_ending_ = false;
  }
  State state() const override { return state_; }
  const char* peer() const override { return address.c_str(); }
  const char* last_error() const override { return error.c_str(); }
  Result<size_t> write(common::ByteSpan data) override {
    if (state_ != State::kOpen || sent.size() >= takes) return Status::kClosed;
    const size_t count = std::min(data.size(), segment_bytes);
    sent.append(reinterpret_cast<const char*>(data.data()), count);
    return count;
  }
  Result<size_t> read(common::MutableByteSpan buffer) override {
    if (state_ != State::kOpen) return Status::kClosed;
    if (incoming_.empty() && !is_ending_ && !script.empty() &&
        sent.find(script.front().wait_for, seen_) != std::string::npos) {
      incoming_ = script.front().answer;
      is_ending_ = script.front().closes;
      seen_ = sent.size();
      script.pop_front();
    }
    const size_t count = std::min({buffer.size(), incoming_.size(), segment_bytes});
    std::copy_n(incoming_.begin(), count, buffer.data());
    incoming_.erase(0, count);
    if (count > 0) return count;
    if (!is_ending_) return Status::kAgain;
    state_ = State::kClosed;
    return Status::kClosed;
  }

 private:
  State state_ = State::kClosed;
  std::string incoming_;
  size_t seen_ = 0;
  bool is_ending_ = false;
};

struct World : platform::TransferPipe {
  ScriptLink plain;
  ScriptLink tls;
  ScriptLink data;
  ScriptLink secure_data;
  platform::TransferMemory memory;
  std::string file;      ///< What was downloaded, or is to be uploaded.
  size_t room = 5;       ///< The pipe takes as many bytes at once.
  bool is_full = false;  ///< ... or none.
  bool is_finished = true;
  TransferStatus status;
  Instant now{1'000'000};

  size_t give(common::ByteSpan bytes) override {
    const size_t count = is_full ? 0 : std::min(room, bytes.size());
    file.append(reinterpret_cast<const char*>(bytes.data()), count);
    return count;
  }
  size_t take(common::MutableByteSpan buffer) override {
    const size_t count = std::min(buffer.size(), file.size());
    std::copy_n(file.begin(), count, buffer.data());
    file.erase(0, count);
    return count;
  }
  bool is_complete() override { return is_finished; }

  /// Lets one attempt end, or `limit_ms` pass. @return "done", "running", or the error.
  template <typename Client>
  std::string run(const char* url, bool is_upload, uint32_t offset, int64_t limit_ms = 7'200'000) {
    Client client({plain, &tls, &data, &secure_data}, *this, memory, {});
    (void)client.begin({common::text(url), is_upload, offset}, now);
    const Instant end = now + limit_ms;
    while (client.is_running() && now < end) now = now + (client.step(now) ? 1 : 100);
    status = client.status();
    if (status.state == TransferStatus::State::kFailed) return status.error.c_str();
    return client.is_running() ? "running" : "done";
  }
  std::string download(const char* url, uint32_t offset = 0) {
    return run<platform::HttpTransfer>(url, false, offset);
  }
  std::string upload(const char* url) { return run<platform::HttpTransfer>(url, true, 0); }
  std::string ftp(const char* url, bool is_upload = false, uint32_t offset = 0) {
    return run<platform::FtpTransfer>(url, is_upload, offset);
  }
  bool was_sent(const char* text) const { return plain.sent.find(text) != std::string::npos; }
};

/// Up to the login, as an FTP server without EPSV would answer.
inline std::deque<ScriptLink::Line> ftp_script(std::deque<ScriptLink::Line> rest) {
  std::deque<ScriptLink::Line> script = {{"", "220-vevgw\r\n220 ready\r\n"},
                                         {"USER cp\r\n", "331 and?\r\n"},
                                         {"PASS p w\r\n", "230 in\r\n"},
                                         {"TYPE I\r\n", "200 ok\r\n"}};
  script.insert(script.end(), rest.begin(), rest.end());
  return script;
}
