#pragma once

#include "platform/file_transfer.hpp"
#include "platform_sim/sim_clock.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

namespace platform_sim {

/// Servers for files, all in one, in memory. Outlives restarts of the devices that use it.
struct SimFileServer {
  /// What goes wrong in one attempt, once this many bytes of it have passed.
  struct Fault {
    enum class Kind : uint8_t {
      kNone,
      kCut,      ///< The connection breaks.
      kStall,    ///< Nothing more comes; the client gives up after kPatienceMs.
      kCorrupt,  ///< One bit is wrong (downloads).
      kRefuse,   ///< The server does not know the file, or takes none.
    };
    Kind kind = Kind::kNone;
    uint32_t after_bytes = 0;
  };
  static constexpr int64_t kPatienceMs = 30000;

  std::map<std::string, std::string> files;    ///< URL -> content to download.
  std::map<std::string, std::string> uploads;  ///< URL -> content that arrived whole.
  std::deque<Fault> faults;                    ///< For the coming attempts, one each.
  bool can_resume = true;                      ///< Else every download begins at 0.
  uint32_t bytes_per_s = 100'000;
  int64_t latency_ms = 50;
  std::vector<uint32_t> offsets;  ///< Asked for, of each download.
};

/// FileTransfer in virtual time.
class SimFileTransfer final : public platform::FileTransfer {
 public:
  /// @param clock, server  Outlive this.
  SimFileTransfer(const SimClock& clock, SimFileServer& server) : clock_(clock), server_(server) {}

  uint8_t protocols() const override {
    return platform::kTransferFtp | platform::kTransferFtps | platform::kTransferHttp |
           platform::kTransferHttps;
  }
  void set_trust(const platform::TlsTrust&) override {}
  common::Status download(common::TextSpan url, uint32_t offset) override;
  common::Status upload(common::TextSpan url) override;
  common::Result<size_t> read(common::MutableByteSpan buffer) override;
  common::Status write(common::ByteSpan data) override;
  void finish() override { is_finished_ = true; }
  void cancel() override { status_ = platform::TransferStatus{}; }
  const platform::TransferStatus& status() override;

 private:
  common::Status start(common::TextSpan url, uint32_t offset);
  void fail(const char* why, bool is_retry_useful = true,
            platform::TransferStatus::Fault fault = platform::TransferStatus::Fault::kOther);
  /// Bytes that the line has carried by now. Carries out what goes wrong.
  uint32_t carried(uint32_t wanted);

  const SimClock& clock_;
  SimFileServer& server_;
  platform::TransferStatus status_;
  SimFileServer::Fault fault_;
  std::string url_;
  std::string content_;
  common::Instant started_;
  uint32_t passed_ = 0;
  bool is_upload_ = false;
  bool is_finished_ = false;
};

}  // namespace platform_sim
