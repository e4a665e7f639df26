#pragma once

#include "platform/tcp_link.hpp"
#include "platform_linux/poll_source.hpp"

#include <memory>

namespace platform_linux {

/// TCP client with keep-alive (30 s, then 3 probes 10 s apart). Names are resolved in a thread of their own; every address
/// of a name is tried in turn.
/// @par Context  Loop thread; no call blocks.
class PosixTcpLink final : public platform::TcpLink, public PollSource {
 public:
  PosixTcpLink();
  ~PosixTcpLink() override;

  /// Closes a present connection and starts a new one; state() tells how it goes.
  /// @retval kInvalidArgument  Empty host or port 0.
  common::Status connect(const char* host, uint16_t port) override;
  void close() override;
  State state() const override;
  const char* last_error() const override;
  common::Result<size_t> write(common::ByteSpan data) override;
  common::Result<size_t> read(common::MutableByteSpan buffer) override;

  void collect(std::vector<pollfd>& out) override;
  void on_wake() override;

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace platform_linux
