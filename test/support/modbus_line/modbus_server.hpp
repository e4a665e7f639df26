#pragma once

#include "modbus_line/units.hpp"
#include "platform_sim/sim_tcp_link.hpp"

#include <deque>

namespace modbus_line {

/// A Modbus TCP server with units behind it, at the other end of a SimTcpLink. Call step() whenever time has moved.
class ModbusServer final : public Units {
 public:
  /// Both must outlive the server.
  ModbusServer(platform_sim::SimClock& clock, platform_sim::SimTcpLink& link)
      : clock_(clock), link_(link) {}

  /// A converter: the frames are those of Modbus RTU.
  void set_rtu() { is_rtu_ = true; }
  /// Answers carry a transaction id that is off by this.
  void set_id_offset(uint16_t offset) { id_offset_ = offset; }
  /// The next answer is cut in half and the connection closed.
  void close_in_next_answer() { closes_in_answer_ = true; }
  /// Closes the connection after every answer.
  void set_closes_after_answer(bool closes) { closes_after_answer_ = closes; }
  /// Sends every answer twice in one piece.
  void set_doubled(bool doubled) { is_doubled_ = doubled; }

  void step();
  common::Instant next_event() const;
  /// Requests that came before the one before them was answered.
  size_t overlapping() const { return overlapping_; }

 private:
  struct Answer {
    common::Instant at;
    Bytes bytes;
  };
  bool take_frame(Bytes& header, uint8_t& unit, Bytes& pdu);
  void answer(const Bytes& header, uint8_t unit, const Bytes& pdu);

  platform_sim::SimClock& clock_;
  platform_sim::SimTcpLink& link_;
  bool is_rtu_ = false;
  uint16_t id_offset_ = 0;
  bool closes_in_answer_ = false;
  bool closes_after_answer_ = false;
  bool is_doubled_ = false;
  size_t overlapping_ = 0;
  Bytes received_;
  std::deque<Answer> answers_;
};

}  // namespace modbus_line
