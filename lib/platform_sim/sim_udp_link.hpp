#pragma once

#include "platform/udp_link.hpp"
#include "platform_sim/sim_clock.hpp"
#include "platform_sim/sim_entropy.hpp"

#include <deque>
#include <map>
#include <string>
#include <vector>

namespace platform_sim {

/// A UDP socket in virtual time. The gateway uses the UdpLink side; the test is every peer. Register next_event() with
/// SimWaiter.
class SimUdpLink final : public platform::UdpLink {
 public:
  struct Behaviour {
    int64_t resolve_ms = 5;
    int64_t latency_ms = 2;              ///< Each way.
    uint32_t drop_per_mille = 0;         ///< Datagrams lost, each way.
    uint32_t duplicate_per_mille = 0;    ///< Datagrams that arrive twice.
    size_t queue_datagrams = 16;         ///< On their way to the peers; more get kAgain.
    bool is_network_down = false;        ///< send_to() fails with kIo.
    bool is_port_taken = false;          ///< bind() fails with kIo.
    bool is_name_server_silent = false;  ///< Names are not found; dotted addresses still are.
  };
  struct Datagram {
    platform::UdpAddress peer;
    std::string bytes;
  };

  /// @param clock  Outlives the link.
  SimUdpLink(SimClock& clock, uint64_t seed) : clock_(clock), entropy_(seed) {}

  common::Status bind(uint16_t local_port) override;
  void close() override;
  bool is_open() const override { return is_open_; }
  common::Result<platform::UdpAddress> resolve(const char* host, uint16_t port) override;
  common::Status send_to(const platform::UdpAddress& to, common::ByteSpan data) override;
  common::Result<platform::UdpDatagram> receive_from(common::MutableByteSpan buffer) override;

  /// When something arrives at either side, or a name is known.
  common::Instant next_event() const;

  // The side of the network and of the peers.
  void set_behaviour(const Behaviour& behaviour) { behaviour_ = behaviour; }
  const Behaviour& behaviour() const { return behaviour_; }
  /// Gives a name an address. Dotted addresses need none.
  void set_name(const char* host, uint32_t ipv4);
  void peer_send(const platform::UdpAddress& from, const std::string& bytes);
  /// Takes what the gateway sent, with the address it went to, once it has arrived. @return false when there is nothing.
  bool peer_receive(Datagram& out);
  uint16_t local_port() const { return local_port_; }

 private:
  struct InFlight {
    common::Instant arrives;
    Datagram datagram;
  };

  void push(std::deque<InFlight>& queue, const platform::UdpAddress& peer, std::string bytes);

  SimClock& clock_;
  SimEntropy entropy_;
  Behaviour behaviour_;
  bool is_open_ = false;
  uint16_t local_port_ = 0;
  std::map<std::string, uint32_t> names_;
  std::map<std::string, common::Instant> lookups_;
  std::deque<InFlight> to_peers_;
  std::deque<InFlight> to_gateway_;
};

}  // namespace platform_sim
