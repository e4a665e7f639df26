#pragma once

#include "modbus_line/units.hpp"
#include "platform/serial_link.hpp"
#include "platform_sim/sim_clock.hpp"

#include <deque>

namespace modbus_line {

/// The client's end of an RS-485 line with units on it. Bytes take their time on the wire.
class ModbusLine final : public Units, public platform::SerialLink {
 public:
  explicit ModbusLine(platform_sim::SimClock& clock) : clock_(clock) {}

  /// The units speak Modbus ASCII.
  void set_ascii() { is_ascii_ = true; }
  /// Units at another speed understand nothing: 0 = whatever the client sets.
  void set_baud(uint8_t unit, uint32_t baud) { bauds_[unit] = baud; }
  void set_gone(bool gone) { gone_ = gone; }
  /// The cable is cut: nobody hears anything.
  void set_cut(bool cut) { is_cut_ = cut; }
  /// Limits what one write() takes: 0 = nothing, SIZE_MAX = all.
  void set_write_limit(size_t bytes) { write_limit_ = bytes; }
  /// Noise that arrives now.
  void inject(const std::vector<uint8_t>& bytes);
  /// Characters of an answer come this much later than they would, from the middle of it on.
  void set_pause(int64_t pause_ms) { pause_ms_ = pause_ms; }

  const platform::SerialSettings& settings() const { return settings_; }
  size_t configured() const { return configured_; }
  common::Instant next_event() const;
  /// When the last byte under way arrives: for a client that need not look at each of them.
  common::Instant quiet_at() const {
    return incoming_.empty() ? common::Instant::never() : incoming_.back().at;
  }

  common::Status configure(const platform::SerialSettings& settings) override;
  common::Result<size_t> write(common::ByteSpan data) override;
  common::Result<size_t> read(common::MutableByteSpan buffer) override;
  bool is_drained() override { return true; }

 private:
  struct Arrival {
    common::Instant at;
    uint8_t byte;
  };
  int64_t wire_ms(size_t bytes) const;
  bool take_frame(Bytes& frame);
  void arrive(common::Instant at, uint8_t byte);
  void answer(uint8_t unit, Bytes frame, common::Instant request_end);

  platform_sim::SimClock& clock_;
  platform::SerialSettings settings_;
  std::map<uint8_t, uint32_t> bauds_;
  bool is_ascii_ = false;
  size_t configured_ = 0;
  bool gone_ = false;
  bool is_cut_ = false;
  size_t write_limit_ = SIZE_MAX;
  int64_t pause_ms_ = 0;
  Bytes outgoing_;
  std::deque<Arrival> incoming_;
};

}  // namespace modbus_line
