#include "modbus_line/modbus_server.hpp"

#include "modbus_line/framing.hpp"
#include "platform_sim/malloc_trap.hpp"

namespace modbus_line {

using common::Instant;

void ModbusServer::step() {
  const platform_sim::MallocTrap::Exempt exempt;
  if (link_.state() != platform::TcpLink::State::kOpen) {
    received_.clear();
    answers_.clear();
    return;
  }
  uint8_t buffer[64];
  const size_t count = link_.server_receive(common::MutableByteSpan(buffer));
  received_.insert(received_.end(), buffer, buffer + count);
  Bytes header;
  Bytes pdu;
  uint8_t unit = 0;
  while (take_frame(header, unit, pdu)) {
    if (!answers_.empty()) ++overlapping_;
    pdu = carry_out(unit, pdu, clock_.now());
    if (!pdu.empty()) answer(header, unit, pdu);
  }
  while (!answers_.empty() && answers_.front().at <= clock_.now()) {
    const Bytes& bytes = answers_.front().bytes;
    link_.server_send(common::ByteSpan(bytes.data(), bytes.size()));
    answers_.pop_front();
    if (closes_in_answer_ || closes_after_answer_) link_.server_disconnect();
    closes_in_answer_ = false;
  }
}

bool ModbusServer::take_frame(Bytes& header, uint8_t& unit, Bytes& pdu) {
  const size_t unit_at = is_rtu_ ? 0 : 6;
  const size_t pdu_size = request_size(received_, unit_at + 1);
  const size_t whole = unit_at + 1 + pdu_size + (is_rtu_ ? 2 : 0);
  if (pdu_size == 0 || received_.size() < whole) return false;
  header.assign(received_.begin(), received_.begin() + static_cast<long>(unit_at));
  unit = received_[unit_at];
  const auto begin = received_.begin() + static_cast<long>(unit_at + 1);
  pdu.assign(begin, begin + static_cast<long>(pdu_size));
  received_.erase(received_.begin(), received_.begin() + static_cast<long>(whole));
  return true;
}

void ModbusServer::answer(const Bytes& header, uint8_t unit, const Bytes& pdu) {
  const Faults& fault = faults(unit);
  Bytes frame = pdu;
  if (is_rtu_) {
    frame = with_crc(frame);
    if (fault.is_crc_wrong) frame.back() = static_cast<uint8_t>(frame.back() ^ 0x5A);
  } else {
    const unsigned id = (static_cast<unsigned>(header[0] << 8) | header[1]) + id_offset_;
    Bytes front = {static_cast<uint8_t>(id >> 8),
                   static_cast<uint8_t>(id),
                   0,
                   static_cast<uint8_t>(fault.is_crc_wrong ? 1 : 0),
                   static_cast<uint8_t>(pdu.size() >> 8),
                   static_cast<uint8_t>(pdu.size())};
    frame.insert(frame.begin(), front.begin(), front.end());
  }
  if (fault.is_truncated || closes_in_answer_) frame.resize(frame.size() / 2);
  Bytes bytes(fault.garbage_before, 0xF7);
  for (int i = 0; i < (is_doubled_ ? 2 : 1); ++i)
    bytes.insert(bytes.end(), frame.begin(), frame.end());
  answers_.push_back(Answer{clock_.now() + fault.latency_ms, bytes});
}

Instant ModbusServer::next_event() const {
  return answers_.empty() ? Instant::never() : answers_.front().at;
}

}  // namespace modbus_line
