#pragma once

#include "platform/tcp_listener.hpp"

#include <deque>
#include <string>
#include <vector>

namespace platform_sim {

/// A listening TCP port without a network. The gateway uses the TcpListener side; the test is every peer. What is sent is
/// there at once.
class SimTcpListener final : public platform::TcpListener {
 public:
  struct Behaviour {
    bool is_port_taken = false;    ///< listen() fails with kIo.
    size_t window_bytes = 4096;    ///< To a peer that reads nothing; more get kAgain.
    size_t segment_bytes = 65536;  ///< A call of read or write moves at most this many.
  };

  common::Status listen(uint32_t ipv4, uint16_t port) override;
  void close() override;
  bool is_listening() const override { return port_ != 0; }
  uint16_t port() const override { return port_; }
  common::Status accept(size_t place) override;
  common::Result<size_t> read(size_t place, common::MutableByteSpan buffer) override;
  common::Result<size_t> write(size_t place, common::ByteSpan data) override;
  void finish(size_t place) override;
  void drop(size_t place) override;

  // The peers' side.
  uint32_t ipv4() const { return ipv4_; }
  void set_behaviour(const Behaviour& behaviour) { behaviour_ = behaviour; }
  /// @return Number of the connection.
  size_t connect();
  void peer_send(size_t connection, const std::string& bytes) { peers_[connection].in += bytes; }
  /// The peer sends no more.
  void peer_finish(size_t connection) { peers_[connection].has_finished = true; }
  /// The peer is gone.
  void peer_reset(size_t connection) { peers_[connection].is_gone = true; }
  /// Takes what has arrived at the peer.
  std::string peer_receive(size_t connection);
  /// The gateway has accepted the connection, and has not ended it.
  bool is_held(size_t connection) const;
  /// The gateway sends no more, or has ended the connection.
  bool is_finished(size_t connection) const { return peers_[connection].is_finished; }
  size_t waiting() const { return waiting_.size(); }

 private:
  struct Peer {
    std::string in;   ///< To the gateway.
    std::string out;  ///< From the gateway.
    bool has_finished = false;
    bool is_gone = false;
    bool is_finished = false;
  };
  static constexpr size_t kNobody = SIZE_MAX;

  Peer* peer_at(size_t place);

  Behaviour behaviour_;
  uint32_t ipv4_ = 0;
  uint16_t port_ = 0;
  std::vector<Peer> peers_;
  std::deque<size_t> waiting_;
  size_t places_[kPlaces] = {kNobody, kNobody, kNobody};
};

}  // namespace platform_sim
