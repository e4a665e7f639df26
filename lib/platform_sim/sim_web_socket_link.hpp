#pragma once

#include "platform/web_socket_link.hpp"
#include "platform_sim/sim_clock.hpp"
#include "platform_sim/sim_entropy.hpp"

#include <deque>
#include <functional>
#include <string>
#include <vector>

namespace platform_sim {

/// A WebSocket connection in virtual time. The gateway uses the WebSocketLink side; the test is the server.
/// Register next_event() with SimWaiter.
class SimWebSocketLink final : public platform::WebSocketLink {
 public:
  enum class Direction : uint8_t { kToServer, kToClient };
  enum class Fate : uint8_t { kDeliver, kDrop, kDuplicate, kDisconnect };

  struct Behaviour {
    int64_t connect_ms = 100;     ///< From the attempt to the established connection.
    int64_t latency_ms = 20;      ///< Each way.
    int64_t jitter_ms = 0;        ///< Added at random, 0..jitter; frames keep their order.
    int64_t reconnect_ms = 1000;  ///< From a loss or refusal to the next attempt.
    /// A WebSocket on TCP does not lose frames; broken peers and proxies do.
    uint32_t drop_per_mille = 0;
    uint32_t duplicate_per_mille = 0;
    size_t window_frames = 8;  ///< Frames on their way to the server; more get kAgain.
  };

  /// @param clock  Outlives the link.
  SimWebSocketLink(SimClock& clock, uint64_t seed) : clock_(clock), entropy_(seed) {}

  common::Status open(const platform::LinkSettings& settings) override;
  void set_ping_interval(uint16_t seconds) override { settings_.ping_interval_s = seconds; }
  void close(uint16_t code) override;
  const platform::LinkStatus& status() const override;
  common::Status send(common::TextSpan frame) override;
  common::Result<platform::ReceivedFrame> receive(common::Span<char> buffer) override;

  /// When something changes by itself: a connection comes up, a frame arrives at either side.
  /// @param is_client_taking  false: the client takes no frame now, so those that wait for it are no event.
  common::Instant next_event(bool is_client_taking = true) const;

  // The server's side.
  void set_behaviour(const Behaviour& behaviour) { behaviour_ = behaviour; }
  const Behaviour& behaviour() const { return behaviour_; }
  /// Decides each frame's fate, before the random losses. Frames count from 0 in each direction.
  using Script = std::function<Fate(Direction direction, uint64_t index, const std::string& frame)>;
  void set_script(Script script) { script_ = std::move(script); }
  /// While down the server is unreachable: connections break, attempts fail.
  /// @param http_status  Answer to attempts, 0 = no answer at all.
  void set_server_up(bool is_up, uint16_t http_status = 0);
  /// The connection breaks now; frames on their way are lost. The client tries again after reconnect_ms.
  void server_disconnect();
  /// @return False when not connected.
  bool server_send(const std::string& frame);
  /// Takes the next frame that has arrived. @return False when none.
  bool server_receive(std::string& frame);
  bool is_connected() const;
  /// Of the last open(), with the ping interval set since.
  const platform::LinkSettings& settings() const { return settings_; }
  /// Of the last close() by the client; 0 = never.
  uint16_t close_code() const { return close_code_; }
  uint64_t frames_sent(Direction direction) const { return index_[static_cast<size_t>(direction)]; }
  /// Every frame that either side handed over, in order, whatever became of it.
  struct Logged {
    common::Instant at;
    Direction direction;
    std::string frame;
  };
  const std::vector<Logged>& log() const { return log_; }
  /// Long lives need no log.
  void keep_log(bool is_kept) { is_log_kept_ = is_kept; }

 private:
  struct InFlight {
    common::Instant arrives;
    std::string frame;
  };

  void poll();
  void lose_connection(const char* reason);
  bool carry(Direction direction, const std::string& frame);
  std::deque<InFlight>& queue(Direction direction) {
    return queues_[static_cast<size_t>(direction)];
  }

  SimClock& clock_;
  SimEntropy entropy_;
  Behaviour behaviour_;
  Script script_;
  platform::LinkSettings settings_;
  platform::LinkStatus status_;
  bool is_open_ = false;
  bool is_server_up_ = true;
  uint16_t refusal_http_status_ = 0;
  uint16_t close_code_ = 0;
  common::Instant connected_at_ = common::Instant::never();
  uint64_t index_[2] = {};
  std::deque<InFlight> queues_[2];
  std::vector<Logged> log_;
  bool is_log_kept_ = true;
};

}  // namespace platform_sim
