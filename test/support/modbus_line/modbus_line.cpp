#include "modbus_line/modbus_line.hpp"

#include "modbus_line/framing.hpp"
#include "platform_sim/malloc_trap.hpp"

#include <algorithm>

namespace modbus_line {

using common::Instant;
using platform_sim::MallocTrap;

int64_t ModbusLine::wire_ms(size_t bytes) const {
  const int64_t bits =
      1 + 8 + (settings_.parity == platform::Parity::kNone ? 0 : 1) + settings_.stop_bits;
  return (static_cast<int64_t>(bytes) * bits * 1000 + settings_.baud - 1) / settings_.baud;
}

common::Status ModbusLine::configure(const platform::SerialSettings& settings) {
  if (gone_) return common::Status::kIo;
  settings_ = settings;
  ++configured_;
  incoming_.clear();
  return common::Status::kOk;
}

common::Result<size_t> ModbusLine::write(common::ByteSpan data) {
  const MallocTrap::Exempt exempt;
  if (gone_) return common::Status::kIo;
  const size_t size = data.size() < write_limit_ ? data.size() : write_limit_;
  if (size == 0) return common::Status::kAgain;
  outgoing_.insert(outgoing_.end(), data.begin(), data.begin() + size);
  const size_t on_wire = outgoing_.size();
  Bytes frame;
  if (!take_frame(frame) || is_cut_) return size;
  const Instant end = clock_.now() + wire_ms(on_wire);
  const uint8_t unit = frame[0];
  const auto baud = bauds_.find(unit);
  if (baud != bauds_.end() && baud->second != settings_.baud) return size;
  frame.erase(frame.begin());
  frame = carry_out(unit, frame, end);
  if (!frame.empty()) answer(unit, frame, end);
  return size;
}

/// @param frame  Unit and PDU, when a whole request with the right check has been written.
bool ModbusLine::take_frame(Bytes& frame) {
  if (is_ascii_) {
    if (outgoing_.back() != '\n') return false;
    frame = from_ascii(outgoing_);
    outgoing_.clear();
    return !frame.empty();
  }
  const size_t pdu_size = outgoing_.empty() ? 0 : request_size(outgoing_, 1);
  if (pdu_size == 0 || outgoing_.size() < 1 + pdu_size + 2) return false;
  frame.assign(outgoing_.begin(), outgoing_.begin() + static_cast<long>(1 + pdu_size));
  const Bytes whole = with_crc(frame);
  const bool is_good = std::equal(whole.begin(), whole.end(), outgoing_.begin());
  outgoing_.clear();
  return is_good;
}

void ModbusLine::answer(uint8_t unit, Bytes frame, Instant request_end) {
  const Faults& fault = faults(unit);
  frame = is_ascii_ ? to_ascii(frame) : with_crc(frame);
  // The last character of the check.
  uint8_t& check = frame[frame.size() - (is_ascii_ ? 3 : 1)];
  if (fault.is_crc_wrong) check = static_cast<uint8_t>(is_ascii_ ? check ^ 1 : check ^ 0x5A);
  if (fault.is_truncated) frame.resize(frame.size() / 2);
  Bytes bytes(fault.garbage_before, 0xF7);
  bytes.insert(bytes.end(), frame.begin(), frame.end());
  bytes.insert(bytes.end(), fault.garbage_after, 0x01);
  const Instant start = request_end + fault.latency_ms;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const int64_t pause_ms = i >= bytes.size() / 2 ? pause_ms_ : 0;
    arrive(start + wire_ms(i + 1) + pause_ms, bytes[i]);
  }
}

/// In the order of time: a late answer does not hold up what another unit says before it.
void ModbusLine::arrive(Instant at, uint8_t byte) {
  const auto place =
      std::upper_bound(incoming_.begin(), incoming_.end(), at,
                       [](Instant left, const Arrival& right) { return left < right.at; });
  incoming_.insert(place, Arrival{at, byte});
}

void ModbusLine::inject(const std::vector<uint8_t>& bytes) {
  for (const uint8_t byte : bytes) arrive(clock_.now(), byte);
}

common::Result<size_t> ModbusLine::read(common::MutableByteSpan buffer) {
  const MallocTrap::Exempt exempt;
  if (gone_) return common::Status::kIo;
  size_t count = 0;
  while (count < buffer.size() && !incoming_.empty() && incoming_.front().at <= clock_.now()) {
    buffer[count++] = incoming_.front().byte;
    incoming_.pop_front();
  }
  if (count == 0) return common::Status::kAgain;
  return count;
}

Instant ModbusLine::next_event() const {
  return incoming_.empty() ? Instant::never() : incoming_.front().at;
}

}  // namespace modbus_line
