#pragma once

#include "platform/tcp_link.hpp"
#include "platform_sim/sim_byte_pipe.hpp"
#include "platform_sim/sim_clock.hpp"

#include <string>

namespace platform_sim {

/// A TCP connection in virtual time. The gateway uses the TcpLink side; the test is the server.
/// Register next_event() with SimWaiter.
class SimTcpLink final : public platform::TcpLink {
 public:
  struct Behaviour {
    int64_t connect_ms = 5;
    int64_t latency_ms = 2;      ///< Each way.
    size_t window_bytes = 4096;  ///< Bytes on their way to the server; more get kAgain.
    size_t segment_bytes = 0;    ///< Reads return at most this many; 0 = no limit.
  };

  /// @param clock  Outlives the link.
  explicit SimTcpLink(SimClock& clock) : clock_(clock) {}

  common::Status connect(const char* host, uint16_t port) override;
  void close() override;
  State state() const override;
  const char* last_error() const override {
    return state() == State::kClosed ? "it is closed" : "";
  }
  common::Result<size_t> write(common::ByteSpan data) override;
  common::Result<size_t> read(common::MutableByteSpan buffer) override;

  /// When something changes by itself: the connection is established, bytes arrive at either side.
  common::Instant next_event() const;

  // The server's side.
  void set_behaviour(const Behaviour& behaviour) { behaviour_ = behaviour; }
  /// While down attempts fail; an open connection stays (see server_disconnect).
  void set_server_up(bool is_up) { is_server_up_ = is_up; }
  /// What was sent before arrives first.
  void server_disconnect();
  void server_send(common::ByteSpan data);
  /// @return Bytes taken of those that have arrived.
  size_t server_receive(common::MutableByteSpan buffer);
  const std::string& host() const { return host_; }
  uint16_t port() const { return port_; }
  uint32_t attempts() const { return attempts_; }

 private:
  void poll();

  SimClock& clock_;
  Behaviour behaviour_;
  State state_ = State::kClosed;
  common::Instant established_at_;
  common::Instant ends_at_ = common::Instant::never();  ///< The server's end of the stream arrives.
  bool is_server_up_ = true;
  std::string host_;
  uint16_t port_ = 0;
  uint32_t attempts_ = 0;
  SimBytePipe to_server_;
  SimBytePipe to_client_;
};

}  // namespace platform_sim
