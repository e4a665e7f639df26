#pragma once

#include "platform/ftp_transfer.hpp"
#include "platform/http_transfer.hpp"
#include "platform_linux/linux_clock.hpp"
#include "platform_linux/linux_entropy.hpp"
#include "platform_linux/posix_tcp_link.hpp"
#include "platform_linux/trusted_roots.hpp"
#include "security/pem_authority.hpp"
#include "security/tls_link.hpp"

#include <algorithm>
#include <deque>
#include <memory>
#include <string>

/// The client of the board, on the sockets of Linux and in one thread.
class StreamClient final : public platform::FileTransfer, private platform::TransferPipe {
 public:
  /// @param measure  Tells what memory the board would have.
  explicit StreamClient(const platform::TransferTimeouts& timeouts,
                        platform::TlsMemory::Measure measure = nullptr)
      : timeouts_(timeouts), tls_memory_(measure) {
    tls_memory_.end_connecting(true);
    data_tls_.take_sessions_of(tls_);
  }

  uint8_t protocols() const override {
    return platform::kTransferFtp | platform::kTransferFtps | platform::kTransferHttp |
           platform::kTransferHttps;
  }
  void set_trust(const platform::TlsTrust& trust) override { trust_ = trust; }
  common::Status download(common::TextSpan url, uint32_t offset) override {
    return start({url, false, offset});
  }
  common::Status upload(common::TextSpan url) override { return start({url, true, 0}); }
  common::Result<size_t> read(common::MutableByteSpan buffer) override {
    if (bytes_.empty()) step();
    const size_t count = std::min(buffer.size(), bytes_.size());
    if (count == 0)
      return transfer_ != nullptr && transfer_->is_running() ? common::Status::kAgain
                                                             : common::Status::kClosed;
    std::copy_n(bytes_.begin(), count, buffer.data());
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(count));
    return count;
  }
  common::Status write(common::ByteSpan data) override {
    bytes_.insert(bytes_.end(), data.begin(), data.end());
    return common::Status::kOk;
  }
  void finish() override { is_finished_ = true; }
  void cancel() override {
    transfer_.reset();
    bytes_.clear();
    is_finished_ = false;
  }
  const platform::TransferStatus& status() override {
    step();
    static const platform::TransferStatus idle;
    return transfer_ == nullptr ? idle : transfer_->status();
  }

 private:
  common::Status start(const platform::StreamTransfer::Order& order) {
    cancel();
    const platform::TransferLinks links{plain_, &tls_, &data_, &data_tls_};
    platform::TransferPipe& pipe = *this;
    roots_.clear();
    (void)platform_linux::read_trusted_roots(trust_.ca_file.c_str(), roots_);
    authority_ = std::make_unique<security::PemAuthority>(
        common::TextSpan(roots_.data(), roots_.size()), trust_.authority, clock_.utc(), true);
    tls_.set_authority(*authority_);
    data_tls_.set_authority(*authority_);
    if (common::equals(order.url.first(3), common::text("ftp"))) {
      transfer_ = std::make_unique<platform::FtpTransfer>(links, pipe, memory_, timeouts_);
    } else {
      transfer_ = std::make_unique<platform::HttpTransfer>(links, pipe, memory_, timeouts_);
    }
    return transfer_->begin(order, clock_.now());
  }
  void step() {
    for (int i = 0; i < 64 && transfer_ != nullptr && transfer_->step(clock_.now()); ++i) {
    }
  }
  size_t give(common::ByteSpan data) override {
    const size_t count = std::min(data.size(), kPipeBytes - std::min(kPipeBytes, bytes_.size()));
    bytes_.insert(bytes_.end(), data.begin(), data.begin() + count);
    return count;
  }
  size_t take(common::MutableByteSpan buffer) override {
    const size_t count = std::min(buffer.size(), bytes_.size());
    std::copy_n(bytes_.begin(), count, buffer.data());
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(count));
    return count;
  }
  bool is_complete() override { return is_finished_; }

  static constexpr size_t kPipeBytes = 3000;

  const platform::TransferTimeouts timeouts_;
  platform_linux::LinuxClock clock_;
  platform_linux::LinuxEntropy entropy_;
  platform_linux::PosixTcpLink plain_;
  platform_linux::PosixTcpLink data_;
  platform::TlsMemory tls_memory_;
  security::TlsLink tls_{plain_, entropy_, tls_memory_};
  security::TlsLink data_tls_{data_, entropy_, tls_memory_};
  platform::TlsTrust trust_;
  std::string roots_;
  std::unique_ptr<security::PemAuthority> authority_;
  platform::TransferMemory memory_;
  std::unique_ptr<platform::StreamTransfer> transfer_;
  std::deque<uint8_t> bytes_;
  bool is_finished_ = false;
};
