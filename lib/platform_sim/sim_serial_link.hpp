#pragma once

#include "platform/serial_link.hpp"
#include "platform_sim/sim_byte_pipe.hpp"
#include "platform_sim/sim_clock.hpp"
#include "platform_sim/sim_entropy.hpp"

namespace platform_sim {

/// One end of a simulated serial line; make two and join() them. Bytes take their time on the wire according to the
/// sender's settings; ends whose settings differ receive garbage. Register next_event() of both with SimWaiter.
class SimSerialLink final : public platform::SerialLink {
 public:
  struct Behaviour {
    int64_t latency_ms = 0;          ///< Of bytes sent by this end, beyond the time on the wire.
    uint32_t drop_per_mille = 0;     ///< Bytes lost.
    uint32_t corrupt_per_mille = 0;  ///< Bytes with one flipped bit.
    bool is_echoing = false;         ///< RS-485 transceiver that hears itself.
  };

  /// @param clock  Outlives the link.
  SimSerialLink(SimClock& clock, uint64_t seed) : clock_(clock), entropy_(seed) {}
  /// Connects two ends, which must outlive each other's use.
  static void join(SimSerialLink& a, SimSerialLink& b) {
    a.peer_ = &b;
    b.peer_ = &a;
  }

  common::Status configure(const platform::SerialSettings& settings) override;
  common::Result<size_t> write(common::ByteSpan data) override;
  common::Result<size_t> read(common::MutableByteSpan buffer) override;
  bool is_drained() override { return gone_ || incoming_of_peer_drained(); }

  void set_behaviour(const Behaviour& behaviour) { behaviour_ = behaviour; }
  /// The USB adapter is pulled: every call fails with kIo until it is put back.
  void set_gone(bool gone) { gone_ = gone; }
  /// The wire is cut: what this end sends is lost, without an error.
  void set_cut(bool cut) { is_cut_ = cut; }
  const platform::SerialSettings& settings() const { return settings_; }
  /// When bytes arrive at this end.
  common::Instant next_event() const { return incoming_.next_arrival(); }
  uint64_t bytes_written() const { return bytes_written_; }

 private:
  bool incoming_of_peer_drained() const { return clock_.now() >= outgoing_drained_at_; }
  int64_t per_byte_us() const;

  SimClock& clock_;
  SimEntropy entropy_;
  SimSerialLink* peer_ = nullptr;
  platform::SerialSettings settings_;
  Behaviour behaviour_;
  SimBytePipe incoming_;
  common::Instant outgoing_drained_at_;
  bool gone_ = false;
  bool is_cut_ = false;
  uint64_t bytes_written_ = 0;
};

}  // namespace platform_sim
